"""TensorFlow."""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from portable_losses._backend import _generic
from portable_losses._typing import Tensor


def replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync


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


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    # Nothing is kept for each pair and coordinate, and what XLA finds in a loop it does not compute
    # again wherever the distances are used.
    some = 16
    missing = -x.shape[1] % some
    x, y = (tf.transpose(tf.pad(z, [[0, 0], [0, missing]])) for z in (x, y))

    def add(k: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        a, b = (z[k * some : (k + 1) * some] for z in (x, y))
        for i in range(some):
            total = total + tf.square(a[i][:, None] - b[i])
        return k + 1, total

    total = tf.zeros((tf.shape(x)[1], tf.shape(y)[1]), x.dtype)
    return tf.while_loop(lambda k, _: k < x.shape[0] // some, add, (0, total))[1]


squared_distances = tf.function(_squared_distances, jit_compile=True, autograph=False)
# By itself each step of the search would be a pass over memory.
_rank = tf.function(_generic.rank, jit_compile=True, autograph=False)
nearest_above = functools.partial(_generic.nearest_above, rank=_rank)
count_below = functools.partial(_generic.count_below, rank=_rank)


def map_blocks(
    function: Callable[..., Tensor], blocks: tuple[Tensor, ...], shared: tuple[Tensor, ...]
) -> Tensor:
    def once(*given: Tensor) -> Any:
        def slopes(upstream: Tensor) -> list[Tensor | None]:
            with tf.GradientTape() as tape:
                tape.watch(given)
                found = function(*given)
            return tape.gradient(found, given, upstream)

        return function(*given), slopes

    again = tf.custom_gradient(once)
    dtype = next(x.dtype for x in shared if x.dtype.is_floating)
    return tf.map_fn(
        lambda block: again(*block, *shared),
        blocks,
        fn_output_signature=dtype,
        parallel_iterations=1,
    )


def canonical_dtype(name: str) -> str:
    return name


def tracing() -> bool:
    return tf.inside_function()


def traces_python() -> bool:
    return False


def print_values(message: str, tensor: Tensor, summarize: int) -> None:
    tf.print(message, tensor, output_stream=sys.stdout, summarize=summarize)
