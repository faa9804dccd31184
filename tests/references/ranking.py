"""Losses of the order in which an anchor has its references, one at a time in float64, from the
papers; and those of pairs in the order of their scores. Imports NumPy and its neighbours alone.
"""

import numpy as np

from tests.references.embedding import cosine, in_pairs, shared_out


def sigmoid(x):
    return 1 / (1 + np.exp(-x)) if x > 0 else np.exp(x) / (1 + np.exp(x))


def of_anchors(one, labels, x, with_itself):
    """`one` of the similarities of each anchor to its positives and its negatives; the mean over
    anchors that have a positive other than themselves."""
    everyone = {"ref_labels": labels, "ref_x": x} if with_itself else {}
    values, useful = [], []
    for i in range(len(x)):
        useful.append(bool(in_pairs(i, labels, x)[0]))
        values.append(one(*in_pairs(i, labels, x, **everyone)) if useful[-1] else 0.0)
    return shared_out(values, useful)


def smooth_ap(labels, x, temperature=0.01, with_itself=False, block_size=None):
    """A. Brown et al., ECCV 2020: a rank is 1 plus a sigmoid for each other."""

    def one(positive, negative):
        shares = []
        for k, of_k in enumerate(positive):
            above = [s for q, s in enumerate(positive) if q != k]
            own = 1 + sum(sigmoid((s - of_k) / temperature) for s in above)
            whole = own + sum(sigmoid((s - of_k) / temperature) for s in negative)
            shares.append(own / whole)
        return 1 - np.mean(shares)

    return of_anchors(one, labels, x, with_itself)


def fast_ap(labels, x, num_bins=10, block_size=None):
    """F. Cakir et al., CVPR 2019: histograms of squared distances with triangular bins."""

    def histogram(similarities):
        distances = [2 - 2 * s for s in similarities]
        width = 4 / num_bins
        edges = [width * k for k in range(num_bins + 1)]
        return [sum(max(1 - abs(d - edge) / width, 0) for d in distances) for edge in edges]

    def one(positive, negative):
        own, whole = histogram(positive), histogram(positive + negative)
        total = 0.0
        for k in range(num_bins + 1):
            if own[k] > 0:
                total += own[k] * sum(own[: k + 1]) / sum(whole[: k + 1])
        return 1 - total / len(positive)

    return of_anchors(one, labels, x, False)


def pnp(
    labels,
    x,
    variant="O",
    alpha=1.0,
    b=2.0,
    temperature=0.01,
    with_itself=False,
    block_size=None,
):
    """Z. Li et al., AAAI 2022: a penalty of the negatives before each positive."""
    penalty = {
        "O": lambda r: r,
        "Iu": lambda r: (1 + r) * np.log(1 + r),
        "Ib": lambda r: (b * r - np.log(1 + b * r)) / b**2,
        "Ds": lambda r: np.log(1 + r),
        "Dq": lambda r: 1 - 1 / (1 + r) ** alpha,
    }[variant]

    def one(positive, negative):
        before = [sum(sigmoid((n - p) / temperature) for n in negative) for p in positive]
        return np.mean([penalty(r) for r in before])

    return of_anchors(one, labels, x, with_itself)


def histogram(labels, x, num_bins=100):
    """E. Ustinova and V. Lempitsky, NIPS 2016, over all pairs of the batch."""
    width = 2 / num_bins
    rows = [in_pairs(i, labels, x) for i in range(len(x))]
    together = [s for positive, _ in rows for s in positive]

    def shares(s):
        """Of each node, how much of a similarity falls to it."""
        return np.array(
            [max(1 - abs(s - (-1 + width * r)) / width, 0) for r in range(num_bins + 1)]
        )

    if not together:
        return np.zeros(len(x))
    below = np.cumsum(sum(shares(s) for s in together)) / len(together)
    totals = [sum((shares(s) @ below for s in negative), 0.0) for _, negative in rows]
    return shared_out(totals, [len(negative) for _, negative in rows])


def in_order(scores, similarities, scale):
    """J. Su, 2022: every pair of pairs that stands in the wrong order."""
    scores, total = np.ravel(scores), 1.0
    for k in range(len(scores)):
        for j in range(len(scores)):
            if scores[k] < scores[j]:
                total += np.exp(scale * (similarities[k] - similarities[j]))
    return np.full(len(scores), np.log(total))


def cosent(scores, x, scale=20.0):
    return in_order(scores, [cosine(a, b) for a, b in x], scale)


def angle(scores, x, scale=20.0):
    """X. Li and J. Li, 2023: the quotient of two complex vectors at length 1."""
    similarities = []
    for pair in x:
        padded = [np.append(v, [0.0] * (len(v) % 2)) for v in pair]
        z, w = (v[: len(v) // 2] + 1j * v[len(v) // 2 :] for v in padded)
        lengths = np.sqrt(sum(abs(z) ** 2)) * np.sqrt(sum(abs(w) ** 2))
        turned = sum(z * np.conj(w)) / lengths if lengths else 0.0
        similarities.append(abs(np.real(turned) + np.imag(turned)))
    return in_order(scores, similarities, scale)
