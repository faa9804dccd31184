"""The old `keras.backend`: arithmetic, comparisons and reductions.

Values are those of Keras 2.15, and so are gradients at kinks: `maximum` gives all of it to `x` in a
tie, `clip` passes it at its ends, `max` shares it among those that tie.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ._k_inputs import (
    Shape,
    axes_of,
    cast,
    dtype_name,
    dtype_of,
    floating,
    is_float,
    operation,
    pair,
    reduced_axes,
    tensor,
)

NARROW = {
    "bool": "int32",
    "int8": "int32",
    "int16": "int32",
    "uint8": "int32",
    "uint16": "int32",
    "float16": "float32",
    "bfloat16": "float32",
}


# Entry by entry -----------------------------------------------------------------------------


@operation("K.square")
def square(x: Any) -> Any:
    x = tensor(x)
    return x * x


@operation("K.abs")
def abs(x: Any) -> Any:
    """|x|; gradient 0 at 0."""
    x = tensor(x)
    return x * ops.stop_gradient(ops.sign(x)) if is_float(x) else ops.abs(x)


@operation("K.sqrt")
def sqrt(x: Any) -> Any:
    """√max(x, 0): 0, with gradient 0, for negative numbers; at 0 the gradient is infinite."""
    return ops.sqrt(maximum(floating(x), 0.0))


@operation("K.exp")
def exp(x: Any) -> Any:
    return ops.exp(floating(x))


@operation("K.log")
def log(x: Any) -> Any:
    return ops.log(floating(x))


@operation("K.round")
def round(x: Any) -> Any:
    """To the nearest integer, halves to the even one."""
    x = tensor(x)
    return ops.round(x) if is_float(x) else x


@operation("K.sign")
def sign(x: Any) -> Any:
    x = tensor(x)
    return ops.where(x != x, x, ops.sign(x))  # of NaN, PyTorch has 0


@operation("K.sin")
def sin(x: Any) -> Any:
    return ops.sin(floating(x))


@operation("K.cos")
def cos(x: Any) -> Any:
    return ops.cos(floating(x))


@operation("K.pow")
def pow(x: Any, a: Any) -> Any:
    x, a = pair(x, a)
    return cast(ops.power(x, a), dtype_of(x))


@operation("K.maximum")
def maximum(x: Any, y: Any) -> Any:
    x, y = pair(x, y)
    return ops.where(ops.logical_or(x < y, y != y), y, x)


@operation("K.minimum")
def minimum(x: Any, y: Any) -> Any:
    x, y = pair(x, y)
    return ops.where(ops.logical_or(x > y, y != y), y, x)


@operation("K.clip")
def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """`x` held to [min_value, max_value]; None is no bound; a lower bound above the upper one is
    the value everywhere."""
    x = tensor(x)
    low = None if min_value is None else pair(x, min_value)[1]
    high = None if max_value is None else pair(x, max_value)[1]
    if low is not None and high is not None:
        high = maximum(high, low)
    held = x
    if high is not None:
        held = ops.where(x > high, high, held)
    if low is not None:
        held = ops.where(x < low, low, held)
    return held


@operation("K.equal")
def equal(x: Any, y: Any) -> Any:
    return ops.equal(*pair(x, y))


@operation("K.not_equal")
def not_equal(x: Any, y: Any) -> Any:
    return ops.not_equal(*pair(x, y))


@operation("K.greater")
def greater(x: Any, y: Any) -> Any:
    return ops.greater(*pair(x, y))


@operation("K.greater_equal")
def greater_equal(x: Any, y: Any) -> Any:
    return ops.greater_equal(*pair(x, y))


@operation("K.less")
def less(x: Any, y: Any) -> Any:
    return ops.less(*pair(x, y))


@operation("K.less_equal")
def less_equal(x: Any, y: Any) -> Any:
    return ops.less_equal(*pair(x, y))


# Over axes ----------------------------------------------------------------------------------


def _reduced(function: Callable[..., Any], x: Any, axis: Any, keepdims: bool) -> Any:
    """In a wider dtype and back: unsigned and small integers wrap, as they did."""
    x = tensor(x)
    axis = reduced_axes(axis, x)
    if axis == ():
        return x
    dtype = dtype_of(x)
    wide = function(cast(x, NARROW.get(dtype, dtype)), axis=axis, keepdims=keepdims)
    return cast(wide, "int32" if dtype == "bool" else dtype)


def one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """Over one axis after the other, the last first: over several, Keras on PyTorch cannot
    everywhere."""

    def over(x: Any, axis: Any, keepdims: bool) -> Any:
        rank = len(x.shape)
        for a in sorted({a % rank for a in ((axis,) if isinstance(axis, int) else axis)})[::-1]:
            x = function(x, axis=a, keepdims=keepdims)
        return x

    return over


def _count(x: Any, axis: Any) -> Any:
    """How many entries of `x` go into one of a reduction; a tensor if TensorFlow does not know."""
    shape = ops.shape(x)
    count = 1
    for a in (axis,) if isinstance(axis, int) else axis:
        count = count * shape[a]
    return count


def _mean(x: Any, axis: Any, keepdims: bool) -> Any:
    """`ops.mean` computes float64 in float32 on JAX and PyTorch, and integers in floats."""
    if axis == ():
        return x
    count = tensor(_count(x, axis))
    return ops.sum(x, axis=axis, keepdims=keepdims) / cast(count, dtype_of(x))


@operation("K.sum")
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """In the dtype of `x`, so that small and unsigned integers wrap."""
    return _reduced(ops.sum, x, axis, keepdims)


@operation("K.prod")
def _prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _reduced(one_by_one(ops.prod), x, axis, keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """In the dtype of `x`; of sizes from `K.shape`, a number that `K.reshape` takes."""
    if isinstance(x, Shape) and axis in (None, 0) and not keepdims:
        size = 1
        for n in x:
            size = size * n
        return size
    return _prod(x, axis, keepdims)


@operation("K.max")
def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = tensor(x)
    axis = reduced_axes(axis, x)
    return x if axis == () else ops.amax(x, axis=axis, keepdims=keepdims)


@operation("K.min")
def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = tensor(x)
    axis = reduced_axes(axis, x)
    return x if axis == () else ops.amin(x, axis=axis, keepdims=keepdims)


@operation("K.mean")
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Of integers an integer, cut towards zero; of booleans floatx."""
    x = tensor(x)
    axis = reduced_axes(axis, x)
    dtype = dtype_of(x)
    if dtype == "bool":
        dtype = keras.config.floatx()
        x = cast(x, dtype)
    if keras.backend.is_int_dtype(dtype):
        if axis == ():
            return x
        total = ops.sum(cast(x, "int64"), axis=axis, keepdims=keepdims)
        count = cast(tensor(_count(x, axis)), dtype_of(total))
        down = ops.floor_divide(ops.abs(total), count)
        return cast(ops.where(total < 0, -down, down), dtype)
    return cast(_mean(cast(x, NARROW.get(dtype, dtype)), axis, keepdims), dtype)


@operation("K.var")
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Of the whole population: divided by n."""
    x = floating(x)
    axis = reduced_axes(axis, x)
    dtype = dtype_of(x)
    x = cast(x, NARROW.get(dtype, dtype))
    deviation = x - _mean(x, axis, keepdims=True)
    return cast(_mean(deviation * deviation, axis, keepdims), dtype)


@operation("K.std")
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """√`var`: where that is 0 the gradient is NaN, as it was."""
    return ops.sqrt(var(x, axis, keepdims))


@operation("K.moments")
def moments(x: Any, axes: Any, keep_dims: bool = False, keepdims: bool | None = None) -> Any:
    """Mean and variance, a pair."""
    keepdims = keep_dims if keepdims is None else keepdims
    x = floating(x)
    return mean(x, axes, keepdims), var(x, axes, keepdims)


@operation("K.logsumexp")
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log Σ eˣ, the largest x taken out and held constant."""
    x = floating(x)
    axis = reduced_axes(axis, x)
    if axis == ():
        return x
    largest = ops.stop_gradient(ops.amax(x, axis=axis, keepdims=True))
    largest = ops.where(ops.isfinite(largest), largest, ops.zeros_like(largest))
    total = ops.log(ops.sum(ops.exp(x - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else ops.squeeze(total, axis=axis)


@operation("K.any")
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = cast(tensor(x), "bool")
    axis = reduced_axes(axis, x)
    return one_by_one(ops.any)(x, axis, keepdims)


@operation("K.all")
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = cast(tensor(x), "bool")
    axis = reduced_axes(axis, x)
    return one_by_one(ops.all)(x, axis, keepdims)


@operation("K.argmax")
def argmax(x: Any, axis: int = -1) -> Any:
    """int64 (int32 on JAX): the first of the largest."""
    return cast(ops.argmax(tensor(x), axis=axes_of(axis)), "int64")


@operation("K.argmin")
def argmin(x: Any, axis: int = -1) -> Any:
    """int64 (int32 on JAX): the first of the smallest."""
    return cast(ops.argmin(tensor(x), axis=axes_of(axis)), "int64")


@operation("K.cumsum")
def cumsum(x: Any, axis: int = 0) -> Any:
    x = tensor(x)
    return cast(ops.cumsum(x, axis=axes_of(axis)), dtype_of(x))


@operation("K.cumprod")
def cumprod(x: Any, axis: int = 0) -> Any:
    x = tensor(x)
    return cast(ops.cumprod(x, axis=axes_of(axis)), dtype_of(x))


@operation("K.cast")
def _cast(x: Any, dtype: Any) -> Any:
    return cast(tensor(x), dtype)


def cast_to(x: Any, dtype: Any) -> Any:
    """`x` in a dtype, by its name or as an object of NumPy, Keras or TensorFlow."""
    return _cast(x, dtype_name(dtype))
