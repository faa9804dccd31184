"""SoftTriple: a softmax over classes, each a soft choice among several centers."""

from typing import Any

from keras import ops

from portable_losses._inputs import (
    as_class_ids,
    poison,
    require_above,
    require_at_least,
    require_count,
    require_same_batch,
)
from portable_losses._numerics import log_softmax, mean, normalize, sqrt
from portable_losses._pairwise import dot
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import as_embeddings, count_classes
from portable_losses.losses._base import register
from portable_losses.losses._crossentropy import sparse_categorical_crossentropy
from portable_losses.losses._proxies import ProxyLoss


def _require(centers_per_class: int, la: float, gamma: float, margin: float, tau: float) -> None:
    require_count("centers_per_class", centers_per_class)
    require_above("la", la, 0)
    require_above("gamma", gamma, 0)
    require_at_least("margin", margin, 0)
    require_at_least("tau", tau, 0)


def _similarities(x: Tensor, centers: Tensor, centers_per_class: int, gamma: float) -> Tensor:
    """Of unit vectors to each class, `(N, C)`: a mean of cosines that prefers large ones."""
    classes = count_classes(centers, centers_per_class)
    cosines = ops.reshape(dot(x, centers), (-1, classes, centers_per_class))
    return ops.sum(ops.exp(log_softmax(cosines / gamma)) * cosines, axis=-1)


def _spread(centers: Tensor, centers_per_class: int) -> Tensor:
    """Distances between the centers of one class, summed over pairs and classes, over C K (K−1).

    By ‖u − v‖² = ‖u‖² + ‖v‖² − 2 u·v, in C K² numbers. Centers are taken from the mean of their
    class: where they come together, what is subtracted is as small as what is left.
    """
    rows, dim = centers.shape
    centers = ops.reshape(centers, (-1, centers_per_class, dim))
    centers = centers - mean(centers, axis=1, keepdims=True)
    squares = ops.sum(ops.square(centers), axis=-1)
    products = centers @ ops.transpose(centers, (0, 2, 1))
    squared = ops.expand_dims(squares, 1) + ops.expand_dims(squares, 2) - 2 * products
    places = ops.arange(centers_per_class)
    pairs = ops.expand_dims(places, 1) < ops.expand_dims(places, 0)
    distances = sqrt(ops.where(pairs, squared, ops.zeros_like(squared)))
    return ops.sum(distances) / (rows * (centers_per_class - 1))


@register
def soft_triple(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    centers_per_class: int = 10,
    la: float = 20.0,
    gamma: float = 0.1,
    margin: float = 0.01,
    tau: float = 0.2,
) -> Tensor:
    r"""SoftTriple: classes of several centers, without the triplets.

    $$ \ell_i = -\log \frac{e^{\lambda (S_{i y_i} - \delta)}}
         {e^{\lambda (S_{i y_i} - \delta)} + \sum_{c \ne y_i} e^{\lambda S_{ic}}} + \tau R, \qquad
       S_{ic} = \sum_k q_{ick} \cos\theta_{ick}, \qquad
       q_{ic} = \operatorname{softmax}_k (\cos\theta_{ick} / \gamma) $$

    with $\theta_{ick}$ the angle between embedding $i$ and center $k$ of class $c$. The
    regulariser draws the centers of a class to one another, so that a class keeps as many apart
    as it needs:

    $$ R = \frac1{C K (K - 1)} \sum_c \sum_{k < l} \lVert \hat w_{ck} - \hat w_{cl} \rVert $$

    with $\hat w$ centers of length 1. It does not depend on the batch. Each value contains it once,
    so that their mean is the paper's loss; a sum of $N$ values has it $N$ times, and weights weigh
    it too.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: The centers, shape `(C * K, d)`, one class after the other; normalised here.
        centers_per_class: The paper's $K$.
        la: The paper's $\lambda$.
        gamma: The paper's $\gamma$: towards 0 the nearest center counts alone, for large ones all
            alike.
        margin: The paper's $\delta$.
        tau: The paper's $\tau$; 0 leaves the regulariser out.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector is at a right angle to all
        others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or
            settings out of range.

    References:
        Qi Qian, Lei Shang, Baigui Sun, Juhua Hu, Hao Li and Rong Jin, "SoftTriple Loss: Deep
        Metric Learning Without Triplet Sampling", ICCV 2019.

    Where peers differ: pytorch-metric-learning's `SoftTripleLoss` has no regulariser (`tau=0`),
    and its centers are columns. The authors' code adds $10^{-5}$ under the root of $R$; here two
    centers that coincide have distance 0, with gradient 0.

    Examples:
        >>> centers = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-1.0, 0.0]]
        >>> given = dict(centers_per_class=2, la=1.0, margin=0.0)
        >>> round(float(soft_triple([0], [[2.0, 0.0]], centers, **given, tau=0.0)[0]), 4)
        0.1269
        >>> round(float(soft_triple([0], [[2.0, 0.0]], centers, **given, tau=1.0)[0]), 4)
        0.4805
    """
    _require(centers_per_class, la, gamma, margin, tau)
    x, proxies, dtype = as_embeddings(y_pred, proxies)
    classes = count_classes(proxies, centers_per_class)
    ids, valid = as_class_ids(y_true, classes)
    require_same_batch(ids, x)
    centers = normalize(proxies)
    similarity = _similarities(normalize(x), centers, centers_per_class, gamma)
    own = ops.equal(ops.expand_dims(ids, 1), ops.arange(classes, dtype=ids.dtype))
    logits = la * ops.where(own, similarity - margin, similarity)
    values = sparse_categorical_crossentropy(ids, logits, from_logits=True)
    if tau and centers_per_class > 1:
        values = values + tau * _spread(centers, centers_per_class)
    return ops.cast(poison(values, valid), dtype)


@register
class SoftTriple(ProxyLoss):
    """SoftTriple with the centers it trains; see `soft_triple` for the formula and the paper.

    The centers are `proxies`, one class after the other. Give it to
    `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        centers_per_class, la, gamma, margin, tau: As for `soft_triple`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = SoftTriple(2, embedding_dim=2, centers_per_class=2, la=1.0, margin=0.0, tau=0.0)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-1.0, 0.0]])
        >>> round(float(loss([0], [[2.0, 0.0]], training=False)), 4)
        0.1269
    """

    function = staticmethod(soft_triple)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        centers_per_class: int = 10,
        la: float = 20.0,
        gamma: float = 0.1,
        margin: float = 0.01,
        tau: float = 0.2,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "soft_triple",
        dtype: Any = None,
    ):
        _require(centers_per_class, la, gamma, margin, tau)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            proxies_per_class=centers_per_class,
            centers_per_class=centers_per_class,
            la=la,
            gamma=gamma,
            margin=margin,
            tau=tau,
        )

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        """λ S for each class, `(N, C)`; pytorch-metric-learning's gives S."""
        x, proxies, dtype = as_embeddings(embeddings, self.table())
        of_classes = (self.settings["centers_per_class"], self.settings["gamma"])
        similarity = _similarities(normalize(x), normalize(proxies), *of_classes)
        return ops.cast(self.settings["la"] * similarity, dtype)
