"""Train the program of `portable-losses demo --legacy` as it stands, on TensorFlow 1.15.5.

    python3.7 tests/oracles/record_legacy_demo.py --out portable_losses/_legacy

The images are scikit-learn's digits, read by the version that has a Python 3.7.
"""

import argparse
import json
import os
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, "portable_losses", "_legacy", "digits_tf1.py.txt")
EPOCHS = 10
TRAIN = 1200


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, help="folder for the .npz file")
    folder = parser.parse_args().out
    os.makedirs(folder, exist_ok=True)
    out = os.path.join(folder, "digits_tf1.npz")
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    images, digits = load_digits(return_X_y=True)
    x = (images / 16).astype("float32")
    program = types.ModuleType("digits_tf1")
    with open(PROGRAM) as file:
        exec(compile(file.read(), PROGRAM, "exec"), program.__dict__)
    model = program.build_model()
    random = np.random.RandomState(0)
    start = [
        random.normal(scale=0.1, size=weight.shape).astype("float32")
        for weight in model.get_weights()
    ]
    model.set_weights(start)
    history = program.train(model, x[:TRAIN], np.eye(10, dtype="float32")[digits[:TRAIN]], EPOCHS)
    session = tf.keras.backend.get_session()
    recorded = {
        "loss": np.float32(history.history["loss"]),
        "accuracy": np.float32(history.history["categorical_accuracy"]),
        "centers": session.run(session.graph.get_tensor_by_name("centers:0")),
        "predicted": model.predict(x[TRAIN:]).argmax(axis=1).astype("int8"),
        "train": np.int32(TRAIN),
        "versions": json.dumps({"tensorflow": tf.__version__, "numpy": np.__version__}),
    }
    recorded.update((f"start_{i}", weight) for i, weight in enumerate(start))
    np.savez_compressed(out, **recorded)
    print(recorded["loss"], recorded["accuracy"])
    print("test", np.mean(recorded["predicted"] == digits[TRAIN:]), os.path.getsize(out), "bytes")


if __name__ == "__main__":
    main()
