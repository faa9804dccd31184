"""JAX."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from portable_losses._backend import _generic
from portable_losses._typing import Tensor


def checks_rows() -> bool:
    return False


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

    def traced(held: Any, *given: Any) -> Any:
        # What is given and returned as it is, or returned twice, would be one array with two
        # owners, of whom one may give it away.
        seen = {id(x) for x in jax.tree.leaves((held, given))}

        def apart(x: Any) -> Tensor:
            if isinstance(x, jax.core.Tracer) and id(x) not in seen:
                seen.add(id(x))
                return x
            return jnp.copy(x)

        return jax.tree.map(apart, function(held, *given))

    def one_by_one(held: Any, *given: Any) -> Any:
        return jax.tree.map(owned, function(held, *jax.tree.map(jnp.asarray, given)))

    program = jax.jit(traced, donate_argnums=0)

    def run(held: Any, *given: Any) -> Any:
        nonlocal program
        try:
            found, new = program(held, *given)
            if not jax.tree.leaves(found):  # nobody waits, and arrays that are given may change
                jax.block_until_ready(new)
            return found, new
        except (*_NEEDS_VALUES, *needs_values):
            if program is one_by_one:
                raise
            program = one_by_one
            return one_by_one(held, *given)

    return run


def owned(tensor: Tensor) -> Tensor:
    return jnp.array(tensor, copy=True)


def snapshot(tensor: Tensor) -> Tensor:
    return tensor  # arrays do not change


distances = _generic.distances
dot = _generic.dot
indicator = _generic.indicator
take_wanted = _generic.take_wanted
where = _generic.where
keep = _generic.keep
unique = _generic.unique
value_of = _generic.value_of
with_value = _generic.with_value


def with_rows(kept: Any, rows: Tensor, values: Tensor) -> Any:
    return with_rows_added(kept, rows, values)


def value_and_gradient(
    function: Callable[..., Tensor], xs: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    value, slopes = jax.value_and_grad(lambda xs: function(*xs))(list(xs))
    return value, slopes


Tape = _generic.Tape


def replicas() -> int:
    return 1


def with_size(
    least: Tensor, sizes: list[int], function: Callable[..., list[Tensor]], *given: Tensor
) -> list[Tensor]:
    place = jnp.sum(least > jnp.asarray(sizes[:-1], least.dtype), dtype="int32")
    return jax.lax.switch(place, [functools.partial(function, size) for size in sizes], *given)


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    # Nothing is kept for each pair and coordinate, and what XLA finds in a loop it does not compute
    # again wherever the distances are used.
    some = 16
    missing = -x.shape[1] % some
    x, y = (jnp.pad(z, ((0, 0), (0, missing))).T for z in (x, y))

    def add(k: Tensor, total: Tensor) -> Tensor:
        a, b = (jax.lax.dynamic_slice_in_dim(z, k * some, some) for z in (x, y))
        for i in range(some):
            total = total + jnp.square(a[i][:, None] - b[i])
        return total

    zeros = jnp.zeros((x.shape[1], y.shape[1]), x.dtype)
    return jax.lax.fori_loop(0, x.shape[0] // some, add, zeros)


def _keys(x: Tensor) -> Tensor:
    """Integers in the order of the floats: XLA sorts them four times as fast on the CPU."""
    kind = jnp.int64 if x.dtype == jnp.float64 else jnp.int32
    bits = jax.lax.bitcast_convert_type(x, kind)
    keys = bits ^ ((bits >> (8 * bits.itemsize - 1)) & jnp.iinfo(kind).max)
    return jnp.where(bits == jnp.iinfo(kind).min, jnp.zeros_like(keys), keys)  # -0 is 0


def _sorted_keys(keys: Tensor, among: Tensor) -> Tensor:
    return jnp.sort(jnp.where(among, keys, jnp.iinfo(keys.dtype).max), axis=1)


# With more wanted entries in a row than this, a sort of all is done sooner.
_FEW = 48


def _nearest_above(x: Tensor, among: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    rank = jnp.cumsum(wanted, axis=1, dtype="int32")
    few = jnp.max(rank[:, -1], initial=0) <= _FEW
    return jax.lax.cond(few, _nearest_one_by_one, _nearest_of_sorted, x, among, rank)


def _nearest_one_by_one(x: Tensor, among: Tensor, rank: Tensor) -> tuple[Tensor, Tensor]:
    """One wanted entry of each row after the other, `rank` telling which is which."""
    (rows, columns), count = x.shape, rank[:, -1]
    held, among, each = x.T, among.T, jnp.arange(rows)
    places = jnp.arange(columns, dtype="int32")[:, None]

    def find(state: Any) -> Any:
        k, column_of, exists = state
        own = jax.vmap(lambda rank: jnp.searchsorted(rank, k + 1))(rank)
        above = jnp.logical_and(among, held > x[each, jnp.minimum(own, columns - 1)])
        least = jnp.min(jnp.where(above, held, jnp.inf), axis=0)
        there = jnp.logical_and(above, held == least)
        column = jnp.min(jnp.where(there, places, columns), axis=0)
        at = each, jnp.where(k < count, own, columns)
        column_of = column_of.at[at].set(jnp.minimum(column, columns - 1), mode="drop")
        return k + 1, column_of, exists.at[at].set(column < columns, mode="drop")

    start = jnp.int32(0), jnp.zeros(x.shape, "int32"), jnp.zeros(x.shape, bool)
    most = jnp.max(count, initial=0)
    return jax.lax.while_loop(lambda state: state[0] < most, find, start)[1:]


def _nearest_of_sorted(x: Tensor, among: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    keys, rows = _keys(x), jnp.arange(x.shape[0])[:, None]
    right = jax.vmap(functools.partial(jnp.searchsorted, side="right"))
    # One search for both: the rank of the next entry, and of an entry itself the first like it.
    rank = right(_sorted_keys(keys, among), keys - among)
    columns = jnp.broadcast_to(jnp.arange(x.shape[1], dtype="int32"), x.shape)
    place = jnp.where(among, rank, x.shape[1])
    column_of = jnp.zeros(x.shape, columns.dtype).at[rows, place].set(columns, mode="drop")
    exists = rank < jnp.sum(among, axis=1, keepdims=True)
    return jnp.take_along_axis(column_of, jnp.where(exists, rank, 0), axis=1), exists


def _count_below(x: Tensor, among: Tensor, bounds: Tensor) -> Tensor:
    return jax.vmap(jnp.searchsorted)(_sorted_keys(_keys(x), among), _keys(bounds))


squared_distances = jax.jit(_squared_distances)
nearest_above = jax.jit(_nearest_above)
count_below = jax.jit(_count_below)


def map_blocks(
    function: Callable[..., Tensor], blocks: tuple[Tensor, ...], shared: tuple[Tensor, ...]
) -> Tensor:
    again = jax.checkpoint(lambda block: function(*block, *shared), prevent_cse=False)
    return jax.lax.map(again, blocks)


def canonical_dtype(name: str) -> str:
    return jax.dtypes.canonicalize_dtype(name).name


def tracing() -> bool:
    return isinstance(jax.numpy.zeros(()), jax.core.Tracer)  # no public name says it


def traces_python() -> bool:
    return False


def print_values(message: str, tensor: Tensor, summarize: int) -> None:
    edge = None if summarize < 0 else summarize

    def show(values: np.ndarray) -> None:
        with np.printoptions(threshold=2 * edge if edge else 10**9, edgeitems=edge or 3):
            print(message, values)

    jax.debug.callback(show, tensor)
