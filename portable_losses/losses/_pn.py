"""PN loss: the negative keeps off both the anchor and its positive."""

from typing import Any

from keras import ops

from portable_losses._distances import DISTANCES, ROW_DISTANCES, Distance, require_distance
from portable_losses._inputs import require_at_least, require_choice
from portable_losses._numerics import indicator, positive_part, where
from portable_losses._pairwise import (
    Pairs,
    in_blocks,
    masks,
    pairs,
    per_anchor,
    require_block_size,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register

NEGATIVES = ("semi_hard", "hard")


def _require(margin: float, negatives: str, distance: Distance, block_size: int | None) -> None:
    require_block_size(block_size)
    require_at_least("margin", margin, 0)
    require_choice("negatives", negatives, NEGATIVES)
    require_distance(distance)


@register
def pn_loss(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    soft: bool = False,
    negatives: str = "semi_hard",
    distance: Distance = "cosine",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""PN loss: a triplet loss in which the negative keeps off the positive too.

    $$ \ell_i = \frac{N}{N_+} \max(D_{ip} - \min(D_{in}, D_{pn}) + m, 0) $$

    with $p$ the farthest reference of the class of anchor $i$, and $n$ the nearest of another
    class that is farther than $p$, or the farthest where none is; with `soft`,
    $\log(1 + e^{\ldots})$ of the difference without $m$ in place of the maximum. An anchor that
    lacks either has the value 0; the factor makes the mean over the batch one over the $N_+$
    others.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        margin: $m$; without effect if `soft`.
        soft: Whether the margin is soft.
        negatives: `"semi_hard"` as above, or `"hard"`: $n$ is the nearest of all.
        distance: `"cosine"` (1 − the cosine), `"euclidean"` (the paper's), `"squared_euclidean"`,
            `"manhattan"`, `"snr"`, or a number $p \ge 1$ for the $L_p$ distance.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`. Of references that are as far,
        the first is taken.

    Raises:
        ValueError: for shapes that do not fit, a negative margin or unknown settings.

    References:
        Benjamin Szubert, Jennifer E. Cole, Claudia Monaco and Ignat Drozdov, "Structure-preserving
        visualisation of high dimensional single-cell datasets", Scientific Reports 9, 2019.

    Where peers differ:
        TensorFlow Similarity's `PNLoss` chooses so too, of normalised embeddings. It averages over
        all anchors, those without a positive too.

    Examples:
        >>> x = [[0.0], [1.0], [1.5], [4.0]]
        >>> [float(value) for value in pn_loss([0, 0, 1, 1], x, distance="euclidean")]
        [1.5, 0.0, 2.0, 3.0]
    """
    _require(margin, negatives, distance, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def of_block(block: Pairs) -> tuple[Tensor, Tensor]:
        positive, negative = masks(block)
        held = DISTANCES[distance](*map(ops.stop_gradient, (block.x, block.ref_x)))
        low = ops.full_like(held, -float("inf"))
        p = ops.argmax(ops.where(positive, held, low), axis=1)
        if negatives == "semi_hard":
            reach = ops.take_along_axis(held, ops.expand_dims(p, 1), axis=1)
            farther = ops.logical_and(negative, held > reach)
            nearest = ops.argmax(ops.where(farther, -held, low), axis=1)
            farthest = ops.argmax(ops.where(negative, held, low), axis=1)
            n = ops.where(ops.any(farther, axis=1), nearest, farthest)
        else:
            n = ops.argmax(ops.where(negative, -held, low), axis=1)
        p, n = (ops.take(block.ref_x, row, axis=0) for row in (p, n))
        between = ROW_DISTANCES[distance]
        near, far = between(block.x, n), between(p, n)
        gap = between(block.x, p) - ops.where(far < near, far, near)
        each = ops.softplus(gap) if soft else positive_part(gap + margin)
        both = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
        return where(both, each), indicator(both, each)

    return ops.cast(per_anchor(found, *in_blocks(found, of_block, block_size)), found.dtype)


@register
class PNLoss(Loss):
    """PN loss of the batch; see `pn_loss` for the formula and the paper.

    Args:
        margin, soft, negatives, distance: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(pn_loss)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        soft: bool = False,
        negatives: str = "semi_hard",
        distance: Distance = "cosine",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "pn_loss",
        dtype: Any = None,
    ):
        _require(margin, negatives, distance, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "margin": margin,
            "soft": soft,
            "negatives": negatives,
            "distance": distance,
            "block_size": block_size,
        }
