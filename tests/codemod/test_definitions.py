"""`migrate --verify` and `nox -s corpus`: what they take for a loss, cut out, and compare."""

import numpy as np
import pytest

from portable_losses.codemod.verify import calls, definitions

SOURCE = """
import os
import numpy as np
import tensorflow as tf
from keras import backend as K
from tensorflow.keras.losses import Loss as Base
import keras.layers

smooth = 1.0
print("trains")

def share(a, b):
    return K.sum(a * b) / (K.sum(b) + smooth)

def dice_loss(y_true, y_pred):
    return 1 - share(y_true, y_pred)

def numpy_loss(y_true, y_pred):
    return np.mean(y_true - y_pred)

def train_loss(labels, features):
    return tf.reduce_sum(labels)

class Square(Base):
    def call(self, y_true, y_pred):
        return tf.compat.v1.square(y_true - y_pred)

class Reader:
    def call(self, path):
        return tf.read_file(path)
"""


@pytest.fixture(scope="module")
def found():
    return {d.name: d for d in definitions.definitions(definitions.parse(SOURCE))}


def test_losses_are_found_and_programs_are_not(found):
    assert list(found) == ["dice_loss", "Square"]
    assert found["Square"].is_class and found["Square"].methods == ("call",)


def test_a_definition_comes_with_what_it_needs(found):
    source = found["dice_loss"].old
    assert "def share" in source and "smooth = 1.0" in source
    assert "print" not in source and "Square" not in source and "import os" not in source
    assert "import tensorflow" not in source


def test_imports_go_through_compat(found):
    assert 'K = _compat("K", "")' in found["dice_loss"].compat.replace("'", '"')
    source = found["Square"].compat.replace("'", '"')
    assert 'tf = _compat("tf1", "")' in source
    assert 'Base = _compat("keras2", "losses.Loss")' in source
    assert "import" not in source


@pytest.mark.parametrize(
    "old, place",
    [
        ("tensorflow", ("tf1", "")),
        ("tensorflow.compat.v1", ("tf1", "")),
        ("tensorflow.compat.v1.nn", ("tf1", "nn")),
        ("tensorflow.python.ops.math_ops", ("tf1", "python.ops.math_ops")),
        ("tensorflow.keras", ("keras2", "")),
        ("tensorflow.python.keras.backend", ("K", "")),
        ("keras.backend", ("K", "")),
        ("keras.backend.tensorflow_backend", ("K", "")),
        ("keras.backend.sum", ("K", "sum")),
        ("keras.losses.mse", ("keras2", "losses.mse")),
    ],
)
def test_places(old, place):
    assert definitions._place(old) == place


def test_other_numbers_are_seen():
    differ = calls.differ
    assert differ([np.float32(1.0)], [np.float32(1.00001)]) is None
    assert "expected 1" in differ([np.float32(1.001)], [np.float32(1.0)])
    assert "shape" in differ([np.zeros(2)], [np.zeros(3)])
    assert "results" in differ([], [np.zeros(3)])
    assert differ([np.array([np.nan])], [np.array([1.0])]) is not None
    assert differ([np.array([1e6 + 1])], [np.array([1e6])]) is None


def test_a_record_comes_back(tmp_path):
    plan = {"name": "loss", "construct": [], "call": {"positional": [], "named": {}}}
    calls.save(tmp_path / "r.npz", plan, output=[np.arange(3), np.eye(2)], weight=[])
    again, arrays = calls.read(tmp_path / "r.npz")
    assert again == plan
    assert calls.differ(arrays["output"], [np.arange(3), np.eye(2)]) is None
