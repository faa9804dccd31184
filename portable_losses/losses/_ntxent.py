"""NT-Xent: each positive against the negatives of its anchor in a softmax; and SimCLR with it."""

from typing import Any

from keras import ops

from portable_losses._inputs import require_above
from portable_losses._numerics import indicator, log_sum_exp, where
from portable_losses._pairwise import (
    Pairs,
    dot,
    in_blocks,
    joined,
    pairs,
    per_anchor,
    require_block_size,
    views,
    with_units,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._pair_weights import as_pair_weights, plus_logs, times, weighed_masks


def _require(temperature: float, block_size: int | None) -> None:
    require_above("temperature", temperature, 0)
    require_block_size(block_size)


def _values(
    found: Pairs,
    temperature: float,
    block_size: int | None,
    weights: tuple[Tensor, ...] = (),
) -> Tensor:
    """Values of anchors whose embeddings have length 1."""

    def of_block(block: Pairs, *w: Tensor) -> tuple[Tensor, Tensor]:
        positive, negative = weighed_masks(block, w)
        logits = dot(block.x, block.ref_x)
        others = log_sum_exp(plus_logs(logits, w), negative, axis=1, keepdims=True)
        # −log (e^s / (e^s + Σ e^n)) = softplus(log Σ e^n − s)
        costs = ops.logical_and(positive, ops.any(negative, axis=1, keepdims=True))
        each = where(costs, ops.softplus(others - logits))
        both = each, indicator(positive, logits)
        total, count = (ops.sum(times(x, w), axis=1) for x in both)
        return total, count

    found = found._replace(x=found.x / temperature)  # a block sees no tensor that is trained
    return per_anchor(found, *in_blocks(found, of_block, block_size, weights))


@register
def ntxent(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    temperature: float = 0.07,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Normalised temperature-scaled cross-entropy (NT-Xent, InfoNCE) by labels.

    $$ \ell_i = \frac{N}{\sum_k |P(k)|} \sum_{p \in P(i)} -\log \frac{e^{\cos(x_i, x_p) / \tau}}
       {e^{\cos(x_i, x_p) / \tau} + \sum_{n \in N(i)} e^{\cos(x_i, x_n) / \tau}} $$

    with $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$ those of other
    classes. The mean over the batch is that over all positive pairs. An anchor without a
    positive has the value 0, and so has a pair whose anchor has no negative.

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
        Ting Chen, Simon Kornblith, Mohammad Norouzi and Geoffrey Hinton, "A Simple Framework for
        Contrastive Learning of Visual Representations", ICML 2020; for labels as in
        pytorch-metric-learning.

    Where peers differ:
        pytorch-metric-learning's `NTXentLoss` is the same, with memory of positive pairs times
        negative pairs. TensorFlow Similarity's has twice the value. `supcon` has the
        other positives of the anchor in the denominator too, and averages over anchors first.

    Examples:
        >>> values = ntxent([0, 0, 1], [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], temperature=1.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + e^-1) * 3 / 2
        [0.4699, 0.4699, 0.0]
    """
    _require(temperature, block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))
    weights = as_pair_weights(ref_weights, found)
    return ops.cast(_values(found, temperature, block_size, weights), found.dtype)


@register
class NTXent(Loss):
    """NT-Xent of the batch by labels; see `ntxent` for the formula and the paper.

    Args:
        temperature: The paper's temperature.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(ntxent)
    sees_others = True

    def __init__(
        self,
        temperature: float = 0.07,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ntxent",
        dtype: Any = None,
    ):
        _require(temperature, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"temperature": temperature, "block_size": block_size}


@register
def simclr(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    temperature: float = 0.5,
    block_size: int | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""SimCLR: NT-Xent of two views of each sample.

    $$ \ell_i = \tfrac12 (\ell(x_i, x'_i) + \ell(x'_i, x_i)), \qquad
       \ell(a, p) = -\log \frac{e^{\cos(a, p) / \tau}}{\sum_{r \neq a} e^{\cos(a, r) / \tau}} $$

    with $r$ over both views of all samples.

    Args:
        y_true: Ids of the samples, `(N,)` or `(N, 1)`; all different in the paper, where
            `arange(N)` will do. Samples with one id are views of one thing: more positives, as in
            `ntxent`, and no negatives of one another.
        y_pred: The two views, `(N, 2, d)`, or a tuple of two tensors `(N, d)`; normalised here.
        temperature: The paper's $\tau$.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a temperature not above 0.

    References:
        Ting Chen, Simon Kornblith, Mohammad Norouzi and Geoffrey Hinton, "A Simple Framework for
        Contrastive Learning of Visual Representations", ICML 2020.

    Where peers differ:
        pytorch-metric-learning's `SelfSupervisedLoss(NTXentLoss())` and optax's `ntxent` are the
        same. The authors' code gives the sum of both halves, twice this.

    Examples:
        >>> pairs = [[[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]]
        >>> values = simclr([0, 1], pairs, temperature=1.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + 2 e^-1)
        [0.5514, 0.5514]
    """
    _require(temperature, block_size)
    found = joined(with_units(views(y_true, y_pred, mask)))
    values = ops.reshape(_values(found, temperature, block_size), (2, -1))
    return ops.cast(ops.sum(values, axis=0) / 2, found.dtype)


@register
class SimCLR(Loss):
    """SimCLR, of two views of each sample; see `simclr` for the formula and the paper.

    Args:
        temperature: The paper's temperature.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(simclr)
    sees_others = True

    def __init__(
        self,
        temperature: float = 0.5,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "simclr",
        dtype: Any = None,
    ):
        _require(temperature, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"temperature": temperature, "block_size": block_size}
