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
* `traces_without(variable, tensor)`: whether `tensor` is traced by a function of which `variable`
  is no input, so that an update would be thrown away when the trace ends;
* `squared_distances(x, y)`: `‖x − y‖²` of rows, `(N, d)` and `(M, d)` to `(N, M)`, as sums of
  squared differences; no gradient;
* `nearest_above(x, among)`: for each entry of `(N, M)` that is none of those `among`, bool
  `(N, M)`, the column of the smallest of those in its row that is larger; and whether there is one;
* `count_below(x, among, bounds)`: how many entries of its row, of those `among`, are below
  each bound;
* `map_blocks(function, blocks, shared)`: `function(*(b[k] for b in blocks), *shared)` for each k,
  stacked; one block at a time, which the gradient computes again instead of keeping it. Of the
  function's tensors none may come from elsewhere;
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
from keras.src.backend.common import stateless_scope


def _load() -> Any:
    name = keras.backend.backend()
    return importlib.import_module(f"{__name__}._{name if name in BACKENDS else 'generic'}")


_module = _load()
concrete = _module.concrete
count_below = _module.count_below
map_blocks = _module.map_blocks
nearest_above = _module.nearest_above
replicas = _module.replicas
squared_distances = _module.squared_distances


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


def is_lost(variable: Any, tensor: Tensor) -> bool:
    """Whether an update of `variable`, computed from `tensor`, would reach nobody."""
    if stateless_scope.in_stateless_scope():
        # A scope keeps updates of any variable, and hands back those that it was opened for.
        return stateless_scope.get_stateless_scope().get_current_value(variable) is None
    return _module.traces_without(variable, tensor)


__all__ = [
    "add_rows",
    "concrete",
    "count_below",
    "is_lost",
    "map_blocks",
    "nearest_above",
    "replicas",
    "set_rows",
    "squared_distances",
    "take_rows",
]
