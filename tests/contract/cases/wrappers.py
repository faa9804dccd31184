"""Losses around other losses."""

import functools

import numpy as np

from portable_losses import losses
from tests.contract.case import Case
from tests.contract.cases import embedding
from tests.references import center, wrappers
from tests.references import embedding as reference

DIM, NAN = embedding.DIM, float("nan")


def matryoshka(y_true, y_pred, *, loss, dims, weights=None):
    function = functools.partial(getattr(reference, loss.name), **loss.settings)
    return wrappers.matryoshka(function, y_true, y_pred, dims, weights)


def huber(y, p, delta=1.0):
    error = abs(y - p)
    return error**2 / 2 if error <= delta else delta * error - delta**2 / 2


def masked(y_true, y_pred, *, loss, mask_value=None):
    element = {"mean_squared_error": lambda y, p: (y - p) ** 2, "huber": huber}[loss.name]
    return wrappers.masked(element, y_true, y_pred, mask_value)


def with_gaps(rng, n):
    """In each sample some targets are known, some NaN, some 0.25."""
    y_true, y_pred = rng.normal(size=(2, n, DIM)).astype("float32")
    y_true[np.arange(n), rng.integers(0, DIM, n)] = NAN
    return y_true, y_pred


def weighted_sum(y_true, y_pred, *, parts, weights, centers):
    values = 0.0
    for name, loss in parts.items():
        if name == "center":
            part = center.center_loss(y_true, y_pred, centers)
        else:
            part = getattr(reference, name)(y_true, y_pred, **loss.settings)
        values = values + weights.get(name, 1.0) * np.asarray(part)
    return values


def place_centers(loss):
    centers = np.random.default_rng(3).normal(size=(embedding.CLASSES, DIM)).astype("float32")
    loss.parts["center"].centers.assign(centers)
    return {"centers": centers}


ONES = np.ones((2, DIM), "float32")
CASES = {
    "Matryoshka": Case(
        reference=matryoshka,
        batch=embedding.batch,
        settings=(
            {"loss": losses.MultiSimilarity(beta=10.0), "dims": [1, DIM], "weights": [0.5, 2.0]},
        ),
        degenerate=embedding.edges(),
    ),
    "Masked": Case(
        reference=masked,
        batch=with_gaps,
        settings=(
            {"loss": losses.MeanSquaredError()},
            {"loss": losses.Huber(), "mask_value": 0.25},
        ),
        degenerate={
            "no target": (NAN * ONES, ONES),
            "a sample without a target": (np.array([[NAN] * DIM, [1, NAN, 3]], "float32"), ONES),
        },
        kinks=((NAN * ONES, ONES, 0 * ONES),),
    ),
    "WeightedSum": Case(
        reference=weighted_sum,
        batch=embedding.batch,
        settings=(
            {
                "parts": {"supcon": losses.SupCon(), "center": losses.CenterLoss(3)},
                "weights": {"center": 0.3},
            },
        ),
        degenerate=embedding.some_edges("one class", "zero embeddings", "batch of one"),
        prepare=place_centers,
    ),
}
