"""Losses with a weight for each entry."""

import numpy as np

from tests.contract.case import Case
from tests.references import weighted as reference

DIM = 4
WEIGHTS = [0.25, 0.5, 1.0, 0.75]
SETTINGS = ({"weights": WEIGHTS}, {"weights": (0.0, 2.0, 0.0, 3.0)}, {"weights": np.zeros(DIM)})


def batch(rng, n, *axes):
    y_true, y_pred = rng.normal(size=(2, n, *axes, DIM)).astype("float32")
    return y_true, y_pred


def sequence(rng, n):
    return batch(rng, n, 3)


rows = np.arange(2.0 * DIM, dtype="float32").reshape(2, DIM)
EDGES = {
    "no error": (rows, rows),
    "no error in one entry": (rows, rows + np.array([0, 1, 2, 3], "float32")),
    "batch of one": (rows[:1], -rows[:1]),
    "small errors": (rows * 0, rows * 0 + np.float32(1e-18)),
    "large errors": (rows, rows + np.float32(1e4)),
}
NO_ERROR = (rows, rows, 0.0)

CASES = {
    "WeightedSquaredError": Case(
        reference=reference.weighted_squared_error,
        batch=batch,
        settings=SETTINGS,
        degenerate=EDGES,
        kinks=(NO_ERROR,),
        sequence=sequence,
    ),
    "WeightedRootError": Case(
        reference=reference.weighted_root_error,
        batch=batch,
        settings=SETTINGS,
        degenerate=EDGES,
        kinks=(NO_ERROR,),
        sequence=sequence,
    ),
}
