"""ProxyNCA++ and ProxyNCA: a softmax over the squared distances to one proxy per class."""

import math
from typing import Any

from keras import ops

from portable_losses._inputs import (
    as_class_ids,
    poison,
    require_above,
    require_choice,
    require_same_batch,
)
from portable_losses._numerics import normalize
from portable_losses._pairwise import dot
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import as_embeddings
from portable_losses.losses._base import register
from portable_losses.losses._proxies import ProxyLoss

DENOMINATORS = ("all", "others")


def _require(temperature: float, denominator: str) -> None:
    require_above("temperature", temperature, 0)
    require_choice("denominator", denominator, DENOMINATORS)


def _logits(x: Tensor, proxies: Tensor, temperature: float) -> Tensor:
    """−‖x̂ − p̂‖² / T, `(N, C)`, by ‖x̂ − p̂‖² = ‖x̂‖² + ‖p̂‖² − 2 x̂·p̂."""
    x, proxies = normalize(x), normalize(proxies)
    squares = ops.sum(ops.square(x), axis=1, keepdims=True) + ops.sum(ops.square(proxies), axis=1)
    return (2 * dot(x, proxies) - squares) / temperature


@register
def proxy_nca(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    temperature: float = 1 / 9,
    denominator: str = "all",
) -> Tensor:
    r"""ProxyNCA++: cross-entropy of a softmax over negative squared distances to the proxies.

    $$ \ell_i = -\log \frac{e^{-d(x_i, p_{y_i}) / T}}{\sum_{a \in A} e^{-d(x_i, p_a) / T}}, \qquad
       d(x, p) = \left\lVert \frac{x}{\lVert x \rVert} - \frac{p}{\lVert p \rVert} \right\rVert^2 $$

    with $A$ all classes in ProxyNCA++. The original ProxyNCA, `denominator="others"` with
    `temperature=1`, leaves $y_i$ out of $A$: its values have no lower bound of 0.

    As $d = 2 - 2 \cos\theta$, with all classes this is a softmax over $\frac2T \cos\theta$: the
    normalised softmax of temperature $T/2$ and no margin.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        temperature: The $T$ of ProxyNCA++. The original has none.
        denominator: `"all"` (ProxyNCA++) or `"others"` (ProxyNCA), which takes two classes.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector is at a distance of 1 from
        all others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, settings
            out of range, or one class with `denominator="others"`.

    References:
        Eu Wern Teh, Terrance DeVries and Graham W. Taylor, "ProxyNCA++: Revisiting and
        Revitalizing Proxy Neighborhood Component Analysis", ECCV 2020. Yair Movshovitz-Attias,
        Alexander Toshev, Thomas K. Leung, Sergey Ioffe and Saurabh Singh, "No Fuss Distance Metric
        Learning Using Proxies", ICCV 2017.

    Where peers differ: pytorch-metric-learning's `ProxyNCALoss` has all classes in the denominator
    and $1/T$ as `softmax_scale`, 1 by default. Where the probability of the own class underflows
    to 0 it drops the sample; the value here is finite, with its gradient. The `scale` of the
    authors' code is $1/\sqrt{T}$.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> round(float(proxy_nca([0], [[2.0, 0.0]], proxies, temperature=1.0)[0]), 4)
        0.1269
        >>> float(proxy_nca([0], [[2.0, 0.0]], proxies, temperature=1.0, denominator="others")[0])
        -2.0
    """
    _require(temperature, denominator)
    x, proxies, dtype = as_embeddings(y_pred, proxies)
    classes = proxies.shape[0]
    if denominator == "others" and classes < 2:
        raise ValueError(
            'With denominator="others" there must be two classes or more: nothing is left to '
            f"compare the own class with. Received: {classes} proxy."
        )
    ids, valid = as_class_ids(y_true, classes)
    require_same_batch(ids, x)
    logits = _logits(x, proxies, temperature)
    target = ops.squeeze(ops.take_along_axis(logits, ops.expand_dims(ids, 1), axis=1), 1)
    if denominator == "others":
        own = ops.equal(ops.expand_dims(ids, 1), ops.arange(classes, dtype=ids.dtype))
        logits = ops.where(own, ops.full_like(logits, -math.inf), logits)
    largest = ops.stop_gradient(ops.amax(logits, axis=1))
    total = ops.sum(ops.exp(logits - ops.expand_dims(largest, 1)), axis=1)
    values = ops.log(total) + (largest - target)
    return ops.cast(poison(values, valid), dtype)


@register
class ProxyNCA(ProxyLoss):
    """ProxyNCA++ with the proxies it trains, or ProxyNCA; see `proxy_nca` for the formula.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies.
    ProxyNCA++ trains proxies much faster than the network: see `learning_rate_multiplier`.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        temperature, denominator: As for `proxy_nca`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = ProxyNCA(num_classes=2, embedding_dim=2, temperature=1.0)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[2.0, 0.0]], training=False)), 4)
        0.1269
    """

    function = staticmethod(proxy_nca)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        temperature: float = 1 / 9,
        denominator: str = "all",
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "proxy_nca",
        dtype: Any = None,
    ):
        _require(temperature, denominator)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            temperature=temperature,
            denominator=denominator,
        )

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        """-d / T for each class, `(N, C)`; pytorch-metric-learning's gives d itself."""
        x, proxies, dtype = as_embeddings(embeddings, self.table())
        return ops.cast(_logits(x, proxies, self.settings["temperature"]), dtype)
