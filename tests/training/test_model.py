"""State in losses: trained, saved, resumed and never lost, on every backend."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from portable_losses.losses import StatefulLoss
from portable_losses.losses._base import register
from tests import autodiff

CLASSES, DIM = 3, 2


def data(rng: np.random.Generator, n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(n, 4)).astype("float32"), rng.integers(0, CLASSES, n)


def sequential() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(DIM)])


def unbuilt_sequential() -> keras.Model:
    return keras.Sequential([keras.layers.Dense(DIM)])


def functional() -> keras.Model:
    inputs = keras.Input((4,))
    hidden = keras.layers.Dropout(0.0)(keras.layers.Dense(8, activation="relu")(inputs))
    return keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(DIM)(hidden)))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(DIM)

    def call(self, x: Any) -> Any:
        return self.dense(x)


NETWORKS = [sequential, unbuilt_sequential, functional, Subclassed]


@register
class ProxyLoss(StatefulLoss):
    """Half the squared distance to a trainable proxy: the smallest loss that owns a weight."""

    def __init__(
        self, num_classes: int, reduction: Any = "mean", name: Any = None, dtype: Any = None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype, num_classes=num_classes)

    def build_state(self, dim: int) -> None:
        shape = (self.settings["num_classes"], dim)
        self.proxies = self.add_weight(name="proxies", shape=shape, initializer="ones")

    def values(self, y_true: Any, y_pred: Any) -> Any:
        return losses.center_loss(y_true, y_pred, self.proxies)

    def update(self, y_true: Any, y_pred: Any, counted: Any) -> None:
        pass


def numbers(variable: Any) -> np.ndarray:
    return ops.convert_to_numpy(variable).copy()


def fit(model: keras.Model, x: Any, y: Any, epochs: int = 1) -> list[float]:
    run = model.fit(x, y, epochs=epochs, batch_size=8, shuffle=False, verbose=0)
    return run.history["loss"]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("loss", [losses.CenterLoss, ProxyLoss])
def test_trains_evaluates_saves_and_resumes(network, loss, rng, tmp_path):
    keras.utils.set_random_seed(1)
    x, y = data(rng)
    model = training.LossModel(network(), loss(num_classes=CLASSES))
    model.compile(keras.optimizers.Adam(0.01))
    fit(model, x, y)
    state = model.loss_fn.variables[0]
    start = 1.0 if loss is ProxyLoss else 0.0
    moved = numbers(state)
    assert (np.abs(moved - start) > 1e-4).all(), "some of the state did not move"

    value = model.evaluate(x, y, verbose=0)
    np.testing.assert_array_equal(numbers(state), moved)  # evaluation leaves it alone
    np.testing.assert_allclose(model.predict(x, verbose=0), model.model.predict(x, verbose=0))

    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numbers(twin.loss_fn.variables[0]), moved)
    assert twin.evaluate(x, y, verbose=0) == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(fit(twin, x, y, 2), fit(model, x, y, 2), rtol=1e-6)
    np.testing.assert_allclose(
        numbers(twin.loss_fn.variables[0]), numbers(state), rtol=1e-6, atol=1e-7
    )

    other = training.LossModel(network(), loss(num_classes=CLASSES))
    other.compile("adam")
    other.evaluate(x, y, verbose=0)  # builds it
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(numbers(other.loss_fn.variables[0]), moved)


def test_an_old_call_site_changes_by_two_lines(rng):
    x, y = data(rng)
    model = sequential()
    model = training.LossModel(model, losses.CenterLoss(CLASSES))  # new
    model.compile("sgd")  # without loss=...
    assert np.isfinite(fit(model, x, y)).all()


def test_the_state_is_seen_in_the_summary(rng):
    lines: list[str] = []
    model = training.LossModel(sequential(), losses.CenterLoss(CLASSES))
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "CenterLoss" in text
    assert str(CLASSES * DIM) in text


def test_steps_per_execution_and_run_eagerly_change_nothing(rng):
    x, y = data(rng)
    centers = []
    choices = [{}, {"run_eagerly": True}, {"steps_per_execution": 3}]
    if autodiff.BACKEND == "torch":
        choices.pop()  # Keras refuses it there
    for arguments in choices:
        keras.utils.set_random_seed(0)
        model = training.LossModel(sequential(), losses.CenterLoss(CLASSES))
        model.compile("sgd", **arguments)
        fit(model, x, y, 2)
        centers.append(numbers(model.loss_fn.centers))
    for other in centers[1:]:
        np.testing.assert_allclose(other, centers[0], rtol=1e-5, atol=1e-6)


def test_jit_compile(rng):
    x, y = data(rng)
    model = training.LossModel(sequential(), losses.CenterLoss(CLASSES))
    model.compile("sgd", jit_compile=autodiff.BACKEND != "torch")  # Inductor needs minutes
    assert np.isfinite(fit(model, x, y)).all()


def test_mixed_precision_keeps_the_state_in_float32(rng):
    x, y = data(rng)
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = training.LossModel(sequential(), losses.CenterLoss(CLASSES))
    finally:
        keras.config.set_dtype_policy(previous)
    model.compile("sgd")
    assert np.isfinite(fit(model, x, y)).all()
    assert keras.backend.standardize_dtype(model.loss_fn.centers.dtype) == "float32"
    assert model.predict(x, verbose=0).dtype.name == "bfloat16"


# Several outputs ----------------------------------------------------------------------------


def two_outputs() -> keras.Model:
    inputs = keras.Input((4,))
    features = keras.layers.Dense(DIM, name="features")(inputs)
    logits = keras.layers.Dense(CLASSES, name="logits")(features)
    return keras.Model(inputs, {"features": features, "logits": logits})


def test_losses_by_output_share_one_target_and_are_reported_by_name(rng, tmp_path):
    x, y = data(rng)
    model = training.LossModel(
        two_outputs(),
        {"features": losses.CenterLoss(CLASSES), "logits": cross_entropy()},
        loss_weights={"features": 0.1},
    )
    model.compile("adam", metrics={"logits": "sparse_categorical_accuracy"})
    history = model.fit(x, y, batch_size=8, verbose=0).history
    assert set(history) == {
        "loss",
        "features_loss",
        "logits_loss",
        "logits_sparse_categorical_accuracy",
    }
    total = 0.1 * history["features_loss"][0] + history["logits_loss"][0]
    assert history["loss"][0] == pytest.approx(total, rel=1e-5)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))
    np.testing.assert_allclose(fit(twin, x, y), fit(model, x, y), rtol=1e-6)


def cross_entropy() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def test_targets_and_weights_by_output(rng):
    x, y = data(rng)
    model = training.LossModel(
        two_outputs(), {"features": None, "logits": cross_entropy()}, name="named"
    )
    model.compile("sgd")
    weights = {"features": np.ones(len(y)), "logits": np.zeros(len(y))}
    targets = {"features": y, "logits": y}
    history = model.fit(x, targets, sample_weight=weights, verbose=0).history
    assert history["loss"] == [0.0]


def test_losses_in_a_list(rng):
    x, y = data(rng)
    network = two_outputs()
    network = keras.Model(network.inputs[0], [network.output["features"], network.output["logits"]])
    model = training.LossModel(network, [losses.CenterLoss(CLASSES), cross_entropy()], [0.1, 1.0])
    model.compile("sgd")
    assert set(model.fit(x, y, verbose=0).history) == {"loss", "0_loss", "1_loss"}


def test_regularisers_and_added_losses_count(rng):
    x, y = data(rng)
    penalty = keras.regularizers.L2(0.1)
    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(DIM, kernel_regularizer=penalty, activity_regularizer=penalty),
        ]
    )
    loss = losses.CenterLoss(CLASSES)
    model = training.LossModel(network, loss)
    model.compile("sgd")
    features = network(x)
    # As Keras has them: older ones do not divide that of the activity by the batch.
    added = [float(value) for value in network.losses]
    assert len(added) == 2 and min(added) > 0
    expected = float(loss(y, features, training=False)) + sum(added)
    assert model.evaluate(x, y, batch_size=len(x), verbose=0) == pytest.approx(expected, rel=1e-5)


def test_masks_and_plain_functions_count_as_in_compile(rng):
    x, y = rng.normal(size=(8, 5, 4)).astype("float32"), rng.normal(size=(8, 5, 1))
    x[:, 3:] = 0  # masked
    weight = rng.random(8)
    network = keras.Sequential(
        [keras.Input((5, 4)), keras.layers.Masking(), keras.layers.LSTM(3, return_sequences=True)]
    )
    network.add(keras.layers.Dense(1))
    values = []
    for loss in (losses.MeanSquaredError(), losses.mean_squared_error, "mse"):
        model = training.LossModel(network, loss)
        model.compile("sgd")
        values.append(model.evaluate(x, y, sample_weight=weight, verbose=0))
    squares = np.square(y - network.predict(x, verbose=0))[:, :3, 0]
    np.testing.assert_allclose(values, (squares * weight[:, None]).mean(), rtol=1e-5)


# What is refused ----------------------------------------------------------------------------


def test_compile_with_a_stateful_loss_raises(rng):
    x, y = data(rng)
    model = sequential()
    with pytest.raises(ValueError, match=r"holds state .*LossModel\(model, loss\)"):
        model.compile("sgd", loss=losses.CenterLoss(CLASSES))
        model.fit(x, y, verbose=0)


def test_a_stateful_loss_inside_of_a_lambda_raises(rng):
    x, y = data(rng)
    center = losses.CenterLoss(CLASSES, DIM)
    model = sequential()
    model.compile("sgd", loss=lambda y_true, y_pred: 0.1 * center(y_true, y_pred))
    with pytest.raises(ValueError, match="called without `training`"):
        model.fit(x, y, verbose=0)


def test_state_that_a_compiled_step_would_lose_raises(rng):
    if autodiff.BACKEND != "jax":
        pytest.skip("elsewhere such a step does change the variable, as a hand-written loop does")
    x, y = data(rng)
    center = losses.CenterLoss(CLASSES, DIM)

    class Forgets(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return [center][0](y, y_pred, training=training)

    model = Forgets([keras.Input((4,)), keras.layers.Dense(DIM)])
    model.compile("sgd")
    with pytest.raises(ValueError, match="the update would be lost"):
        model.fit(x, y, verbose=0)


def test_a_stateless_scope_without_the_state_raises(rng):
    x, y = data(rng, 8)
    center = losses.CenterLoss(CLASSES, DIM)
    with keras.StatelessScope(), pytest.raises(ValueError, match="the update would be lost"):
        center(y, x[:, :DIM], training=True)
    with keras.StatelessScope(state_mapping=[(center.centers, center.centers.value)]) as scope:
        center(y, x[:, :DIM], training=True)
        assert np.abs(numbers(scope.get_current_value(center.centers))).min() > 0
    assert np.abs(numbers(center.centers)).max() == 0


def test_a_second_loss_in_compile_raises(rng):
    x, y = data(rng)
    model = training.LossModel(sequential(), losses.CenterLoss(CLASSES))
    model.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match="owns its loss"):
        model.fit(x, y, verbose=0)


def test_losses_that_do_not_match_the_outputs_raise():
    with pytest.raises(ValueError, match="structure of the model's outputs"):
        model = training.LossModel(two_outputs(), {"other": losses.CenterLoss(CLASSES)})
        model(np.ones((1, 4), "float32"))
    with pytest.raises(ValueError, match="several outputs, and the LossModel one loss"):
        training.LossModel(two_outputs(), losses.CenterLoss(CLASSES))(np.ones((1, 4), "float32"))


def test_an_id_out_of_range_in_fit_is_no_number(rng):
    x, y = data(rng)
    y[3] = CLASSES
    model = training.LossModel(sequential(), losses.CenterLoss(CLASSES))
    model.compile("sgd")
    try:
        assert np.isnan(fit(model, x, y)).all()
    except ValueError as error:
        assert f"[0, {CLASSES})" in str(error)


# Loops of one's own -------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [losses.CenterLoss, ProxyLoss])
def test_a_hand_written_loop_does_what_fit_does(loss, rng):
    x, y = data(rng)
    x = x.astype("float32")
    owner = loss(num_classes=CLASSES)
    model = training.LossModel(sequential(), owner)
    model.compile(keras.optimizers.SGD(0.1))
    other, network = loss(num_classes=CLASSES), sequential()
    other.build((None,), (None, DIM))
    network.set_weights(model.model.get_weights())
    batches = [(y[i : i + 8].astype("int32"), x[i : i + 8]) for i in range(0, len(x), 8)]
    found = autodiff.hand_written_loop(network, other, batches * 2, rate=0.1)
    expected = fit(model, x, y, 2)
    np.testing.assert_allclose(np.reshape(found, (2, -1)).mean(axis=1), expected, rtol=1e-5)
    for a, b in zip(other.variables, owner.variables, strict=True):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=1e-5, atol=1e-6)


def test_masked_and_weightless_samples_move_no_center(rng):
    x, y = data(rng, 8)
    x = x[:, :DIM]
    weight = (np.arange(8) < 5).astype("float32")
    some, few = losses.CenterLoss(CLASSES), losses.CenterLoss(CLASSES)
    some(y, x, weight, training=True)
    few(y[:5], x[:5], training=True)
    np.testing.assert_allclose(numbers(some.centers), numbers(few.centers), rtol=1e-6)


def test_ids_beyond_2_to_the_24_keep_apart():
    y_true = np.array([2**24, 2**24 + 1])
    ids, valid = losses._center.as_class_ids(y_true, 2**24 + 2)
    assert ops.convert_to_numpy(ids).tolist() == y_true.tolist()
    assert ops.convert_to_numpy(valid).all()
