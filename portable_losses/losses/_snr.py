"""Contrastive loss of signal-to-noise distances."""

from typing import Any

from keras import ops

from portable_losses._distances import DISTANCES
from portable_losses._inputs import require_at_least
from portable_losses._numerics import absolute
from portable_losses._pairwise import Pairs, pairs, require_block_size
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._contrastive_labels import values_of_sides
from portable_losses.losses._pair_weights import as_pair_weights


def _require(
    margin: float, positive_margin: float, zero_mean: float, block_size: int | None
) -> None:
    require_block_size(block_size)
    require_at_least("margin", margin, 0)
    require_at_least("positive_margin", positive_margin, 0)
    require_at_least("zero_mean", zero_mean, 0)


@register
def snr_contrastive(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    positive_margin: float = 0.0,
    zero_mean: float = 0.0,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Contrastive loss of all pairs of the batch, of signal-to-noise distances.

    $$ \ell_i = \frac{N}{A_+} \sum_{p \in P(i)} \max(D_{ip} - m_+, 0)
       + \frac{N}{A_-} \sum_{n \in N(i)} \max(m - D_{in}, 0)
       + \lambda \Bigl|\sum_k x_{ik}\Bigr|, \qquad
       D_{ij} = \frac{\mathrm{Var}(x_i - x_j)}{\mathrm{Var}(x_i)} $$

    with variances among the coordinates of one vector, $P(i)$ the references of the class of anchor
    $i$ but itself, and $N(i)$ those of other classes. The anchor is the signal, and what the other
    differs from it the noise. The mean over the batch is that over the $A_+$ positive pairs that
    cost something and that over such $A_-$ negative pairs, added up.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come. An anchor whose coordinates are all
            equal is no signal: its distances are 0, with gradient 0.
        margin: The distance $m$ from which on negatives cost nothing.
        positive_margin: The distance $m_+$ up to which positives cost nothing.
        zero_mean: The paper's $\lambda$, which draws the mean of each anchor's coordinates to 0:
            the distance does not see it.
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
        ValueError: for shapes that do not fit, or a negative setting.

    References:
        Tongtong Yuan, Weihong Deng, Jian Tang, Yinan Tang and Binghui Chen, "Signal-to-Noise Ratio:
        A Robust Distance Metric for Deep Metric Learning", CVPR 2019.

    Where peers differ:
        pytorch-metric-learning's `SignalToNoiseRatioContrastiveLoss(pos_margin, neg_margin)` is the
        same with `zero_mean=0` of normalised embeddings, and NaN at a zero vector. For other losses
        of this distance: `distance="snr"`.

    Examples:
        >>> x = [[1.0, -1.0], [2.0, -2.0], [1.5, -1.5]]
        >>> values = snr_contrastive([0, 0, 1], x)  # distances 1; 1/4 | 1/4; 1/16 | 1/9, 1/9
        >>> [round(float(value), 4) for value in values]
        [2.0625, 1.0781, 1.3333]
    """
    _require(margin, positive_margin, zero_mean, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def excesses(block: Pairs) -> tuple[Tensor, Tensor]:
        distances = DISTANCES["snr"](block.x, block.ref_x)
        return distances - positive_margin, margin - distances

    values = values_of_sides(
        found,
        excesses,
        block_size,
        power=1,
        average="nonzero",
        pair_weights=as_pair_weights(ref_weights, found),
    )
    if zero_mean:
        values = values + zero_mean * absolute(ops.sum(found.x, axis=1))
    return ops.cast(values, found.dtype)


@register
class SNRContrastive(Loss):
    """Contrastive loss of signal-to-noise distances; see `snr_contrastive` for the formula.

    Args:
        margin, positive_margin, zero_mean: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(snr_contrastive)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        positive_margin: float = 0.0,
        zero_mean: float = 0.0,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "snr_contrastive",
        dtype: Any = None,
    ):
        _require(margin, positive_margin, zero_mean, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "margin": margin,
            "positive_margin": positive_margin,
            "zero_mean": zero_mean,
            "block_size": block_size,
        }
