"""A loss of the targets that are known."""

import math
from typing import Any

from keras import ops

from portable_losses._inputs import (
    align_rank,
    as_float,
    is_float,
    require_same_batch,
    require_same_shape,
)
from portable_losses._numerics import masked_mean
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._inner import as_loss_without_state, saved


def _known(y_true: Tensor, mask_value: float | None) -> Tensor:
    """Which targets are known, element by element."""
    known = ops.ones_like(y_true, dtype="bool")
    if is_float(y_true):
        known = ops.logical_not(ops.isnan(y_true))
    if mask_value is not None and not math.isnan(mask_value):
        value = ops.cast(mask_value, y_true.dtype)
        known = ops.logical_and(known, ops.not_equal(y_true, value))
    return known


def _known_rows(y_true: Tensor, y_pred: Tensor, mask_value: float | None) -> Tensor:
    """Which samples are known: of vectors and one-hot rows, those whose entries all are."""
    known = _known(y_true, mask_value)
    return ops.all(known, axis=-1) if len(y_true.shape) == len(y_pred.shape) else known


def _aligned(y_true: ArrayLike, y_pred: ArrayLike, elementwise: bool) -> tuple[Tensor, Tensor]:
    y_true, y_pred = ops.convert_to_tensor(y_true), as_float(y_pred)[0]
    if elementwise and len(y_pred.shape) == 1:
        y_pred = ops.expand_dims(y_pred, -1)
    return align_rank(y_true, y_pred) if elementwise else y_true, y_pred


@register
def masked(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    loss: Any,
    mask_value: float | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    """A loss of the targets that are known: not NaN, and not a value that stands for none.

    Of a loss that is a mean over elements, such as `MeanSquaredError` or `BinaryCrossentropy`, the
    elements of a sample whose target is known are averaged. Of another, a sample counts if its
    target is known: the label, or every entry of a one-hot row. What does not count has the value
    0 and no gradient, whatever the prediction is.

    Args:
        y_true: What `loss` takes, with NaN or `mask_value` where a target is not known.
        y_pred: What `loss` takes.
        loss: A loss of this library without state. One of embeddings does not see such samples.
        mask_value: A value beside NaN that stands for no target, such as -1.
        mask: Which samples of the batch count, bool `(N,)`, for a loss of embeddings.

    Returns:
        One value per sample, as `loss` has them; 0 for a sample without any target.

    Raises:
        ValueError: for a loss with state, or not of this library, and shapes that do not fit.

    Where peers differ:
        Keras' `ignore_class` and a `sample_weight` of 0 leave out whole samples, and a NaN target
        of weight 0 makes the gradient NaN there.

    Examples:
        >>> from portable_losses.losses import MeanSquaredError
        >>> unknown = float("nan")
        >>> y_true, y_pred = [[1.0, unknown], [unknown, unknown]], [[3.0, 5.0], [7.0, 9.0]]
        >>> [float(v) for v in masked(y_true, y_pred, loss=MeanSquaredError())]
        [4.0, 0.0]
    """
    inner = as_loss_without_state(loss, "masked")
    dtype = as_float(y_pred)[1]
    y_true, y_pred = _aligned(y_true, y_pred, inner.elementwise)
    if inner.elementwise:
        require_same_shape(y_true, y_pred)
        known = _known(y_true, mask_value)
        # Where both are 1, every such loss is finite.
        ones = ops.ones_like(y_pred)
        y_pred = ops.where(known, y_pred, ones)
        y_true = ops.where(known, ops.cast(y_true, y_pred.dtype), ones)
        values = inner.call(ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1))
        return ops.cast(masked_mean(values, known, axis=-1), dtype)
    require_same_batch(y_true, y_pred)
    known = _known_rows(y_true, y_pred, mask_value)
    y_true = ops.where(_at_rank(known, y_true), y_true, ops.zeros_like(y_true))
    y_pred = ops.where(_at_rank(known, y_pred), y_pred, ops.zeros_like(y_pred))
    others = {}
    if inner.sees_others:
        others["mask"] = known if mask is None else ops.logical_and(known, mask)
    values = inner.call(y_true, y_pred, **others)
    return ops.cast(ops.where(known, values, ops.zeros_like(values)), dtype)


def _at_rank(known: Tensor, like: Tensor) -> Tensor:
    for _ in range(len(like.shape) - len(known.shape)):
        known = ops.expand_dims(known, -1)
    return known


@register
class Masked(Loss):
    """A loss of the targets that are known; see `masked`.

    A mean is one over the samples with a known target; 0 where there is none.

    Args:
        loss: A loss of this library without state; its own reduction, name and dtype are not used.
        mask_value: A value beside NaN that stands for no target.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(masked)
    sees_others = True  # if the loss does

    def __init__(
        self,
        loss: Any,
        mask_value: float | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "masked",
        dtype: Any = None,
    ):
        loss = as_loss_without_state(loss, "Masked")
        super().__init__(reduction, name, dtype)
        self.settings = {"loss": loss, "mask_value": mask_value}

    def counted(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        inner, mask_value = self.settings["loss"], self.settings["mask_value"]
        y_true, y_pred = _aligned(y_true, y_pred, inner.elementwise)
        if inner.elementwise:
            return ops.any(_known(y_true, mask_value), axis=-1)
        known, inner_counted = (
            _known_rows(y_true, y_pred, mask_value),
            inner.counted(y_true, y_pred),
        )
        return known if inner_counted is None else ops.logical_and(known, inner_counted)

    def get_config(self) -> dict[str, Any]:
        return saved(super().get_config())
