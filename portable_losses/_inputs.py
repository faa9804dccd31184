"""What every loss and metric does first with what it is given: the one wording of errors.

Shapes, dtypes and settings are always checked. Tensor values are checked where they can be seen
(outside of a trace, on the CPU); inside a trace a class id out of range makes that sample NaN.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend
from portable_losses._typing import ArrayLike, Tensor

NARROW = ("bool", "int8", "uint8", "int16", "uint16")
REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


# Tensors ------------------------------------------------------------------------------------


def is_float(x: Tensor) -> bool:
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype))


def as_float(x: ArrayLike) -> tuple[Tensor, str]:
    """`x` in float32 or wider, and the dtype a result should go back to."""
    x = ops.convert_to_tensor(x)
    if not is_float(x):
        x = ops.cast(x, keras.config.floatx())
    dtype = keras.backend.standardize_dtype(x.dtype)
    if dtype in ("float16", "bfloat16"):
        x = ops.cast(x, "float32")
    return x, dtype


def as_pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Tensor, Tensor, str]:
    """Both in one floating dtype and one shape, and the dtype a result should go back to.

    Targets `(N,)` match predictions `(N, 1)` and the other way round; nothing else is broadcast.
    """
    y_pred, dtype = as_float(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    y_true = align_rank(y_true, y_pred)
    require_same_shape(y_true, y_pred)
    return y_true, y_pred, dtype


def align_rank(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Add or drop the trailing axis of length 1 by which targets and predictions often differ."""
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if len(true) + 1 == len(pred) and pred[-1] == 1:
        return ops.expand_dims(y_true, -1)
    if len(true) == len(pred) + 1 and true[-1] == 1:
        return ops.squeeze(y_true, -1)
    return y_true


def require_same_shape(y_true: Tensor, y_pred: Tensor) -> None:
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    pairs = zip(true, pred, strict=False)
    if len(true) == len(pred) and all(t == p or None in (t, p) for t, p in pairs):
        return
    hint = ""
    if len(pred) >= 2 and true in (pred[:-1], (*pred[:-1], 1)):
        hint = (
            f" If `y_true` holds class ids, one-hot encode them "
            f"(keras.ops.one_hot(y_true, {pred[-1]})) or use a loss that takes ids, such as "
            "`sparse_categorical_crossentropy`."
        )
    raise ValueError(
        "`y_true` and `y_pred` must have the same shape; they are never broadcast. "
        f"Received: y_true.shape={true}, y_pred.shape={pred}.{hint}"
    )


def require_same_batch(y_true: Tensor, y_pred: Tensor) -> None:
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if true[:1] != pred[:1] and None not in (*true[:1], *pred[:1]):
        raise ValueError(
            "There must be one label per sample. Received: "
            f"y_true.shape={true}, y_pred.shape={pred}."
        )


def as_labels(y_true: ArrayLike) -> Tensor:
    """`y_true`, wide enough to be compared with any number of classes: 256 is no uint8."""
    y_true = ops.convert_to_tensor(y_true)
    dtype = keras.backend.standardize_dtype(y_true.dtype)
    return ops.cast(y_true, "int32") if dtype in NARROW else y_true


def as_class_ids(y_true: ArrayLike, num_classes: int) -> tuple[Tensor, Tensor]:
    """Class ids `(N,)` as int32 within range, and a mask that tells which were valid.

    Takes ids `(N,)` or `(N, 1)`, integer or float (3.0 is class 3), or one-hot rows
    `(N, num_classes)`, of which the largest entry counts. Ids go through no float on the way, so
    large ones keep apart. Where values can be seen, a fraction or an id out of range is an error.
    With `num_classes=1` a column `(N, 1)` is one of ids.
    """
    y_true = as_labels(y_true)
    shape = tuple(y_true.shape)
    if len(shape) == 2 and shape[1] == num_classes and num_classes > 1:
        ids = ops.cast(ops.argmax(y_true, axis=-1), "int32")
        return ids, ops.ones_like(ids, dtype="bool")
    if len(shape) == 2 and shape[1] == 1:
        y_true = ops.squeeze(y_true, -1)
    elif len(shape) != 1:
        raise ValueError(
            "Labels must be class ids of shape (N,) or (N, 1), or one-hot rows of shape "
            f"(N, {num_classes}). Received: y_true.shape={shape}."
        )
    values = _backend.concrete(y_true)
    if values is not None:
        _require_class_ids(values, num_classes)
    low = ops.cast(0, y_true.dtype)
    valid = ops.logical_and(y_true >= low, y_true < ops.cast(num_classes, y_true.dtype))
    if is_float(y_true):
        valid = ops.logical_and(valid, ops.equal(y_true, ops.floor(y_true)))
    ids = ops.cast(ops.where(valid, y_true, ops.zeros_like(y_true)), "int32")
    return ids, valid


def _require_class_ids(values: np.ndarray, num_classes: int) -> None:
    fractions = values[values != np.floor(values)] if values.dtype.kind == "f" else values[:0]
    if fractions.size:
        raise ValueError(
            f"Class ids must be whole numbers. Received: {float(fractions[0])} in y_true."
        )
    wrong = values[(values < 0) | (values >= num_classes)]
    if wrong.size:
        raise ValueError(
            f"Class ids must lie in [0, {num_classes}) for num_classes={num_classes}. "
            f"Received: {int(wrong[0])} in y_true."
        )


def poison(values: Tensor, valid: Tensor) -> Tensor:
    """NaN where a traced class id was out of range: no number that could be mistaken for a loss."""
    # Not `full_like`, which on PyTorch reads a value that is not there while Keras 3.6 builds.
    return ops.where(valid, values, math.nan)


# Settings -----------------------------------------------------------------------------------


def require_reduction(reduction: Any) -> Any:
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"`reduction` must be one of {REDUCTIONS}. Received: reduction={reduction!r}. "
            "The old 'auto' is 'sum_over_batch_size'."
        )
    return reduction


def require_between(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise ValueError(
            f"`{name}` must lie strictly between {low} and {high}. Received: {name}={value!r}."
        )


def require_within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(
            f"`{name}` must lie in [{low}, {high}], ends included. Received: {name}={value!r}."
        )


def require_at_least(name: str, value: float, low: float) -> None:
    if not value >= low:
        raise ValueError(f"`{name}` must be at least {low}. Received: {name}={value!r}.")


def require_above(name: str, value: float, low: float) -> None:
    if ops.is_tensor(value):  # trained, within bounds of its own
        return
    if not value > low:
        raise ValueError(f"`{name}` must be greater than {low}. Received: {name}={value!r}.")


def require_count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}.")
    return int(value)


def require_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {tuple(choices)}. Received: {name}={value!r}.")
