"""Triplets that are given: an anchor, a positive and a negative of each sample."""

from typing import Any

from keras import ops

from portable_losses._distances import ROW_DISTANCES, Distance, require_distance
from portable_losses._inputs import as_float, require_at_least, require_same_batch
from portable_losses._numerics import positive_part
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


def _require(margin: float, distance: Distance) -> None:
    require_at_least("margin", margin, 0)
    require_distance(distance)


@register
def triplet_margin(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = 1.0,
    soft: bool = False,
    swap: bool = False,
    distance: Distance = "euclidean",
) -> Tensor:
    r"""Triplet loss of given triplets.

    $$ \ell = \max(D(a, p) - D(a, n) + m, 0) $$

    with anchor $a$, positive $p$ and negative $n$; with `soft`, $\log(1 + e^{\ldots})$ of the
    difference without $m$ in place of the maximum.

    Args:
        y_true: Not used, for the embeddings say it all; anything with an entry for each triplet,
            such as zeros.
        y_pred: The embeddings of anchor, positive and negative, taken as they come: a tensor
            `(N, 3, d)`, or a tuple (or list) of three tensors `(N, d)`.
        margin: $m$; without effect if `soft`.
        soft: Whether the margin is soft, as in batch hard.
        swap: Whether $\min(D(a, n), D(p, n))$ stands for $D(a, n)$: the negative is pushed off
            the positive, if that is the nearer one.
        distance: `"euclidean"` (that of peers), `"squared_euclidean"` (the first paper's),
            `"manhattan"`, `"cosine"` (1 − the cosine), `"snr"`, or a number $p \ge 1$ for the
            $L_p$ distance.

    Returns:
        One value per triplet, shape `(N,)`, in the dtype of `y_pred`. Between equal embeddings the
        gradient is 0; of two negatives' distances that are equal, $D(a, n)$ counts.

    Raises:
        ValueError: for shapes that do not fit, a negative margin or an unknown distance.

    References:
        Kilian Q. Weinberger and Lawrence K. Saul, "Distance Metric Learning for Large Margin
        Nearest Neighbor Classification", JMLR 2009. `swap`: Vassileios Balntas, Edgar Riba, Daniel
        Ponsa and Krystian Mikolajczyk, "Learning Local Feature Descriptors with Triplets and
        Shallow Convolutional Neural Networks", BMVC 2016.

    Where peers differ:
        PyTorch's `TripletMarginLoss` adds $10^{-6}$ to every coordinate of a difference; its `p`
        is a number as `distance`. pytorch-metric-learning's loss of that name finds triplets by
        labels: `triplet_batch_all`; its `smooth_loss` keeps the margin.

    Examples:
        >>> triplets = [[[0.0], [1.0], [1.5]], [[0.0], [1.0], [4.0]]]
        >>> [float(value) for value in triplet_margin([0, 0], triplets)]
        [0.5, 0.0]
        >>> [float(value) for value in triplet_margin([0, 0], triplets, swap=True)]
        [1.5, 0.0]
    """
    _require(margin, distance)
    anchor, positive, negative, dtype = _in_triplets(y_true, y_pred)
    between = ROW_DISTANCES[distance]
    far = between(anchor, negative)
    if swap:
        other = between(positive, negative)
        far = ops.where(other < far, other, far)
    gap = between(anchor, positive) - far
    return ops.cast(ops.softplus(gap) if soft else positive_part(gap + margin), dtype)


def _in_triplets(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Tensor, Tensor, Tensor, str]:
    if isinstance(y_pred, tuple | list) and len(y_pred) == 3 and hasattr(y_pred[0], "shape"):
        parts = [ops.convert_to_tensor(part) for part in y_pred]
        shapes = [tuple(part.shape) for part in parts]
        fits = len(shapes[0]) == 2 and shapes[0] == shapes[1] == shapes[2]
    else:
        y_pred = ops.convert_to_tensor(y_pred)
        shapes = [tuple(y_pred.shape)]
        fits = len(shapes[0]) == 3 and shapes[0][1] == 3
        parts = [y_pred[:, i] for i in range(3)] if fits else []
    if not fits:
        raise ValueError(
            "`y_pred` must hold the embeddings of anchors, positives and negatives: a tensor of "
            "shape (N, 3, d), or a tuple of three tensors of one shape (N, d). Received: y_pred of "
            f"shape {' and '.join(map(str, shapes))}."
        )
    anchor, dtype = as_float(parts[0])
    require_same_batch(ops.convert_to_tensor(y_true), anchor)
    return anchor, *(ops.cast(part, anchor.dtype) for part in parts[1:]), dtype


@register
class TripletMargin(Loss):
    """Triplet loss of given triplets; see `triplet_margin` for the formula and the papers.

    Args:
        margin, soft, swap, distance: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(triplet_margin)

    def __init__(
        self,
        margin: float = 1.0,
        soft: bool = False,
        swap: bool = False,
        distance: Distance = "euclidean",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "triplet_margin",
        dtype: Any = None,
    ):
        _require(margin, distance)
        super().__init__(reduction, name, dtype)
        self.settings = {"margin": margin, "soft": soft, "swap": swap, "distance": distance}
