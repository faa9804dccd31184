"""`as_loss`: functions of any kind as losses that are saved and have a name."""

import functools
import importlib
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from portable_losses.losses import as_loss
from tests import autodiff

# Functions as old code writes them -----------------------------------------------------------


def clipped(y_true, y_pred, threshold=1.0):
    """Squares, cut off."""
    return ops.mean(ops.minimum(ops.square(y_true - y_pred), threshold), axis=-1)


def custom_mse(regularization_factor):
    def inner(y_true, y_pred):
        penalty = regularization_factor * ops.mean(ops.square(0.5 - y_pred), axis=-1)
        return ops.mean(ops.square(y_true - y_pred), axis=-1) + penalty

    return inner


def weighted(weights):
    def inner(y_true, y_pred):
        return ops.sum(weights * ops.square(y_true - y_pred), axis=-1) / ops.sum(weights)

    return inner


def powered(base, power=2.0):
    def inner(y_true, y_pred):
        return base(y_true, y_pred) ** power

    return inner


def with_lambda(factor):
    return lambda y_true, y_pred: factor * ops.mean(ops.square(y_true - y_pred), axis=-1)


def two_settings(alpha, gamma):
    doubled = 2 * alpha

    def inner(y_true, y_pred):
        return doubled * alpha * ops.mean(ops.abs(y_true - y_pred) ** gamma, axis=-1)

    return inner


class Makers:
    @staticmethod
    def scaled(factor):
        def inner(y_true, y_pred):
            return factor * ops.mean(y_true - y_pred, axis=-1)

        return inner


def derived(factor):
    scale = 2 * factor

    def inner(y_true, y_pred):
        return scale * ops.mean(y_true - y_pred, axis=-1)

    return inner


def changed(factor):
    factor = 2 * factor

    def inner(y_true, y_pred):
        return factor * ops.mean(y_true - y_pred, axis=-1)

    return inner


def by_option(factor, squared=False):
    if squared:

        def inner(y_true, y_pred):
            return factor * ops.mean(ops.square(y_true - y_pred), axis=-1)

    else:

        def inner(y_true, y_pred):
            return factor * ops.mean(y_true - y_pred, axis=-1)

    return inner


def by_default(factor, power=1.0):
    def inner(y_true, y_pred, p=power):
        return factor * ops.mean(y_true - y_pred, axis=-1) ** p

    return inner


def of_a_model(model):
    def inner(y_true, y_pred):
        return ops.mean(ops.square(model(y_true) - model(y_pred)), axis=-1)

    return inner


def calls_as_loss(factor):
    @as_loss
    def inner(y_true, y_pred):
        return factor * ops.mean(y_true - y_pred, axis=-1)

    return inner


@as_loss
def decorated(y_true, y_pred, threshold=1.0):
    """Squares, cut off; decorated."""
    return ops.mean(ops.minimum(ops.square(y_true - y_pred), threshold), axis=-1)


@as_loss(threshold=4.0, name="loose", reduction="sum", dtype="float64")
def with_arguments(y_true, y_pred, threshold=1.0):
    return ops.mean(ops.minimum(ops.square(y_true - y_pred), threshold), axis=-1)


Y_TRUE = np.array([[0.0, 1.0], [1.0, 2.0], [0.5, 0.5]], "float32")
Y_PRED = np.array([[3.0, 1.5], [1.0, 2.0], [0.0, 2.5]], "float32")
SQUARES = (Y_TRUE - Y_PRED) ** 2


def round_trip(loss):
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
    twin = keras.saving.deserialize_keras_object(saved)
    assert json.dumps(twin.get_config()) == json.dumps(loss.get_config())
    return twin


def mean_of(loss, y_true=Y_TRUE, y_pred=Y_PRED):
    return float(loss(y_true, y_pred))


# Forms --------------------------------------------------------------------------------------

FORMS = {
    "function": (lambda: as_loss(clipped), np.minimum(SQUARES, 1).mean()),
    "function with settings": (
        lambda: as_loss(clipped, threshold=2.0),
        np.minimum(SQUARES, 2).mean(),
    ),
    "decorated": (lambda: decorated, np.minimum(SQUARES, 1).mean()),
    "decorated, other settings": (
        lambda: as_loss(decorated, threshold=2.0),
        np.minimum(SQUARES, 2).mean(),
    ),
    "decorated with arguments": (
        lambda: with_arguments,
        np.minimum(SQUARES, 4).mean(axis=1).sum(),
    ),
    "partial": (
        lambda: as_loss(functools.partial(clipped, threshold=2.0)),
        np.minimum(SQUARES, 2).mean(),
    ),
    "factory": (
        lambda: as_loss(custom_mse, regularization_factor=0.4),
        SQUARES.mean() + 0.4 * ((0.5 - Y_PRED) ** 2).mean(),
    ),
    "closure": (
        lambda: as_loss(custom_mse(0.4)),
        SQUARES.mean() + 0.4 * ((0.5 - Y_PRED) ** 2).mean(),
    ),
    "closure over an array": (
        lambda: as_loss(weighted(np.array([3.0, 1.0]))),
        (SQUARES @ [0.75, 0.25]).mean(),
    ),
    "closure over a tensor": (
        lambda: as_loss(weighted(ops.convert_to_tensor([3.0, 1.0]))),
        (SQUARES @ [0.75, 0.25]).mean(),
    ),
    "closure over a function of Keras": (
        lambda: as_loss(powered(keras.losses.mean_squared_error)),
        (SQUARES.mean(axis=1) ** 2).mean(),
    ),
    "closure over a registered function": (
        lambda: as_loss(powered, base=losses.contrastive, power=1.0),
        None,
    ),
    "closure that is a lambda": (lambda: as_loss(with_lambda(3.0)), 3 * SQUARES.mean()),
    "closure with a value made from its settings": (
        lambda: as_loss(two_settings(0.5, 2.0)),
        0.5 * SQUARES.mean(),
    ),
    "closure of a static method": (
        lambda: as_loss(Makers.scaled(3.0)),
        3 * (Y_TRUE - Y_PRED).mean(),
    ),
    "closure of the default option": (
        lambda: as_loss(by_option(2.0)),
        2 * (Y_TRUE - Y_PRED).mean(),
    ),
    "option of a factory": (
        lambda: as_loss(by_option, factor=2.0, squared=True),
        2 * SQUARES.mean(),
    ),
    "function of this library": (
        lambda: as_loss(losses.weighted_squared_error, weights=[3.0, 1.0]),
        (SQUARES @ [0.75, 0.25]).mean(),
    ),
    "function of Keras": (lambda: as_loss(keras.losses.mean_squared_error), SQUARES.mean()),
}


@pytest.mark.parametrize("form", FORMS)
def test_value_and_saved_value(form):
    make, expected = FORMS[form]
    loss = make()
    assert isinstance(loss, losses.Loss)
    twin = round_trip(loss)
    if expected is None:
        return
    np.testing.assert_allclose(mean_of(loss), expected, rtol=1e-6)
    np.testing.assert_allclose(mean_of(twin), expected, rtol=1e-6)


def test_name_reduction_and_dtype_are_saved():
    twin = round_trip(with_arguments)
    assert (twin.name, twin.reduction, twin.dtype) == ("loose", "sum", "float64")
    assert as_loss(clipped).name == decorated.name.replace("decorated", "clipped")
    assert as_loss(custom_mse(0.4)).name == "custom_mse"
    assert as_loss(custom_mse(0.4), name="mine").name == "mine"


def test_settings_hold_defaults_and_come_back_as_they_were():
    def many(y_true, y_pred, axis=(1,), table=None, scale=1.0, option="a", flag=True, code=np.sum):
        return ops.sum(y_true - y_pred, axis=axis)

    given = as_loss(many, table={"a": [[1, 2], [3.5]]}, scale=np.float32(0.5))
    expected = {
        "table": {"a": ((1, 2), (3.5,))},
        "scale": 0.5,
        "axis": (1,),
        "option": "a",
        "flag": True,
    }
    assert given.settings == expected  # the default of `code` is code, and saved with the code
    assert type(given.settings["scale"]) is float
    twin = round_trip(given)
    assert twin.settings == expected
    assert mean_of(twin) == mean_of(given)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
def test_arrays_keep_their_dtype_and_shape(dtype):
    def tabled(y_true, y_pred, table=None):
        return ops.mean(y_true - y_pred, axis=-1)

    table = np.array([[1, 0], [1, 1]], dtype)
    kept = round_trip(as_loss(tabled, table=table)).settings["table"]
    assert kept.dtype == dtype
    np.testing.assert_array_equal(kept, table)


# Labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool", "float32"])
def test_labels_reach_the_function_as_floats(dtype):
    y_true = np.array([[1], [0], [1]], dtype)
    assert mean_of(as_loss(clipped), y_true, np.ones((3, 1), "float32")) == pytest.approx(1 / 3)


SEEN = []


def looking(y_true, y_pred):
    SEEN.append(keras.backend.standardize_dtype(y_true.dtype))
    return ops.mean(y_pred, axis=-1)


def test_labels_may_stay_integers():
    SEEN.clear()
    ids = np.array([1, 2, 3], "int32")
    as_loss(looking)(ids, Y_PRED)
    round_trip(as_loss(looking, cast_labels=False))(ids, Y_PRED)
    assert SEEN == ["float32", "int32"]


def test_columns_are_never_broadcast():
    flat, column = np.arange(4.0, dtype="float32"), np.arange(4.0, dtype="float32")[:, None]
    assert mean_of(as_loss(clipped), flat, column) == 0
    assert mean_of(as_loss(clipped), flat, column + 0.5) == 0.25


def test_numbers_written_out():
    assert mean_of(as_loss(clipped), [[0.0], [1.0]], [[3.0], [1.5]]) == 0.625


def test_sample_weights_count_per_sample():
    weights = np.array([1.0, 0.0, 2.0], "float32")
    expected = (np.minimum(SQUARES, 1).mean(axis=1) * weights).mean()
    assert float(as_loss(clipped)(Y_TRUE, Y_PRED, weights)) == pytest.approx(expected)


def test_gradient_and_compilation():
    loss = as_loss(weighted(np.array([3.0, 1.0])))
    found = autodiff.gradient(lambda p: loss(Y_TRUE, p), Y_PRED)
    expected = 2 * (Y_PRED - Y_TRUE) * [0.75, 0.25] / 3
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    compiled = autodiff.compiled(lambda t, p: loss(t, p))
    value = compiled(ops.convert_to_tensor(Y_TRUE), ops.convert_to_tensor(Y_PRED))
    assert float(value) == pytest.approx(mean_of(loss), rel=1e-6)


def test_in_an_endpoint(rng):
    x, y_true = rng.normal(size=(8, 3)).astype("float32"), rng.normal(size=(8, 2)).astype("float32")
    image, target = keras.Input((3,)), keras.Input((2,))
    endpoint = training.LossEndpoint(as_loss(custom_mse(0.4)))
    model = keras.Model([image, target], endpoint(target, keras.layers.Dense(2)(image)))
    model.compile("sgd")
    assert np.isfinite(model.fit([x, y_true], verbose=0).history["loss"]).all()


# Files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["function with settings", "closure", "closure over an array"])
def test_a_keras_file_comes_back_with_the_loss(form, rng, tmp_path):
    x, y = rng.normal(size=(8, 3)).astype("float32"), rng.integers(0, 2, (8, 2))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", loss=FORMS[form][0]())
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.loss.settings.keys() == model.loss.settings.keys()
    first, second = (
        m.fit(x, y, epochs=2, shuffle=False, verbose=0).history["loss"] for m in (model, twin)
    )
    np.testing.assert_allclose(second, first, rtol=1e-6)


MODULE = """
from keras import ops
from portable_losses.losses import as_loss

@as_loss(threshold=2.0)
def my_loss(y_true, y_pred, threshold=1.0):
    return ops.mean(ops.minimum(ops.square(y_true - y_pred), threshold), axis=-1)
"""

LOAD = """
import keras, numpy as np
try:
    import portable_losses.losses
    keras.saving.load_model("model.keras")
except Exception as error:
    print(error)
import users_losses
model = keras.saving.load_model("model.keras")
print(float(model.evaluate(np.ones((4, 3)), np.zeros((4, 2)), verbose=0)))
"""


def test_another_process_loads_the_file_once_the_line_has_run(tmp_path, monkeypatch):
    (tmp_path / "users_losses.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    users_losses = importlib.import_module("users_losses")
    assert users_losses.my_loss.registered_name == "users_losses>my_loss"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", loss=users_losses.my_loss)
    model.save(tmp_path / "model.keras")
    expected = model.evaluate(np.ones((4, 3)), np.zeros((4, 2)), verbose=0)
    found_in = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(found_in)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    *before, value = done.stdout.strip().splitlines()
    assert "'users_losses>my_loss', which is not known here" in "".join(before)
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_a_function_handed_to_load_model_is_taken(tmp_path):
    def unknown(y_true, y_pred):
        return ops.mean(y_true - y_pred, axis=-1)

    loss = as_loss(unknown)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", loss=loss)
    model.save(tmp_path / "model.keras")
    keras.saving.get_custom_objects().pop(loss.registered_name)
    with pytest.raises(ValueError, match=r"not known here.*custom_objects=\{'tests>unknown'"):
        losses.get(keras.saving.serialize_keras_object(loss))
    given = {loss.registered_name: unknown}
    twin = keras.saving.load_model(tmp_path / "model.keras", custom_objects=given)
    assert twin.loss.function is unknown


# Names --------------------------------------------------------------------------------------


def test_a_name_that_was_registered_is_kept():
    @keras.saving.register_keras_serializable("Mine", "its_name")
    def registered(y_true, y_pred):
        return ops.mean(y_true - y_pred, axis=-1)

    assert as_loss(registered).registered_name == "Mine>its_name"


def test_a_definition_may_run_again():
    def define():
        def again(y_true, y_pred):
            return ops.mean(y_true - y_pred, axis=-1)

        return again

    first, second = define(), define()
    as_loss(first), as_loss(second)
    assert keras.saving.get_custom_objects()["tests>again"] is second
    assert as_loss(first).registered_name == "tests>again"
    assert keras.saving.get_custom_objects()["tests>again"] is first


def branches(squared):
    if squared:

        def branch(y_true, y_pred):
            return ops.mean(ops.square(y_true - y_pred), axis=-1)

    else:

        def branch(y_true, y_pred):
            return ops.mean(y_true - y_pred, axis=-1)

    return branch


def elsewhere():
    def branch(y_true, y_pred):
        return ops.mean(y_pred - y_true, axis=-1)

    return branch


@pytest.mark.parametrize("other", [lambda: branches(False), elsewhere], ids=["branch", "elsewhere"])
def test_two_functions_of_one_name_are_refused(other):
    as_loss(branches(True))
    with pytest.raises(ValueError, match=r"Another function is saved as 'tests>branch'.*Rename"):
        as_loss(other())


# Refused ------------------------------------------------------------------------------------


def local_closure():
    def local_factory(factor):
        def inner(y_true, y_pred):
            return factor * ops.mean(y_true - y_pred, axis=-1)

        return inner

    return local_factory(2.0)


def model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])


REFUSED = {
    "lambda": (lambda: as_loss(lambda t, p: t - p), r"A lambda has no name.*`def`"),
    "local factory": (
        lambda: as_loss(local_closure()),
        r"'inner' captures 'factor'.*'local_closure.<locals>.local_factory' is not found.*"
        r"as_loss\(local_factory, factor=...\)",
    ),
    "derived value": (
        lambda: as_loss(derived(1.0)),
        r"captures 'scale'.*the argument 'factor' of 'derived' is not captured; 'scale' is no "
        r"parameter of it.*as_loss\(derived, factor=...\)",
    ),
    "changed value": (
        lambda: as_loss(changed(1.0)),
        r"captures 'factor'.*'factor' is 2.0, but 4.0 when 'changed' is called again",
    ),
    "option that is lost": (
        lambda: as_loss(by_option(1.0, squared=True)),
        r"'by_option', called again with these values, returns another function.*"
        r"as_loss\(by_option, factor=..., squared=...\)",
    ),
    "default that is lost": (
        lambda: as_loss(by_default(1.0, power=3.0)),
        r"'by_default', called again with these values, returns another function",
    ),
    "called inside": (
        lambda: calls_as_loss(1.0),
        r"captures 'factor'.*'calls_as_loss', which defines it, calls as_loss before it returns. "
        r"Make parameters of what it captures, def inner\(y_true, y_pred, factor\).*"
        r"as_loss\(inner, factor=factor\)",
    ),
    "settings beside a closure": (
        lambda: as_loss(custom_mse(1.0), factor=2.0),
        r"settings \(factor\) were given beside those it captures",
    ),
    "captured model": (
        lambda: as_loss(of_a_model(model())),
        r"The setting 'model' of 'of_a_model' cannot be saved: it is of type Sequential",
    ),
    "model": (
        lambda: as_loss(of_a_model, model=model()),
        r"The setting 'model' of 'of_a_model' cannot be saved: it is of type Sequential",
    ),
    "variable": (
        lambda: as_loss(clipped, threshold=keras.Variable(1.0)),
        r"The setting 'threshold' of 'clipped' cannot be saved: it is of type \w*Variable",
    ),
    "symbolic tensor": (
        lambda: as_loss(clipped, threshold=keras.Input((2,))),
        r"The setting 'threshold' of 'clipped' cannot be saved: it is of type KerasTensor",
    ),
    "function nobody can find": (
        lambda: as_loss(powered, base=lambda t, p: t),
        r"The setting 'base' of 'powered' cannot be saved: it is of type function",
    ),
    "deep inside": (
        lambda: as_loss(clipped, threshold={"a": [1, object()]}),
        r"The setting \"threshold\['a'\]\[1\]\" of 'clipped' cannot be saved: it is of type object",
    ),
    "array of objects": (
        lambda: as_loss(clipped, threshold=np.array([None, 1])),
        r"The setting 'threshold' of 'clipped' cannot be saved: it is of type ndarray",
    ),
    "unknown setting": (
        lambda: as_loss(clipped, treshold=2.0),
        r"'clipped' has no parameter 'treshold'. Its parameters: \['y_true', 'y_pred', 'threshold'",
    ),
    "missing setting": (
        lambda: as_loss(custom_mse),
        r"No value for the parameter 'regularization_factor' of 'custom_mse'.*as_loss\(custom_mse,",
    ),
    "positional partial": (
        lambda: as_loss(functools.partial(custom_mse, 0.4)),
        r"settings by name. Received: a functools.partial with positional arguments \(0.4,\)",
    ),
    "loss": (
        lambda: as_loss(losses.Contrastive()),
        r"written with `def`.*type Contrastive. It is a Keras loss already",
    ),
    "class": (lambda: as_loss(Makers), r"written with `def`.*Makers"),
    "values for settings": (
        lambda: as_loss(scalar, y_true=1.0, y_pred=2.0),
        r"given all of its arguments as settings, so it must return a loss",
    ),
    "reduction": (lambda: as_loss(clipped, reduction="auto"), r"old 'auto' is 'sum_over_batch"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_when_made(kind):
    make, text = REFUSED[kind]
    with pytest.raises(ValueError, match=text):
        make()


def test_an_open_file_is_refused():
    with (
        open(os.devnull) as file,
        pytest.raises(ValueError, match="'threshold' of 'clipped' cannot be saved: it is of type"),
    ):
        as_loss(clipped, threshold=file)


def test_a_traced_tensor_is_refused():
    def trace(x):
        as_loss(clipped, threshold=x)
        return x

    if autodiff.BACKEND == "torch":
        pytest.skip("Dynamo runs such Python code outside of the trace, on values")
    with pytest.raises(ValueError, match="'threshold' of 'clipped' cannot be saved"):
        autodiff.compiled(trace)(ops.ones(()))


def scalar(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def transposed(y_true, y_pred):
    return ops.transpose(y_true - y_pred)


def nothing(y_true, y_pred):
    ops.mean(y_true - y_pred, axis=-1)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (scalar, r"'scalar' must return one value per sample.*Received: a scalar.*axis=-1"),
        (transposed, r"'transposed' must return.*Received: values of shape \(2, 3\)"),
        (nothing, r"'nothing' must return one value per sample. Received: nothing"),
        (two_settings, r"Received: a function. To save a function that returns a loss"),
    ],
)
def test_refused_when_called(function, text):
    with pytest.raises(ValueError, match=text) as caught:
        as_loss(function)(Y_TRUE, Y_PRED)
    assert f"Raised by the loss '{function.__name__}'" in "".join(caught.value.__notes__)
