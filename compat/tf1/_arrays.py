"""Tensors cut, joined and turned: `tf.concat`, `tf.transpose`, `tf.pad`, `tf.one_hot`."""

from typing import Any

import numpy as np
from keras import ops

from .._dispatch import operation
from ._dtypes import as_name
from ._tensors import (
    Shape,
    axes,
    dtype_of,
    ints,
    is_tensor,
    itself,
    of_sizes,
    same,
    size,
    static,
    tensor,
    values,
)


@operation("tf.concat")
def concat(values: Any, axis: Any = None, name: str | None = None) -> Any:
    """`tf.concat`. Lists of ints and shapes make a shape again."""
    if isinstance(values, int) and isinstance(axis, (list, tuple)):
        raise TypeError("tf.concat takes the values first and the axis second, since TF 1.0.")
    if not isinstance(values, (list, tuple)):
        values = [values]
    axis = axes(axis)
    if axis in (0, -1):  # of shapes and lists of ints: a shape again
        known = [Shape(v) if isinstance(v, (list, tuple)) else v for v in values]
        found = of_sizes(lambda *parts: [n for part in parts for n in part], *known)
        if found is not None:
            return found
    parts = same(*values)
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=axis)


@operation("tf.stack")
def stack(values: Any, axis: Any = 0, name: str | None = None) -> Any:
    """`tf.stack`. A list of Python ints makes a shape, which any function takes for a tensor."""
    if axis == 0 and not any(isinstance(v, tuple) or getattr(v, "ndim", 0) for v in values):
        found = of_sizes(lambda *parts: list(parts), *values)
        if found is not None:
            return found
    return ops.stack(same(*values), axis=axes(axis))


@operation("tf.unstack")
def unstack(value: Any, num: Any = None, axis: Any = 0, name: str | None = None) -> Any:
    """`tf.unstack`: a list."""
    if of_sizes(itself, value) is not None:
        return list(value)
    x, axis = tensor(value), axes(axis)
    length = x.shape[axis]
    if num is not None and length is not None and int(num) != int(length):
        raise ValueError(f"tf.unstack: num={num}, but the axis has {length} entries.")
    if length is None and num is None:
        raise ValueError("tf.unstack: the length of the axis is not known; give `num`.")
    n = int(num if length is None else length)
    first = [slice(None)] * (axis % len(x.shape))
    return [x[(*first, i)] for i in range(n)]


@operation("tf.split")
def split(
    value: Any,
    num_or_size_splits: Any,
    axis: Any = 0,
    num: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.split`: into a number of equal parts, or into parts of the sizes given."""
    x, axis = tensor(value), axes(axis)
    n = len(x.shape)
    length = ops.shape(x)[axis]
    if isinstance(num_or_size_splits, int) or np.ndim(static(num_or_size_splits)) == 0:
        count = size(num_or_size_splits)
        if isinstance(length, int) and length % count:
            raise ValueError(f"tf.split: an axis of {length} is not {count} equal parts.")
        sizes = [length // count] * count
    else:
        sizes = list(ints(num_or_size_splits))
        if -1 in sizes:
            sizes[sizes.index(-1)] = length - sum(sizes) - 1
        if isinstance(length, int) and sum(sizes) != length:
            raise ValueError(f"tf.split: sizes {sizes} do not add up to the axis' {length}.")
    first, parts, start = [slice(None)] * (axis % n), [], 0
    for part in sizes:
        parts.append(x[(*first, slice(start, start + part))])
        start = start + part
    return parts


@operation("tf.transpose")
def transpose(a: Any, perm: Any = None, name: str | None = None, conjugate: bool = False) -> Any:
    """`tf.transpose`: without `perm`, the axes are reversed."""
    return ops.transpose(tensor(a), axes=None if perm is None else ints(perm))


@operation("tf.tile")
def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """`tf.tile`."""
    return ops.tile(tensor(input), ints(multiples))


@operation("tf.pad")
def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: Any = 0,
) -> Any:
    """`tf.pad`: with a constant, or `mode` REFLECT or SYMMETRIC."""
    widths = [ints(row) for row in paddings]
    mode = mode.lower()
    if mode == "constant":
        return ops.pad(_tensor(tensor), widths, mode="constant", constant_values=constant_values)
    return _mirror(_tensor(tensor), widths, edge=1 if mode == "reflect" else 0)


def _mirror(x: Any, widths: Any, edge: int) -> Any:
    """Padding by reflection, with or without the edge itself: rows are taken again."""
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        rows = [*range(before - 1 + edge, edge - 1, -1), *range(n)]
        rows += [n - 1 - edge - i for i in range(after)]
        if before or after:
            x = ops.take(x, ops.convert_to_tensor(np.asarray(rows, "int32")), axis=axis)
    return x


_tensor = tensor


@operation("tf.reverse")
def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """`tf.reverse`."""
    found = of_sizes(lambda n: n[::-1], tensor)
    if found is not None:
        return found
    return ops.flip(_tensor(tensor), axis=axes(axis))


@operation("tf.roll")
def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """`tf.roll`."""
    x, shift, axis = tensor(input), axes(shift), axes(axis)
    pairs = [(shift, axis)] if isinstance(shift, int) else list(zip(shift, axis, strict=True))
    for step, along in pairs:
        x = ops.roll(x, step, axis=along)
    return x


@operation("tf.repeat")
def repeat(input: Any, repeats: Any, axis: Any = None, name: str | None = None) -> Any:
    """`tf.repeat`: a number of times, or a number for each entry."""
    single = isinstance(repeats, int) or np.ndim(static(repeats)) == 0
    x, counts = tensor(input), size(repeats) if single else ints(repeats)
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    if isinstance(counts, tuple):
        rows = np.repeat(np.arange(len(counts)), counts).astype("int32")
        return ops.take(x, ops.convert_to_tensor(rows), axis=axis)
    return ops.repeat(x, counts, axis=axis)


@operation("tf.slice")
def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """`tf.slice`: from `begin`, of `size`, where -1 is all the rest."""
    starts, sizes = ints(begin), ints(size)
    if of_sizes(itself, input_) is not None:
        return input_[starts[0] : None if sizes[0] == -1 else starts[0] + sizes[0]]
    x = tensor(input_)
    if any(is_tensor(start) for start in starts):
        lengths = [
            length if part == -1 else part for part, length in zip(sizes, ops.shape(x), strict=True)
        ]
        return ops.slice(x, starts, lengths)
    return x[
        tuple(
            slice(start, None if isinstance(part, int) and part == -1 else start + part)
            for start, part in zip(starts, sizes, strict=True)
        )
    ]


@operation("tf.strided_slice")
def strided_slice(
    input_: Any, begin: Any, end: Any, strides: Any = None, name: str | None = None
) -> Any:
    """`tf.strided_slice`, without masks."""
    begins, ends = ints(begin), ints(end)
    steps = (1,) * len(begins) if strides is None else ints(strides)
    if of_sizes(itself, input_) is not None:
        return input_[begins[0] : ends[0] : steps[0]]
    x = tensor(input_)
    return x[tuple(slice(*cut) for cut in zip(begins, ends, steps, strict=True))]


@operation("tf.one_hot")
def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: Any = None,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.one_hot`: a row of `off_value` for an index out of range."""
    ids, depth = tensor(indices), size(depth)
    if "int" not in dtype_of(ids):
        raise TypeError(
            "tf.one_hot takes integers, as TensorFlow does. Received: indices of dtype "
            f"{dtype_of(ids)}. Write tf.one_hot(tf.cast(indices, tf.int32), depth)."
        )
    if dtype is None:
        given = [dtype_of(tensor(v)) for v in (on_value, off_value) if v is not None]
        dtype = given[0] if given else "float32"
    name_ = as_name(dtype)
    n = len(ids.shape)
    axis = n if axis in (None, -1) else axis % (n + 1)
    classes = ops.arange(depth, dtype=dtype_of(ids))
    classes = ops.reshape(classes, (1,) * axis + (-1,) + (1,) * (n - axis))
    hit = ops.equal(ops.expand_dims(ids, axis), classes)
    if on_value is None and off_value is None:
        return ops.cast(hit, name_)
    on = tensor(1 if on_value is None else on_value, name_)
    return ops.where(hit, on, tensor(0 if off_value is None else off_value, name_))


@operation("tf.sequence_mask")
def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: str | None = None
) -> Any:
    """`tf.sequence_mask`: without `maxlen`, the lengths must be known."""
    counts = tensor(lengths)
    if maxlen is None:
        advice = "Give `maxlen`."
        maxlen = int(values(counts, "tf.sequence_mask without `maxlen`", advice).max(initial=0))
    inside = ops.arange(size(maxlen), dtype=dtype_of(counts)) < ops.expand_dims(counts, -1)
    return ops.cast(inside, as_name(dtype))


@operation("tf.meshgrid")
def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> Any:
    """`tf.meshgrid`: a list."""
    return list(ops.meshgrid(*same(*args), indexing=indexing))


@operation("tf.space_to_depth")
def space_to_depth(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Any:
    """`tf.space_to_depth`, of images (N, H, W, C)."""
    x = tensor(input)
    n, h, w, c = ops.shape(x)
    b = block_size
    x = ops.reshape(x, (n, h // b, b, w // b, b, c))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (n, h // b, w // b, b * b * c))


@operation("tf.depth_to_space")
def depth_to_space(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Any:
    """`tf.depth_to_space`, of images (N, H, W, C)."""
    x = tensor(input)
    n, h, w, c = ops.shape(x)
    b = block_size
    x = ops.reshape(x, (n, h, w, b, b, c // (b * b)))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (n, h * b, w * b, c // (b * b)))


@operation("tf.where")
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`tf.where` of TF1: a condition of rank 1 chooses rows of an `x` and `y` of higher rank, where
    TF2 (`tf.where_v2`) broadcasts it along the last axis. Without `x` and `y`: the indices where it
    holds, (n, rank), whose number is known only eagerly."""
    if x is None and y is None:
        return _indices_of(condition)
    x, y = same(x, y)
    chosen = ops.cast(tensor(condition), "bool")
    if len(chosen.shape) == 1 < len(x.shape) and tuple(x.shape) == tuple(y.shape):
        chosen = ops.reshape(chosen, (-1,) + (1,) * (len(x.shape) - 1))
    return ops.where(chosen, x, y)


@operation("tf.where_v2")
def where_v2(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`tf.where` of TF2: all three broadcast."""
    if x is None and y is None:
        return _indices_of(condition)
    return ops.where(ops.cast(tensor(condition), "bool"), *same(x, y))


def _indices_of(condition: Any) -> Any:
    found = values(
        condition,
        "tf.where(condition)",
        "Write tf.where(condition, x, 0) and divide by the number of entries where it holds.",
    )
    return ops.convert_to_tensor(np.argwhere(found).astype("int64"))
