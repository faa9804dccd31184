"""SphereFace: the angle to the own class is multiplied."""

import math
from typing import Any

from keras import ops

from portable_losses._inputs import as_float, require_above, require_count
from portable_losses._numerics import norm
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import angles, cosines, margin_softmax
from portable_losses.losses._base import register
from portable_losses.losses._proxies import ProxyLoss


def _require(margin: int, scale: float) -> None:
    require_count("margin", margin)
    require_above("scale", scale, 0)


def psi(cosine: Tensor, m: int) -> Tensor:
    """(−1)ᵏ cos(mθ) − 2k for θ in [kπ/m, (k+1)π/m]: falls from 1 to 1 − 2m as θ goes from 0 to π.

    cos(mθ) = T_m(cos θ) by Chebyshev's T_{n+1}(c) = 2c·T_n(c) − T_{n−1}(c), without an arccos. k
    counts the borders cos(jπ/m) that cos θ has passed; value and slope are the same on both sides.
    """
    before, multiple = ops.ones_like(cosine), cosine
    for _ in range(m - 1):
        before, multiple = multiple, 2 * cosine * multiple - before
    k, sign = ops.zeros_like(cosine), ops.ones_like(cosine)
    for j in range(1, m):
        passed = cosine < math.cos(j * math.pi / m)
        k, sign = ops.where(passed, k + 1, k), ops.where(passed, -sign, sign)
    return ops.stop_gradient(sign) * multiple - 2 * ops.stop_gradient(k)


@register
def sphereface(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    margin: int = 4,
    scale: float = 1.0,
) -> Tensor:
    r"""Softmax over length times cosine, with the angle to the own class multiplied.

    $$ \ell_i = -\log \frac{e^{s \lVert x_i \rVert \psi(\theta_{i, y_i})}}
       {e^{s \lVert x_i \rVert \psi(\theta_{i, y_i})}
       + \sum_{j \ne y_i} e^{s \lVert x_i \rVert \cos \theta_{ij}}},
       \qquad \psi(\theta) = (-1)^k \cos(m \theta) - 2k $$

    with $k$ such that $\theta$ lies in $[k\pi/m, (k+1)\pi/m]$, and $\theta_{ij}$ the angle
    between embedding $x_i$ and proxy $j$. Also known as A-softmax. The embedding's length counts.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings $x$, shape `(N, d)`; not normalised.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        margin: The paper's $m$, a positive integer; without a margin it is 1.
        scale: The factor $s$; the paper has none.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. At a zero embedding all logits are 0, and
        so is the gradient.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or
            settings out of range.

    References:
        Weiyang Liu, Yandong Wen, Zhiding Yu, Ming Li, Bhiksha Raj and Le Song, "SphereFace: Deep
        Hypersphere Embedding for Face Recognition", CVPR 2017.

    Where peers differ: the authors' code begins training without the margin, with
    $(\lambda \cos\theta + \psi(\theta)) / (1 + \lambda)$ in place of $\psi$ and $\lambda$ falling
    to 5; here and in pytorch-metric-learning $\lambda$ is 0.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> values = sphereface([0, 1], [[2.0, 0.0], [2.0, 0.0]], proxies, margin=2)
        >>> [round(float(value), 4) for value in values]  # logits (2, 0) and (2, -2)
        [0.1269, 4.0181]
    """
    _require(margin, scale)
    found = angles(y_true, y_pred, proxies)
    length = scale * norm(as_float(y_pred)[0])
    logits = ops.expand_dims(length, 1) * found.cosine
    return margin_softmax(found, logits, length * psi(found.target, margin))


@register
class SphereFace(ProxyLoss):
    """SphereFace with the proxies it trains; see `sphereface` for the formula and the paper.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        margin, scale: As for `sphereface`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = SphereFace(num_classes=2, embedding_dim=2, margin=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> value = loss([0], [[2.0, 0.0]], training=False)
        >>> round(float(ops.convert_to_numpy(value)), 4)
        0.1269
    """

    function = staticmethod(sphereface)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        margin: int = 4,
        scale: float = 1.0,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "sphereface",
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
        length = ops.expand_dims(norm(as_float(embeddings)[0]), 1)
        return self.settings["scale"] * length * cosines(embeddings, self.table())
