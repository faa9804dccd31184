"""Metrics, one sample at a time. Imports NumPy alone."""

import numpy as np


def categorical_accuracy(y_true, y_pred):
    """1 where the first largest of a row is at its label: an id, or the largest of a row."""
    values = []
    for label, row in zip(y_true, y_pred, strict=True):
        if np.size(label) > 1:
            label = max(range(len(label)), key=lambda c: label[c])
        best = max(range(len(row)), key=lambda c: row[c])
        values.append(float(best == int(np.ravel(label)[0])))
    return np.array(values)


def weighted_mean(values, weights):
    total = count = 0.0
    for value, weight in zip(values, weights, strict=True):
        total, count = total + weight * value, count + weight
    return total / count if count else 0.0
