"""One way to call any loss: with state, without, or a plain function."""

from typing import Any

import keras

from portable_losses._reduction import mask_of, reduce
from portable_losses._typing import Tensor
from portable_losses.losses._base import StatefulLoss, per_sample


def evaluate(loss: Any, *given: Any, sample_weight: Any, training: bool | None) -> Tensor:
    """The reduced loss of `given`: targets, predictions, and whatever else the loss takes."""
    if isinstance(loss, StatefulLoss):
        more = {"sample_weight": sample_weight, "training": bool(training)}
        return loss(*given, **more)
    if isinstance(loss, keras.losses.Loss):
        return loss(*given, sample_weight=sample_weight)
    y_pred = given[1]
    values = per_sample(loss(*given), y_pred, getattr(loss, "__name__", str(loss)))
    return reduce(values, sample_weight, mask_of(y_pred))
