"""Lifted structured loss: a positive pair against the negatives of both of its samples."""

from typing import Any

from keras import ops

from portable_losses._inputs import require_at_least
from portable_losses._numerics import log_sum_exp, positive_part
from portable_losses._pairwise import DISTANCES, masks, pairs, per_anchor, require_distance
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


def _require(margin: float, distance: str) -> None:
    require_at_least("margin", margin, 0)
    require_distance(distance)


@register
def lifted_structure(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    distance: str = "euclidean",
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Lifted structured loss.

    $$ \ell_i = \frac{N}{\sum_k |P(k)|} \sum_{p \in P(i)} \tfrac12 \max(J_{ip}, 0)^2, \qquad
       J_{ip} = D_{ip} + \log \Bigl(\sum_{n \in N(i)} e^{m - D_{in}}
       + \sum_{n \in N(p)} e^{m - D_{np}}\Bigr) $$

    with $P(i)$ the references of the class of anchor $i$ but itself, $N(i)$ those of other
    classes, and $N(p)$ the anchors of other classes than reference $p$. The mean over the batch is
    that over all positive pairs that have a negative; an anchor without such a pair has the
    value 0.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        margin: The paper's $\alpha$, here $m$.
        distance: `"euclidean"` (the paper's), `"squared_euclidean"`, or `"cosine"`, which is
            1 − the cosine.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, a negative margin or an unknown distance.

    References:
        Hyun Oh Song, Yu Xiang, Stefanie Jegelka and Silvio Savarese, "Deep Metric Learning via
        Lifted Structured Feature Embedding", CVPR 2016, equation 4.

    Where peers differ:
        TensorFlow Addons' `LiftedStructLoss` is the same where every pair has a negative, and NaN
        in a batch of one class. pytorch-metric-learning's `LiftedStructureLoss` is the same with
        `LpDistance(normalize_embeddings=False)`; it normalises by default.

    Examples:
        >>> values = lifted_structure([0, 0, 1], [[0.0], [1.0], [3.0]])
        >>> [round(float(value), 4) for value in values]  # (1 + log(e^-2 + e^-1))^2 * 3/4
        [0.0736, 0.0736, 0.0]
    """
    _require(margin, distance)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)
    positive, negative = masks(found)
    negative = ops.logical_and(negative, ops.expand_dims(found.counted, 1))
    distances = DISTANCES[distance](found.x, found.ref_x)
    both = _log_add(
        *(log_sum_exp(margin - distances, negative, axis=axis, keepdims=True) for axis in (1, 0)),
        *(ops.any(negative, axis=axis, keepdims=True) for axis in (1, 0)),
    )
    usable = ops.logical_or(*(ops.any(negative, axis=axis, keepdims=True) for axis in (1, 0)))
    usable = ops.logical_and(usable, positive)
    each = ops.square(positive_part(distances + both)) / 2
    each = ops.where(usable, each, ops.zeros_like(each))
    count = ops.sum(ops.cast(usable, each.dtype), axis=1)
    return ops.cast(per_anchor(found, ops.sum(each, axis=1), count), found.dtype)


def _log_add(x: Tensor, y: Tensor, has_x: Tensor, has_y: Tensor) -> Tensor:
    """log (e^x + e^y), of those that there are; 0 of none."""
    low = -float("inf")
    x, y = (ops.where(has, z, ops.full_like(z, low)) for z, has in ((x, has_x), (y, has_y)))
    largest = ops.stop_gradient(ops.maximum(x, y))
    largest = ops.where(largest > low, largest, ops.zeros_like(largest))
    total = ops.exp(x - largest) + ops.exp(y - largest)
    return largest + ops.log(ops.where(total > 0, total, ops.ones_like(total)))


@register
class LiftedStructure(Loss):
    """Lifted structured loss; see `lifted_structure` for the formula and the paper.

    Args:
        margin, distance: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(lifted_structure)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        distance: str = "euclidean",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "lifted_structure",
        dtype: Any = None,
    ):
        _require(margin, distance)
        super().__init__(reduction, name, dtype)
        self.settings = {"margin": margin, "distance": distance}
