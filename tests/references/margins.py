"""Losses of margins, neighbours and angles, one pair at a time in float64, from the papers.

Imports NumPy alone.
"""

import numpy as np

from tests.references.embedding import (
    DISTANCES,
    cosine,
    dot,
    in_pairs,
    log_sum_exp,
    shared_out,
)


def every(labels, x, distance):
    """Of each anchor, what `distance` gives to the others of its class and to those of others."""
    measure = DISTANCES.get(distance, distance)
    return [in_pairs(i, labels, x, measure=measure) for i in range(len(x))]


def margin_loss(labels, x, margin=0.2, beta=1.2, count="triplets", distance="euclidean"):
    """C.-Y. Wu et al., ICCV 2017; the mean over the terms that are not 0."""
    totals, counts = [], []
    for i, (positive, negative) in enumerate(every(labels, x, distance)):
        bound = np.broadcast_to(beta, [len(x)])[i]
        terms = []
        if count == "pairs":
            terms += [margin + p - bound for p in positive]
            terms += [margin - n + bound for n in negative]
        else:
            for p in positive:
                for n in negative:
                    terms += [margin + p - bound, margin - n + bound]
        totals.append(sum(max(term, 0) for term in terms))
        counts.append(sum(term > 0 for term in terms))
    return shared_out(totals, counts)


def chances(labels, x, temperature, distance):
    """Of each anchor, how likely it chooses one of its class; None where there is none."""
    for positive, negative in every(labels, x, distance):
        scores = [-d / temperature for d in positive + negative]
        top = max(scores, default=0.0)
        weights = [np.exp(score - top) for score in scores]
        yield sum(weights[: len(positive)]) / sum(weights) if positive else None


def nca(
    labels,
    x,
    temperature=1.0,
    objective="log_probability",
    distance="squared_euclidean",
    block_size=None,
):
    """J. Goldberger et al., NIPS 2004."""
    found = list(chances(labels, x, temperature, distance))
    cost = (lambda p: -np.log(p)) if objective == "log_probability" else (lambda p: 1 - p)
    return shared_out(
        [0.0 if p is None else cost(p) for p in found], [p is not None for p in found]
    )


def soft_nearest_neighbor(
    labels, x, temperature=1.0, distance="squared_euclidean", block_size=None
):
    """N. Frosst et al., ICML 2019, equation 1."""
    found = chances(labels, x, temperature, distance)
    return np.array([0.0 if p is None else -np.log(p) for p in found])


def unit(v):
    length = np.sqrt(dot(v, v))
    return v / length if length else v


def angular(labels, x, alpha=np.pi / 4):
    """J. Wang et al., ICCV 2017, of every positive pair."""
    labels, x, t = np.ravel(labels), [unit(v) for v in x], np.tan(alpha) ** 2
    totals, counts = np.zeros(len(x)), np.zeros(len(x))
    for i in range(len(x)):
        for p in range(len(x)):
            if i == p or labels[i] != labels[p]:
                continue
            terms = [
                4 * t * dot(x[i] + x[p], x[n]) - 2 * (1 + t) * dot(x[i], x[p])
                for n in range(len(x))
                if labels[n] != labels[i]
            ]
            totals[i] += log_sum_exp([0.0, *terms])
            counts[i] += 1
    return shared_out(totals, counts)


def generalized_lifted_structure(labels, x, margin=1.0, singletons="ignore", distance="euclidean"):
    """A. Hermans et al., 2017."""
    totals, counts = [], []
    for positive, negative in every(labels, x, distance):
        if singletons == "push":
            positive = positive or [0.0]
        there = bool(positive and negative)
        pull = log_sum_exp(positive) if there else 0.0
        totals.append(max(pull + log_sum_exp([margin - n for n in negative]), 0) if there else 0.0)
        counts.append(there)
    return shared_out(totals, counts)


def npairs_multilabel(labels, x):
    """K. Sohn, NIPS 2016, with targets in proportion to the labels that are shared."""
    totals, counts = [], []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        shared = [float(dot(labels[i], labels[j])) for j in others]
        there = sum(shared) > 0
        total = 0.0
        if there:
            scores = [dot(x[i], x[j]) for j in others]
            whole = log_sum_exp(scores)
            weighed = zip(shared, scores, strict=True)
            total = sum(w / sum(shared) * (whole - s) for w, s in weighed)
        totals.append(total)
        counts.append(there)
    return shared_out(totals, counts)


def tuplet_margin(labels, x, margin=0.1, scale=64.0):
    """B. Yu and D. Tao, ICCV 2019, of every positive pair."""
    totals, counts = [], []
    for positive, negative in every(labels, x, cosine):
        total = 0.0
        for s in positive if negative else []:
            near = np.cos(np.arccos(np.clip(s, -1, 1)) - margin)
            total += log_sum_exp([0.0] + [scale * (n - near) for n in negative])
        totals.append(total)
        counts.append(len(positive))
    return shared_out(totals, counts)


def intra_pair_variance(labels, x, positive_epsilon=0.01, negative_epsilon=0.01):
    """B. Yu and D. Tao, ICCV 2019."""
    values = 0.0
    for side, epsilon, sign in ((0, positive_epsilon, 1), (1, negative_epsilon, -1)):
        rows = [row[side] for row in every(labels, x, cosine)]
        numbers = [s for row in rows for s in row]
        bound = (1 - sign * epsilon) * np.mean(numbers) if numbers else 0.0
        totals = [sum(max(sign * (bound - s), 0) ** 2 for s in row) for row in rows]
        values = values + shared_out(totals, [len(row) for row in rows])
    return values


def of_excesses(rows, positive_bound, negative_bound, positive_sign):
    """Positives beyond their bound and negatives short of theirs; means over those that cost."""
    sides = []
    for side, bound, sign in ((0, positive_bound, 1), (1, negative_bound, -1)):
        costs = [[max(sign * positive_sign * (d - bound), 0) for d in row[side]] for row in rows]
        sides.append(shared_out([sum(row) for row in costs], [sum(np.sign(row)) for row in costs]))
    return sides


def snr_contrastive(labels, x, margin=1.0, positive_margin=0.0, zero_mean=0.0):
    """T. Yuan et al., CVPR 2019."""
    near, far = of_excesses(every(labels, x, "snr"), positive_margin, margin, 1)
    return near + far + np.array([zero_mean * abs(sum(v)) for v in x])


def threshold_consistent_margin(
    labels, x, positive_margin=0.9, negative_margin=0.5, positive_weight=1.0, negative_weight=1.0
):
    """Q. Zhang et al., ICLR 2024."""
    rows = every(labels, x, cosine)
    near, far = of_excesses(rows, positive_margin, negative_margin, -1)
    return positive_weight * near + negative_weight * far


def ranked_list(
    labels,
    x,
    margin=0.4,
    alpha=1.2,
    imbalance=0.5,
    positive_temperature=0.0,
    negative_temperature=10.0,
    constant_weights=True,
    distance="euclidean",
    weights=None,
):
    """X. Wang et al., CVPR 2019. With `weights`, embeddings, w is theirs."""

    def excesses(row):
        positive, negative = row
        return [d - (alpha - margin) for d in positive], [alpha - d for d in negative]

    values = []
    steady = every(labels, x if weights is None else weights, distance)
    for row, of_weights in zip(every(labels, x, distance), steady, strict=True):
        value = 0.0
        sides = zip(
            excesses(row),
            excesses(of_weights),
            (1 - imbalance, imbalance),
            (positive_temperature, negative_temperature),
            strict=True,
        )
        for side, held, share, temperature in sides:
            pairs = [(e, np.exp(temperature * h)) for e, h in zip(side, held, strict=True) if e > 0]
            if pairs:
                value += share * sum(e * w for e, w in pairs) / sum(w for _, w in pairs)
        values.append(value)
    return np.array(values)
