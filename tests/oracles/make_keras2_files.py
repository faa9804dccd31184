"""Make small model files with Keras 2.15, as users have them: `tests/compat/data/keras2_*`.

Runs on Python 3.11 with TensorFlow 2.15.1 and Keras 2.15.0. Each file has what the version wrote
and Keras 3 refuses or changes; `keras2_files.npz` holds what the models gave. The files are made
once and never edited.
"""

import os
import sys

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
from keras import backend as K
from keras import layers


def recall(y_true, y_pred):
    """A metric as a function, as user code has it."""
    hits = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
    return hits / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())


class Scaled(layers.Layer):
    """A layer of a user's own."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def functional(activation, units=1):
    inputs = keras.Input((3,))
    x = layers.Dense(4, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(units, activation=activation)(x))


def make():
    """Models with the losses, metrics and optimizers of their training."""
    binary = functional("sigmoid")
    binary.compile(
        keras.optimizers.legacy.SGD(lr=0.1, decay=0.01),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=["accuracy", "mse", recall, keras.metrics.AUC(num_thresholds=50)],
    )
    sparse = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(3)]
    )
    sparse.compile(
        keras.optimizers.Adam(0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="auto"),
        metrics=["acc"],
    )
    named = functional("linear", 2)
    named.compile("rmsprop", loss="MSE", metrics=["mae", "MAPE", "cosine_proximity"])
    inputs = keras.Input((3,))
    hidden = Scaled(0.5)(layers.Dense(4)(inputs))
    hidden = layers.BatchNormalization()(hidden)
    outputs = [layers.Dense(1, name="a")(hidden), layers.Dense(2, name="b")(hidden)]
    several = keras.Model(inputs, outputs)
    several.compile(
        keras.optimizers.legacy.Adam(lr=0.01, decay=0.1),
        loss={"a": keras.losses.Huber(delta=0.5), "b": "logcosh"},
        loss_weights={"a": 0.3, "b": 2.0},
        metrics={"a": ["mse"], "b": [keras.metrics.MeanSquaredError(name="m")]},
    )
    return {"binary": binary, "sparse": sparse, "named": named, "several": several}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    keras.utils.set_random_seed(7)
    random = np.random.RandomState(3)
    x = random.normal(size=[16, 3]).astype("float32")
    targets = {
        "binary": random.randint(2, size=16),
        "sparse": random.randint(3, size=16),
        "named": random.normal(size=[16, 2]).astype("float32"),
    }
    several = [random.normal(size=[16, n]).astype("float32") for n in (1, 2)]
    recorded = {"x": x, **{f"{name}_y": y for name, y in targets.items()}}
    recorded.update(several_y_a=several[0], several_y_b=several[1])
    for name, model in make().items():
        y = targets.get(name, several)
        model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
        outputs = model.predict(x, verbose=0)
        for i, output in enumerate(outputs if isinstance(outputs, list) else [outputs]):
            recorded[f"{name}_output_{i}"] = output
        logs = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
        recorded[name + "_logs"] = np.array(sorted(logs))
        recorded[name + "_values"] = np.float32([logs[key] for key in sorted(logs)])
        for suffix in ("h5", "keras"):
            model.save(os.path.join(folder, f"keras2_{name}.{suffix}"))
    np.savez_compressed(os.path.join(folder, "keras2_files.npz"), **recorded)


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    default = os.path.join(here, "..", "compat", "data")
    main(sys.argv[1] if len(sys.argv) > 1 else default)
