"""The contract of every loss, one function a clause; each raises where it is broken.

They are plain functions so that `test_the_suite_can_fail.py` can show each one failing.
"""

import itertools
import json
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import training
from portable_losses.losses import StatefulLoss
from tests import autodiff
from tests.contract.case import Batch, Case

DISTINCT = ("sum_over_batch_size", "mean_with_sample_weight", "sum", "none")
# Of all batches but those of one sample: JAX compiles each operation anew for each shape.
N = 6
REDUCTIONS = (*DISTINCT, "mean", None)  # two of them are other names; test_properties.py has all


@dataclass(frozen=True)
class Subject:
    """A loss class with one choice of settings."""

    cls: type
    case: Case
    settings: dict[str, Any]

    def make(self, batch: Batch, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        """The loss, ready for `batch`, and its state for the reference."""
        loss = self.cls(**self.settings, **arguments)
        if isinstance(loss, StatefulLoss) and not loss.built:
            loss.build((None,), np.shape(batch[1]))
        return loss, self.case.prepare(loss)

    def function(self, batch: Batch) -> Any:
        """The loss as a function `(y_true, y_pred)` to one value per sample."""
        loss, _ = self.make(batch)
        if isinstance(loss, StatefulLoss):
            return loss.values
        return lambda y_true, y_pred: type(loss).function(y_true, y_pred, **loss.settings)

    def reference(self, batch: Batch) -> np.ndarray:
        """One value per sample, in float64."""
        y_true, y_pred = batch
        _, state = self.make(batch)
        state = {name: np.asarray(value, "float64") for name, value in state.items()}
        y_pred = np.asarray(y_pred, "float64")
        return np.asarray(self.case.reference(y_true, y_pred, **self.settings, **state))


def call(loss: Any, *given: Any, **arguments: Any) -> Any:
    """The loss, evaluated: state stays as it is."""
    if isinstance(loss, StatefulLoss):
        arguments["training"] = False
    return loss(*given, **arguments)


def numbers(tensor: Any) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def close(actual: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    assert np.shape(actual) == np.shape(expected), (np.shape(actual), np.shape(expected))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def derivative(function: Any, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences of a scalar `function` at the float64 array `x`."""
    steps = np.eye(x.size).reshape(x.size, *x.shape) * step
    return np.reshape([(function(x + d) - function(x - d)) / (2 * step) for d in steps], x.shape)


def reduced(values: np.ndarray, weight: Any, mask: Any, reduction: Any) -> np.ndarray:
    """Keras' reductions, entry by entry."""
    total = entries = weights = 0.0
    result = np.zeros(values.shape)
    for index in np.ndindex(values.shape):
        m = 1.0 if mask is None else float(mask[index[: np.ndim(mask)]])
        w = 1.0 if weight is None else float(weight[index[: np.ndim(weight)]])
        result[index] = m * w * values[index]
        total, entries, weights = total + result[index], entries + m, weights + m * w
    if reduction in (None, "none"):
        return result
    if reduction == "sum":
        return np.asarray(total)
    count = weights if reduction == "mean_with_sample_weight" else entries
    return np.asarray(total / count if count else 0.0)


def among_counted(
    subject: Subject, batch: Batch, values: np.ndarray, weight: Any, mask: Any
) -> np.ndarray:
    """The values of the samples that are not masked and have a weight, among themselves."""
    if values.ndim > 1:
        return values
    counted = np.ones(len(values), bool)
    for given in (weight, mask):
        counted &= np.asarray(True if given is None else given, bool)
    values = np.zeros(values.shape)
    if counted.any():
        values[counted] = subject.reference((batch[0][counted], batch[1][counted]))
    return values


# Clauses ------------------------------------------------------------------------------------


def value(subject: Subject, rng: np.random.Generator) -> None:
    """The function gives the reference's value per sample, eager and compiled."""
    for n, run in ((1, autodiff.once), (N, lambda function, *given: function(*given))):
        batch = subject.case.batch(rng, n)
        function = subject.function(batch)
        expected = subject.reference(batch)
        assert expected.shape[0] == n
        close(numbers(run(function, *batch)), expected)
    compiled = autodiff.compiled(function)
    tensors = [ops.convert_to_tensor(x) for x in batch]
    close(numbers(compiled(*tensors)), expected)


def xla(subject: Subject, rng: np.random.Generator) -> None:
    """It compiles by XLA on TensorFlow too."""
    batch = subject.case.batch(rng, N)
    compiled = autodiff.compiled(subject.function(batch), xla=True)
    close(numbers(compiled(*map(ops.convert_to_tensor, batch))), subject.reference(batch))


def gradient(subject: Subject, rng: np.random.Generator) -> None:
    """Its gradient is that of the reference by finite differences in float64."""
    batch = y_true, y_pred = subject.case.batch(rng, 4)
    function = subject.function(batch)
    actual = autodiff.gradient(lambda p: ops.sum(function(y_true, p)), y_pred)
    expected = derivative(lambda p: subject.reference((y_true, p)).sum(), y_pred.astype("float64"))
    close(actual, expected, rtol=2e-5, atol=2e-6)


def state_gradient(subject: Subject, rng: np.random.Generator) -> None:
    """Its gradient by every trainable variable is that of the reference. `prepare` names the
    value it gave to a variable as the loss names the variable."""
    batch = subject.case.batch(rng, N)
    loss, state = subject.make(batch)
    for variable in getattr(loss, "trainable_variables", ()):

        def ours(value: Any, variable: Any = variable) -> Any:
            with keras.StatelessScope(state_mapping=[(variable, value)]):
                return ops.sum(loss.values(*batch))

        def theirs(value: np.ndarray, name: str = variable.name) -> float:
            given = {key: np.asarray(x, "float64") for key, x in state.items()} | {name: value}
            y_pred = np.asarray(batch[1], "float64")
            return subject.case.reference(batch[0], y_pred, **subject.settings, **given).sum()

        found = autodiff.gradient(ours, numbers(variable))
        close(found, derivative(theirs, state[variable.name].astype("float64")), 2e-5, 5e-6)


def untracked(subject: Subject, rng: np.random.Generator) -> None:
    """State that nobody tracks: `compile(loss=...)` is refused when training begins."""
    batch = y_true, y_pred = subject.case.batch(rng, N)
    loss, _ = subject.make(batch)
    model = _network(y_pred)
    model.compile("sgd", loss=loss)
    _refused(lambda: model.fit(y_pred, y_true, verbose=0), "LossModel")


def float64(subject: Subject, rng: np.random.Generator) -> None:
    """In float64 it is as exact as float64."""
    y_true, y_pred = subject.case.batch(rng, N)
    with autodiff.float64():
        y_true = y_true if np.asarray(y_true).dtype.kind in "iub" else np.float64(y_true)
        batch = y_true, y_pred.astype("float64")
        loss = autodiff.once(subject.function(batch), *batch)
        assert keras.backend.standardize_dtype(loss.dtype) == "float64"
        actual = ops.convert_to_numpy(loss)
    # Keras' epsilon is part of some definitions, so the reference states it; state is float32.
    tolerance = 1e-6 if issubclass(subject.cls, StatefulLoss) else 1e-9
    close(actual, subject.reference(batch), rtol=tolerance, atol=tolerance)


def low_precision(subject: Subject, rng: np.random.Generator, dtype: str) -> None:
    """Half precision in is computed in float32; the function gives it back, the class does not."""
    y_true, y_pred = subject.case.batch(rng, N)
    half = ops.cast(ops.convert_to_tensor(y_pred), dtype)
    batch = y_true, numbers(half)
    expected = subject.reference(batch)
    if not issubclass(subject.cls, StatefulLoss):  # which casts before it evaluates
        values = subject.function(batch)(y_true, half)
        assert keras.backend.standardize_dtype(values.dtype) == dtype
        rounding = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
        close(numbers(values), expected, rtol=1.1 * rounding, atol=1e-6)
    loss, _ = subject.make(batch, reduction="none")
    values = call(loss, y_true, half)
    assert keras.backend.standardize_dtype(values.dtype) == "float32"
    close(numbers(values), expected)
    loss, _ = subject.make(batch, dtype=dtype)
    assert keras.backend.standardize_dtype(call(loss, y_true, half).dtype) == dtype


def reductions(subject: Subject, rng: np.random.Generator) -> None:
    """Every reduction, with and without sample weights and a mask, is Keras' definition, and a
    sample that is masked or of weight 0 is to the others as if it were not there."""
    builders = [subject.case.batch, subject.case.sequence]
    for build in filter(None, builders):
        batch = build(rng, N)
        values = subject.reference(batch)
        mask = rng.random(values.shape) < 0.6
        mask[0] = True
        some = rng.uniform(0.5, 2, N)
        some[1] = 0
        weights = [None, some, rng.uniform(0.5, 2, values.shape), np.zeros(N)]
        made = {reduction: subject.make(batch, reduction=reduction)[0] for reduction in DISTINCT}
        totals = [reduction for reduction in DISTINCT if reduction != "none"]
        masks = (None, mask, np.zeros_like(mask))
        for (i, weight), (k, given) in itertools.product(enumerate(weights), enumerate(masks)):
            seen = among_counted(subject, batch, values, weight, given)
            # Each value, and one way to add them up, each way with each mask: all losses do so in
            # one function, of which test_properties.py tries every combination.
            for reduction in ("none", totals[(i + k) % 3]):
                y_pred = ops.convert_to_tensor(batch[1])
                if given is not None:
                    y_pred._keras_mask = ops.convert_to_tensor(given)
                actual = call(made[reduction], batch[0], y_pred, sample_weight=weight)
                close(numbers(actual), reduced(seen, weight, given, reduction), atol=1e-5)


def column_weights(subject: Subject, rng: np.random.Generator) -> None:
    """Weights `(N, 1)` count as `(N,)`; weights of another length are refused."""
    batch = subject.case.batch(rng, N)
    loss, _ = subject.make(batch)
    weight = rng.uniform(0.5, 2, N)
    flat, column = (call(loss, *batch, sample_weight=w) for w in (weight, weight[:, None]))
    assert np.ndim(numbers(column)) == 0
    close(numbers(column), numbers(flat))
    _refused(lambda: call(loss, *batch, sample_weight=np.ones(4)), "`sample_weight` must have")


def zero_weights(subject: Subject, rng: np.random.Generator) -> None:
    """Where all weights are 0, value and gradient are 0."""
    y_true, y_pred = batch = subject.case.batch(rng, N)
    nothing = np.zeros(N, "float32")
    totals = ("sum_over_batch_size", "mean_with_sample_weight", "sum")
    made = {reduction: subject.make(batch, reduction=reduction)[0] for reduction in totals}
    for loss in made.values():
        assert numbers(call(loss, y_true, y_pred, sample_weight=nothing)) == 0
    # One gradient, of the reduction that divides by the weights; test_properties.py has all three.
    loss = made["mean_with_sample_weight"]
    found = autodiff.gradient(lambda p: call(loss, y_true, p, sample_weight=nothing), y_pred)
    close(found, np.zeros(y_pred.shape), atol=0)


def degenerate(subject: Subject, batches: dict[str, Batch]) -> None:
    """On edge batches value and gradient are finite, and the value is the reference's."""
    function = subject.function(next(iter(batches.values())))
    # Once: a program serves all batches of one shape. Eager, JAX runs what it compiles, and on
    # PyTorch what Dynamo captures runs the same kernels: `value` has said it all.
    compiled = autodiff.compiled(function) if autodiff.BACKEND == "tensorflow" else None
    both = autodiff.values_and_slope(function)
    for label, (y_true, y_pred) in batches.items():
        try:
            expected = subject.reference((y_true, y_pred))
            assert np.isfinite(expected).all(), "the reference must be finite too"
            values, slope = both(*map(ops.convert_to_tensor, (y_true, y_pred)))
            close(numbers(values), expected)
            assert np.isfinite(numbers(slope)).all(), slope
            if compiled is not None:
                close(numbers(compiled(*map(ops.convert_to_tensor, (y_true, y_pred)))), expected)
        except Exception as error:
            error.add_note(f"In the batch {label!r}.")
            raise


def kink(subject: Subject, y_true: Any, y_pred: Any, expected: Any) -> None:
    """At a kink the gradient is the one stated, on every backend."""
    y_pred = np.asarray(y_pred, "float32")
    function = subject.function((y_true, y_pred))
    found = autodiff.gradient(lambda p: ops.sum(function(y_true, p)), y_pred)
    close(found, np.broadcast_to(np.asarray(expected, "float32"), y_pred.shape))


def permutation(subject: Subject, rng: np.random.Generator) -> None:
    """The order of samples does not matter to any of them."""
    batch = y_true, y_pred = subject.case.batch(rng, N)
    order = rng.permutation(N)
    function = subject.function(batch)
    close(numbers(function(y_true[order], y_pred[order])), numbers(function(*batch))[order])


def columns(subject: Subject, rng: np.random.Generator) -> None:
    """Targets `(N,)` against predictions `(N, 1)` are never broadcast to N×N."""
    y_true, y_pred = subject.case.batch(rng, N)
    if np.shape(y_true) != np.shape(y_pred) or y_pred.ndim != 2:
        if np.shape(y_true)[:1] == (N,) and np.ndim(y_true) == 1:  # ids: as a column too
            loss, _ = subject.make((y_true, y_pred))
            close(numbers(call(loss, y_true[:, None], y_pred)), numbers(call(loss, y_true, y_pred)))
        return
    flat, column, pred = y_true[:, 0], y_true[:, :1], y_pred[:, :1]
    try:
        loss, _ = subject.make((column, pred))
        expected = numbers(call(loss, column, pred))
    except ValueError:
        return  # a loss over several classes has no use for one column
    close(numbers(call(loss, flat, pred)), expected)


def other_lengths(subject: Subject, rng: np.random.Generator) -> None:
    """Targets of another length than the predictions are refused."""
    y_true, y_pred = subject.case.batch(rng, N)
    loss, _ = subject.make((y_true, y_pred))
    _refused(lambda: call(loss, y_true[:3], y_pred), "Received")


def unknown_reduction(subject: Subject, rng: np.random.Generator) -> None:
    """An unknown reduction is refused by name, and 'auto' is explained."""
    _refused(lambda: subject.cls(**subject.settings, reduction="auto"), "sum_over_batch_size")


def config(subject: Subject, rng: np.random.Generator) -> None:
    """Config, name, reduction and dtype survive serialization through JSON; so do values."""
    batch = subject.case.batch(rng, N)
    loss, _ = subject.make(batch, name="mine", reduction="none", dtype="bfloat16")
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
    twin = keras.saving.deserialize_keras_object(saved)
    assert type(twin) is subject.cls
    assert json.dumps(twin.get_config()) == json.dumps(loss.get_config())
    assert twin.name == "mine"
    assert twin.reduction == "none"
    if isinstance(twin, StatefulLoss):
        subject.case.prepare(twin)
    actual = call(twin, *batch)
    assert keras.backend.standardize_dtype(actual.dtype) == "bfloat16"
    close(numbers(actual), numbers(call(loss, *batch)))


def _network(y_pred: np.ndarray) -> keras.Model:
    """A network that starts as the identity."""
    shape = y_pred.shape[1:]
    size = int(np.prod(shape))
    inputs = keras.Input(shape)
    flat = keras.layers.Reshape((size,))(inputs)
    # No `Identity` initializer: Keras before 3.7 cannot load a model with one.
    change = keras.layers.Dense(size, kernel_initializer="zeros")(flat)
    same = keras.layers.Add()([flat, change])
    return keras.Model(inputs, keras.layers.Reshape(shape)(same))


def _compiled_model(subject: Subject, batch: Batch) -> tuple[keras.Model, Any]:
    loss, _ = subject.make(batch)
    model = _network(batch[1])
    optimizer = keras.optimizers.SGD(1e-3)
    if isinstance(loss, StatefulLoss):
        model = training.LossModel(model, loss)
        model.compile(optimizer)
    else:
        model.compile(optimizer, loss=loss)
    return model, loss


def fit(subject: Subject, rng: np.random.Generator) -> tuple[keras.Model, dict[str, Any]]:
    """In `fit` the first loss is that of the batch, the weights move, and all stays finite. The
    model, and what `fit` was given."""
    batch = y_true, y_pred = subject.case.batch(rng, N)
    model, loss = _compiled_model(subject, batch)
    weights = rng.uniform(0.5, 2, N).astype("float32")
    if getattr(loss, "update_first", False):  # a step sees the state that it leaves
        twin, _ = subject.make(batch)
        expected = float(numbers(twin(y_true, y_pred, sample_weight=weights, training=True)))
    else:
        expected = float(numbers(call(loss, y_true, y_pred, sample_weight=weights)))
    before = [np.asarray(numbers(w)) for w in model.trainable_weights]
    given = {"x": y_pred, "y": y_true, "sample_weight": weights}
    given |= {"epochs": 2, "batch_size": N, "shuffle": False, "verbose": 0}
    history = model.fit(**given).history["loss"]
    close(history[0], expected)
    assert np.isfinite(history).all()
    moved = [
        np.abs(numbers(w) - b).max() for w, b in zip(model.trainable_weights, before, strict=True)
    ]
    assert min(moved) > 0, "a weight did not move"
    return model, given


def keras_file(model: keras.Model, given: dict[str, Any], folder: Any) -> None:
    """A model that was trained comes back from a `.keras` file with its loss, and trains on as it
    would. `given` is what its `fit` takes."""
    model.save(folder / "model.keras")
    twin = keras.saving.load_model(folder / "model.keras")
    histories = [m.fit(**given).history["loss"] for m in (model, twin)]
    close(histories[1], histories[0], rtol=1e-6, atol=1e-7)


def _refused(action: Any, text: str) -> None:
    try:
        action()
    except ValueError as error:
        assert text in str(error), str(error)
    else:
        raise AssertionError("nothing was raised")


CLAUSES = {
    clause.__name__: clause
    for clause in (
        value,
        gradient,
        state_gradient,
        float64,
        reductions,
        column_weights,
        zero_weights,
        permutation,
        columns,
        other_lengths,
        unknown_reduction,
        config,
    )
}
