"""Hinge losses: no loss beyond the margin."""

from keras import ops

from portable_losses._inputs import as_pair
from portable_losses._numerics import mean, positive_part
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


def _signs(y_true: Tensor) -> Tensor:
    """Labels 0 as -1; others as they are."""
    return ops.where(ops.equal(y_true, 0), -ops.ones_like(y_true), y_true)


@register
def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""How far predictions fall short of the margin.

    $$ \ell = \tfrac1d \sum_i \max(1 - y_i \hat y_i, 0) $$

    The gradient is 0 where the margin is met exactly.

    Args:
        y_true: Labels -1 or 1, or 0 or 1 (0 counts as -1), of the shape of `y_pred`.
        y_pred: Scores, shape `(N, d)` or `(N, ..., d)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras' gradient where the margin is met is 1/2 of the slope on JAX and PyTorch and all of
        it on TensorFlow. Keras turns 0 into -1 only if the whole batch holds nothing but 0 and 1;
        among labels -1, 0 and 1 it keeps 0, and the loss of a sample depends on its neighbours.

    References:
        Corinna Cortes and Vladimir Vapnik, "Support-Vector Networks", Machine Learning 20, 1995.

    Examples:
        >>> [float(value) for value in hinge([[1, 0]], [[0.5, 2.0]])]  # (0.5 + 3) / 2
        [1.75]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    return ops.cast(mean(positive_part(1 - _signs(y_true) * y_pred)), dtype)


@register
def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""The square of how far predictions fall short of the margin.

    $$ \ell = \tfrac1d \sum_i \max(1 - y_i \hat y_i, 0)^2 $$

    Args:
        y_true: Labels -1 or 1, or 0 or 1 (0 counts as -1), of the shape of `y_pred`.
        y_pred: Scores, shape `(N, d)` or `(N, ..., d)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras turns 0 into -1 only if the whole batch holds nothing but 0 and 1.

    References:
        Yichuan Tang, "Deep Learning using Linear Support Vector Machines", ICML Workshop on
        Challenges in Representation Learning, 2013.

    Examples:
        >>> [float(value) for value in squared_hinge([[1, 0]], [[0.5, 2.0]])]  # (0.25 + 9) / 2
        [4.625]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    return ops.cast(mean(ops.square(positive_part(1 - _signs(y_true) * y_pred))), dtype)


@register
def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""How far the true class falls short of beating every other one by the margin.

    $$ \ell = \max\Bigl( \max_c (1 - y_c)\,\hat y_c - \sum_c y_c \hat y_c + 1,\; 0 \Bigr) $$

    The inner maximum counts the true class as a score of 0, so it is never negative. Wrong classes
    that tie share the gradient; it is 0 where the margin is met exactly.

    Args:
        y_true: One-hot labels (0 and 1), of the shape of `y_pred`.
        y_pred: Scores, shape `(N, C)` or `(N, ..., C)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras' gradient where the margin is met is 1/2 of the slope on JAX and PyTorch and all of
        it on TensorFlow. PyTorch's `MultiMarginLoss` sums over all classes that come too near.

    References:
        Koby Crammer and Yoram Singer, "On the Algorithmic Implementation of Multiclass
        Kernel-based Vector Machines", Journal of Machine Learning Research 2, 2001.

    Examples:
        >>> [float(value) for value in categorical_hinge([[0, 1, 0]], [[0.25, 0.5, 1.0]])]
        [1.5]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.amax((1 - y_true) * y_pred, axis=-1)
    return ops.cast(positive_part(wrong - right + 1), dtype)


@register
class Hinge(Loss):
    """How far predictions fall short of the margin; see `hinge`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(hinge)
    elementwise = True


@register
class SquaredHinge(Loss):
    """The square of how far predictions fall short of the margin; see `squared_hinge`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(squared_hinge)
    elementwise = True


@register
class CategoricalHinge(Loss):
    """How far the true class falls short of beating the others; see `categorical_hinge`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(categorical_hinge)
