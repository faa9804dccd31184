"""Hinge losses."""

import numpy as np

from tests.contract.case import Case
from tests.references import hinge as reference


def f32(*rows):
    return np.array(rows, "float32")


def signs(*shape):
    def build(rng, n):
        y_true = rng.choice([-1.0, 1.0], (n, *shape)).astype("float32")
        return y_true, (2 * rng.normal(size=(n, *shape))).astype("float32")

    return build


def one_hot(*shape):
    def build(rng, n):
        y_true = np.eye(4, dtype="float32")[rng.integers(0, 4, (n, *shape))]
        return y_true, (2 * rng.normal(size=(n, *shape, 4))).astype("float32")

    return build


EDGES = {
    "labels 0 and 1": (f32([0, 1], [1, 0]), f32([0.5, 0.5], [-3, 3])),
    "labels 0 alone": (f32([0, 0]), f32([0.5, -0.5])),
    "labels -1, 0 and 1": (f32([0, 1, -1]), f32([0.5, 0.5, 0.5])),
    "margin met": (f32([1, -1]), f32([1, -1])),
    "far": (f32([1, -1]), f32([-1e4, 1e4])),
    "batch of one": (f32([1]), f32([0])),
}

CASES = {
    "Hinge": Case(
        reference=reference.hinge,
        batch=signs(3),
        sequence=signs(2, 3),
        degenerate=EDGES,
        kinks=(
            (f32([1, -1, 0]), f32([1, -1, -1]), [[0, 0, 0]]),
            (f32([1, 0]), f32([0, 0]), [[-0.5, 0.5]]),
        ),
    ),
    "SquaredHinge": Case(
        reference=reference.squared_hinge,
        batch=signs(3),
        sequence=signs(2, 3),
        degenerate=EDGES,
        kinks=(
            (f32([1, -1, 0]), f32([1, -1, -1]), [[0, 0, 0]]),
            (f32([1, 0]), f32([0, 0]), [[-1, 1]]),
        ),
    ),
    "CategoricalHinge": Case(
        reference=reference.categorical_hinge,
        batch=one_hot(),
        sequence=one_hot(2),
        degenerate={
            "margin met": (f32([0, 1, 0]), f32([0.25, 1.75, 0.75])),
            "all scores 0": (f32([0, 1, 0]), f32([0, 0, 0])),
            "wrong ones below 0": (f32([0, 1, 0]), f32([-0.5, 0.25, -0.75])),
            "no label": (f32([0, 0, 0]), f32([1, 2, 3])),
            "far": (f32([0, 1, 0]), f32([1e4, -1e4, 0])),
            "batch of one": (f32([1, 0]), f32([0.5, 0.25])),
        },
        kinks=(
            (f32([0, 1, 0]), f32([0.25, 1.75, 0.75]), [[0, 0, 0]]),
            (f32([0, 1, 0]), f32([0.5, 0.25, 0.5]), [[0.5, -1, 0.5]]),
            (f32([0, 1, 0]), f32([0, 0, 0]), [[1 / 3, -1, 1 / 3]]),
        ),
    ),
}
