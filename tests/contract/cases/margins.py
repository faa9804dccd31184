"""Losses of margins, neighbours and angles. Defaults are held by the peers' figures."""

import numpy as np

from tests.contract.case import Case
from tests.contract.cases.embedding import CLASSES, batch, some_edges
from tests.references import margins as reference

EDGES = some_edges("one class", "duplicates, in and across classes", "zero embeddings")


def many_labels(rng, n):
    _, x = batch(rng, n)
    labels = rng.integers(0, 2, (n, CLASSES)).astype("int32")
    return labels, x


CASES = {
    "MarginLoss": Case(
        reference=reference.margin_loss,
        batch=batch,
        settings=({}, {"margin": 0.5, "beta": 2.0, "count": "pairs", "distance": "manhattan"}),
        degenerate=EDGES,
    ),
    "NCA": Case(
        reference=reference.nca,
        batch=batch,
        settings=({}, {"temperature": 0.5, "objective": "probability", "distance": "euclidean"}),
        degenerate=EDGES,
    ),
    "SoftNearestNeighbor": Case(
        reference=reference.soft_nearest_neighbor,
        batch=batch,
        settings=({"temperature": 2.0},),
        degenerate=EDGES,
    ),
    "Angular": Case(
        reference=reference.angular,
        batch=batch,
        settings=({"alpha": 0.6},),
        degenerate=EDGES,
    ),
    "GeneralizedLiftedStructure": Case(
        reference=reference.generalized_lifted_structure,
        batch=batch,
        settings=({}, {"margin": 0.4, "singletons": "push", "distance": "squared_euclidean"}),
        degenerate=EDGES,
    ),
    "NPairsMultilabel": Case(
        reference=reference.npairs_multilabel,
        batch=many_labels,
        degenerate={
            "no labels, all labels": (
                np.array([[0, 0], [1, 1], [0, 0], [1, 1]]),
                np.ones((4, 3), "float32"),
            )
        },
    ),
    "TupletMargin": Case(
        reference=reference.tuplet_margin,
        batch=batch,
        settings=({"margin": 0.3, "scale": 4.0},),
        degenerate=EDGES,
    ),
    "IntraPairVariance": Case(
        reference=reference.intra_pair_variance,
        batch=batch,
        settings=({"positive_epsilon": 0.1, "negative_epsilon": 0.3},),
        degenerate=EDGES,
    ),
    "SNRContrastive": Case(
        reference=reference.snr_contrastive,
        batch=batch,
        settings=({}, {"margin": 2.0, "positive_margin": 0.3, "zero_mean": 0.1}),
        degenerate=EDGES,
    ),
    "RankedList": Case(
        reference=reference.ranked_list,
        batch=batch,
        # With constant weights the gradient is not that of the value: tests/losses has it.
        settings=(
            {
                "margin": 1.0,
                "alpha": 2.0,
                "imbalance": 0.3,
                "positive_temperature": 1.0,
                "negative_temperature": 0.0,
                "constant_weights": False,
            },
        ),
        degenerate=EDGES,
    ),
    "ThresholdConsistentMargin": Case(
        reference=reference.threshold_consistent_margin,
        batch=batch,
        settings=(
            {
                "positive_margin": 0.6,
                "negative_margin": -0.2,
                "positive_weight": 0.5,
                "negative_weight": 2.0,
            },
        ),
        degenerate=EDGES,
    ),
}
