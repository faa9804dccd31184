"""How Keras 2 brought targets, predictions and weights to one rank."""

from typing import Any

import keras
from keras import ops


def kind(x: Any) -> str:
    """`"float"`, `"int"` or `"bool"`."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    return "float" if "float" in dtype else "bool" if dtype == "bool" else "int"


def expand_column(y_true: Any, y_pred: Any) -> Any:
    """Targets `(B,)` as `(B, 1)` where predictions are `(B, 1)`: nothing becomes `(B, B)`."""
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    return ops.expand_dims(y_true, -1) if len(true) == 1 and pred[1:] == (1,) else y_true


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """What Keras 2 did before it called a function of its own: a last axis of length 1 goes where
    the other has none. Where it would have dropped the column of predictions, targets get one:
    the same mean, and a value for each sample."""
    y_true = expand_column(y_true, y_pred)
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if len(true) == len(pred) + 1 and true[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    elif len(pred) == len(true) + 1 and pred[-1] == 1 and len(true) > 1:
        y_pred = ops.squeeze(y_pred, -1)
    return y_true, y_pred


def as_compiled(y_true: Any, y_pred: Any) -> Any:
    """What `compile` of Keras 2 did to targets: `(B,)` against predictions `(B, n)` become
    `(B, 1)`; floats take the predictions' dtype, and so do integers if both are."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == 1 and len(y_pred.shape) == 2:
        y_true = ops.expand_dims(y_true, -1)
    if kind(y_true) == kind(y_pred) != "bool":
        y_true = ops.cast(y_true, y_pred.dtype)
    return y_true


def weights_for(values: Any, sample_weight: Any) -> Any:
    """Weights `(B,)` for values `(B, n)` count for all of a sample. A copy: with a mask, Keras
    multiplies weights in place (torch)."""
    sample_weight = ops.copy(ops.convert_to_tensor(sample_weight))
    if len(sample_weight.shape) and len(values.shape) == len(sample_weight.shape) + 1:
        return ops.expand_dims(sample_weight, -1)
    return sample_weight
