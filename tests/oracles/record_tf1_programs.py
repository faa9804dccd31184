"""Record what the programs of tf1_programs.py compute in TensorFlow 1.15, as golden figures.

Runs on Python 3.7 with TensorFlow 1.15 and NumPy alone. README.md beside this file says what the
files hold.
"""

import argparse
import os
import zlib

import numpy as np
import tensorflow as tf
from record_tf1 import versions
from tensorflow.python.training import moving_averages
from tf1_functions import FUNCTIONS, fetch
from tf1_programs import (
    CLASSES,
    PROGRAMS,
    READS_AND_WRITES,
    fetch_three_times,
    follow_by_averages,
    run,
    train_by_each_optimizer,
)

# The path by which old code imports it.
tf.python = type("python", (), {"training": type("training", (), {})})
tf.python.training.moving_averages = moving_averages

SIZE, SAMPLES = 6, 7
TRAINING = (True, True, True, False, False, True)  # the last batch of training comes again


def draw(name):
    """Labels with duplicates and absent classes, and features around their classes."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    labels = random.randint(0, CLASSES - 1, (len(TRAINING), SAMPLES)).astype("int32")
    spread = random.normal(size=(CLASSES, SIZE))
    features = spread[labels] + 0.5 * random.normal(size=(len(TRAINING), SAMPLES, SIZE))
    return labels, features.astype("float32")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    parser.add_argument("--out", default=beside, help="folder for the .npz files")
    folder = parser.parse_args().out
    os.makedirs(folder, exist_ok=True)
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    together = {}
    for program in PROGRAMS:
        name = program.__name__
        labels, features = draw(name)
        found = run(tf, program, list(zip(labels, features, TRAINING)))  # noqa: B905  # older Pythons run it
        together.update({name + "/labels": labels, name + "/features": features})
        together.update({name + "/" + key: np.stack(found[key]) for key in found})
    np.savez_compressed(
        os.path.join(folder, "programs.npz"),
        versions=versions(),
        training=np.array(TRAINING),
        **together,
    )
    together = {}
    for program in READS_AND_WRITES:
        found = fetch_three_times(tf, program)
        together.update({program.__name__ + "/" + key: np.stack(found[key]) for key in found})
    path = os.path.join(folder, "programs_reads_and_writes.npz")
    np.savez_compressed(path, versions=versions(), **together)
    together = {"optimizers/" + key: found for key, found in train_by_each_optimizer(tf).items()}
    together.update({"averages/" + key: found for key, found in follow_by_averages(tf).items()})
    together = {key: np.float64(found) for key, found in together.items()}
    path = os.path.join(folder, "programs_training.npz")
    np.savez_compressed(path, versions=versions(), **together)
    together = {}
    for function in FUNCTIONS:
        found = fetch(tf, function)
        together.update({function.__name__ + "/" + key: found[key] for key in found})
    path = os.path.join(folder, "programs_functions.npz")
    np.savez_compressed(path, versions=versions(), **together)
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("train"):
            values = np.arange(6, dtype="float32").reshape(3, 2)
            tf.get_variable("centers", initializer=values)
        session.run(tf.global_variables_initializer())
        prefix = os.path.join(folder, "programs_checkpoint")
        tf.train.Saver().save(session, prefix, write_meta_graph=False, write_state=False)


if __name__ == "__main__":
    main()
