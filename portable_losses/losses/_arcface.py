"""ArcFace, and ArcFace with several centers per class: a margin added to the angle."""

import math
from typing import Any

from portable_losses._inputs import require_above, require_within
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import angles, cosines, margin_softmax, with_angle_added
from portable_losses.losses._base import register
from portable_losses.losses._proxies import ProxyLoss


def _require(margin: float, scale: float) -> None:
    require_within("margin", margin, 0, math.pi)
    require_above("scale", scale, 0)


@register
def arcface(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    margin: float = 0.5,
    scale: float = 64.0,
) -> Tensor:
    r"""Softmax over the cosines to the classes, with a margin added to the angle of the own one.

    $$ \ell_i = -\log \frac{e^{s \cos(\theta_{i, y_i} + m)}}
       {e^{s \cos(\theta_{i, y_i} + m)} + \sum_{j \ne y_i} e^{s \cos \theta_{ij}}} $$

    with $\theta_{ij}$ the angle between embedding $i$ and proxy $j$. Past
    $\theta > \pi - m$, where the cosine would rise again, $\cos\theta - m \sin m$ stands in for
    $\cos(\theta + m)$, as in the authors' code.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        margin: The paper's $m$, in radians, from 0 to π.
        scale: The paper's $s$.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector counts as at a right angle
        to all others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or
            settings out of range.

    References:
        Jiankang Deng, Jia Guo, Niannan Xue and Stefanos Zafeiriou, "ArcFace: Additive Angular
        Margin Loss for Deep Face Recognition", CVPR 2019.

    Where peers differ: pytorch-metric-learning's `ArcFaceLoss` takes the margin in degrees (28.6).

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> round(float(arcface([0], [[2.0, 2.0]], proxies, margin=0.0, scale=1.0)[0]), 4)
        0.6931
    """
    _require(margin, scale)
    found = angles(y_true, y_pred, proxies)
    return margin_softmax(found, scale * found.cosine, scale * with_angle_added(found, margin))


@register
class ArcFace(ProxyLoss):
    """ArcFace with the proxies it trains; see `arcface` for the formula and the paper.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        margin, scale: As for `arcface`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = ArcFace(num_classes=2, embedding_dim=2, margin=0.0, scale=1.0)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[2.0, 2.0]], training=False)), 4)
        0.6931
    """

    function = staticmethod(arcface)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        margin: float = 0.5,
        scale: float = 64.0,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "arcface",
        dtype: Any = None,
    ):
        _require(margin, scale)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            margin=margin,
            scale=scale,
        )

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        return self.settings["scale"] * cosines(embeddings, self.scaled(self.proxies))
