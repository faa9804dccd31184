"""A variable that a loss reads is seen by each compiled step, on each backend, and saved. The
losses over epochs and batches are those that Keras 2.15 gave for the same callbacks."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses.training import StateModel

X, Y = np.ones((6, 3), "float32"), np.ones((6, 2), "float32")


def network(outputs=1):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    made = [keras.layers.Dense(2, name=f"out_{n}")(inputs) for n in range(outputs)]
    return keras.Model(inputs, made[0] if outputs == 1 else made)


def variable(value=0.0, name="alpha"):
    return keras.Variable(value, trainable=False, name=name)


def constant(alpha):
    """A loss that is the value of the variable."""
    return lambda y_true, y_pred: alpha * ops.mean(0.0 * y_pred + 1.0, axis=-1)


@pytest.mark.parametrize(
    ("when", "losses", "validation"),
    [
        ("on_epoch_begin", [1, 2, 3], [1, 2, 3]),
        ("on_epoch_end", [0, 1, 2], [0, 1, 2]),
        ("on_train_batch_begin", [2, 5, 8], [3, 6, 9]),
        ("on_train_batch_end", [1, 4, 7], [3, 6, 9]),
    ],
)
def test_each_step_sees_the_value(when, losses, validation):
    alpha = variable()
    seen = []

    def move(self, *args, **kwargs):
        if "batch" in when:
            self.model.sync()
        seen.append(None)
        alpha.assign(float(len(seen)))

    callback = type("Move", (keras.callbacks.Callback,), {when: move})()
    model = StateModel(network(), [alpha])
    model.compile("sgd", loss=constant(alpha))
    history = model.fit(
        X, Y, batch_size=2, epochs=3, verbose=0, callbacks=[callback], validation_data=(X, Y)
    ).history
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-6)
    np.testing.assert_allclose(history["val_loss"], validation, rtol=1e-6)
    assert model.evaluate(X, Y, verbose=0) == float(alpha.numpy()) == len(seen)


def test_it_trains_as_the_model_does():
    plain, inner, alpha = network(), network(), variable(0.5)
    plain.compile("sgd", loss=lambda t, p: 0.5 * ops.mean(ops.square(t - p), axis=-1))
    model = StateModel(inner, [alpha])
    model.compile("sgd", loss=lambda t, p: alpha * ops.mean(ops.square(t - p), axis=-1))
    for one in (plain, model):
        one.fit(X, Y, batch_size=3, shuffle=False, verbose=0)
    for found, expected in zip(inner.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X, verbose=0), inner.predict(X, verbose=0))
    assert len(model.trainable_variables) == 2 and float(alpha.numpy()) == 0.5
    assert model.layers == inner.layers and model.get_layer("out_0") is inner.get_layer("out_0")
    model.summary(print_fn=lambda line: None)


@pytest.mark.skipif(keras.__version__.startswith("3.6."), reason="`loss_weights` are numbers there")
def test_weights_of_losses_of_several_outputs():
    weights = [variable(1.0, "a"), variable(0.0, "b")]
    model = StateModel(network(2), weights)
    losses = {"out_0": constant(variable(2.0)), "out_1": constant(variable(3.0))}
    model.compile("sgd", loss=losses, loss_weights=dict(zip(losses, weights, strict=True)))
    targets = dict.fromkeys(losses, Y)
    assert model.evaluate(X, targets, verbose=0)[0] == 2
    weights[0].assign(0.0)
    weights[1].assign(1.0)
    assert model.evaluate(X, targets, verbose=0)[0] == 3


def test_a_file_keeps_the_value(tmp_path):
    alpha = variable(0.5, "annealed")
    model = StateModel(network(), [alpha])
    model.compile("sgd")
    model.save(tmp_path / "m.keras")
    alpha.assign(2.0)
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.read[0] is alpha and float(alpha.numpy()) == 0.5
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    other = variable(0.0, "annealed")
    given = {"annealed": other}
    assert keras.models.load_model(tmp_path / "m.keras", custom_objects=given).read[0] is other
    assert float(other.numpy()) == 0.5
    with pytest.raises(
        ValueError, match=r"'annealed', which the loss .* is one of 2 that are known"
    ):
        keras.models.load_model(tmp_path / "m.keras")


def test_a_variable_that_is_not_known_is_named():
    config = StateModel(network(), [variable(0.0, "lost")]).get_config()
    with pytest.raises(ValueError, match=r"'gone', which the loss .* is not known here.*'gone': v"):
        StateModel.from_config({**config, "variables": ["gone"]})


def test_a_model_without_shapes_is_built_by_its_data():
    alpha = variable(1.0, "late")
    model = StateModel(keras.Sequential([keras.layers.Dense(2)]), [alpha])
    model.compile("sgd", loss=constant(alpha))
    assert model.evaluate(X, Y, verbose=0) == 1


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ([0.5], "variables that are not trained.*Received: 0.5"),
        ([keras.Variable(0.5)], "variables that are not trained"),
        ([variable(0.0, "a"), variable(1.0, "a")], "by name: give each one of its own"),
    ],
)
def test_other_variables_are_refused(variables, message):
    with pytest.raises(ValueError, match=message):
        StateModel(network(), variables)
