"""Record what losses of TensorFlow Similarity compute, as golden figures.

Runs with TensorFlow 2.15, TensorFlow Similarity 0.17 and NumPy, and writes small `.npz` files.
README.md beside this file says what they hold. Names and settings are those of `portable_losses`.
"""

import argparse
import json
import platform
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_similarity
from tensorflow_similarity import losses

SAMPLES, DIM = 8, 4


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
        "paired": ([0, 0, 1, 1, 2, 2, 3, 3], embeddings),
        "two_classes": ([0, 1, 0, 1, 1, 0, 1, 0], embeddings),
        "uneven": ([2, 0, 2, 2, 0, 2, 1, 1], random.normal(size=[SAMPLES, DIM])),
    }


def record(seed, build, settings):
    loss, figures = build(settings), []
    if settings.get("distance") == "cosine" or build is multi_similarity:
        loss = of_units(loss)
    batches = draw_batches(np.random.RandomState(seed))
    batches = {k: (np.array(y, "int32"), x.astype("float32")) for k, (y, x) in batches.items()}
    for labels, embeddings in batches.values():
        x = tf.constant(embeddings)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(tf.constant(labels), x)
        figures.append((value.numpy(), tape.gradient(value, x).numpy()))
    recorded = {"settings": json.dumps(settings), "batches": np.array(list(batches))}
    recorded["labels"], recorded["embeddings"] = map(np.stack, zip(*batches.values(), strict=True))
    recorded["loss"], recorded["gradient"] = map(np.stack, zip(*figures, strict=True))
    return recorded


def versions():
    """What made the figures, as JSON."""
    made_by = {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "tensorflow-similarity": tensorflow_similarity.__version__,
        "numpy": np.__version__,
    }
    return json.dumps(made_by, sort_keys=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    beside = Path(__file__).resolve().parent / "golden"
    parser.add_argument("--out", default=beside, type=Path, help="folder for the .npz files")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    tf.config.threading.set_intra_op_parallelism_threads(1)  # two recordings then agree
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for seed, (name, (build, several)) in enumerate(RECIPES.items()):
        for i, settings in enumerate(several):
            path = folder / f"tfsim_{name}_{i}.npz"
            np.savez_compressed(path, versions=versions(), **record(seed, build, settings))
            print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
