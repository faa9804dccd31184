"""Lifted structured loss: a positive pair against the negatives of both of its samples; and its
generalised form, of all positives of an anchor against all negatives."""

from typing import Any

from keras import ops

from portable_losses._distances import Distance
from portable_losses._inputs import require_at_least, require_choice
from portable_losses._numerics import indicator, log_sum_exp, positive_part, where
from portable_losses._pairwise import (
    DISTANCES,
    Pairs,
    in_blocks,
    masks,
    pairs,
    per_anchor,
    require_block_size,
    require_distance,
    swapped,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._pair_weights import as_pair_weights, plus_logs, weighed_masks


def _require(margin: float, distance: Distance, block_size: int | None) -> None:
    require_block_size(block_size)
    require_at_least("margin", margin, 0)
    require_distance(distance)


@register
def lifted_structure(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    distance: Distance = "euclidean",
    block_size: int | None = None,
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
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        margin: The paper's $\alpha$, here $m$.
        distance: `"euclidean"` (the paper's), `"squared_euclidean"`, `"manhattan"`, `"cosine"`
            (1 − the cosine), `"snr"`, or a number $p \ge 1$ for the $L_p$ distance.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
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
    _require(margin, distance, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def of_block(block: Pairs, *of_references: Tensor) -> tuple[Tensor, Tensor]:
        positive, negative = masks(block)
        negative = ops.logical_and(negative, ops.expand_dims(block.counted, 1))
        distances = DISTANCES[distance](block.x, block.ref_x)
        push, has = _pushes(margin - distances, negative, 1)
        push_of_p, p_has = of_references or _pushes(margin - distances, negative, 0)
        each = ops.square(positive_part(distances + _log_add(push, push_of_p, has, p_has))) / 2
        usable = ops.logical_and(positive, ops.logical_or(has, p_has))
        each = where(usable, each)
        return ops.sum(each, axis=1), ops.sum(indicator(usable, each), axis=1)

    def of_references(block: Pairs) -> tuple[Tensor, Tensor]:
        distances = ops.transpose(DISTANCES[distance](block.ref_x, block.x))
        push, has = _pushes(margin - distances, masks(block)[1], 1)
        return push[:, 0], indicator(has[:, 0], push)

    shared: tuple[Tensor, ...] = ()
    if block_size is not None:  # a block of anchors does not see all negatives of a reference
        push, has = in_blocks(swapped(found), of_references, block_size)
        shared = ops.expand_dims(push, 0), ops.expand_dims(has > 0, 0)
    sums = in_blocks(found, of_block, block_size, shared=shared)
    return ops.cast(per_anchor(found, *sums), found.dtype)


def _pushes(costs: Tensor, negative: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """log Σ e^cost over the negatives, and whether there is one."""
    there = ops.any(negative, axis=axis, keepdims=True)
    return log_sum_exp(costs, negative, axis=axis, keepdims=True), there


def _log_add(x: Tensor, y: Tensor, has_x: Tensor, has_y: Tensor) -> Tensor:
    """log (e^x + e^y), of those that there are; 0 of none."""
    low = -float("inf")
    x, y = (where(has, z, low) for z, has in ((x, has_x), (y, has_y)))
    largest = ops.stop_gradient(ops.maximum(x, y))
    largest = where(largest > low, largest)
    total = ops.exp(x - largest) + ops.exp(y - largest)
    return largest + ops.log(where(total > 0, total, 1.0))


@register
class LiftedStructure(Loss):
    """Lifted structured loss; see `lifted_structure` for the formula and the paper.

    Args:
        margin, distance: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(lifted_structure)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        distance: Distance = "euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "lifted_structure",
        dtype: Any = None,
    ):
        _require(margin, distance, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"margin": margin, "distance": distance, "block_size": block_size}


SINGLETONS = ("ignore", "push")


@register
def generalized_lifted_structure(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    singletons: str = "ignore",
    distance: Distance = "euclidean",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Generalised lifted structured loss.

    $$ \ell_i = \frac{N}{N_+} \max\Bigl(\log \sum_{p \in P(i)} e^{D_{ip}}
       + \log \sum_{n \in N(i)} e^{m - D_{in}}, 0\Bigr) $$

    with $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$ those of other
    classes: batch hard with soft extremes. An anchor that lacks either has the value 0; the factor
    makes the mean over the batch one over the $N_+$ others.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        margin: The paper's $m$.
        singletons: What an anchor without a positive does. `"ignore"`: nothing. `"push"`: it is
            pushed off its negatives, as if it had a positive at distance 0, and counts in the mean.
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
        Alexander Hermans, Lucas Beyer and Bastian Leibe, "In Defense of the Triplet Loss for
        Person Re-Identification", arXiv:1703.07737, 2017.

    Where peers differ:
        pytorch-metric-learning's `GeneralizedLiftedStructureLoss(neg_margin)` has
        `singletons="push"`, and in a batch of one class draws all together, where here nothing
        costs; it normalises the embeddings by default.

    Examples:
        >>> values = generalized_lifted_structure([0, 0, 1], [[0.0], [1.0], [1.5]])
        >>> [round(float(value), 4) for value in values]  # (1 - 0.5, 1 + 0.5) * 3 / 2
        [0.75, 2.25, 0.0]
    """
    _require(margin, distance, block_size)
    require_choice("singletons", singletons, SINGLETONS)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def of_block(block: Pairs, *w: Tensor) -> tuple[Tensor, Tensor]:
        positive, negative = weighed_masks(block, w)
        distances = DISTANCES[distance](block.x, block.ref_x)
        each = log_sum_exp(plus_logs(distances, w), positive)
        each = each + log_sum_exp(plus_logs(margin - distances, w), negative)
        usable = ops.any(negative, axis=1)
        if singletons == "ignore":
            usable = ops.logical_and(usable, ops.any(positive, axis=1))
        each = where(usable, positive_part(each))
        return each, indicator(usable, each)

    sums = in_blocks(found, of_block, block_size, as_pair_weights(ref_weights, found))
    return ops.cast(per_anchor(found, *sums), found.dtype)


@register
class GeneralizedLiftedStructure(Loss):
    """Generalised lifted structured loss; see `generalized_lifted_structure` for the formula.

    Args:
        margin, singletons, distance: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(generalized_lifted_structure)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        singletons: str = "ignore",
        distance: Distance = "euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "generalized_lifted_structure",
        dtype: Any = None,
    ):
        _require(margin, distance, block_size)
        require_choice("singletons", singletons, SINGLETONS)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "margin": margin,
            "singletons": singletons,
            "distance": distance,
            "block_size": block_size,
        }
