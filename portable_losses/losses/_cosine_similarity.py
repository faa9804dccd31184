"""The loss of the angle between targets and predictions."""

from typing import Any

from keras import ops

from portable_losses._inputs import as_pair
from portable_losses._numerics import normalize
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, *, axis: int = -1) -> Tensor:
    r"""Cosine of the angle between targets and predictions, negated to be minimised.

    $$ \ell = -\frac{y \cdot \hat y}{\lVert y \rVert \, \lVert \hat y \rVert} $$

    -1 for the same direction, 1 for opposite ones. A zero vector has no direction: the value is
    0, with gradient 0.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, shape `(N, d)` or `(N, ..., d)`.
        axis: The axis of the vectors.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    Where peers differ:
        At a zero vector Keras' gradient is NaN on JAX and PyTorch, and the target times 1e7 on
        TensorFlow. In float32 vectors of length 1e20 have cosine 0 in Keras, and those shorter
        than 1e-7 count as shorter than 1. PyTorch's `CosineSimilarity` is not negated.

    Examples:
        >>> values = cosine_similarity([[3.0, 4.0], [0.0, 1.0]], [[6.0, 8.0], [0.0, 0.0]])
        >>> [round(float(value), 4) + 0.0 for value in values]
        [-1.0, 0.0]
    """
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    cosine = ops.sum(normalize(y_true, axis=axis) * normalize(y_pred, axis=axis), axis=axis)
    return ops.cast(-cosine, dtype)


@register
class CosineSimilarity(Loss):
    """Negated cosine of the angle between targets and predictions; see `cosine_similarity`.

    Args:
        axis: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(cosine_similarity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
        self.settings = {"axis": axis}
