"""Losses of pairs."""

import numpy as np

from tests.contract.case import Case
from tests.references import pairs as reference

DIM = 3


def embeddings(rng, n):
    y_true = rng.integers(0, 2, n).astype("int32")
    return y_true, rng.normal(scale=0.4, size=(n, 2, DIM)).astype("float32")


def stacked(first, second):
    return np.stack([first, second], axis=1).astype("float32")


point = np.array([[1.0, -2.0, 0.5]])

CASES = {
    "Contrastive": Case(
        reference=reference.contrastive,
        batch=embeddings,
        settings=({}, {"margin": 2.0}, {"margin": 0.0}),
        degenerate={
            "identical, similar": (np.ones(1, "int32"), stacked(point, point)),
            "identical, dissimilar": (np.zeros(1, "int32"), stacked(point, point)),
            "zeros": (np.array([0, 1], "int32"), np.zeros((2, 2, DIM), "float32")),
            "nearly identical": (np.zeros(1, "int32"), stacked(point, point + 1e-6)),
            "far apart": (
                np.array([0, 1], "int32"),
                1e4 * stacked(np.eye(2, DIM), -np.eye(2, DIM)),
            ),
            "blended labels": (np.array([0.3], "float32"), stacked(point, point + 0.1)),
            "distances of 0": (np.array([0, 1], "int32"), np.zeros((2, 1), "float32")),
        },
        kinks=(
            # An identical pair, where the margin term has a peak; a distance at the margin.
            ([0], stacked(point, point), 0.0),
            ([0.0], [1.0], 0.0),
            ([1.0], [0.0], 0.0),
        ),
    ),
}
