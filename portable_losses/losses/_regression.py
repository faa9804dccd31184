"""Losses of regression: of errors, of relative errors, and of directions."""

import math
from typing import Any

import keras
from keras import ops

from portable_losses._inputs import as_pair, require_above, require_at_least
from portable_losses._numerics import absolute, clip, mean, normalize, sqrt
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
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, *, axis: int = -1) -> Tensor:
    r"""Cosine of the angle between targets and predictions, negated to be minimised.

    $$ \ell = -\frac{y \cdot \hat y}{\lVert y \rVert \, \lVert \hat y \rVert} $$

    -1 for the same direction, 1 for opposite ones. A zero vector has no direction: the value is
    0, with gradient 0.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.
        axis: The axis of the vectors.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        At a zero vector Keras' gradient is NaN on JAX and PyTorch, and the target times 1e7 on
        TensorFlow. In float32 vectors of length 1e20 have cosine 0 in Keras, and those shorter
        than 1e-7 count as shorter than 1. PyTorch's `CosineSimilarity` is not negated.

    Examples:
        >>> values = cosine_similarity([[3.0, 4.0], [0.0, 1.0]], [[6.0, 8.0], [0.0, 0.0]])
        >>> [round(float(value), 4) + 0.0 for value in values]
        [-1.0, 0.0]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    cosine = ops.sum(normalize(y_true, axis=axis) * normalize(y_pred, axis=axis), axis=axis)
    return ops.cast(-cosine, dtype)


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
class MeanSquaredLogarithmicError(Loss):
    """Mean of squared errors between logarithms; see `mean_squared_logarithmic_error`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(mean_squared_logarithmic_error)
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


@register
class CosineSimilarity(Loss):
    """Negated cosine of the angle between targets and predictions; see `cosine_similarity`.

    Args:
        axis: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(cosine_similarity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
        self.settings = {"axis": axis}


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
