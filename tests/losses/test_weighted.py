"""Weighted errors: what the contract suite does not say of them."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from tests import autodiff
from tests.references import weighted as reference

Y_TRUE = np.array([[0, 1, 1, 0], [0, 0, 1, 1]], "float32")
Y_PRED = np.array([[0, 1, 0, 1], [1, 0, 1, 1]], "float32")
WEIGHTS = [0.25, 0.5, 1.0, 0.75]

FUNCTIONS = [losses.weighted_squared_error, losses.weighted_root_error]
CLASSES = [losses.WeightedSquaredError, losses.WeightedRootError]
both = pytest.mark.parametrize("function", FUNCTIONS)
both_classes = pytest.mark.parametrize("cls", CLASSES)


def numbers(values):
    return ops.convert_to_numpy(values)


def test_the_example_by_hand():
    squared = numbers(losses.weighted_squared_error(Y_TRUE, Y_PRED, WEIGHTS))
    np.testing.assert_allclose(squared, [1.75 / 2.5, 0.25 / 2.5], rtol=1e-6)
    root = numbers(losses.weighted_root_error(Y_TRUE, Y_PRED, WEIGHTS))
    np.testing.assert_allclose(root, [1.75**0.5 / 2.5, 0.5 / 2.5], rtol=1e-6)


@both
def test_weights_per_sample(function, rng):
    y_true, y_pred = rng.normal(size=(2, 5, 4)).astype("float32")
    weights = rng.uniform(0, 2, (5, 4)).astype("float32")
    weights[1, 2], weights[3] = 0, 0
    expected = getattr(reference, function.__name__)(y_true, y_pred, weights)
    assert expected[3] == 0
    actual = numbers(function(y_true, y_pred, weights))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)
    compiled = autodiff.compiled(function)
    actual = numbers(compiled(*map(ops.convert_to_tensor, (y_true, y_pred, weights))))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)


@both
def test_zero_weights_give_zero_with_a_finite_gradient(function):
    weights = np.array([[1, 1, 1, 1], [0, 0, 0, 0]], "float32")
    assert float(function(Y_TRUE, Y_PRED, weights)[1]) == 0
    by_pred = autodiff.gradient(lambda p: ops.sum(function(Y_TRUE, p, weights)), Y_PRED)
    by_weights = autodiff.gradient(lambda w: ops.sum(function(Y_TRUE, Y_PRED, w)), weights)
    assert np.isfinite(by_pred).all() and np.isfinite(by_weights).all()
    assert (by_pred[1] == 0).all()


def test_gradient_by_the_weights(rng):
    y_true, y_pred = rng.normal(size=(2, 3, 4)).astype("float32")
    weights = rng.uniform(0.5, 2, (3, 4)).astype("float32")
    for function in FUNCTIONS:
        named = getattr(reference, function.__name__)
        found = autodiff.gradient(lambda w, f=function: ops.sum(f(y_true, y_pred, w)), weights)
        step = 1e-6 * np.eye(12).reshape(12, 3, 4)
        wide = weights.astype("float64")
        expected = [
            (named(y_true, y_pred, wide + d).sum() - named(y_true, y_pred, wide - d).sum()) / 2e-6
            for d in step
        ]
        np.testing.assert_allclose(found, np.reshape(expected, (3, 4)), rtol=1e-3, atol=1e-5)


@both_classes
@pytest.mark.parametrize(
    "weights", [WEIGHTS, tuple(WEIGHTS), np.array(WEIGHTS), np.array(WEIGHTS, "float32")]
)
def test_weights_are_kept_as_a_list_of_floats(cls, weights):
    kept = cls(weights).get_config()["weights"]
    assert kept == WEIGHTS
    assert {type(w) for w in kept} == {float}


@both_classes
def test_whole_weights_are_weights(cls):
    expected = cls([1.0, 2.0, 3.0, 4.0])(Y_TRUE, Y_PRED)
    assert float(cls([1, 2, 3, 4])(Y_TRUE.astype("int32"), Y_PRED)) == float(expected)


@both_classes
def test_one_output(cls):
    flat = cls([2.0], reduction="none")(np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    column = cls([2.0], reduction="none")(np.array([1.0, 2.0]), np.array([[3.0], [2.0]]))
    np.testing.assert_allclose(numbers(flat), numbers(column))


@pytest.mark.parametrize("name", ["weighted_squared_error", "weighted_root_error"])
def test_an_endpoint_takes_weights_per_sample_from_an_input(name, rng, tmp_path):
    x, y_true = rng.normal(size=(8, 3)).astype("float32"), rng.normal(size=(8, 4)).astype("float32")
    weights = rng.uniform(0.5, 2, (8, 4)).astype("float32")
    image, target, weight = keras.Input((3,)), keras.Input((4,)), keras.Input((4,))
    prediction = keras.layers.Dense(4)(image)
    endpoint = training.LossEndpoint(name)(target, prediction, weight)
    model = keras.Model([image, target, weight], endpoint)
    model.compile(keras.optimizers.SGD(0.1))
    y_pred = model.predict([x, y_true, weights], verbose=0)
    expected = getattr(reference, name)(y_true, y_pred, weights).mean()
    history = model.fit([x, y_true, weights], batch_size=8, epochs=3, verbose=0).history["loss"]
    np.testing.assert_allclose(history[0], expected, rtol=1e-5)
    assert history[2] < history[0]
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        twin.evaluate([x, y_true, weights], verbose=0),
        model.evaluate([x, y_true, weights], verbose=0),
        rtol=1e-6,
    )


@both_classes
def test_the_mask_of_a_layer_counts_in_fit(cls, rng):
    x = rng.normal(size=(8, 5, 3)).astype("float32")
    x[:, 3:] = 0
    y_true = rng.normal(size=(8, 5, 4)).astype("float32")
    inputs = keras.Input((5, 3))
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Masking()(inputs)))
    loss = cls(WEIGHTS)
    model.compile(keras.optimizers.SGD(0.0), loss=loss)
    y_pred = model.predict(x, verbose=0)
    values = getattr(reference, type(loss).function.__name__)(y_true, y_pred, WEIGHTS)
    history = model.fit(x, y_true, verbose=0).history
    np.testing.assert_allclose(history["loss"], [values[:, :3].mean()], rtol=1e-5)
    np.testing.assert_allclose(
        model.evaluate(x, y_true, verbose=0), values[:, :3].mean(), rtol=1e-5
    )


# Refused ------------------------------------------------------------------------------------


@both_classes
@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1.0, -2.0], r"`weights` must be finite and not negative. Received: -2.0"),
        ([1.0, float("inf")], r"`weights` must be finite and not negative. Received: inf"),
        ([float("nan")], r"`weights` must be finite and not negative. Received: nan"),
        ([[1.0, 2.0]], r"must be a list of numbers.*shape \(1, 2\).*LossEndpoint"),
        ([], r"must be a list of numbers.*shape \(0,\)"),
        (2.0, r"must be a list of numbers.*shape \(\)"),
    ],
)
def test_bad_settings_are_refused(cls, weights, text):
    with pytest.raises(ValueError, match=text):
        cls(weights)


@both_classes
def test_a_wrong_length_is_refused_by_both_lengths(cls):
    with pytest.raises(ValueError, match=r"3 weights for samples of length 4"):
        cls([1.0, 2.0, 3.0])(Y_TRUE, Y_PRED)


@both
@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (np.ones((3, 4)), r"weights.shape=\(3, 4\), y_pred.shape=\(2, 4\)"),
        (np.ones((2, 1)), r"weights.shape=\(2, 1\)"),
        (np.ones(()), r"weights.shape=\(\)"),
        ([1.0, 1.0, -1.0, 1.0], r"finite and not negative. Received: -1.0"),
    ],
)
def test_bad_weights_are_refused(function, weights, text):
    with pytest.raises(ValueError, match=text):
        function(Y_TRUE, Y_PRED, weights)


@both
def test_a_vector_of_predictions_is_refused(function):
    with pytest.raises(ValueError, match=r"predictions must have shape \(N, d\)"):
        function(Y_TRUE[0], Y_PRED[0], WEIGHTS)


@both
def test_targets_of_another_shape_are_refused(function):
    with pytest.raises(ValueError, match="must have the same shape"):
        function(Y_TRUE[:, :3], Y_PRED, WEIGHTS)
