"""Tuplet margin loss, and the intra-pair variance loss of the same paper."""

import math
from typing import Any

from keras import ops

from portable_losses._distances import dot, euclidean
from portable_losses._inputs import require_at_least
from portable_losses._numerics import divide, indicator, log_sum_exp, where
from portable_losses._pairwise import (
    Pairs,
    in_blocks,
    masks,
    pairs,
    per_anchor,
    require_block_size,
    with_units,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import require_margin
from portable_losses.losses._base import Loss, register
from portable_losses.losses._contrastive_labels import values_of_sides


@register
def tuplet_margin(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 0.1,
    scale: float = 64.0,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Tuplet margin loss of all positive pairs.

    $$ \ell_i = \frac{N}{\sum_k |P(k)|} \sum_{p \in P(i)} \log \Bigl(1 + \sum_{n \in N(i)}
       e^{s (\cos \theta_{in} - \cos(\theta_{ip} - \beta))}\Bigr) $$

    with $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$ those of other
    classes. The mean over the batch is that over all positive pairs; a pair whose anchor has no
    negative has the value 0 in it. The slack $\beta$ spares pairs that are near already: those
    within a class that differ most would otherwise overfit.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        margin: The paper's $\beta$ in radians.
        scale: The paper's $s$.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or settings out of range.

    References:
        Baosheng Yu and Dacheng Tao, "Deep Metric Learning with Tuplet Margin Loss", ICCV 2019.

    Where peers differ:
        pytorch-metric-learning's `TupletMarginLoss(margin, scale)` is the same, its margin being in
        degrees; 5.73, its default, is 0.1 here. It is NaN between equal embeddings, or its gradient
        is.

    Examples:
        >>> values = tuplet_margin([0, 0, 1], [[1.0, 0.0], [2.0, 0.0], [0.6, 0.8]], scale=1.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + e^(0.6 - cos 0.1)) * 3 / 2
        [0.7725, 0.7725, 0.0]
    """
    require_margin(margin, scale)
    require_block_size(block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))

    def of_block(block: Pairs, scale: Tensor) -> tuple[Tensor, Tensor]:
        positive, negative = masks(block)
        s = dot(block.x, block.ref_x)
        near = s * math.cos(margin) + _sines(block) * math.sin(margin)
        away = log_sum_exp(scale * s, negative, axis=1, keepdims=True)
        costs = ops.logical_and(positive, ops.any(negative, axis=1, keepdims=True))
        each = where(costs, ops.softplus(away - scale * near))
        return ops.sum(each, axis=1), ops.sum(indicator(positive, each), axis=1)

    # A block sees tensors that are trained only among its arguments.
    shared = (ops.convert_to_tensor(scale, dtype=found.x.dtype),)
    sums = in_blocks(found, of_block, block_size, shared=shared)
    return ops.cast(per_anchor(found, *sums), found.dtype)


def _sines(found: Pairs) -> Tensor:
    """Of the angles between unit vectors: ½ ‖x − y‖ ‖x + y‖, which near 0 and π keeps the digits
    that √(1 − cos²) loses, and has the gradient 0 there. A zero vector is at a right angle to all.
    """
    sines = euclidean(found.x, found.ref_x) * euclidean(found.x, -found.ref_x) / 2
    lengths = (ops.sum(ops.square(x), axis=1) for x in (found.x, found.ref_x))
    x, y = (length > 0.5 for length in lengths)
    both = ops.logical_and(ops.expand_dims(x, 1), ops.expand_dims(y, 0))
    return where(both, sines, 1.0)


@register
class TupletMargin(Loss):
    """Tuplet margin loss of the batch; see `tuplet_margin` for the formula and the paper.

    Args:
        margin, scale: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(tuplet_margin)
    sees_others = True

    def __init__(
        self,
        margin: float = 0.1,
        scale: float = 64.0,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tuplet_margin",
        dtype: Any = None,
    ):
        require_margin(margin, scale)
        require_block_size(block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"margin": margin, "scale": scale, "block_size": block_size}


def _require(positive_epsilon: float, negative_epsilon: float, block_size: int | None) -> None:
    require_block_size(block_size)
    require_at_least("positive_epsilon", positive_epsilon, 0)
    require_at_least("negative_epsilon", negative_epsilon, 0)


@register
def intra_pair_variance(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    positive_epsilon: float = 0.01,
    negative_epsilon: float = 0.01,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Intra-pair variance loss: positive pairs should be as similar as one another, and so should
    negative pairs.

    $$ \ell_i = \frac{N}{\sum_k |P(k)|} \sum_{p \in P(i)} \max((1 - \epsilon_+) \mu_+ - s_{ip}, 0)^2
       + \frac{N}{\sum_k |N(k)|} \sum_{n \in N(i)} \max(s_{in} - (1 + \epsilon_-) \mu_-, 0)^2 $$

    with $s$ the cosines, $P(i)$ the references of the class of anchor $i$ but itself, $N(i)$ those
    of other classes, and $\mu_+$ and $\mu_-$ the mean cosines of all positive and of all negative
    pairs. The mean over the batch is that over positive pairs and that over negative pairs, added
    up. By itself it does not tell classes apart: the paper adds it to `tuplet_margin`.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        positive_epsilon, negative_epsilon: The paper's $\epsilon$ for
            pairs of one class and of two.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a negative epsilon.

    References:
        Baosheng Yu and Dacheng Tao, "Deep Metric Learning with Tuplet Margin Loss", ICCV 2019.

    Where peers differ:
        pytorch-metric-learning's `IntraPairVarianceLoss(pos_eps, neg_eps)` is the same.

    Examples:
        >>> x = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
        >>> values = intra_pair_variance([0, 0, 0, 1], x)  # means 1/3, 1/3
        >>> [round(float(value), 4) for value in values]
        [0.4385, 0.0726, 0.0726, 0.2933]
    """
    _require(positive_epsilon, negative_epsilon, block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))

    once = dot(found.x, found.ref_x) if block_size is None else None

    def cosines(block: Pairs) -> Tensor:
        return dot(block.x, block.ref_x) if once is None else once

    def sums(block: Pairs) -> tuple[Tensor, ...]:
        s, columns = cosines(block), []
        for pair in masks(block):
            there = ops.logical_and(pair, ops.expand_dims(block.counted, 1))
            columns += [where(there, s), indicator(there, s)]
        return tuple(ops.sum(column, axis=1) for column in columns)

    def excesses(block: Pairs, of_positives: Tensor, of_negatives: Tensor) -> tuple[Tensor, Tensor]:
        s = cosines(block)
        return (1 - positive_epsilon) * of_positives - s, s - (1 + negative_epsilon) * of_negatives

    total, count, of_negatives, number = map(ops.sum, in_blocks(found, sums, block_size))
    means = divide(total, count), divide(of_negatives, number)
    return ops.cast(values_of_sides(found, excesses, block_size, means), found.dtype)


@register
class IntraPairVariance(Loss):
    """Intra-pair variance loss of the batch; see `intra_pair_variance` for the formula.

    Args:
        positive_epsilon, negative_epsilon: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(intra_pair_variance)
    sees_others = True

    def __init__(
        self,
        positive_epsilon: float = 0.01,
        negative_epsilon: float = 0.01,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "intra_pair_variance",
        dtype: Any = None,
    ):
        _require(positive_epsilon, negative_epsilon, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "positive_epsilon": positive_epsilon,
            "negative_epsilon": negative_epsilon,
            "block_size": block_size,
        }
