"""Convolution, pooling and patches: `tf.nn.conv2d`, `tf.nn.max_pool`, and others."""

from typing import Any

import numpy as np
from keras import ops

from .._dispatch import operation
from ._tensors import dtype_of, either, ints, same, tensor


def _format(data_format: str | None) -> str:
    """Keras' name for a layout of TF's."""
    return "channels_first" if data_format and data_format[1] == "C" else "channels_last"


def _of_space(sizes: Any, layout: str, what: str) -> tuple[int, ...]:
    """The two sizes of [1, a, b, 1], of (a, b), or of one number."""
    if sizes is None:
        return (1, 1)
    given = [sizes] if isinstance(sizes, int) else list(ints(sizes))
    if len(given) == 1:
        given *= 2
    if len(given) == 4:
        space = given[2:] if layout == "channels_first" else given[1:3]
        if sum(given) - sum(space) != 2:
            raise ValueError(f"{what} must be 1 for samples and channels. Received: {sizes}.")
        given = space
    return tuple(given)


def _padded(x: Any, padding: Any, layout: str) -> tuple[Any, str]:
    """An explicit padding is applied at once."""
    if isinstance(padding, str):
        return x, padding.lower()
    return ops.pad(x, [tuple(int(n) for n in pair) for pair in padding]), "valid"


@operation("tf.nn.conv2d")
def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """`tf.nn.conv2d`."""
    x, kernel = same(input, either(filter, filters, "filter and filters"))
    layout = _format(data_format)
    x, padding = _padded(x, padding, layout)
    return ops.conv(
        x,
        kernel,
        strides=_of_space(strides, layout, "strides"),
        padding=padding,
        data_format=layout,
        dilation_rate=_of_space(dilations, layout, "dilations"),
    )


@operation("tf.nn.depthwise_conv2d")
def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.depthwise_conv2d`."""
    x, kernel = same(input, filter)
    layout = _format(data_format)
    x, padding = _padded(x, padding, layout)
    return ops.depthwise_conv(
        x,
        kernel,
        strides=_of_space(strides, layout, "strides"),
        padding=padding,
        data_format=layout,
        dilation_rate=_of_space(either(rate, dilations, "rate and dilations"), layout, "rate"),
    )


@operation("tf.nn.max_pool")
def max_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """`tf.nn.max_pool`, of images."""
    x, layout = tensor(either(value, input, "value and input")), _format(data_format)
    return ops.max_pool(
        x,
        _of_space(ksize, layout, "ksize"),
        strides=_of_space(strides, layout, "strides"),
        padding=padding.lower(),
        data_format=layout,
    )


@operation("tf.nn.avg_pool")
def avg_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """`tf.nn.avg_pool`, of images: at the border, the mean of what lies within."""
    x, layout = tensor(either(value, input, "value and input")), _format(data_format)
    return ops.average_pool(
        x,
        _of_space(ksize, layout, "ksize"),
        strides=_of_space(strides, layout, "strides"),
        padding=padding.lower(),
        data_format=layout,
    )


@operation("tf.image.extract_image_patches")
def extract_patches(
    images: Any,
    ksizes: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = None,
    name: str | None = None,
    sizes: Any = None,
) -> Any:
    """`tf.image.extract_image_patches`, TF2's `extract_patches`: windows of (N, H, W, C) images,
    row by row in the last axis, channels innermost."""
    x = tensor(images)
    layout = "channels_last"
    height, width = _of_space(either(ksizes, sizes, "ksizes and sizes"), layout, "ksizes")
    down, right = _of_space(strides, layout, "strides")
    reach, spread = _of_space(rates, layout, "rates")
    h, w = x.shape[1:3]
    if h is None or w is None:
        raise ValueError("tf.image.extract_patches: height and width of the images must be known.")
    if padding.upper() == "SAME":
        before = []
        for n, k, step, rate in ((h, height, down, reach), (w, width, right, spread)):
            missing = max((-(-n // step) - 1) * step + (k - 1) * rate + 1 - n, 0)
            before.append((missing // 2, missing - missing // 2))
        x = ops.pad(x, [(0, 0), *before, (0, 0)])
        h, w = x.shape[1:3]
    rows = np.arange(0, h - (height - 1) * reach, down)
    columns = np.arange(0, w - (width - 1) * spread, right)
    windows = [
        _every(x, rows + i * reach, columns + j * spread)
        for i in range(height)
        for j in range(width)
    ]
    return ops.concatenate(windows, axis=-1)


def _every(x: Any, rows: np.ndarray, columns: np.ndarray) -> Any:
    x = ops.take(x, ops.convert_to_tensor(rows.astype("int32")), axis=1)
    return ops.take(x, ops.convert_to_tensor(columns.astype("int32")), axis=2)


def filtered(x: Any, kernel: np.ndarray) -> Any:
    """Each channel of images (N, H, W, C) through one kernel, without padding."""
    kernels = np.repeat(np.asarray(kernel)[:, :, None, None], int(x.shape[-1]), axis=2)
    kernels = ops.convert_to_tensor(kernels.astype("float32"))
    return ops.depthwise_conv(x, ops.cast(kernels, dtype_of(x)), strides=1, padding="valid")
