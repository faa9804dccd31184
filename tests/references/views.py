"""Losses of views that hold no pairs against one another, one number at a time in float64.

Imports NumPy and its neighbours alone.
"""

import numpy as np

from tests.references.embedding import cosine


def covariance(x, y, divisor):
    """Of every coordinate of x and every one of y, over the samples."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    dims = range(x.shape[1])
    return np.array([[sum(x[:, j] * y[:, k]) / divisor for k in dims] for j in dims])


def vicreg(
    labels,
    x,
    invariance_weight=25.0,
    variance_weight=25.0,
    covariance_weight=1.0,
    gamma=1.0,
    epsilon=1e-4,
):
    """A. Bardes et al., ICLR 2022, with the authors' factors: means of squares over
    coordinates, and half of the variance terms."""
    n, _, d = x.shape
    values = np.array([invariance_weight * np.mean((a - b) ** 2) for a, b in x])
    for view in (x[:, 0], x[:, 1]):
        if n < 2:
            break
        found = covariance(view, view, n - 1)
        for j in range(d):
            lacking = max(gamma - np.sqrt(found[j, j] + epsilon), 0)
            values = values + variance_weight / 2 * lacking / d
            others = sum(found[j, k] ** 2 for k in range(d) if k != j)
            values = values + covariance_weight * others / d
    return values


def barlow_twins(labels, x, redundancy_weight=5e-3, epsilon=1e-5):
    """J. Zbontar et al., ICML 2021, equations 1 and 2, with variances of batch normalisation."""
    n, _, d = x.shape
    total = 0.0
    if n > 1:
        first, second = x[:, 0], x[:, 1]
        found = covariance(first, second, n)
        deviations = [np.sqrt(np.diag(covariance(v, v, n)) + epsilon) for v in (first, second)]
        for j in range(d):
            for k in range(d):
                scale = deviations[0][j] * deviations[1][k]
                c = found[j, k] / scale if scale else 0.0
                total += (1 - c) ** 2 if j == k else redundancy_weight * c**2
    return np.full(n, total)


def directions(targets, x):
    """Predictions and targets of each sample: given apart, or of two views in one."""
    if x.ndim == 2:
        return [[(p, t)] for p, t in zip(x, targets, strict=True)]
    return [[(row[0], row[3]), (row[1], row[2])] for row in x]


def simsiam(targets, x):
    """X. Chen and K. He, CVPR 2021, equation 4."""
    return np.array([-np.mean([cosine(p, z) for p, z in row]) for row in directions(targets, x)])


def byol(targets, x):
    """J.-B. Grill et al., NeurIPS 2020, equation 2, of every direction there is."""
    return np.array([sum(2 - 2 * cosine(q, z) for q, z in row) for row in directions(targets, x)])


def log_softmax(x):
    x = x - max(x)
    return x - np.log(sum(np.exp(x)))


def dino(teacher, x, *, center, student_temperature=0.1, teacher_temperature=0.04, **settings):
    """M. Caron et al., ICCV 2021, equation 3 divided by the number of pairs; algorithm 1."""
    values = []
    for outputs, student in zip(np.asarray(teacher, "float64"), x, strict=True):
        terms = []
        for t, of_teacher in enumerate(outputs):
            chances = np.exp(log_softmax((of_teacher - center) / teacher_temperature))
            for v, of_student in enumerate(student):
                if t != v:
                    terms.append(-sum(chances * log_softmax(of_student / student_temperature)))
        values.append(np.mean(terms))
    return np.array(values)
