"""Losses of embeddings."""

import numpy as np

from tests.contract.case import Case
from tests.references import embedding as reference

CLASSES, DIM = 3, 3


def batch(rng, n):
    y_true = rng.integers(0, CLASSES, n).astype("int32")
    return y_true, rng.normal(size=(n, DIM)).astype("float32")


def edges():
    """Duplicates, opposite and zero embeddings; one class; no two of a class; one sample."""
    ids, axes = np.array([0, 0, 1, 1], "int32"), np.eye(DIM, dtype="float32")
    ones = np.ones((4, DIM), "float32")
    return {
        "duplicates, in and across classes": (ids, ones),
        "opposite": (ids, np.stack([axes[0], -axes[0], axes[1], -2 * axes[1]])),
        "zero embeddings": (ids, 0 * ones),
        "one class": (0 * ids, np.stack([*axes, axes[0]])),
        "no two of a class": (np.arange(4, dtype="int32"), np.stack([*axes, axes[0]])),
        "batch of one": (ids[:1], ones[:1]),
        "far away": (ids, 1e20 * ones),
        "tiny": (ids, 1e-30 * ones),
    }


CASES = {
    "SupCon": Case(
        reference=reference.supcon,
        batch=batch,
        settings=({}, {"temperature": 0.5}),
        degenerate=edges(),
    ),
    "MultiSimilarity": Case(
        reference=reference.multi_similarity,
        batch=batch,
        settings=({}, {"alpha": 1.0, "beta": 10.0, "base": 0.2}),
        degenerate=edges(),
    ),
}
