"""Losses of distributions: of counts, and between two distributions."""

import keras
from keras import ops

from portable_losses._inputs import as_pair
from portable_losses._numerics import clip, log_probability, mean
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""Negative log-likelihood of counts under a Poisson rate, less the term free of the rate.

    $$ \ell = \tfrac1d \sum_i \bigl( \hat y_i - y_i \log (\hat y_i + \varepsilon) \bigr),
       \qquad \varepsilon = \texttt{keras.config.epsilon()} $$

    Rates must not be negative: let them end in an exponential or a softplus. A negative rate
    gives NaN. The gradient at a rate of 0 is $1 - y / \varepsilon$: steep, and towards a larger
    rate.

    Args:
        y_true: Counts, of the shape of `y_pred`.
        y_pred: Rates, shape `(N, d)` or `(N, ..., d)`.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras is the same. PyTorch's `PoissonNLLLoss` expects the log of the rate by default, and
        adds 1e-8.

    References:
        J. A. Nelder and R. W. M. Wedderburn, "Generalized Linear Models", Journal of the Royal
        Statistical Society A 135(3), 1972.

    Examples:
        >>> [round(float(value), 4) for value in poisson([[2.0, 0.0]], [[1.0, 3.0]])]
        [2.0]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    return ops.cast(mean(y_pred - y_true * ops.log(y_pred + keras.config.epsilon())), dtype)


@register
def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""Kullback-Leibler divergence of predicted from true distributions.

    $$ \ell = \sum_c y_c \log \frac{y_c}{\hat y_c}, \qquad 0 \cdot \log 0 = 0 $$

    Probabilities are held to $[\varepsilon, 1]$ under the logarithm, with $\varepsilon$ =
    `keras.config.epsilon()`: below it and above 1 a prediction has gradient 0.

    Args:
        y_true: Probabilities, of the shape of `y_pred`.
        y_pred: Probabilities, shape `(N, C)` or `(N, ..., C)`. Rows are not normalised.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        Keras lifts true probabilities to $\varepsilon$ too. So a class of probability 0 adds
        $\varepsilon \log (\varepsilon / \hat y)$, which pulls $\hat y = \varepsilon$ upwards with
        a gradient of -1 (-1/2 on JAX), and at $\hat y = 1$ JAX halves the gradient. PyTorch's
        `KLDivLoss` takes the log of the predictions, and averages over all entries.

    References:
        S. Kullback and R. A. Leibler, "On Information and Sufficiency", Annals of Mathematical
        Statistics 22(1), 1951.

    Examples:
        >>> values = kl_divergence([[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]])
        >>> [round(float(value), 4) for value in values]
        [0.6931, 0.0]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    y_true = clip(y_true, 0.0, 1.0)
    ratio = log_probability(y_true) - log_probability(y_pred)
    return ops.cast(ops.sum(y_true * ratio, axis=-1), dtype)


@register
class Poisson(Loss):
    """Poisson regression; see `poisson`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(poisson)
    elementwise = True


@register
class KLDivergence(Loss):
    """Kullback-Leibler divergence; see `kl_divergence`.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(kl_divergence)
