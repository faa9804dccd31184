"""A step of a TF1 center loss in a session: one program for TensorFlow 1.15 and for `compat.tf1`.

`python benchmarks/session_step.py OUT.json` on Python 3.7 with TensorFlow 1.15, or
`python -m benchmarks.session_step` here, with KERAS_BACKEND, writes the median milliseconds of
`session.run([loss, gradient.op, update.op], feed_dict)` by number of classes, for a batch of
256 x 128.
"""

import json
import sys
import time

import numpy as np

BATCH, DIM, ALPHA = 256, 128, 0.5
CLASSES = (1000, 10000, 100000)


def program(tf, classes):
    """What is fetched, and what is fed."""
    features = tf.placeholder(tf.float32, [None, DIM])
    labels = tf.placeholder(tf.int32, [None])
    centers = tf.get_variable(
        "centers", [classes, DIM], initializer=tf.constant_initializer(0), trainable=False
    )
    rows = tf.gather(centers, labels)
    loss = tf.nn.l2_loss(features - rows)
    (gradient,) = tf.gradients(loss, [features])
    _, inverse, count = tf.unique_with_counts(labels)
    times = tf.cast(1 + tf.gather(count, inverse), tf.float32)[:, None]
    update = tf.scatter_sub(centers, labels, ALPHA * (rows - features) / times)
    rng = np.random.RandomState(0)
    feed = {
        features: rng.normal(size=(BATCH, DIM)).astype("float32"),
        labels: rng.randint(0, classes, BATCH).astype("int32"),
    }
    return [loss, gradient.op, update.op], feed


def step_time(tf, classes, steps=500):
    with tf.Graph().as_default(), tf.Session() as session:
        fetches, feed = program(tf, classes)
        session.run(tf.global_variables_initializer())
        found = []
        for _ in range(steps):
            start = time.perf_counter()
            session.run(fetches, feed)
            found.append(time.perf_counter() - start)
        return 1e3 * float(np.median(found[steps // 5 :]))


def main(out=None):
    if sys.version_info < (3, 8):  # noqa: UP036  # TensorFlow 1 runs it too
        import tensorflow as tf

        name = "TensorFlow " + tf.__version__
    else:
        import keras

        import portable_losses.compat.tf1 as tf

        name = keras.backend.backend()
    figures = {str(classes): step_time(tf, classes) for classes in CLASSES}
    if out:
        with open(out, "w") as file:
            json.dump(figures, file)
    print(name, "milliseconds of a step:", figures)


if __name__ == "__main__":
    main(*sys.argv[1:])
