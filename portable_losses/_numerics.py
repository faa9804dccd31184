"""Arithmetic whose value and gradient are finite, and the same on every backend.

Backends agree on smooth functions. They differ at kinks and singular points: the gradient of
`abs` at 0 is 1 on JAX and 0 elsewhere, that of `maximum(x, 0)` is 1/2 or 1, that of `norm` at a
zero vector is NaN or 0. Each function below states the identity it rests on and what it gives at
such a point. A mask must guard the *argument* of a singular function as well as its result: the
gradient of the branch not taken is multiplied by 0, and `0 * inf` is NaN.

`amax`, not `max`: on PyTorch the latter stops `torch.compile(fullgraph=True)`.
"""

import math

import keras
from keras import ops

from portable_losses import _backend
from portable_losses._typing import Tensor


def where(mask: Tensor, x: Tensor, otherwise: float = 0.0) -> Tensor:
    """`x` where the mask holds, and a number elsewhere, whatever `x` is there: gradient 0."""
    return _backend.where(mask, x, otherwise)


def indicator(mask: Tensor, like: Tensor) -> Tensor:
    """1 where the mask holds and 0 elsewhere, in the dtype of `like`."""
    return _backend.indicator(mask, keras.backend.standardize_dtype(like.dtype))


def absolute(x: Tensor) -> Tensor:
    """|x| = x · sign(x), the sign held constant: gradient 0 at 0."""
    return x * ops.stop_gradient(ops.sign(x))


def positive_part(x: Tensor) -> Tensor:
    """max(x, 0): gradient 0 at 0."""
    return ops.relu(x)


def clip(x: Tensor, low: float, high: float) -> Tensor:
    """x held to [low, high]: gradient 1 within and at both ends, 0 outside."""
    return ops.where(x < low, ops.full_like(x, low), ops.where(x > high, ops.full_like(x, high), x))


def sqrt(x: Tensor) -> Tensor:
    """√x for x > 0; value 0 and gradient 0 at 0 and below."""
    positive = x > 0
    return where(positive, ops.sqrt(where(positive, x, 1.0)))


def _largest(x: Tensor, axis: int) -> Tensor:
    """max |x|, or 1 for a zero vector; held constant."""
    largest = ops.stop_gradient(ops.amax(ops.abs(x), axis=axis, keepdims=True))
    return where(largest > 0, largest, 1.0)


def norm(x: Tensor, axis: int = -1, keepdims: bool = False) -> Tensor:
    """Euclidean norm; value 0 and gradient 0 at a zero vector.

    √Σx² = m·√Σ(x/m)² with m = max |x|: squares neither overflow nor underflow.
    """
    scale = _largest(x, axis)
    root = scale * sqrt(ops.sum(ops.square(x / scale), axis=axis, keepdims=True))
    return root if keepdims else ops.squeeze(root, axis=axis)


def divide(x: Tensor, y: Tensor) -> Tensor:
    """x / y; value 0 and gradient 0 where y is 0."""
    nonzero = ops.not_equal(y, 0)
    return where(nonzero, x / where(nonzero, y, 1.0))


def log(x: Tensor) -> Tensor:
    """log max(x, ε), ε = `keras.config.epsilon()`: gradient 1/x from ε on, and 0 below."""
    return ops.log(clip(x, keras.config.epsilon(), float("inf")))


def log_probability(p: Tensor) -> Tensor:
    """log p with p held to [ε, 1], ε = `keras.config.epsilon()`: gradient 1/p from ε to 1, both
    included, and 0 outside. Its values lie in [log ε, 0]."""
    return ops.log(clip(p, keras.config.epsilon(), 1.0))


def normalize(x: Tensor, axis: int = -1) -> Tensor:
    """x / ‖x‖; a zero vector stays zero, with gradient 0.

    x / ‖x‖ = (x/m) / ‖x/m‖ with m = max |x|: nothing is divided by a square that underflows.
    """
    x = x / _largest(x, axis)
    return divide(x, norm(x, axis=axis, keepdims=True))


def largest_of(x: Tensor, mask: Tensor, axis: int) -> Tensor:
    """The largest `x` where `mask` holds, or 0 where it holds nowhere; held constant."""
    held = where(mask, ops.stop_gradient(x), -math.inf)
    largest = ops.amax(held, axis=axis, keepdims=True)
    return where(largest > -math.inf, largest)


def exp_where(mask: Tensor, x: Tensor) -> Tensor:
    """e^x where `mask` holds, and 0 elsewhere. Not as e^−∞, for which a CPU takes its time."""
    return where(mask, ops.exp(where(mask, x)))


def softmax(x: Tensor, mask: Tensor, axis: int = -1) -> Tensor:
    """exp(x − m) / Σ exp(x − m) over the entries where `mask` holds, m = max x held constant; 0 at
    the others."""
    each = exp_where(mask, x - largest_of(x, mask, axis))
    total = ops.sum(each, axis=axis, keepdims=True)
    return each / where(total > 0, total, 1.0)


def log_softmax(x: Tensor, axis: int = -1, mask: Tensor | None = None) -> Tensor:
    """log softmax x = x − m − log Σ exp(x − m), m = max x held constant. With a mask: over the
    entries where it holds, and 0 at the others."""
    if mask is None:
        shifted = x - ops.stop_gradient(ops.amax(x, axis=axis, keepdims=True))
        return shifted - ops.log(ops.sum(ops.exp(shifted), axis=axis, keepdims=True))
    shifted = where(mask, x - largest_of(x, mask, axis))
    total = ops.sum(where(mask, ops.exp(shifted)), axis=axis, keepdims=True)
    return where(mask, shifted - ops.log(where(total > 0, total, 1.0)))


def log1p_sum_exp(x: Tensor, mask: Tensor, axis: int = -1) -> Tensor:
    """log(1 + Σ exp x) = m + log(exp(−m) + Σ exp(x − m)) over the entries where `mask` holds,
    m = max(0, max x) held constant; 0 where it holds nowhere."""
    largest = ops.relu(largest_of(x, mask, axis))
    total = ops.sum(exp_where(mask, x - largest), axis=axis, keepdims=True)
    return ops.squeeze(largest + ops.log(ops.exp(-largest) + total), axis=axis)


def log_sum_exp(x: Tensor, mask: Tensor, axis: int = -1, keepdims: bool = False) -> Tensor:
    """log Σ exp x = m + log Σ exp(x − m) over the entries where `mask` holds, m = max x held
    constant; 0 where it holds nowhere."""
    largest = largest_of(x, mask, axis)
    total = ops.sum(exp_where(mask, x - largest), axis=axis, keepdims=True)
    found = largest + ops.log(where(total > 0, total, 1.0))
    return found if keepdims else ops.squeeze(found, axis=axis)


def mean(x: Tensor, axis: int | tuple[int, ...] | None = -1, keepdims: bool = False) -> Tensor:
    """Σx / n. `ops.mean` computes float64 in float32 on JAX and PyTorch (Keras 3.15)."""
    shape = ops.shape(x)
    # By their names: without, `ops.sum` drops axes that it is to keep, on PyTorch.
    axes = tuple(range(len(shape))) if axis is None else (axis,) if isinstance(axis, int) else axis
    count = 1
    for a in axes:
        count = count * shape[a]
    if ops.is_tensor(count):  # TensorFlow, where it does not know the size
        count = ops.cast(count, x.dtype)
    return ops.sum(x, axis=axes, keepdims=keepdims) / count


def running_sums(x: Tensor) -> Tensor:
    """x_1, x_1 + x_2, … along the last axis of a matrix, by a product: for axes of some hundred.
    `ops.cumsum` computes float64 in float32 on PyTorch (Keras 3.15)."""
    places = ops.arange(x.shape[-1], dtype="int32")
    upper = ops.expand_dims(places, 1) <= ops.expand_dims(places, 0)
    return x @ ops.cast(upper, x.dtype)


def masked_mean(x: Tensor, mask: Tensor, axis: int | None = None) -> Tensor:
    """Mean of `x` where `mask` holds; 0 where it holds nowhere. `where` and not a product with
    the mask, since 0 · NaN is NaN."""
    count = ops.sum(indicator(mask, x), axis=axis)
    return divide(ops.sum(where(mask, x), axis=axis), count)
