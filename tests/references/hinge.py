"""Hinge losses, one term at a time in float64.

C. Cortes and V. Vapnik, "Support-Vector Networks", Machine Learning 20, 1995; Y. Tang, "Deep
Learning using Linear Support Vector Machines", 2013; K. Crammer and Y. Singer, "On the Algorithmic
Implementation of Multiclass Kernel-based Vector Machines", JMLR 2, 2001, in Keras' form, where the
true class takes part in the inner maximum with a score of 0. Imports NumPy alone.
"""

import numpy as np


def _shortfalls(y_true, y_pred, power):
    y_true, y_pred = np.asarray(y_true, "float64"), np.asarray(y_pred, "float64")
    values = np.zeros(y_pred.shape[:-1])
    for index in np.ndindex(values.shape):
        for y, p in zip(y_true[index], y_pred[index], strict=True):
            sign = -1.0 if y == 0 else y
            values[index] += max(1 - sign * p, 0.0) ** power / y_pred.shape[-1]
    return values


def hinge(y_true, y_pred):
    return _shortfalls(y_true, y_pred, 1)


def squared_hinge(y_true, y_pred):
    return _shortfalls(y_true, y_pred, 2)


def categorical_hinge(y_true, y_pred):
    y_true, y_pred = np.asarray(y_true, "float64"), np.asarray(y_pred, "float64")
    values = np.zeros(y_pred.shape[:-1])
    for index in np.ndindex(values.shape):
        right, wrong = 0.0, -np.inf
        for y, p in zip(y_true[index], y_pred[index], strict=True):
            right += y * p
            wrong = max(wrong, (1 - y) * p)
        values[index] = max(wrong - right + 1, 0.0)
    return values
