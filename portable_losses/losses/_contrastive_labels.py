"""Contrastive loss of all pairs of a batch, by labels."""

from collections.abc import Callable
from typing import Any

from keras import ops

from portable_losses._distances import Distance
from portable_losses._inputs import require_at_least, require_choice
from portable_losses._numerics import indicator, positive_part, where
from portable_losses._pairwise import (
    DISTANCES,
    Pairs,
    in_blocks,
    pairs,
    per_anchor,
    require_block_size,
    require_distance,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._pair_weights import as_pair_weights, times, weighed_masks

AVERAGES = ("nonzero", "all")
POWERS = (1, 2)


def _require(
    margin: float,
    positive_margin: float,
    power: int,
    average: str,
    distance: Distance,
    block_size: int | None,
) -> None:
    require_block_size(block_size)
    require_at_least("margin", margin, 0)
    require_at_least("positive_margin", positive_margin, 0)
    require_choice("power", power, POWERS)
    require_choice("average", average, AVERAGES)
    require_distance(distance)


@register
def contrastive_labels(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    positive_margin: float = 0.0,
    power: int = 2,
    average: str = "all",
    distance: Distance = "euclidean",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Contrastive loss of all pairs of the batch.

    $$ \ell_i = \frac{N}{A_+} \sum_{p \in P(i)} \max(D_{ip} - m_+, 0)^k
       + \frac{N}{A_-} \sum_{n \in N(i)} \max(m - D_{in}, 0)^k $$

    with $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$ those of other
    classes. The mean over the batch is that over $A_+$ positive pairs and that over $A_-$ negative
    pairs, added up: however few the positives are, they weigh as much as the negatives.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        margin: The distance $m$ from which on negatives cost nothing.
        positive_margin: The distance $m_+$ up to which positives cost nothing.
        power: $k$, 2 as in the paper or 1.
        average: $A_+$ and $A_-$ count all pairs (`"all"`), or those that cost something
            (`"nonzero"`).
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
        Raia Hadsell, Sumit Chopra and Yann LeCun, "Dimensionality Reduction by Learning an
        Invariant Mapping", CVPR 2006, of given pairs: that is `contrastive`.

    Where peers differ:
        pytorch-metric-learning's `ContrastiveLoss` has `power=1` and `average="nonzero"`, and
        normalises the embeddings; its `pos_margin` and `neg_margin` are `positive_margin` and
        `margin` here.

    Examples:
        >>> values = contrastive_labels([0, 0, 1], [[0.0], [1.0], [1.5]])
        >>> [round(float(value), 4) for value in values]  # 3/2 * 1, and 3/4 * 1/4 for each negative
        [1.5, 1.6875, 0.1875]
    """
    _require(margin, positive_margin, power, average, distance, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def excesses(block: Pairs) -> tuple[Tensor, Tensor]:
        distances = DISTANCES[distance](block.x, block.ref_x)
        return distances - positive_margin, margin - distances

    counts = as_pair_weights(ref_weights, found)
    values = values_of_sides(
        found, excesses, block_size, power=power, average=average, pair_weights=counts
    )
    return ops.cast(values, found.dtype)


def values_of_sides(
    found: Pairs,
    excesses: Callable[..., tuple[Tensor, Tensor]],
    block_size: int | None,
    shared: tuple[Tensor, ...] = (),
    power: int = 2,
    average: str = "all",
    weights: tuple[float, float] = (1.0, 1.0),
    pair_weights: tuple[Tensor, ...] = (),
) -> Tensor:
    """What positive and negative pairs cost that exceed their bound: the mean over each of both
    sides, added up. `excesses(block, *shared)` gives by how much they do."""

    def of_block(block: Pairs, *given: Tensor) -> tuple[Tensor, ...]:
        w, shared = given[: len(pair_weights)], given[len(pair_weights) :]
        sums = []
        for pair, excess in zip(weighed_masks(block, w), excesses(block, *shared), strict=True):
            each = positive_part(excess)
            counts = ops.logical_and(pair, each > 0) if average == "nonzero" else pair
            each = where(pair, each if power == 1 else ops.square(each))
            both = each, indicator(counts, each)
            sums += [ops.sum(times(x, w), axis=1) for x in both]
        return tuple(sums)

    total, count, of_negatives, number = in_blocks(
        found, of_block, block_size, pair_weights, shared
    )
    positive, negative = weights
    values = positive * per_anchor(found, total, count)
    return values + negative * per_anchor(found, of_negatives, number)


@register
class ContrastiveLabels(Loss):
    """Contrastive loss of all pairs of the batch; see `contrastive_labels` for the formula.

    Args:
        margin, positive_margin, power, average, distance: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(contrastive_labels)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        positive_margin: float = 0.0,
        power: int = 2,
        average: str = "all",
        distance: Distance = "euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "contrastive_labels",
        dtype: Any = None,
    ):
        _require(margin, positive_margin, power, average, distance, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "margin": margin,
            "positive_margin": positive_margin,
            "power": power,
            "average": average,
            "distance": distance,
            "block_size": block_size,
        }
