"""Proxy losses."""

import numpy as np

from tests.contract.case import Case
from tests.references import proxies as reference

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
    """Few batches with much in them: each is compiled."""
    lengths = np.array([[1], [1], [-1], [0], [far], [1e-30]], "float32")
    ones = np.ones((6, DIM), "float32")
    return {
        "on the proxy, twice, opposite, nowhere, far away, tiny": (
            np.array([0, 0, 0, 1, 2, 2], "int32"),
            lengths * ones,
        ),
        "one class, equal embeddings": (np.full(6, 3, "int32"), ones),
        "batch of one": (np.array([1], "int32"), ones[:1]),
    }


def of(function):
    """The reference without what only the class has to know."""

    def reference(y_true, y_pred, *, num_classes, proxies, **settings):
        return function(y_true, y_pred, proxies, **settings)

    return reference


CASES = {
    "ProxyNCA": Case(
        reference=of(reference.proxy_nca),
        batch=batch,
        settings=(
            {"num_classes": CLASSES},
            {"num_classes": CLASSES, "temperature": 1.0, "denominator": "others"},
        ),
        degenerate=edges(),
        prepare=move,
    ),
    "ProxyAnchor": Case(
        reference=of(reference.proxy_anchor),
        batch=batch,
        settings=(
            {"num_classes": CLASSES},
            {"num_classes": CLASSES, "margin": 0.3, "alpha": 4.0},
        ),
        degenerate=edges(),
        prepare=move,
    ),
    "SoftTriple": Case(
        reference=of(reference.soft_triple),
        batch=batch,
        settings=(
            {"num_classes": CLASSES, "centers_per_class": 2},
            {
                "num_classes": CLASSES,
                "centers_per_class": 3,
                "la": 5.0,
                "gamma": 0.5,
                "margin": 0.2,
                "tau": 3.0,
            },
        ),
        degenerate=edges(),
        prepare=move,
    ),
    "InstanceLoss": Case(
        reference=of(reference.instance_loss),
        batch=batch,
        settings=({"num_classes": CLASSES}, {"num_classes": CLASSES, "gamma": 64.0}),
        degenerate=edges(far=1e5),
        prepare=move,
    ),
}
