"""Losses with centers."""

import numpy as np

from tests.contract.case import Case
from tests.references import center as reference

CLASSES, DIM = 4, 3


def batch(rng, n):
    y_true = rng.integers(0, CLASSES, n).astype("int32")
    return y_true, rng.normal(size=(n, DIM)).astype("float32")


def logits(rng, n):
    y_true = rng.integers(0, CLASSES, n).astype("int32")
    return y_true, rng.normal(size=(n, CLASSES)).astype("float32")


def move(loss):
    shape = tuple(loss.centers.shape)
    centers = np.random.default_rng(7).normal(size=shape).astype("float32")
    loss.centers.assign(centers)
    return {"centers": centers}


def center_loss(y_true, y_pred, *, centers, distance="half_sum", **settings):
    values = reference.center_loss(y_true, y_pred, centers)
    return values if distance == "half_sum" else 2 * values / y_pred.shape[-1]


def softmax_center_loss(
    y_true, y_pred, *, centers, weight=5e-4, center_reduction="per_sample", **settings
):
    values = reference.center_loss(y_true, y_pred, centers)
    values = values.sum() if center_reduction == "half_sum" else values
    return reference.softmax_cross_entropy(y_true, y_pred) + weight * values


def triplet_center(y_true, y_pred, *, num_classes, centers, **settings):
    return reference.triplet_center(y_true, y_pred, centers, **settings)


def contrastive_center(y_true, y_pred, *, num_classes, centers, **settings):
    return reference.contrastive_center(y_true, y_pred, centers, **settings)


def island_loss(y_true, y_pred, *, num_classes, centers, weight=10.0, **settings):
    return reference.island_loss(y_true, y_pred, centers, weight)


def turn(loss):
    loss.radius.assign(1.5)
    return {"radius": np.array(1.5, "float32")}


def ring_loss(y_true, y_pred, *, radius, **settings):
    return reference.ring_loss(y_pred, radius, **settings)


def edges(dim):
    zeros, ones = np.zeros((4, dim), "float32"), np.ones((4, dim), "float32")
    one_class = np.zeros(4, "int32")
    return {
        "zero features": (np.arange(4, dtype="int32"), zeros),
        "one class, duplicate features": (one_class, ones),
        "batch of one": (one_class[:1], ones[:1]),
        "far away": (one_class, 1e4 * ones),
    }


CASES = {
    "CenterLoss": Case(
        reference=center_loss,
        batch=batch,
        settings=(
            {"num_classes": CLASSES},
            {"num_classes": CLASSES, "distance": "mean", "update": "gradient"},
        ),
        degenerate=edges(DIM),
        prepare=move,
    ),
    "SoftmaxCenterLoss": Case(
        reference=softmax_center_loss,
        batch=logits,
        settings=({"num_classes": CLASSES}, {"num_classes": CLASSES, "weight": 0.5}),
        degenerate=edges(CLASSES),
        prepare=move,
    ),
    "TripletCenter": Case(
        reference=triplet_center,
        batch=batch,
        settings=({"num_classes": CLASSES}, {"num_classes": CLASSES, "margin": 0.5}),
        degenerate=edges(DIM),
        prepare=move,
    ),
    "ContrastiveCenter": Case(
        reference=contrastive_center,
        batch=batch,
        settings=({"num_classes": CLASSES}, {"num_classes": CLASSES, "delta": 1e-3}),
        degenerate=edges(DIM),
        prepare=move,
    ),
    "IslandLoss": Case(
        reference=island_loss,
        batch=batch,
        settings=({"num_classes": CLASSES}, {"num_classes": CLASSES, "weight": 0.1, "alpha": 0.1}),
        degenerate=edges(DIM),
        prepare=move,
    ),
    "RingLoss": Case(
        reference=ring_loss,
        batch=batch,
        settings=({}, {"weight": 0.01}),
        degenerate=edges(DIM),
        kinks=(([0, 1], [[0.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 1.5]]),),
        prepare=turn,
    ),
}
