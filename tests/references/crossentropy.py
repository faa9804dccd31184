"""Cross-entropies, one term at a time in float64; 0 · log 0 = 0.

I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14(1), 1952. Label
smoothing: C. Szegedy and others, "Rethinking the Inception Architecture for Computer Vision",
CVPR 2016, section 7. Probabilities below 1e-7 count as 1e-7. Imports NumPy alone.
"""

import math

import numpy as np

EPSILON = 1e-7


def _log(p):
    return math.log(min(max(p, EPSILON), 1.0))


def _rows(x, axis):
    """`x` with `axis` last, and the indices of its rows."""
    x = np.moveaxis(np.asarray(x, "float64"), axis, -1)
    return x, np.ndindex(x.shape[:-1])


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    y_true, _ = _rows(y_true, axis)
    y_pred, indices = _rows(y_pred, axis)
    values = np.zeros(y_pred.shape[:-1])
    for index in indices:
        total = 0.0
        for y, p in zip(y_true[index], y_pred[index], strict=True):
            y = (1 - label_smoothing) * y + 0.5 * label_smoothing
            if from_logits:
                size = math.log1p(math.exp(-abs(p)))
                yes, no = -max(-p, 0.0) - size, -max(p, 0.0) - size
            else:
                yes, no = _log(p), _log(1 - p)
            total -= y * yes + (1 - y) * no
        values[index] = total / y_pred.shape[-1]
    return values


def _log_probabilities(row, from_logits):
    if from_logits:
        top = max(row)
        partition = top + math.log(sum(math.exp(x - top) for x in row))
        return [x - partition for x in row]
    total = sum(row)
    return [_log(x / total if total else 0.0) for x in row]


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    y_true, _ = _rows(y_true, axis)
    y_pred, indices = _rows(y_pred, axis)
    values = np.zeros(y_pred.shape[:-1])
    for index in indices:
        logs = _log_probabilities(y_pred[index].tolist(), from_logits)
        for y, log_p in zip(y_true[index], logs, strict=True):
            y = (1 - label_smoothing) * y + label_smoothing / len(logs)
            values[index] -= y * log_p if y else 0.0
    return values


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    y_pred, indices = _rows(y_pred, axis)
    labels = np.reshape(y_true, y_pred.shape[:-1])
    values = np.zeros(labels.shape)
    for index in indices:
        label = int(labels[index])
        if label != ignore_class:
            values[index] = -_log_probabilities(y_pred[index].tolist(), from_logits)[label]
    return values
