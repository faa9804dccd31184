"""Ring loss: features keep to a common length, which is learned."""

from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses._inputs import as_float, require_at_least, require_same_batch
from portable_losses._numerics import norm
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import StatefulLoss, register


@register
def ring_loss(
    y_true: ArrayLike, y_pred: ArrayLike, radius: ArrayLike, *, weight: float = 1.0
) -> Tensor:
    r"""Squared difference between the length of each feature vector and a common radius.

    $$ \ell_i = \frac{\lambda}{2} \bigl(\lVert x_i \rVert - R\bigr)^2 $$

    It goes with a loss that classifies, such as softmax cross-entropy, and normalises features
    gently where a layer would do it outright.

    Args:
        y_true: Anything with one entry per sample; only their number counts.
        y_pred: Features $x$, shape `(N, d)`.
        radius: The radius $R$, a scalar.
        weight: The paper's $\lambda$.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. The paper takes their mean
        over the batch. The gradient by a feature vector of zeros is 0: it has no direction.

    Raises:
        ValueError: for shapes that do not fit or a negative weight.

    References:
        Yutong Zheng, Dipan K. Pal and Marios Savvides, "Ring Loss: Convex Feature Normalization
        for Face Recognition", CVPR 2018.

    Where peers differ: PyTorch code has no factor ½. The authors' code also divides by the mean
    length ("ratio") or takes a smooth L1 loss.

    Examples:
        >>> values = ring_loss([0, 1], [[3.0, 4.0], [0.0, 1.0]], 2.0)
        >>> [round(float(value), 4) for value in values]
        [4.5, 0.5]
    """
    require_at_least("weight", weight, 0)
    x, dtype = as_float(y_pred)
    if len(x.shape) != 2:
        raise ValueError(
            f"Features must have shape (N, d). Received: y_pred.shape={tuple(x.shape)}."
        )
    require_same_batch(ops.convert_to_tensor(y_true), x)
    radius = ops.cast(ops.convert_to_tensor(radius), x.dtype)
    if len(radius.shape) != 0:
        raise ValueError(f"`radius` must be a scalar. Received: radius.shape={radius.shape}.")
    return ops.cast(0.5 * weight * ops.square(norm(x) - radius), dtype)


@register
class RingLoss(StatefulLoss):
    r"""Ring loss with the radius it trains; see `ring_loss` for the formula and the paper.

    Give it, beside a loss that classifies, to `portable_losses.training.LossModel`. The authors
    start from a trained network, or let the radius start as the mean length of the first batch:
    `set_radius(embeddings)`. The radius gets the optimizer.

    Args:
        weight: The paper's $\lambda$; 0.01 served it best beside softmax cross-entropy.
        radius: Where the radius starts.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> from keras import ops
        >>> loss = RingLoss(radius=2.0)
        >>> value = loss([0, 1], [[3.0, 4.0], [0.0, 1.0]], training=False)
        >>> round(float(ops.convert_to_numpy(value)), 4)  # (4.5 + 0.5) / 2
        2.5
        >>> loss.set_radius([[3.0, 4.0], [0.0, 1.0]])
        >>> round(float(ops.convert_to_numpy(loss.radius)), 4)
        3.0
    """

    def __init__(
        self,
        weight: float = 1.0,
        radius: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ring_loss",
        dtype: Any = None,
    ):
        require_at_least("weight", weight, 0)
        require_at_least("radius", radius, 0)
        super().__init__(name=name, reduction=reduction, dtype=dtype, weight=weight, radius=radius)
        self.build((None,), (None, None))

    def build_state(self, dim: int | None) -> None:
        self.radius = self.add_weight(
            name="radius",
            shape=(),
            initializer=keras.initializers.Constant(self.settings["radius"]),
            dtype=self.state_dtype,
        )

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ring_loss(y_true, y_pred, self.radius, weight=self.settings["weight"])

    def set_radius(self, embeddings: ArrayLike) -> None:
        """Let the radius start as the mean length of `embeddings`, shape `(N, d)`."""
        x = ops.convert_to_numpy(ops.cast(ops.convert_to_tensor(embeddings), self.state_dtype))
        if x.ndim != 2 or not len(x):
            raise ValueError(
                f"`embeddings` must have shape (N, d) with N of 1 or more. Received: {x.shape}."
            )
        self.radius.assign(np.mean(np.linalg.norm(x.astype("float64"), axis=1)))
