"""`tf.scatter_sub` and its kin: changes of rows of a variable.

Rows that come several times add up, and cost what the rows cost, whatever the size of the table.
What is out of range raises where values can be seen; rows below 0, with which `tf.unique` pads in a
trace, change nothing.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from portable_losses import _backend

from ._graph import Node, Tensor
from ._indexing import require_in_range
from ._sources import as_node
from ._tensors import without_padding, zeros_where
from ._variables import Variable, Write, variable_of


def _flat(variable: Variable, rows: Any, values: Any) -> tuple[Any, Any]:
    """Rows `(N,)` and values `(N, ...)`, of indices of any shape."""
    rows = ops.reshape(ops.cast(rows, "int32"), (-1,))
    require_in_range(rows, variable.shape.as_list()[0], f"A scatter to {variable.name!r}")
    shape = tuple(variable.shape.as_list()[1:])
    values = ops.cast(ops.convert_to_tensor(values), str(variable.dtype))
    if len(values.shape) == 0:  # one number for all
        values = values * ops.ones((*ops.shape(rows), *shape), dtype=values.dtype)
    return rows, ops.reshape(values, (-1, *shape))


def _add_rows(store: Any, variable: Variable, rows: Any, values: Any) -> None:
    rows, absent = without_padding(rows)
    store.add_rows(variable, rows, zeros_where(absent, values))


def _add(store: Any, variable: Variable, rows: Any, values: Any) -> None:
    _add_rows(store, variable, *_flat(variable, rows, values))


def _sub(store: Any, variable: Variable, rows: Any, values: Any) -> None:
    rows, values = _flat(variable, rows, values)
    _add_rows(store, variable, rows, -values)


def _update(store: Any, variable: Variable, rows: Any, values: Any) -> None:
    """The last of several values for one row stays, as TF1 on one thread has it."""
    rows, values = _flat(variable, rows, values)
    order = ops.arange(rows.shape[0] or ops.shape(rows)[0])
    same = ops.equal(ops.expand_dims(rows, 0), ops.expand_dims(rows, 1))
    later = ops.expand_dims(order, 0) > ops.expand_dims(order, 1)
    last = ops.logical_not(ops.any(ops.logical_and(same, later), axis=1))
    change = values - store.take_rows(variable, rows)
    keep = ops.reshape(last, (-1,) + (1,) * (len(values.shape) - 1))
    _add_rows(store, variable, rows, ops.where(keep, change, ops.zeros_like(change)))


def _factor(combine: Callable[[Any, Any], Any]) -> Callable[..., None]:
    """Row by row in the order given: `combine` may not add up."""

    def change(store: Any, variable: Variable, rows: Any, values: Any) -> None:
        rows, values = _flat(variable, rows, values)
        table = store.read(variable)
        hits = ops.equal(ops.expand_dims(rows, 1), ops.arange(table.shape[0], dtype=rows.dtype))
        hits = ops.reshape(hits, (*hits.shape, *(1,) * (len(table.shape) - 1)))
        store.write(variable, combine(table, (hits, ops.expand_dims(values, 1))))

    return change


def _masked(neutral: float) -> Callable[[Any], Any]:
    def masked(given: Any) -> Any:
        hits, values = given
        return ops.where(hits, values, ops.full_like(values, neutral))

    return masked


_mul = _factor(lambda table, given: table * ops.prod(_masked(1.0)(given), axis=0))
_div = _factor(lambda table, given: table / ops.prod(_masked(1.0)(given), axis=0))
_max = _factor(lambda table, given: ops.maximum(table, ops.max(_masked(-3e38)(given), axis=0)))
_min = _factor(lambda table, given: ops.minimum(table, ops.min(_masked(3e38)(given), axis=0)))


def _scatter(
    kind: str, function: str, change: Callable[..., None]
) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """The function `tf.scatter_...` and the method of a variable."""

    def scatter(
        ref: Any, indices: Any, updates: Any, use_locking: Any = None, name: str | None = None
    ) -> Tensor:
        variable = variable_of(ref, f"tf.{function}")
        rows = as_node(indices, variable.graph)
        if not rows.dtype.is_integer:
            raise TypeError(
                f"tf.{function}: indices must be integers. Received: dtype {rows.dtype}."
            )
        values = as_node(updates, variable.graph, None if _typed(updates) else variable.dtype)
        have, rest = values.shape, variable.shape[1:]
        if have.ndims != 0 and not have.is_compatible_with(rows.shape.concatenate(rest)):
            raise ValueError(
                f"tf.{function}: updates must have the shape of the indices and a row of "
                f"{variable.name!r}, {rows.shape.concatenate(rest)}. Received: {have}."
            )
        first = ref if isinstance(ref, Node) else variable
        return Write(kind, first, change, (rows, values), name).outputs[0]

    def method(
        self: Variable, sparse_delta: Any, use_locking: Any = False, name: Any = None
    ) -> Tensor:
        return scatter(self, sparse_delta.indices, sparse_delta.values, name=name)

    scatter.__name__, scatter.__doc__ = function, f"`tf.{function}`: the variable, after it."
    return scatter, method


def _typed(x: Any) -> bool:
    return hasattr(x, "op") or isinstance(x, _backend.Variable)


scatter_add, _method_add = _scatter("ScatterAdd", "scatter_add", _add)
scatter_sub, _method_sub = _scatter("ScatterSub", "scatter_sub", _sub)
scatter_update, _method_update = _scatter("ScatterUpdate", "scatter_update", _update)
scatter_mul, _ = _scatter("ScatterMul", "scatter_mul", _mul)
scatter_div, _ = _scatter("ScatterDiv", "scatter_div", _div)
scatter_max, _ = _scatter("ScatterMax", "scatter_max", _max)
scatter_min, _ = _scatter("ScatterMin", "scatter_min", _min)
# Methods that are defined here, beside the functions of the same names.
Variable.scatter_add = _method_add  # type: ignore[attr-defined]
Variable.scatter_sub = _method_sub  # type: ignore[attr-defined]
Variable.scatter_update = _method_update  # type: ignore[attr-defined]


class IndexedSlices:
    """`tf.IndexedSlices`: values for rows, as `Variable.scatter_sub` takes them."""

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None):
        self.values, self.indices, self.dense_shape = values, indices, dense_shape
