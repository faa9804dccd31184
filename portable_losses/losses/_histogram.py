"""Histogram loss: how often a negative pair is more similar than a positive one."""

from typing import Any

from keras import ops

from portable_losses import _backend
from portable_losses._inputs import require_count
from portable_losses._numerics import divide, indicator, running_sums, where
from portable_losses._pairwise import dot, masks, pairs, per_anchor, with_units
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def histogram(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    num_bins: int = 100,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Histogram loss: the chance that a negative pair is more similar than a positive one.

    $$ \ell_i = \frac{N}{A_-} \sum_{n \in N(i)} \phi^+(\cos(x_i, x_n)), \qquad
       \phi^+(t_r) = \sum_{q \leq r} h^+_q $$

    with the histogram $h^+$ of the similarities of all positive pairs, of which each is shared out
    to the two nodes $t_r = -1 + 2r / R$ beside it, and $\phi^+$ between nodes by a straight line.
    The mean over the batch is the paper's $\sum_r h^-_r \phi^+(t_r)$, over all $A_-$ negative
    pairs. It is 0 where the batch has no positive pair, or no negative one.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        num_bins: $R$, into how many bins similarities from −1 to 1 are sorted.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`. Memory grows with N²,
        whatever the number of bins.

    Raises:
        ValueError: for shapes that do not fit, or a bad number of bins.

    References:
        Evgeniya Ustinova and Victor Lempitsky, "Learning Deep Embeddings with Histogram Loss",
        NIPS 2016.

    Where peers differ:
        pytorch-metric-learning's `HistogramLoss(n_bins)` leaves out negative pairs of two samples
        that both have no positive, and raises an error for two equal embeddings.

    Examples:
        >>> values = histogram([0, 0, 1], [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> [round(float(value), 4) for value in values]  # φ(0) = 1 of 4 pairs, φ(-1) = 0 of two
        [0.0, 0.75, 0.75]
    """
    require_count("num_bins", num_bins)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))
    positive, negative = masks(found)
    positive = ops.logical_and(positive, ops.expand_dims(found.counted, 1))
    places = (dot(found.x, found.ref_x) + 1) * (num_bins / 2)
    low = ops.cast(ops.floor(ops.stop_gradient(places)), "int32")
    low = ops.clip(low, 0, num_bins - 1)
    share = places - ops.cast(low, places.dtype)  # of the node above; the node below has the rest
    nodes = ops.concatenate([ops.reshape(low, (-1,)), ops.reshape(low + 1, (-1,))])
    shares = [where(positive, x) for x in (1 - share, share)]
    shares = ops.concatenate([ops.reshape(x, (-1,)) for x in shares])
    empty = ops.zeros((num_bins + 1,), dtype=share.dtype)
    density = _backend.with_rows_added(empty, nodes, shares)
    count = ops.sum(indicator(positive, share))
    density = divide(density, count)
    below = running_sums(ops.expand_dims(density, 0))[0]
    # A slope as the density: as a difference of running sums it would lose digits.
    each = ops.take(below, low) + ops.take(density, low + 1) * share
    each = where(negative, each)
    rivals = ops.sum(indicator(negative, share), axis=1)
    return ops.cast(per_anchor(found, ops.sum(each, axis=1), rivals), found.dtype)


@register
class Histogram(Loss):
    """Histogram loss of the batch; see `histogram` for the formula and the paper.

    Args:
        num_bins: Into how many bins similarities are sorted.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(histogram)
    sees_others = True

    def __init__(
        self,
        num_bins: int = 100,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "histogram",
        dtype: Any = None,
    ):
        require_count("num_bins", num_bins)
        super().__init__(reduction, name, dtype)
        self.settings = {"num_bins": num_bins}
