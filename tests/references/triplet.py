"""Triplet losses, one triplet at a time in float64, from the papers. Imports NumPy alone."""

import numpy as np

from tests.references.embedding import DISTANCES, in_pairs, shared_out


def distances(labels, x, distance):
    """Of each anchor, to the others of its class and to those of other classes."""
    return [in_pairs(i, labels, x, measure=DISTANCES[distance]) for i in range(len(x))]


def semi_hard(labels, x, margin=1.0, distance="euclidean"):
    """F. Schroff et al., CVPR 2015, equation 4: the nearest negative that is farther than the
    positive, or else the farthest."""
    totals, counts = [], []
    for positive, negative in distances(labels, x, distance):
        total = 0.0
        for p in positive if negative else []:
            farther = [n for n in negative if n > p]
            total += max(p - (min(farther) if farther else max(negative)) + margin, 0)
        totals.append(total)
        counts.append(len(positive) if negative else 0)
    return shared_out(totals, counts)


def hard(labels, x, margin=1.0, soft=False, distance="euclidean", singletons="ignore"):
    """A. Hermans et al., 2017, equation 5, and its soft margin."""
    totals, counts = [], []
    for positive, negative in distances(labels, x, distance):
        if singletons == "push":
            positive = positive or [0.0]
        there = bool(positive and negative)
        gap = max(positive) - min(negative) if there else 0.0
        cost = np.logaddexp(0, gap) if soft else max(gap + margin, 0)
        totals.append(cost if there else 0.0)
        counts.append(there)
    return shared_out(totals, counts)


def batch_all(labels, x, margin=1.0, triplets="all", average="nonzero", distance="euclidean"):
    """A. Hermans et al., 2017, equation 6; of the mean, section 4.2."""
    totals, counts = [], []
    for positive, negative in distances(labels, x, distance):
        total = count = 0
        for p in positive:
            for n in negative:
                there = {"all": True, "hard": n <= p, "semi_hard": n > p}[triplets]
                cost = max(p - n + margin, 0) if there else 0
                total += cost
                count += average == "all" or cost > 0
        totals.append(total)
        counts.append(count)
    return shared_out(totals, counts)
