"""Ranked list loss: positives within a hypersphere, negatives beyond it, the worst first."""

from typing import Any

from keras import ops

from portable_losses._distances import DISTANCES, Distance, require_distance
from portable_losses._inputs import require_at_least, require_within
from portable_losses._numerics import softmax, where
from portable_losses._pairwise import Pairs, in_blocks, masks, pairs, require_block_size
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


def _require(
    margin: float,
    alpha: float,
    imbalance: float,
    positive_temperature: float,
    negative_temperature: float,
    distance: Distance,
    block_size: int | None,
) -> None:
    require_block_size(block_size)
    require_at_least("margin", margin, 0)
    require_at_least("alpha", alpha, margin)
    require_within("imbalance", imbalance, 0, 1)
    require_at_least("positive_temperature", positive_temperature, 0)
    require_at_least("negative_temperature", negative_temperature, 0)
    require_distance(distance)


@register
def ranked_list(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 0.4,
    alpha: float = 1.2,
    imbalance: float = 0.5,
    positive_temperature: float = 0.0,
    negative_temperature: float = 10.0,
    constant_weights: bool = True,
    distance: Distance = "euclidean",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Ranked list loss.

    $$ \ell_i = (1 - \lambda) \frac{\sum_p w_p (D_{ip} - (\alpha - m))}{\sum_p w_p}
       + \lambda \frac{\sum_n w_n (\alpha - D_{in})}{\sum_n w_n}, \qquad
       w_p = e^{T_p (D_{ip} - (\alpha - m))},\ w_n = e^{T_n (\alpha - D_{in})} $$

    over those references $p$ of the class of anchor $i$, but itself, with $D_{ip} > \alpha - m$,
    and those $n$ of other classes with $D_{in} < \alpha$: the pairs that cost something. A side
    without any is 0. The mean over the batch is one over all anchors.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come; the paper's have length 1.
        margin: The paper's $m$, between the sphere of positives and that of negatives.
        alpha: The paper's $\alpha$, from which on negatives cost nothing.
        imbalance: The paper's $\lambda$, between positives at 0 and negatives at 1.
        positive_temperature, negative_temperature: The paper's $T_p$ and $T_n$; at 0 all pairs of
            a side weigh alike, and the higher, the more the worst of them.
        constant_weights: Whether no gradient flows through the weights, as in the paper, where
            they weigh the gradients of pairs; or one does.
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
        ValueError: for shapes that do not fit, settings out of range or an unknown distance.

    References:
        Xinshao Wang, Yang Hua, Elyor Kodirov, Guosheng Hu, Romain Garnier and Neil M. Robertson,
        "Ranked List Loss for Deep Metric Learning", CVPR 2019.

    Where peers differ:
        pytorch-metric-learning's `RankedListLoss(margin, Tn, imbalance, alpha, Tp)` is this with
        `constant_weights=False`, of normalised embeddings by default, but adds $10^{-5}$ to every
        weight of a row, of pairs that are not in the sum too; gives no weight to negatives at
        distance 0; and takes $1 + m / 2$ for an `alpha` of None.

    Examples:
        >>> values = ranked_list([0, 0, 1], [[0.0], [1.0], [1.5]], negative_temperature=0.0)
        >>> [round(float(value), 4) for value in values]  # (1 - 0.8) / 2, that + (1.2 - 0.5) / 2
        [0.1, 0.45, 0.35]
    """
    temperatures = positive_temperature, negative_temperature
    _require(margin, alpha, imbalance, *temperatures, distance, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)

    def of_block(block: Pairs) -> tuple[Tensor]:
        positive, negative = masks(block)
        distances = DISTANCES[distance](block.x, block.ref_x)
        values = ops.zeros_like(distances[:, 0])
        for share, pair, excess, temperature in (
            (1 - imbalance, positive, distances - (alpha - margin), positive_temperature),
            (imbalance, negative, alpha - distances, negative_temperature),
        ):
            costs = ops.logical_and(pair, excess > 0)
            weights = softmax(temperature * excess, costs, axis=1)
            if constant_weights:
                weights = ops.stop_gradient(weights)
            values = values + share * ops.sum(weights * where(costs, excess), axis=1)
        return (values,)

    (values,) = in_blocks(found, of_block, block_size)
    return ops.cast(where(found.counted, values), found.dtype)


@register
class RankedList(Loss):
    """Ranked list loss of the batch; see `ranked_list` for the formula and the paper.

    Args:
        margin, alpha, imbalance, distance: As for the function.
        positive_temperature, negative_temperature, constant_weights: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(ranked_list)
    sees_others = True

    def __init__(
        self,
        margin: float = 0.4,
        alpha: float = 1.2,
        imbalance: float = 0.5,
        positive_temperature: float = 0.0,
        negative_temperature: float = 10.0,
        constant_weights: bool = True,
        distance: Distance = "euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ranked_list",
        dtype: Any = None,
    ):
        temperatures = positive_temperature, negative_temperature
        _require(margin, alpha, imbalance, *temperatures, distance, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "margin": margin,
            "alpha": alpha,
            "imbalance": imbalance,
            "positive_temperature": positive_temperature,
            "negative_temperature": negative_temperature,
            "constant_weights": constant_weights,
            "distance": distance,
            "block_size": block_size,
        }
