"""Margin loss: positives within a boundary, negatives beyond it, by a margin."""

from typing import Any

from keras import ops

from portable_losses._distances import DISTANCES, Distance, require_distance
from portable_losses._inputs import require_at_least, require_choice
from portable_losses._numerics import indicator, positive_part, where
from portable_losses._pairwise import (
    Pairs,
    in_blocks,
    pairs,
    per_anchor,
    require_block_size,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._pair_weights import as_pair_weights, times, weighed_masks

COUNTS = ("triplets", "pairs")


def _require(margin: float, count: str, distance: Distance, block_size: int | None) -> None:
    require_block_size(block_size)
    require_at_least("margin", margin, 0)
    require_choice("count", count, COUNTS)
    require_distance(distance)


@register
def margin_loss(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 0.2,
    beta: ArrayLike = 1.2,
    count: str = "triplets",
    distance: Distance = "euclidean",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Margin loss.

    $$ \ell_i = \frac{N}{T} \Bigl(w_+ \sum_{p \in P(i)} \max(D_{ip} - \beta + \alpha, 0)
       + w_- \sum_{n \in N(i)} \max(\beta - D_{in} + \alpha, 0)\Bigr) $$

    with $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$ those of other
    classes. A pair counts as often as it stands in a triplet, $w_+ = |N(i)|$ and $w_- = |P(i)|$;
    or once, $w_+ = w_- = 1$. $T$ is the number of terms that cost something, so that the mean over
    the batch is that over them.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come; the paper's have length 1.
        margin: The paper's $\alpha$.
        beta: The boundary $\beta$ between near and far: a number, or one for each anchor, `(N,)`,
            such as that of its class.
        count: `"triplets"` or `"pairs"`.
        distance: `"euclidean"` (the paper's), `"squared_euclidean"`, `"manhattan"`, `"cosine"`
            (1 − the cosine), `"snr"`, or a number $p \ge 1$ for the $L_p$ distance.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        ref_weights: How much each of them counts, `(M,)`; or for each anchor, `(N, M)`: a pair of
            weight $w$ as $w$ equal ones.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, a negative margin or unknown settings.

    References:
        Chao-Yuan Wu, R. Manmatha, Alexander J. Smola and Philipp Krähenbühl, "Sampling Matters in
        Deep Embedding Learning", ICCV 2017.

    Where peers differ:
        pytorch-metric-learning's `MarginLoss` is the same, of normalised embeddings by default. The
        paper draws one negative for each positive, by its distance; here all count, unless
        `ref_mask` says which.

    Examples:
        >>> values = margin_loss([0, 0, 1], [[0.0], [1.5], [2.5]])
        >>> [round(float(value), 4) for value in values]  # 3 * (0.5, 0.5 + 0.4, 0) / 3
        [0.5, 0.9, 0.0]
    """
    _require(margin, count, distance, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    weights = as_pair_weights(ref_weights, found)

    def of_block(block: Pairs, *given: Tensor) -> tuple[Tensor, Tensor]:
        w, beta = given[: len(weights)], given[-1]
        positive, negative = weighed_masks(block, w)
        distances = DISTANCES[distance](block.x, block.ref_x)
        kinds = ((positive, negative, distances - beta), (negative, positive, beta - distances))
        total = number = ops.zeros_like(distances[:, 0])
        for pair, others, excess in kinds:
            each = where(pair, positive_part(excess + margin))
            costly = ops.sum(times(indicator(each > 0, each), w), axis=1)
            weight = ops.ones_like(total)
            if count == "triplets":
                weight = ops.sum(times(indicator(others, each), w), axis=1)
            total = total + weight * ops.sum(times(each, w), axis=1)
            number = number + weight * costly
        return total, number

    beta = _as_boundary(beta, found.x)
    by_anchor = len(beta.shape) > 0
    of_anchors, shared = ((*weights, beta), ()) if by_anchor else (weights, (beta,))
    sums = in_blocks(found, of_block, block_size, of_anchors, shared)
    return ops.cast(per_anchor(found, *sums), found.dtype)


def _as_boundary(beta: ArrayLike, like: Tensor) -> Tensor:
    """A number, or one for each anchor, `(N, 1)`."""
    beta = ops.convert_to_tensor(beta, dtype=like.dtype)  # not by way of float32
    shape = tuple(beta.shape)
    if shape and (
        len(shape) != 1 or (shape[0] != like.shape[0] and None not in (*shape, *like.shape))
    ):
        raise ValueError(
            "`beta` must be a number, or one for each anchor, of shape "
            f"({like.shape[0]},). Received: beta.shape={shape}."
        )
    return ops.expand_dims(beta, 1) if shape else beta


@register
class MarginLoss(Loss):
    """Margin loss of the batch; see `margin_loss` for the formula and the paper.

    Args:
        margin, count, distance: As for the function.
        beta: The boundary between near and far, a number.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(margin_loss)
    sees_others = True

    def __init__(
        self,
        margin: float = 0.2,
        beta: float = 1.2,
        count: str = "triplets",
        distance: Distance = "euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "margin_loss",
        dtype: Any = None,
    ):
        _require(margin, count, distance, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "margin": margin,
            "beta": beta,
            "count": count,
            "distance": distance,
            "block_size": block_size,
        }
