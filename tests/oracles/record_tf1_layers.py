"""Record what functions of TensorFlow 1 that make variables give, and what becomes of these.

Runs on Python 3.7 with TensorFlow 1.15 and NumPy alone; `nox -s oracle_tf1` runs it again. Of each
case in `tf1_layers.py`: the variables as they start, and for three steps the value, its slopes by
the features and by what is trained, and the variables after the updates ran.
"""

# ruff: noqa: B905  # of later Pythons than this runs on

import argparse
import os

import numpy as np
import tensorflow as tf
from tf1_layers import CASES, before, inputs

tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)


def record(case):
    snippet, function, order, settings, _ = CASES[case]
    scope = {"__name__": "snippet"}
    exec(before(snippet), scope)
    found = {}
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        steps = inputs(case)
        x, y = (tf.placeholder(a.dtype, a.shape) for a in steps[0])
        given = [{"x": x, "y": y}[name] for name in order]
        out = scope[function](*given, **settings)
        parts = list(out) if isinstance(out, (tuple, list)) else [out]
        loss = parts[-1] if function == "cosine_softmax" else parts[0]
        moves = [part for part in parts[1:] if part is not loss]
        moves = [m for m in moves if not isinstance(m, tf.Variable)]
        moves = [op for m in moves for op in (m if isinstance(m, list) else [m])]
        moves += tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        variables = {v.op.name.rpartition("/")[2]: v for v in tf.global_variables()}
        trained = {v.op.name.rpartition("/")[2]: v for v in tf.trainable_variables()}
        names = sorted(trained)
        slopes = tf.gradients(tf.reduce_mean(loss), [x, *(trained[name] for name in names)])
        by = [(n, s) for n, s in zip(["x", *names], slopes) if s is not None]
        session.run(tf.global_variables_initializer())
        for name, variable in variables.items():
            found["start_" + name] = session.run(variable)
        for n, (features, labels) in enumerate(steps):
            feed = {x: features, y: labels}
            value, slopes = session.run([loss, [slope for _, slope in by]], feed)
            found[f"{n}_value"] = value
            for (name, _), slope in zip(by, slopes):
                found[f"{n}_slope_{name}"] = slope
            if moves and function != "cosine_softmax":
                session.run(moves, feed)
            for name, variable in variables.items():
                found[f"{n}_after_{name}"] = session.run(variable)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    folder = parser.parse_args().out
    data = {}
    for case in CASES:
        for name, value in record(case).items():
            data[f"{case}/{name}"] = np.asarray(value)
    np.savez_compressed(os.path.join(folder, "codemod_layers.npz"), **data)


if __name__ == "__main__":
    main()
