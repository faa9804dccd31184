"""Heads of cosines without angles: CosFace, normalised softmax, P2SGrad."""

from typing import Any

from keras import ops

from portable_losses._inputs import poison, require_above, require_at_least
from portable_losses._numerics import mean
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import angles, cosines, margin_softmax, own_class
from portable_losses.losses._base import register
from portable_losses.losses._proxies import ProxyLoss


def _require(margin: float, scale: float) -> None:
    require_at_least("margin", margin, 0)
    require_above("scale", scale, 0)


@register
def cosface(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    margin: float = 0.35,
    scale: float = 64.0,
) -> Tensor:
    r"""Softmax over the cosines to the classes, with a margin taken off that of the own class.

    $$ \ell_i = -\log \frac{e^{s (\cos\theta_{i, y_i} - m)}}
       {e^{s (\cos\theta_{i, y_i} - m)} + \sum_{j \ne y_i} e^{s \cos \theta_{ij}}} $$

    with $\theta_{ij}$ the angle between embedding $i$ and proxy $j$. Also known as the large
    margin cosine loss.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        margin: The paper's $m$, at least 0.
        scale: The paper's $s$.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector counts as at a right angle
        to all others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or
            settings out of range.

    References:
        Hao Wang, Yitong Wang, Zheng Zhou, Xing Ji, Dihong Gong, Jingchao Zhou, Zhifeng Li and Wei
        Liu, "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> values = cosface([0, 0], [[2.0, 2.0], [3.0, 0.0]], proxies, margin=1.0, scale=1.0)
        >>> [round(float(value), 4) for value in values]
        [1.3133, 0.6931]
    """
    _require(margin, scale)
    found = angles(y_true, y_pred, proxies)
    return margin_softmax(found, scale * found.cosine, scale * (found.target - margin))


@register
class CosFace(ProxyLoss):
    """CosFace with the proxies it trains; see `cosface` for the formula and the paper.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        margin, scale: As for `cosface`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = CosFace(num_classes=2, embedding_dim=2, margin=1.0, scale=1.0)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> value = loss([0], [[3.0, 0.0]], training=False)
        >>> round(float(ops.convert_to_numpy(value)), 4)
        0.6931
    """

    function = staticmethod(cosface)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        margin: float = 0.35,
        scale: float = 64.0,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosface",
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
        return self.settings["scale"] * cosines(embeddings, self.table())


@register
def normalized_softmax(
    y_true: ArrayLike, y_pred: ArrayLike, proxies: ArrayLike, *, temperature: float = 0.05
) -> Tensor:
    r"""Softmax over the cosines to the classes, divided by a temperature; no margin.

    $$ \ell_i = -\log \frac{e^{\cos\theta_{i, y_i} / \sigma}}
       {\sum_j e^{\cos \theta_{ij} / \sigma}} $$

    with $\theta_{ij}$ the angle between embedding $i$ and proxy $j$. The paper puts a layer
    normalisation without scale and shift before the embedding, which is the network's.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        temperature: The paper's $\sigma$.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector counts as at a right angle
        to all others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or a
            temperature that is not positive.

    References:
        Andrew Zhai and Hao-Yu Wu, "Classification is a Strong Baseline for Deep Metric Learning",
        BMVC 2019.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> values = normalized_softmax([0, 0], [[2.0, 2.0], [0.0, 3.0]], proxies, temperature=0.5)
        >>> [round(float(value), 4) for value in values]
        [0.6931, 2.1269]
    """
    require_above("temperature", temperature, 0)
    found = angles(y_true, y_pred, proxies)
    return margin_softmax(found, found.cosine / temperature, found.target / temperature)


@register
class NormalizedSoftmax(ProxyLoss):
    """Normalised softmax with the proxies it trains; see `normalized_softmax` for the formula.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        temperature: As for `normalized_softmax`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = NormalizedSoftmax(num_classes=2, embedding_dim=2, temperature=0.5)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> value = loss([0], [[0.0, 3.0]], training=False)
        >>> round(float(ops.convert_to_numpy(value)), 4)
        2.1269
    """

    function = staticmethod(normalized_softmax)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        temperature: float = 0.05,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "normalized_softmax",
        dtype: Any = None,
    ):
        require_above("temperature", temperature, 0)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            temperature=temperature,
        )

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        return cosines(embeddings, self.table()) / self.settings["temperature"]


@register
def p2sgrad(y_true: ArrayLike, y_pred: ArrayLike, proxies: ArrayLike) -> Tensor:
    r"""Squared distance of the cosines to the classes from 1 for the own class and 0 for others.

    $$ \ell_i = \frac1C \sum_j (\cos\theta_{ij} - \mathbb{1}[j = y_i])^2 $$

    The paper ("probability to similarity gradient") gives no loss but a gradient without
    settings, $\sum_j (\cos\theta_{ij} - \mathbb{1}[j = y_i]) \nabla \cos\theta_{ij}$ (equation
    11); that of $\ell_i$ is $2 / C$ times it.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: One row for each class, shape `(C, d)`; normalised here.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. Their mean is the mean square
        over samples and classes. NaN for an id out of range that only appears inside of a
        compiled function. A zero vector counts as at a right angle to all others.

    Raises:
        ValueError: for shapes that do not fit, or an id that is fractional or out of range.

    References:
        Xiao Zhang, Rui Zhao, Junjie Yan, Mengya Gao, Yu Qiao, Xiaogang Wang and Hongsheng Li,
        "P2SGrad: Refined Gradients for Optimizing Deep Face Models", CVPR 2019.

    Where peers differ: pytorch-metric-learning's `P2SGradLoss` has the same value, and sets its
    weights to length 1 before each step in place of a gradient through their normalisation.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> values = p2sgrad([0, 1], [[3.0, 0.0], [3.0, 0.0]], proxies)
        >>> [float(value) for value in values]
        [0.0, 1.0]
    """
    found = angles(y_true, y_pred, proxies)
    error = found.cosine - ops.cast(own_class(found), found.cosine.dtype)
    return ops.cast(poison(mean(ops.square(error)), found.valid), found.dtype)


@register
class P2SGrad(ProxyLoss):
    """P2SGrad with the proxies it trains; see `p2sgrad` for the formula and the paper.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` are the cosines.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = P2SGrad(num_classes=2, embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> value = loss([1], [[3.0, 0.0]], training=False)
        >>> float(ops.convert_to_numpy(value))
        1.0
    """

    function = staticmethod(p2sgrad)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "p2sgrad",
        dtype: Any = None,
    ):
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
        )

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        return cosines(embeddings, self.table())
