"""Sums over axes: `tf.reduce_sum`, `tf.argmax`, `tf.cumsum`, with TF's dtypes and TF1's names."""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from .._dispatch import operation
from .._k_inputs import reduced_axes
from .._k_math import one_by_one
from ._dtypes import as_name
from ._math import absolute, safe_sqrt
from ._tensors import axes as _axes
from ._tensors import dtype_of, either, is_floating, of_sizes, size, tensor
from ._tensors import tensor as _tensor


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Σx in the dtype of `x`: small integers wrap, as in TF."""
    return ops.cast(ops.sum(x, axis=axis, keepdims=keepdims), dtype_of(x))


def count(x: Any, axis: Any = None) -> Any:
    """How many entries one sum over `axis` adds up: an int, or a tensor on TensorFlow."""
    sizes = ops.shape(x)
    over = range(len(sizes)) if axis is None else (axis,) if isinstance(axis, int) else axis
    found = 1
    for a in over:
        found = found * sizes[a]
    return found


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Σx / n; of integers, towards 0. (`ops.mean` would compute float64 in float32.)"""
    summed, n = total(x, axis, keepdims), count(x, axis)
    if ops.is_tensor(n):
        n = ops.cast(n, dtype_of(x))
    if is_floating(x):
        return summed / n
    down = ops.floor_divide(ops.abs(summed), n)
    return ops.cast(ops.where(summed < 0, -down, down), dtype_of(x))


def variance(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return mean(ops.square(x - mean(x, axis, True)), axis, keepdims)


def log_sum_exp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log Σ eˣ, finite in gradient where all are -inf."""
    top = ops.stop_gradient(ops.amax(x, axis=axis, keepdims=True))
    top = ops.where(ops.isfinite(top), top, ops.zeros_like(top))
    found = ops.log(ops.sum(ops.exp(x - top), axis=axis, keepdims=True)) + top
    return found if keepdims else ops.squeeze(found, axis=axis if axis is not None else None)


def euclidean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return safe_sqrt(total(ops.square(x), axis, keepdims))


def _over_axes(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Of `ops.prod` and its like, in the dtype that came."""

    def reduce(x: Any, axis: Any, keepdims: bool) -> Any:
        function = compute if axis is None else one_by_one(compute)
        return ops.cast(function(x, axis=axis, keepdims=keepdims), dtype_of(x))

    return reduce


def _reduction(name: str, compute: Callable[..., Any], kind: str = "numbers") -> Callable[..., Any]:
    old_name = name

    def reduce(x: Any, axis: Any, keepdims: bool) -> Any:
        x = tensor(x)
        if (dtype_of(x) == "bool") != (kind == "bool"):
            raise TypeError(
                f"tf.{old_name} takes {kind}. Received: {dtype_of(x)}. Cast first: "
                f"tf.cast(x, {'tf.bool' if kind == 'bool' else 'tf.float32'})."
            )
        if axis == () or len(x.shape) == 0:
            return x if kind != "floats" else compute(ops.expand_dims(x, -1), -1, False)
        # All axes by their names where they are kept: else Keras drops them on PyTorch.
        return compute(x, reduced_axes(axis, x) if keepdims else axis, keepdims)

    @operation(f"tf.{name}")
    def function(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Any:
        over = _axes(axis, reduction_indices)
        keep = bool(either(keepdims, keep_dims, "keepdims and keep_dims", False))
        if old_name in _OF_SIZES and over in (None, 0, -1, (0,), (-1,)) and not keep:
            whole = _OF_SIZES[old_name]
            found = of_sizes(lambda n: whole(n if isinstance(n, list) else [n]), input_tensor)
            if found is not None:
                return found
        return reduce(input_tensor, over, keep)

    function.__name__ = name
    function.__doc__ = f"`tf.{name}`, with TF1's `keep_dims` and `reduction_indices` too."
    return function


# Of a shape, they give a size: `tf.reduce_prod(tf.shape(x)[1:])`.
_OF_SIZES: dict[str, Any] = {
    "reduce_sum": sum,
    "reduce_prod": math.prod,
    "reduce_max": max,
    "reduce_min": min,
}


reduce_sum = _reduction("reduce_sum", total)
reduce_mean = _reduction("reduce_mean", mean)
reduce_max = _reduction("reduce_max", lambda x, a, k: ops.amax(x, axis=a, keepdims=k))
reduce_min = _reduction("reduce_min", lambda x, a, k: ops.amin(x, axis=a, keepdims=k))
reduce_prod = _reduction("reduce_prod", _over_axes(ops.prod))
reduce_all = _reduction("reduce_all", _over_axes(ops.all), "bool")
reduce_any = _reduction("reduce_any", _over_axes(ops.any), "bool")
reduce_logsumexp = _reduction("reduce_logsumexp", log_sum_exp, "floats")
reduce_variance = _reduction("reduce_variance", variance, "floats")
reduce_std = _reduction("reduce_std", lambda x, a, k: safe_sqrt(variance(x, a, k)), "floats")
reduce_euclidean_norm = _reduction("reduce_euclidean_norm", euclidean, "floats")


@operation("tf.count_nonzero")
def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = "int64",
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
    input: Any = None,
) -> Any:
    """`tf.count_nonzero`."""
    x = tensor(either(input_tensor, input, "input_tensor and input"))
    keep = bool(either(keepdims, keep_dims, "keepdims and keep_dims", False))
    found = ops.cast(ops.not_equal(x, ops.zeros_like(x)), as_name(dtype))
    over = _axes(axis, reduction_indices)
    return found if over == () else total(found, reduced_axes(over, x) if keep else over, keep)


def _arg(name: str, compute: Callable[..., Any]) -> Callable[..., Any]:
    @operation(f"tf.{name}")
    def function(
        input: Any,
        axis: Any = None,
        name: Any = None,
        dimension: Any = None,
        output_type: Any = None,
    ) -> Any:
        if output_type is None and name is not None and type(name) is not str:
            output_type = name  # TF2's third argument
        over = either(axis, dimension, "axis and dimension", 0)
        found = compute(tensor(input), axis=_axes(over))
        return ops.cast(found, as_name(output_type or "int64"))

    function.__name__ = name
    function.__doc__ = f"`tf.{name}`: over axis 0 unless another is given; the first of equals."
    return function


argmax, argmin = _arg("argmax", ops.argmax), _arg("argmin", ops.argmin)


def arg_max(input: Any, dimension: Any, output_type: Any = "int64", name: Any = None) -> Any:
    """`tf.arg_max`, the older `tf.argmax`."""
    return argmax(input, axis=dimension, output_type=output_type)


def arg_min(input: Any, dimension: Any, output_type: Any = "int64", name: Any = None) -> Any:
    """`tf.arg_min`, the older `tf.argmin`."""
    return argmin(input, axis=dimension, output_type=output_type)


def _running(name: str, compute: Callable[..., Any], start: int) -> Callable[..., Any]:
    def run(x: Any, axis: int, exclusive: bool, reverse: bool) -> Any:
        x = tensor(x)
        axis = axis % len(x.shape)
        if reverse:
            x = ops.flip(x, axis=axis)
        if exclusive:
            sizes = ops.shape(x)
            before = [slice(None)] * axis
            first = ops.full_like(x[(*before, slice(0, 1))], start)
            x = ops.concatenate([first, x[(*before, slice(0, sizes[axis] - 1))]], axis=axis)
        found = ops.cast(compute(x, axis=axis), dtype_of(x))
        return ops.flip(found, axis=axis) if reverse else found

    @operation(f"tf.{name}")
    def function(
        x: Any,
        axis: Any = 0,
        exclusive: bool = False,
        reverse: bool = False,
        name: str | None = None,
    ) -> Any:
        return run(x, size(axis), exclusive, reverse)

    function.__name__ = name
    function.__doc__ = f"`tf.{name}`: along axis 0 unless another is given."
    return function


cumsum, cumprod = _running("cumsum", ops.cumsum, 0), _running("cumprod", ops.cumprod, 1)


@operation("tf.nn.moments")
def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: Any = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> Any:
    """`tf.nn.moments`: mean and variance."""
    if isinstance(name, bool):
        keepdims = name  # TF2's fourth argument
    keep = bool(either(keepdims, keep_dims, "keepdims and keep_dims", False))
    x, over = tensor(x), _axes(axes)
    wide = ops.cast(x, "float32") if dtype_of(x) == "float16" else x
    found = mean(wide, over, keep), variance(wide, over, keep)
    return tuple(ops.cast(value, dtype_of(x)) for value in found)


def _norm(x: Any, order: Any, axis: Any, keepdims: bool) -> Any:
    if order in ("euclidean", "fro") or (order == 2 and not isinstance(axis, tuple)):
        return euclidean(x, axis, keepdims)
    size = absolute(x)
    if isinstance(axis, tuple):
        if order not in (1, float("inf")):
            raise ValueError(
                "tf.norm of matrices: `ord` must be 'fro', 'euclidean', 1 or inf. Received: "
                f"{order}. The spectral norm is the largest of tf.linalg.svd(x, compute_uv=False)."
            )
        rows, columns = axis if order == 1 else axis[::-1]
        summed = ops.sum(size, axis=rows, keepdims=True)
        found = ops.amax(summed, axis=columns, keepdims=True)
        return found if keepdims else ops.squeeze(found, axis=axis)
    if order == float("inf"):
        return ops.amax(size, axis=axis, keepdims=keepdims)
    if order == 1:
        return ops.sum(size, axis=axis, keepdims=keepdims)
    summed = ops.sum(ops.power(size, order), axis=axis, keepdims=keepdims)
    return ops.power(summed, 1.0 / order)


@operation("tf.norm")
def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Any:
    """`tf.norm`: of all entries unless an axis is given. At 0 the gradient is 0, TF's is NaN."""
    keep = bool(either(keepdims, keep_dims, "keepdims and keep_dims", False))
    x, over = _tensor(tensor), _axes(axis)
    if over is None:  # a vector of all entries, whatever the rank
        found = _norm(ops.reshape(x, [-1]), ord, 0, False)
        return ops.reshape(found, [1] * len(x.shape)) if keep else found
    return _norm(x, ord, over, keep)
