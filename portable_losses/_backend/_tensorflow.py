"""TensorFlow."""

import sys
from typing import Any

import numpy as np
import tensorflow as tf

from portable_losses._typing import Tensor


def replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync


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


def traces_without(variable: Any, tensor: Tensor) -> bool:
    return False  # variables live outside of the graph; an assignment in a trace is a real one


def canonical_dtype(name: str) -> str:
    return name


def tracing() -> bool:
    return tf.inside_function()


def print_values(message: str, tensor: Tensor, summarize: int) -> None:
    tf.print(message, tensor, output_stream=sys.stdout, summarize=summarize)
