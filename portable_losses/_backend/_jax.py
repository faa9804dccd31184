"""JAX."""

from typing import Any

import jax
import numpy as np

from portable_losses._typing import Tensor


def take_rows(table: Any, rows: Tensor) -> Tensor:
    return jax.numpy.take(table, rows, axis=0, mode="clip")


def with_rows_added(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    # Under a trainer that donates its state (Keras' does) XLA updates the rows in place.
    return table.at[rows].add(values)


def add_rows_in_place(value: Any, rows: Tensor, values: Tensor) -> bool:
    return False


def with_rows_set(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    return table.at[rows].set(values, unique_indices=True)


def set_rows_in_place(value: Any, rows: Tensor, values: Tensor) -> bool:
    return False


def concrete(tensor: Tensor) -> np.ndarray | None:
    if isinstance(tensor, jax.core.Tracer):
        return None
    if isinstance(tensor, jax.Array) and any(d.platform != "cpu" for d in tensor.devices()):
        return None
    return np.asarray(tensor)


def traces_without(variable: Any, tensor: Tensor) -> bool:
    # The update would leave a dead tracer in the variable.
    traced = isinstance(tensor, jax.core.Tracer)
    return traced and not isinstance(variable.value, jax.core.Tracer)


def replicas() -> int:
    return 1


def canonical_dtype(name: str) -> str:
    return jax.dtypes.canonicalize_dtype(name).name


def tracing() -> bool:
    return isinstance(jax.numpy.zeros(()), jax.core.Tracer)  # no public name says it


def print_values(message: str, tensor: Tensor, summarize: int) -> None:
    edge = None if summarize < 0 else summarize

    def show(values: np.ndarray) -> None:
        with np.printoptions(threshold=2 * edge if edge else 10**9, edgeitems=edge or 3):
            print(message, values)

    jax.debug.callback(show, tensor)
