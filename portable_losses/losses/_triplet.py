"""Triplets of the batch: a positive should be nearer to its anchor than a negative, by a margin.

The three losses differ in which triplets count. None of them has an entry for each triplet: they
sort the distances of each anchor.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend
from portable_losses._distances import Distance
from portable_losses._inputs import require_at_least, require_choice
from portable_losses._numerics import indicator, masked_mean, positive_part, where
from portable_losses._pairwise import (
    DISTANCES,
    Pairs,
    in_blocks,
    masks,
    pairs,
    per_anchor,
    require_block_size,
    require_distance,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


def _require(margin: float, distance: Distance, block_size: int | None) -> None:
    require_block_size(block_size)
    require_at_least("margin", margin, 0)
    require_distance(distance)


def _count(mask: Tensor, like: Tensor) -> Tensor:
    return ops.sum(indicator(mask, like), axis=1)


# Semi-hard ----------------------------------------------------------------------------------


@register
def triplet_semi_hard(
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
    r"""Triplet loss with the semi-hard negative of each positive pair.

    $$ \ell_i = \frac{N}{\sum_k |P(k)|} \sum_{p \in P(i)} \max(D_{ip} - D_{i n(p)} + m, 0), \qquad
       D_{i n(p)} = \min_{n \in N(i),\, D_{in} > D_{ip}} D_{in} $$

    or the largest $D_{in}$ where none is larger than $D_{ip}$; with $P(i)$ the references of the
    class of anchor $i$ but itself, and $N(i)$ those of other classes. The mean over the batch is
    that over all positive pairs whose anchor has a negative; an anchor without such a pair has
    the value 0.

    Embeddings are taken as they come: normalise them in the network
    (`keras.layers.UnitNormalization`) for a margin of the paper's meaning.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`.
        margin: The paper's $\alpha$, here $m$.
        distance: `"euclidean"`, `"squared_euclidean"` (the paper's), `"manhattan"`, `"cosine"`
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
        Florian Schroff, Dmitry Kalenichenko and James Philbin, "FaceNet: A Unified Embedding for
        Face Recognition and Clustering", CVPR 2015.

    Where peers differ:
        TensorFlow Addons' `TripletSemiHardLoss` is the same, its `"L2"`, `"squared-L2"` and
        `"angular"` being our distances in that order. It is NaN without a positive pair, and in a
        batch of one class takes the anchor itself for its negative; here both are 0.
        pytorch-metric-learning's miner takes every negative up to the margin, not only the
        nearest: `triplet_batch_all` with `triplets="semi_hard"`.

    Examples:
        >>> values = triplet_semi_hard([0, 0, 1, 1], [[0.0], [1.0], [1.5], [4.0]])
        >>> [float(value) for value in values]
        [0.5, 0.0, 2.0, 0.5]
    """
    _require(margin, distance, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def of_block(block: Pairs) -> tuple[Tensor, Tensor]:
        positive, negative = masks(block)
        distances = DISTANCES[distance](block.x, block.ref_x)
        held = ops.stop_gradient(distances)
        column, exists = _backend.nearest_above(held, negative, positive)
        farthest = ops.argmax(where(negative, held, -math.inf), axis=1)
        far = ops.take_along_axis(distances, ops.expand_dims(farthest, 1), axis=1)
        near = _backend.take_wanted(distances, column, ops.logical_and(positive, exists))
        gap = distances - ops.where(exists, near, far)
        usable = ops.logical_and(positive, _total(negative, gap) > 0)
        each = where(usable, positive_part(gap + margin))
        return ops.sum(each, axis=1), _count(usable, gap)

    return ops.cast(per_anchor(found, *in_blocks(found, of_block, block_size)), found.dtype)


@register
class TripletSemiHard(Loss):
    """Triplet loss with semi-hard negatives; see `triplet_semi_hard` for the formula.

    Args:
        margin: How much nearer than the negative the positive should be.
        distance: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(triplet_semi_hard)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        distance: Distance = "euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "triplet_semi_hard",
        dtype: Any = None,
    ):
        _require(margin, distance, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"margin": margin, "distance": distance, "block_size": block_size}


# Hard ---------------------------------------------------------------------------------------

SINGLETONS = ("ignore", "push")


@register
def triplet_hard(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    soft: bool = False,
    distance: Distance = "euclidean",
    singletons: str = "ignore",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Batch hard: the farthest positive of each anchor against its nearest negative.

    $$ \ell_i = \frac{N}{N_+} \max\Bigl(\max_{p \in P(i)} D_{ip} - \min_{n \in N(i)} D_{in} + m,
       0\Bigr) $$

    with $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$ those of other
    classes; with `soft`, $\log(1 + e^{\ldots})$ of the difference without $m$ in place of the
    maximum. An anchor that lacks either has the value 0; the factor makes the mean over the batch
    one over the $N_+$ others.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        margin: The paper's $m$; without effect if `soft`.
        soft: The paper's soft margin.
        distance: `"euclidean"` (the paper's), `"squared_euclidean"`, `"manhattan"`, `"cosine"`
            (1 − the cosine), `"snr"`, or a number $p \ge 1$ for the $L_p$ distance.
        singletons: What an anchor without a positive does. `"ignore"`: nothing. `"push"`: it is
            pushed off its nearest negative, as if it had a positive at distance 0, and counts in
            the mean.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`. Where several positives are
        farthest, or negatives nearest, they share the gradient.

    Raises:
        ValueError: for shapes that do not fit, a negative margin or unknown settings.

    References:
        Alexander Hermans, Lucas Beyer and Bastian Leibe, "In Defense of the Triplet Loss for
        Person Re-Identification", arXiv:1703.07737, 2017.

    Where peers differ:
        TensorFlow Addons' `TripletHardLoss` has `singletons="push"`; its distances `"L2"`,
        `"squared-L2"` and `"angular"` are ours in that order, and in a batch of one class it takes
        the farthest sample for a negative. pytorch-metric-learning's `BatchHardMiner` ignores
        singletons, and with the default reducer of `TripletMarginLoss` triplets without a loss do
        not count either.

    Examples:
        >>> values = triplet_hard([0, 0, 1, 1], [[0.0], [1.0], [1.5], [4.0]])
        >>> [float(value) for value in values]
        [0.5, 1.5, 3.0, 0.5]
    """
    _require(margin, distance, block_size)
    require_choice("singletons", singletons, SINGLETONS)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def of_block(block: Pairs) -> tuple[Tensor, Tensor]:
        positive, negative = masks(block)
        distances = DISTANCES[distance](block.x, block.ref_x)
        gap = extreme(distances, positive) - extreme(distances, negative, least=True)
        each = ops.softplus(gap) if soft else positive_part(gap + margin)
        usable = _count(negative, gap) > 0
        if singletons == "ignore":
            usable = ops.logical_and(usable, _count(positive, gap) > 0)
        return where(usable, each), indicator(usable, each)

    return ops.cast(per_anchor(found, *in_blocks(found, of_block, block_size)), found.dtype)


def extreme(x: Tensor, mask: Tensor, least: bool = False) -> Tensor:
    """The largest `x` of a row where `mask` holds, or the least; 0 and gradient 0 where it holds
    nowhere.

    Entries that are as large, up to rounding, share the gradient. Up to rounding, since a compiler
    may compute `x` twice: the largest of one copy is then found nowhere in the other, and the
    gradient of `ops.amax` is lost.
    """
    held = where(mask, ops.stop_gradient(x), math.inf if least else -math.inf)
    found = (ops.amin if least else ops.amax)(held, axis=1, keepdims=True)
    rounding = 4 * float(np.finfo(keras.backend.standardize_dtype(x.dtype)).eps)
    slack = where(ops.abs(found) < math.inf, rounding * ops.abs(found))
    near = held <= found + slack if least else held >= found - slack
    return masked_mean(x, ops.logical_and(mask, near), axis=1)


@register
class TripletHard(Loss):
    """Batch-hard triplet loss; see `triplet_hard` for the formula and the paper.

    Args:
        margin, soft, distance, singletons: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(triplet_hard)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        soft: bool = False,
        distance: Distance = "euclidean",
        singletons: str = "ignore",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "triplet_hard",
        dtype: Any = None,
    ):
        _require(margin, distance, block_size)
        require_choice("singletons", singletons, SINGLETONS)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "margin": margin,
            "soft": soft,
            "distance": distance,
            "singletons": singletons,
            "block_size": block_size,
        }


# All ----------------------------------------------------------------------------------------

TRIPLETS = ("all", "hard", "semi_hard")
AVERAGES = ("nonzero", "all")


def _require_all(
    margin: float, triplets: str, average: str, distance: Distance, block_size: int | None
) -> None:
    _require(margin, distance, block_size)
    require_choice("triplets", triplets, TRIPLETS)
    require_choice("average", average, AVERAGES)


@register
def triplet_batch_all(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    triplets: str = "all",
    average: str = "nonzero",
    distance: Distance = "euclidean",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Batch all: every triplet of the batch.

    $$ \ell_i = \frac{N}{T} \sum_{p \in P(i)} \sum_{n \in N(i)} \max(D_{ip} - D_{in} + m, 0) $$

    with $P(i)$ the references of the class of anchor $i$ but itself, $N(i)$ those of other classes,
    and $T$ the number of triplets averaged over.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        margin: The paper's $m$.
        triplets: Which of them there are: `"all"`; `"hard"`, of negatives no farther than the
            positive; `"semi_hard"`, of the others.
        average: $T$ counts the triplets that cost something (`"nonzero"`), or those of cost 0 too
            (`"all"`, with all triplets of the batch).
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
        ValueError: for shapes that do not fit, a negative margin or unknown settings.

    References:
        Alexander Hermans, Lucas Beyer and Bastian Leibe, "In Defense of the Triplet Loss for
        Person Re-Identification", arXiv:1703.07737, 2017; `average="nonzero"` is the form they
        found the better.

    Where peers differ:
        pytorch-metric-learning's `TripletMarginLoss(margin=m)` is the same, with $m = 0.05$ and
        normalised embeddings by default; `triplets` is `type_of_triplets` of its
        `TripletMarginMiner` with the same margin.

    Examples:
        >>> values = triplet_batch_all([0, 0, 1, 1], [[0.0], [1.0], [1.5], [4.0]])
        >>> [round(float(value), 4) for value in values]  # 5 of 8 triplets cost something
        [0.4, 1.2, 4.0, 0.4]
    """
    _require_all(margin, triplets, average, distance, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def of_block(block: Pairs) -> tuple[Tensor, Tensor]:
        positive, negative = masks(block)
        distances = DISTANCES[distance](block.x, block.ref_x)
        held = ops.stop_gradient(distances)
        partners, rivals = _partners(held, positive, negative, margin, triplets)
        partners, rivals = (ops.cast(number, distances.dtype) for number in (partners, rivals))
        total = where(positive, partners * (distances + margin))
        total = total - where(negative, rivals * distances)
        if average == "nonzero":
            count = ops.sum(where(positive, partners), axis=1)
        else:
            count = _count(positive, total) * _count(negative, total)
        return ops.sum(total, axis=1), count

    return ops.cast(per_anchor(found, *in_blocks(found, of_block, block_size)), found.dtype)


def _partners(
    distances: Tensor, positive: Tensor, negative: Tensor, margin: float, triplets: str
) -> tuple[Tensor, Tensor]:
    """In how many triplets that cost something a positive stands, and a negative.

    A sum over triplets is then one over pairs: Σ (D_ip − D_in + m) counts D_ip + m once for each
    negative of p, and D_in once for each positive of n. Both counts compare the same two numbers,
    so that no triplet is counted by one and not by the other.
    """
    reach = distances + margin
    within = _backend.count_below(distances, negative, reach)
    without = _backend.count_below(-reach, positive, -distances)
    if triplets == "all":
        return within, without
    # Negatives that are no farther: all but those that are.
    farther = _backend.count_below(-distances, negative, -distances)
    nearer = _backend.count_below(distances, positive, distances)
    hard = (
        ops.minimum(within, _total(negative, farther) - farther),
        ops.minimum(without, _total(positive, nearer) - nearer),
    )
    return hard if triplets == "hard" else (within - hard[0], without - hard[1])


def _total(mask: Tensor, like: Tensor) -> Tensor:
    return ops.sum(indicator(mask, like), axis=1, keepdims=True)


@register
class TripletBatchAll(Loss):
    """Batch-all triplet loss; see `triplet_batch_all` for the formula and the paper.

    Args:
        margin, triplets, average, distance: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(triplet_batch_all)
    sees_others = True

    def __init__(
        self,
        margin: float = 1.0,
        triplets: str = "all",
        average: str = "nonzero",
        distance: Distance = "euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "triplet_batch_all",
        dtype: Any = None,
    ):
        _require_all(margin, triplets, average, distance, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "margin": margin,
            "triplets": triplets,
            "average": average,
            "distance": distance,
            "block_size": block_size,
        }
