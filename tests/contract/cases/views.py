"""Losses of two embeddings of each sample."""

import numpy as np

from tests.contract.case import Case
from tests.references import embedding as reference

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


# Blocks of anchors, which compile slowly, are tried here of one; tests/losses/test_embedding.py
# holds all that have them to the values and gradients without.
CASES = {
    "SimCLR": case(reference.simclr, {}),
    "InBatchNegatives": case(reference.in_batch_negatives, {}),
    "CLIP": case(reference.clip, {}),
    "SigLIP": case(reference.siglip, {}, {"scale": 2.0, "bias": 0.5, "block_size": 4}),
}
