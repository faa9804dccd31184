"""Multi-similarity loss: pairs weigh by how they compare with the others of their anchor."""

from typing import Any

from keras import ops

from portable_losses._inputs import require_above
from portable_losses._numerics import log1p_sum_exp, where
from portable_losses._pairwise import (
    Pairs,
    dot,
    in_blocks,
    pairs,
    require_block_size,
    with_units,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._pair_weights import as_pair_weights, plus_logs, weighed_masks


def _require(alpha: float, beta: float, block_size: int | None) -> None:
    require_block_size(block_size)
    require_above("alpha", alpha, 0)
    require_above("beta", beta, 0)


@register
def multi_similarity(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Multi-similarity loss of all pairs.

    $$ \ell_i = \tfrac1\alpha \log \Bigl(1 + \sum_{p \in P(i)} e^{-\alpha (S_{ip} - \lambda)}\Bigr)
       + \tfrac1\beta \log \Bigl(1 + \sum_{n \in N(i)} e^{\beta (S_{in} - \lambda)}\Bigr) $$

    with $S$ the cosines, $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$
    those of other classes.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        alpha, beta: The paper's $\alpha$ and $\beta$, for pairs of one class and of two.
        base: The paper's $\lambda$.
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
        Xun Wang, Xintong Han, Weilin Huang, Dengke Dong and Matthew R. Scott, "Multi-Similarity
        Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019.

    Where peers differ:
        The paper chooses pairs before (its miner, $\epsilon = 0.1$); here all count, as in
        pytorch-metric-learning's `MultiSimilarityLoss` without a miner. The authors' code gives 0
        to an anchor that lacks either kind of pair, and leaves out pairs with a cosine of almost 1.

    Examples:
        >>> values = multi_similarity([0, 0, 1], [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], beta=2.0)
        >>> [round(float(value), 4) for value in values]
        [0.3133, 0.3133, 0.2757]
    """
    _require(alpha, beta, block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))

    def of_block(block: Pairs, *given: Tensor) -> tuple[Tensor]:
        *w, beta = given
        positive, negative = weighed_masks(block, w)
        above = dot(block.x, block.ref_x) - base
        of_positives = log1p_sum_exp(plus_logs(-alpha * above, w), positive) / alpha
        of_negatives = log1p_sum_exp(plus_logs(beta * above, w), negative) / beta
        return (of_positives + of_negatives,)

    # A block sees tensors that are trained only among its arguments.
    shared = (ops.convert_to_tensor(beta, dtype=found.x.dtype),)
    weights = as_pair_weights(ref_weights, found)
    (values,) = in_blocks(found, of_block, block_size, weights, shared)
    return ops.cast(where(found.counted, values), found.dtype)


@register
class MultiSimilarity(Loss):
    """Multi-similarity loss of the batch; see `multi_similarity` for the formula and the paper.

    Args:
        alpha, beta, base: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(multi_similarity)
    sees_others = True

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "multi_similarity",
        dtype: Any = None,
    ):
        _require(alpha, beta, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"alpha": alpha, "beta": beta, "base": base, "block_size": block_size}
