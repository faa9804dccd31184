"""Losses of the order of references; and of pairs in the order of their scores."""

import numpy as np

from tests.contract.case import Case
from tests.contract.cases import embedding, views
from tests.references import ranking as reference

EDGES = embedding.some_edges(
    "one class", "no two of a class", "zero embeddings", "batch of one", "tiny"
)


def case(function, *settings, edges=()):
    degenerate = {**EDGES, **embedding.some_edges(*edges)}
    return Case(reference=function, batch=embedding.batch, settings=settings, degenerate=degenerate)


def scored(rng, n):
    """Scores, of which two are equal."""
    _, x = views.batch(rng, n)
    scores = rng.random(n).astype("float32")
    scores[-1] = scores[0]
    return scores, x


SCORED = {
    "all alike": (np.float32([0, 1, 2]), views.ONES),
    "equal scores": (np.zeros(3, "float32"), views.ONES),
    "zero embeddings": (np.float32([0, 1, 2]), 0 * views.ONES),
    "opposite": views.EDGES["opposite"],
    "batch of one": (np.float32([0.5]), views.ONES[:1]),
}

TIES = ("duplicates, in and across classes", "opposite")
CASES = {
    "SmoothAP": case(
        reference.smooth_ap,
        {"temperature": 0.1},
        {"with_itself": True, "block_size": 4},
        edges=TIES,
    ),
    "FastAP": case(reference.fast_ap, {}, {"num_bins": 4}, edges=TIES),
    "PNP": case(
        reference.pnp,
        {"temperature": 0.1},
        # The golden figures of the peer hold every variant.
        {"variant": "Ib", "b": 3.0, "temperature": 0.1, "with_itself": True},
        edges=TIES,
    ),
    "Histogram": case(reference.histogram, {"num_bins": 7}, edges=TIES),
    "CoSENT": Case(
        reference=reference.cosent,
        batch=scored,
        settings=({"scale": 5.0},),
        degenerate=SCORED,
    ),
    "AnglE": Case(reference=reference.angle, batch=scored, settings=({},), degenerate=SCORED),
}
