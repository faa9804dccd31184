"""The old `keras.backend`: padding and resizing of images and volumes."""

from typing import Any

import numpy as np
from keras import ops

from ._k_inputs import cast, data_format_of, operation, tensor


@operation("K.temporal_padding")
def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Zeros before and after the time steps of (N, T, D)."""
    if len(padding) != 2:
        raise ValueError(f"`padding` must be (before, after). Received: {padding!r}.")
    return ops.pad(tensor(x), ((0, 0), tuple(padding), (0, 0)))


def _spatial_padding(x: Any, padding: Any, data_format: Any, count: int) -> Any:
    if len(padding) != count or any(len(pair) != 2 for pair in padding):
        raise ValueError(
            f"`padding` must have {count} pairs (before, after). Received: {padding!r}."
        )
    inner = tuple(tuple(pair) for pair in padding)
    if data_format_of(data_format) == "channels_first":
        return ops.pad(tensor(x), ((0, 0), (0, 0), *inner))
    return ops.pad(tensor(x), ((0, 0), *inner, (0, 0)))


@operation("K.spatial_2d_padding")
def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: Any = None) -> Any:
    return _spatial_padding(x, padding, data_format, 2)


@operation("K.spatial_3d_padding")
def spatial_3d_padding(
    x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: Any = None
) -> Any:
    return _spatial_padding(x, padding, data_format, 3)


@operation("K.resize_images")
def resize_images(
    x: Any,
    height_factor: int,
    width_factor: int,
    data_format: Any,
    interpolation: str = "nearest",
) -> Any:
    """Larger by whole factors. But for "nearest", the result is float32."""
    x = tensor(x)
    first = data_format_of(data_format) == "channels_first"
    factors = (int(height_factor), int(width_factor))
    axes = (2, 3) if first else (1, 2)
    if interpolation == "nearest" or interpolation == "area":
        for axis, factor in zip(axes, factors, strict=True):
            x = ops.repeat(x, factor, axis=axis)
        return x if interpolation == "nearest" else cast(x, "float32")
    x = cast(x, "float32")
    for axis, factor in zip(axes, factors, strict=True):
        size = x.shape[axis]
        if size is None:
            raise ValueError(
                f"interpolation={interpolation!r} needs images of a size that is known. "
                f"Received: {tuple(x.shape)}."
            )
        weights = tensor(_resizing(size, factor, interpolation))
        x = ops.moveaxis(ops.tensordot(x, weights, axes=[[axis], [1]]), -1, axis)
    return x


def _resizing(size: int, factor: int, interpolation: str) -> np.ndarray:
    """The share of each old pixel in each new one, `(size * factor, size)`."""
    if interpolation not in _INTERPOLATIONS:
        known = ("nearest", "area", *_INTERPOLATIONS)
        raise ValueError(f"`interpolation` must be one of {known}. Received: {interpolation!r}.")
    radius, function = _INTERPOLATIONS[interpolation]
    centers = (np.arange(size * factor) + 0.5) / factor - 0.5
    if interpolation == "bicubic":  # TensorFlow looks its weights up in a table of this width
        whole = np.floor(centers)
        centers = whole + np.rint((centers - whole) * 1024) / 1024
    weights = np.zeros((size * factor, size))
    for row, center in enumerate(centers):
        reach = np.arange(np.ceil(center - radius), np.floor(center + radius) + 1)
        share = function(np.abs(reach - center))
        inside = (reach >= 0) & (reach < size)
        if interpolation == "bilinear":  # what lies outside is the pixel at the edge
            np.add.at(weights[row], np.clip(reach, 0, size - 1).astype(int), share)
        else:
            weights[row, reach[inside].astype(int)] = share[inside] / share[inside].sum()
    return weights.astype("float32")


def _cubic(b: float, c: float) -> Any:
    """The cubic filters of Mitchell and Netravali."""

    def share(x: np.ndarray) -> np.ndarray:
        near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + (6 - 2 * b)
        far = (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x
        return np.where(x < 1, near, np.where(x < 2, far + 8 * b + 24 * c, 0)) / 6

    return share


def _lanczos(radius: int) -> Any:
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)


_INTERPOLATIONS: dict[str, tuple[float, Any]] = {
    "bilinear": (1, lambda x: np.maximum(1 - x, 0)),
    "bicubic": (2, _cubic(0, 0.5)),
    "mitchellcubic": (2, _cubic(1 / 3, 1 / 3)),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, lambda x: np.where(x < 1.5, np.exp(-2 * x**2), 0)),
}


@operation("K.resize_volumes")
def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: Any
) -> Any:
    """Entries repeated along depth, height and width."""
    x = tensor(x)
    start = 2 if data_format_of(data_format) == "channels_first" else 1
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), start):
        x = ops.repeat(x, factor, axis=axis)
    return x
