"""Supervised contrastive loss: a softmax over all others, averaged over those of one's class."""

from typing import Any

from keras import ops

from portable_losses._inputs import require_above
from portable_losses._numerics import divide, exp_where, indicator, largest_of, where
from portable_losses._pairwise import (
    Pairs,
    dot,
    in_blocks,
    pairs,
    per_anchor,
    require_block_size,
    with_units,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._pair_weights import as_pair_weights, times, weighed_masks


def _mean_of_positives(found: Pairs, w: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Of a softmax of dot products over all references, the mean of −log over those of the
    anchor's class; and whether it has any."""
    positive, negative = weighed_masks(found, w)
    either = ops.logical_or(positive, negative)
    logits = dot(found.x, found.ref_x)
    logits = logits - largest_of(logits, either, axis=1)  # before two of them, which may be near
    has = ops.sum(indicator(positive, logits), axis=1) > 0
    total = ops.sum(times(exp_where(either, logits), w), axis=1)
    both = where(positive, logits), indicator(positive, logits)
    mean = divide(*(ops.sum(times(x, w), axis=1) for x in both))
    values = ops.log(where(has, total, 1.0)) - mean
    return where(has, values), indicator(ops.logical_and(found.counted, has), logits)


def softmax_values(
    found: Pairs,
    temperature: float = 1.0,
    block_size: int | None = None,
    weights: tuple[Tensor, ...] = (),
) -> Tensor:
    """Their mean over the batch is that over the anchors that have a positive."""

    def of_block(block: Pairs, *w: Tensor) -> tuple[Tensor, Tensor]:
        return _mean_of_positives(block, w)

    found = found._replace(x=found.x / temperature)  # a block sees no tensor that is trained
    return per_anchor(found, *in_blocks(found, of_block, block_size, weights))


@register
def supcon(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    temperature: float = 0.1,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Supervised contrastive loss, $\mathcal{L}_{out}$ of the paper.

    $$ \ell_i = \frac{N}{N_+} \frac{-1}{|P(i)|} \sum_{p \in P(i)} \log
       \frac{e^{\cos(x_i, x_p) / \tau}}{\sum_{a \in A(i)} e^{\cos(x_i, x_a) / \tau}} $$

    with $A(i)$ all references of anchor $i$ but itself, and $P(i)$ those of its class. An anchor
    without any has the value 0. The factor makes the mean over the batch one over the $N_+$
    anchors that have some.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        temperature: The paper's $\tau$.
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
        ValueError: for shapes that do not fit, or a temperature not above 0.

    References:
        Prannay Khosla, Piotr Teterwak, Chen Wang, Aaron Sarna, Yonglong Tian, Phillip Isola, Aaron
        Maschinot, Ce Liu and Dilip Krishnan, "Supervised Contrastive Learning", NeurIPS 2020.

    Where peers differ:
        pytorch-metric-learning's `SupConLoss` has the same mean. But it is 0 where no pair of the
        batch is of different classes, and anchors whose loss rounds to 0 do not count in its
        mean. The authors' code averages over all anchors, those without a positive as 0,
        multiplies by $\tau / 0.07$, and takes several views of a sample as `(N, views, d)`: stack
        them here, and repeat the labels.

    Examples:
        >>> values = supcon([0, 0, 1], [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], temperature=1.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + e^-1) * 3 / 2
        [0.4699, 0.4699, 0.0]
    """
    require_above("temperature", temperature, 0)
    require_block_size(block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))
    weights = as_pair_weights(ref_weights, found)
    return ops.cast(softmax_values(found, temperature, block_size, weights), found.dtype)


@register
class SupCon(Loss):
    """Supervised contrastive loss of the batch; see `supcon` for the formula and the paper.

    Args:
        temperature: The paper's temperature.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(supcon)
    sees_others = True

    def __init__(
        self,
        temperature: float = 0.1,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "supcon",
        dtype: Any = None,
    ):
        require_above("temperature", temperature, 0)
        require_block_size(block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"temperature": temperature, "block_size": block_size}
