"""N-pair loss: a softmax of dot products, in which each anchor finds those of its class; and of
samples with several labels, those that share some."""

from typing import Any

import keras
from keras import ops

from portable_losses._distances import dot
from portable_losses._numerics import divide, log_softmax, where
from portable_losses._pairwise import masks, pairs, per_anchor, require_block_size
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._supcon import softmax_values


@register
def npairs(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    block_size: int | None = None,
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
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
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
    require_block_size(block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)
    return ops.cast(softmax_values(found, block_size=block_size), found.dtype)


@register
class NPairs(Loss):
    """Multi-class N-pair loss of the batch; see `npairs` for the formula and the paper.

    Args:
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(npairs)
    sees_others = True

    def __init__(
        self,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "npairs",
        dtype: Any = None,
    ):
        require_block_size(block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"block_size": block_size}


@register
def npairs_multilabel(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Multi-class N-pair loss of samples with several labels.

    $$ \ell_i = -\frac{N}{N_+} \sum_{a \in A(i)} \frac{L_{ia}}{\sum_b L_{ib}} \log
       \frac{e^{x_i \cdot x_a}}{\sum_{b \in A(i)} e^{x_i \cdot x_b}} $$

    with $A(i)$ all references of anchor $i$ but itself, and $L_{ia}$ how many labels the two share.
    An anchor that shares none has the value 0; the factor makes the mean over the batch one over
    the $N_+$ others. With one label each it is `npairs`. Of anchors and their positives:

        npairs_multilabel(labels, anchors, ref_labels=labels, ref_embeddings=positives)

    Args:
        y_true: Which labels a sample has, `(N, C)` of numbers 0 and 1, or weights of labels; or, as
            elsewhere, ids `(N,)` or `(N, 1)`, or a mask of pairs, bool `(N, M)`.
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
        2016; for several labels as in TensorFlow's `npairs_loss_multilabel`.

    Where peers differ:
        TensorFlow Addons' `NpairsMultilabelLoss` takes the dot products of anchors and positives in
        place of embeddings, and is the same with those as above. It is NaN where a sample has no
        label at all.

    Examples:
        >>> labels = [[1, 1], [1, 0], [0, 1]]
        >>> values = npairs_multilabel(labels, [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
        >>> [round(float(value), 4) for value in values]  # log(1 + e^2) - 1, and so on
        [1.1269, 0.1269, 0.6931]
    """
    shared = _shared_labels(y_true, ref_labels)
    if shared is None:
        found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)
        return ops.cast(softmax_values(found), found.dtype)
    found = pairs(shared > 0, y_pred, None, ref_embeddings, ref_mask, mask)
    positive, negative = masks(found)
    chances = log_softmax(
        dot(found.x, found.ref_x), axis=1, mask=ops.logical_or(positive, negative)
    )
    shared = where(positive, ops.cast(shared, chances.dtype))
    total = ops.sum(shared, axis=1)
    values = -divide(ops.sum(shared * chances, axis=1), total)
    return ops.cast(per_anchor(found, values, total > 0), found.dtype)


def _shared_labels(y_true: ArrayLike, ref_labels: ArrayLike | None) -> Tensor | None:
    """How many labels an anchor and a reference share, `(N, M)`; None of ids and masks."""
    labels = ops.convert_to_tensor(y_true)
    others = labels if ref_labels is None else ops.convert_to_tensor(ref_labels)
    several = len(labels.shape) == 2 and labels.shape[1] != 1
    if not several or keras.backend.standardize_dtype(labels.dtype) == "bool":
        return None
    if len(others.shape) != 2 or others.shape[1] != labels.shape[1]:
        raise ValueError(
            "Labels of references must have a column for each of those of y_true. Received: "
            f"y_true.shape={tuple(labels.shape)}, ref_labels.shape={tuple(others.shape)}."
        )
    return dot(*(ops.cast(y, "float32") for y in (labels, others)))


@register
class NPairsMultilabel(Loss):
    """N-pair loss of samples with several labels; see `npairs_multilabel` for the formula.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(npairs_multilabel)
    sees_others = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "npairs_multilabel",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
