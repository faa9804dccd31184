"""Cross-entropies."""

from typing import Any

from keras import ops

from portable_losses._inputs import as_class_ids, as_float, as_pair, poison
from portable_losses._numerics import log, log_softmax
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def categorical_crossentropy(y_true: ArrayLike, y_pred: ArrayLike, *, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1) -> Tensor:
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    logs = log_softmax(y_pred, axis=axis) if from_logits else log(y_pred)
    return ops.cast(-ops.sum(y_true * logs, axis=axis), dtype)


@register
def sparse_categorical_crossentropy(y_true: ArrayLike, y_pred: ArrayLike, *, from_logits: bool = False) -> Tensor:
    y_pred, dtype = as_float(y_pred)
    ids, valid = as_class_ids(y_true, y_pred.shape[-1])
    logs = log_softmax(y_pred) if from_logits else log(y_pred)
    picked = ops.take_along_axis(logs, ops.expand_dims(ids, -1), axis=-1)[..., 0]
    return ops.cast(poison(-picked, valid), dtype)
