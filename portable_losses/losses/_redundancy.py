"""Losses that keep the coordinates of two views' embeddings from saying the same."""

from typing import Any

from keras import ops

from portable_losses._inputs import require_at_least
from portable_losses._numerics import divide, mean, positive_part, sqrt
from portable_losses._pairwise import Pairs, views
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


def _count(found: Pairs) -> Tensor:
    return ops.sum(ops.cast(found.counted, found.x.dtype))


def _centered(x: Tensor, found: Pairs) -> Tensor:
    """`x` about the mean of the samples that count; zeros for the others."""
    center = divide(ops.sum(x, axis=0, keepdims=True), _count(found))
    return ops.where(ops.expand_dims(found.counted, 1), x - center, ops.zeros_like(x))


def _off_diagonal(x: Tensor) -> Tensor:
    rows = ops.arange(x.shape[0], dtype="int32")
    diagonal = ops.equal(ops.expand_dims(rows, 0), ops.expand_dims(rows, 1))
    return ops.where(diagonal, ops.zeros_like(x), x)


def _require_dim(found: Pairs) -> None:
    if found.x.shape[1] is None:
        raise ValueError(
            "The length d of the embeddings must be known when the loss is compiled. Received: "
            f"embeddings of shape {tuple(found.x.shape)}."
        )


def _each(found: Pairs, values: Tensor, of_batch: Tensor) -> Tensor:
    """`values` plus what the batch costs as a whole, for each sample that counts; that is 0 for
    fewer than two, of which nothing varies."""
    zeros = ops.zeros_like(values)
    of_batch = ops.where(_count(found) > 1, of_batch, ops.zeros_like(of_batch))
    return ops.cast(ops.where(found.counted, values + of_batch, zeros), found.dtype)


def _require_vicreg(**settings: float) -> None:
    for name, value in settings.items():
        require_at_least(name, value, 0)


@register
def vicreg(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    invariance_weight: float = 25.0,
    variance_weight: float = 25.0,
    covariance_weight: float = 1.0,
    gamma: float = 1.0,
    epsilon: float = 1e-4,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""VICReg: views agree, every coordinate varies, and no two of them vary together.

    $$ \ell_i = \frac{\lambda}{d} \lVert z_i - z'_i \rVert^2
       + \frac{\mu}{2d} \sum_j \bigl[(\gamma - S_j)_+ + (\gamma - S'_j)_+\bigr]
       + \frac{\nu}{d} \sum_{j \neq k} \bigl[C_{jk}^2 + C_{jk}'^2\bigr] $$

    with $C$ the covariance matrix of the first views over the batch, which divides by $N - 1$,
    and $S_j = \sqrt{C_{jj} + \varepsilon}$; $C'$ and $S'$ those of the second views. The second and
    third term are of the batch as a whole: each sample has all of them, and its own first term, so
    that the mean over the batch is the loss of the paper. With fewer than two samples the first
    term is all there is.

    Args:
        y_true: Anything with one entry per sample, `(N,)` or `(N, 1)`; only their number counts.
        y_pred: The two views, `(N, 2, d)`, or a tuple of two tensors `(N, d)`, as they come: they
            are not normalised.
        invariance_weight, variance_weight, covariance_weight: $\lambda$, $\mu$ and $\nu$.
        gamma: The standard deviation $\gamma$ from which on a coordinate costs nothing.
        epsilon: $\varepsilon$, which bounds the gradient where a coordinate does not vary.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. Memory grows with
        $N d + d^2$.

    Raises:
        ValueError: for shapes that do not fit, or a setting below 0.

    References:
        Adrien Bardes, Jean Ponce and Yann LeCun, "VICReg: Variance-Invariance-Covariance
        Regularization for Self-Supervised Learning", ICLR 2022; with the factors of the authors'
        code, to which the paper's 25, 25 and 1 belong.

    Where peers differ:
        pytorch-metric-learning's `VICRegLoss` is the same, but NaN for one sample, and lightly's,
        which raises an error for one. The paper's
        formulas have no $1/d$ in the first term and no ½ in the second: that is
        `invariance_weight=25 * d` and `variance_weight=50`.

    Examples:
        >>> pairs = [[[0.0, 0.0], [0.0, 2.0]], [[2.0, 2.0], [2.0, 2.0]]]
        >>> values = vicreg([0, 1], pairs, epsilon=0.0)  # only C'_22 is 0
        >>> [round(float(value), 4) for value in values]  # 25 * 4/2 + 25/4 * 1 + (4 + 4)/2
        [60.25, 10.25]
    """
    _require_vicreg(
        invariance_weight=invariance_weight,
        variance_weight=variance_weight,
        covariance_weight=covariance_weight,
        gamma=gamma,
        epsilon=epsilon,
    )
    found = views(y_true, y_pred, mask)
    _require_dim(found)
    values = invariance_weight * mean(ops.square(found.x - found.ref_x))
    of_batch = ops.zeros_like(values[:1])
    for x in (found.x, found.ref_x):
        x = _centered(x, found)
        variance = divide(ops.sum(ops.square(x), axis=0), _count(found) - 1)
        lacking = mean(positive_part(gamma - sqrt(variance + epsilon)))
        covariance = _off_diagonal(divide(ops.transpose(x) @ x, _count(found) - 1))
        together = ops.sum(ops.square(covariance)) / x.shape[1]
        of_batch = of_batch + variance_weight / 2 * lacking + covariance_weight * together
    return _each(found, values, of_batch)


@register
class VICReg(Loss):
    """VICReg, of two views of each sample; see `vicreg` for the formula and the paper.

    Args:
        invariance_weight, variance_weight, covariance_weight, gamma, epsilon: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(vicreg)
    sees_others = True

    def __init__(
        self,
        invariance_weight: float = 25.0,
        variance_weight: float = 25.0,
        covariance_weight: float = 1.0,
        gamma: float = 1.0,
        epsilon: float = 1e-4,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "vicreg",
        dtype: Any = None,
    ):
        settings = {
            "invariance_weight": invariance_weight,
            "variance_weight": variance_weight,
            "covariance_weight": covariance_weight,
            "gamma": gamma,
            "epsilon": epsilon,
        }
        _require_vicreg(**settings)
        super().__init__(reduction, name, dtype)
        self.settings = settings


def _require_barlow(redundancy_weight: float, epsilon: float) -> None:
    require_at_least("redundancy_weight", redundancy_weight, 0)
    require_at_least("epsilon", epsilon, 0)


@register
def barlow_twins(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    redundancy_weight: float = 5e-3,
    epsilon: float = 1e-5,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Barlow Twins: each coordinate of one view correlates with its twin, and with no other.

    $$ \ell_i = \sum_j (1 - C_{jj})^2 + \lambda \sum_{j \neq k} C_{jk}^2, \qquad
       C_{jk} = \frac{\frac1N \sum_b z_{bj} z'_{bk}}{S_j S'_k}, \qquad
       S_j = \sqrt{\tfrac1N \sum_b z_{bj}^2 + \varepsilon} $$

    where $z$ and $z'$ are the embeddings of both views about their mean over the batch, and $S'$ is
    that of $z'$. The loss is of the batch as a whole, and each sample has all of it, so that the
    mean over the batch is the loss of the paper. It is 0 with fewer than two samples.

    Args:
        y_true: Anything with one entry per sample, `(N,)` or `(N, 1)`; only their number counts.
        y_pred: The two views, `(N, 2, d)`, or a tuple of two tensors `(N, d)`.
        redundancy_weight: The paper's $\lambda$.
        epsilon: $\varepsilon$, added to variances as the authors' batch normalisation does; the
            paper's formula has none. With 0, a coordinate that does not vary correlates with
            nothing, and its gradient is 0.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. Memory grows with
        $N d + d^2$.

    Raises:
        ValueError: for shapes that do not fit, or a setting below 0.

    References:
        Jure Zbontar, Li Jing, Ishan Misra, Yann LeCun and Stéphane Deny, "Barlow Twins:
        Self-Supervised Learning via Redundancy Reduction", ICML 2021.

    Where peers differ:
        The authors' code is the same with $\lambda = 0.0051$, which the paper rounds, and so is
        lightly's `BarlowTwinsLoss`, which raises an error for one sample. Code after
        the paper's listing divides by PyTorch's `std`, of $N - 1$, and then by $N$: even equal
        views have a correlation of $(N - 1) / N$ there.

    Examples:
        >>> pairs = [[[1.0, 0.0], [2.0, 1.0]], [[0.0, 1.0], [0.0, 2.0]]]
        >>> values = barlow_twins([0, 1], pairs, epsilon=0.0)  # C = [[1, -1], [-1, 1]]
        >>> [round(float(value), 4) for value in values]
        [0.01, 0.01]
    """
    _require_barlow(redundancy_weight, epsilon)
    found = views(y_true, y_pred, mask)
    _require_dim(found)
    count = _count(found)
    scaled = []
    for x in (found.x, found.ref_x):
        x = _centered(x, found)
        variance = divide(ops.sum(ops.square(x), axis=0, keepdims=True), count)
        scaled.append(divide(x, sqrt(variance + epsilon)))
    correlation = divide(ops.transpose(scaled[0]) @ scaled[1], count)
    twins = divide(ops.sum(scaled[0] * scaled[1], axis=0), count)
    of_batch = ops.sum(ops.square(1 - twins))
    of_batch = of_batch + redundancy_weight * ops.sum(ops.square(_off_diagonal(correlation)))
    return _each(found, ops.zeros_like(found.x[:, 0]), of_batch)


@register
class BarlowTwins(Loss):
    """Barlow Twins, of two views of each sample; see `barlow_twins` for the formula and the paper.

    Args:
        redundancy_weight, epsilon: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(barlow_twins)
    sees_others = True

    def __init__(
        self,
        redundancy_weight: float = 5e-3,
        epsilon: float = 1e-5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "barlow_twins",
        dtype: Any = None,
    ):
        _require_barlow(redundancy_weight, epsilon)
        super().__init__(reduction, name, dtype)
        self.settings = {"redundancy_weight": redundancy_weight, "epsilon": epsilon}
