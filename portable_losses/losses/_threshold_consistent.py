"""Threshold-consistent margin loss: one threshold of similarity for every class."""

from typing import Any

from keras import ops

from portable_losses._distances import dot
from portable_losses._inputs import require_at_least, require_within
from portable_losses._pairwise import Pairs, pairs, require_block_size, with_units
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._contrastive_labels import values_of_sides
from portable_losses.losses._pair_weights import as_pair_weights


def _require(
    positive_margin: float,
    negative_margin: float,
    positive_weight: float,
    negative_weight: float,
    block_size: int | None,
) -> None:
    require_block_size(block_size)
    require_within("positive_margin", positive_margin, -1, 1)
    require_within("negative_margin", negative_margin, -1, 1)
    require_at_least("positive_weight", positive_weight, 0)
    require_at_least("negative_weight", negative_weight, 0)


@register
def threshold_consistent_margin(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    positive_margin: float = 0.9,
    negative_margin: float = 0.5,
    positive_weight: float = 1.0,
    negative_weight: float = 1.0,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Threshold-consistent margin (TCM) loss.

    $$ \ell_i = \lambda_+ \frac{N}{A_+} \sum_{p \in P(i)} \max(m_+ - s_{ip}, 0)
       + \lambda_- \frac{N}{A_-} \sum_{n \in N(i)} \max(s_{in} - m_-, 0) $$

    with $s$ the cosines, $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$
    those of other classes. The mean over the batch is that over the $A_+$ positive pairs that cost
    something and that over such $A_-$ negative pairs, weighed and added up. The paper adds it to
    another loss, so that one threshold of similarity suits all classes.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        positive_margin: The cosine $m_+$ from which on positives cost nothing.
        negative_margin: The cosine $m_-$ up to which negatives cost nothing.
        positive_weight, negative_weight: The paper's $\lambda_+$ and $\lambda_-$.
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
        ValueError: for shapes that do not fit, or settings out of range.

    References:
        Qin Zhang, Linghan Xu, Qingming Tang, Jun Fang, Ying Nian Wu, Joe Tighe and Yifan Xing,
        "Threshold-Consistent Margin Loss for Open-World Deep Metric Learning", ICLR 2024.

    Where peers differ:
        pytorch-metric-learning's `ThresholdConsistentMarginLoss(lambda_plus, lambda_minus,
        margin_plus, margin_minus)` is the same without references, which it looks up in the batch.
        `contrastive_labels(margin=1 - negative_margin, positive_margin=1 - positive_margin,
        power=1, average="nonzero", distance="cosine")` is this with both weights at 1.

    Examples:
        >>> x = [[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]]
        >>> values = threshold_consistent_margin([0, 0, 1], x)  # cosines 0.6 | 0.8, 0.96
        >>> [round(float(value), 4) for value in values]
        [0.675, 0.795, 0.57]
    """
    _require(positive_margin, negative_margin, positive_weight, negative_weight, block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))

    def excesses(block: Pairs) -> tuple[Tensor, Tensor]:
        s = dot(block.x, block.ref_x)
        return positive_margin - s, s - negative_margin

    values = values_of_sides(
        found,
        excesses,
        block_size,
        power=1,
        average="nonzero",
        weights=(positive_weight, negative_weight),
        pair_weights=as_pair_weights(ref_weights, found),
    )
    return ops.cast(values, found.dtype)


@register
class ThresholdConsistentMargin(Loss):
    """Threshold-consistent margin loss; see `threshold_consistent_margin` for the formula.

    Args:
        positive_margin, negative_margin, positive_weight, negative_weight: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(threshold_consistent_margin)
    sees_others = True

    def __init__(
        self,
        positive_margin: float = 0.9,
        negative_margin: float = 0.5,
        positive_weight: float = 1.0,
        negative_weight: float = 1.0,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "threshold_consistent_margin",
        dtype: Any = None,
    ):
        _require(positive_margin, negative_margin, positive_weight, negative_weight, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "positive_margin": positive_margin,
            "negative_margin": negative_margin,
            "positive_weight": positive_weight,
            "negative_weight": negative_weight,
            "block_size": block_size,
        }
