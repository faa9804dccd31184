"""Losses of rankings and of scored pairs: what the contract suite does not ask."""

import numpy as np
import pytest
from keras import ops

from portable_losses import _backend, losses
from portable_losses._backend import _generic
from tests import autodiff
from tests.autodiff import BACKEND
from tests.contract.checks import close, derivative
from tests.references import ranking as reference

N = 5


def test_angles_of_an_even_number_of_coordinates(rng):
    scores, x = rng.random(N).astype("float32"), rng.normal(size=(N, 2, 4)).astype("float32")
    exact = x.astype("float64")
    close(ops.convert_to_numpy(losses.angle(scores, x)), reference.angle(scores, exact))
    found = autodiff.gradient(lambda p: ops.sum(losses.angle(scores, p, scale=5.0)), x)
    expected = derivative(lambda p: reference.angle(scores, p, scale=5.0).sum(), exact)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("function", [losses.cosent, losses.angle])
def test_only_the_order_of_scores_counts(function, rng):
    scores, x = np.float32([0.1, 3.0, 0.2, 3.0, -5.0]), rng.normal(size=(N, 2, 4))
    ranks = np.array([1, 3, 2, 3, 0])
    values = [ops.convert_to_numpy(function(y, x.astype("float32"))) for y in (scores, ranks)]
    np.testing.assert_array_equal(*values)


def test_smooth_ap_at_a_low_temperature_is_the_average_precision(rng):
    y, x = rng.integers(0, 3, 12), rng.normal(size=(12, 4)).astype("float32")
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    precisions = []
    for i, row in enumerate(units @ units.T):
        order = [j for j in np.argsort(-row) if j != i]
        right = y[order] == y[i]
        precisions.append(np.mean((np.cumsum(right) / np.arange(1, 12))[right]))
    found = losses.SmoothAP(temperature=1e-6)(y, x)
    np.testing.assert_allclose(float(found), 1 - np.mean(precisions), rtol=1e-5)


@pytest.mark.parametrize("name", ["smooth_ap", "pnp"])
def test_of_few_positives_among_many(name, rng, monkeypatch):
    """No more columns than the most positives of an anchor: 16, or all 40, if one class has 17."""
    function, x = getattr(losses, name), rng.normal(size=(40, 4)).astype("float32")
    for most in (12, 18):
        y = np.repeat([0, 1, 2, 3, 4], [most, 10, 9, 0, 21 - most]).astype("int32")
        y[-1] = 0
        labels = ops.convert_to_tensor(y)

        def total(x, y=labels):
            return ops.sum(function(y, x, temperature=0.1, with_itself=True))

        expected = getattr(reference, name)(
            y, x.astype("float64"), temperature=0.1, with_itself=True
        )
        close(ops.convert_to_numpy(function(y, x, temperature=0.1, with_itself=True)), expected)
        found = autodiff.compiled_gradient(total, x)
        with monkeypatch.context() as patch:
            patch.setattr(_backend, "with_size", _generic.with_size)
            np.testing.assert_allclose(found, autodiff.gradient(total, x), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="it does not say what it allocates")
def test_smooth_ap_holds_the_triplets_of_a_block_alone(rng):
    n = 128
    y, x = np.zeros(n, "int32"), rng.normal(size=(n, 8)).astype("float32")
    assert autodiff.bytes_for_gradient(losses.SmoothAP(block_size=n), y, x) > 3 * n**3
    assert autodiff.bytes_for_gradient(losses.SmoothAP(block_size=4), y, x) < n**3


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("SmoothAP", {"temperature": 0.0}, "`temperature` must be greater than 0"),
        ("SmoothAP", {"block_size": 0}, "`block_size` must be a positive integer"),
        ("FastAP", {"num_bins": 0}, "`num_bins` must be a positive integer"),
        ("Histogram", {"num_bins": 2.5}, "`num_bins` must be a positive integer"),
        ("PNP", {"variant": "Dx"}, "`variant` must be one of"),
        ("PNP", {"alpha": -1.0}, "`alpha` must be at least 0"),
        ("PNP", {"b": 0.0}, "`b` must be greater than 0"),
        ("CoSENT", {"scale": 0.0}, "`scale` must be greater than 0"),
        ("AnglE", {"scale": -1.0}, "`scale` must be greater than 0"),
    ],
)
def test_bad_settings(name, settings, text, rng):
    cls = getattr(losses, name)
    shape = (N, 2, 4) if name in ("CoSENT", "AnglE") else (N, 4)
    for action in (
        lambda: cls(**settings),
        lambda: cls.function(np.arange(N), rng.normal(size=shape), **settings),
    ):
        with pytest.raises(ValueError, match=text):
            action()
