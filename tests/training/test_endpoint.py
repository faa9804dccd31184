"""`add_loss` in the forms that old texts show, and `LossEndpoint` for the one that is gone."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from tests import autodiff


def numbers(x: Any) -> np.ndarray:
    return ops.convert_to_numpy(x)


class ActivityPenalty(keras.layers.Layer):
    """A layer that adds `rate` times the sum of squares of its inputs."""

    def __init__(self, rate: float = 1e-2):
        super().__init__()
        self.rate = rate

    def call(self, inputs: Any) -> Any:
        self.add_loss(self.rate * ops.sum(ops.square(inputs)))
        return inputs


class SparseNetwork(keras.layers.Layer):
    """Two dense layers with the penalty between them."""

    def __init__(self, units: int):
        super().__init__()
        self.first = keras.layers.Dense(32, activation="relu")
        self.penalty = ActivityPenalty()
        self.second = keras.layers.Dense(units)

    def call(self, inputs: Any) -> Any:
        return self.second(self.penalty(self.first(inputs)))


def test_one_loss_a_forward_pass_and_none_piles_up():
    network = SparseNetwork(1)
    x = np.ones((10, 10), "float32")
    for _ in range(3):
        network(x)
        assert len(network.losses) == 1
    expected = 1e-2 * np.sum(numbers(network.first(x)) ** 2)
    assert float(numbers(network.losses[0])) == pytest.approx(expected, rel=1e-5)


def test_the_penalty_is_trained(rng):
    x = rng.normal(size=(32, 10)).astype("float32")
    inputs = keras.Input((10,))
    model = keras.Model(inputs, SparseNetwork(1)(inputs))
    model.compile("sgd", loss="mse")
    model.fit(x, np.zeros((32, 1)), epochs=1, verbose=0)
    first = model.layers[-1].first
    before = np.square(numbers(first(x))).sum()
    model.fit(x, np.zeros((32, 1)), epochs=5, verbose=0)
    assert np.square(numbers(first(x))).sum() < before


def three_inputs(loss: Any) -> tuple[keras.Model, keras.Model]:
    """The model with targets and weights among its inputs, and the one for inference."""
    x, y_true, weights = keras.Input((10,)), keras.Input((5,)), keras.Input((5,))
    y_pred = keras.layers.Dense(5)(keras.layers.Dense(16)(x))
    trained = keras.Model(
        [x, y_true, weights], training.LossEndpoint(loss)(y_true, y_pred, weights)
    )
    return trained, keras.Model(x, y_pred)


@pytest.mark.parametrize("loss", [losses.weighted_root_error, losses.weighted_squared_error])
def test_targets_and_weights_as_inputs(loss, rng, tmp_path):
    x, y, w = rng.random((20, 10)), rng.random((20, 5)), rng.random((20, 5))
    trained, inference = three_inputs(loss)
    trained.compile("adam", loss=None)
    first = trained.evaluate([x, y, w], batch_size=20, verbose=0)
    expected = numbers(loss(y, inference.predict(x, verbose=0), w)).mean()
    assert first == pytest.approx(expected, rel=1e-5)
    trained.fit([x, y, w], epochs=20, verbose=0)
    assert trained.evaluate([x, y, w], verbose=0) < first
    assert inference.predict(x, verbose=0).shape == (20, 5)
    trained.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.evaluate([x, y, w], verbose=0) == pytest.approx(
        trained.evaluate([x, y, w], verbose=0), rel=1e-6
    )


def test_center_loss_at_an_endpoint_trains_saves_resumes_and_is_cut_off(rng, tmp_path):
    x, y = rng.normal(size=(24, 4)).astype("float32"), rng.integers(0, 3, 24)
    image, label = keras.Input((4,)), keras.Input((), dtype="int32")
    features = keras.layers.Dense(2)(image)
    logits = keras.layers.Dense(3)(features)
    center = losses.CenterLoss(num_classes=3)
    pulled = training.LossEndpoint(center, loss_weight=0.1)(label, features)
    scored = training.LossEndpoint("sparse_categorical_crossentropy")(
        label, keras.layers.Softmax()(logits)
    )
    model = keras.Model([image, label], [pulled, scored])
    model.compile("adam")
    model.fit([x, y], batch_size=8, shuffle=False, verbose=0)
    centers = numbers(center.centers).copy()
    assert np.abs(centers).min() > 0
    model.evaluate([x, y], verbose=0)
    np.testing.assert_array_equal(numbers(center.centers), centers)
    inference = keras.Model(image, logits)
    assert inference.predict(x, verbose=0).shape == (24, 3)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    runs = [m.fit([x, y], batch_size=8, shuffle=False, verbose=0) for m in (twin, model)]
    np.testing.assert_allclose(runs[0].history["loss"], runs[1].history["loss"], rtol=1e-6)


def test_sample_weights_at_an_endpoint(rng):
    x, y = rng.normal(size=(8, 3)).astype("float32"), rng.normal(size=(8, 3)).astype("float32")
    weight = rng.random(8).astype("float32")
    endpoint = training.LossEndpoint(losses.MeanSquaredError())
    endpoint(y, x, sample_weight=weight, training=True)
    expected = (np.square(x - y).mean(axis=1) * weight).mean()
    assert float(numbers(endpoint.losses[0])) == pytest.approx(expected, rel=1e-5)


def test_the_gradient_passes_through(rng):
    x = rng.normal(size=(4, 3)).astype("float32")
    endpoint = training.LossEndpoint("mean_squared_error")
    found = autodiff.gradient(lambda p: ops.sum(endpoint(np.zeros((4, 3), "float32"), p)), x)
    np.testing.assert_allclose(found, np.ones((4, 3)))
