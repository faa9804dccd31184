"""Losses of distributions: what the contract suite does not say."""

import numpy as np
import pytest
from keras import ops

from portable_losses.losses import Poisson, kl_divergence, poisson
from tests import autodiff


def numbers(x):
    return ops.convert_to_numpy(x)


def test_the_best_rate_is_the_mean_count():
    y_true = np.array([[0, 1, 2, 5]], "float32")
    slope = autodiff.gradient(
        lambda rate: ops.sum(poisson(y_true, rate * ops.ones((1, 4)))), np.array(2, "float32")
    )
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_a_rate_of_zero_is_pushed_up_where_something_was_counted():
    slope = autodiff.gradient(
        lambda p: ops.sum(poisson(np.ones((1, 1), "float32"), p)), np.zeros((1, 1), "float32")
    )
    np.testing.assert_allclose(slope, [[1 - 1e7]], rtol=1e-6)


def test_a_negative_rate_is_nan():
    assert np.isnan(numbers(poisson([[1.0]], [[-1.0]])))


def test_flat_rates_are_samples():
    loss = Poisson(reduction="none")([0.0, 0.0], [1.0, 2.0], sample_weight=[1.0, 0.5])
    np.testing.assert_allclose(numbers(loss), [1, 1], rtol=1e-6)


def test_divergence_from_itself_is_zero_and_never_negative(rng):
    x = rng.dirichlet(np.ones(5), size=(2, 20)).astype("float32")
    np.testing.assert_array_equal(numbers(kl_divergence(x[0], x[0])), np.zeros(20))
    assert (numbers(kl_divergence(x[0], x[1])) > 0).all()


def test_classes_of_probability_zero_add_nothing():
    y_true, y_pred = [[0.5, 0.5, 0.0]], [[0.25, 0.5, 0.25]]
    np.testing.assert_allclose(numbers(kl_divergence(y_true, y_pred)), [np.log(2) / 2], rtol=1e-6)


@pytest.mark.parametrize("function", [poisson, kl_divergence])
def test_ids_against_rows_are_explained(function):
    with pytest.raises(ValueError, match=r"one_hot\(y_true, 10\)"):
        function(np.zeros(10000), np.zeros((10000, 10), "float32"))
