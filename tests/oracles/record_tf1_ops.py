"""Record what the operations of TensorFlow 1.15 give for the calls of `tf1_calls.py`.

Runs on Python 3.7 with TensorFlow 1.15 and NumPy alone. README.md says what the files hold.
"""

# ruff: noqa: B905, UP032  # of later Pythons than this runs on

import argparse
import os

import numpy as np
import tensorflow as tf
import tf1_calls
from record_tf1 import open_session, versions


def lookup(name):
    found = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found


def nodes(one):
    """The tensors of a call: its values, and the gradients of their weighted sum."""
    args, kwargs, by = one.with_arrays(tf.constant, lookup)
    result = lookup(one.name)(*args, **kwargs)
    values = list(result) if isinstance(result, (list, tuple)) else [result]
    if not by:
        return values, []
    total = 0.0
    for value in values:
        if value.dtype.is_floating:
            # Its shape may depend on values; in graph mode those are of the first run.
            weights = tf.reshape(
                tf.cos(tf.range(tf.cast(tf.size(value), tf.float32))), tf.shape(value)
            )
            total += tf.reduce_sum(value * tf.cast(weights, value.dtype))
    gradients = tf.gradients(total, by)
    gradients = [
        tf.zeros_like(x) if g is None else tf.convert_to_tensor(g) for g, x in zip(gradients, by)
    ]
    return values, gradients


def record_calls():
    recorded, layouts = {}, {}
    for name, calls in sorted(tf1_calls.by_name().items()):
        with tf.Graph().as_default(), open_session() as session:
            try:
                results = session.run([nodes(one) for one in calls])
            except Exception as error:
                raise RuntimeError("tf.{}: {}".format(name, error)) from error
        recorded[name], layouts[name] = tf1_calls.pack(results)
    recorded["layout"] = tf1_calls.dump(layouts)
    return recorded


def record_streams():
    """The value of each metric after two batches, and its update operation after each."""
    recorded = {}
    for i, (name, batches, settings) in enumerate(tf1_calls.STREAMS):
        with tf.Graph().as_default(), open_session() as session:
            given = [tf.placeholder(x.dtype, x.shape) for x in batches[0]]
            value, update = getattr(tf.metrics, name)(*given, **settings)
            session.run(tf.local_variables_initializer())
            updates = [session.run(update, dict(zip(given, batch))) for batch in batches]
            key = f"{i:02}_{name}"
            recorded[key] = np.stack([session.run(value)]).astype("float64")
            if np.shape(updates[0]) == np.shape(recorded[key][0]):
                recorded[key + "_updates"] = np.stack(updates).astype("float64")
    return recorded


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    parser.add_argument("--out", default=beside, help="folder for the .npz files")
    folder = parser.parse_args().out
    os.makedirs(folder, exist_ok=True)
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    for name, recorded in [("calls", record_calls()), ("metrics", record_streams())]:
        path = os.path.join(folder, "tf1_ops_" + name + ".npz")
        np.savez_compressed(path, versions=versions(), **recorded)
        print(f"{os.path.basename(path)}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
