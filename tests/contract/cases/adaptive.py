"""Adaptive margin heads."""

import numpy as np

from tests.contract.case import Case
from tests.contract.cases.margin import CLASSES, batch, edges, move
from tests.references import adaptive as reference


def of_any_length(rng, n):
    """Within MagFace's bounds, and outside of them."""
    y_true, y_pred = batch(rng, n)
    return y_true, 12 * y_pred


def good_or_poor(rng, n):
    """Of a length of 0.1 or 9, where AdaFace's quality is at an end: no gradient goes through it,
    and the reference's finite differences see none there."""
    y_true, y_pred = batch(rng, n)
    lengths = rng.permutation(np.where(np.arange(n) % 2, 0.1, 9.0))[:, None]
    return y_true, (lengths * y_pred / np.linalg.norm(y_pred, axis=1, keepdims=True)).astype("f")


def prepare(**state):
    """Sets proxies, and the scalars of the state."""

    def prepare(loss):
        for name, value in state.items():
            getattr(loss, name).assign(value)
        return move(loss) | state

    return prepare


def adacos(y_true, y_pred, *, num_classes, dynamic=True, **state):
    return reference.adacos(y_true, y_pred, **state)


def curricularface(y_true, y_pred, *, num_classes, momentum=0.01, **settings):
    return reference.curricularface(y_true, y_pred, **settings)


def magface(y_true, y_pred, *, num_classes, **settings):
    return reference.magface(y_true, y_pred, **settings)


def adaface(y_true, y_pred, *, num_classes, t_alpha=0.01, **settings):
    return reference.adaface(y_true, y_pred, **settings)


SIZE = {"num_classes": CLASSES}

CASES = {
    "AdaCos": Case(
        reference=adacos,
        batch=batch,
        settings=(SIZE, SIZE | {"dynamic": False}),
        degenerate=edges(),
        prepare=prepare(scale=2.5),
    ),
    "CurricularFace": Case(
        reference=curricularface,
        batch=batch,
        settings=(SIZE, SIZE | {"margin": 1.2, "scale": 4.0, "momentum": 0.5}),
        degenerate=edges(),
        prepare=prepare(t=0.375),
    ),
    "MagFace": Case(
        reference=magface,
        batch=of_any_length,
        settings=(
            SIZE,
            SIZE | {"l_a": 5.0, "u_a": 40.0, "u_m": 2.0, "scale": 4.0, "easy_margin": True},
        ),
        degenerate=edges(),
        prepare=move,
    ),
    "AdaFace": Case(
        reference=adaface,
        batch=good_or_poor,
        settings=(SIZE, SIZE | {"margin": 1.2, "h": -0.333, "scale": 4.0, "t_alpha": 0.5}),
        degenerate=edges(),
        prepare=prepare(norm_mean=4.0, norm_std=1.0),
    ),
}
