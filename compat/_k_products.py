"""The old `keras.backend`: products, convolutions, pooling and normalisation.

Convolutions are computed with channels last, whatever the format, as Keras 2 did on a CPU: not
every backend has the other one there.
"""

from typing import Any

import numpy as np
from keras import ops

from . import _k_images as images
from . import _k_math as math
from . import _k_shapes as shapes
from ._k_inputs import (
    cast,
    data_format_of,
    dtype_of,
    floating,
    like,
    numbers,
    operation,
    pair,
    tensor,
)

PADDINGS = ("valid", "same")


# Products -----------------------------------------------------------------------------------


@operation("K.dot")
def dot(x: Any, y: Any) -> Any:
    """Sum over the last axis of `x` and the last but one of `y`: (2, 3) with (4, 3, 5) is
    (2, 4, 5). Both have two axes or more."""
    x, y = pair(shapes.to_dense(x), shapes.to_dense(y))
    if len(x.shape) < 2 or len(y.shape) < 2:
        raise ValueError(
            "`K.dot` takes tensors of rank 2 or more. Received shapes: "
            f"{tuple(x.shape)}, {tuple(y.shape)}. Use `K.sum(x * y)` for vectors."
        )
    if len(x.shape) == len(y.shape) == 2:
        return ops.matmul(x, y)
    left, right = ops.shape(x), ops.shape(y)
    y = ops.moveaxis(y, -2, 0)
    product = ops.matmul(ops.reshape(x, (-1, left[-1])), ops.reshape(y, (right[-2], -1)))
    return ops.reshape(product, (*left[:-1], *right[:-2], *right[-1:]))


def _batch_axes(x: Any, y: Any, axes: Any) -> tuple[int, int]:
    left, right = tuple(x.shape), tuple(y.shape)
    told = f"Received: x.shape={left}, y.shape={right}, axes={axes!r}."
    if len(left) < 2 or len(right) < 2:
        raise ValueError(f"`K.batch_dot` takes tensors of rank 2 or more. {told}")
    if left[0] != right[0] and None not in (left[0], right[0]):
        raise ValueError(f"`K.batch_dot` takes two batches of one size. {told}")
    if axes is None:
        axes = (len(left) - 1, len(right) - (1 if len(right) == 2 else 2))
    a, b = (axes, axes) if isinstance(axes, int) else axes
    if not isinstance(a, int) or not isinstance(b, int):
        raise ValueError(f"`axes` must be None, an integer or a pair of integers. {told}")
    a, b = a + len(left) * (a < 0), b + len(right) * (b < 0)
    if 0 in (a, b):
        raise ValueError(f"`K.batch_dot` does not sum over the batch; use `K.dot`. {told}")
    if left[a] != right[b] and None not in (left[a], right[b]):
        raise ValueError(f"`K.batch_dot` sums over axes of one size. {told}")
    return a, b


@operation("K.batch_dot")
def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """For each sample, the sum over an axis of `x` and one of `y`: by default the last of `x`, and
    of `y` the last but one, or of rank 2 the last. Two of rank 2 give (N, 1)."""
    x, y = pair(x, y)
    a, b = _batch_axes(x, y, axes)
    left, right = len(x.shape), len(y.shape)
    x = ops.moveaxis(x, a, -1)
    y = ops.moveaxis(y, b, 1)
    outer, inner, trailing = ops.shape(x)[:-1], ops.shape(x)[-1], ops.shape(y)[2:]
    rows = ops.reshape(x, (outer[0], -1, inner)) if left != 3 else x
    columns = ops.reshape(y, (outer[0], inner, -1)) if right != 3 else y
    product = ops.matmul(rows, columns)
    if left == right == 2:
        return ops.reshape(product, (outer[0], 1))
    return ops.reshape(product, (*outer, *trailing))


@operation("K.bias_add")
def bias_add(x: Any, bias: Any, data_format: Any = None) -> Any:
    """A bias for each channel, or of one rank less than `x` for each entry of a sample."""
    x = tensor(x)
    bias = like(bias, x)
    rank, own = len(x.shape), len(bias.shape)
    first = data_format_of(data_format) == "channels_first"
    if own not in (1, rank - 1):
        raise ValueError(
            f"`bias` must have 1 or {rank - 1} axes. Received: x.shape={tuple(x.shape)}, "
            f"bias.shape={tuple(bias.shape)}."
        )
    if own == 1:
        return x + (ops.reshape(bias, (-1, *[1] * (rank - 2))) if first else bias)
    size = tuple(bias.shape)
    return x + ops.reshape(bias, (1, size[-1], *size[:-1]) if first else (1, *size))


# Convolutions -------------------------------------------------------------------------------


def _last(x: Any, data_format: Any) -> tuple[Any, bool]:
    """`x` with channels last, and whether it had them first."""
    x = floating(x)
    first = data_format_of(data_format) == "channels_first"
    return (ops.moveaxis(x, 1, -1) if first else x), first


def _back(x: Any, first: bool) -> Any:
    return ops.moveaxis(x, -1, 1) if first else x


def _padding_of(padding: Any) -> str:
    if padding not in PADDINGS:
        raise ValueError(f"`padding` must be one of {PADDINGS}. Received: {padding!r}.")
    return str(padding)


def _conv(x: Any, kernel: Any, strides: Any, padding: Any, data_format: Any, dilation: Any) -> Any:
    x, first = _last(x, data_format)
    n = len(x.shape) - 2
    found = ops.conv(
        x,
        like(kernel, x),
        strides=numbers(strides, n, "strides"),
        padding=_padding_of(padding),
        data_format="channels_last",
        dilation_rate=numbers(dilation, n, "dilation_rate"),
    )
    return _back(found, first)


@operation("K.conv1d")
def conv1d(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """The kernel is (width, channels in, channels out). `padding` may be "causal" too, with
    channels last."""
    if padding == "causal":
        if data_format_of(data_format) == "channels_first":
            raise ValueError(
                'padding="causal" pads the channels if they are first, in Keras 2 too: move them '
                "last with `K.permute_dimensions`."
            )
        before = numbers(dilation_rate, 1, "dilation_rate")[0] * (kernel.shape[0] - 1)
        x, padding = images.temporal_padding(x, (before, 0)), "valid"
    return _conv(x, kernel, strides, padding, data_format, dilation_rate)


@operation("K.conv2d")
def conv2d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """The kernel is (height, width, channels in, channels out)."""
    return _conv(x, kernel, strides, padding, data_format, dilation_rate)


@operation("K.conv3d")
def conv3d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1, 1),
) -> Any:
    """The kernel is (depth, height, width, channels in, channels out)."""
    return _conv(x, kernel, strides, padding, data_format, dilation_rate)


def _conv_transpose(
    x: Any, kernel: Any, output_shape: Any, strides: Any, padding: Any, data_format: Any, rate: Any
) -> Any:
    """The gradient of a convolution by its input of `output_shape`: all that the kernel reaches,
    less what the convolution would have padded."""
    x, first = _last(x, data_format)
    n = len(x.shape) - 2
    same = _padding_of(padding) == "same"
    strides, rate = numbers(strides, n, "strides"), numbers(rate, n, "dilation_rate")
    wanted = tuple(output_shape)[2:] if first else tuple(output_shape)[1:-1]
    kernel = like(kernel, x)
    whole = ops.conv_transpose(
        x,
        kernel,
        strides=strides,
        padding="valid",
        data_format="channels_last",
        dilation_rate=rate,
    )
    for axis, (out, stride, step) in enumerate(zip(wanted, strides, rate, strict=True), 1):
        entries = ops.shape(x)[axis]
        reach = (entries - 1) * stride + (kernel.shape[axis - 1] - 1) * step + 1
        if same and not ops.is_tensor(entries):
            start = max(reach - int(out), 0) // 2
        else:
            start = math.maximum(reach - out, 0) // 2 if same else 0
        length = whole.shape[axis]
        missing = 0 if length is None else max(start + int(out) - length, 0)
        pads = [(0, missing if a == axis else 0) for a in range(n + 2)]
        whole = ops.pad(whole, pads) if missing else whole
        key = [slice(None)] * axis + [slice(start, start + out)]
        whole = whole[tuple(key)]
    return _back(whole, first)


@operation("K.conv2d_transpose")
def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """The kernel is (height, width, channels out, channels in). Of `output_shape` only height and
    width count."""
    if tuple(dilation_rate) != (1, 1):
        strides = (1, 1)  # as it was: strides do not count when there is a dilation
    return _conv_transpose(x, kernel, output_shape, strides, padding, data_format, dilation_rate)


@operation("K.conv3d_transpose")
def conv3d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: Any = None,
) -> Any:
    """The kernel is (depth, height, width, channels out, channels in)."""
    return _conv_transpose(x, kernel, output_shape, strides, padding, data_format, 1)


@operation("K.depthwise_conv2d")
def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """The kernel is (height, width, channels in, multiplier)."""
    x, first = _last(x, data_format)
    found = ops.depthwise_conv(
        x,
        like(depthwise_kernel, x),
        strides=numbers(strides, 2, "strides"),
        padding=_padding_of(padding),
        data_format="channels_last",
        dilation_rate=numbers(dilation_rate, 2, "dilation_rate"),
    )
    return _back(found, first)


@operation("K.separable_conv2d")
def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """`depthwise_conv2d`, then a `conv2d` with a kernel (1, 1, channels, channels out)."""
    x, first = _last(x, data_format)
    x = depthwise_conv2d(x, depthwise_kernel, strides, padding, "channels_last", dilation_rate)
    return _back(conv2d(x, pointwise_kernel, data_format="channels_last"), first)


@operation("K.separable_conv1d")
def separable_conv1d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """As `separable_conv2d`, kernels (width, channels in, multiplier) and (1, channels, channels
    out)."""
    x, first = _last(x, data_format)
    (stride,), (rate,) = numbers(strides, 1, "strides"), numbers(dilation_rate, 1, "dilation_rate")
    kernels = (ops.expand_dims(tensor(k), 0) for k in (depthwise_kernel, pointwise_kernel))
    x = separable_conv2d(
        ops.expand_dims(x, 1), *kernels, (stride, stride), padding, "channels_last", (1, rate)
    )
    return _back(ops.squeeze(x, 1), first)


def _pool(
    x: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any, mode: str, n: int
) -> Any:
    x, first = _last(x, data_format)
    if mode not in ("max", "avg"):
        raise ValueError(f"`pool_mode` must be 'max' or 'avg'. Received: {mode!r}.")
    pool_size, strides = numbers(pool_size, n, "pool_size"), numbers(strides, n, "strides")
    told = {"padding": _padding_of(padding), "data_format": "channels_last"}
    if mode == "max":
        return _back(ops.max_pool(x, pool_size, strides, **told), first)
    inner = x.shape[1:-1]
    if padding == "valid" or None in inner:
        return _back(ops.average_pool(x, pool_size, strides, **told), first)
    # What is padded does not count in the average; Keras on PyTorch would pad and count it.
    pads = [(0, 0)]
    for size, window, stride in zip(inner, pool_size, strides, strict=True):
        missing = max((-(-size // stride) - 1) * stride + window - size, 0)
        pads.append((missing // 2, missing - missing // 2))
    pads.append((0, 0))
    told["padding"] = "valid"
    found, counted = (
        ops.average_pool(ops.pad(v, pads), pool_size, strides, **told)
        for v in (x, ops.ones_like(x[:1]))
    )
    return _back(found / counted, first)


@operation("K.pool2d")
def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    pool_mode: str = "max",
) -> Any:
    """The strides are 1 unless they are said; an average leaves out what "same" pads."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode, 2)


@operation("K.pool3d")
def pool3d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: Any = None,
    pool_mode: str = "max",
) -> Any:
    return _pool(x, pool_size, strides, padding, data_format, pool_mode, 3)


def _local_conv(
    inputs: Any, kernel: Any, kernel_size: Any, strides: Any, output_shape: Any, data_format: Any
) -> Any:
    x, first = _last(inputs, data_format)
    kernel, n = like(kernel, x), len(x.shape) - 2
    kernel_size, strides = numbers(kernel_size, n, "kernel_size"), numbers(strides, n, "strides")
    for axis, (out, size, stride) in enumerate(
        zip(output_shape, kernel_size, strides, strict=True)
    ):
        index = np.arange(out)[:, None] * stride + np.arange(size)
        flat = ops.take(x, tensor(index.reshape(-1), "int32"), axis=1 + 2 * axis)
        shape = ops.shape(flat)
        at = 1 + 2 * axis
        x = ops.reshape(flat, (*shape[:at], out, size, *shape[at + 1 :]))
    # (N, out, size, out, size, ..., C) -> (positions, N, features): of a kernel's features, the
    # channels are the first axis where they are first in the data.
    outs, inner = [1 + 2 * a for a in range(n)], [2 + 2 * a for a in range(n)]
    channel = 2 * n + 1
    x = ops.transpose(x, (*outs, 0, *([channel, *inner] if first else [*inner, channel])))
    x = ops.reshape(x, (int(np.prod(output_shape)), -1, kernel.shape[1]))
    x = ops.reshape(ops.matmul(x, kernel), (*output_shape, -1, kernel.shape[2]))
    return ops.transpose(x, (n, n + 1, *range(n)) if first else (n, *range(n), n + 1))


@operation("K.local_conv1d")
def local_conv1d(
    inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: Any = None
) -> Any:
    """A convolution with a kernel for each position: (positions, width × channels in, out)."""
    return _local_conv(inputs, kernel, kernel_size, strides, (kernel.shape[0],), data_format)


@operation("K.local_conv2d")
def local_conv2d(
    inputs: Any,
    kernel: Any,
    kernel_size: Any,
    strides: Any,
    output_shape: Any,
    data_format: Any = None,
) -> Any:
    """As `local_conv1d`; `output_shape` is (height, width), its product the number of kernels."""
    shape = numbers(output_shape, 2, "output_shape")
    return _local_conv(inputs, kernel, kernel_size, strides, shape, data_format)


# Normalisation ------------------------------------------------------------------------------


def _normalized(x: Any, mean: Any, var: Any, beta: Any, gamma: Any, epsilon: float) -> Any:
    scale = ops.rsqrt(var + epsilon)
    scale = scale if gamma is None else scale * like(gamma, x)
    return x * scale + ((0 if beta is None else like(beta, x)) - mean * scale)


@operation("K.batch_normalization")
def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """(x − mean) / √(var + ε) · gamma + beta. For data of rank 4, `axis` is that of the channels
    and there is no gradient by mean and var; else the statistics are broadcast as they are."""
    x = floating(x)
    mean, var = like(mean, x), like(var, x)
    if len(x.shape) != 4:
        return _normalized(x, mean, var, beta, gamma, epsilon)
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    # The fused operation had no gradient by the statistics.
    mean, var = ops.stop_gradient(mean), ops.stop_gradient(var)
    mean, var, beta, gamma = (
        None if v is None else ops.reshape(like(v, x), shape) for v in (mean, var, beta, gamma)
    )
    return _normalized(x, mean, var, beta, gamma, epsilon)


@operation("K.normalize_batch_in_training")
def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Any, epsilon: float = 1e-3
) -> Any:
    """The normalised batch, its mean and its variance. Of data of rank 4 over the axes [0, 1, 2]
    the variance that comes back is that of a sample, divided by n − 1, as of the fused operation.
    """
    x = floating(x)
    axes = tuple(reduction_axes)
    mean, var = math.mean(x, axes, True), math.var(x, axes, True)
    shape = [1 if a in axes else -1 for a in range(len(x.shape))]
    if shape.count(-1) > 1:
        shape = [1 if a in axes else n for a, n in enumerate(ops.shape(x))]
    gamma, beta = (None if v is None else ops.reshape(like(v, x), shape) for v in (gamma, beta))
    fused = list(axes) == [0, 1, 2] and len(x.shape) == 4
    normed = _normalized(x, mean, var, beta, gamma, epsilon)
    mean, var = (ops.squeeze(v, axis=axes) for v in (mean, var))
    if fused:
        size = ops.shape(x)
        count = cast(tensor(size[0] * size[1] * size[2]), dtype_of(x))
        var = var * count / ops.maximum(count - 1, 1)
    return normed, mean, var
