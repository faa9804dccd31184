"""The loss functions of Keras 2 by all of their names. Most are Keras 3's; where its numbers
differ, they are written here."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from ._shapes import expand_column

LONG = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "bce": "binary_crossentropy",
    "cosine_proximity": "cosine_similarity",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
}
ALIASES = {**LONG, **{short.upper(): name for short, name in LONG.items() if len(short) < 5}}


def _floats(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_pred = ops.convert_to_tensor(y_pred)
    return ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype), y_pred


def _entropies(y_true: Any, y_pred: Any, from_logits: bool) -> Any:
    """Binary cross-entropy of each entry. Keras 2 adds epsilon within the logarithm and clips
    before; Keras 3 clips alone, which gives 16.1 where this gives 15.4."""
    if from_logits:
        softplus = ops.log1p(ops.exp(-ops.abs(y_pred)))
        return ops.maximum(y_pred, 0) - y_pred * y_true + softplus
    epsilon = keras.config.epsilon()
    dtype = keras.backend.standardize_dtype(y_pred.dtype)
    high = np.asarray(1 - epsilon, "float32" if dtype == "bfloat16" else dtype)
    p = ops.clip(y_pred, epsilon, 1 - epsilon)
    # 1 - p, clipped by itself: of 1 - p + epsilon compilers make (1 + epsilon) - p, which is 1 - p.
    q = ops.clip(1 - y_pred, float(1 - high), 1 - epsilon)
    return -(y_true * ops.log(p + epsilon) + (1 - y_true) * ops.log(q + epsilon))


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Binary cross-entropy with Keras 2's epsilon, averaged over `axis`."""
    y_true, y_pred = _floats(y_true, y_pred)
    y_true = expand_column(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    return ops.mean(_entropies(y_true, y_pred, from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Binary focal cross-entropy with Keras 2's epsilon, averaged over `axis`."""
    y_true, y_pred = _floats(y_true, y_pred)
    y_true = expand_column(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    right = y_true * p + (1 - y_true) * (1 - p)
    values = ops.power(1 - right, gamma) * _entropies(y_true, p, False)
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return ops.mean(values, axis=axis)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine, with Keras 2's 1e-12 below the root."""
    y_true, y_pred = _floats(y_true, y_pred)

    def unit(x: Any) -> Any:
        return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis, keepdims=True), 1e-12))

    return -ops.sum(unit(y_true) * unit(y_pred), axis=axis)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Huber's loss, averaged over the last axis."""
    y_true, y_pred = _floats(y_true, y_pred)
    return keras.losses.huber(y_true, y_pred, delta=delta)


SAME = (
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "hinge",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
)
OURS = (binary_crossentropy, binary_focal_crossentropy, cosine_similarity, huber)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(keras.losses, name) for name in SAME},
    **{
        function.__name__: keras.saving.register_keras_serializable(
            "portable_losses.compat.keras2"
        )(function)
        for function in OURS
    },
}
