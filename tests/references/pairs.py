"""Losses of pairs, one pair at a time in float64.

R. Hadsell, S. Chopra and Y. LeCun, "Dimensionality Reduction by Learning an Invariant Mapping",
CVPR 2006: equation 4, with label 1 for similar pairs and without its factors of 1/2. Imports
NumPy alone.
"""

import math

import numpy as np


def contrastive(y_true, y_pred, margin=1.0):
    """Of distances (N,) or (N, 1), or of stacked embeddings (N, 2, d)."""
    values = []
    for y, pair in zip(np.ravel(y_true), np.asarray(y_pred, "float64"), strict=True):
        if np.size(pair) == 1:
            distance = float(np.ravel(pair)[0])
        else:
            distance = math.sqrt(sum((a - b) ** 2 for a, b in zip(*pair, strict=True)))
        gap = max(margin - distance, 0.0)
        values.append(float(y) * distance**2 + (1 - float(y)) * gap**2)
    return np.array(values)
