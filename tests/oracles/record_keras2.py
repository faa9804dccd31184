"""Record what the `keras.backend` of Keras 2.15 computes, as golden figures.

Runs with TensorFlow 2.15.1 (which brings Keras 2.15) and NumPy alone, and writes a small `.npz`.
The calls are those of `keras2_calls.py`; README.md beside this file says what is recorded.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import keras2_calls as calls
import numpy as np
import tensorflow as tf
from keras.src import backend as private

K = tf.keras.backend
K._private = private


def outputs(result):
    """The arrays of a result, one after the other."""
    if isinstance(result, tf.SparseTensor):
        return [x.numpy() for x in (result.indices, result.values, result.dense_shape)]
    if isinstance(result, list | tuple) and not all(isinstance(n, int) for n in result):
        return [x for part in result for x in outputs(part)]
    return [result.numpy() if hasattr(result, "numpy") else np.asarray(result)]


def weights(shape):
    """What the outputs are weighted with in the sum whose gradient is recorded."""
    return (1 + 0.25 * (np.arange(np.prod(shape, dtype=int)) % 5)).reshape(shape).astype("float32")


def flatten(result):
    return (
        [result]
        if not isinstance(result, list | tuple)
        else [x for part in result for x in flatten(part)]
    )


def slopes(row):
    tensors = [tf.constant(x) for x in row.tensors]
    with tf.GradientTape() as tape:
        for x in tensors:
            if x.dtype.is_floating:
                tape.watch(x)
        found = [x for x in flatten(row.run(K, *tensors)) if x.dtype.is_floating]
        total = tf.add_n([tf.reduce_sum(x * weights(x.shape)) for x in found])
    by = [x for x in tensors if x.dtype.is_floating]
    gradients = tape.gradient(total, by, unconnected_gradients="zero")
    return [tf.convert_to_tensor(x).numpy() for x in gradients]


def figures(row):
    """What a row gives: its outputs and gradients, or the name of the error that refuses it."""
    try:
        found = outputs(row.run(K, *map(tf.constant, row.tensors)))
    except Exception as error:  # in many ways
        return {"error": type(error).__name__}, []
    by = slopes(row) if row.gradient else []
    told = {"value": [[x.dtype.name, x.shape] for x in found]}
    told |= {"gradient": [[x.dtype.name, x.shape] for x in by]} if by else {}
    return told, found + by


def record():
    """The figures of a function of one dtype in one array, one after the other: an entry of its own
    for each would be ten times the file."""
    recorded, index = {}, {}
    for name, rows in calls.TABLE.items():
        parts, index[name] = {}, []
        for row in rows:
            told, found = figures(row)
            index[name].append({"label": row.label, **told})
            for x in found:
                parts.setdefault(x.dtype.name, []).append(x.ravel())
        recorded |= {f"{name}/{dtype}": np.concatenate(flat) for dtype, flat in parts.items()}
    names = [name for name in dir(K) if not name.startswith("_")]
    return {"names": np.array(names), "index": json.dumps(index), **recorded}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    beside = Path(__file__).resolve().parent / "golden"
    parser.add_argument("--out", default=beside, type=Path, help="folder for the .npz file")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    versions = {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
    recorded = record()
    path = folder / "keras2_backend.npz"
    np.savez_compressed(path, versions=json.dumps(versions, sort_keys=True), **recorded)
    rows = [row for rows in json.loads(recorded["index"]).values() for row in rows]
    refused = [row["label"] for row in rows if "error" in row]
    print(
        f"{path.name}: {len(rows)} calls, {path.stat().st_size} bytes; refused:",
        *refused,
        sep="\n  ",
    )


if __name__ == "__main__":
    main()
