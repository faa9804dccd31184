"""Squared error with a weight for each entry of a sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from portable_losses import _backend
from portable_losses._inputs import as_pair
from portable_losses._numerics import divide, norm, sqrt
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def weighted_squared_error(y_true: ArrayLike, y_pred: ArrayLike, weights: ArrayLike) -> Tensor:
    r"""Weighted mean of squared errors.

    $$ \ell = \frac{\sum_i w_i (y_i - \hat y_i)^2}{\sum_i w_i} $$

    Args:
        y_true: Targets $y$, shape `(N, d)` or `(N, ..., d)`.
        y_pred: Predictions $\hat y$, of the same shape.
        weights: $w \ge 0$, shape `(d,)`, or of the shape of `y_pred` for weights that differ
            between samples. `portable_losses.training.LossEndpoint` takes the latter from an
            input of the model.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`; 0 where all
        weights of a sample are 0.

    Raises:
        ValueError: for shapes that do not fit, or, where values can be seen, a weight that is
            negative or not finite.

    Where peers differ:
        Keras' `sample_weight` weighs samples, not entries, and does not normalise. Common Keras 2
        code sums numerator and denominator over the batch:
        `portable_losses.compat.weighted_mse`.

    Examples:
        >>> y_true, y_pred = [[0, 1, 1, 0], [0, 0, 1, 1]], [[0, 1, 0, 1], [1, 0, 1, 1]]
        >>> values = weighted_squared_error(y_true, y_pred, [0.25, 0.5, 1.0, 0.75])
        >>> [round(float(value), 4) for value in values]
        [0.7, 0.1]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    w = _as_weights(weights, y_pred)
    values = divide(ops.sum(w * ops.square(y_true - y_pred), axis=-1), ops.sum(w, axis=-1))
    return ops.cast(values, dtype)


@register
def weighted_root_error(y_true: ArrayLike, y_pred: ArrayLike, weights: ArrayLike) -> Tensor:
    r"""Root of the weighted sum of squared errors, over the sum of the weights.

    $$ \ell = \frac{\sqrt{\sum_i w_i (y_i - \hat y_i)^2}}{\sum_i w_i} $$

    This is the form in use, and not a root mean square: it is not the root of
    `weighted_squared_error`, and weights doubled make it smaller by $\sqrt 2$.

    Args:
        y_true: Targets $y$, shape `(N, d)` or `(N, ..., d)`.
        y_pred: Predictions $\hat y$, of the same shape.
        weights: $w \ge 0$, shape `(d,)`, or of the shape of `y_pred` for weights that differ
            between samples.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`; 0 where all
        weights of a sample are 0. The gradient of a sample without error is 0.

    Raises:
        ValueError: for shapes that do not fit, or, where values can be seen, a weight that is
            negative or not finite.

    Where peers differ:
        Common Keras 2 code takes the root of the sum over the batch:
        `portable_losses.compat.weighted_rmse`.

    Examples:
        >>> values = weighted_root_error([[1.0, 2.0]], [[4.0, 6.0]], [1.0, 1.0])
        >>> [float(value) for value in values]
        [2.5]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    w = _as_weights(weights, y_pred)
    # √(Σ w e²) = ‖√w e‖
    values = divide(norm(sqrt(w) * (y_true - y_pred)), ops.sum(w, axis=-1))
    return ops.cast(values, dtype)


def _as_weights(weights: ArrayLike, y_pred: Tensor) -> Tensor:
    """Weights at the shape of `y_pred`."""
    # With the dtype said: without it Keras asks the numbers of a list for theirs, and those that
    # torch.compile has made symbolic have none.
    weights = ops.convert_to_tensor(weights, dtype=y_pred.dtype)
    have, want = tuple(weights.shape), tuple(y_pred.shape)
    if len(want) < 2:
        raise ValueError(
            "Entries of a sample are weighed, so predictions must have shape (N, d). Received: "
            f"y_pred.shape={want}."
        )
    if len(have) == 1 and None not in (have[0], want[-1]) and have[0] != want[-1]:
        raise ValueError(
            f"There must be one weight per entry of a sample. Received: {have[0]} weights for "
            f"samples of length {want[-1]} (y_pred.shape={want})."
        )
    fits = len(have) == len(want) and all(
        h == w or None in (h, w) for h, w in zip(have, want, strict=True)
    )
    if len(have) != 1 and not fits:
        raise ValueError(
            "`weights` must have shape (d,), or the shape of the predictions. Received: "
            f"weights.shape={have}, y_pred.shape={want}."
        )
    values = _backend.concrete(weights)
    if values is not None:
        _require_weights(values)
    return weights * ops.ones_like(y_pred)


def _require_weights(weights: np.ndarray) -> None:
    wrong = weights[~((weights >= 0) & np.isfinite(weights))]
    if wrong.size:
        raise ValueError(
            f"`weights` must be finite and not negative. Received: {float(wrong[0])} in weights."
        )


def _as_setting(weights: Sequence[float] | np.ndarray) -> list[float]:
    """Weights as a config keeps them."""
    array = np.asarray(weights, "float64")
    if array.ndim != 1 or not array.size:
        raise ValueError(
            "`weights` must be a list of numbers, one per entry of a sample. Received: an array "
            f"of shape {array.shape}. For weights that differ between samples, pass them to the "
            "function, or to portable_losses.training.LossEndpoint."
        )
    _require_weights(array)
    return array.tolist()


@register
class WeightedSquaredError(Loss):
    """Weighted mean of squared errors; see `weighted_squared_error`.

    Args:
        weights: One weight per entry of a sample, a list, tuple or NumPy array of length `d`.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(weighted_squared_error)
    elementwise = True

    def __init__(
        self,
        weights: Sequence[float] | np.ndarray,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "weighted_squared_error",
        dtype: Any = None,
    ):
        weights = _as_setting(weights)
        super().__init__(reduction, name, dtype)
        self.settings = {"weights": weights}


@register
class WeightedRootError(Loss):
    """Root of the weighted sum of squared errors, over the weights; see `weighted_root_error`.

    Args:
        weights: One weight per entry of a sample, a list, tuple or NumPy array of length `d`.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(weighted_root_error)
    elementwise = True

    def __init__(
        self,
        weights: Sequence[float] | np.ndarray,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "weighted_root_error",
        dtype: Any = None,
    ):
        weights = _as_setting(weights)
        super().__init__(reduction, name, dtype)
        self.settings = {"weights": weights}
