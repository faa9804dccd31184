"""Circle loss: each similarity weighs by how far it is from where it should be."""

from typing import Any

from keras import ops

from portable_losses._inputs import require_above, require_between
from portable_losses._numerics import indicator, log_sum_exp, positive_part
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
from portable_losses.losses._pair_weights import as_pair_weights, plus_logs, weighed_masks


def _require(gamma: float, margin: float, block_size: int | None) -> None:
    require_block_size(block_size)
    require_above("gamma", gamma, 0)
    require_between("margin", margin, -1, 1)


@register
def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    gamma: float = 80.0,
    margin: float = 0.4,
    constant_weights: bool = True,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Circle loss of pairs.

    $$ \ell_i = \frac{N}{N_+} \log \Bigl(1 + \sum_{p \in P(i)} e^{-\gamma \alpha_p (s_{ip} - 1 + m)}
       \sum_{n \in N(i)} e^{\gamma \alpha_n (s_{in} - m)}\Bigr), \qquad
       \alpha_p = \max(1 + m - s_{ip}, 0),\ \alpha_n = \max(s_{in} + m, 0) $$

    with $s$ the cosines, $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$
    those of other classes. An anchor that lacks either has the value 0; the factor makes the mean
    over the batch one over the $N_+$ others.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        gamma: The paper's $\gamma$: 80 for retrieval, 256 for faces.
        margin: The paper's $m$: 0.4 for retrieval, 0.25 for faces.
        constant_weights: Whether no gradient flows through the weights $\alpha$, as in the paper,
            whose gradient is then $\gamma \alpha$; or one does.
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
        Yifan Sun, Changmao Cheng, Yuhan Zhang, Chi Zhang, Liang Zheng, Zhongdao Wang and Yichen
        Wei, "Circle Loss: A Unified Perspective of Pair Similarity Optimization", CVPR 2020.

    Where peers differ:
        pytorch-metric-learning's `CircleLoss` is the same. Keras' `Circle` is that with
        `constant_weights=False`, of embeddings that are normalised before.

    Examples:
        >>> values = circle([0, 0, 1], [[1.0, 0.0], [2.0, 0.0], [0.6, 0.8]], gamma=2.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + e^(0.4 - 0.32)) * 3 / 2
        [1.1009, 1.1009, 0.0]
    """
    _require(gamma, margin, block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))

    def of_block(block: Pairs, *given: Tensor) -> tuple[Tensor, Tensor]:
        *w, gamma = given
        positive, negative = weighed_masks(block, w)
        s = dot(block.x, block.ref_x)
        of_positives, of_negatives = positive_part(1 + margin - s), positive_part(s + margin)
        if constant_weights:
            of_positives, of_negatives = map(ops.stop_gradient, (of_positives, of_negatives))
        values = ops.softplus(
            log_sum_exp(plus_logs(-gamma * of_positives * (s - 1 + margin), w), positive)
            + log_sum_exp(plus_logs(gamma * of_negatives * (s - margin), w), negative)
        )
        both = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
        return values, indicator(both, values)

    # A block sees tensors that are trained only among its arguments.
    shared = (ops.convert_to_tensor(gamma, dtype=found.x.dtype),)
    sums = in_blocks(found, of_block, block_size, as_pair_weights(ref_weights, found), shared)
    return ops.cast(per_anchor(found, *sums), found.dtype)


@register
class Circle(Loss):
    """Circle loss of the batch; see `circle` for the formula and the paper.

    Args:
        gamma, margin, constant_weights: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(circle)
    sees_others = True

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        constant_weights: bool = True,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ):
        _require(gamma, margin, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "gamma": gamma,
            "margin": margin,
            "constant_weights": constant_weights,
            "block_size": block_size,
        }
