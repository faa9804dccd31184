"""Record what old calls give, as golden figures for the codemod's tables.

    python record_codemod.py K tf slopes --out golden  # TensorFlow 2.15 and Keras 2.15
    python record_codemod.py tf1 --out golden      # Python 3.7, TensorFlow 1.15

README.md beside this file says what the files hold. Runs with TensorFlow and NumPy alone.
"""

import argparse
import json
import os
import platform

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def read(path):
    """The calls of `codemod_calls.txt` by section."""
    found, section = {}, None
    with open(path) as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("["):
                section = found.setdefault(line.strip("[]"), [])
            elif line and not line.startswith("#"):
                section.append(line)
    return found


def inputs():
    """The names that the calls use."""
    rng = np.random.RandomState(20)
    x, y = (rng.normal(size=(3, 4)).astype("float32") for _ in range(2))
    p = rng.uniform(size=(3, 4)).astype("float32")
    p[0, 0], p[0, 1], p[1, 2] = 0, 1, 1e-6
    q = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    i = np.array([2, 0, 3], "int32")
    s = rng.normal(size=(3, 3)).astype("float32")
    b = np.array([[1, 0, 1, 0], [0, 0, 1, 1], [1, 1, 1, 0]], "float32")
    return {
        "x": x,
        "y": y,
        "z": rng.normal(size=(2, 3, 4)).astype("float32"),
        "w": rng.normal(size=(4, 3)).astype("float32"),
        "s": s,
        "p": p,
        "q": q.astype("float32"),
        "t": np.eye(4, dtype="float32")[i],
        "b": b,
        "m": b.astype(bool),
        "n": np.array([[1, 2, 4, 8], [0, 1, 0, 1], [3, 3, 3, 4]], "int32"),
        "i": i,
        "j": np.array([2, 0, 1, 1], "int32"),
        "tiny": np.array([[1e-7, 0], [0, 0]], "float32"),
    }


def evaluate(call, names):
    """The figure of a call, computed by TensorFlow 2 at once or by TensorFlow 1 in a session."""
    import tensorflow as tf

    if hasattr(tf, "Session"):
        with tf.Graph().as_default(), tf.Session() as session:
            scope = {key: tf.constant(value) for key, value in names.items()}
            result = eval(call, {"tf": tf, "K": tf.keras.backend}, scope)
            return np.asarray(session.run(result) if hasattr(result, "graph") else result)
    scope = {key: tf.constant(value) for key, value in names.items()}
    result = eval(call, {"tf": tf, "K": tf.keras.backend, **scope})
    return (
        [np.asarray(part) for part in result] if isinstance(result, tuple) else np.asarray(result)
    )


def slope(call, names):
    """The gradient of the sum of a call by x, compiled, as `fit` takes it."""
    import tensorflow as tf

    scope = {key: tf.constant(value) for key, value in names.items()}
    library = {"tf": tf, "K": tf.keras.backend}

    @tf.function
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(eval(call, {**library, **scope, "x": x}))
        return tf.convert_to_tensor(tape.gradient(total, x))

    return np.asarray(run(scope["x"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sections", nargs="+")
    parser.add_argument("--out", default=os.path.join(HERE, "golden"))
    options = parser.parse_args()

    import tensorflow as tf

    names = inputs()
    calls = read(os.path.join(HERE, "codemod_calls.txt"))
    if not os.path.isdir(options.out):
        os.makedirs(options.out)
    versions = {"python": platform.python_version(), "tensorflow": tf.__version__}
    versions["numpy"] = np.__version__
    for section in options.sections:
        figures = {}
        for number, call in enumerate(calls[section]):
            figure = (slope if section == "slopes" else evaluate)(call, names)
            parts = figure if isinstance(figure, list) else [figure]
            for part, value in enumerate(parts):
                figures[f"{number}_{part}"] = value
        figures["calls"] = np.array(json.dumps(calls[section]))
        figures["versions"] = np.array(json.dumps(versions))
        figures.update(("input_" + key, value) for key, value in names.items())
        np.savez_compressed(os.path.join(options.out, f"codemod_{section.lower()}.npz"), **figures)
        print(section, len(calls[section]))


if __name__ == "__main__":
    main()
