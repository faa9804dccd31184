"""Margin heads."""

import numpy as np

from tests.contract.case import Case
from tests.references import margin as reference

CLASSES, DIM = 4, 3


def batch(rng, n):
    y_true = rng.integers(0, CLASSES, n).astype("int32")
    return y_true, rng.normal(size=(n, DIM)).astype("float32")


def move(loss):
    proxies = np.random.default_rng(7).normal(size=tuple(loss.proxies.shape)).astype("float32")
    proxies[0] = 1.0  # an embedding of ones lies on it
    loss.proxies.assign(proxies)
    return {"proxies": proxies}


def edges():
    """Embeddings on a proxy, opposite to it, zero, equal, far; one class; one sample."""
    ids, ones = np.zeros(4, "int32"), np.ones((4, DIM), "float32")
    return {
        "on the proxy": (ids, ones),
        "opposite to the proxy": (ids, -ones),
        "zero embeddings": (np.arange(4, dtype="int32"), 0 * ones),
        "batch of one": (ids[:1] + 1, ones[:1]),
        "far away": (ids + 2, 1e20 * ones),
        "tiny": (ids + 2, 1e-30 * ones),
    }


def arcface(y_true, y_pred, *, num_classes, proxies, **settings):
    return reference.arcface(y_true, y_pred, proxies, **settings)


CASES = {
    "ArcFace": Case(
        reference=arcface,
        batch=batch,
        settings=(
            {"num_classes": CLASSES},
            {"num_classes": CLASSES, "margin": 1.2, "scale": 4.0},
        ),
        degenerate=edges(),
        prepare=move,
    )
}
