"""Losses of regression, one error at a time in float64.

Huber: P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics
35(1), 1964. Log cosh: R. A. Saleh and A. K. Md. E. Saleh, arXiv:2208.04564, 2022. Percentage error:
A. de Myttenaere and others, Neurocomputing 192, 2016; targets below 1e-7 in size count as 1e-7.
Imports NumPy alone.
"""

import math

import numpy as np

EPSILON = 1e-7


def _mean(y_true, y_pred, term, axis=-1):
    """The mean of `term(y, p)` over `axis`."""
    y_true = np.moveaxis(np.asarray(y_true, "float64"), axis, -1)
    y_pred = np.moveaxis(np.asarray(y_pred, "float64"), axis, -1)
    values = np.zeros(y_pred.shape[:-1])
    for index in np.ndindex(values.shape):
        terms = [term(y, p) for y, p in zip(y_true[index], y_pred[index], strict=True)]
        values[index] = sum(terms) / len(terms)
    return values


def mean_squared_error(y_true, y_pred):
    return _mean(y_true, y_pred, lambda y, p: (y - p) ** 2)


def root_mean_squared_error(y_true, y_pred, axis=-1):
    return np.sqrt(_mean(y_true, y_pred, lambda y, p: (y - p) ** 2, axis))


def mean_absolute_error(y_true, y_pred):
    return _mean(y_true, y_pred, lambda y, p: abs(y - p))


def mean_absolute_percentage_error(y_true, y_pred):
    return _mean(y_true, y_pred, lambda y, p: 100 * abs(y - p) / max(abs(y), EPSILON))


def mean_squared_logarithmic_error(y_true, y_pred):
    def term(y, p):
        return (math.log(1 + max(y, 0.0)) - math.log(1 + max(p, 0.0))) ** 2

    return _mean(y_true, y_pred, term)


def log_cosh(y_true, y_pred):
    def term(y, p):
        size = abs(y - p)  # cosh itself overflows from 711 on
        return math.log(math.cosh(size)) if size < 100 else size - math.log(2)

    return _mean(y_true, y_pred, term)


def huber(y_true, y_pred, delta=1.0):
    def term(y, p):
        size = abs(y - p)
        return size**2 / 2 if size <= delta else delta * (size - delta / 2)

    return _mean(y_true, y_pred, term)


def cosine_similarity(y_true, y_pred, axis=-1):
    y_true = np.moveaxis(np.asarray(y_true, "float64"), axis, -1)
    y_pred = np.moveaxis(np.asarray(y_pred, "float64"), axis, -1)
    values = np.zeros(y_pred.shape[:-1])
    for index in np.ndindex(values.shape):
        dot = sum(y * p for y, p in zip(y_true[index], y_pred[index], strict=True))
        lengths = math.hypot(*y_true[index]) * math.hypot(*y_pred[index])
        values[index] = -dot / lengths if lengths else 0.0
    return values


def confidence_penalized_squared_error(y_true, y_pred, regularization_factor=0.1):
    def term(y, p):
        return (y - p) ** 2 + regularization_factor * (0.5 - p) ** 2

    return _mean(y_true, y_pred, term)
