"""N-pair loss: a softmax of dot products, in which each anchor finds those of its class."""

from typing import Any

from keras import ops

from portable_losses._pairwise import pairs
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._supcon import softmax_values


@register
def npairs(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Multi-class N-pair loss.

    $$ \ell_i = \frac{N}{N_+} \frac{-1}{|P(i)|} \sum_{p \in P(i)} \log
       \frac{e^{x_i \cdot x_p}}{\sum_{a \in A(i)} e^{x_i \cdot x_a}} $$

    with $A(i)$ all references of anchor $i$ but itself, and $P(i)$ those of its class. An anchor
    without any has the value 0. The factor makes the mean over the batch one over the $N_+$
    anchors that have some. Of the paper's batch, two samples of each class, the first are anchors
    and the second references:

        npairs(labels, anchors, ref_labels=labels, ref_embeddings=positives)

    Without references each sample has all others. The paper adds a penalty on the lengths of the
    embeddings: an activity regularizer of the last layer.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    References:
        Kihyuk Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", NIPS
        2016.

    Where peers differ:
        TensorFlow Addons' `NpairsLoss` takes the dot products of anchors and positives in place
        of embeddings, and is the same with those as above. pytorch-metric-learning's `NPairsLoss`
        finds them itself: of each class the first two samples of the batch.

    Examples:
        >>> values = npairs([0, 1], [[1.0, 0.0], [0.0, 1.0]],
        ...                 ref_labels=[0, 1], ref_embeddings=[[2.0, 0.0], [0.0, 2.0]])
        >>> [round(float(value), 4) for value in values]  # log(1 + e^-2)
        [0.1269, 0.1269]
    """
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)
    return ops.cast(softmax_values(found), found.dtype)


@register
class NPairs(Loss):
    """Multi-class N-pair loss of the batch; see `npairs` for the formula and the paper.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(npairs)
    sees_others = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "npairs",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
