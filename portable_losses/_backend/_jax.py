"""JAX."""

import functools
from collections.abc import Callable, Sequence
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


def is_traced(tensor: Tensor) -> bool:
    return isinstance(tensor, jax.core.Tracer)


def traces_without(variable: Any, tensor: Tensor) -> bool:
    # The update would leave a dead tracer in the variable.
    traced = isinstance(tensor, jax.core.Tracer)
    return traced and not isinstance(variable.value, jax.core.Tracer)


def available(dtype: str) -> str:
    return str(jax.dtypes.canonicalize_dtype(dtype))


def at_once() -> Any:
    return jax.ensure_compile_time_eval()


# A program cannot have a shape that depends on values. Computed one by one, operations can.
_NEEDS_VALUES = (
    jax.errors.ConcretizationTypeError,
    jax.errors.NonConcreteBooleanIndexError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)


def compiled(function: Callable[..., Any], needs_values: Any = ()) -> Callable[..., Any]:
    """Falls back to operations one by one where shapes depend on values, which the errors
    `needs_values` say too."""
    program = jax.jit(function)

    @functools.wraps(function)
    def run(*given: Any) -> Any:
        nonlocal program
        try:
            return program(*given)
        except (*_NEEDS_VALUES, *needs_values):
            if program is function:
                raise
            program = function
            return function(*given)

    return run


def snapshot(tensor: Tensor) -> Tensor:
    return tensor  # arrays do not change


def value_and_gradient(
    function: Callable[..., Tensor], xs: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    value, slopes = jax.value_and_grad(lambda xs: function(*xs))(list(xs))
    return value, slopes


def replicas() -> int:
    return 1
