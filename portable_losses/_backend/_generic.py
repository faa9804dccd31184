"""Any backend, by `keras.ops` alone (numpy, openvino): right, without being in place."""

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops, tree

from portable_losses._typing import Tensor


def checks_rows() -> bool:
    return False


def take_rows(table: Any, rows: Tensor) -> Tensor:
    return ops.take(table, rows, axis=0)


def with_rows_added(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    return table + ops.segment_sum(values, rows, num_segments=table.shape[0])


def add_rows_in_place(value: Any, rows: Tensor, values: Tensor) -> bool:
    return False


def with_rows_set(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    return ops.scatter_update(table, ops.expand_dims(rows, 1), values)


def set_rows_in_place(value: Any, rows: Tensor, values: Tensor) -> bool:
    return False


def concrete(tensor: Tensor) -> np.ndarray | None:
    try:
        return np.asarray(ops.convert_to_numpy(tensor))
    except Exception:  # a symbolic tensor: each backend has its own error for it
        return None


def is_traced(tensor: Tensor) -> bool:
    return concrete(tensor) is None


def traces_without(variable: Any, tensor: Tensor) -> bool:
    return False


def at_once() -> Any:
    return contextlib.nullcontext()


def compiled(function: Callable[..., Any], needs_values: Any = ()) -> Callable[..., Any]:
    def run(held: Any, *given: Any) -> Any:
        return function(held, *tree.map_structure(_tensor, given))

    return run


def _tensor(x: Any) -> Any:
    seeds = isinstance(x, np.ndarray) and x.dtype == "uint32"
    return x if seeds else ops.convert_to_tensor(x)


def owned(tensor: Tensor) -> Tensor:
    return ops.copy(tensor)


def keep(before: Any, value: Tensor) -> Any:
    return value


def value_of(kept: Any) -> Tensor:
    return kept


def with_value(kept: Any, value: Tensor) -> Any:
    return value


def with_rows(kept: Any, rows: Tensor, values: Tensor) -> Any:
    return with_rows_added(kept, rows, values)


def unique(x: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
    return None


def snapshot(tensor: Tensor) -> Tensor:
    return ops.copy(tensor)


def value_and_gradient(
    function: Callable[..., Tensor], xs: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    raise NotImplementedError("This backend of Keras has no gradients.")


class Tape:
    def __init__(self, persistent: bool, variables: bool):
        raise NotImplementedError(
            "A tf.GradientTape records operations as they run, which this backend does not do. "
            "Give the function whose gradient is wanted to the framework, jax.grad(loss)(x), or "
            "the loss to `compile` and train with `fit`. Of nodes of a graph a tape has gradients."
        )


def replicas() -> int:
    return 1


def where(mask: Tensor, x: Tensor, otherwise: float) -> Tensor:
    return ops.where(mask, x, ops.convert_to_tensor(otherwise, dtype=x.dtype))


indicator = ops.cast


def dot(x: Tensor, y: Tensor) -> Tensor:
    return x @ ops.transpose(y)  # `ops.matmul` computes float64 in float32 on PyTorch (Keras 3.15)


def with_size(
    least: Tensor, sizes: list[int], function: Callable[..., list[Tensor]], *given: Tensor
) -> list[Tensor]:
    return function(sizes[-1], *given)


def distances(x: Tensor, y: Tensor, squared: bool) -> None:
    return None


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    return ops.sum(ops.square(ops.expand_dims(x, 1) - y), axis=-1)


def rank(held: Tensor, bounds: Tensor, equal: bool) -> Tensor:
    """How many entries of a sorted row are below each bound, or equal to it if so said: a binary
    search for all at once."""
    size, before = ops.shape(held)[1], ops.less_equal if equal else ops.less
    known = held.shape[1]
    found = ops.zeros_like(bounds, dtype="int32")
    for power in reversed(range(24 if known is None else known.bit_length())):
        last = found + (2**power - 1)
        entry = ops.take_along_axis(held, ops.minimum(last, size - 1), axis=1)
        jump = ops.logical_and(last < size, before(entry, bounds))
        found = ops.where(jump, last + 1, found)
    return found


def _held(x: Tensor, among: Tensor) -> Tensor:
    return ops.where(among, x, ops.full_like(x, math.inf))


def nearest_above(
    x: Tensor, among: Tensor, wanted: Tensor, rank: Callable[..., Tensor] = rank
) -> tuple[Tensor, Tensor]:
    held = _held(x, among)
    order = ops.argsort(held, axis=1)
    place = rank(ops.take_along_axis(held, order, axis=1), x, equal=True)
    exists = place < ops.sum(ops.cast(among, "int32"), axis=1, keepdims=True)
    place = ops.where(exists, place, ops.zeros_like(place))
    return ops.take_along_axis(order, place, axis=1), exists


def take_wanted(x: Tensor, column: Tensor, wanted: Tensor) -> Tensor:
    return where(wanted, ops.take_along_axis(x, column, axis=1), 0.0)


def count_below(
    x: Tensor, among: Tensor, bounds: Tensor, rank: Callable[..., Tensor] = rank
) -> Tensor:
    return rank(ops.sort(_held(x, among), axis=1), bounds, equal=False)


def map_blocks(
    function: Callable[..., Tensor], blocks: tuple[Tensor, ...], shared: tuple[Tensor, ...]
) -> Tensor:
    return ops.stack([function(*block, *shared) for block in zip(*blocks, strict=True)])


def canonical_dtype(name: str) -> str:
    return name


def tracing() -> bool:
    return False


def traces_python() -> bool:
    return False


def print_values(message: str, tensor: Tensor, summarize: int) -> None:
    edge = None if summarize < 0 else summarize
    with np.printoptions(threshold=2 * edge if edge else 10**9, edgeitems=edge or 3):
        print(message, ops.convert_to_numpy(tensor))
