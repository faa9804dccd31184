"""The old `keras.backend`: shapes, and what moves entries without computing with them."""

import builtins
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend

from ._dispatch import Deferred
from ._k_inputs import (
    Dimension,
    Shape,
    axes_of,
    cast,
    dtype_name,
    dtype_of,
    entry_of,
    is_float,
    is_tensor,
    like,
    operation,
    pair,
    sizes,
    tensor,
    values_of,
)


def shape(x: Any) -> Any:
    """The sizes of `x`, to index, slice and compute with: Python ints where they are known."""
    if isinstance(x, Deferred):
        return x.defer(shape, (x,), {})
    if isinstance(x, keras.KerasTensor):
        return Shape(Dimension(i)(x) if n is None else n for i, n in enumerate(x.shape))
    return Shape(ops.shape(x if isinstance(x, _backend.Variable) else tensor(x)))


def int_shape(x: Any) -> Any:
    """The shape as a tuple of ints and None; None where even the number of axes is unknown."""
    try:
        entries = x.shape.as_list() if hasattr(x.shape, "as_list") else x.shape
        return tuple(None if n is None else int(n) for n in entries)
    except (TypeError, ValueError):
        return None


def ndim(x: Any) -> Any:
    """The number of axes."""
    return len(x.shape)


def dtype(x: Any) -> str:
    """The name of the dtype, such as 'float32'."""
    return dtype_of(x)


def count_params(x: Any) -> int:
    """The number of entries."""
    return int(np.prod(int_shape(x)))


@operation("K.reshape")
def _reshape(x: Any, shape: Any) -> Any:
    return ops.reshape(tensor(x), sizes(shape, "K.reshape", infer=True))


def reshape(x: Any, shape: Any) -> Any:
    """To a shape in which one size may be -1, or one that is not known yet."""
    if isinstance(shape, Deferred) or any(isinstance(n, Deferred) for n in _entries(shape)):
        return _reshape(x, shape)
    return _reshape(x, sizes(shape, "K.reshape", infer=True))


def _entries(shape: Any) -> Any:
    return shape if isinstance(shape, list | tuple) else ()


@operation("K.flatten")
def flatten(x: Any) -> Any:
    """One axis, the batch in it too."""
    return ops.reshape(tensor(x), (-1,))


@operation("K.batch_flatten")
def batch_flatten(x: Any) -> Any:
    """One axis for each sample."""
    x = tensor(x)
    size = 1
    for n in ops.shape(x)[1:]:
        size = size * n
    return ops.reshape(x, (-1, size))


@operation("K.expand_dims")
def expand_dims(x: Any, axis: int = -1) -> Any:
    return ops.expand_dims(tensor(x), axes_of(axis))


@operation("K.squeeze")
def squeeze(x: Any, axis: int) -> Any:
    x, axis = tensor(x), axes_of(axis)
    if x.shape[axis] not in (1, None):
        raise ValueError(f"Axis {axis} of the shape {tuple(x.shape)} is not of size 1.")
    return ops.squeeze(x, axis)


@operation("K.transpose")
def transpose(x: Any) -> Any:
    """All axes in reverse."""
    x = tensor(x)
    return ops.transpose(x, tuple(reversed(range(len(x.shape)))))


@operation("K.permute_dimensions")
def permute_dimensions(x: Any, pattern: Any) -> Any:
    pattern = axes_of(pattern)
    return ops.transpose(tensor(x), pattern)


@operation("K.concatenate")
def _concatenate(tensors: Any, axis: int = -1) -> Any:
    tensors = _together(tensors)
    return ops.concatenate(tensors, axis=axis if len(tensors[0].shape) else 0)


@operation("K.stack")
def _stack(x: Any, axis: int = 0) -> Any:
    return ops.stack(_together(x), axis=axis)


def _together(tensors: Any) -> list[Any]:
    """All in the dtype of the first that is a tensor; tensors of several are promoted."""
    tensors = list(tensors)
    first = next((x for x in tensors if is_tensor(x)), tensors[0])
    found = [tensor(x) if is_tensor(x) else like(x, tensor(first)) for x in tensors]
    dtypes = {dtype_of(x) for x in found}
    if len(dtypes) > 1:
        common = keras.backend.result_type(*dtypes)
        found = [cast(x, common) for x in found]
    return [to_dense(x) for x in found]


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """Along the last axis, if none is given; sizes from `K.shape` are joined to sizes."""
    if any(isinstance(x, Shape) for x in tensors) and not any(is_tensor(x) for x in tensors):
        return Shape(n for sizes in tensors for n in sizes)
    return _concatenate(tensors, axis)


def stack(x: Any, axis: int = 0) -> Any:
    """Along a new first axis; of ints (as of `K.shape`) the sizes that `K.reshape` takes."""
    if all(isinstance(n, int) for n in x):
        return Shape(x)
    return _stack(x, axis)


@operation("K.tile")
def tile(x: Any, n: Any) -> Any:
    x = tensor(x)
    repeats = sizes(n, "K.tile")
    if isinstance(repeats, tuple) and len(repeats) != len(x.shape):
        raise ValueError(f"`n` must have an entry for each of {len(x.shape)} axes. Received: {n}.")
    return ops.tile(x, repeats)


@operation("K.repeat")
def repeat(x: Any, n: Any) -> Any:
    """(N, D) n times along a new axis in the middle: (N, n, D)."""
    x = tensor(x)
    if len(x.shape) != 2:
        raise ValueError(f"`K.repeat` takes tensors of rank 2. Received: {tuple(x.shape)}.")
    return ops.tile(ops.expand_dims(x, 1), (1, entry_of(n), 1))


@operation("K.repeat_elements")
def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    return ops.repeat(tensor(x), rep, axis=axis)


@operation("K.reverse")
def reverse(x: Any, axes: Any) -> Any:
    axes = axes_of(axes)
    x = tensor(x)
    return x if axes == () else ops.flip(x, axis=axes)


@operation("K.slice")
def slice(x: Any, start: Any, size: Any) -> Any:
    """`size` entries from `start` on along each axis; -1 is all that follow."""
    x = tensor(x)
    start, size = sizes(start, "K.slice"), sizes(size, "K.slice")
    ends = (None if n == -1 else a + n for a, n in zip(start, size, strict=True))
    return x[tuple(map(builtins.slice, start, ends))]


@operation("K.gather")
def gather(reference: Any, indices: Any) -> Any:
    """Rows of `reference`.

    Raises:
        ValueError: for an index out of range where it can be seen. In a compiled step such a row
            is NaN, and of integers 0.
    """
    indices = tensor(indices)
    if is_float(indices):
        raise ValueError(f"Indices must be integers. Received: {dtype_of(indices)}.")
    count = reference.shape[0]
    if count is None:
        count = cast(tensor(ops.shape(reference)[0]), dtype_of(indices))
    valid = ops.logical_and(indices >= 0, indices < count)
    seen = _backend.concrete(valid)
    if seen is not None and not np.all(seen):
        wrong = _backend.concrete(indices)[~seen]
        raise ValueError(
            f"Indices must lie in [0, {count}). Received: {int(wrong.flat[0])}. Negative ones do "
            "not count from the end."
        )
    safe = ops.where(valid, indices, ops.zeros_like(indices))
    flat = ops.reshape(safe, (-1,))
    table = reference if isinstance(reference, _backend.Variable) else tensor(reference)
    matrix = len(table.shape) == 2 and is_float(table)
    rows = _backend.take_rows(table, flat) if matrix else ops.take(tensor(table), flat, axis=0)
    rows = ops.reshape(rows, (*ops.shape(indices), *ops.shape(rows)[1:]))
    if seen is not None:
        return rows
    valid = ops.reshape(valid, (*ops.shape(indices), *([1] * (len(table.shape) - 1))))
    return ops.where(valid, rows, ops.full_like(rows, float("nan") if is_float(rows) else 0))


@operation("K.one_hot")
def one_hot(indices: Any, num_classes: int) -> Any:
    """float32, on a new last axis; zeros where the index is out of range."""
    indices = tensor(indices)
    if is_float(indices):
        raise ValueError(
            f'`K.one_hot` takes integers. Received: {dtype_of(indices)}. Use `K.cast(x, "int32")`.'
        )
    if dtype_of(indices) in ("uint8", "int8"):
        indices = cast(indices, "int32")
    classes = ops.arange(num_classes, dtype=dtype_of(indices))
    return cast(ops.equal(ops.expand_dims(indices, -1), classes), "float32")


@operation("K.arange")
def _arange(start: Any, stop: Any, step: Any, dtype: Any) -> Any:
    start, stop, step = (x if x is None else _number(x) for x in (start, stop, step))
    if stop is None:
        start, stop = 0, start if is_tensor(start) or start > 0 else 0
    fractions = [is_float(x) if is_tensor(x) else isinstance(x, float) for x in (start, stop, step)]
    own = "float32" if any(fractions) else "int32"
    return ops.arange(start, stop, step, dtype=own if dtype == "int32" else dtype)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Any:
    """From 0, or `start`, to `stop`; float32 if one of the three is a fraction and `dtype` is not
    said."""
    return _arange(start, stop, step, dtype_name(dtype))


def _number(x: Any) -> Any:
    if isinstance(x, int | float):
        return x
    seen = values_of(x)
    if seen is not None:
        return seen.item()
    if keras.backend.backend() == "tensorflow":
        return x
    raise ValueError(
        "`K.arange` needs numbers that are known when the step is compiled: take them from "
        f"`K.shape(x)` or `K.int_shape(x)`. Received: {x}."
    )


@operation("K.zeros_like")
def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    return ops.zeros_like(tensor(x), dtype=dtype_name(dtype))


@operation("K.ones_like")
def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    return ops.ones_like(tensor(x), dtype=dtype_name(dtype))


@operation("K.stop_gradient")
def _stop_gradient(x: Any) -> Any:
    return ops.stop_gradient(tensor(x))


def stop_gradient(variables: Any) -> Any:
    """Of a tensor; of a list, each."""
    if isinstance(variables, list | tuple):
        return [_stop_gradient(x) for x in variables]
    return _stop_gradient(variables)


def is_sparse(tensor: Any) -> bool:
    """Whether it is a sparse tensor of TensorFlow, JAX or PyTorch."""
    if isinstance(tensor, keras.KerasTensor):
        return bool(getattr(tensor, "sparse", False))
    if getattr(tensor, "is_sparse", False) is True:  # PyTorch
        return True
    return hasattr(tensor, "dense_shape") or type(tensor).__name__ == "BCOO"


@operation("K.to_dense")
def to_dense(tensor: Any) -> Any:
    if not is_sparse(tensor):
        return tensor
    if hasattr(tensor, "to_dense"):  # PyTorch
        return tensor.to_dense()
    return ops.convert_to_tensor(tensor, sparse=False)


# Choice -------------------------------------------------------------------------------------


@operation("K.where")
def _where(condition: Any, x: Any, y: Any) -> Any:
    return ops.where(cast(tensor(condition), "bool"), *pair(x, y))


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """`x` where the condition holds, else `y`. Without them, the indices where it holds, of which
    there is no telling how many in a compiled step: an error there."""
    if x is not None and y is not None:
        return _where(condition, x, y)
    seen = values_of(condition)
    if seen is None or x is not None or y is not None:
        raise ValueError(
            "`K.where(condition)` gives as many indices as there are hits, which a compiled step "
            "cannot. Use `K.where(condition, x, y)`, or multiply by the condition as a mask."
        )
    return cast(tensor(np.argwhere(seen)), "int64")


@operation("K.switch")
def _switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    condition = cast(tensor(condition), "bool")
    x, y = pair(then_expression, else_expression)
    rank, own = len(condition.shape), len(x.shape)
    if rank > own:
        raise ValueError(
            "The condition may have no more axes than the expressions. Received: "
            f"condition.shape={tuple(condition.shape)}, then_expression.shape={tuple(x.shape)}."
        )
    if rank > 1 or (rank == 1 and own > 1 and condition.shape[0] not in (1, x.shape[-1])):
        condition = ops.reshape(condition, (*ops.shape(condition), *([1] * (own - rank))))
    return ops.where(condition, x, y)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One or the other, by a scalar (then only the one is computed, if they are functions) or entry
    by entry.

    A condition (N, M) chooses along the first axes of (N, M, K). One of rank 1 chooses along the
    last axis if it fits there, as Keras 2.15 has it, and else along the first, as Keras 2.0 to 2.3.
    """
    expressions = (then_expression, else_expression)
    if not isinstance(condition, keras.KerasTensor | Deferred):
        condition = tensor(condition)
        if len(condition.shape) == 0:
            return _chosen(cast(condition, "bool"), *expressions)
    return _switch(condition, *(x() if callable(x) else x for x in expressions))


def _chosen(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """By a scalar: either may have a shape of its own, where it can be seen which it is."""
    seen = _backend.concrete(condition)
    if seen is not None:
        return _branch(then_expression if seen else else_expression)()
    if callable(then_expression) or callable(else_expression):
        return ops.cond(condition, _branch(then_expression), _branch(else_expression))
    return _switch(condition, then_expression, else_expression)


def _branch(expression: Any) -> Any:
    def run() -> Any:
        value = expression() if callable(expression) else expression
        return keras.tree.map_structure(lambda x: x if is_tensor(x) else tensor(x), value)

    return run
