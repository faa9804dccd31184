"""Losses that grow as the absolute error does, some of them squared near 0."""

import math
from typing import Any

import keras
from keras import ops

from portable_losses._inputs import as_pair, require_above
from portable_losses._numerics import absolute, clip, mean
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""Mean of absolute errors.

    $$ \ell = \tfrac1d \sum_i \lvert y_i - \hat y_i \rvert $$

    Where there is no error the gradient is 0.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras on JAX has gradient $-1/d$ where there is no error: a perfect model moves.

    Examples:
        >>> [float(value) for value in mean_absolute_error([[1.0, 2.0]], [[0.0, 4.0]])]
        [1.5]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    return ops.cast(mean(absolute(y_true - y_pred)), dtype)


@register
def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""Mean of absolute errors in percent of the targets.

    $$ \ell = \tfrac{100}{d} \sum_i
       \frac{\lvert y_i - \hat y_i \rvert}{\max(\lvert y_i \rvert, \varepsilon)},
       \qquad \varepsilon = \texttt{keras.config.epsilon()} $$

    A target of 0 counts as $\varepsilon$ = 1e-7: an error of 1 is then a billion percent. Where
    there is no error the gradient is 0.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras on JAX has gradient $-100 / (d\,\lvert y \rvert)$ where there is no error.

    References:
        Arnaud de Myttenaere, Boris Golden, Bénédicte Le Grand and Fabrice Rossi, "Mean Absolute
        Percentage Error for Regression Models", Neurocomputing 192, 2016.

    Examples:
        >>> [float(value) for value in mean_absolute_percentage_error([[1.0, 4.0]], [[2.0, 3.0]])]
        [62.5]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    size = clip(absolute(y_true), keras.config.epsilon(), math.inf)
    return ops.cast(100 * mean(absolute(y_true - y_pred) / size), dtype)


@register
def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""Mean of the logarithms of the hyperbolic cosines of the errors.

    $$ \ell = \tfrac1d \sum_i \log \cosh (\hat y_i - y_i) $$

    About $e^2/2$ for a small error $e$ and $\lvert e \rvert - \log 2$ for a large one.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras is the same in float32. The textbook form overflows from errors of 90 on.

    References:
        Resve A. Saleh and A. K. Md. Ehsanes Saleh, "Statistical Properties of the log-cosh Loss
        Function Used in Machine Learning", arXiv:2208.04564, 2022.

    Examples:
        >>> [round(float(value), 4) for value in log_cosh([[0.0, 0.0]], [[1.0, 1.0]])]
        [0.4338]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    # log cosh e = |e| + softplus(−2|e|) − log 2: exp never sees a positive number.
    size = absolute(y_pred - y_true)
    return ops.cast(mean(size + ops.softplus(-2 * size) - math.log(2)), dtype)


@register
def huber(y_true: ArrayLike, y_pred: ArrayLike, *, delta: float = 1.0) -> Tensor:
    r"""Squared near 0, linear beyond $\delta$, and smooth where they join.

    $$ \ell = \tfrac1d \sum_i h(\hat y_i - y_i), \qquad
       h(e) = \tfrac12 e^2 \text{ if } \lvert e \rvert \le \delta, \quad
       \delta (\lvert e \rvert - \tfrac12 \delta) \text{ otherwise} $$

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.
        delta: $\delta$, above 0.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a `delta` of 0 or less.

    Where peers differ:
        Keras and PyTorch's `HuberLoss` are the same. PyTorch's `SmoothL1Loss` is $h / \delta$.

    References:
        Peter J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
        Statistics 35(1), 1964.

    Examples:
        >>> [float(value) for value in huber([[0.0, 0.0]], [[0.5, 3.0]])]  # (0.125 + 2.5) / 2
        [1.3125]
    """
    require_above("delta", delta, 0)
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    error = y_pred - y_true
    # With c the error held to [−δ, δ], h = c·(e − c/2) on both branches, and its slope is c.
    held = clip(error, -delta, delta)
    return ops.cast(mean(held * (error - held / 2)), dtype)


@register
class MeanAbsoluteError(Loss):
    """Mean of absolute errors; see `mean_absolute_error`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(mean_absolute_error)
    elementwise = True


@register
class MeanAbsolutePercentageError(Loss):
    """Mean of absolute errors in percent; see `mean_absolute_percentage_error`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(mean_absolute_percentage_error)
    elementwise = True


@register
class LogCosh(Loss):
    """Mean of log cosh of the errors; see `log_cosh`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(log_cosh)
    elementwise = True


@register
class Huber(Loss):
    """Squared near 0, linear beyond `delta`; see `huber`.

    Args:
        delta: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(huber)
    elementwise = True

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber",
        dtype: Any = None,
    ):
        require_above("delta", delta, 0)
        super().__init__(reduction, name, dtype)
        self.settings = {"delta": delta}
