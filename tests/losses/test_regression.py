"""Losses of regression: what the contract suite does not say."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from tests import autodiff

NAMES = {
    "mean_squared_error": "MeanSquaredError",
    "root_mean_squared_error": "RootMeanSquaredError",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "log_cosh": "LogCosh",
    "huber": "Huber",
    "confidence_penalized_squared_error": "ConfidencePenalizedSquaredError",
}


def numbers(x):
    return ops.convert_to_numpy(x)


def slope(function, y_true, y_pred, **settings):
    y_pred = np.asarray(y_pred, "float32")
    return autodiff.gradient(lambda p: ops.sum(function(y_true, p, **settings)), y_pred)


@pytest.mark.parametrize("name", NAMES)
def test_ids_against_rows_are_explained(name):
    with pytest.raises(ValueError, match=r"one_hot\(y_true, 10\)"):
        getattr(losses, name)(np.zeros(10000), np.zeros((10000, 10), "float32"))


@pytest.mark.parametrize("cls", NAMES.values())
def test_flat_predictions_are_samples_of_one_value(cls):
    y_true, y_pred = np.array([1.0, 2.0, 0.5]), np.array([2.0, 0.5, 0.5])
    weight = np.array([1.0, 2.0, 3.0])
    loss = getattr(losses, cls)(reduction="none")
    flat = numbers(loss(y_true, y_pred, sample_weight=weight))
    assert flat.shape == (3,)
    column = numbers(loss(y_true[:, None], y_pred[:, None], sample_weight=weight))
    np.testing.assert_array_equal(flat, column)


def test_errors_of_ten_thousand():
    y_true, y_pred = np.zeros((1, 2), "float32"), np.array([[1e4, -1e4]], "float32")
    np.testing.assert_allclose(
        numbers(losses.log_cosh(y_true, y_pred)), [1e4 - np.log(2)], rtol=1e-7
    )
    np.testing.assert_array_equal(slope(losses.log_cosh, y_true, y_pred), [[0.5, -0.5]])
    np.testing.assert_allclose(numbers(losses.huber(y_true, y_pred)), [1e4 - 0.5], rtol=1e-7)
    np.testing.assert_allclose(numbers(losses.mean_squared_error(y_true, y_pred)), [1e8])


class TestHuber:
    @pytest.mark.parametrize("delta", [0.25, 1.0, 2.0])
    def test_it_is_that_of_keras_up_to_and_beyond_the_joints(self, delta):
        y_pred = np.array([[-4, -2, -1, -0.25, 0, 0.1, 0.25, 1, 2, 5]], "float32")
        y_true = np.zeros_like(y_pred)
        ours, theirs = (h.huber(y_true, y_pred, delta=delta) for h in (losses, keras.losses))
        np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-6)
        ours, theirs = (slope(h.huber, y_true, y_pred, delta=delta) for h in (losses, keras.losses))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        np.testing.assert_allclose(ours, np.clip(y_pred, -delta, delta) / 10, rtol=1e-6)

    def test_it_is_not_scaled(self):
        assert float(losses.huber([[0.0]], [[3.0]], delta=2.0)[0]) == 4  # 2 · (3 − 1)

    @pytest.mark.parametrize("delta", [0, -1.0])
    def test_delta_must_be_positive(self, delta):
        with pytest.raises(ValueError, match="`delta` must be greater than 0"):
            losses.huber([[0.0]], [[1.0]], delta=delta)
        with pytest.raises(ValueError, match="`delta` must be greater than 0"):
            losses.Huber(delta)


class TestRootMeanSquaredError:
    def test_it_is_the_root_for_each_sample(self, rng):
        y_true, y_pred = rng.normal(size=(2, 4, 3)).astype("float32")
        squares = numbers(losses.mean_squared_error(y_true, y_pred))
        roots = numbers(losses.root_mean_squared_error(y_true, y_pred))
        np.testing.assert_allclose(roots, np.sqrt(squares), rtol=1e-6)

    def test_a_perfect_sample_does_not_spoil_the_others(self):
        y_true = np.array([[1, 2], [1, 2]], "float32")
        found = slope(losses.root_mean_squared_error, y_true, [[1, 2], [1, 4]])
        np.testing.assert_allclose(found, [[0, 0], [0, np.sqrt(0.5)]], rtol=1e-6)

    def test_a_tiny_error_has_the_full_gradient(self):
        found = slope(losses.root_mean_squared_error, np.zeros((1, 1), "float32"), [[1e-10]])
        np.testing.assert_allclose(found, [[1]], rtol=1e-5)


class TestConfidencePenalizedSquaredError:
    def test_the_mean_is_that_of_the_tutorials(self, rng):
        y_true, y_pred = rng.uniform(size=(2, 6, 3)).astype("float32")
        loss = losses.ConfidencePenalizedSquaredError()
        expected = np.mean((y_true - y_pred) ** 2) + 0.1 * np.mean((0.5 - y_pred) ** 2)
        np.testing.assert_allclose(float(loss(y_true, y_pred)), expected, rtol=1e-6)

    @pytest.mark.parametrize("factor", [0.0, 0.1, 2.0])
    def test_the_best_prediction_moves_towards_one_half(self, factor):
        y_true = np.array([[0, 1, 0.5]], "float32")
        best = (y_true + factor / 2) / (1 + factor)
        found = slope(
            losses.confidence_penalized_squared_error, y_true, best, regularization_factor=factor
        )
        np.testing.assert_allclose(found, np.zeros((1, 3)), atol=1e-7)

    def test_a_reward_for_confidence_is_refused(self):
        with pytest.raises(ValueError, match="`regularization_factor` must be at least 0"):
            losses.ConfidencePenalizedSquaredError(-0.1)


class TestCosineSimilarity:
    def test_it_is_negated(self):
        values = losses.cosine_similarity([[1.0, 0.0]] * 3, [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0]])
        np.testing.assert_allclose(numbers(values), [-1, 0, 1], atol=1e-7)

    def test_a_zero_vector_does_not_spoil_its_neighbours(self):
        y_true = np.array([[3, 4], [3, 4], [0, 0]], "float32")
        found = slope(losses.cosine_similarity, y_true, [[0, 0], [1, 0], [1, 0]])
        np.testing.assert_allclose(found, [[0, 0], [0, -0.8], [0, 0]], atol=1e-7)

    @pytest.mark.parametrize("length", [1e-12, 1.0, 1e15])
    def test_the_gradient_scales_with_one_over_the_length(self, length):
        found = slope(losses.cosine_similarity, np.array([[3, 4]], "float32"), [[length, 0]])
        np.testing.assert_allclose(found * length, [[0, -0.8]], atol=1e-6)

    def test_along_another_axis(self, rng):
        y_true, y_pred = rng.normal(size=(2, 4, 3, 2)).astype("float32")
        first = losses.cosine_similarity(y_true, y_pred, axis=1)
        swapped = losses.cosine_similarity(y_true.swapaxes(1, 2), y_pred.swapaxes(1, 2))
        np.testing.assert_allclose(numbers(first), numbers(swapped), rtol=1e-5)


def test_a_small_number_keeps_its_digits_under_the_logarithm():
    values = losses.mean_squared_logarithmic_error([[1e-4]], [[2e-4]])
    exact = (np.log1p(2e-4) - np.log1p(1e-4)) ** 2
    np.testing.assert_allclose(numbers(values), [exact], rtol=1e-5)


def test_percentages_of_zero_and_of_negative_targets():
    values = losses.mean_absolute_percentage_error([[0.0], [-4.0]], [[1e-7], [-2.0]])
    np.testing.assert_allclose(numbers(values), [100, 50], rtol=1e-5)
