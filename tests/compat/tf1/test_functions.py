"""Functions on nodes against golden figures of TensorFlow 1.15.5: losses and metrics of Keras,
reductions that keep their axes, `tf.TensorArray`."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import portable_losses.compat.tf1 as tf
from portable_losses import _backend
from tests.oracles import tf1_functions

RECORD = np.load(Path(__file__).parents[2] / "oracles" / "golden" / "programs_functions.npz")


@pytest.mark.parametrize("traced", [False, True] if keras.backend.backend() == "torch" else [False])
@pytest.mark.parametrize("function", tf1_functions.FUNCTIONS, ids=lambda f: f.__name__)
def test_as_in_tensorflow_1(function: Any, traced: bool, monkeypatch: pytest.MonkeyPatch):
    if traced:  # at once, and not after some runs
        monkeypatch.setattr(_backend._module, "RUNS_BEFORE_TRACE", 0)
    found = tf1_functions.fetch(tf, function)
    prefix = f"{function.__name__}/"
    expected = {k.removeprefix(prefix): RECORD[k] for k in RECORD.files if k.startswith(prefix)}
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert np.shape(found[key]) == value.shape, key
        assert found[key].dtype.kind == value.dtype.kind, key
        np.testing.assert_allclose(found[key], value, 1e-5, 1e-6, err_msg=key)
