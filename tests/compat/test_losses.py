"""Old names: the figures that old code gives."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import compat, losses
from portable_losses.losses import as_loss
from tests import autodiff
from tests.references import weighted as reference

Y_TRUE = np.array([[0, 1, 1, 0], [0, 0, 1, 1]], "float32")
Y_PRED = np.array([[0, 1, 0, 1], [1, 0, 1, 1]], "float32")
WEIGHTS = [0.25, 0.5, 1.0, 0.75]


@pytest.fixture
def batch(rng):
    return rng.uniform(size=(2, 6, 4)).astype("float32")


def numbers(values):
    return ops.convert_to_numpy(values)


def test_weighted_mse_is_the_sum_over_the_batch():
    values = numbers(compat.weighted_mse(WEIGHTS)(Y_TRUE, Y_PRED))
    np.testing.assert_allclose(values, [0.8, 0.8], rtol=1e-6)
    per_sample = numbers(losses.weighted_squared_error(Y_TRUE, Y_PRED, WEIGHTS))
    np.testing.assert_allclose(per_sample.sum(), 0.8, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (compat.weighted_mse, "batch_squared_error"),
        (compat.weighted_rmse, "batch_root_error"),
    ],
)
def test_the_mean_is_the_number_of_the_batch(make, name, batch):
    y_true, y_pred = batch
    expected = getattr(reference, name)(y_true, y_pred, WEIGHTS)
    for weights in (WEIGHTS, tuple(WEIGHTS), np.array(WEIGHTS, "float32")):
        values = numbers(make(weights)(y_true, y_pred))
        np.testing.assert_allclose(values, np.full(6, expected), rtol=1e-5)

    def mean(p):
        return ops.mean(make(WEIGHTS)(y_true, p))

    found = autodiff.gradient(mean, y_pred)
    wide = y_pred.astype("float64")
    batch_loss = getattr(reference, name)
    slope = [
        (batch_loss(y_true, wide + d, WEIGHTS) - batch_loss(y_true, wide - d, WEIGHTS)) / 2e-6
        for d in 1e-6 * np.eye(24).reshape(24, 6, 4)
    ]
    np.testing.assert_allclose(found, np.reshape(slope, (6, 4)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("make", [compat.weighted_mse, compat.weighted_rmse])
def test_no_error_and_no_weight_are_zero_with_a_finite_gradient(make):
    for loss, y_pred in ((make(WEIGHTS), Y_TRUE), (make([0.0] * 4), Y_PRED)):
        assert (numbers(loss(Y_TRUE, y_pred)) == 0).all()
        found = autodiff.gradient(lambda p, f=loss: ops.mean(f(Y_TRUE, p)), y_pred)
        np.testing.assert_array_equal(found, np.zeros((2, 4)))


def test_the_penalised_error_is_the_old_number(batch):
    y_true, y_pred = (x.astype("float64") for x in batch)
    for factor in (0.0, 0.1, 0.4):
        expected = np.mean((y_true - y_pred) ** 2) + factor * np.mean((0.5 - y_pred) ** 2)
        for values in (
            compat.custom_mean_squared_error(*batch, regularization_factor=factor),
            compat.custom_mean_squared_error(*batch, factor),
            compat.custom_mse(factor)(*batch),
        ):
            assert tuple(values.shape) == (6,)
            assert numbers(values).mean() == pytest.approx(expected, rel=1e-5)


def test_huber_has_a_threshold(batch):
    y_true, y_pred = (x.astype("float64") for x in batch)
    for threshold in (0.1, 1.0):
        size = np.abs(y_true - y_pred)
        per_entry = np.where(size <= threshold, size**2 / 2, threshold * (size - threshold / 2))
        values = numbers(compat.huber(*batch, threshold=threshold))
        np.testing.assert_allclose(values, per_entry.mean(axis=-1), rtol=1e-5)


@pytest.mark.parametrize("make", [compat.weighted_mse, compat.weighted_rmse])
def test_bad_weights_are_refused(make):
    with pytest.raises(ValueError, match=r"finite and not negative. Received: -1.0"):
        make([1.0, -1.0])
    with pytest.raises(ValueError, match="3 weights for samples of length 4"):
        make([1.0, 1.0, 1.0])(Y_TRUE, Y_PRED)


SAVED = {
    "weighted_mse": lambda: as_loss(compat.weighted_mse, weights=WEIGHTS),
    "closure of weighted_mse": lambda: as_loss(compat.weighted_mse(WEIGHTS)),
    "closure of weighted_rmse": lambda: as_loss(compat.weighted_rmse(np.array(WEIGHTS))),
    "closure of custom_mse": lambda: as_loss(compat.custom_mse(0.4)),
    "huber": lambda: as_loss(compat.huber, threshold=0.5),
    "custom_mean_squared_error": lambda: as_loss(compat.custom_mean_squared_error),
}


@pytest.mark.parametrize("name", SAVED)
def test_saved_by_as_loss(name, batch):
    loss = SAVED[name]()
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert loss.registered_name.startswith("portable_losses.compat>")
    assert float(twin(*batch)) == float(loss(*batch))


@pytest.mark.parametrize(
    "loss",
    [
        lambda: compat.weighted_mse(WEIGHTS),
        lambda: compat.weighted_rmse(WEIGHTS),
        lambda: compat.custom_mse(0.4),
        lambda: compat.huber,
        lambda: as_loss(compat.weighted_mse(WEIGHTS)),
    ],
)
def test_compiled_and_fitted_as_it_is(loss, batch):
    y_true, x = batch
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    function = loss()
    model.compile(keras.optimizers.SGD(0.05), loss=function)
    expected = float(ops.mean(function(y_true, model.predict(x, verbose=0))))
    history = model.fit(x, y_true, epochs=3, batch_size=6, verbose=0).history["loss"]
    assert history[0] == pytest.approx(expected, rel=1e-5)
    assert history[2] < history[0]
