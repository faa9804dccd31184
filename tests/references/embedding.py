"""Losses of embeddings, one pair at a time in float64, from the papers.

`seen[i][j]` says whether reference j exists for anchor i; without references they are the batch,
each sample but itself. Imports NumPy alone.
"""

import numpy as np


def cosine(x, y):
    """Of two vectors; 0 for a zero vector."""
    lengths = np.sqrt(sum(a * a for a in x)) * np.sqrt(sum(b * b for b in y))
    return sum(a * b for a, b in zip(x, y, strict=True)) / lengths if lengths else 0.0


def dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def squared_euclidean(x, y):
    return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def euclidean(x, y):
    return np.sqrt(squared_euclidean(x, y))


def snr(x, y):
    """T. Yuan et al., CVPR 2019; 0 of a signal that does not vary."""
    return np.var(x - y) / np.var(x) if np.ptp(x) else 0.0


DISTANCES = {
    "euclidean": euclidean,
    "squared_euclidean": squared_euclidean,
    "cosine": lambda x, y: 1 - cosine(x, y),
    "manhattan": lambda x, y: sum(abs(a - b) for a, b in zip(x, y, strict=True)),
    "snr": snr,
    3: lambda x, y: sum(abs(a - b) ** 3 for a, b in zip(x, y, strict=True)) ** (1 / 3),
}


def in_pairs(anchor, labels, x, ref_labels=None, ref_x=None, seen=None, measure=cosine):
    """Cosines (or what `measure` gives) of one anchor to those of its class and to others."""
    if ref_labels is None:
        ref_labels, ref_x = labels, x
        seen = [[i != j for j in range(len(x))] for i in range(len(x))]
    positive, negative = [], []
    for j, label in enumerate(np.ravel(ref_labels)):
        if seen is None or seen[anchor][j]:
            same = np.ravel(labels)[anchor] == label
            (positive if same else negative).append(measure(x[anchor], ref_x[j]))
    return positive, negative


def log_sum_exp(numbers):
    top = max(numbers)
    return top + np.log(sum(np.exp(number - top) for number in numbers))


def shared_out(totals, counts):
    """One value per anchor, of which the mean is the sum of all totals divided by all counts."""
    return np.array(totals, "float64") * (len(totals) / sum(counts) if sum(counts) else 0.0)


def mean_of_positives(positive, negative, temperature):
    """Of a softmax over all, the mean of −log over the positives; and whether there is one."""
    if not positive:
        return 0.0, 0
    whole = log_sum_exp([s / temperature for s in positive + negative])
    return np.mean([whole - s / temperature for s in positive]), 1


def supcon(labels, x, temperature=0.1, ref_labels=None, ref_x=None, seen=None, block_size=None):
    """P. Khosla et al., NeurIPS 2020, equation 2, of which the mean is taken over the anchors
    that have a positive."""
    rows = [
        mean_of_positives(*in_pairs(i, labels, x, ref_labels, ref_x, seen), temperature)
        for i in range(len(x))
    ]
    return shared_out(*zip(*rows, strict=True))


def npairs(labels, x):
    """K. Sohn, NIPS 2016, equation 4, of every sample as an anchor and all others of its class."""
    rows = [mean_of_positives(*in_pairs(i, labels, x, measure=dot), 1.0) for i in range(len(x))]
    return shared_out(*zip(*rows, strict=True))


def ntxent(labels, x, temperature=0.07, block_size=None):
    """T. Chen et al., ICML 2020, equation 1, of each positive against the negatives alone; the
    mean over all positive pairs."""
    totals, counts = [], []
    for i in range(len(x)):
        positive, negative = in_pairs(i, labels, x)
        below = [s / temperature for s in negative]
        totals.append(
            sum(log_sum_exp([s / temperature, *below]) - s / temperature for s in positive)
        )
        counts.append(len(positive))
    return shared_out(totals, counts)


def simclr(labels, x, temperature=0.5, block_size=None):
    """The same, of two views `(N, 2, d)` of each sample, each of which is an anchor."""
    labels, both = np.ravel(labels), np.concatenate([x[:, 0], x[:, 1]])
    values = ntxent(np.concatenate([labels, labels]), both, temperature)
    return (values[: len(x)] + values[len(x) :]) / 2


def in_batch_negatives(labels, x, temperature=0.05, block_size=None):
    """M. Henderson et al., 2017, section 4.3: `(N, 2, d)`, where the first asks for the second."""
    return supcon(labels, x[:, 0], temperature, ref_labels=labels, ref_x=x[:, 1])


def clip(labels, x, temperature=0.07, block_size=None):
    """A. Radford et al., ICML 2021, figure 3."""
    forth, back = (in_batch_negatives(labels, views, temperature) for views in (x, x[:, ::-1]))
    return (forth + back) / 2


def siglip(labels, x, scale=10.0, bias=-10.0, block_size=None):
    """X. Zhai et al., ICCV 2023, algorithm 1."""
    labels, values = np.ravel(labels), []
    for i in range(len(x)):
        signs = [1 if label == labels[i] else -1 for label in labels]
        logits = [scale * cosine(x[i, 0], other) + bias for other in x[:, 1]]
        values.append(sum(np.logaddexp(0, -z * t) for z, t in zip(signs, logits, strict=True)))
    return np.array(values)


def circle(labels, x, gamma=80.0, margin=0.4, constant_weights=True, weights=None):
    """Y. Sun et al., CVPR 2020, equations 6 and 8; the mean over anchors that have both kinds of
    pairs. With `weights`, embeddings, α is theirs."""
    weights, values, useful = x if weights is None else weights, [], []
    for i in range(len(x)):
        positive, negative = in_pairs(i, labels, x)
        alphas = in_pairs(i, labels, weights)
        useful.append(bool(positive and negative))
        if not useful[-1]:
            values.append(0.0)
            continue
        both = [zip(*two, strict=True) for two in zip(alphas, (positive, negative), strict=True)]
        p = [-gamma * max(1 + margin - a, 0) * (s - 1 + margin) for a, s in both[0]]
        n = [gamma * max(a + margin, 0) * (s - margin) for a, s in both[1]]
        values.append(np.logaddexp(0, log_sum_exp(p) + log_sum_exp(n)))
    return shared_out(values, useful)


def lifted_structure(labels, x, margin=1.0, distance="euclidean"):
    """H. O. Song et al., CVPR 2016, equation 4; the mean over ordered pairs of half a square."""
    labels, measure = np.ravel(labels), DISTANCES[distance]
    totals, counts = np.zeros(len(x)), np.zeros(len(x))
    for i in range(len(x)):
        for j in range(len(x)):
            if i == j or labels[i] != labels[j]:
                continue
            away = [
                margin - measure(x[a], x[n])
                for a in (i, j)
                for n in range(len(x))
                if labels[n] != labels[a]
            ]
            if away:
                counts[i] += 1
                totals[i] += max(measure(x[i], x[j]) + log_sum_exp(away), 0) ** 2 / 2
    return shared_out(totals, counts)


def contrastive_labels(
    labels, x, margin=1.0, positive_margin=0.0, power=2, average="all", distance="euclidean"
):
    """R. Hadsell et al., CVPR 2006, equation 4 without its halves, of all pairs of the batch."""
    sides = ([], [])
    for i in range(len(x)):
        positive, negative = in_pairs(i, labels, x, measure=DISTANCES[distance])
        sides[0].append([max(d - positive_margin, 0) for d in positive])
        sides[1].append([max(margin - d, 0) for d in negative])
    values = 0.0
    for rows in sides:
        counts = [sum(a > 0 or average == "all" for a in row) for row in rows]
        values = values + shared_out([sum(a**power for a in row) for row in rows], counts)
    return values


def multi_similarity(
    labels, x, alpha=2, beta=50, base=0.5, ref_labels=None, ref_x=None, seen=None, block_size=None
):
    """X. Wang et al., CVPR 2019, equation 15 without its mining."""
    values = []
    for i in range(len(x)):
        positive, negative = in_pairs(i, labels, x, ref_labels, ref_x, seen)
        values.append(
            log_sum_exp([0.0] + [-alpha * (s - base) for s in positive]) / alpha
            + log_sum_exp([0.0] + [beta * (s - base) for s in negative]) / beta
        )
    return np.array(values)
