"""Losses of a prediction and the embedding that it predicts, which is held constant."""

from typing import Any

from keras import ops

from portable_losses._inputs import as_float, as_pair, require_same_batch
from portable_losses._numerics import normalize
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


def _cosine(prediction: Tensor, target: Tensor) -> Tensor:
    units = normalize(prediction) * normalize(ops.stop_gradient(target))
    return ops.sum(units, axis=-1)


def _cosines(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[list[Tensor], str]:
    """Of each prediction and its target, `(N,)`: one for targets in `y_true`, two for both
    directions of two views; and the dtype of a result."""
    if isinstance(y_pred, tuple | list) and all(len(getattr(x, "shape", ())) == 2 for x in y_pred):
        shapes = [tuple(x.shape) for x in y_pred]
        if len(set(shapes)) > 1:
            _refuse(*shapes)
        y_pred = ops.stack([ops.convert_to_tensor(x) for x in y_pred], axis=1)
    y_pred = ops.convert_to_tensor(y_pred)
    shape = tuple(y_pred.shape)
    if len(shape) == 2:
        target, prediction, dtype = as_pair(y_true, y_pred)
        return [_cosine(prediction, target)], dtype
    if len(shape) != 3 or shape[1] != 4:
        _refuse(shape)
    y_pred, dtype = as_float(y_pred)
    require_same_batch(ops.convert_to_tensor(y_true), y_pred)
    parts = [y_pred[:, i] for i in range(4)]
    return [_cosine(parts[0], parts[3]), _cosine(parts[1], parts[2])], dtype


def _refuse(*shapes: tuple[int | None, ...]) -> None:
    raise ValueError(
        "`y_pred` must hold the predictions of shape (N, d), whose targets are `y_true`; or the "
        "predictions of two views and then the projections of both: a tensor of shape (N, 4, d), "
        "or a tuple of four tensors of shape (N, d). Received: y_pred of shape "
        f"{' and '.join(map(str, shapes))}."
    )


@register
def simsiam(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""SimSiam: what is predicted from one view is the embedding of the other.

    $$ \ell_i = -\tfrac12 \cos(p_i, \operatorname{sg} z'_i)
       - \tfrac12 \cos(p'_i, \operatorname{sg} z_i) $$

    with projections $z$ of both views, predictions $p$ made of them, and $\operatorname{sg}$ for
    what is held constant. Or, for predictions with given targets,
    $-\cos(p_i, \operatorname{sg} y_i)$.

    Args:
        y_true: Anything with one entry per sample, `(N,)` or `(N, 1)`; only their number counts.
            Or the targets $y$, shape `(N, d)`.
        y_pred: $p$, $p'$, $z$ and $z'$ in this order, shape `(N, 4, d)`, or a tuple of four tensors
            `(N, d)`. With targets in `y_true`, the predictions $p$, shape `(N, d)`.

    Returns:
        One value per sample, shape `(N,)`, from −1 to 1, in the dtype of `y_pred`. No gradient
        flows into targets.

    Raises:
        ValueError: for shapes that do not fit.

    References:
        Xinlei Chen and Kaiming He, "Exploring Simple Siamese Representation Learning", CVPR 2021.

    Where peers differ:
        Keras' `CosineSimilarity` and lightly's `NegativeCosineSimilarity` are the second form
        without a target held constant.

    Examples:
        >>> predictions, projections = [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [3.0, 0.0]]
        >>> values = simsiam([0], [predictions + projections])  # cosines 1 and 0
        >>> [float(value) for value in values]
        [-0.5]
        >>> [float(value) for value in simsiam([[3.0, 4.0]], [[6.0, 8.0]])]
        [-1.0]
    """
    cosines, dtype = _cosines(y_true, y_pred)
    return ops.cast(-sum(cosines) / len(cosines), dtype)


@register
class SimSiam(Loss):
    """SimSiam, of predictions and projections of two views; see `simsiam` for the formula.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(simsiam)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "simsiam",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)


@register
def byol(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""BYOL: what the online network predicts is what the target network makes of the other view.

    $$ \ell_i = \lVert \bar q_i - \operatorname{sg} \bar z'_i \rVert^2
       + \lVert \bar q'_i - \operatorname{sg} \bar z_i \rVert^2
       = 4 - 2 \cos(q_i, z'_i) - 2 \cos(q'_i, z_i) $$

    with predictions $q$ of the online network, projections $z$ of the target network, a bar for
    vectors at length 1, and $\operatorname{sg}$ for what is held constant. Or, for predictions with
    given targets, $2 - 2 \cos(q_i, y_i)$.

    Args:
        y_true: Anything with one entry per sample, `(N,)` or `(N, 1)`; only their number counts.
            Or the targets $y$, shape `(N, d)`.
        y_pred: $q$, $q'$, $z$ and $z'$ in this order, shape `(N, 4, d)`, or a tuple of four tensors
            `(N, d)`. With targets in `y_true`, the predictions $q$, shape `(N, d)`.

    Returns:
        One value per sample, shape `(N,)`, from 0 to 8 (to 4 with given targets), in the dtype of
        `y_pred`. No gradient flows into targets.

    Raises:
        ValueError: for shapes that do not fit.

    References:
        Jean-Bastien Grill, Florian Strub, Florent Altché and others, "Bootstrap Your Own Latent: A
        New Approach to Self-Supervised Learning", NeurIPS 2020, equation 2 of both directions.

    Where peers differ:
        It is 4 + 4 `simsiam`. Code for PyTorch often has half of it, the mean of both
        directions.

    Examples:
        >>> predictions, projections = [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [3.0, 0.0]]
        >>> values = byol([0], [predictions + projections])  # cosines 1 and 0
        >>> [float(value) for value in values]
        [2.0]
    """
    cosines, dtype = _cosines(y_true, y_pred)
    return ops.cast(sum(2 - 2 * cosine for cosine in cosines), dtype)


@register
class BYOL(Loss):
    """BYOL, of predictions and projections of two views; see `byol` for the formula.

    Args:
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(byol)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "byol",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
