"""Record what losses of TensorFlow Similarity compute, as golden figures.

Runs with TensorFlow 2.15, TensorFlow Similarity 0.17 and NumPy, and writes small `.npz` files.
README.md beside this file says what they hold. Names and settings are those of `portable_losses`.
"""

import numpy as np
import tensorflow as tf
from _recording import DIM, PAIRED, SAMPLES, TWO_CLASSES, of_batches, taped, write
from tensorflow_similarity import losses


def triplet(settings):
    return losses.TripletLoss(
        distance=settings["distance"],
        positive_mining_strategy="hard",
        negative_mining_strategy="hard",
        margin=None if settings.get("soft") else settings["margin"],
    )


def easy_positive(settings):
    return losses.TripletLoss(
        distance=settings["distance"],
        positive_mining_strategy="easy",
        negative_mining_strategy="hard",
        margin=settings["margin"],
    )


def pn(settings):
    return losses.PNLoss(
        distance=settings["distance"],
        negative_mining_strategy=settings["negatives"].replace("_", "-"),
        margin=None if settings.get("soft") else settings["margin"],
    )


def multi_similarity(settings):
    return losses.MultiSimilarityLoss(
        alpha=settings["alpha"],
        beta=settings["beta"],
        lmda=settings["base"],
        epsilon=settings["epsilon"],
    )


def soft_nearest_neighbor(settings):
    return losses.SoftNearestNeighborLoss(**settings)


def of_units(loss):
    """The peer's cosines are of embeddings that its user has normalised."""
    return lambda labels, x: loss(labels, tf.math.l2_normalize(x, axis=1))


def of_views(peer):
    """The first half of the embeddings are one view, the second the other."""

    def build(settings):
        loss = peer(settings)
        return lambda labels, x: loss(x[: SAMPLES // 2], x[SAMPLES // 2 :])

    return build


# Our function, the peer, and our settings.
RECIPES = {
    "triplet_hard": (
        triplet,
        (
            {"margin": 1.0, "distance": "euclidean"},
            {"margin": 0.2, "distance": "cosine"},
            {"soft": True, "distance": "squared_euclidean"},
        ),
    ),
    "triplet_easy_positive": (easy_positive, ({"margin": 0.5, "distance": "cosine"},)),
    "pn_loss": (
        pn,
        (
            {"margin": 0.3, "distance": "cosine", "negatives": "semi_hard"},
            {"soft": True, "distance": "cosine", "negatives": "hard"},
        ),
    ),
    "multi_similarity": (
        multi_similarity,
        (
            {"alpha": 2.0, "beta": 40.0, "base": 0.5, "epsilon": 0.1},
            {"alpha": 1.0, "beta": 4.0, "base": 0.2, "epsilon": 0.6},
        ),
    ),
    "soft_nearest_neighbor": (
        soft_nearest_neighbor,
        ({"temperature": 4.0, "distance": "squared_euclidean"},),
    ),
    "simclr": (of_views(lambda settings: losses.SimCLRLoss(**settings)), ({"temperature": 0.5},)),
    "barlow_twins": (
        of_views(lambda settings: losses.Barlow(lambda_=settings["redundancy_weight"])),
        ({"redundancy_weight": 0.005},),
    ),
}


def draw_batches(random):
    """Labels and embeddings by the name of the batch: every sample has one of its class, and one
    of another, in the batch."""
    embeddings = random.normal(size=[SAMPLES, DIM])
    return {
        "paired": (PAIRED, embeddings),
        "two_classes": (TWO_CLASSES, embeddings),
        "uneven": ([2, 0, 2, 2, 0, 2, 1, 1], random.normal(size=[SAMPLES, DIM])),
    }


def files():
    for seed, (name, (build, several)) in enumerate(RECIPES.items()):
        batches = draw_batches(np.random.RandomState(seed))
        for i, settings in enumerate(several):
            loss = build(settings)
            if settings.get("distance") == "cosine" or build is multi_similarity:
                loss = of_units(loss)
            yield f"tfsim_{name}_{i}", of_batches(settings, batches, taped(loss))


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)  # two recordings then agree
    tf.config.threading.set_inter_op_parallelism_threads(1)
    write(__doc__, ("tensorflow", "tensorflow-similarity"), files())
