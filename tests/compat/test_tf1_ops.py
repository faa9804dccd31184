"""`portable_losses.compat.tf1` against figures of TensorFlow 1.15: values, dtypes and gradients."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses.compat import tf1 as tf
from portable_losses.compat.tf1 import _metrics
from tests import autodiff
from tests.oracles import tf1_calls

GOLDEN = Path(__file__).parent.parent / "oracles" / "golden"
with np.load(GOLDEN / "tf1_ops_calls.npz") as recorded:
    FIGURES = {key: recorded[key] for key in recorded.files}
LAYOUT = json.loads(str(FIGURES["layout"]))
# What a backend has not: JAX is asked for no 64 bits.
NARROW = {"int64": "int32", "float64": "float32"} if autodiff.BACKEND == "jax" else {}


def lookup(name):
    found = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found


def results_of(result):
    return list(result) if type(result) in (list, tuple) else [result]


def weighted_sum(one):
    """A function of the arrays of `by`: the weighted sum of the values of a call, and the values.
    Other arrays are no inputs of a program, so their values can be seen."""
    leaves = keras.tree.flatten((one.args, one.kwargs))
    constants = {id(x): ops.convert_to_tensor(x) for x in leaves if isinstance(x, np.ndarray)}

    def function(given):
        tensors = dict(zip(map(id, one.by_arrays()), given, strict=True))
        args, kwargs, _ = one.with_arrays(lambda x: (constants | tensors)[id(x)], lookup)
        values, total = results_of(lookup(one.name)(*args, **kwargs)), ops.zeros(())
        for i, value in enumerate(values):
            if not ops.is_tensor(value):
                values[i] = np.asarray(value)
            elif "float" in keras.backend.standardize_dtype(value.dtype):
                weights = tf1_calls.weights_of(tuple(value.shape)).astype("float32")
                weights = ops.cast(ops.convert_to_tensor(weights), value.dtype)
                total = total + ops.cast(ops.sum(value * weights), "float32")
        return total, values

    return function


def assert_like(actual, expected, safer, what):
    """Equal to 1e-5 of the largest; where TF's is not finite, finite in ours if `safer`."""
    assert actual.shape == expected.shape, what
    if safer:
        assert np.all(np.isfinite(actual)), what
        expected = np.where(np.isfinite(expected), expected, actual)
    finite = np.abs(expected[np.isfinite(expected)])
    atol = 1e-5 * max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=atol, err_msg=what)


@pytest.mark.parametrize("name", tf1_calls.by_name())
def test_figures_of_tensorflow_1(name):
    calls = tf1_calls.by_name()[name]
    results = autodiff.values_and_gradients(
        [weighted_sum(one) for one in calls],
        [one.by_arrays() for one in calls],
    )
    expected = tf1_calls.unpack(FIGURES[name], LAYOUT[name])
    for i, ((values, gradients), figures) in enumerate(zip(results, expected, strict=True)):
        what = f"tf.{name}, call {i}"
        assert len(values) == len(figures[0]), what
        for value, (figure, dtype) in zip(values, figures[0], strict=True):
            if ops.is_tensor(value):
                found = keras.backend.standardize_dtype(value.dtype)
                assert found == NARROW.get(dtype, dtype), what
            assert_like(np.asarray(value, "float64"), figure, calls[i].safer, what)
        for slope, (figure, _) in zip(gradients, figures[1], strict=True):
            assert_like(np.asarray(slope, "float64"), figure, calls[i].safer, what + ", gradient")


with np.load(GOLDEN / "tf1_ops_metrics.npz") as recorded:
    STREAMS = {key: recorded[key] for key in recorded.files if key != "versions"}


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _, _ in tf1_calls.STREAMS))
def test_metrics_over_two_batches(name):
    for i, (metric, batches, settings) in enumerate(tf1_calls.STREAMS):
        if metric != name:
            continue
        sums, value = _metrics.METRICS[name]
        both = sum(sums(*map(ops.convert_to_tensor, batch), **settings) for batch in batches)
        kept = {k: v for k, v in settings.items() if k in _metrics.settings_of(name)}
        found = ops.convert_to_numpy(value(both, **kept))
        figure = STREAMS[f"{i:02}_{name}"][0]
        np.testing.assert_allclose(found, figure, rtol=1e-5, atol=1e-6)
