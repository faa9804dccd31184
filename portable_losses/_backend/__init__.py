"""The only code that names a backend: the few things `keras.ops` cannot say.

Each backend has a module with the same functions:

* `take_rows(table, rows)`: `table[rows]`, for a table that may be a variable's own value, without
  reading all of it; `checks_rows()`: whether a row that is not there is an error,
  though nobody sees it in what is being traced;
* `unique(x)`: distinct values of a vector in order of appearance, the place of each entry among
  them, and counts, all as long as `x` and padded with 0; None where no operation says it;
* `with_rows_added(table, rows, values)`: a table with `table[rows] += values`, repeated rows
  adding up; and `add_rows_in_place(value, rows, values)`, the same to a variable's own value,
  which says whether it could;
* `with_rows_set(table, rows, values)` and `set_rows_in_place(value, rows, values)`: the same for
  `table[rows] = values`, with rows that are all different;
* `concrete(tensor)`: the values as a NumPy array, or None while they are being traced (or where
  a look would stall an accelerator);
* `is_traced(tensor)`: whether the tensor has no values yet, so that no look can tell them;
* `traces_without(variable, tensor)`: whether `tensor` is traced by a function of which `variable`
  is no input, so that an update would be thrown away when the trace ends;
* `squared_distances(x, y)`: `‖x − y‖²` of rows, `(N, d)` and `(M, d)` to `(N, M)`, as sums of
  squared differences; no gradient;
* `dot(x, y)`: dot products of rows, `(N, d)` and `(M, d)` to `(N, M)`;
* `distances(x, y, squared)`: the same, or its root, with the gradient; None where a compiler makes
  one program of operations that say it as well;
* `where(mask, x, otherwise)`: `x` where the mask holds, and a number elsewhere; and
  `indicator(mask, dtype)`, 1 where it holds and 0 elsewhere;
* `with_size(least, sizes, function, *given)`: `function(size, *given)`, a list of tensors of the
  same shape for each size, of one that is no less than the number `least`, a tensor: the first of
  `sizes` that is, or the number itself. No number is larger than the last of them. The function's
  gradient is by what is given;
* `nearest_above(x, among, wanted)`: for each entry of `(N, M)` that is `wanted` and none of those
  `among`, bool `(N, M)` both, the column of the smallest of those in its row that is larger; and
  whether there is one. The fewer are wanted, the sooner it is done;
* `take_wanted(x, column, wanted)`: for each entry of `(N, M)` that is `wanted`, the number of its
  row that stands in the column `column`, `(N, M)`; 0 for the others. There should be few;
* `count_below(x, among, bounds)`: how many entries of its row, of those `among`, are below
  each bound;
* `map_blocks(function, blocks, shared)`: `function(*(b[k] for b in blocks), *shared)` for each k,
  stacked; one block at a time, which the gradient computes again instead of keeping it. Of the
  function's tensors none may come from elsewhere;
* `value_and_gradient(function, xs)`: a scalar `function(*xs)` and its gradients by the tensors
  `xs`; may be nested in another gradient;
* `Tape(persistent, variables)`: a context that records what is computed, `watch(xs)` and
  `gradient(ys, xs, slopes)`, with None where there is no path; JAX has none;
* `compiled(function)`: `function(held, *given)` of nested tensors and NumPy arrays, which returns
  what was found and a list of new values to hold, as a program for each choice of shapes and
  dtypes; on PyTorch, as it is and without a gradient. `held` is a list of what `keep` gives, which
  the program may use up: a new value, None where it was changed in place, takes its place;
* `owned(tensor)`, `keep(before, value)`: a copy that nobody else has; what a session keeps of
  such a value, where it kept `before`, or None;
* `value_of(kept)`, `with_value(kept, value)`, `with_rows(kept, rows, values)`: the value of what is
  kept; and what is kept after it is set, or after values are added to rows;
* `at_once()`: a context in which operations on values that are known are computed, not traced;
* `snapshot(tensor)`: the tensor, safe from later updates in place of the variable it belongs to;
* `replicas()`: how many replicas run side by side, each on its share of the batch; gradients
  are summed over them, so a mean over the share is divided by their number;
* `canonical_dtype(name)`: the dtype that one asked for becomes: int64 is int32 on JAX;
* `tracing()`: whether a step is being traced, so that a variable made now would be lost;
* `traces_python()`: whether what is traced is Python itself, as Dynamo does, and not its tensors;
* `print_values(message, tensor, summarize)`: prints values each time a compiled step runs.
"""

import contextlib
import importlib
import weakref
from collections.abc import Iterator
from typing import Any

from portable_losses._environment import BACKENDS, explain
from portable_losses._typing import Tensor

try:
    import keras
except (ImportError, ValueError) as error:
    # Keras answers an unknown name with ValueError and an absent package with ImportError.
    raise ImportError(explain(str(error).split("\n")[0])) from error

# No public name says whether a scope holds a variable, which mask a tensor carries, or whether the
# layer that is being called trains; nor evaluates a function of KerasTensors without a layer of it.
# `keras.Variable` of an older Keras is a class of its own, and variables of layers are none of it.
from keras.src.backend import Variable as Variable
from keras.src.backend import compute_output_spec as output_spec
from keras.src.backend.common import global_state, masking, stateless_scope


def _load() -> Any:
    name = keras.backend.backend()
    return importlib.import_module(f"{__name__}._{name if name in BACKENDS else 'generic'}")


_module = _load()
at_once = _module.at_once
canonical_dtype = _module.canonical_dtype
checks_rows = _module.checks_rows
compiled = _module.compiled
concrete = _module.concrete
count_below = _module.count_below
distances = _module.distances
dot = _module.dot
indicator = _module.indicator
is_traced = _module.is_traced
keep = _module.keep
map_blocks = _module.map_blocks
nearest_above = _module.nearest_above
owned = _module.owned
print_values = _module.print_values
replicas = _module.replicas
set_mask = masking.set_keras_mask
snapshot = _module.snapshot
squared_distances = _module.squared_distances
take_wanted = _module.take_wanted
traces_python = _module.traces_python
unique = _module.unique
value_and_gradient = _module.value_and_gradient
Tape = _module.Tape
value_of = _module.value_of
where = _module.where
with_size = _module.with_size
with_rows = _module.with_rows
with_value = _module.with_value


def add_rows(variable: Any, rows: Tensor, values: Tensor) -> None:
    """`variable[rows] += values`; repeated rows add up. In place where the backend can, so that
    it costs the same whatever the size of the table."""
    # Within a scope the value belongs to the caller, even where it is the variable's own.
    if stateless_scope.in_stateless_scope() or not _module.add_rows_in_place(
        variable.value, rows, values
    ):
        variable.assign(_module.with_rows_added(variable.value, rows, values))


def set_rows(variable: Any, rows: Tensor, values: Tensor) -> None:
    """`variable[rows] = values`; `rows` must all be different. In place as `add_rows` is."""
    if stateless_scope.in_stateless_scope() or not _module.set_rows_in_place(
        variable.value, rows, values
    ):
        variable.assign(_module.with_rows_set(variable.value, rows, values))


def take_rows(table: Any, rows: Tensor) -> Tensor:
    """`table[rows]` of a variable or a tensor. A variable is never read back whole, which would
    make the next update of its rows copy it (TensorFlow)."""
    return _module.take_rows(table.value if isinstance(table, Variable) else table, rows)


def with_rows_added(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    """A table with `table[rows] += values`; repeated rows add up."""
    return _module.with_rows_added(table, rows, values)


def read_checkpoint(prefix: str) -> dict[str, Any]:
    """The arrays of a TF1 checkpoint by name, which only TensorFlow can read."""
    try:
        import tensorflow as tf
    except ImportError:
        raise ImportError(
            f"{prefix!r} is a checkpoint of TensorFlow, and TensorFlow is not installed here. "
            "Where it is, make a .npz file of it: reader = tf.train.load_checkpoint(prefix); "
            "numpy.savez(file, **{name: reader.get_tensor(name) for name in "
            "reader.get_variable_to_shape_map()})"
        ) from None
    reader = tf.train.load_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def is_lost(variable: Any, tensor: Tensor) -> bool:
    """Whether an update of `variable`, computed from `tensor`, would reach nobody."""
    if stateless_scope.in_stateless_scope():
        # A scope keeps updates of any variable, and hands back those that it was opened for.
        return stateless_scope.get_stateless_scope().get_current_value(variable) is None
    return _module.traces_without(variable, tensor)


def tracing() -> bool:
    """Whether a step is being traced, which would lose a variable that is made now."""
    return stateless_scope.in_stateless_scope() or _module.tracing()


_told: list[Any] = []


@contextlib.contextmanager
def told(training: Any) -> Iterator[None]:
    """Calls within are to train, or not to, where Keras does not know: 3.6 forgets it where `call`
    of a layer does not ask, and in each training step on JAX."""
    _told.append(training_of_call() if training is None else training)
    try:
        yield
    finally:
        _told.pop()


def training_of_call() -> Any:
    """The `training` of the layer that is being called; None where none is."""
    context = global_state.get_global_attribute("current_call_ctx")
    if context is not None and context.training is not None:
        return context.training
    return _told[-1] if _told else None


def in_call() -> bool:
    """Whether a layer is being called."""
    return global_state.get_global_attribute("current_call_ctx") is not None


# Of tensors that take no attribute: JAX's, while they are traced.
_logits: dict[int, tuple[Any, Tensor]] = {}


def set_logits(tensor: Tensor, logits: Tensor) -> None:
    """Let `tensor`, a softmax or sigmoid, carry its logits, under the attribute that Keras uses."""
    try:
        tensor._keras_logits = logits
    except AttributeError:
        key = id(tensor)
        _logits[key] = (weakref.ref(tensor, lambda _: _logits.pop(key, None)), logits)


def get_logits(tensor: Tensor) -> Tensor | None:
    """The logits that `tensor` carries, if any."""
    reference, logits = _logits.get(id(tensor), (None, None))
    if reference is not None and reference() is tensor:
        return logits
    return getattr(tensor, "_keras_logits", None)


__all__ = [
    "Tape",
    "Variable",
    "add_rows",
    "at_once",
    "canonical_dtype",
    "checks_rows",
    "compiled",
    "concrete",
    "count_below",
    "distances",
    "dot",
    "get_logits",
    "indicator",
    "is_lost",
    "is_traced",
    "keep",
    "map_blocks",
    "nearest_above",
    "output_spec",
    "owned",
    "print_values",
    "read_checkpoint",
    "replicas",
    "set_logits",
    "set_mask",
    "set_rows",
    "snapshot",
    "squared_distances",
    "take_rows",
    "take_wanted",
    "told",
    "tracing",
    "training_of_call",
    "unique",
    "value_and_gradient",
    "value_of",
    "where",
    "with_rows",
    "with_rows_added",
    "with_size",
    "with_value",
]
