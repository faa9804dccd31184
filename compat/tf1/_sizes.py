"""Shapes of tensors, and tensors made from shapes: `tf.shape`, `tf.reshape`, `tf.zeros`.

`tf.shape` gives Python ints where the size is known, on JAX and PyTorch always: arithmetic on them
stays static, so that `tf.reshape(x, [tf.shape(x)[0], -1])` compiles everywhere.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from .._dispatch import Deferred, operation
from ._dtypes import as_name
from ._tensors import (
    Shape,
    axes,
    dtype_of,
    either,
    ints,
    is_tensor,
    of_sizes,
    same,
    size,
    static,
    tensor,
)


@keras.saving.register_keras_serializable("portable_losses.compat")
class Dimension(keras.Operation):
    """One size of a tensor of a functional model, which is known when the model runs."""

    def __init__(self, axis: int, name: str | None = None):
        super().__init__(name=name)
        self.axis = axis

    def call(self, x: Any) -> Any:
        return ops.shape(x)[self.axis]

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor((), dtype="int32")

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis, "name": self.name}


@operation("tf.shape")
def _shape(input: Any) -> Any:
    return Shape(ops.shape(tensor(input)))


def shape(input: Any, name: str | None = None, out_type: Any = None, optimize: bool = True) -> Any:
    """`tf.shape`: a `Shape` of ints, and of scalar tensors where TensorFlow knows no size."""
    if isinstance(input, keras.KerasTensor):
        known = enumerate(input.shape)
        return Shape(Dimension(a)(input) if n is None else n for a, n in known)
    return _shape(input)


@operation("tf.shape_n")
def shape_n(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """`tf.shape_n`."""
    return [_shape(x) for x in input]


@operation("tf.size")
def size_(input: Any, name: str | None = None, out_type: Any = None) -> Any:
    """`tf.size`: how many entries, an int where it is known."""
    found = 1
    for n in _shape(input):
        found = found * n
    return found


def rank(input: Any, name: str | None = None) -> Any:
    """`tf.rank`, an int."""
    if isinstance(input, Deferred):
        return _rank(input)
    return len(input.shape) if hasattr(input, "shape") else np.asarray(input).ndim


@operation("tf.rank")
def _rank(input: Any) -> Any:
    return len(tensor(input).shape)


def _listed(n: Any) -> list[int]:
    return n if isinstance(n, list) else [n]


def known(sizes: Any) -> Any:
    """A shape that an operation of a model can take: a plain tuple, in which a size that is only
    known when the model runs is -1."""
    if not isinstance(sizes, (list, tuple)):
        return sizes
    late = [isinstance(n, keras.KerasTensor) for n in sizes]
    if not any(late):
        return tuple(sizes)
    if sum(late) > 1 or any(isinstance(n, int) and n == -1 for n in sizes):
        raise ValueError(
            "A shape in a functional model may have one size that is not known before it runs. "
            f"Received: {list(sizes)}. Use a keras.layers.Layer, in whose `call` sizes are known."
        )
    return tuple(-1 if is_late else n for is_late, n in zip(late, sizes, strict=True))


@operation("tf.reshape")
def _reshape(tensor_: Any, shape: Any) -> Any:
    sizes = ints(shape)
    found = None
    if len(sizes) < 2:  # a size as a vector, or the other way round
        found = of_sizes(lambda n: _listed(n) if sizes else _listed(n)[0], tensor_)
    return ops.reshape(tensor(tensor_), sizes) if found is None else found


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """`tf.reshape`. `shape` may hold ints, parts of `tf.shape`, and one -1."""
    return _reshape(tensor, known(shape))


@operation("tf.expand_dims")
def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """`tf.expand_dims`."""
    axis = axes(axis, dim)
    if axis is None:
        raise ValueError("tf.expand_dims: an axis must be given.")
    found = of_sizes(lambda n: [n], input) if not isinstance(input, tuple) else None
    if found is not None and not getattr(input, "ndim", 0):
        return found
    return ops.expand_dims(tensor(input), axis[0] if isinstance(axis, tuple) else axis)


@operation("tf.squeeze")
def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Any:
    """`tf.squeeze`: the axes named, or all of size 1."""
    over = axes(axis, squeeze_dims)
    x = tensor(input)
    if over == ():
        over = None
    if isinstance(over, int):
        over = (over,)
    n = len(x.shape)
    if over is None:
        over = tuple(a for a, length in enumerate(x.shape) if length == 1)
    over = tuple(a % n for a in over)
    wrong = [a for a in over if x.shape[a] not in (1, None)]
    if wrong:
        raise ValueError(f"tf.squeeze: axes {wrong} of shape {tuple(x.shape)} are not of size 1.")
    kept = [length for a, length in enumerate(ops.shape(x)) if a not in over]
    return ops.reshape(x, tuple(kept))


@operation("tf.zeros")
def _full(shape: Any, value: Any, dtype: str) -> Any:
    sizes = ints(shape)
    if isinstance(sizes, tuple):
        return ops.full(sizes, value, dtype=dtype)
    return ops.broadcast_to(tensor(value, dtype), sizes)


def zeros(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """`tf.zeros`."""
    return _full(known(shape), 0, as_name(dtype))


def ones(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """`tf.ones`."""
    return _full(known(shape), 1, as_name(dtype))


@operation("tf.fill")
def _fill(dims: Any, value: Any) -> Any:
    value = tensor(value)
    return ops.ones(ints(dims), dtype=dtype_of(value)) * value


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """`tf.fill`."""
    return _fill(known(dims), value)


@operation("tf.zeros_like")
def zeros_like(
    tensor: Any,
    dtype: Any = None,
    name: str | None = None,
    optimize: bool = True,
    input: Any = None,
) -> Any:
    """`tf.zeros_like`."""
    x = _tensor(either(tensor, input, "tensor and input"))
    return ops.zeros_like(x, dtype=as_name(dtype or dtype_of(x)))


@operation("tf.ones_like")
def ones_like(
    tensor: Any,
    dtype: Any = None,
    name: str | None = None,
    optimize: bool = True,
    input: Any = None,
) -> Any:
    """`tf.ones_like`."""
    x = _tensor(either(tensor, input, "tensor and input"))
    return ops.ones_like(x, dtype=as_name(dtype or dtype_of(x)))


_tensor = tensor


@operation("tf.range")
def range_(
    start: Any,
    limit: Any = None,
    delta: Any = 1,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.range`: of int32, unless a float or a dtype says otherwise."""
    if limit is None:
        start, limit = 0, start
    ends = []
    for end in (start, limit, delta):
        found = None if isinstance(end, (int, float)) else static(end)
        if found is None:
            ends.append(end)
            continue
        if dtype is None and is_tensor(end):
            dtype = dtype_of(end)
        ends.append(found.item())
    if dtype is None:
        dtype = "float32" if any(isinstance(end, float) for end in ends) else "int32"
    return ops.arange(*ends, dtype=as_name(dtype))


@operation("tf.linspace")
def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Any:
    """`tf.linspace`."""
    start, stop = same(start, stop)
    return ops.linspace(start, stop, size(num), dtype=dtype_of(start))


@operation("tf.eye")
def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = "float32",
    name: str | None = None,
) -> Any:
    """`tf.eye`, repeated over `batch_shape`."""
    rows = size(num_rows)
    columns = rows if num_columns is None else size(num_columns)
    if isinstance(rows, int) and isinstance(columns, int):
        found = ops.eye(rows, columns, dtype=as_name(dtype))
    else:  # TensorFlow, where it knows no size
        found = ops.expand_dims(ops.arange(rows), 1) == ops.expand_dims(ops.arange(columns), 0)
        found = ops.cast(found, as_name(dtype))
    return (
        found
        if batch_shape is None
        else ops.broadcast_to(found, (*ints(batch_shape), rows, columns))
    )


@operation("tf.convert_to_tensor")
def convert_to_tensor(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    dtype_hint: Any = None,
) -> Any:
    """`tf.convert_to_tensor`: Python's floats become float32, its ints int32."""
    return tensor(value, dtype)


@operation("tf.stop_gradient")
def stop_gradient(input: Any, name: str | None = None) -> Any:
    """`tf.stop_gradient`."""
    return ops.stop_gradient(tensor(input))


@operation("tf.broadcast_to")
def _broadcast_to(input: Any, shape: Any) -> Any:
    return ops.broadcast_to(tensor(input), ints(shape))


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Any:
    """`tf.broadcast_to`."""
    return _broadcast_to(input, known(shape))


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """`tf.broadcast_static_shape`."""
    return Shape(np.broadcast_shapes(ints(shape_x), ints(shape_y)))


@operation("tf.broadcast_dynamic_shape")
def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """`tf.broadcast_dynamic_shape`."""
    x, y = ints(shape_x), ints(shape_y)
    n = max(len(x), len(y))
    x, y = (1,) * (n - len(x)) + tuple(x), (1,) * (n - len(y)) + tuple(y)
    if all(isinstance(length, int) for length in x + y):
        return Shape(np.broadcast_shapes(x, y))
    return Shape(b if isinstance(a, int) and a == 1 else a for a, b in zip(x, y, strict=True))


@operation("tf.ensure_shape")
def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """`tf.ensure_shape`: the tensor, if it has that shape."""
    x = tensor(x)
    fits = len(x.shape) == len(shape) and all(
        a is None or b is None or int(a) == int(b) for a, b in zip(x.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"Shape {tuple(x.shape)} is not compatible with {tuple(shape)}.")
    return x


@operation("tf.is_tensor")
def is_tensor_(x: Any) -> bool:
    """`tf.is_tensor`."""
    return is_tensor(x)


class _AnyTensor(type):
    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, (Deferred, keras.KerasTensor)) or is_tensor(x)


class Tensor(metaclass=_AnyTensor):
    """`tf.Tensor`: every tensor of the backend is one; for `isinstance` and annotations."""
