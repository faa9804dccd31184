"""Losses with a memory of samples or counts."""

import numpy as np

from portable_losses import losses
from tests.contract.case import Case
from tests.contract.cases import embedding
from tests.references import center, memory
from tests.references import embedding as reference

CLASSES, DIM, SIZE, FILLED = 4, embedding.DIM, 5, 3
COUNTS = [3, 0, 20, 1]


def remember(loss):
    """Some rows of the memory are filled; the others hold what must not be seen."""
    rng = np.random.default_rng(7)
    size = tuple(loss.embeddings.shape)
    state = {
        "embeddings": rng.normal(size=size).astype("float32"),
        "labels": rng.integers(0, embedding.CLASSES, size[0]).astype("int32"),
        "filled": np.int32(FILLED),
    }
    for name, value in state.items():
        getattr(loss, name).assign(value)
    return state


def cross_batch_memory(y_true, y_pred, *, loss, embeddings, labels, filled, **settings):
    rows = list(zip(labels, embeddings, strict=True))[: int(filled)]
    function = getattr(reference, loss.name)
    return memory.against_memory(function, y_true, y_pred, rows, **loss.settings)


def logits(rng, n):
    y_true = rng.integers(0, CLASSES, n).astype("int32")
    return y_true, rng.normal(size=(n, CLASSES)).astype("float32")


def count(loss):
    loss.set_counts(COUNTS)
    return {"seen": np.array(COUNTS)}


def class_balanced(y_true, y_pred, *, seen, beta=0.999, **settings):
    weights = memory.class_weights(seen, beta)[np.ravel(y_true)]
    return weights * center.softmax_cross_entropy(y_true, y_pred)


crossentropy = losses.SparseCategoricalCrossentropy(from_logits=True)
CASES = {
    "CrossBatchMemory": Case(
        reference=cross_batch_memory,
        batch=embedding.batch,
        # In the warm-up, gradients flow to both sides of a pair, as in differences of the
        # reference; tests/losses/test_memory.py has those of later steps.
        settings=(
            {"loss": losses.SupCon(), "memory_size": SIZE, "warmup_steps": 1},
            {"loss": losses.MultiSimilarity(beta=10.0), "memory_size": SIZE, "warmup_steps": 2},
        ),
        degenerate=embedding.edges(),
        prepare=remember,
    ),
    "ClassBalanced": Case(
        reference=class_balanced,
        batch=logits,
        settings=(
            {"loss": crossentropy, "num_classes": CLASSES},
            {"loss": crossentropy, "num_classes": CLASSES, "beta": 0.5, "counts": [1, 2, 0, 4]},
        ),
        degenerate={
            "one class": (np.zeros(3, "int32"), np.eye(3, CLASSES, dtype="float32")),
            "a class not seen": (np.ones(2, "int32"), np.zeros((2, CLASSES), "float32")),
            "batch of one": (np.array([2], "int32"), np.ones((1, CLASSES), "float32")),
        },
        prepare=count,
    ),
}
