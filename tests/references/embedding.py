"""Losses of embeddings, one pair at a time in float64, from the papers.

`seen[i][j]` says whether reference j exists for anchor i; without references they are the batch,
each sample but itself. Imports NumPy alone.
"""

import numpy as np


def cosine(x, y):
    """Of two vectors; 0 for a zero vector."""
    lengths = np.sqrt(sum(a * a for a in x)) * np.sqrt(sum(b * b for b in y))
    return sum(a * b for a, b in zip(x, y, strict=True)) / lengths if lengths else 0.0


def in_pairs(anchor, labels, x, ref_labels, ref_x, seen):
    """Cosines of one anchor to those of its class and to others."""
    if ref_labels is None:
        ref_labels, ref_x = labels, x
        seen = [[i != j for j in range(len(x))] for i in range(len(x))]
    positive, negative = [], []
    for j, label in enumerate(np.ravel(ref_labels)):
        if seen is None or seen[anchor][j]:
            same = np.ravel(labels)[anchor] == label
            (positive if same else negative).append(cosine(x[anchor], ref_x[j]))
    return positive, negative


def log_sum_exp(numbers):
    top = max(numbers)
    return top + np.log(sum(np.exp(number - top) for number in numbers))


def supcon(labels, x, temperature=0.1, ref_labels=None, ref_x=None, seen=None):
    """P. Khosla et al., NeurIPS 2020, equation 2, of which the mean is taken over the anchors
    that have a positive."""
    values, useful = [], 0
    for i in range(len(x)):
        positive, negative = in_pairs(i, labels, x, ref_labels, ref_x, seen)
        useful += bool(positive)
        if positive:
            whole = log_sum_exp([s / temperature for s in positive + negative])
            values.append(np.mean([whole - s / temperature for s in positive]))
        else:
            values.append(0.0)
    return np.array(values) * (len(x) / useful if useful else 0.0)


def multi_similarity(labels, x, alpha=2, beta=50, base=0.5, ref_labels=None, ref_x=None, seen=None):
    """X. Wang et al., CVPR 2019, equation 15 without its mining."""
    values = []
    for i in range(len(x)):
        positive, negative = in_pairs(i, labels, x, ref_labels, ref_x, seen)
        values.append(
            log_sum_exp([0.0] + [-alpha * (s - base) for s in positive]) / alpha
            + log_sum_exp([0.0] + [beta * (s - base) for s in negative]) / beta
        )
    return np.array(values)
