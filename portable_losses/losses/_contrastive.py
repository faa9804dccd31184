"""Contrastive loss: similar pairs are drawn together, others pushed a margin apart."""

from typing import Any

from keras import ops

from portable_losses import _backend
from portable_losses._inputs import as_float, require_at_least
from portable_losses._numerics import norm, positive_part
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def contrastive(y_true: ArrayLike, y_pred: ArrayLike, *, margin: float = 1.0) -> Tensor:
    r"""Contrastive loss of pairs.

    $$ \ell = y D^2 + (1 - y) \max(m - D, 0)^2 $$

    with $y = 1$ for a similar pair and 0 for another, and $D$ the distance of the two.

    Args:
        y_true: $y$, shape `(N,)` or `(N, 1)`; numbers between 0 and 1 blend the two cases.
        y_pred: The distances $D$, shape `(N,)` or `(N, 1)`; or the two embeddings of each pair,
            whose Euclidean distance is taken: stacked in a tensor `(N, 2, d)`, or as a tuple (or
            list) of two tensors `(N, d)`.
        margin: The distance $m$ from which on dissimilar pairs cost nothing.

    Returns:
        One value per pair, shape `(N,)`, in the dtype of `y_pred`. The gradient by the embeddings
        of an identical pair is 0, also where $y = 0$ and the loss has a peak.

    Raises:
        ValueError: for a negative margin, shapes that do not fit, or, where values can be seen,
            a $y$ outside of [0, 1].

    References:
        Raia Hadsell, Sumit Chopra and Yann LeCun, "Dimensionality Reduction by Learning an
        Invariant Mapping", CVPR 2006. The paper has the labels the other way round ($Y = 0$ for
        similar pairs) and half of each term.

    Where peers differ:
        TensorFlow Addons' `ContrastiveLoss` is the same, of given distances.
        pytorch-metric-learning's takes a class id per embedding and all pairs of the batch, does
        not square (`power=1`), and averages over the pairs that cost something.
        sentence-transformers' has half of this, of cosine distances, with margin 0.5. The Keras
        example on Siamese networks labels *dissimilar* pairs 1: pass `1 - y_true`.

    Examples:
        >>> values = contrastive([1, 0, 0], [0.5, 0.25, 2.0])
        >>> [float(value) for value in values]
        [0.25, 0.5625, 0.0]
        >>> pairs = [[[0.0, 0.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]]
        >>> [float(value) for value in contrastive([1, 0], pairs, margin=2.0)]
        [25.0, 4.0]
    """
    require_at_least("margin", margin, 0)
    distance, square, dtype = _distances(y_pred)
    y = ops.convert_to_tensor(y_true)
    if len(y.shape) == 2 and y.shape[1] == 1:
        y = ops.squeeze(y, -1)
    true, pred = tuple(y.shape), tuple(distance.shape)
    if len(true) != 1 or (true != pred and None not in (*true, *pred)):
        raise ValueError(
            "`y_true` must have one entry per pair, of shape (N,) or (N, 1). Received: "
            f"y_true.shape={true} for {pred[0]} pairs."
        )
    _require_labels(y)
    y = ops.cast(y, distance.dtype)
    values = y * square + (1 - y) * ops.square(positive_part(margin - distance))
    return ops.cast(values, dtype)


def _distances(y_pred: ArrayLike) -> tuple[Tensor, Tensor, str]:
    """Distances `(N,)`, their squares, and the dtype a result should go back to.

    Squares of embeddings' distances are sums, not squares of roots: smooth at 0.
    """
    if _is_pair(y_pred):
        first, second = (ops.convert_to_tensor(x) for x in y_pred)
        if tuple(first.shape) != tuple(second.shape):
            _refuse(tuple(first.shape), tuple(second.shape))
        return _embedded(first, second)
    y_pred = ops.convert_to_tensor(y_pred)
    shape = tuple(y_pred.shape)
    if len(shape) == 3 and shape[1] == 2:
        return _embedded(y_pred[:, 0], y_pred[:, 1])
    if len(shape) == 2 and shape[1] == 1:
        y_pred = ops.squeeze(y_pred, -1)
    elif len(shape) != 1:
        _refuse(shape)
    distance, dtype = as_float(y_pred)
    return distance, ops.square(distance), dtype


def _is_pair(y_pred: ArrayLike) -> bool:
    """Two matrices; numbers written out in lists are one tensor."""
    two = isinstance(y_pred, tuple | list) and len(y_pred) == 2
    return two and all(len(getattr(x, "shape", ())) == 2 for x in y_pred)


def _embedded(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, str]:
    first, dtype = as_float(first)
    difference = first - ops.cast(second, first.dtype)
    return norm(difference), ops.sum(ops.square(difference), axis=-1), dtype


def _refuse(*shapes: tuple[int | None, ...]) -> None:
    raise ValueError(
        "`y_pred` must hold distances of shape (N,) or (N, 1), or the two embeddings of each "
        "pair: a tensor of shape (N, 2, d), or a tuple of two tensors of shape (N, d). Received: "
        f"y_pred of shape {' and '.join(map(str, shapes))}."
    )


def _require_labels(y: Tensor) -> None:
    values = _backend.concrete(y)
    if values is None or values.dtype.kind == "b":
        return
    values = values.astype("float64")
    wrong = values[~((values >= 0) & (values <= 1))]
    if wrong.size:
        raise ValueError(
            "`y_true` must lie in [0, 1]: 1 for a similar pair, 0 for another. Received: "
            f"{float(wrong[0])} in y_true."
        )


@register
class Contrastive(Loss):
    """Contrastive loss of pairs, of their distances or their embeddings; see `contrastive`.

    Args:
        margin: The distance from which on dissimilar pairs cost nothing.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(contrastive)

    def __init__(
        self,
        margin: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "contrastive",
        dtype: Any = None,
    ):
        require_at_least("margin", margin, 0)
        super().__init__(reduction, name, dtype)
        self.settings = {"margin": margin}
