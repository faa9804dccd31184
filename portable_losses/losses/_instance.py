"""Instance loss: every instance is a class, with one classifier for all of its views."""

from typing import Any

from keras import ops

from portable_losses._inputs import as_class_ids, poison, require_above, require_same_batch
from portable_losses._pairwise import cosine, dot
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import as_embeddings
from portable_losses.losses._base import register
from portable_losses.losses._crossentropy import sparse_categorical_crossentropy
from portable_losses.losses._proxies import ProxyLoss


def _require(gamma: float | None) -> None:
    if gamma is not None:
        require_above("gamma", gamma, 0)


def _logits(x: Tensor, proxies: Tensor, gamma: float | None) -> Tensor:
    if gamma is None:
        return dot(x, proxies)
    return gamma * cosine(x, proxies)


@register
def instance_loss(
    y_true: ArrayLike, y_pred: ArrayLike, proxies: ArrayLike, *, gamma: float | None = None
) -> Tensor:
    r"""Softmax cross-entropy with every instance, such as an image with its captions, a class.

    $$ \ell_i = -\log \frac{e^{w_{y_i} \cdot x_i}}{\sum_j e^{w_j \cdot x_i}}
       \quad\text{or, with a } \gamma, \quad
       \ell_i = -\log \frac{e^{\gamma \cos\theta_{i y_i}}}{\sum_j e^{\gamma \cos\theta_{ij}}} $$

    with $\theta_{ij}$ the angle between embedding $x_i$ and the row $w_j$. All views of an instance
    (image and text, crops of one image) have its id and the same $w$, which draws them to one
    place: put them into one batch, one below the other.

    Args:
        y_true: Ids of instances `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings of any view, shape `(N, d)`.
        proxies: One row for each instance, shape `(C, d)`, shared by all views.
        gamma: None for the paper's linear classifier, without a bias and with nothing normalised.
            A number for cosines times that number, as in the authors' later code.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or a
            `gamma` that is not positive.

    References:
        Zhedong Zheng, Liang Zheng, Michael Garrett, Yi Yang, Mingliang Xu and Yi-Dong Shen,
        "Dual-Path Convolutional Image-Text Embeddings with Instance Loss", ACM TOMM 16(2), 2020.

    Where peers differ: pytorch-metric-learning's `InstanceLoss(gamma=64)` holds no weights: its
    classifier is the batch. Sample $i$ is compared with all embeddings of the batch, itself among
    them, and what it should find is the embedding at the *rank* of its label among the distinct
    labels of the batch: itself where labels are distinct and in ascending order, and any other
    where they are not. It is this function with the batch for proxies: with
    `ranks = numpy.unique(labels, return_inverse=True)[1]` its values are
    `instance_loss(ranks, x, x, gamma=64)`, gradients included. With `numpy.arange(N)` for `ranks`
    every sample finds itself, whatever the labels.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> round(float(instance_loss([0], [[2.0, 0.0]], proxies)[0]), 4)
        0.1269
        >>> round(float(instance_loss([0], [[2.0, 0.0]], proxies, gamma=1.0)[0]), 4)
        0.3133
    """
    _require(gamma)
    x, proxies, dtype = as_embeddings(y_pred, proxies)
    ids, valid = as_class_ids(y_true, proxies.shape[0])
    require_same_batch(ids, x)
    logits = _logits(x, proxies, gamma)
    values = sparse_categorical_crossentropy(ids, logits, from_logits=True)
    return ops.cast(poison(values, valid), dtype)


@register
class InstanceLoss(ProxyLoss):
    """Instance loss with the classifier it trains; see `instance_loss` for formula and paper.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` tells instances.

    Args:
        num_classes: The number of instances.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        gamma: As for `instance_loss`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = InstanceLoss(num_classes=2, embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[2.0, 0.0]], training=False)), 4)
        0.1269
    """

    function = staticmethod(instance_loss)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        gamma: float | None = None,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "instance_loss",
        dtype: Any = None,
    ):
        _require(gamma)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            gamma=gamma,
        )

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        """The logits of the loss, `(N, C)`."""
        x, proxies, dtype = as_embeddings(embeddings, self.table())
        return ops.cast(_logits(x, proxies, self.settings["gamma"]), dtype)
