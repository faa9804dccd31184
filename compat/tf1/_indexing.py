"""Rows taken, added up, in order: `tf.gather`, `tf.scatter_nd`, `tf.unsorted_segment_sum`,
`tf.unique_with_counts`, `tf.sort`, `tf.boolean_mask`.

Indices out of range raise, as on TF's CPU, wherever values can be seen. In a trace those below 0,
with which `tf.unique` pads, give zeros, or are left out.
"""

from typing import Any

import numpy as np
from keras import ops

from portable_losses import _backend

from .._dispatch import operation
from ._dtypes import as_name
from ._segments import add_up, flat_segments
from ._tensors import (
    NO_ID,
    axes,
    dtype_of,
    ints,
    itself,
    of_sizes,
    same,
    seen,
    size,
    static,
    tensor,
    without_padding,
    zeros_where,
)
from ._tensors import values as _values

NONE = "Use tf.where(mask, x, 0) and divide by the number of entries that the mask keeps."


def require_in_range(indices: Any, bound: Any, function: str) -> None:
    """Raise for indices outside of [0, bound), where they can be seen."""
    found = seen(indices)
    if found is None or not isinstance(bound, int) or found.size == 0:
        return
    if found.min() < 0 or found.max() >= bound:
        wrong = found[(found < 0) | (found >= bound)].ravel()[0]
        raise ValueError(f"{function}: index {wrong} is not in [0, {bound}).")


@operation("tf.gather")
def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    name: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Any:
    """`tf.gather`: along axis 0, or the first after `batch_dims`, unless another is given."""
    if isinstance(validate_indices, int) and not isinstance(validate_indices, bool):
        raise TypeError("tf.gather: in TF1 the third argument is no axis. Give it by name: axis=1.")
    if isinstance(name, int):
        axis = name  # TF2's fourth argument
    known = static(indices)
    if known is not None and of_sizes(itself, params) is not None:
        rows = np.asarray(known).tolist()
        return of_sizes(
            lambda n: [n[i] for i in rows] if isinstance(rows, list) else n[rows], params
        )
    x, ids = tensor(params), tensor(indices)
    n = len(x.shape)
    batch = batch_dims % (len(ids.shape) + 1) if batch_dims < 0 else batch_dims
    axis = batch if axis is None else size(axis) % n
    require_in_range(ids, ops.shape(x)[axis], "tf.gather")
    if axis < batch:
        raise ValueError(f"tf.gather: axis {axis} lies within the {batch} batch dimensions.")
    ids, absent = without_padding(ids)
    if batch == 0:
        found = ops.take(x, ids, axis=axis)
    else:
        found = _gather_in_batches(x, ids, axis, batch)
    return zeros_where(absent, found, batch, axis)


def _gather_in_batches(x: Any, ids: Any, axis: int, batch: int) -> Any:
    """One gather from a table in which the batches lie one after the other."""
    n, sizes, wanted = len(x.shape), ops.shape(x), ops.shape(ids)
    order = [*range(batch), axis, *(a for a in range(batch, n) if a != axis)]
    rest = [sizes[a] for a in order[batch + 1 :]]
    count = 1
    for length in sizes[:batch]:
        count = count * length
    table = ops.reshape(ops.transpose(x, order), (count * sizes[axis], *rest))
    first = ops.reshape(ops.arange(count, dtype=dtype_of(ids)) * sizes[axis], (count, -1))
    rows = ops.reshape(ids, (count, -1)) + first
    found = ops.take(table, ops.reshape(rows, wanted), axis=0)
    own, between = len(ids.shape) - batch, axis - batch
    back = [
        *range(batch),
        *range(batch + own, batch + own + between),
        *range(batch, batch + own),
        *range(batch + own + between, len(found.shape)),
    ]
    return ops.transpose(found, back)


@operation("tf.batch_gather")
def batch_gather(params: Any, indices: Any, name: str | None = None) -> Any:
    """`tf.batch_gather`: `tf.gather` whose batch dimensions are all but the last of `indices`."""
    last = len(tensor(indices).shape) - 1
    return gather(params, indices, axis=last, batch_dims=last)


def _flat_rows(indices: Any, sizes: Any, function: str) -> tuple[Any, Any]:
    """Indices (..., k) as rows of a tensor whose first k axes are made one, and their number.
    Padding stays padding."""
    depth = indices.shape[-1]
    rows, count = ops.zeros_like(indices[..., 0]), 1
    for axis in range(depth):
        require_in_range(indices[..., axis], sizes[axis], function)
        rows = rows * sizes[axis] + indices[..., axis]
        count = count * sizes[axis]
    if seen(indices) is None:
        padded = ops.any(indices < NO_ID // 2, axis=-1)
        rows = ops.where(padded, ops.full_like(rows, NO_ID), rows)
    return rows, count


@operation("tf.gather_nd")
def gather_nd(params: Any, indices: Any, name: Any = None, batch_dims: int = 0) -> Any:
    """`tf.gather_nd`."""
    x, ids = tensor(params), tensor(indices)
    sizes = ops.shape(x)
    for axis in reversed(range(batch_dims)):
        own = ops.arange(sizes[axis], dtype=dtype_of(ids))
        own = ops.reshape(own, (1,) * axis + (-1,) + (1,) * (len(ids.shape) - axis - 1))
        own = ops.broadcast_to(own, (*ops.shape(ids)[:-1], 1))
        ids = ops.concatenate([own, ids], axis=-1)
    rows, count = _flat_rows(ids, sizes, "tf.gather_nd")
    table = ops.reshape(x, (count, *sizes[ids.shape[-1] :]))
    rows, absent = without_padding(rows)
    return zeros_where(absent, ops.take(table, rows, axis=0))


@operation("tf.scatter_nd")
def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Any:
    """`tf.scatter_nd`: updates at the same place add up."""
    ids, new, sizes = tensor(indices), tensor(updates), ints(shape)
    rows, count = _flat_rows(ids, sizes, "tf.scatter_nd")
    rest = tuple(sizes[ids.shape[-1] :])
    found = add_up(ops.reshape(new, (-1, *rest)), ops.reshape(rows, (-1,)), count)
    return ops.reshape(found, sizes)


@operation("tf.tensor_scatter_nd_add")
def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """`tf.tensor_scatter_nd_add`."""
    x, new = same(tensor, updates)
    return x + scatter_nd(indices, new, ops.shape(x))


@operation("tf.tensor_scatter_nd_sub")
def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """`tf.tensor_scatter_nd_sub`."""
    x, new = same(tensor, updates)
    return x - scatter_nd(indices, new, ops.shape(x))


@operation("tf.tensor_scatter_nd_update")
def tensor_scatter_nd_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Any:
    """`tf.tensor_scatter_nd_update`: the places must differ."""
    x, new = same(tensor, updates)
    ids = _tensor(indices)
    sizes, depth = ops.shape(x), ids.shape[-1]
    rows, count = _flat_rows(ids, sizes, "tf.tensor_scatter_nd_update")
    if seen(rows) is not None:
        return ops.scatter_update(ops.copy(x), ids, new)  # Keras 3.6 writes into PyTorch's x
    # Padding goes into a row more, which is cut off.
    rest = tuple(sizes[depth:])
    table = ops.reshape(x, (count, *rest))
    table = ops.concatenate([table, ops.zeros_like(table[:1])], axis=0)
    rows = ops.reshape(ops.where(rows < 0, ops.full_like(rows, count), rows), (-1, 1))
    table = ops.scatter_update(table, rows, ops.reshape(new, (-1, *rest)))
    return ops.reshape(table[:count], sizes)


_tensor = tensor


def _first_seen(x: Any) -> tuple[Any, Any, Any]:
    """Distinct values in the order of their first entry, padded to the length of `x`; for each
    entry its place among them; and their counts, 0 where padded. Values of a dtype that has no room
    for the padding come in int32."""
    if "int" in dtype_of(x) and dtype_of(x) not in ("int32", "int64"):
        x = ops.cast(x, "int32")
    distinct, index, count = _backend.unique(x) or _by_appearance(x)
    there = count > 0
    if "int" in dtype_of(x):
        return ops.where(there, distinct, ops.full_like(distinct, NO_ID)), index, count
    return ops.where(there, distinct, x[:1]), index, count


def _by_appearance(x: Any) -> tuple[Any, Any, Any]:
    n = x.shape[0] if x.shape[0] is not None else ops.shape(x)[0]
    places = ops.arange(n, dtype="int32")
    own_first = _first_like(x, places)
    is_first = ops.equal(own_first, places)
    index = _backend.take_rows(ops.cumsum(ops.cast(is_first, "int32")) - 1, own_first)
    index, none = ops.cast(index, "int32"), ops.zeros_like(own_first)
    count = _backend.with_rows_added(none, index, ops.ones_like(index))
    rows = _backend.with_rows_added(none, index, ops.where(is_first, places, none))
    return _backend.take_rows(x, rows), index, count


def _first_like(x: Any, places: Any) -> Any:
    """The place of the first entry that is equal to each."""
    if isinstance(x.shape[0], int) and x.shape[0] <= 1_024:  # all pairs, sooner than a sort
        same = ops.equal(ops.expand_dims(x, 1), ops.expand_dims(x, 0))
        first = ops.amin(ops.where(same, places, ops.full_like(places, x.shape[0])), axis=1)
        return ops.minimum(first, places)  # what is not a number is like nothing
    order = ops.cast(ops.argsort(x), "int32")
    ordered = ops.take(x, order, axis=0)
    new = ops.cast(ops.not_equal(ordered[1:], ordered[:-1]), "int32")
    group = ops.concatenate([ops.zeros_like(order[:1]), ops.cumsum(new)], axis=0)
    n = ops.shape(x)[0]
    first = -ops.segment_max(-order, group, num_segments=n)
    return ops.segment_sum(ops.take(first, group, axis=0), order, num_segments=n)


def _unique(x: Any, out_idx: Any) -> tuple[Any, Any, Any]:
    x = tensor(x)
    if len(x.shape) != 1:
        raise ValueError(f"tf.unique takes a vector. Received: shape {tuple(x.shape)}.")
    if x.shape[0] == 0:
        empty = ops.zeros((0,), dtype=as_name(out_idx))
        return x, empty, empty
    found = static(x)
    if found is None:
        distinct, index, count = _first_seen(x)
    else:
        _, rows, index, count = np.unique(
            found, return_index=True, return_inverse=True, return_counts=True
        )
        order = np.argsort(rows)
        distinct = ops.take(x, ops.convert_to_tensor(rows[order].astype("int32")), axis=0)
        index, count = np.argsort(order)[index.reshape(-1)], count[order]
    return distinct, ops.cast(index, as_name(out_idx)), ops.cast(count, as_name(out_idx))


@operation("tf.unique")
def unique(x: Any, out_idx: Any = "int32", name: str | None = None) -> Any:
    """`tf.unique`: as `tf.unique_with_counts`, without the counts."""
    return _unique(x, out_idx)[:2]


@operation("tf.unique_with_counts")
def unique_with_counts(x: Any, out_idx: Any = "int32", name: str | None = None) -> Any:
    """`tf.unique_with_counts`: distinct values in order of appearance, each entry's place among
    them, and how often each occurs.

    A session gives as many as there are. In `GraphLoss` and any other compiled function their
    number is not known: values and counts are as long as `x`, counts padded with 0, and integers
    with a negative number that is no id. `tf.scatter_add` and its kin, `tf.scatter_nd` and
    `tf.unsorted_segment_sum` leave it out, `tf.gather` gives zeros for it, without a gradient.
    Floats are padded with `x[0]`. Sums over all of the padded values, and means, do see it; where
    a sum is divided by `count`, use `tf.div_no_nan`.
    """
    return _unique(x, out_idx)


@operation("tf.boolean_mask")
def boolean_mask(tensor: Any, mask: Any, name: Any = "boolean_mask", axis: Any = None) -> Any:
    """`tf.boolean_mask`: the entries that the mask keeps; their number is known only eagerly."""
    if isinstance(name, int):
        axis = name  # TF2's third argument
    x, chosen = _tensor(tensor), _tensor(mask)
    found = _values(chosen, "tf.boolean_mask", NONE).astype(bool)
    axis, k = 0 if axis is None else axes(axis), found.ndim
    if k == 0:
        raise ValueError("tf.boolean_mask: the mask cannot be scalar.")
    sizes = tuple(ops.shape(x))
    axis = axis % len(sizes)
    if sizes[axis : axis + k] != found.shape:
        raise ValueError(
            f"tf.boolean_mask: a mask of shape {found.shape} does not fit {sizes} at axis {axis}."
        )
    x = ops.reshape(x, (*sizes[:axis], found.size, *sizes[axis + k :]))
    rows = ops.convert_to_tensor(np.flatnonzero(found).astype("int32"))
    return ops.take(x, rows, axis=axis)


@operation("tf.dynamic_partition")
def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> Any:
    """`tf.dynamic_partition`: a list, whose sizes are known only eagerly."""
    x, ids = flat_segments(data, partitions)
    found = _values(ids, "tf.dynamic_partition", "Use a mask for each part. " + NONE)
    parts = [np.flatnonzero(found == part).astype("int32") for part in range(num_partitions)]
    return [ops.take(x, ops.convert_to_tensor(rows), axis=0) for rows in parts]


@operation("tf.dynamic_stitch")
def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Any:
    """`tf.dynamic_stitch`: rows put in the places given, the later over the earlier."""
    flat = [flat_segments(x, ids) for x, ids in zip(data, indices, strict=True)]
    places = np.concatenate(
        [_values(ids, "tf.dynamic_stitch", "Use tf.scatter_nd.") for _, ids in flat]
    )
    rows = ops.concatenate([x for x, _ in flat], axis=0)
    last = np.zeros(places.max() + 1, "int32")
    last[places] = np.arange(len(places))
    return ops.take(rows, ops.convert_to_tensor(last), axis=0)


@operation("tf.nn.top_k")
def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> Any:
    """`tf.nn.top_k`: the largest of the last axis and their indices; of equals, the first."""
    x, k = tensor(input), size(k)
    order = _descending(x)[..., :k]
    return ops.take_along_axis(x, order, axis=-1), ops.cast(order, "int32")


def _descending(x: Any) -> Any:
    """Indices that put the last axis in descending order, the first of equals first."""
    backwards = ops.flip(ops.argsort(ops.flip(x, axis=-1), axis=-1), axis=-1)
    return ops.shape(x)[-1] - 1 - backwards


@operation("tf.nn.in_top_k")
def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Any:
    """`tf.nn.in_top_k`, with TF1's order of arguments or TF2's. Classes that tie with the target's
    do not push it out; a score that is not finite, or a target out of range, is no hit."""
    scores, ids = tensor(predictions), tensor(targets)
    if len(scores.shape) == 1:
        scores, ids = ids, scores
    n = ops.shape(scores)[-1]
    inside = ops.logical_and(ids >= 0, ids < n)
    rows = ops.expand_dims(ops.where(inside, ids, ops.zeros_like(ids)), 1)
    own = ops.take_along_axis(scores, rows, axis=1)
    ahead = ops.sum(ops.cast(scores > own, "int32"), axis=1)
    finite = ops.all(ops.isfinite(scores), axis=1)
    return ops.logical_and(ops.logical_and(inside, finite), ahead < size(k))


@operation("tf.argsort")
def argsort(
    values: Any,
    axis: Any = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.argsort`: of equals, the first comes first."""
    x = ops.moveaxis(tensor(values), axes(axis), -1)
    order = _descending(x) if direction == "DESCENDING" else ops.argsort(x, axis=-1)
    return ops.cast(ops.moveaxis(order, -1, axes(axis)), "int32")


@operation("tf.sort")
def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """`tf.sort`."""
    x, axis = tensor(values), axes(axis)
    order = ops.argsort(x, axis=axis)
    found = ops.take_along_axis(x, order, axis=axis)
    return ops.flip(found, axis=axis) if direction == "DESCENDING" else found


@operation("tf.searchsorted")
def searchsorted(
    sorted_sequence: Any,
    values: Any,
    side: str = "left",
    out_type: Any = "int32",
    name: str | None = None,
) -> Any:
    """`tf.searchsorted`, along the last axis of both."""
    table, x = same(sorted_sequence, values)
    table, x = ops.expand_dims(table, -2), ops.expand_dims(x, -1)
    before = table < x if side == "left" else table <= x
    return ops.sum(ops.cast(before, as_name(out_type)), axis=-1)


@operation("tf.invert_permutation")
def invert_permutation(x: Any, name: str | None = None) -> Any:
    """`tf.invert_permutation`."""
    return ops.cast(ops.argsort(tensor(x)), dtype_of(tensor(x)))


@operation("tf.bincount")
def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = "int32",
    name: str | None = None,
) -> Any:
    """`tf.bincount`: as long as the largest value asks for, eagerly; `minlength` equal to
    `maxlength` makes it static."""
    ids = ops.reshape(tensor(arr), (-1,))
    if minlength is not None and minlength == maxlength:
        count = size(minlength)
    else:
        advice = "Give minlength and maxlength, both the number of classes."
        found = _values(ids, "tf.bincount", advice)
        count = int(found.max()) + 1 if found.size else 0
        count = max(count, 0 if minlength is None else size(minlength))
        count = count if maxlength is None else min(count, size(maxlength))
    new = ops.ones_like(ids, dtype=as_name(dtype)) if weights is None else tensor(weights)
    ids = ops.where(ids < count, ids, -ops.ones_like(ids))
    return add_up(ops.reshape(new, (-1,)), ids, count)


@operation("tf.confusion_matrix")
def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    dtype: Any = "int32",
    name: str | None = None,
    weights: Any = None,
) -> Any:
    """`tf.confusion_matrix`: rows are labels. Without `num_classes`, eagerly."""
    true, found = (ops.reshape(ops.cast(tensor(x), "int32"), (-1,)) for x in (labels, predictions))
    if num_classes is None:
        advice = "Give `num_classes`."
        both = [_values(x, "tf.confusion_matrix", advice) for x in (true, found)]
        num_classes = 1 + max(int(x.max(initial=0)) for x in both)
    n = size(num_classes)
    require_in_range(true, n, "tf.confusion_matrix: labels")
    require_in_range(found, n, "tf.confusion_matrix: predictions")
    given = ops.ones_like(true) if weights is None else ops.reshape(tensor(weights), (-1,))
    given = ops.cast(given, _backend.canonical_dtype(as_name(dtype)))
    return ops.reshape(add_up(given, true * n + found, n * n), (n, n))
