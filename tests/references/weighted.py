"""Squared errors with a weight per entry, one entry at a time in float64. Imports NumPy alone."""

import math

import numpy as np


def _sums(y_true, y_pred, weights):
    """Weighted squares and weights, summed over the last axis of each row; and the rows' shape."""
    y_true, y_pred = np.asarray(y_true, "float64"), np.asarray(y_pred, "float64")
    weights = np.broadcast_to(np.asarray(weights, "float64"), y_pred.shape)
    rows = []
    for index in np.ndindex(y_pred.shape[:-1]):
        squares = total = 0.0
        for y, p, w in zip(y_true[index], y_pred[index], weights[index], strict=True):
            squares += w * (y - p) ** 2
            total += w
        rows.append((squares, total))
    return rows, y_pred.shape[:-1]


def weighted_squared_error(y_true, y_pred, weights):
    rows, shape = _sums(y_true, y_pred, weights)
    return np.reshape([s / w if w else 0.0 for s, w in rows], shape)


def weighted_root_error(y_true, y_pred, weights):
    rows, shape = _sums(y_true, y_pred, weights)
    return np.reshape([math.sqrt(s) / w if w else 0.0 for s, w in rows], shape)


def batch_squared_error(y_true, y_pred, weights):
    """Squares of the whole batch over the weights of one sample, as common Keras 2 code does."""
    rows, _ = _sums(y_true, y_pred, weights)
    return sum(s for s, _ in rows) / rows[0][1]


def batch_root_error(y_true, y_pred, weights):
    """Root of the squares of the whole batch, over weights times samples."""
    rows, _ = _sums(y_true, y_pred, weights)
    return math.sqrt(sum(s for s, _ in rows)) / (rows[0][1] * len(rows))
