"""Losses of distributions, one term at a time in float64.

J. A. Nelder and R. W. M. Wedderburn, "Generalized Linear Models", Journal of the Royal
Statistical Society A 135(3), 1972; S. Kullback and R. A. Leibler, "On Information and
Sufficiency", Annals of Mathematical Statistics 22(1), 1951, with 0 · log 0 = 0. Rates are lifted by
1e-7, probabilities below 1e-7 count as 1e-7. Imports NumPy alone.
"""

import math

import numpy as np

EPSILON = 1e-7


def poisson(y_true, y_pred):
    y_true, y_pred = np.asarray(y_true, "float64"), np.asarray(y_pred, "float64")
    values = np.zeros(y_pred.shape[:-1])
    for index in np.ndindex(values.shape):
        for y, rate in zip(y_true[index], y_pred[index], strict=True):
            values[index] += (rate - y * math.log(rate + EPSILON)) / y_pred.shape[-1]
    return values


def kl_divergence(y_true, y_pred):
    y_true, y_pred = np.asarray(y_true, "float64"), np.asarray(y_pred, "float64")
    values = np.zeros(y_pred.shape[:-1])
    for index in np.ndindex(values.shape):
        for y, p in zip(y_true[index], y_pred[index], strict=True):
            if y > 0:
                values[index] += y * math.log(y / min(max(p, EPSILON), 1.0))
    return values
