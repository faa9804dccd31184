"""Angular loss: the angle at the negative, in the triangle that it makes with a positive pair."""

import math
from typing import Any

from keras import ops

from portable_losses._distances import dot
from portable_losses._inputs import require_above
from portable_losses._numerics import indicator, where
from portable_losses._pairwise import masks, pairs, per_anchor, with_units
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register

# Up to here every sum of exponentials keeps its digits in float32 as it is.
WIDEST = math.pi / 3


def _require(alpha: float) -> None:
    require_above("alpha", alpha, 0)
    if alpha > WIDEST:
        hint = f" If these are degrees, {math.radians(alpha):.4f} is meant." if alpha >= 2 else ""
        raise ValueError(
            "`alpha` is an angle in radians and must be at most π/3, which is 1.0472. Received: "
            f"alpha={alpha!r}.{hint}"
        )


@register
def angular(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    alpha: float = math.pi / 4,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Angular loss of all positive pairs.

    $$ \ell_i = \frac{N}{\sum_k |P(k)|} \sum_{p \in P(i)} \log \Bigl(1 + \sum_{n \in N(i)}
       e^{4 t (x_i + x_p) \cdot x_n - 2 (1 + t) x_i \cdot x_p}\Bigr), \qquad t = \tan^2 \alpha $$

    with $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$ those of other
    classes. The mean over the batch is that over all positive pairs; a pair whose anchor has no
    negative has the value 0 in it. Other than a margin of distances, the angle is the same at every
    scale.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        alpha: The paper's $\alpha$ in radians, at most $\pi / 3$; $\pi / 4$ is 45°.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`. It takes the
        memory of all pairs, and that of the references with one another.

    Raises:
        ValueError: for shapes that do not fit, or an angle out of range.

    References:
        Jian Wang, Feng Zhou, Shilei Wen, Xiao Liu and Yuanqing Lin, "Deep Metric Learning with
        Angular Loss", ICCV 2017.

    Where peers differ:
        pytorch-metric-learning's `AngularLoss(alpha)` takes degrees, 40 by default, and is the same
        for embeddings of length 1; of others it normalises only the positive pairs. Its memory is
        that of positive pairs times samples.

    Examples:
        >>> values = angular([0, 0, 1], [[1.0, 0.0], [2.0, 0.0], [0.6, 0.8]])
        >>> [round(float(value), 4) for value in values]  # log(1 + e^(4.8 - 4)) * 3 / 2
        [1.7567, 1.7567, 0.0]
    """
    _require(alpha)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))
    positive, negative = masks(found)
    t = math.tan(alpha) ** 2
    s = dot(found.x, found.ref_x)
    # Σ_n e^(4t (x_i + x_p)·x_n) is a product of matrices: nothing is (N, M, M).
    away = ops.exp(4 * t * s)
    away = where(negative, away)
    away = away @ ops.exp(4 * t * dot(found.ref_x, found.ref_x))
    each = ops.log1p(away * ops.exp(-2 * (1 + t) * s))
    each = where(positive, each)
    count = ops.sum(indicator(positive, each), axis=1)
    return ops.cast(per_anchor(found, ops.sum(each, axis=1), count), found.dtype)


@register
class Angular(Loss):
    """Angular loss of the batch; see `angular` for the formula and the paper.

    Args:
        alpha: The angle in radians.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(angular)
    sees_others = True

    def __init__(
        self,
        alpha: float = math.pi / 4,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "angular",
        dtype: Any = None,
    ):
        _require(alpha)
        super().__init__(reduction, name, dtype)
        self.settings = {"alpha": alpha}
