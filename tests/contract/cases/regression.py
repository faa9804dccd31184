"""Losses of regression."""

import numpy as np

from tests.contract.case import Case
from tests.references import regression as reference


def f32(*rows):
    return np.array(rows, "float32")


def errors(*shape):
    def build(rng, n):
        y_true, y_pred = rng.normal(size=(2, n, *shape)).astype("float32")
        return y_true, y_pred

    return build


def positive(*shape):
    def build(rng, n):
        y_true, y_pred = rng.uniform(0.5, 3.0, (2, n, *shape)).astype("float32")
        return y_true, y_pred

    return build


def probabilities(*shape):
    def build(rng, n):
        y_true = rng.integers(0, 2, (n, *shape)).astype("float32")
        return y_true, rng.uniform(0.05, 0.95, (n, *shape)).astype("float32")

    return build


EDGES = {
    "no error": (f32([1, 2], [0, 0]), f32([1, 2], [0, 0])),
    "some errors": (f32([1, 2]), f32([1, 5])),
    "far too high": (f32([1, 2]), f32([1e4, 2e4])),
    "far too low": (f32([1e4, 2e4]), f32([1, 2])),
    "batch of one": (f32([1]), f32([3])),
}
TIES = f32([1, 2])


def case(function, builder=errors, kinks=(), degenerate=None, **settings):
    return Case(
        reference=function,
        batch=builder(3),
        sequence=builder(2, 3),
        degenerate=EDGES | (degenerate or {}),
        kinks=kinks,
        **settings,
    )


CASES = {
    "MeanSquaredError": case(reference.mean_squared_error, kinks=((TIES, TIES, [[0, 0]]),)),
    "RootMeanSquaredError": case(
        reference.root_mean_squared_error,
        settings=({}, {"axis": 1}),
        kinks=((TIES, TIES, [[0, 0]]), (f32([1, 2]), f32([1, 4]), [[0, 0.5**0.5]])),
    ),
    "MeanAbsoluteError": case(
        reference.mean_absolute_error,
        kinks=((TIES, TIES, [[0, 0]]), (TIES, f32([1, 0]), [[0, -0.5]])),
    ),
    "MeanAbsolutePercentageError": case(
        reference.mean_absolute_percentage_error,
        builder=positive,
        degenerate={
            "target 0": (f32([0, 1]), f32([0.5, 2])),
            "negative": (f32([-2, -1]), f32([1, -3])),
        },
        kinks=((TIES, TIES, [[0, 0]]), (f32([0, 2]), f32([0, 3]), [[0, 25]])),
    ),
    "MeanSquaredLogarithmicError": case(
        reference.mean_squared_logarithmic_error,
        builder=positive,
        degenerate={
            "prediction 0": (f32([1, 2]), f32([0, 0])),
            "below 0": (f32([1, -2]), f32([-1, -3])),
            "small": (f32([1e-4, 2e-4]), f32([2e-4, 1e-4])),
        },
        kinks=(
            (TIES, TIES, [[0, 0]]),
            (f32([1]), f32([0]), [[-2 * np.log(2)]]),
            (f32([1]), f32([-1]), [[0]]),
        ),
    ),
    "LogCosh": case(
        reference.log_cosh,
        kinks=((TIES, TIES, [[0, 0]]), (f32([0, 0]), f32([1e4, -1e4]), [[0.5, -0.5]])),
    ),
    "Huber": case(
        reference.huber,
        settings=({}, {"delta": 0.3}, {"delta": 2}),
        degenerate={"at the joints": (f32([0, 0]), f32([1, -1]))},
        kinks=(
            (TIES, TIES, [[0, 0]]),
            (f32([0, 0]), f32([1, -1]), [[0.5, -0.5]]),
            (f32([0, 0]), f32([1e20, -1e20]), [[0.5, -0.5]]),
        ),
    ),
    "CosineSimilarity": case(
        reference.cosine_similarity,
        settings=({}, {"axis": 1}),
        degenerate={
            "zero prediction": (f32([3, 4]), f32([0, 0])),
            "zero target": (f32([0, 0]), f32([3, 4])),
            "opposite": (f32([3, 4]), f32([-3, -4])),
            "long": (f32([1e20, 0]), f32([1e20, 1e20])),
            "short": (f32([1e-12, 0]), f32([1e-12, 1e-12])),
        },
        kinks=(
            (f32([3, 4]), f32([0, 0]), [[0, 0]]),
            (f32([0, 0]), f32([3, 4]), [[0, 0]]),
            (f32([0, 0]), f32([0, 0]), [[0, 0]]),
            (f32([3, 4]), f32([3, 4]), [[0, 0]]),
        ),
    ),
    "ConfidencePenalizedSquaredError": case(
        reference.confidence_penalized_squared_error,
        builder=probabilities,
        settings=({}, {"regularization_factor": 2.0}, {"regularization_factor": 0}),
        kinks=((f32([0.5, 1]), f32([0.5, 1]), [[0, 0.05]]),),
    ),
}
