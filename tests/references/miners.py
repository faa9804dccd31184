"""Miners, one pair or triplet at a time in float64, from the papers.

Each takes labels, embeddings and settings, and gives two lists of lists: whether `[i][j]` is a
chosen pair of one class, and of two. Imports NumPy alone.
"""

import math

import numpy as np

from tests.references.embedding import DISTANCES


def all_pairs(labels):
    labels, n = np.ravel(labels), len(labels)
    positive = [[i != j and labels[i] == labels[j] for j in range(n)] for i in range(n)]
    negative = [[bool(labels[i] != labels[j]) for j in range(n)] for i in range(n)]
    return positive, negative


def among(row):
    return [j for j, there in enumerate(row) if there]


def marked(pairs, n):
    found = np.zeros((n, n), bool)
    for pair in pairs:
        found[pair] = True
    return found


def table(x, distance):
    return [[DISTANCES[distance](a, b) for b in x] for a in x]


def choose(labels, x, distance, rule):
    """What `rule(distances of a row, its positives, its negatives)` chooses of each row."""
    n, d = len(x), table(x, distance)
    positive, negative = all_pairs(labels)
    chosen = [rule(d[i], among(positive[i]), among(negative[i])) for i in range(n)]
    return tuple(
        marked([(i, j) for i in range(n) for j in chosen[i][kind]], n) for kind in range(2)
    )


def batch_hard(labels, x, distance="euclidean"):
    """A. Hermans et al., 2017."""

    def rule(d, positive, negative):
        if not positive or not negative:
            return [], []
        return [max(positive, key=d.__getitem__)], [min(negative, key=d.__getitem__)]

    return choose(labels, x, distance, rule)


def batch_easy_hard(
    labels,
    x,
    positives="easy",
    negatives="semi_hard",
    positive_range=None,
    negative_range=None,
    distance="euclidean",
):
    """H. Xuan et al., WACV 2020, and the other combinations of its strategies."""

    def within(d, some, ends):
        return [j for j in some if ends is None or ends[0] <= d[j] <= ends[1]]

    def pick(d, some, strategy, hardest):
        if strategy == "all":
            return some
        take = hardest if strategy != "easy" else {max: min, min: max}[hardest]
        return [take(some, key=d.__getitem__)] if some else []

    def rule(d, positive, negative):
        positive = within(d, positive, positive_range)
        negative = within(d, negative, negative_range)
        if positives == "semi_hard":
            negative = pick(d, negative, negatives, min)
            positive = [p for p in positive if negative and d[p] < d[negative[0]]]
            positive = pick(d, positive, positives, max)
        else:
            positive = pick(d, positive, positives, max)
            if negatives == "semi_hard":
                negative = [n for n in negative if positive and d[n] > d[positive[0]]]
            negative = pick(d, negative, negatives, min)
        if "all" not in (positives, negatives) and not (positive and negative):
            return [], []
        return positive, negative

    return choose(labels, x, distance, rule)


def multi_similarity(labels, x, epsilon=0.1, distance="cosine"):
    """X. Wang et al., CVPR 2019, equations 7 and 8."""

    def rule(d, positive, negative):
        return (
            [p for p in positive if any(d[p] + epsilon > d[n] for n in negative)],
            [n for n in negative if any(d[n] - epsilon < d[p] for p in positive)],
        )

    return choose(labels, x, distance, rule)


def pair_margin(labels, x, positive_margin=0.2, negative_margin=0.8, distance="euclidean"):
    def rule(d, positive, negative):
        return (
            [p for p in positive if d[p] > positive_margin],
            [n for n in negative if d[n] < negative_margin],
        )

    return choose(labels, x, distance, rule)


def hdc(labels, x, fraction=0.5, distance="euclidean"):
    """Y. Yuan et al., ICCV 2017: of all pairs of the batch."""
    n, d, chosen = len(x), table(x, distance), []
    for pairs, sign in zip(all_pairs(labels), (-1, 1), strict=True):
        there = [(i, j) for i in range(n) for j in among(pairs[i])]
        there.sort(key=lambda pair: sign * d[pair[0]][pair[1]])
        chosen.append(marked(there[: math.ceil(fraction * len(there))], n))
    return tuple(chosen)


def triplet_margin(labels, x, margin=0.2, triplets="all", distance="euclidean"):
    """F. Schroff et al., CVPR 2015."""
    kinds = {
        "all": lambda gap: gap <= margin,
        "hard": lambda gap: gap <= 0,
        "semi_hard": lambda gap: 0 < gap <= margin,
        "easy": lambda gap: gap > margin,
    }
    fits = kinds[triplets]

    def rule(d, positive, negative):
        return (
            [p for p in positive if any(fits(d[n] - d[p]) for n in negative)],
            [n for n in negative if any(fits(d[n] - d[p]) for p in positive)],
        )

    return choose(labels, x, distance, rule)


def angular(labels, x, angle=20.0):
    """J. Wang et al., ICCV 2017."""
    n, (positive, negative) = len(x), all_pairs(labels)
    x = np.asarray(x, "float64")
    wide = []
    for i in range(n):
        for p in among(positive[i]):
            for q in among(negative[i]):
                opposite = math.dist(x[i], x[p])
                adjacent = 2 * math.dist(x[q], (x[i] + x[p]) / 2)
                if math.degrees(math.atan2(opposite, adjacent)) > angle:
                    wide.append((i, p, q))
    return marked([(i, p) for i, p, _ in wide], n), marked([(i, q) for i, _, q in wide], n)


def distance_weights(labels, x, cutoff=0.5, farthest=1.4):
    """C.-Y. Wu et al., ICCV 2017, section 4: how likely the first draw of each anchor is each
    reference."""
    n, (_, negative) = len(x), all_pairs(labels)
    dim, weights = np.shape(x)[1], np.zeros((n, n))
    units = [np.asarray(row, "float64") / np.linalg.norm(row) for row in x]
    for i in range(n):
        for j in among(negative[i]):
            d = math.dist(units[i], units[j])
            if d < farthest:
                d = max(d, cutoff)
                weights[i, j] = d ** (2 - dim) * (1 - d * d / 4) ** ((3 - dim) / 2)
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
