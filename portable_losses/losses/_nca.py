"""Stochastic neighbours: how likely an anchor is to choose one of its class, nearer ones rather."""

from typing import Any

from keras import ops

from portable_losses._distances import DISTANCES, Distance, require_distance
from portable_losses._inputs import require_above, require_choice
from portable_losses._numerics import indicator, log_sum_exp, where
from portable_losses._pairwise import (
    Pairs,
    in_blocks,
    pairs,
    per_anchor,
    require_block_size,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._pair_weights import as_pair_weights, plus_logs, weighed_masks

OBJECTIVES = ("log_probability", "probability")


def _require(temperature: float, distance: Distance, block_size: int | None) -> None:
    require_above("temperature", temperature, 0)
    require_distance(distance)
    require_block_size(block_size)


def _log_chances(
    found: Pairs,
    temperature: float,
    distance: Distance,
    block_size: int | None,
    weights: tuple[Tensor, ...],
) -> list[Tensor]:
    """Of each anchor the log of how likely it chooses one of its class, 0 if it has none; and
    whether it has any."""

    def of_block(block: Pairs, *given: Tensor) -> tuple[Tensor, Tensor]:
        *w, temperature = given
        positive, negative = weighed_masks(block, w)
        scores = DISTANCES[distance](block.x, block.ref_x) * (-1 / temperature)
        scores = plus_logs(scores, w)
        of_all = log_sum_exp(scores, ops.logical_or(positive, negative), axis=1)
        has = ops.sum(indicator(positive, scores), axis=1) > 0
        chances = where(has, log_sum_exp(scores, positive, axis=1) - of_all)
        return chances, indicator(ops.logical_and(block.counted, has), scores)

    # A block sees tensors that are trained only among its arguments.
    shared = (ops.convert_to_tensor(temperature, dtype=found.x.dtype),)
    return in_blocks(found, of_block, block_size, weights, shared)


@register
def nca(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    temperature: float = 1.0,
    objective: str = "log_probability",
    distance: Distance = "squared_euclidean",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Neighbourhood components analysis (NCA).

    $$ \ell_i = -\frac{N}{N_+} \log p_i, \qquad
       p_i = \frac{\sum_{p \in P(i)} e^{-D_{ip} / \tau}}{\sum_{a \in A(i)} e^{-D_{ia} / \tau}} $$

    with $A(i)$ all references of anchor $i$ but itself, and $P(i)$ those of its class; with
    `objective="probability"`, $1 - p_i$ in place of $-\log p_i$: how many samples a stochastic
    nearest neighbour classifies wrongly. An anchor without any of its class has the value 0. The
    factor makes the mean over the batch one over the $N_+$ anchors that have some.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        temperature: $\tau$, 1 in the paper, where the network finds the scale.
        objective: `"log_probability"` or `"probability"`.
        distance: `"squared_euclidean"` (the paper's), `"euclidean"`, `"manhattan"`, `"cosine"`
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
        ValueError: for shapes that do not fit, a temperature not above 0 or unknown settings.

    References:
        Jacob Goldberger, Sam Roweis, Geoff Hinton and Ruslan Salakhutdinov, "Neighbourhood
        Components Analysis", NIPS 2004, which maximises $\sum p_i$ or $\sum \log p_i$.

    Where peers differ:
        pytorch-metric-learning's `NCALoss(softmax_scale)` is the same with
        `temperature=1 / softmax_scale`, of normalised embeddings by default. It is NaN where no
        anchor has a positive, and leaves out anchors whose $p_i$ underflows.

    Examples:
        >>> values = nca([0, 0, 1], [[0.0], [1.0], [2.0]])
        >>> [round(float(value), 4) for value in values]  # log(1 + e^-3), log 2, each times 3/2
        [0.0729, 1.0397, 0.0]
    """
    _require(temperature, distance, block_size)
    require_choice("objective", objective, OBJECTIVES)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)
    weights = as_pair_weights(ref_weights, found)
    chances, useful = _log_chances(found, temperature, distance, block_size, weights)
    values = 0 - chances if objective == "log_probability" else 1 - ops.exp(chances)
    return ops.cast(per_anchor(found, values, useful), found.dtype)


@register
class NCA(Loss):
    """Neighbourhood components analysis of the batch; see `nca` for the formula and the paper.

    Args:
        temperature, objective, distance: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(nca)
    sees_others = True

    def __init__(
        self,
        temperature: float = 1.0,
        objective: str = "log_probability",
        distance: Distance = "squared_euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "nca",
        dtype: Any = None,
    ):
        _require(temperature, distance, block_size)
        require_choice("objective", objective, OBJECTIVES)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "temperature": temperature,
            "objective": objective,
            "distance": distance,
            "block_size": block_size,
        }


@register
def soft_nearest_neighbor(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    temperature: float = 1.0,
    distance: Distance = "squared_euclidean",
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    ref_weights: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Soft nearest neighbour loss: how entangled the classes are.

    $$ \ell_i = -\log \frac{\sum_{p \in P(i)} e^{-D_{ip} / T}}{\sum_{a \in A(i)} e^{-D_{ia} / T}} $$

    with $A(i)$ all references of anchor $i$ but itself, and $P(i)$ those of its class. An anchor
    without any of its class has the value 0, and counts in the mean. This is `nca` but for that
    mean. The paper also maximises it, to entangle classes in hidden layers: then take it with a
    negative weight.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, one-hot `(N, C)`, or a mask of pairs, bool `(N, M)`.
        y_pred: Embeddings, shape `(N, d)`, taken as they come.
        temperature: The paper's $T$: low, near neighbours decide; high, the whole batch does.
        distance: `"squared_euclidean"` (the paper's), `"euclidean"`, `"manhattan"`, `"cosine"`
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
        ValueError: for shapes that do not fit, a temperature not above 0 or an unknown distance.

    References:
        Nicholas Frosst, Nicolas Papernot and Geoffrey Hinton, "Analyzing and Improving
        Representations with the Soft Nearest Neighbor Loss", ICML 2019, equation 1. Ruslan
        Salakhutdinov and Geoff Hinton, "Learning a Nonlinear Embedding by Preserving Class
        Neighbourhood Structure", AISTATS 2007.

    Where peers differ:
        TensorFlow Similarity's `SoftNearestNeighborLoss` adds $10^{-9}$ within the logarithm: 20.7
        is its largest value.

    Examples:
        >>> values = soft_nearest_neighbor([0, 0, 1], [[0.0], [1.0], [2.0]])
        >>> [round(float(value), 4) for value in values]  # log(1 + e^-3), log 2
        [0.0486, 0.6931, 0.0]
    """
    _require(temperature, distance, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)
    weights = as_pair_weights(ref_weights, found)
    chances, _ = _log_chances(found, temperature, distance, block_size, weights)
    values = where(found.counted, 0 - chances)
    return ops.cast(values, found.dtype)


@register
class SoftNearestNeighbor(Loss):
    """Soft nearest neighbour loss of the batch; see `soft_nearest_neighbor` for the formula.

    Args:
        temperature, distance: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(soft_nearest_neighbor)
    sees_others = True

    def __init__(
        self,
        temperature: float = 1.0,
        distance: Distance = "squared_euclidean",
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "soft_nearest_neighbor",
        dtype: Any = None,
    ):
        _require(temperature, distance, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "temperature": temperature,
            "distance": distance,
            "block_size": block_size,
        }
