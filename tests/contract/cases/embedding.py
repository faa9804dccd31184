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


def some_edges(*names):
    return {name: found for name, found in edges().items() if name in names}


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
    "NTXent": Case(
        reference=reference.ntxent,
        batch=batch,
        settings=({}, {"temperature": 0.5, "block_size": 4}),
        degenerate=some_edges("one class", "zero embeddings", "batch of one"),
    ),
    "Circle": Case(
        reference=reference.circle,
        batch=batch,
        # With constant weights the gradient is not that of the value: tests/losses has it.
        settings=(
            {"constant_weights": False},
            {"gamma": 4.0, "margin": 0.2, "constant_weights": False},
        ),
        degenerate=some_edges("one class", "zero embeddings", "batch of one"),
    ),
    "NPairs": Case(
        reference=reference.npairs,
        batch=batch,
        degenerate=some_edges("no two of a class", "duplicates, in and across classes"),
    ),
    "LiftedStructure": Case(
        reference=reference.lifted_structure,
        batch=batch,
        settings=({}, {"margin": 0.4, "distance": "squared_euclidean"}),
        degenerate=some_edges("one class", "duplicates, in and across classes", "batch of one"),
    ),
    "ContrastiveLabels": Case(
        reference=reference.contrastive_labels,
        batch=batch,
        settings=(
            {},
            {"margin": 2.0, "positive_margin": 0.3, "power": 1, "average": "nonzero"},
        ),
        degenerate=some_edges("one class", "duplicates, in and across classes", "batch of one"),
    ),
}
