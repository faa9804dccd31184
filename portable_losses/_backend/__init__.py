"""The only code that names a backend: the few things `keras.ops` cannot say.

Each backend has a module with the same functions:

* `take_rows(table, rows)`: `table[rows]`, for a table that may be a variable's own value, without
  reading all of it;
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
* `value_and_gradient(function, xs)`: a scalar `function(*xs)` and its gradients by the tensors
  `xs`; may be nested in another gradient;
* `compiled(function)`: `function` of nested tensors, as a program for each choice of shapes and
  dtypes; on PyTorch, as it is and without a gradient;
* `at_once()`: a context in which operations on values that are known are computed, not traced;
* `available(dtype)`: in which dtype it has what is asked for in `dtype`: JAX keeps 64 bits in 32;
* `snapshot(tensor)`: the tensor, safe from later updates in place of the variable it belongs to;
* `replicas()`: how many replicas run side by side, each on its share of the batch; gradients
  are summed over them, so a mean over the share is divided by their number.
"""

import importlib
from typing import Any

from portable_losses._environment import BACKENDS, explain
from portable_losses._typing import Tensor

try:
    import keras
except (ImportError, ValueError) as error:
    # Keras answers an unknown name with ValueError and an absent package with ImportError.
    raise ImportError(explain(str(error).split("\n")[0])) from error

# No public name says whether a scope holds a variable.
# No public name evaluates a function of KerasTensors without making a layer of it.
from keras.src.backend import compute_output_spec as output_spec
from keras.src.backend.common import stateless_scope


def _load() -> Any:
    name = keras.backend.backend()
    return importlib.import_module(f"{__name__}._{name if name in BACKENDS else 'generic'}")


_module = _load()
at_once = _module.at_once
available = _module.available
compiled = _module.compiled
concrete = _module.concrete
is_traced = _module.is_traced
snapshot = _module.snapshot
value_and_gradient = _module.value_and_gradient
replicas = _module.replicas


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
    return _module.take_rows(table.value if isinstance(table, keras.Variable) else table, rows)


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


__all__ = [
    "add_rows",
    "at_once",
    "available",
    "compiled",
    "concrete",
    "is_lost",
    "is_traced",
    "output_spec",
    "read_checkpoint",
    "replicas",
    "set_rows",
    "snapshot",
    "take_rows",
    "value_and_gradient",
    "with_rows_added",
]
