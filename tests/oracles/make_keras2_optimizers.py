"""Make model files with Keras 2.15 whose optimizers have a state, and record how training goes on
from them: `tests/compat/data/keras2_states.npz`.

Runs on Python 3.11 with TensorFlow 2.15.1 and Keras 2.15.0. The file holds, under each name, the
bytes of an `.h5` file, or under `<name>.keras` of a `.keras` file, and under `<name>_after` the
weights, flat, after two more steps of the model that was saved. It is made once and never edited.
"""

import os
import sys
import tempfile

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras

OPTIMIZERS = {
    "SGD": {"learning_rate": 0.1, "momentum": 0.9},
    "RMSprop": {"learning_rate": 0.01, "momentum": 0.5, "centered": True},
    "Adam": {"learning_rate": 0.05, "amsgrad": True},
    "Adagrad": {"learning_rate": 0.1},
    "Adadelta": {"learning_rate": 1.0},
    "Adamax": {"learning_rate": 0.05},
    "Nadam": {"learning_rate": 0.05},
}


def batches():
    random = np.random.RandomState(11)
    x = random.normal(size=[4, 6, 3]).astype("float32")
    return x, np.sin(2 * x).sum(-1, keepdims=True)[..., [0, 0]].astype("float32")


def make(optimizer):
    keras.backend.clear_session()
    random = np.random.RandomState(2)
    start = keras.initializers.Constant(random.normal(size=[3, 4]))
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh", kernel_initializer=start),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, kernel_initializer="ones"),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def main(path):
    x, y = batches()
    recorded = {"x": x, "y": y}
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in OPTIMIZERS.items():
            for kind, module in (("", keras.optimizers), ("legacy_", keras.optimizers.legacy)):
                decay = {"decay": 0.2} if kind and name in ("SGD", "Adam") else {}
                model = make(getattr(module, name)(**settings, **decay))
                for step in (0, 1):
                    model.train_on_batch(x[step], y[step])
                for suffix in ("h5", "keras"):
                    file = os.path.join(folder, "model." + suffix)
                    model.save(file)
                    key = kind + name + (".keras" if suffix == "keras" else "")
                    if suffix == "h5" or not kind or name == "SGD":
                        recorded[key] = np.fromfile(file, "uint8")
                for step in (2, 3):
                    model.train_on_batch(x[step], y[step])
                after = [w.ravel() for w in model.get_weights()]
                recorded[kind + name + "_after"] = np.concatenate(after)
    np.savez_compressed(path, **recorded)


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    default = os.path.join(here, "..", "compat", "data", "keras2_states.npz")
    main(sys.argv[1] if len(sys.argv) > 1 else default)
