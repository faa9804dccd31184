"""Losses around another one, from their definitions. Imports NumPy alone.

A. Kusupati and others, "Matryoshka Representation Learning", NeurIPS 2022, equation 1.
"""

import math

import numpy as np


def matryoshka(function, y_true, y_pred, dims, weights=None):
    """`function` of prefixes, summed with weights."""
    weights = weights or [1.0] * len(dims)
    parts = [np.asarray(function(y_true, y_pred[..., :m])) for m in dims]
    return sum(weight * part for weight, part in zip(weights, parts, strict=True))


def masked(element, y_true, y_pred, mask_value=None):
    """The mean of `element(y, p)` over the elements of each sample whose target is known."""
    values = []
    for targets, predictions in zip(y_true, y_pred, strict=True):
        known = [
            element(float(y), float(p))
            for y, p in zip(targets, predictions, strict=True)
            if not math.isnan(y) and y != mask_value
        ]
        values.append(sum(known) / len(known) if known else 0.0)
    return np.array(values)
