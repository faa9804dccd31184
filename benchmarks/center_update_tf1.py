"""The step of benchmarks/center_update.py as TF1 code has it, on TensorFlow 1.15 (Python 3.7).

`python center_update_tf1.py OUT.json` writes the median milliseconds by number of classes.
"""

import json
import sys
import time

import numpy as np
import tensorflow as tf

BATCH, DIM, ALPHA = 256, 128, 0.5


def step_time(classes):
    rng = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.Session() as session:
        features = tf.Variable(rng.normal(size=(BATCH, DIM)).astype("float32"))
        labels = tf.Variable(rng.randint(0, classes, BATCH).astype("int32"), trainable=False)
        centers = tf.get_variable(
            "centers", [classes, DIM], initializer=tf.constant_initializer(0), trainable=False
        )
        rows = tf.gather(centers, labels)
        loss = tf.nn.l2_loss(features - rows)
        (gradient,) = tf.gradients(loss, [features])
        _, inverse, count = tf.unique_with_counts(labels)
        times = tf.cast(1 + tf.gather(count, inverse), tf.float32)[:, None]
        update = tf.scatter_sub(centers, labels, ALPHA * (rows - features) / times)
        fetches = [loss, gradient.op, update.op]  # nothing large is fetched
        session.run(tf.global_variables_initializer())
        found = []
        for _ in range(220):
            start = time.perf_counter()
            session.run(fetches)
            found.append(time.perf_counter() - start)
        return 1e3 * float(np.median(found[20:]))


def main(out):
    figures = {str(classes): step_time(classes) for classes in (1000, 10000, 100000, 1000000)}
    with open(out, "w") as file:
        json.dump(figures, file)
    print("TensorFlow", tf.__version__, "milliseconds of a step:", figures)


if __name__ == "__main__":
    main(sys.argv[1])
