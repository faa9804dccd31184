"""TensorFlow."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from portable_losses._typing import Tensor


def replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync


def available(dtype: str) -> str:
    return dtype


def at_once() -> Any:
    return tf.init_scope()


def compiled(function: Callable[..., Any], needs_values: Any = ()) -> Callable[..., Any]:
    # Traced by hand: TensorFlow warns of functions that are traced often, which many programs
    # that share one function look like.
    programs: dict[Any, Callable[..., Any]] = {}

    def run(*given: Any) -> Any:
        flat = [tf.convert_to_tensor(x) for x in tf.nest.flatten(given)]
        key = tuple((x.dtype, tuple(x.shape)) for x in flat)

        def call(*flat: Any) -> Any:
            return function(*tf.nest.pack_sequence_as(given, flat))

        if key not in programs:
            try:
                traced = tf.function(call, autograph=False).get_concrete_function(*flat)
                programs[key] = lambda *flat: traced(*flat)
            except needs_values:
                programs[key] = call
        return programs[key](*flat)

    return run


def snapshot(tensor: Tensor) -> Tensor:
    return tf.convert_to_tensor(tensor)  # a read of a variable is a copy, if it has to be


def value_and_gradient(
    function: Callable[..., Tensor], xs: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    xs = [tf.identity(x) for x in xs]
    with tf.GradientTape() as tape:
        tape.watch(xs)
        value = function(*xs)
    slopes = tape.gradient(value, xs, unconnected_gradients="zero")
    return value, [tf.convert_to_tensor(slope) for slope in slopes]


def take_rows(table: Any, rows: Tensor) -> Tensor:
    return tf.gather(table, rows)  # of a variable: reads these rows


def with_rows_added(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    return tf.tensor_scatter_nd_add(tf.convert_to_tensor(table), rows[:, None], values)


def add_rows_in_place(value: Any, rows: Tensor, values: Tensor) -> bool:
    if replicas() > 1:  # a variable that replicas average refuses scatter updates
        return False
    value.scatter_add(tf.IndexedSlices(values, rows))
    return True


def with_rows_set(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    return tf.tensor_scatter_nd_update(tf.convert_to_tensor(table), rows[:, None], values)


def set_rows_in_place(value: Any, rows: Tensor, values: Tensor) -> bool:
    if replicas() > 1:
        return False
    value.scatter_update(tf.IndexedSlices(values, rows))
    return True


def concrete(tensor: Tensor) -> np.ndarray | None:
    return tensor.numpy() if isinstance(tensor, tf.Tensor) and hasattr(tensor, "numpy") else None


def is_traced(tensor: Tensor) -> bool:
    return concrete(tensor) is None


def traces_without(variable: Any, tensor: Tensor) -> bool:
    return False  # variables live outside of the graph; an assignment in a trace is a real one
