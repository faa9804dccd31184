"""The old `keras.backend`: activations and cross-entropies.

`sigmoid` and `softmax` let their result carry the logits, and a cross-entropy of it takes them, as
in Keras 2: it is not clipped then.
"""

import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend

from . import _k_math as math
from ._k_inputs import (
    axes_of,
    cast,
    dtype_of,
    floating,
    is_float,
    like,
    operation,
    reduced_axes,
    tensor,
)


@operation("K.sigmoid")
def sigmoid(x: Any) -> Any:
    x = floating(x)
    output = ops.sigmoid(x)
    _backend.set_logits(output, x)
    return output


@operation("K.softmax")
def softmax(x: Any, axis: Any = -1) -> Any:
    """Over an axis or several; `x` must have two axes or more."""
    x = floating(x)
    if len(x.shape) <= 1:
        raise ValueError(f"`K.softmax` takes tensors of rank 2 or more. Received: {x.shape}.")
    axis = axes_of(axis)
    if isinstance(axis, int):
        output = ops.softmax(x, axis=axis)
    else:
        numerator = ops.exp(x - ops.amax(x, axis=axis, keepdims=True))
        output = numerator / ops.sum(numerator, axis=axis, keepdims=True)
    _backend.set_logits(output, x)
    return output


@operation("K.tanh")
def tanh(x: Any) -> Any:
    return ops.tanh(floating(x))


@operation("K.softplus")
def softplus(x: Any) -> Any:
    return ops.softplus(floating(x))


@operation("K.softsign")
def softsign(x: Any) -> Any:
    return ops.softsign(floating(x))


@operation("K.elu")
def elu(x: Any, alpha: float = 1.0) -> Any:
    x = floating(x)
    negative = ops.expm1(ops.where(x > 0, ops.zeros_like(x), x))
    return ops.where(x > 0, x, negative if alpha == 1 else alpha * negative)


@operation("K.hard_sigmoid")
def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5 held to [0, 1]; Keras 3 has x/6 + 0.5."""
    return math.clip(floating(x) * 0.2 + 0.5, 0.0, 1.0)


@operation("K.relu")
def relu(x: Any, alpha: float = 0.0, max_value: Any = None, threshold: float = 0.0) -> Any:
    """max(x, 0); `alpha` is the slope below, `threshold` where it begins, `max_value` its end."""
    x = tensor(x)
    if alpha != 0.0 and max_value is None and threshold == 0:
        return ops.where(x > 0, x, alpha * x)
    negative = ops.relu(threshold - x) if alpha != 0.0 else None
    if threshold != 0:
        x = x * cast(x > threshold, dtype_of(x))
    elif max_value == 6:  # TF's relu6: no gradient at 6
        x = ops.where(x >= 6, ops.full_like(x, 6), ops.relu(x))
        max_value = None
    else:
        x = ops.relu(x)
    if max_value is not None:
        x = math.clip(x, 0, max_value)
    return x if negative is None else x - alpha * negative


@operation("K.l2_normalize")
def l2_normalize(x: Any, axis: Any = None) -> Any:
    """x / √max(Σ x², 1e-12); without an axis, over the whole tensor."""
    x = floating(x)
    total = ops.sum(x * x, axis=reduced_axes(axis, x), keepdims=True)
    return x * ops.rsqrt(math.maximum(total, 1e-12))


@operation("K.in_top_k")
def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether fewer than `k` entries are larger than that of the target: ties count as hits. False
    where an entry is not finite, or the target out of range."""
    predictions, targets = tensor(predictions), cast(tensor(targets), "int32")
    classes = predictions.shape[-1]
    valid = ops.logical_and(targets >= 0, targets < classes)
    ids = ops.where(valid, targets, ops.zeros_like(targets))
    own = ops.take_along_axis(predictions, ops.expand_dims(ids, 1), axis=1)
    larger = ops.sum(cast(predictions > own, "int32"), axis=1)
    finite = ops.all(ops.isfinite(predictions), axis=1)
    return ops.logical_and(ops.logical_and(larger < k, finite), valid)


# Cross-entropies ----------------------------------------------------------------------------


def _logits_of(output: Any, from_logits: bool, name: str) -> tuple[Any, bool]:
    """The logits, if it is from them that the loss is to be computed."""
    logits = _backend.get_logits(output)
    output = tensor(output)
    if logits is None:
        return output if is_float(output) else floating(output), from_logits
    if from_logits:
        warnings.warn(
            f"`{name}` received from_logits=True, but its output is that of a softmax or sigmoid: "
            "its logits are taken. Leave from_logits out.",
            stacklevel=4,
        )
    return tensor(logits), True


def _clipped(output: Any) -> Any:
    epsilon = keras.config.epsilon()
    return math.clip(output, epsilon, 1.0 - epsilon)


def _same_shape(target: Any, output: Any, name: str) -> None:
    true, pred = tuple(target.shape), tuple(output.shape)
    pairs = zip(true, pred, strict=False)
    if len(true) != len(pred) or any(t != p and None not in (t, p) for t, p in pairs):
        raise ValueError(
            f"`{name}` takes a target and an output of one shape. Received: {true} and {pred}."
        )


@operation("K.binary_crossentropy")
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Entry by entry −t log(p + ε) − (1 − t) log(1 − p + ε) with p held to [ε, 1 − ε]; both ε are
    `K.epsilon()`, where Keras 3 has the second one only."""
    output, from_logits = _logits_of(output, from_logits, "K.binary_crossentropy")
    target = like(target, output)
    if from_logits:
        positive = output >= 0
        zeros = ops.zeros_like(output)
        part = ops.where(positive, output, zeros) - output * target
        return part + ops.log1p(ops.exp(ops.where(positive, -output, output)))
    p, epsilon = _clipped(output), keras.config.epsilon()
    # The relu changes nothing, but keeps XLA from adding 1 and ε first: 1 − p is that small.
    rest = ops.relu(1 - p) + epsilon
    return -(target * ops.log(p + epsilon) + (1 - target) * ops.log(rest))


@operation("K.binary_focal_crossentropy")
def binary_focal_crossentropy(
    target: Any,
    output: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Any:
    bce = binary_crossentropy(target, output, from_logits)
    p = ops.sigmoid(floating(output)) if from_logits else floating(output)
    target = like(target, p)
    hit = target * p + (1 - target) * (1 - p)
    loss = math.pow(1.0 - hit, gamma) * bce
    return (target * alpha + (1 - target) * (1 - alpha)) * loss if apply_class_balancing else loss


def softmax_crossentropy(target: Any, logits: Any, axis: int) -> Any:
    """−Σ t log softmax(x), with the gradient that TensorFlow gives it: softmax(x) − t by x, also
    where t does not sum to 1."""
    shifted = logits - ops.stop_gradient(ops.amax(logits, axis=axis, keepdims=True))
    total = ops.log(ops.sum(ops.exp(shifted), axis=axis))
    rest = (ops.sum(target, axis=axis) - 1) * ops.stop_gradient(total)
    return total - ops.sum(target * shifted, axis=axis) + rest


@operation("K.categorical_crossentropy")
def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """−Σ t log p along the axis, p = output over its sum, held to [ε, 1 − ε]."""
    output, from_logits = _logits_of(output, from_logits, "K.categorical_crossentropy")
    target = like(target, output)
    _same_shape(target, output, "K.categorical_crossentropy")
    if from_logits:
        return softmax_crossentropy(target, output, axis)
    p = _clipped(output / ops.sum(output, axis=axis, keepdims=True))
    return -ops.sum(target * ops.log(p), axis=axis)


@operation("K.categorical_focal_crossentropy")
def categorical_focal_crossentropy(
    target: Any,
    output: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    axis: int = -1,
) -> Any:
    name = "K.categorical_focal_crossentropy"
    output, from_logits = _logits_of(output, from_logits, name)
    target = like(target, output)
    _same_shape(target, output, name)
    if from_logits:
        output = ops.softmax(output, axis=axis)
    p = _clipped(output / ops.sum(output, axis=axis, keepdims=True))
    weight = math.pow(1.0 - p, gamma) * like(alpha, p)
    return ops.sum(-target * ops.log(p) * weight, axis=axis)


@operation("K.sparse_categorical_crossentropy")
def sparse_categorical_crossentropy(
    target: Any,
    output: Any,
    from_logits: bool = False,
    axis: int = -1,
    ignore_class: int | None = None,
) -> Any:
    """−log of the share of the target's class in the clipped output: the clipped probabilities are
    brought to a sum of 1 again, which Keras 3 does not do. 0 where the target is `ignore_class`.

    Raises:
        ValueError: for a class out of range where it can be seen; in a compiled step, NaN.
    """
    output, from_logits = _logits_of(output, from_logits, "K.sparse_categorical_crossentropy")
    target = cast(tensor(target), "int64")
    logits = output if from_logits else ops.log(_clipped(output))
    rank = len(logits.shape)
    logits = logits if axis % rank == rank - 1 else ops.moveaxis(logits, axis, -1)
    shape, classes = ops.shape(logits), logits.shape[-1]
    reshaped = len(target.shape) != rank - 1
    if reshaped:
        target, logits = ops.reshape(target, (-1,)), ops.reshape(logits, (-1, classes))
    counted = None if ignore_class is None else ops.not_equal(target, ignore_class)
    valid = ops.logical_and(target >= 0, target < classes)
    allowed = valid if counted is None else ops.logical_or(valid, ops.logical_not(counted))
    seen = _backend.concrete(allowed)
    if seen is not None and not np.all(seen):
        wrong = _backend.concrete(target)[~seen]
        raise ValueError(
            f"Class ids must lie in [0, {classes}) for an output of {classes} classes. "
            f"Received: {int(wrong.flat[0])} in the target."
        )
    ids = cast(ops.where(valid, target, ops.zeros_like(target)), "int32")
    shifted = logits - ops.stop_gradient(ops.amax(logits, axis=-1, keepdims=True))
    own = ops.squeeze(ops.take_along_axis(shifted, ops.expand_dims(ids, -1), axis=-1), -1)
    loss = ops.log(ops.sum(ops.exp(shifted), axis=-1)) - own
    loss = ops.where(allowed, loss, ops.full_like(loss, float("nan")))
    if counted is not None:
        loss = ops.where(counted, loss, ops.zeros_like(loss))
        loss = ops.reshape(loss, shape[:-1])
        _backend.set_mask(loss, ops.reshape(counted, shape[:-1]))
        return loss
    return ops.reshape(loss, shape[:-1]) if reshaped and rank >= 3 else loss
