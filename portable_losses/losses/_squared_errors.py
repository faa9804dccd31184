"""Losses of squared errors."""

import math
from typing import Any

from keras import ops

from portable_losses._inputs import as_pair, require_at_least
from portable_losses._numerics import clip, mean, sqrt
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""Mean of squared errors.

    $$ \ell = \tfrac1d \sum_i (y_i - \hat y_i)^2 $$

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras is the same in float32. In float16 its squares overflow from errors of 256 on; in
        float64 it averages in float32 on JAX and PyTorch; and it cuts targets to whole numbers
        if predictions are integers.

    Examples:
        >>> [float(value) for value in mean_squared_error([[1.0, 2.0]], [[0.0, 4.0]])]
        [2.5]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    return ops.cast(mean(ops.square(y_true - y_pred)), dtype)


@register
def root_mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike, *, axis: int = -1) -> Tensor:
    r"""Root of the mean of squared errors, for each sample.

    $$ \ell = \sqrt{\tfrac1d \textstyle\sum_i (y_i - \hat y_i)^2} $$

    A sample without error has gradient 0. With one output per sample this is the absolute error.
    The root of the mean over a whole batch is no mean over its samples: train on
    `mean_squared_error` and report `keras.metrics.RootMeanSquaredError` for that.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.
        axis: The axis to average over, not the first.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras has it as a metric only. A bare root of `mean_squared_error` has a gradient of NaN
        where a sample has no error.

    Examples:
        >>> [float(value) for value in root_mean_squared_error([[1.0, 2.0]], [[0.0, 9.0]])]
        [5.0]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    return ops.cast(sqrt(mean(ops.square(y_true - y_pred), axis=axis)), dtype)


@register
def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""Mean of squared errors between logarithms.

    $$ \ell = \tfrac1d \sum_i \bigl( \log (1 + y_i) - \log (1 + \hat y_i) \bigr)^2 $$

    Numbers below 0 count as 0. A prediction below 0 has gradient 0, so let the model end in a
    softplus or an exponential.

    Args:
        y_true: Targets, 0 or larger, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras lifts numbers to 1e-7, not to 0: a prediction of exactly 0 has no gradient there,
        and one of 1e-7 has half of it on JAX and PyTorch. Its log(1 + y) loses digits of a small
        y.

    Examples:
        >>> values = mean_squared_logarithmic_error([[0.0, 3.0]], [[1.0, 1.0]])
        >>> [round(float(value), 4) for value in values]  # log(2)², twice
        [0.4805]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    error = ops.log1p(clip(y_true, 0.0, math.inf)) - ops.log1p(clip(y_pred, 0.0, math.inf))
    return ops.cast(mean(ops.square(error)), dtype)


@register
def confidence_penalized_squared_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, regularization_factor: float = 0.1
) -> Tensor:
    r"""Mean of squared errors, plus a penalty on predictions far from one half.

    $$ \ell = \tfrac1d \sum_i (y_i - \hat y_i)^2
       + \lambda \, \tfrac1d \sum_i (\tfrac12 - \hat y_i)^2 $$

    For predictions that are probabilities: the penalty, $\lambda/4$ at most, holds them back from
    0 and 1. It moves the best prediction from $y$ to $(y + \lambda/2) / (1 + \lambda)$.

    Args:
        y_true: Targets in [0, 1], of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.
        regularization_factor: $\lambda$, 0 or larger.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a negative factor.

    Where peers differ:
        It is known as `CustomMSE` from tutorials on custom Keras losses, where it is often
        averaged over the batch inside; the mean over samples is the same, sample weights are not.

    Examples:
        >>> values = confidence_penalized_squared_error([[1.0, 0.0]], [[1.0, 0.5]])
        >>> [round(float(value), 4) for value in values]  # 0.125 + 0.1 * 0.125
        [0.1375]
    """
    require_at_least("regularization_factor", regularization_factor, 0)
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    penalty = regularization_factor * ops.square(0.5 - y_pred)
    return ops.cast(mean(ops.square(y_true - y_pred) + penalty), dtype)


@register
class MeanSquaredError(Loss):
    """Mean of squared errors; see `mean_squared_error`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(mean_squared_error)
    elementwise = True


@register
class RootMeanSquaredError(Loss):
    """Root of the mean of squared errors, for each sample; see `root_mean_squared_error`.

    Args:
        axis: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(root_mean_squared_error)
    elementwise = True

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "root_mean_squared_error",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
        self.settings = {"axis": axis}


@register
class MeanSquaredLogarithmicError(Loss):
    """Mean of squared errors between logarithms; see `mean_squared_logarithmic_error`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(mean_squared_logarithmic_error)
    elementwise = True


@register
class ConfidencePenalizedSquaredError(Loss):
    """Squared errors and a penalty on confidence; see `confidence_penalized_squared_error`.

    Args:
        regularization_factor: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(confidence_penalized_squared_error)
    elementwise = True

    def __init__(
        self,
        regularization_factor: float = 0.1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "confidence_penalized_squared_error",
        dtype: Any = None,
    ):
        require_at_least("regularization_factor", regularization_factor, 0)
        super().__init__(reduction, name, dtype)
        self.settings = {"regularization_factor": regularization_factor}
