"""What a decorated factory makes: the closure it was, and saved with a model."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses.losses import saved_factory

X = np.random.default_rng(3).normal(size=(6, 3)).astype("float32")
Y = np.random.default_rng(4).normal(size=(6, 1)).astype("float32")


def plain(factor=2.0, weights=(1.0, 0.5), *, options=None, inner=None):
    """Doc."""
    weights = ops.convert_to_tensor(weights, "float32")
    power = 2 if options is None else options[1]

    def powered(y_true, y_pred):
        value = factor * ops.sum(weights) * ops.abs(y_true - y_pred) ** power
        return ops.mean(value if inner is None else value + inner(y_true, y_pred), axis=-1)

    return powered


saved = saved_factory(plain)
ARGUMENTS = [
    ((), {}),
    ((3.0, [0.5, 2.0]), {"options": {1: 3, "a": (1, [2])}}),
    ((np.float32(0.3),), {"weights": np.array([1, 3]), "inner": keras.losses.mean_squared_error}),
]


def compiled(loss, metric):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", loss=loss, metrics=[metric])
    return model


def value(model):
    return model.evaluate(X, Y[:, 0], verbose=0, return_dict=True)


@pytest.mark.parametrize("place", range(len(ARGUMENTS)))
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_model_finds_the_loss_again(place, suffix, tmp_path):
    args, kwargs = ARGUMENTS[place]
    closure = compiled(plain(*args, **kwargs), plain(0.5))
    model = compiled(saved(*args, **kwargs), saved(0.5))
    model.save(tmp_path / f"m.{suffix}")
    again = keras.models.load_model(tmp_path / f"m.{suffix}")
    expected = value(closure)  # names too: "powered" is that of the metric
    assert value(model) == expected and value(again) == expected
    for one in (closure, model):
        one.fit(X, Y[:, 0], epochs=1, verbose=0, shuffle=False)
    np.testing.assert_array_equal(model.get_weights()[0], closure.get_weights()[0])


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_file_from_before_takes_it_by_name(suffix, tmp_path):
    model = compiled(plain(3.0), plain(0.5))
    model.save(tmp_path / f"m.{suffix}")
    given = {"powered": saved(3.0)}
    again = keras.models.load_model(tmp_path / f"m.{suffix}", custom_objects=given)
    assert value(again)["loss"] == value(model)["loss"] and again.loss is given["powered"]


def test_it_is_called_as_the_closure_is():
    found, expected = (ops.convert_to_numpy(f(3.0)(Y, X[:, :1])) for f in (saved, plain))
    np.testing.assert_array_equal(found, expected)
    assert found.shape == (6,)
    assert saved.__name__ == "plain" and saved.__doc__ == "Doc." and saved().__name__ == "powered"


def test_arguments_come_back_as_they_were():
    args, kwargs = ARGUMENTS[1]
    config = keras.saving.serialize_keras_object(saved(*args, **kwargs))
    again = keras.saving.deserialize_keras_object(config)
    assert again.args == (3.0, [0.5, 2.0])
    assert again.kwargs == {"options": {1: 3, "a": (1, [2])}, "inner": None}
    nested = keras.saving.serialize_keras_object(saved(inner=saved(5.0)))
    assert keras.saving.deserialize_keras_object(nested).kwargs["inner"].args[0] == 5.0
    tensor = keras.saving.serialize_keras_object(saved(weights=ops.ones((2,))))
    assert ops.is_tensor(keras.saving.deserialize_keras_object(tensor).args[1])


@pytest.mark.parametrize(
    "value",
    [
        keras.Variable(1.0),
        keras.Input(()),
        lambda y_true, y_pred: y_pred,
        [{"a": keras.Variable(1.0)}],
        plain(),
        object(),
    ],
    ids=["variable", "symbolic", "lambda", "nested", "closure", "object"],
)
def test_what_cannot_be_saved_leaves_the_closure(value):
    with pytest.warns(UserWarning, match="'plain' was given 'inner' of type .*cannot be saved"):
        made = saved(inner=value)
    assert type(made) is type(plain())


def test_a_factory_that_returns_something_else_is_left():
    @saved_factory_at_top
    def either(): ...

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert either() == "mse"


def saved_factory_at_top(function):
    def mse():
        return "mse"

    mse.__qualname__ = mse.__name__
    return saved_factory(mse)


def test_what_is_no_factory_at_the_top_is_refused():
    def local():
        return plain()

    for value in (local, lambda: plain(), "mse", plain()):
        with pytest.raises(ValueError, match="a function written with `def` at the top"):
            saved_factory(value)


def test_a_factory_that_is_not_known_is_named():
    config = keras.saving.serialize_keras_object(saved())
    config["config"]["factory"] = "gone.losses>plain"
    with pytest.raises(ValueError, match=r"of the module 'gone[.]losses', which is not known"):
        keras.saving.deserialize_keras_object(config)
    found = keras.saving.deserialize_keras_object(
        config, custom_objects={"gone.losses>plain": saved}
    )
    assert found.args == (2.0, (1.0, 0.5))
