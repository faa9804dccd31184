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


def edges(far=1e20):
    """Embeddings on a proxy, opposite to it, zero, equal, far; one class; one sample."""
    ids, ones = np.zeros(4, "int32"), np.ones((4, DIM), "float32")
    return {
        "on the proxy": (ids, ones),
        "opposite to the proxy": (ids, -ones),
        "zero embeddings": (np.arange(4, dtype="int32"), 0 * ones),
        "batch of one": (ids[:1] + 1, ones[:1]),
        "far away": (ids + 2, far * ones),
        "tiny": (ids + 2, 1e-30 * ones),
    }


def stated(function):
    """`function` of the references, which does not ask for the number of classes."""

    def reference(y_true, y_pred, *, num_classes, proxies, **settings):
        return function(y_true, y_pred, proxies, **settings)

    return reference


def case(function, *settings, far=1e20):
    return Case(
        reference=stated(function),
        batch=batch,
        settings=tuple({"num_classes": CLASSES, **chosen} for chosen in settings),
        degenerate=edges(far),
        prepare=move,
    )


# Under a scale of 64 a gradient of 100 is left with few digits in its small components: here a
# lower one, and the default in tests/losses/test_margin.py.
CASES = {
    "ArcFace": case(reference.arcface, {"scale": 16.0}, {"margin": 1.2, "scale": 4.0}),
    "SubCenterArcFace": case(
        reference.sub_center_arcface,
        {"scale": 16.0},
        {"sub_centers": 2, "margin": 0.9, "scale": 4.0},
    ),
    "CosFace": case(reference.cosface, {"scale": 16.0}, {"margin": 0.1, "scale": 4.0}),
    "NormalizedSoftmax": case(reference.normalized_softmax, {}, {"temperature": 0.5}),
    "P2SGrad": case(reference.p2sgrad, {}),
    # Its logits are as long as the embedding. XLA computes a logit once more where it needs it
    # again, and from 1e9 on the two differ by more than an exponential can take.
    "SphereFace": case(reference.sphereface, {}, {"margin": 3, "scale": 2.0}, far=1e6),
}
