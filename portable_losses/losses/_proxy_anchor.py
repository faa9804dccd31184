"""Proxy-Anchor: each proxy pulls and pushes all samples of the batch at once."""

from typing import Any

from keras import ops

from portable_losses._inputs import (
    as_class_ids,
    poison,
    require_above,
    require_at_least,
    require_same_batch,
)
from portable_losses._numerics import divide, log1p_sum_exp
from portable_losses._pairwise import cosine
from portable_losses._reduction import expand
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import as_embeddings, cosines
from portable_losses.losses._base import register
from portable_losses.losses._proxies import ProxyLoss


def _require(margin: float, alpha: float) -> None:
    require_at_least("margin", margin, 0)
    require_above("alpha", alpha, 0)


@register
def proxy_anchor(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    margin: float = 0.1,
    alpha: float = 32.0,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Proxy-Anchor: near samples of its class each proxy pulls less, far ones more.

    $$ L = \frac1{|P^+|} \sum_{p \in P^+} \underbrace{\log \Bigl( 1 + \sum_{y_i = p}
           e^{-\alpha (\cos\theta_{ip} - \delta)} \Bigr)}_{T^+_p}
         + \frac1C \sum_p \underbrace{\log \Bigl( 1 + \sum_{y_i \ne p}
           e^{\alpha (\cos\theta_{ip} + \delta)} \Bigr)}_{T^-_p} $$

    with $P^+$ the classes of the batch. It is a sum over proxies; each of its terms is dealt out
    in equal parts to the samples it is made of,

    $$ \ell_i = \frac{N}{|P^+|} \frac{T^+_{y_i}}{n_{y_i}}
       + \frac NC \sum_{p \ne y_i} \frac{T^-_p}{N - n_p} $$

    with $n_p$ samples of class $p$ among $N$, so that **the mean of the values is $L$**.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        margin: The paper's $\delta$.
        alpha: The paper's $\alpha$.
        mask: Which samples count, shape `(N,)`; all by default. The others have value 0 and
            influence no value, and $N$ does not count them.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function; such a sample does not count either. A
        zero vector is at a right angle to all others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or
            settings out of range.

    References:
        Sungyeon Kim, Dongwon Kim, Minsu Cho and Suha Kwak, "Proxy Anchor Loss for Deep Metric
        Learning", CVPR 2020.

    Where peers differ: the authors' code and pytorch-metric-learning's `ProxyAnchorLoss` give
    $L$; the authors' code overflows from $\alpha (1 + \delta) > 88$ on.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> values = proxy_anchor([0, 0], [[2.0, 0.0], [0.0, 1.0]], proxies, margin=0.0, alpha=1.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + 1/e + 1) + log(1 + 1 + e) / 2
        [1.6377, 1.6377]
    """
    _require(margin, alpha)
    x, proxies, dtype = as_embeddings(y_pred, proxies)
    classes = proxies.shape[0]
    ids, counted = as_class_ids(y_true, classes)
    require_same_batch(ids, x)
    valid = counted
    if mask is not None:
        mask = ops.cast(ops.convert_to_tensor(mask), x.dtype)
        mask = expand(mask, ops.cast(counted, x.dtype), "mask")
        counted = ops.logical_and(counted, ops.not_equal(mask, 0))
    keep = ops.expand_dims(counted, 1)
    # The argument too: what stands at a masked position may be NaN.
    x = ops.where(keep, x, ops.zeros_like(x))
    similarity = cosine(x, proxies)
    own = ops.equal(ops.expand_dims(ids, 1), ops.arange(classes, dtype=ids.dtype))
    positive = ops.logical_and(own, keep)
    negative = ops.logical_and(ops.logical_not(own), keep)
    n = ops.sum(ops.cast(counted, x.dtype))
    n_positive = ops.sum(ops.cast(positive, x.dtype), axis=0)
    present = ops.sum(ops.cast(n_positive > 0, x.dtype))
    # What a sample gets of the terms of each class, (C,): if it is of that class, and if not.
    pull = divide(log1p_sum_exp(alpha * (margin - similarity), positive, axis=0), n_positive)
    push = divide(log1p_sum_exp(alpha * (margin + similarity), negative, axis=0), n - n_positive)
    shares = ops.where(own, divide(n, present) * pull, n / classes * push)
    values = ops.sum(ops.where(keep, shares, ops.zeros_like(shares)), axis=1)
    return ops.cast(poison(values, valid), dtype)


@register
class ProxyAnchor(ProxyLoss):
    """Proxy-Anchor with the proxies it trains; see `proxy_anchor` for the formula and the paper.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies. The paper
    trains proxies 100 times as fast as the network: see `learning_rate_multiplier`.

    Samples that are masked or of weight 0 influence nothing. With a mask the loss is that of the
    batch without them, for `"sum_over_batch_size"` and `"mean_with_sample_weight"`. With weights
    of 0 the latter gives it too; the former divides by all samples, as Keras does, so that n of N
    samples give n/N of it. Other weights multiply each sample's part of the loss.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        margin, alpha: As for `proxy_anchor`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = ProxyAnchor(num_classes=2, embedding_dim=2, margin=0.0, alpha=1.0)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0, 0], [[2.0, 0.0], [0.0, 1.0]], training=False)), 4)
        1.6377
    """

    function = staticmethod(proxy_anchor)
    samples_classes = False

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        margin: float = 0.1,
        alpha: float = 32.0,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "proxy_anchor",
        dtype: Any = None,
    ):
        _require(margin, alpha)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            margin=margin,
            alpha=alpha,
        )

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        proxies = self.table()
        return proxy_anchor(y_true, y_pred, proxies, mask=counted, **self.function_settings)

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        """α cos θ to each class, `(N, C)`; pytorch-metric-learning's gives cos θ."""
        return self.settings["alpha"] * cosines(embeddings, self.table())
