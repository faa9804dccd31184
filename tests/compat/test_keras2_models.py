"""`compat.keras2` in training: targets, metrics, `add_loss`, `add_metric`, files of Keras 2."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from portable_losses.compat import keras2
from portable_losses.compat.keras2 import losses, metrics, models

OLD_KERAS = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 10)
DATA = Path(__file__).parent / "data"


def numbers(x: Any) -> np.ndarray:
    return ops.convert_to_numpy(x)


def bowl(dim: int = 1) -> Any:
    """A model whose output is its input times one weight, 1 at the start."""
    inputs = keras.Input((dim,))
    start = "identity" if dim > 1 else "ones"  # Keras 3.6 cannot load the first
    dense = layers.Dense(dim, use_bias=False, kernel_initializer=start)
    return keras2.Model(inputs, dense(inputs))


# Targets and metrics ------------------------------------------------------------------------


@keras.saving.register_keras_serializable("tests")
def hits(y_true: Any, y_pred: Any) -> Any:
    """Of old code: elementwise, which compares all with all if shapes do not fit."""
    return ops.sum(y_true * ops.round(ops.clip(y_pred, 0, 1)))


@keras.saving.register_keras_serializable("tests")
class Matches(metrics.Metric):
    """Of old code: positional `add_weight`, `reset_states` alone, state in Python too."""

    def __init__(self, name: str = "matches", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.count = self.add_weight("count", (), initializer="zeros")
        self.resets = 0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        same = ops.equal(ops.cast(y_true, "float32"), ops.round(y_pred))
        self.count.assign_add(ops.sum(ops.cast(same, "float32")))

    def result(self) -> Any:
        return self.count

    def reset_states(self) -> None:
        self.resets += 1
        self.count.assign(0.0)


def test_targets_of_one_axis_are_compared_with_their_own_predictions(rng, tmp_path):
    """Keras 2.15 gave these figures; Keras 3 alone counts N×N pairs."""
    x = rng.uniform(size=(12, 1)).astype("float32")
    y = rng.integers(0, 2, 12)
    expected = (y[:, None] * np.round(x)).sum()
    matches = (y[:, None] == np.round(x)).sum()
    model = bowl()
    metric = Matches()
    model.compile("sgd", "mse", metrics=["mae", hits, metric, "accuracy"])
    logs = model.evaluate(x, y, batch_size=12, verbose=0, return_dict=True)
    assert logs["hits"] == pytest.approx(expected)
    assert logs["matches"] == matches
    assert logs["mae"] == pytest.approx(np.abs(y[:, None] - x).mean(), rel=1e-5)
    assert logs["loss"] == pytest.approx(((y[:, None] - x) ** 2).mean(), rel=1e-5)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["matches"] == matches
    assert metric.resets > 0  # by the old name
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    again = twin.evaluate(x, y, batch_size=12, verbose=0, return_dict=True)
    assert again == pytest.approx(logs, rel=1e-5)


def test_in_a_model_of_keras_3_too(rng):
    """The classes expand a column by themselves."""
    x, y = rng.uniform(size=(8, 1)).astype("float32"), rng.integers(0, 2, 8)
    model = keras.Sequential([keras.Input((1,)), layers.Identity()])
    wrapped = metrics.MeanMetricWrapper(hits)
    model.compile("sgd", losses.MeanSquaredError(), metrics=[wrapped, Matches()])
    logs = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    assert logs["hits"] == pytest.approx((y[:, None] * np.round(x)).sum())
    assert logs["matches"] == (y[:, None] == np.round(x)).sum()
    assert logs["loss"] == pytest.approx(((y[:, None] - x) ** 2).mean(), rel=1e-5)


def test_what_is_a_target_is_read_from_the_arguments():
    class Named(metrics.Metric):
        def update_state(self, labels: Any, scores: Any, sample_weight: Any = None) -> None:
            self.seen = tuple(labels.shape)

        def result(self) -> Any:
            return 0.0

    class Values(Named):
        def update_state(self, values: Any, sample_weight: Any = None) -> None:
            self.seen = values.shape

    column, flat = np.zeros((4, 1), "float32"), np.zeros(4, "float32")
    for kind, shape in ((Named, (4, 1)), (Values, (4,))):
        metric = kind()
        metric.update_state(flat, column)
        assert metric.seen == shape
    metric = Named()
    metric.update_state(labels=flat, scores=column)
    assert metric.seen == (4, 1)
    metric.update_state(flat, np.zeros((4, 2)))
    assert metric.seen == (4,)


def test_resets_by_either_name():
    class New(metrics.Metric):
        def __init__(self) -> None:
            super().__init__()
            self.x = self.add_weight("x", (2,), "ones", dtype="float32")

        def update_state(self, x: Any) -> None:
            self.x.assign_add(x)

        def result(self) -> Any:
            return self.x

        def reset_state(self) -> None:
            self.x.assign([5.0, 5.0])

    class Old(New):
        reset_state = metrics.Metric.reset_state

        def reset_states(self) -> None:
            super().reset_states()
            self.x.assign_add([1.0, 1.0])

    class Neither(New):
        reset_state = metrics.Metric.reset_state

    for kind, value in ((New, 5.0), (Old, 1.0), (Neither, 0.0)):
        for name in ("reset_state", "reset_states"):
            metric = kind()
            np.testing.assert_array_equal(numbers(metric.result()), [1.0, 1.0])
            metric.update_state(np.ones(2, "float32"))
            getattr(metric, name)()
            np.testing.assert_array_equal(numbers(metric.result()), [value, value])


def test_add_weight_takes_either_order():
    metric = metrics.Mean()
    assert tuple(metric.add_weight("a", (2, 3)).shape) == (2, 3)
    assert numbers(metric.add_weight("b", (2,), "ones")).tolist() == [1, 1]
    summed = metric.add_weight("c", shape=(1,), aggregation="SUM", initializer="ones")
    assert numbers(summed).tolist() == [1]
    assert numbers(metric.add_weight((2,), "ones", "float32", "d")).tolist() == [1, 1]
    assert numbers(metric.add_weight(shape=(2,), initializer="ones", name="e")).tolist() == [1, 1]


def test_a_loss_gets_integers_as_integers_and_weights_for_its_elements():
    seen: list[str] = []

    class Looked(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            seen.append(keras.backend.standardize_dtype(y_true.dtype))
            return ops.square(ops.cast(y_true, y_pred.dtype) - y_pred)

    y_true, y_pred = np.array([[1, 2], [3, 4]], "int32"), np.zeros((2, 2), "float32")
    assert float(Looked()(y_true, y_pred)) == 7.5
    assert float(Looked("sum")(y_true, y_pred, sample_weight=[1.0, 0.0])) == 5
    none = numbers(Looked(losses.Reduction.NONE)(y_true, y_pred, sample_weight=[1.0, 2.0]))
    assert none.tolist() == [[1.0, 4.0], [18.0, 32.0]]
    assert set(seen) == {"int32"}
    model = bowl(2)
    model.compile("sgd", Looked())
    model.train_on_batch(np.ones((2, 2)), y_true)
    assert set(seen) == {"int32"}


def test_compile_takes_keras_2s_order_and_one_list_of_metrics_for_all_outputs(rng):
    inputs = keras.Input((2,))
    outputs = [layers.Dense(1, name="a")(inputs), layers.Dense(3, name="b")(inputs)]
    model = keras2.Model(inputs=inputs, outputs=outputs)
    model.compile("adam", ["mse", "sparse_categorical_crossentropy"], ["acc"], [1.0, 0.0])
    x = rng.normal(size=(6, 2)).astype("float32")
    y = [rng.normal(size=6).astype("float32"), np.array([0, 1, 2] * 2)]
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert {"a_acc", "b_acc"} <= {*logs}
    error = np.mean((y[0][:, None] - model.predict(x, verbose=0)[0]) ** 2)
    assert logs["loss"] == pytest.approx(error, rel=1e-5)  # the second loss weighs nothing
    with pytest.raises(ValueError, match="`target_tensors` went with the graphs"):
        model.compile("adam", "mse", target_tensors=[inputs])


# add_loss and add_metric --------------------------------------------------------------------


def test_three_inputs_and_a_loss_of_tensors_train_save_and_resume(rng, tmp_path):
    x, y = rng.normal(size=(2, 16, 3)).astype("float32")
    w = rng.uniform(size=(16, 3)).astype("float32")
    inputs, true, weights = (keras.Input((3,)) for _ in range(3))
    hidden = layers.Dense(3, kernel_initializer="zeros")(inputs)
    extra = layers.Dense(1, name="of_the_loss", kernel_initializer="ones")
    model = keras2.Model([inputs, true, weights], hidden)
    model.add_loss(ops.mean(weights * ops.square(true - hidden)))
    model.add_loss(0.5 * ops.mean(ops.square(extra(hidden))))
    model.add_metric(ops.mean(true - hidden, axis=-1), name="bias", aggregation="mean")
    model.compile(keras2.optimizers.SGD(lr=0.1, decay=0.5), loss=None)
    kept = model.output
    assert len(model.trainable_variables) == 4  # the layer of the loss trains too

    first = np.mean(w * y**2)
    logs = model.evaluate([x, y, w], verbose=0, batch_size=16, return_dict=True)
    assert logs["loss"] == pytest.approx(first, rel=1e-5)
    assert logs["bias"] == pytest.approx(np.mean(y), rel=1e-4)
    history = model.fit([x, y, w], y=None, epochs=2, batch_size=8, verbose=0, shuffle=False)
    assert history.history["loss"][-1] < first
    assert len(history.history["bias"]) == 2

    inference = keras2.Model(model.input[0], model.output)
    assert model.output is kept
    expected = model.predict([x, y, w], verbose=0)
    np.testing.assert_allclose(inference.predict(x, verbose=0), expected, rtol=1e-6)

    model.save(tmp_path / "model.keras")
    twin = keras2.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(twin.predict([x, y, w], verbose=0), expected, rtol=1e-6)
    runs = [m.fit([x, y, w], batch_size=8, verbose=0, shuffle=False) for m in (model, twin)]
    for key in ("loss", "bias"):
        values = [run.history[key] for run in runs]
        np.testing.assert_allclose(values[1], values[0], rtol=1e-5)


def test_what_cannot_be_added_is_said():
    inputs = keras.Input((3,))
    model = keras2.Model(inputs, layers.Dense(3)(inputs))
    with pytest.raises(ValueError, match=r"must be one number.*\(None, 3\)"):
        model.add_loss(ops.square(model.output))
    with pytest.raises(ValueError, match="give the layer a regularizer"):
        model.add_loss(lambda: 0.0)
    with pytest.raises(ValueError, match="a tensor of the model's graph, a name"):
        model.add_metric(ops.mean(model.output))

    class Own(keras2.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(ValueError, match=r"call self\.add_loss\(value\) in `call`"):
        Own().add_loss(ops.mean(model.output))


def test_models_of_ones_own(rng):
    """Subclasses stay what they are, with `call` or with inputs and outputs."""

    class Own(keras2.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            self.add_loss(ops.mean(ops.square(self.dense(x))))
            return self.dense(x)

    class Named(keras2.Model):
        def __init__(self) -> None:
            inputs = keras.Input((2,))
            super().__init__(inputs, layers.Dense(1)(inputs))

    x, y = rng.normal(size=(8, 2)).astype("float32"), rng.normal(size=8).astype("float32")
    for kind in (Own, Named):
        model = kind()
        assert isinstance(model, kind) and isinstance(model, keras2.Model)
        model.compile("sgd", loss="MSE", metrics=["MAE"])
        before = model.evaluate(x, y, verbose=0)[0]
        model.fit(x, y, epochs=3, verbose=0)
        assert model.evaluate(x, y, verbose=0)[0] < before
    assert keras2.Model.__mro__[1].__name__ == "OldTraining"  # Keras left the class alone
    assert models.Functional not in keras2.Model.__mro__


def test_generators(rng):
    x = rng.normal(size=(4, 2)).astype("float32")

    def batches():
        while True:
            yield x, x

    model = bowl(2)
    model.compile("sgd", "mse")
    history = model.fit_generator(batches(), 2, 3, verbose=0, max_queue_size=1, workers=0)
    assert len(history.history["loss"]) == 3
    assert model.evaluate_generator(batches(), steps=2) == pytest.approx(0, abs=1e-6)
    assert model.predict_generator(batches(), steps=2).shape == (8, 2)


# Files --------------------------------------------------------------------------------------


class Scaled(keras.layers.Layer):
    """A user's layer, as tests/oracles/make_keras2_files.py has it."""

    def __init__(self, factor: float = 2.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return self.factor * inputs


def recall(y_true: Any, y_pred: Any) -> Any:
    found = ops.sum(ops.round(ops.clip(y_true * y_pred, 0, 1)))
    return found / (ops.sum(ops.round(ops.clip(y_true, 0, 1))) + keras.config.epsilon())


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("name", ["binary", "sparse", "named", "several"])
def test_a_file_of_keras_2(name: str, suffix: str, tmp_path):
    """Outputs, and every number of `evaluate`, as Keras 2.15 gave them; then it trains on."""
    g = dict(np.load(DATA / "keras2_files.npz"))
    custom = {"Scaled": Scaled, "recall": recall}
    lost = suffix == "keras" and name in ("binary", "several")  # optimizers of Keras 2's `legacy`
    with pytest.warns(UserWarning, match="not restored") if lost else contextlib.nullcontext():
        model = keras2.models.load_model(DATA / f"keras2_{name}.{suffix}", custom)
    y = [g["several_y_a"], g["several_y_b"]] if name == "several" else g[f"{name}_y"]
    outputs = model.predict(g["x"], verbose=0)
    for i, output in enumerate(outputs if isinstance(outputs, list) else [outputs]):
        np.testing.assert_allclose(output, g[f"{name}_output_{i}"], rtol=1e-5, atol=1e-6)
    if OLD_KERAS:  # it reports the losses of outputs with their weights, and fewer metrics on torch
        return
    logs = model.evaluate(g["x"], y, batch_size=8, verbose=0, return_dict=True)
    expected = dict(zip(g[f"{name}_logs"].tolist(), g[f"{name}_values"].tolist(), strict=True))
    assert logs == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert type(model.optimizer).__module__ == "portable_losses.compat.keras2.optimizers"
    if suffix == "h5" and name in ("binary", "several"):  # they were saved with `decay`
        rate, decay = {"binary": (0.1, 0.01), "several": (0.01, 0.1)}[name]
        model.fit(g["x"], y, epochs=1, batch_size=8, verbose=0)  # after four steps in Keras 2
        assert float(model.optimizer.lr) == pytest.approx(rate / (1 + 6 * decay), rel=1e-5)
    if name == "named":
        path = DATA / f"keras2_{name}.{suffix}"
        assert not keras2.models.load_model(path, custom, compile=False).compiled


STATES = dict(np.load(DATA / "keras2_states.npz"))
SAVED = sorted({key.removesuffix("_after") for key in STATES} - {"x", "y"})


@pytest.mark.parametrize("name", SAVED)
def test_the_optimizer_of_a_file_goes_on(name: str, tmp_path):
    """Two steps before, two after it was saved: the weights are those of Keras 2.15."""
    path = tmp_path / ("model" + (".keras" if name.endswith(".keras") else ".h5"))
    path.write_bytes(STATES[name].tobytes())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = keras2.models.load_model(path)
    lost = [x for x in caught if "was not restored" in str(x.message)]
    if name == "legacy_SGD.keras":
        assert len(lost) == 1 and "SGD in model.keras" in str(lost[0].message)
        return
    assert not lost and int(model.optimizer.iterations) == 2
    if name.startswith("Nadam"):  # in Keras 2.15 its product moves once for each variable
        with h5py.File(io.BytesIO(STATES["Nadam"].tobytes())) as file:
            held = [np.array(file[f"optimizer_weights/Nadam/{k}/dense/bias:0"]) for k in "mv"]
        ours = model.optimizer._momentums[1], model.optimizer._velocities[1]
        np.testing.assert_array_equal([numbers(v) for v in ours], held)
        return
    model.run_eagerly = True  # nothing here is to be compiled
    for step in (2, 3):
        model.train_on_batch(STATES["x"][step], STATES["y"][step])
    found = np.concatenate([w.ravel() for w in model.get_weights()])
    expected = STATES[name.removesuffix(".keras") + "_after"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


def test_a_state_that_does_not_fit_is_told(tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(STATES["Adam"].tobytes())
    with h5py.File(path, "r+") as file:
        del file["optimizer_weights"]
    with pytest.warns(UserWarning, match=r"Adam in model.h5 was not restored: the file holds none"):
        assert int(keras2.models.load_model(path).optimizer.iterations) == 0


def test_what_is_no_file_of_keras_2(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match="is a SavedModel"):
        keras2.models.load_model(tmp_path / "old")
    model = bowl()
    model.compile("sgd", "mse")
    model.save(tmp_path / "new.h5")
    assert keras2.models.load_model(tmp_path / "new.h5").count_params() == 1


# The namespace ------------------------------------------------------------------------------


def test_everything_else_is_keras_3():
    assert keras2.layers.Dense is keras.layers.Dense
    assert keras2.losses.Dice is keras.losses.Dice
    assert keras2.optimizers.Lion is keras.optimizers.Lion
    assert keras2.models.clone_model is keras.models.clone_model
    assert keras2.models.Model is keras2.Model
    assert keras2.backend.square is not None
    for module, name, said in (
        (keras2, "no_such_name", r"There is no keras2\.no_such_name\."),
        (keras2, "estimator", "train the model with fit"),
        (losses, "possion", r"no keras2\.losses\.possion\. Did you mean poisson"),
        (metrics, "Acuracy", "Did you mean Accuracy"),
        (keras2.optimizers, "Adamm", "Did you mean Adam"),
        (models, "load_modle", "Did you mean load_model"),
    ):
        with pytest.raises(AttributeError, match=said):
            getattr(module, name)
