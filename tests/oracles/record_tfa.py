"""Record what losses of TensorFlow Addons compute, as golden figures.

Runs with TensorFlow 2.15, TensorFlow Addons 0.23 and NumPy alone, and writes small `.npz` files.
README.md beside this file says what they hold. Names and settings are those of `portable_losses`.
"""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from _recording import DIM, PAIRED, SAMPLES, TWO_CLASSES, of_batches, taped, write

METRICS = {"euclidean": "L2", "squared_euclidean": "squared-L2", "cosine": "angular"}


def triplet(peer, settings):
    given = dict(settings, distance_metric=METRICS[settings["distance"]])
    del given["distance"]
    given.pop("singletons", None)
    return lambda labels, x: peer(labels, x, **given)


def semi_hard(settings):
    return triplet(tfa.losses.triplet_semihard_loss, settings)


def hard(settings):
    return triplet(tfa.losses.triplet_hard_loss, settings)


def lifted(settings):
    return lambda labels, x: tfa.losses.lifted_struct_loss(labels, x, **settings)


def npairs(settings):
    """The first half of the embeddings are anchors, the second their positives."""

    def loss(labels, x):
        products = tf.matmul(x[: SAMPLES // 2], x[SAMPLES // 2 :], transpose_b=True)
        return tfa.losses.npairs_loss(labels[: SAMPLES // 2], products)

    return loss


def npairs_multilabel(settings):
    """The same, where a sample has its label and the next one too, of four in a circle."""

    def loss(labels, x):
        products = tf.matmul(x[: SAMPLES // 2], x[SAMPLES // 2 :], transpose_b=True)
        several = tf.one_hot(labels % 4, 4) + tf.one_hot((labels + 1) % 4, 4)
        return tfa.losses.npairs_multilabel_loss(several[: SAMPLES // 2], products)

    return loss


RECIPES = {
    "triplet_semi_hard": (
        semi_hard,
        (
            {"margin": 1.0, "distance": "euclidean"},
            {"margin": 0.3, "distance": "squared_euclidean"},
            {"margin": 0.2, "distance": "cosine"},
        ),
    ),
    "triplet_hard": (
        hard,
        (
            {"margin": 1.0, "distance": "euclidean", "singletons": "push"},
            {"soft": True, "distance": "squared_euclidean", "singletons": "push"},
            {"margin": 0.2, "distance": "cosine", "singletons": "push"},
        ),
    ),
    "lifted_structure": (lifted, ({"margin": 1.0}, {"margin": 0.4})),
    "npairs": (npairs, ({},)),
    "npairs_multilabel": (npairs_multilabel, ({},)),
}


def draw_batches(random):
    """Labels and embeddings by the name of the batch. Embeddings are multiples of 1/256, of which
    float32 holds all products and sums: the peer's distances are exact."""
    embeddings = np.round(256 * random.normal(size=[SAMPLES, DIM])) / 256
    return {
        "paired": (PAIRED, embeddings),
        "singletons": ([3, 0, 4, 1, 0, 3, 3, 2], embeddings),
        "two_classes": (TWO_CLASSES, embeddings),
        "near": ([0, 1, 0, 1, 2, 2, 2, 0], embeddings / 16),
        "duplicates": ([0, 0, 0, 1, 1, 2, 2, 2], embeddings[[0, 0, 1, 2, 3, 4, 5, 4]]),
        "one_class": ([2] * SAMPLES, embeddings),
        "all_distinct": (range(SAMPLES), embeddings),
    }


def files():
    for seed, (name, (build, several)) in enumerate(RECIPES.items()):
        batches = draw_batches(np.random.RandomState(seed))
        for i, settings in enumerate(several):
            yield f"tfa_{name}_{i}", of_batches(settings, batches, taped(build(settings)))


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)  # two recordings then agree
    tf.config.threading.set_inter_op_parallelism_threads(1)
    write(__doc__, ("tensorflow", "tensorflow-addons"), files())
