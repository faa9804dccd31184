"""TensorFlow."""

import functools
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from portable_losses._backend import _generic
from portable_losses._backend._leaves import filled, leaves_of
from portable_losses._typing import Tensor


def replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync


def at_once() -> Any:
    return tf.init_scope()


class _Kept:
    """A variable of a session, with what a call asks of it at hand."""

    def __init__(self, value: Tensor):
        self.variable = tf.Variable(value, trainable=False)
        self.handle = self.variable.handle
        self.kind = ("kept", value.dtype, tuple(value.shape))


# Whether a program of ours is being traced, which XLA does not compile.
_in_program = False


def unique(x: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
    if not _in_program:
        return None
    distinct, index, count = tf.unique_with_counts(x)
    missing = tf.shape(x)[0] - tf.shape(count)[0]
    distinct, count = (tf.pad(found, [[0, missing]]) for found in (distinct, count))
    return tf.ensure_shape(distinct, x.shape), index, tf.ensure_shape(count, x.shape)


class _Program:
    """A function for one kind of tensors, called as the one operation that it is: a call of a
    `tf.function` costs more than what a small program computes."""

    def __init__(self, function: Callable[..., Any], variables: Any, tensors: Any):
        def call(variables: Any, tensors: Any) -> list[Tensor]:
            global _in_program
            _in_program = True
            try:
                self.structure = function(variables, tensors)
            finally:
                _in_program = False
            return [x for x in leaves_of(self.structure) if x is not None]

        # Traced by hand: TensorFlow warns of functions that are traced often, which many programs
        # that share one function look like.
        self.graph = tf.function(call, autograph=False).get_concrete_function(variables, tensors)
        self.there = [x is not None for x in leaves_of(self.structure)]
        self.structure = filled(self.structure, itertools.repeat(0))
        self.dtypes = [x.dtype for x in self.graph.outputs]

    def __call__(self, variables: list[Any], tensors: list[Any]) -> Any:
        handles = [x.handle for x in variables]
        given = [*handles, *tensors, *self.graph.captured_inputs]
        found = iter(tf.raw_ops.StatefulPartitionedCall(args=given, Tout=self.dtypes, f=self.graph))
        flat = [next(found) if there else None for there in self.there]
        return filled(self.structure, iter(flat))


def compiled(function: Callable[..., Any], needs_values: Any = ()) -> Callable[..., Any]:
    programs: dict[Any, Any] = {}

    def run(held: list[Any], *given: Any) -> Any:
        variables: list[_Kept] = []
        tensors: list[Tensor] = []
        kinds: list[tuple[Any, ...]] = []
        for x in leaves_of((held, *given)):
            if isinstance(x, _Kept):
                variables.append(x)
                kinds.append(x.kind)
            else:
                value = tf.convert_to_tensor(x)
                tensors.append(value)
                kinds.append((x.dtype, tuple(x.shape)))

        def call(variables: Any, tensors: Any) -> Any:
            variables, tensors = iter(variables), iter(tensors)
            flat = (next(variables if kind[0] == "kept" else tensors) for kind in kinds)
            found, new = function(*filled((held, *given), flat))
            return found, [None if isinstance(x, tf.Variable) else x for x in new]

        key = tuple(kinds)
        program = programs.get(key)
        if program is None:
            own = [x.variable for x in variables]
            try:
                program = _Program(call, own, tensors)
            except needs_values:

                def program(kept: Any, tensors: Any) -> Any:
                    return call([x.variable for x in kept], tensors)

            programs[key] = program
        return program(variables, tensors)

    return run


def owned(tensor: Tensor) -> Tensor:
    return tensor


def keep(before: Any, value: Tensor) -> Any:
    if replicas() > 1:
        return value
    if isinstance(before, _Kept) and before.kind[1:] == (value.dtype, tuple(value.shape)):
        before.variable.assign(value, read_value=False)
        return before
    return _Kept(value)


def value_of(kept: Any) -> Tensor:
    return tf.convert_to_tensor(kept.variable if isinstance(kept, _Kept) else kept)


def with_value(kept: Any, value: Tensor) -> Any:
    if not isinstance(kept, tf.Variable) or kept.shape != value.shape:
        return value
    kept.assign(value, read_value=False)
    return kept


def with_rows(kept: Any, rows: Tensor, values: Tensor) -> Any:
    if not isinstance(kept, tf.Variable):
        return with_rows_added(kept, rows, values)
    kept.scatter_add(tf.IndexedSlices(values, rows))
    return kept


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


class Tape:
    def __init__(self, persistent: bool, variables: bool):
        self.tape = tf.GradientTape(persistent=persistent, watch_accessed_variables=variables)

    def __enter__(self) -> None:
        self.tape.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.tape.__exit__(*error)

    def watch(self, xs: Sequence[Tensor]) -> None:
        self.tape.watch(xs)

    def gradient(
        self, ys: Sequence[Tensor], xs: Sequence[Tensor], slopes: Sequence[Tensor] | None
    ) -> list[Tensor | None]:
        found = self.tape.gradient(ys, xs, output_gradients=slopes)
        return [None if x is None else tf.convert_to_tensor(x) for x in found]


def checks_rows() -> bool:
    return _in_program and not tf.config.list_logical_devices("GPU")


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


def with_size(
    least: Tensor, sizes: list[int], function: Callable[..., list[Tensor]], *given: Tensor
) -> list[Tensor]:
    if len(sizes) == 1:
        return function(sizes[0], *given)
    place = tf.reduce_sum(tf.cast(least > tf.constant(sizes[:-1], least.dtype), tf.int32))

    def of_size(function: Callable[..., Any], *given: Tensor) -> Any:
        return tf.switch_case(place, [functools.partial(function, size, *given) for size in sizes])

    def once(*given: Tensor) -> Any:
        def slopes(*upstream: Tensor) -> list[Tensor]:
            def of_these(size: int, *given: Tensor) -> list[Tensor]:
                own = [tf.identity(x) for x in given]
                with tf.GradientTape() as tape:
                    tape.watch(own)
                    found = function(size, *own)
                return tape.gradient(found, own, list(upstream), "zero")

            return of_size(of_these, *given)

        return of_size(function, *given), slopes

    # TensorFlow's own gradient of a choice keeps what each of them has, which XLA cannot compile.
    return tf.custom_gradient(once)(*given)


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


distances = _generic.distances
dot = _generic.dot
indicator = _generic.indicator
where = _generic.where
squared_distances = tf.function(_squared_distances, jit_compile=True, autograph=False)
# By itself each step of the search would be a pass over memory.
_rank = tf.function(_generic.rank, jit_compile=True, autograph=False)


# With more wanted entries in a row than this, a sort of all is done sooner.
_FEW = 48


def nearest_above(x: Tensor, among: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    rank = tf.cumsum(tf.cast(wanted, tf.int32), axis=1)

    def of_sorted() -> tuple[Tensor, Tensor]:
        column, exists = _generic.nearest_above(x, among, wanted, rank=_rank)
        return tf.cast(column, tf.int32), exists

    return tf.cond(
        tf.reduce_max(rank) <= _FEW, lambda: _nearest_one_by_one(x, among, rank), of_sorted
    )


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _nearest_one_by_one(x: Tensor, among: Tensor, rank: Tensor) -> tuple[Tensor, Tensor]:
    """One wanted entry of each row after the other, `rank` telling which is which."""
    rows, columns = tf.shape(x)[0], tf.shape(x)[1]
    held, others = tf.transpose(x), tf.transpose(among)
    places, count = tf.range(columns), rank[:, -1]

    def find(k: Tensor, column_of: Tensor, exists: Tensor) -> tuple[Tensor, ...]:
        own = _generic.rank(rank, tf.fill((rows, 1), k + 1), equal=False)
        here = tf.logical_and(places[None, :] == own, (k < count)[:, None])
        above = held > tf.gather(x, tf.minimum(own, columns - 1), axis=1, batch_dims=1)[:, 0]
        above = tf.logical_and(others, above)
        least = tf.reduce_min(tf.where(above, held, np.inf), axis=0)
        there = tf.logical_and(above, held == least)
        column = tf.reduce_min(tf.where(there, places[:, None], columns), axis=0)[:, None]
        column_of = tf.where(here, tf.minimum(column, columns - 1), column_of)
        exists = tf.logical_or(exists, tf.logical_and(here, column < columns))
        for found in (column_of, exists):  # a size of 1 known before is one that a loop must keep
            found.set_shape(rank.shape)
        return k + 1, column_of, exists

    most = tf.reduce_max(count)
    start = tf.constant(0), tf.zeros_like(rank), tf.zeros_like(among)
    return tf.while_loop(lambda k, *_: k < most, find, start)[1:]


def take_wanted(x: Tensor, column: Tensor, wanted: Tensor) -> Tensor:
    return where(wanted, tf.gather(x, column, axis=1, batch_dims=1), 0.0)


count_below = functools.partial(_generic.count_below, rank=_rank)


def map_blocks(
    function: Callable[..., Tensor], blocks: tuple[Tensor, ...], shared: tuple[Tensor, ...]
) -> Tensor:
    def once(*given: Tensor) -> Any:
        def slopes(upstream: Tensor) -> list[Tensor | None]:
            # Of tensors of its own: in a graph, a `tf.stop_gradient` of those that were given stops
            # here what flows past it.
            own = [tf.identity(x) for x in given]
            with tf.GradientTape() as tape:
                tape.watch(own)
                found = function(*own)
            return tape.gradient(found, own, upstream)

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
