"""Any backend, by `keras.ops` alone (numpy, openvino): right, without being in place."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from portable_losses._typing import Tensor


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


def available(dtype: str) -> str:
    return dtype


def at_once() -> Any:
    return contextlib.nullcontext()


def compiled(function: Callable[..., Any], needs_values: Any = ()) -> Callable[..., Any]:
    return function


def snapshot(tensor: Tensor) -> Tensor:
    return ops.copy(tensor)


def value_and_gradient(
    function: Callable[..., Tensor], xs: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    raise NotImplementedError("This backend of Keras has no gradients.")


def replicas() -> int:
    return 1
