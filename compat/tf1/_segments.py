"""Rows added up, or joined otherwise, by segment: `tf.segment_sum`, `tf.unsorted_segment_max`."""

from typing import Any

import numpy as np
from keras import ops

from .._dispatch import operation
from ._dtypes import DTYPES
from ._tensors import dtype_of, is_floating, seen, size, tensor
from ._tensors import values as _values


def add_up(data: Any, ids: Any, count: Any) -> Any:
    """Σ of the rows of `data` by segment; rows of a negative segment are left out."""
    if not isinstance(count, int):
        return ops.segment_sum(data, ids, num_segments=count)
    dtype = dtype_of(data)
    known = seen(ids)
    if known is not None and known.size and known.max() >= count:
        raise ValueError(f"Segment id {known.max()} is not below the number of segments, {count}.")
    outside = ops.logical_or(ids < 0, ids >= count)
    found = ops.segment_sum(data, ops.where(outside, count, ids), num_segments=count + 1)
    return ops.cast(found[:count], dtype)


def flat_segments(data: Any, segment_ids: Any) -> tuple[Any, Any]:
    """Data (S, ...) and ids (S,), where ids of a higher rank were given too."""
    x, ids = tensor(data), tensor(segment_ids)
    n = len(ids.shape)
    if n != 1:
        x = ops.reshape(x, (-1, *ops.shape(x)[n:]))
        ids = ops.reshape(ids, (-1,))
    return x, ids


def _by_segment(counts: Any, x: Any) -> Any:
    return ops.reshape(counts, (-1,) + (1,) * (len(x.shape) - 1))


def _counted(x: Any, ids: Any, count: Any) -> Any:
    ones = ops.ones_like(ids, dtype=dtype_of(x))
    return _by_segment(add_up(ones, ids, count), x)


def _mean(x: Any, ids: Any, count: Any) -> Any:
    n = _counted(x, ids, count)
    return add_up(x, ids, count) / ops.maximum(n, ops.ones_like(n))


def _sqrt_n(x: Any, ids: Any, count: Any) -> Any:
    n = _counted(x, ids, count)
    return add_up(x, ids, count) / ops.sqrt(ops.maximum(n, ops.ones_like(n)))


def _largest(x: Any, ids: Any, count: Any) -> Any:
    """The largest of each segment, or the least number for an empty one. Equal ones share the
    gradient, as in TF."""
    lowest = DTYPES[dtype_of(x)].min
    held = ops.stop_gradient(x)
    inside = ops.logical_and(ids >= 0, ids < count)
    rows = ops.where(inside, ids, 0)
    inside = _by_segment(inside, x)
    least = ops.full_like(held, lowest)
    top = ops.segment_max(ops.where(inside, held, least), rows, num_segments=count)
    chosen = ops.logical_and(inside, ops.equal(held, ops.take(top, rows, axis=0)))
    ties = ops.segment_sum(ops.cast(chosen, dtype_of(x)), rows, num_segments=count)
    empty = ops.equal(ties, 0)
    if not is_floating(x):
        return ops.where(empty, ops.full_like(top, lowest), top)
    share = add_up(ops.where(chosen, x, ops.zeros_like(x)), rows, count)
    share = share / ops.where(empty, ops.ones_like(ties), ties)
    return ops.where(empty, ops.full_like(share, lowest), share)


def _product(x: Any, ids: Any, count: Any) -> Any:
    """The product of each segment, by a table of every row and segment."""
    own = ops.equal(ops.expand_dims(ids, 0), ops.expand_dims(ops.arange(count), 1))
    own = ops.reshape(own, (*ops.shape(own), *(1,) * (len(x.shape) - 1)))
    rows = ops.expand_dims(x, 0)
    found = ops.prod(ops.where(own, rows, ops.ones_like(rows)), axis=1)
    return ops.cast(found, dtype_of(x))


_SEGMENTS = {
    "sum": add_up,
    "mean": _mean,
    "max": _largest,
    "min": lambda x, ids, count: -_largest(-x, ids, count),
    "prod": _product,
    "sqrt_n": _sqrt_n,
}


def _unsorted(kind: str) -> Any:
    def function(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
        x, ids = flat_segments(data, segment_ids)
        return _SEGMENTS[kind](x, ids, size(num_segments))

    function.__name__ = f"unsorted_segment_{kind}"
    function.__doc__ = f"`tf.unsorted_segment_{kind}`: negative ids are left out."
    return operation(f"tf.{function.__name__}")(function)


def _sorted(kind: str) -> Any:
    def function(data: Any, segment_ids: Any, name: str | None = None) -> Any:
        x, ids = flat_segments(data, segment_ids)
        old = f"tf.segment_{kind}"
        instead = f"Use tf.unsorted_segment_{kind}, which takes the number of segments."
        found = _values(ids, old, instead)
        if np.any(np.diff(found) < 0):
            raise ValueError(f"{old}: segment ids are not increasing. {instead}")
        count = int(found.max()) + 1 if found.size else 0
        result = _SEGMENTS[kind](x, ids, count)
        if kind in ("max", "min"):  # TF's empty segments are 0 here, and 1 in a product
            empty = _by_segment(ops.equal(add_up(ops.ones_like(ids), ids, count), 0), x)
            result = ops.where(empty, ops.zeros_like(result), result)
        return result

    function.__name__ = f"segment_{kind}"
    function.__doc__ = f"`tf.segment_{kind}`: the number of segments is that of the ids, eagerly."
    return operation(f"tf.{function.__name__}")(function)


unsorted_segment_sum, unsorted_segment_mean = _unsorted("sum"), _unsorted("mean")
unsorted_segment_max, unsorted_segment_min = _unsorted("max"), _unsorted("min")
unsorted_segment_prod, unsorted_segment_sqrt_n = _unsorted("prod"), _unsorted("sqrt_n")
segment_sum, segment_mean, segment_prod = _sorted("sum"), _sorted("mean"), _sorted("prod")
segment_max, segment_min = _sorted("max"), _sorted("min")
