"""Triplet losses."""

import numpy as np

from tests.contract.case import Case
from tests.contract.cases.embedding import DIM, batch
from tests.references import triplet as reference

IDS, AXES = np.array([0, 0, 1, 1], "int32"), np.eye(DIM, dtype="float32")
ONES = np.ones((4, DIM), "float32")
LINE = np.array([[0], [1], [1], [3]], "float32") * AXES[:1]
EDGES = {
    "duplicates, in and across classes": (IDS, ONES),
    "equal distances": (IDS, np.stack([*AXES, AXES[0]])),
    "one class": (0 * IDS, np.stack([*AXES, AXES[0]])),
    "no two of a class": (np.arange(4, dtype="int32"), LINE),
    "far away": (IDS, 1e20 * ONES),
    "batch of one": (IDS[:1], ONES[:1]),
}
# Where anchor and positive are one point there is no direction, and no gradient.
COLLAPSED = (IDS, ONES, 0 * ONES)


def in_triplets(rng, n):
    return np.zeros(n, "int32"), rng.normal(size=(n, 3, DIM)).astype("float32")


CASES = {
    "TripletMargin": Case(
        reference=reference.given,
        batch=in_triplets,
        settings=({"swap": True}, {"soft": True, "distance": 3}),
        degenerate={
            "equal, zero": (IDS[:2], np.stack([ONES[:3], 0 * ONES[:3]])),
            "equal distances": (IDS[:1], AXES[None]),
            "far away": (IDS[:1], 1e18 * ONES[None, :3]),
        },
        kinks=((IDS[:1], ONES[None, :3], 0.0),),
    ),
    "PNLoss": Case(
        reference=reference.pn,
        batch=batch,
        settings=({}, {"soft": True, "negatives": "hard", "distance": "manhattan"}),
        degenerate={name: EDGES[name] for name in ("one class", "no two of a class")},
    ),
    "TripletSemiHard": Case(
        reference=reference.semi_hard,
        batch=batch,
        settings=({}, {"margin": 0.3, "distance": "cosine"}),
        degenerate=EDGES,
        kinks=(COLLAPSED,),
    ),
    "TripletHard": Case(
        reference=reference.hard,
        batch=batch,
        settings=(
            {},
            {"soft": True, "distance": "squared_euclidean", "singletons": "push"},
        ),
        degenerate=EDGES,
        kinks=(COLLAPSED,),
    ),
    "TripletBatchAll": Case(
        reference=reference.batch_all,
        batch=batch,
        settings=({}, {"margin": 0.7, "triplets": "semi_hard", "average": "all"}),
        degenerate=EDGES,
        kinks=(COLLAPSED,),
    ),
}
