"""`tf.image`: the measures of images that losses are made of. Images are (..., H, W, C)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from .._dispatch import operation
from ._arrays import pad
from ._dtypes import DTYPES, as_name
from ._math import absolute, convert
from ._reductions import mean, total
from ._tensors import dtype_of, is_floating, same, tensor
from ._windows import filtered

# Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", 2003.
MSSSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@operation("tf.image.convert_image_dtype")
def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Any:
    """`tf.image.convert_image_dtype`, to floats in [0, 1] and among floats."""
    x = tensor(image)
    if is_floating(x):
        if "float" not in as_name(dtype):
            raise ValueError("tf.image.convert_image_dtype: only to a float dtype.")
        return ops.cast(x, as_name(dtype))
    return ops.cast(x, as_name(dtype)) / DTYPES[dtype_of(x)].max


def _as_floats(images: Any, most: Any) -> tuple[Any, Any]:
    """Images and the largest value, as TF scales them: integers to [0, 1]."""
    x = tensor(images)
    if is_floating(x):
        return x, most
    top = DTYPES[dtype_of(x)].max
    return convert(x, "float32") / top, most / top


@operation("tf.image.psnr")
def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Any:
    """`tf.image.psnr`: 20 log₁₀ max − 10 log₁₀ of the mean squared error of each image."""
    (x, most), (y, _) = _as_floats(a, max_val), _as_floats(b, max_val)
    x, y = same(x, y)
    error = mean(ops.square(x - y), (-3, -2, -1))
    return 20 * np.log10(most).item() - ops.log(error) * (10 / np.log(10).item())


def _gaussian(size: int, sigma: float) -> np.ndarray:
    at = np.arange(size) - (size - 1) / 2
    line = -0.5 * np.square(at) / sigma**2
    weights = np.exp(line[:, None] + line[None, :])
    return weights / weights.sum()


def _similarity(
    x: Any, y: Any, most: Any, kernel: np.ndarray, k1: float, k2: float
) -> tuple[Any, Any]:
    """SSIM and its contrast-structure part, one of each for a channel."""
    c1, c2 = (k1 * most) ** 2, (k2 * most) ** 2
    mean_x, mean_y = filtered(x, kernel), filtered(y, kernel)
    twice = mean_x * mean_y * 2.0
    squares = ops.square(mean_x) + ops.square(mean_y)
    luminance = (twice + c1) / (squares + c1)
    both = filtered(x * y, kernel) * 2.0
    powers = filtered(ops.square(x) + ops.square(y), kernel)
    contrast = (both - twice + c2) / (powers - squares + c2)
    return mean(luminance * contrast, (-3, -2)), mean(contrast, (-3, -2))


def _as_batch(images: Any, most: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    x, most = _as_floats(images, most)
    if len(x.shape) < 3:
        raise ValueError(f"Images must be (..., H, W, C). Received: shape {tuple(x.shape)}.")
    sizes = tuple(ops.shape(x))
    return ops.reshape(x, (-1, *sizes[-3:])), most, sizes[:-3]


@operation("tf.image.ssim")
def ssim(
    img1: Any,
    img2: Any,
    max_val: Any,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Any:
    """`tf.image.ssim`: structural similarity of each pair of images."""
    (x, most, lead), (y, _, _) = _as_batch(img1, max_val), _as_batch(img2, max_val)
    if min(x.shape[1:3]) < filter_size:
        raise ValueError(f"tf.image.ssim: images are smaller than the filter, {filter_size}.")
    found, _ = _similarity(x, y, most, _gaussian(filter_size, filter_sigma), k1, k2)
    return ops.reshape(mean(found, -1), lead)


@operation("tf.image.ssim_multiscale")
def ssim_multiscale(
    img1: Any,
    img2: Any,
    max_val: Any,
    power_factors: Sequence[float] = MSSSIM_WEIGHTS,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Any:
    """`tf.image.ssim_multiscale`: at each scale, images are halved and negative parts cut to 0. The
    gradient of a part that is 0 is 0, where TF's is NaN."""
    (x, most, lead), (y, _, _) = _as_batch(img1, max_val), _as_batch(img2, max_val)
    kernel, parts = _gaussian(filter_size, filter_sigma), []
    for scale in range(len(power_factors)):
        if scale:
            x, y = _halved(x), _halved(y)
        if min(x.shape[1:3]) < filter_size:
            raise ValueError(
                f"tf.image.ssim_multiscale: at scale {scale} images are smaller than the filter, "
                f"{filter_size}. Give fewer power_factors or a smaller filter."
            )
        whole, contrast = _similarity(x, y, most, kernel, k1, k2)
        parts.append(ops.relu(whole if scale == len(power_factors) - 1 else contrast))
    found = 1.0
    for part, weight in zip(parts, power_factors, strict=True):
        positive = part > 0
        power = ops.power(ops.where(positive, part, ops.ones_like(part)), weight)
        found = ops.where(positive, power, ops.zeros_like(part)) * found
    return ops.reshape(mean(found, -1), lead)


def _halved(x: Any) -> Any:
    """Means of 2 x 2; an odd edge is repeated."""
    h, w = x.shape[1:3]
    if h % 2:
        x = ops.concatenate([x, x[:, -1:]], axis=1)
    if w % 2:
        x = ops.concatenate([x, x[:, :, -1:]], axis=2)
    return ops.average_pool(x, 2, strides=2, padding="valid", data_format="channels_last")


@operation("tf.image.sobel_edges")
def sobel_edges(image: Any) -> Any:
    """`tf.image.sobel_edges`: (N, H, W, C, 2), the slopes downwards and to the right."""
    x = pad(tensor(image), [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], "float32")
    return ops.stack([filtered(x, down), filtered(x, down.T)], axis=-1)


@operation("tf.image.image_gradients")
def image_gradients(image: Any) -> Any:
    """`tf.image.image_gradients`: differences to the next row and the next column, 0 at the end."""
    x = tensor(image)
    down, right = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    down = ops.pad(down, [(0, 0), (0, 1), (0, 0), (0, 0)])
    return down, ops.pad(right, [(0, 0), (0, 0), (0, 1), (0, 0)])


@operation("tf.image.total_variation")
def total_variation(images: Any, name: str | None = None) -> Any:
    """`tf.image.total_variation`: Σ of absolute differences of neighbours, for each image."""
    x = tensor(images)
    if len(x.shape) not in (3, 4):
        raise ValueError("tf.image.total_variation takes (H, W, C) or (N, H, W, C).")
    over = (-3, -2, -1)
    down = absolute(x[..., 1:, :, :] - x[..., :-1, :, :])
    right = absolute(x[..., :, 1:, :] - x[..., :, :-1, :])
    return total(down, over) + total(right, over)


@operation("tf.image.rgb_to_grayscale")
def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """`tf.image.rgb_to_grayscale`."""
    x = tensor(images)
    if not is_floating(x):
        raise ValueError("tf.image.rgb_to_grayscale: cast the image to floats first.")
    weights = ops.cast(
        ops.convert_to_tensor(np.array([0.2989, 0.587, 0.114], "float32")), dtype_of(x)
    )
    return total(x * weights, -1, True)
