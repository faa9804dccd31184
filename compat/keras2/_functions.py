"""The loss functions of Keras 2 by all of their names. Most are Keras 3's; where its numbers
differ, they are written here."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from .. import K
from .._dispatch import operation
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
    return ops.mean(K.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


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
    values = ops.power(1 - right, gamma) * K.binary_crossentropy(y_true, p)
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return ops.mean(values, axis=axis)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine, with Keras 2's 1e-12 below the root."""
    y_true, y_pred = _floats(y_true, y_pred)

    product = K.l2_normalize(y_true, axis=axis) * K.l2_normalize(y_pred, axis=axis)
    return -ops.sum(product, axis=axis)


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


def old(space: str, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function of tensors under its old name, such as `keras.losses.hinge`: it takes KerasTensors
    and nodes of a TF1 graph as well."""
    package = "portable_losses.compat.keras2"
    package = package if space == "losses" else f"{package}.{space}"
    made = operation(f"keras.{space}.{name}")(function)
    made.__name__ = name
    return keras.saving.register_keras_serializable(package)(made)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: old("losses", function, name)
    for name, function in (
        *((name, getattr(keras.losses, name)) for name in SAME),
        *((function.__name__, function) for function in OURS),
    )
}
