"""Losses with a memory of samples or counts, one sample at a time in float64.

X. Wang, H. Zhang, W. Huang and M. R. Scott, "Cross-Batch Memory for Embedding Learning", CVPR
2020; Y. Cui, M. Jia, T.-Y. Lin, Y. Song and S. Belongie, "Class-Balanced Loss Based on Effective
Number of Samples", CVPR 2019. Imports NumPy alone.
"""

import numpy as np


def against_memory(function, labels, x, memory, **settings):
    """`function` of `references.embedding`, of a batch against itself and `memory`: a list of
    (label, embedding)."""
    n = len(x)
    ref_labels = [*np.ravel(labels), *(label for label, _ in memory)]
    ref_x = [*x, *(row for _, row in memory)]
    seen = [[i != j for j in range(len(ref_x))] for i in range(n)]
    return function(labels, x, ref_labels=ref_labels, ref_x=ref_x, seen=seen, **settings)


def remember(memory, labels, x, counted, size):
    """The memory after a step: the last `size` samples that counted."""
    new = [pair for pair, c in zip(zip(labels, x, strict=True), counted, strict=True) if c]
    return [*memory, *new][-size:]


def class_weights(counts, beta):
    """Equation 4 of Cui et al., and weights that sum to the number of classes; of the classes
    seen, where a class not seen weighs as if seen once."""
    seen = [n for n in counts if n > 0]
    if not seen:
        return np.ones(len(counts))
    raw = [(1 - beta) / (1 - beta ** max(n, 1)) for n in counts]
    total = sum((1 - beta) / (1 - beta**n) for n in seen)
    return np.array([len(seen) * w / total for w in raw])


def count(counts, labels, counted):
    """The counts after a step."""
    counts = list(counts)
    for label, c in zip(np.ravel(labels), counted, strict=True):
        counts[int(label)] += bool(c)
    return counts
