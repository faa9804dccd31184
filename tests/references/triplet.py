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


def given(y_true, x, margin=1.0, soft=False, swap=False, distance="euclidean"):
    """K. Q. Weinberger and L. K. Saul, JMLR 2009; `swap`, V. Balntas et al., BMVC 2016."""
    measure, values = DISTANCES[distance], []
    for anchor, positive, negative in x:
        far = [measure(anchor, negative)] + [measure(positive, negative)] * swap
        gap = measure(anchor, positive) - min(far)
        values.append(np.logaddexp(0, gap) if soft else max(gap + margin, 0))
    return np.array(values)


def dynamic_soft_margin(labels, x, histogram):
    """L. Zhang and S. Rusinkiewicz, ICCV 2019; `x`, two views `(N, 2, d)`; `histogram`, how many
    triplets lie around each end of equal bins from -2 to 2."""
    labels, values = np.ravel(labels), []
    lengths = np.sqrt((x**2).sum(axis=-1, keepdims=True))
    x = x / np.where(lengths > 0, lengths, 1)
    ends = np.linspace(-2, 2, len(histogram))
    for i in range(len(x)):
        others = [j for j in range(len(x)) if labels[j] != labels[i]]
        measure = DISTANCES["euclidean"]
        far = [measure(x[i, 0], x[j, 1]) for j in others]
        far += [measure(x[j, 0], x[i, 1]) for j in others]
        gap = measure(x[i, 0], x[i, 1]) - min(far) if others else 0.0
        easier = sum(h for h, end in zip(histogram, ends, strict=True) if end <= gap)
        values.append(gap * (easier / sum(histogram) if sum(histogram) else 1.0))
    return np.array(values)


def pn(labels, x, margin=1.0, soft=False, negatives="semi_hard", distance="cosine"):
    """B. Szubert et al., 2019, of the farthest positive; of the negative, F. Schroff et al."""
    labels, measure = np.ravel(labels), DISTANCES[distance]
    totals, counts = [], []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        to = {j: measure(x[i], x[j]) for j in others}
        positive = [j for j in others if labels[j] == labels[i]]
        negative = [j for j in others if labels[j] != labels[i]]
        counts.append(bool(positive and negative))
        if not counts[-1]:
            totals.append(0.0)
            continue
        p = max(positive, key=to.get)
        farther = [n for n in negative if to[n] > to[p] or negatives == "hard"]
        n = min(farther, key=to.get) if farther else max(negative, key=to.get)
        gap = to[p] - min(to[n], measure(x[p], x[n]))
        totals.append(np.logaddexp(0, gap) if soft else max(gap + margin, 0))
    return shared_out(totals, counts)
