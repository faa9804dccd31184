"""Losses of distributions."""

import numpy as np

from tests.contract.case import Case
from tests.references import probabilistic as reference

EPSILON = np.float32(1e-7)


def f32(*rows):
    return np.array(rows, "float32")


def counts(*shape):
    def build(rng, n):
        y_true = rng.poisson(2.0, (n, *shape)).astype("float32")
        return y_true, rng.uniform(0.5, 3.0, (n, *shape)).astype("float32")

    return build


def distributions(*shape):
    def build(rng, n):
        y_true, y_pred = np.exp(rng.normal(size=(2, n, *shape)))
        y_true, y_pred = (x / x.sum(-1, keepdims=True) for x in (y_true, y_pred))
        return y_true.astype("float32"), y_pred.astype("float32")

    return build


CASES = {
    "Poisson": Case(
        reference=reference.poisson,
        batch=counts(3),
        sequence=counts(2, 3),
        degenerate={
            "rate 0": (f32([2, 0]), f32([0, 0])),
            "count 0": (f32([0, 0]), f32([1, 1e-8])),
            "large": (f32([1e4, 1]), f32([1, 1e4])),
            "batch of one": (f32([1]), f32([1])),
        },
        kinks=((f32([0], [2]), f32([0], [0]), [[1], [1 - 2e7]]),),
    ),
    "KLDivergence": Case(
        reference=reference.kl_divergence,
        batch=distributions(4),
        sequence=distributions(2, 4),
        degenerate={
            "certain and right": (f32([1, 0]), f32([1, 0])),
            "certain and wrong": (f32([1, 0]), f32([0, 1])),
            "equal": (f32([0.25, 0.75]), f32([0.25, 0.75])),
            "a thousand classes": (
                np.eye(1, 1000, dtype="float32"),
                np.full((1, 1000), 1e-3, "float32"),
            ),
            "no probability": (f32([1, 0]), f32([1.5, -0.5])),
            "nothing": (f32([0, 0]), f32([0, 0])),
        },
        kinks=(
            (f32([1, 0]), f32([1, 0]), [[-1, 0]]),
            (f32([1, 0]), f32([0, 1]), [[0, 0]]),
            (f32([0, 1]), f32([EPSILON, 1]), [[0, -1]]),
            (f32([1, 0]), f32([EPSILON, 1]), [[-1e7, 0]]),
            (f32([1, 0]), f32([1.5, -0.5]), [[0, 0]]),
        ),
    ),
}
