"""Losses of two embeddings of each sample."""

import numpy as np

from portable_losses import losses
from tests.contract.case import Case
from tests.references import embedding as reference
from tests.references import triplet
from tests.references import views as unpaired

DIM = 3


def batch(rng, n):
    """All ids differ, but those of two samples."""
    y_true = np.arange(n, dtype="int32")
    y_true[-1] = 0
    return y_true, rng.normal(size=(n, 2, DIM)).astype("float32")


ONES, IDS = np.ones((3, 2, DIM), "float32"), np.arange(3, dtype="int32")
EDGES = {
    "all alike": (IDS, ONES),
    "zero embeddings": (IDS, 0 * ONES),
    "opposite": (IDS, ONES * np.array([[1], [-1]], "float32")),
    "one thing": (0 * IDS, ONES),
    "batch of one": (IDS[:1], ONES[:1]),
}


def case(function, *settings):
    return Case(reference=function, batch=batch, settings=settings, degenerate=EDGES)


def targets(rng, n):
    """Of each sample a target and a prediction: the form in which the gradient of the value is
    that by all that is given. The other is in tests/losses/test_views.py."""
    return tuple(rng.normal(size=(n, DIM)).astype("float32") for _ in range(2))


def target_edges():
    ones = np.ones((2, DIM), "float32")
    return {
        "alike": (ones, ones),
        "opposite": (ones, -2 * ones),
        "zero predictions": (ones, 0 * ones),
        "zero targets": (0 * ones, ones),
        "far away": (ones, 1e20 * ones),
        "batch of one": (ones[:1], ones[:1]),
    }


def teacher_and_student(rng, n):
    """Two views for the teacher, and one more for the student."""
    shapes = ((n, 2, DIM), (n, 3, DIM))
    return tuple(0.1 * rng.normal(size=shape).astype("float32") for shape in shapes)


def set_center(loss):
    center = np.array([0.05, -0.02, 0.1], "float32")
    loss.center.assign(center)
    return {"center": center}


def dino_edges():
    ones = np.ones((2, 3, DIM), "float32")
    one_wins = 10 * ones * np.array([1, 0, -1], "float32")
    return {
        "no class more likely": (ones[:, :2], ones),
        "certain": (one_wins[:, :2], one_wins),
        "certain of another": (one_wins[:, :2], -one_wins),
        "batch of one": (ones[:1, :2], ones[:1]),
    }


# Blocks of anchors, which compile slowly, are tried here of one; tests/losses/test_embedding.py
# holds all that have them to the values and gradients without.


def trained(y_true, y_pred, *, loss, names, largest_scale=100.0, **state):
    """The reference of a loss with what `state` holds in place of its settings."""
    settings = {
        name.removeprefix("log_"): np.exp(x) if name.startswith("log_") else x
        for name, x in state.items()
    }
    return getattr(reference, loss.name)(y_true, y_pred, **{**loss.settings, **settings})


def move(loss):
    state = {variable.name: np.float32(0.3 - 0.8 * i) for i, variable in enumerate(loss.variables)}
    for variable in loss.variables:
        variable.assign(state[variable.name])
    return state


def of_histogram(y_true, y_pred, *, histogram, **settings):
    return triplet.dynamic_soft_margin(y_true, y_pred, histogram)


def fill(loss):
    counts = np.random.default_rng(7).uniform(0, 1, loss.histogram.shape[0]).astype("float32")
    loss.histogram.assign(counts)
    return {"histogram": counts}


CASES = {
    "DynamicSoftMargin": Case(
        reference=of_histogram,
        batch=batch,
        settings=({"num_bins": 9, "momentum": 0.3},),
        degenerate={name: EDGES[name] for name in ("all alike", "one thing", "batch of one")},
        prepare=fill,
    ),
    "TrainedSettings": Case(
        reference=trained,
        batch=batch,
        settings=(
            {"loss": losses.SigLIP(), "names": ["scale", "bias"]},
            {"loss": losses.CLIP(), "names": ["temperature"]},
        ),
        degenerate={name: EDGES[name] for name in ("zero embeddings", "opposite")},
        prepare=move,
    ),
    "SimCLR": case(reference.simclr, {}),
    "InBatchNegatives": case(reference.in_batch_negatives, {}),
    "CLIP": case(reference.clip, {}),
    "SigLIP": case(reference.siglip, {}, {"scale": 2.0, "bias": 0.5, "block_size": 4}),
    "VICReg": Case(
        reference=unpaired.vicreg,
        batch=batch,
        settings=(
            {},
            {
                "invariance_weight": 2.0,
                "variance_weight": 3.0,
                "covariance_weight": 0.5,
                "gamma": 2.0,
                "epsilon": 1e-2,
            },
        ),
        degenerate=EDGES,
    ),
    "BarlowTwins": Case(
        reference=unpaired.barlow_twins,
        batch=batch,
        settings=({"epsilon": 0.0}, {"redundancy_weight": 0.5}),
        degenerate=EDGES,
    ),
    "SimSiam": Case(reference=unpaired.simsiam, batch=targets, degenerate=target_edges()),
    "BYOL": Case(reference=unpaired.byol, batch=targets, degenerate=target_edges()),
    "DINO": Case(
        reference=unpaired.dino,
        batch=teacher_and_student,
        settings=({}, {"student_temperature": 0.5, "teacher_temperature": 0.2}),
        degenerate=dino_edges(),
        prepare=set_center,
    ),
}
