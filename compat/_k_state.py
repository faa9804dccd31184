"""The old `keras.backend`: variables, sessions, settings and what else is kept between calls."""

import contextlib
import importlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from portable_losses import _backend

from . import _k_random as random
from . import _k_shapes as shapes
from ._dispatch import Deferred
from ._k_inputs import cast, dtype_name, is_tensor, like, operation, require_whole, sizes, tensor
from ._k_variables import KVariable, building

# Variables ----------------------------------------------------------------------------------


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """A `keras.Variable` of floatx. What is made within a compiled step could not be kept, and is a
    plain tensor.

    A graph of TF1 takes it in: there an expression of it is a node, and `K.update` of it an
    operation that runs when it is fetched. It holds its value itself, the same in all sessions, and
    an initializer that is run leaves that as it is."""
    dtype = dtype_name(dtype or keras.config.floatx())
    if hasattr(value, "tocoo"):  # SciPy
        value = value.toarray()
    if callable(value):
        value = value()
    start = _as(shapes.to_dense(value), dtype)
    if _backend.tracing():
        return start
    trains = bool(keras.backend.is_float_dtype(dtype))
    name = name and name.replace("/", "_")
    made = KVariable(start, dtype=dtype, trainable=trains, name=name)
    if constraint is not None:
        made.constraint = constraint
    return made


def _as(value: Any, dtype: Any) -> Any:
    if not is_tensor(value) and not keras.backend.is_float_dtype(dtype):
        require_whole(value, dtype)
    return cast(tensor(value), dtype)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A tensor, of floatx if no dtype is given; one number fills `shape`."""
    made = _as(value, dtype_name(dtype or keras.config.floatx()))
    if shape is None:
        return made
    size = sizes(shape, "K.constant")
    many = int(np.prod(made.shape)) != 1
    return ops.reshape(made, size) if many else ops.broadcast_to(ops.reshape(made, ()), size)


def _filled(made: Callable[..., Any], shape: Any, dtype: Any, name: str | None, what: str) -> Any:
    size = sizes((shape,) if isinstance(shape, int) else shape, what)
    value = made(size, dtype=dtype_name(dtype or keras.config.floatx()))
    return variable(value, dtype, name) if all(size) else value


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of zeros, as `variable` makes it; a tensor if the shape holds a 0."""
    return _filled(ops.zeros, shape, dtype, name, "K.zeros")


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of ones, as `variable` makes it; a tensor if the shape holds a 0."""
    return _filled(ops.ones, shape, dtype, name, "K.ones")


def eye(size: int, dtype: Any = None, name: str | None = None) -> Any:
    """A variable that holds the identity matrix."""
    return variable(ops.eye(size), dtype, name)


def random_uniform_variable(
    shape: Any,
    low: float,
    high: float,
    dtype: Any = None,
    name: str | None = None,
    seed: Any = None,
) -> Any:
    """A variable of uniform numbers between `low` and `high`."""
    return variable(random.random_uniform(shape, low, high, dtype, seed), dtype, name)


def random_normal_variable(
    shape: Any,
    mean: float,
    scale: float,
    dtype: Any = None,
    name: str | None = None,
    seed: Any = None,
) -> Any:
    """A variable of normal numbers; `scale` is the standard deviation."""
    return variable(random.random_normal(shape, mean, scale, dtype, seed), dtype, name)


def _assigned(x: Any, value: Any, method: str) -> Any:
    x, value = _in_a_graph(x, value)
    if isinstance(x, Deferred):
        return getattr(x, method)(value)
    return _assigned_now(x, value, method)


def _in_a_graph(x: Any, value: Any) -> tuple[Any, Any]:
    """A variable as a node of the graph that its new value belongs to, or that is being built."""
    if isinstance(value, Deferred) and value.known and not isinstance(x, Deferred):
        value = value.concrete()
    if isinstance(x, _backend.Variable):
        graph = value if isinstance(value, Deferred) else building((x, value))
        x = x if graph is None else graph.variable(x)
    return x, value


def _assigned_now(x: Any, value: Any, method: str) -> Any:
    if not isinstance(x, _backend.Variable):
        raise ValueError(
            f"Only a variable can be updated. Received: {type(x).__name__}. `K.variable`, "
            "`K.zeros` and `K.ones` make plain tensors in a compiled step: make the variable "
            "outside of it, with `add_weight` of a layer, or use a `losses.StatefulLoss`."
        )
    if isinstance(value, keras.KerasTensor):
        raise ValueError(
            "A variable cannot be updated by a tensor of a functional model: write a layer that "
            "has it from `add_weight` and assigns to it in `call`."
        )
    getattr(x, method)(like(value, x))
    return x


def update(x: Any, new_x: Any) -> Any:
    """Assigns and returns the variable; in a graph of TF1, the operation that assigns."""
    return _assigned(x, new_x, "assign")


def update_add(x: Any, increment: Any) -> Any:
    """Adds to the variable and returns it."""
    return _assigned(x, increment, "assign_add")


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtracts from the variable and returns it."""
    return _assigned(x, decrement, "assign_sub")


def moving_average_update(x: Any, value: Any, momentum: Any) -> Any:
    """x − (x − value)(1 − momentum), without the correction of the start that TF1 made."""
    x, value = _in_a_graph(x, value)
    if isinstance(x, Deferred):
        return x.assign_sub((x - value) * (1 - momentum))  # type: ignore[attr-defined]  # a variable of a graph
    if not isinstance(x, _backend.Variable):
        return update_sub(x, value)  # which says what is wrong
    old = tensor(x)
    return update_sub(x, (old - like(value, old)) * (1 - like(momentum, old)))


def get_value(x: Any) -> Any:
    """The values as a NumPy array; what is no tensor comes back as it is."""
    if isinstance(x, Deferred):
        return get_session([x]).run(x)
    if not is_tensor(x):
        return x
    if isinstance(x, keras.KerasTensor):
        raise ValueError(
            "A tensor of a functional model has no value yet: feed it, with "
            "`K.function([model.input], [tensor])` or `keras.Model(model.input, tensor)`."
        )
    return ops.convert_to_numpy(x)


def batch_get_value(tensors: Any) -> list[Any]:
    """`get_value` of each."""
    if any(isinstance(x, Deferred) for x in tensors):
        return list(get_session(list(tensors)).run(list(tensors)))
    return [get_value(x) for x in tensors]


def eval(x: Any) -> Any:
    """The values as a NumPy array."""
    return get_value(shapes.to_dense(x))


def set_value(x: Any, value: Any) -> None:
    """Assigns values to a variable."""
    if isinstance(x, Deferred):
        x.load(value, get_session([x]))  # type: ignore[attr-defined]  # a variable of a graph
    else:
        _assigned_now(x, np.asarray(value), "assign")


def batch_set_value(tuples: Any) -> None:
    """`set_value` of each pair (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


# Learning phase -----------------------------------------------------------------------------

_phase: dict[str, int] = {}


def learning_phase() -> int:
    """1 within `set_learning_phase(1)`, else 0. `fit` does not set it: in a layer, use the argument
    `training`, or `in_train_phase`, which does."""
    return _phase.get("value", 0)


def set_learning_phase(value: Any) -> None:
    if value not in (0, 1):
        raise ValueError(f"The learning phase is 0 or 1. Received: {value!r}.")
    _phase["value"] = int(value)


@contextlib.contextmanager
def learning_phase_scope(value: Any) -> Iterator[None]:
    """`set_learning_phase` while it is open."""
    before = dict(_phase)
    set_learning_phase(value)
    try:
        yield
    finally:
        _phase.clear()
        _phase.update(before)


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in training, else `alt`; either may be a function. Without `training`, what the layer or
    model that is being called was told, and else the learning phase."""
    if training is None:
        training = _backend.training_of_call()
    if training is None:
        training = learning_phase()
    if not is_tensor(training):
        chosen = x if training else alt
        return chosen() if callable(chosen) else chosen
    return shapes.switch(training, x, alt)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`in_train_phase` the other way round."""
    return in_train_phase(alt, x, training=training)


# Functions and graphs -----------------------------------------------------------------------


def placeholder(
    shape: Any = None,
    ndim: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    name: str | None = None,
    ragged: bool = False,
) -> Any:
    """An input of a functional model, as `keras.Input(batch_shape=shape)`."""
    if ragged:
        raise ValueError("Keras 3 has no ragged tensors: pad, and pass a mask or lengths.")
    if not shape:
        if not ndim:
            raise ValueError(
                "`K.placeholder` needs `shape`, with the batch first and None for what is not "
                "known, or `ndim`."
            )
        shape = (None,) * ndim
    dtype = dtype_name(dtype or keras.config.floatx())
    return keras.Input(batch_shape=tuple(shape), dtype=dtype, sparse=sparse or None, name=name)


def function(
    inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **kwargs: Any
) -> Callable[[Any], Any]:
    """A function from a list of arrays to arrays, for tensors of a functional model.

    A learning phase among the inputs, as in `K.function([model.input, K.learning_phase()], ...)`,
    is fed 0 or 1. `updates` are pairs (variable, tensor), assigned after each call.
    """
    flat = tree.flatten(outputs)
    deferred = next((x for x in flat if isinstance(x, Deferred)), None)
    if deferred is not None:
        return deferred.function(inputs, outputs, updates)
    if kwargs:
        raise ValueError(f"A session takes these, and there is none here: {sorted(kwargs)}.")
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    fed = [x for x in given if isinstance(x, keras.KerasTensor)]
    updates = list(updates or [])
    if any(not isinstance(pair, list | tuple) for pair in updates):
        raise ValueError("`updates` must be pairs (variable, new value).")
    model = keras.Model(fed, [*flat, *(new for _, new in updates)], name=name)

    def run(values: Any) -> Any:
        values = list(values) if isinstance(values, list | tuple) else [values]
        if len(values) != len(given):
            raise ValueError(f"{len(given)} inputs are expected. Received: {len(values)}.")
        pairs = list(zip(given, values, strict=True))
        phases = [value for x, value in pairs if not isinstance(x, keras.KerasTensor)]
        arrays = [
            cast(tensor(value), x.dtype) for x, value in pairs if isinstance(x, keras.KerasTensor)
        ]
        training = bool(phases[0]) if phases else bool(learning_phase())
        found = tree.flatten(model(arrays, training=training))
        for (x, _), new in zip(updates, found[len(flat) :], strict=True):
            update(x, new)
        read = [ops.convert_to_numpy(x) for x in found[: len(flat)]]
        read = [x.item() if x.ndim == 0 else x for x in read]
        return tree.pack_sequence_as(outputs, read)

    return run


def gradients(loss: Any, variables: Any) -> Any:
    """Of nodes of a TF1 graph (`portable_losses.compat.tf1`). Tensors remember no way back."""
    if isinstance(loss, Deferred):
        return loss.gradients(variables)
    raise ValueError(
        "`K.gradients` needs a graph, and this loss is "
        + (
            "a tensor of a functional model. "
            if isinstance(loss, keras.KerasTensor)
            else "a value. "
        )
        + "Let `compile` and `fit` differentiate it; or write the loss as a function and use "
        "`jax.grad`, `tf.GradientTape` or `loss.backward()` of your backend; or build it under "
        "`portable_losses.compat.tf1`."
    )


def get_session(op_input_list: Any = ()) -> Any:
    """The session of `portable_losses.compat.tf1`: the one that is open, that of `set_session`, or
    a new one, if the graph that is built now, or that of the tensors given, is another."""
    tf1 = importlib.import_module(".tf1", __package__)
    session = tf1.get_default_session()
    if session is not None:
        return session
    given = op_input_list if isinstance(op_input_list, list | tuple) else [op_input_list]
    graphs = [x.graph for x in given if isinstance(x, Deferred) and hasattr(x, "graph")]
    graph = graphs[0] if graphs else tf1.get_default_graph()
    session = _session.get("value")
    if session is None or session.graph is not graph:
        session = _session["value"] = tf1.Session(graph=graph)
    return session


_session: dict[str, Any] = {}


def set_session(session: Any) -> None:
    """The session that `get_session` returns where none is open."""
    _session["value"] = session


def clear_session() -> None:
    """Forgets names, the learning phase and the session."""
    keras.backend.clear_session()
    reset_uids()
    _phase.clear()
    _session.clear()


def manual_variable_initialization(value: bool) -> None:
    """Nothing: variables of Keras 3 have their values from the start, and loading sets them."""


_uids: dict[str, int] = defaultdict(int)


def get_uid(prefix: str = "") -> int:
    """1, 2, 3, … for each prefix, from the start or `reset_uids`."""
    _uids[prefix] += 1
    return _uids[prefix]


def reset_uids() -> None:
    _uids.clear()


def name_scope(name: str) -> Any:
    """`keras.name_scope`; a slash in the name becomes an underscore."""
    return keras.name_scope(name.replace("/", "_"))


def is_keras_tensor(x: Any) -> bool:
    """Whether it is a tensor of a functional model.

    Raises:
        ValueError: for what is no tensor at all.
    """
    if not is_tensor(x):
        raise ValueError(f"`K.is_keras_tensor` takes a tensor. Received: {type(x).__name__}.")
    return isinstance(x, keras.KerasTensor)


@operation("K.print_tensor")
def print_tensor(x: Any, message: str = "", summarize: int = 3) -> Any:
    """Prints the values whenever it is computed, and returns `x`."""
    x = tensor(x)
    _backend.print_values(message, x, summarize)
    return x


# Settings -----------------------------------------------------------------------------------


def backend() -> str:
    """The backend of Keras 3: "tensorflow", "jax" or "torch"."""
    return str(keras.backend.backend())


def cast_to_floatx(x: Any) -> Any:
    """In floatx: a tensor as a tensor, all else as a NumPy array."""
    if is_tensor(x):
        return _cast_to_floatx(x)
    return np.asarray(x, dtype=keras.config.floatx())


@operation("K.cast_to_floatx")
def _cast_to_floatx(x: Any) -> Any:
    return cast(tensor(x), keras.config.floatx())


def image_dim_ordering() -> str:
    """Keras 1: "th" for channels first, "tf" for channels last."""
    return "th" if keras.config.image_data_format() == "channels_first" else "tf"


def set_image_dim_ordering(ordering: str) -> None:
    if ordering not in ("th", "tf"):
        raise ValueError(f"The ordering is 'th' or 'tf'. Received: {ordering!r}.")
    keras.config.set_image_data_format("channels_first" if ordering == "th" else "channels_last")


def to_tensor(x: Any, dtype: Any) -> Any:
    """A tensor of a dtype."""
    return cast(tensor(x), dtype)
