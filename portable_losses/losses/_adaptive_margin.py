"""Margin heads that adapt to how far training has come: AdaCos and CurricularFace."""

import math
from typing import Any

import keras
from keras import ops

from portable_losses import _backend
from portable_losses._inputs import (
    as_class_ids,
    require_above,
    require_same_batch,
    require_within,
)
from portable_losses._numerics import clip, masked_mean, normalize
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import (
    angles,
    cosines,
    margin_softmax,
    own_class,
    require_margin,
    with_angle_added,
)
from portable_losses.losses._base import register
from portable_losses.losses._proxies import ProxyLoss

# The paper's rules leave these bounds for one or two classes, and where embeddings lie closer to
# other proxies than 45°: there each scale is larger than the one before.
LOWEST_SCALE, HIGHEST_SCALE = math.log(2), 100.0


def fixed_scale(num_classes: int) -> float:
    """√2 · log(C − 1), or log 2 if that is more."""
    return max(math.sqrt(2) * math.log(max(num_classes - 1, 1)), LOWEST_SCALE)


@register
def adacos(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    scale: ArrayLike | None = None,
) -> Tensor:
    r"""Softmax over the cosines to the classes, scaled by what their number asks for; no margin.

    $$ \ell_i = -\log \frac{e^{s \cos \theta_{i, y_i}}}{\sum_j e^{s \cos \theta_{ij}}},
       \qquad s = \sqrt2 \log(C - 1) $$

    with $\theta_{ij}$ the angle between embedding $i$ and proxy $j$. This is the paper's fixed
    scale; `AdaCos` moves it along with training and hands it in as `scale`.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        scale: The paper's $s$, a number or a scalar tensor. None is the fixed scale, held to at
            least $\log 2$: the formula gives 0 for two classes, and nothing for one.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector counts as at a right angle
        to all others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or a
            scale that is not above 0.

    References:
        Xiao Zhang, Rui Zhao, Yu Qiao, Xiaogang Wang and Hongsheng Li, "AdaCos: Adaptively Scaling
        Cosine Logits for Effectively Learning Deep Face Representations", CVPR 2019.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> round(float(adacos([0], [[2.0, 0.0]], proxies)[0]), 4)  # log(1 + e^(-log 2))
        0.4055
    """
    if isinstance(scale, int | float):
        require_above("scale", scale, 0)
    found = angles(y_true, y_pred, proxies)
    if scale is None:
        scale = fixed_scale(found.cosine.shape[1])
    scale = ops.convert_to_tensor(scale, dtype=found.cosine.dtype)
    return margin_softmax(found, scale * found.cosine, scale * found.target)


@register
class AdaCos(ProxyLoss):
    r"""AdaCos with the proxies it trains and the scale that follows the training.

    $$ s \leftarrow \frac{\log B}{\cos \min(\tfrac\pi4, \theta_\text{med})}, \qquad
       B = \frac1N \sum_i \sum_{j \ne y_i} e^{s \cos \theta_{ij}} $$

    in each training step, before its loss: $\theta_\text{med}$ is the median over the batch of
    the angles to the own class, the mean of the two middle ones where there are two. It starts at
    $\sqrt2 \log(C - 1)$. Samples that are masked or of weight 0 do not take part; a batch of none
    but those leaves the scale as it is. No gradient flows through it.

    The scale is held to $[\log 2, 100]$, which the paper does not do. The rule leaves that range
    with one or two classes, where $\log(C - 1)$ is no scale, and upwards, without an end, while
    embeddings lie close to proxies of other classes, as they do in two or three dimensions.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies, with the
    scale as it is.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        dynamic: Whether the scale moves; False keeps it where it starts, the paper's fixed AdaCos.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    References:
        As for `adacos`.

    Where peers differ: widely copied PyTorch code takes the lower of two middle angles, computes
    $B$ in float32, which is infinite from a scale of about 88 on, and moves the scale in
    evaluation too.

    Examples:
        >>> loss = AdaCos(num_classes=4, embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
        >>> round(float(loss.scale), 4)  # √2 log 3
        1.5537
        >>> _ = loss([0], [[1.0, 0.0]], training=True)
        >>> round(float(loss.scale), 4)  # log(1 + 1 + e^-1.5537) / cos 0
        0.7937
    """

    function = staticmethod(adacos)
    update_first = True

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        dynamic: bool = True,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "adacos",
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
            dynamic=bool(dynamic),
        )
        self.samples_classes = not dynamic  # the scale follows the cosines to all classes

    def build_state(self, dim: int) -> None:
        super().build_state(dim)
        start = fixed_scale(self.settings["num_classes"])
        self.scale = self.add_weight(
            name="scale",
            shape=(),
            initializer=keras.initializers.Constant(start),
            dtype=self.state_dtype,
            trainable=False,
            aggregation="mean",
        )

    def values_at(self, y_true: Tensor, y_pred: Tensor, proxies: Tensor) -> Tensor:
        return adacos(y_true, y_pred, proxies, scale=ops.copy(self.scale))

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        if not self.settings["dynamic"]:
            return
        found = angles(y_true, y_pred, ops.stop_gradient(ops.convert_to_tensor(self.proxies)))
        counted = ops.logical_and(counted, found.valid)
        count = ops.sum(ops.cast(counted, "int32"))
        at_least_one = ops.cast(ops.maximum(count, 1), found.cosine.dtype)

        others = ops.logical_and(ops.expand_dims(counted, 1), ops.logical_not(own_class(found)))
        old = ops.convert_to_tensor(self.scale)
        logits = old * found.cosine
        # Not -inf: with one class there are no others, and -inf less itself is NaN.
        logits = ops.where(others, logits, ops.full_like(logits, -1e30))
        log_average = ops.logsumexp(logits) - ops.log(at_least_one)

        theta = ops.arctan2(found.sine, found.target)
        median = ops.cos(ops.minimum(_median(theta, counted, count), math.pi / 4))
        scale = clip(log_average / median, LOWEST_SCALE, HIGHEST_SCALE)
        self.scale.assign(ops.where(count > 0, scale, old))

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        found = cosines(embeddings, self.table())
        return ops.cast(ops.copy(self.scale), found.dtype) * found


def _median(theta: Tensor, counted: Tensor, count: Tensor) -> Tensor:
    """Of the angles that are counted: the others are sorted behind them."""
    ordered = ops.sort(ops.where(counted, theta, ops.full_like(theta, 2 * math.pi)))
    last = ops.maximum(count - 1, 0)
    return 0.5 * (ops.take(ordered, last // 2) + ops.take(ordered, (last + 1) // 2))


@register
def curricularface(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    t: ArrayLike = 0.0,
    margin: float = 0.5,
    scale: float = 64.0,
) -> Tensor:
    r"""ArcFace in which hard negatives weigh less early in training, and more later on.

    $$ \ell_i = -\log \frac{e^{s \cos(\theta_{i, y_i} + m)}}
       {e^{s \cos(\theta_{i, y_i} + m)} + \sum_{j \ne y_i} e^{s N_{ij}}},
       \qquad N_{ij} = \begin{cases}
         \cos\theta_{ij} (t + \cos\theta_{ij}) &
           \text{if } \cos\theta_{ij} > \cos(\theta_{i, y_i} + m) \\
         \cos\theta_{ij} & \text{otherwise}
       \end{cases} $$

    with $\theta_{ij}$ the angle between embedding $i$ and proxy $j$. `CurricularFace` keeps $t$,
    a running mean of the cosines to the own class. Past $\theta_{i, y_i} > \pi - m$,
    $\cos\theta - m \sin m$ stands in for $\cos(\theta + m)$ in the loss (not in what is hard), as
    in the authors' code.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        t: The paper's $t$, a number or a scalar tensor.
        margin: The paper's $m$, in radians, from 0 to π.
        scale: The paper's $s$.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector counts as at a right angle
        to all others. A negative that turns from easy to hard makes the value jump, unless
        $t = 1 - \cos\theta$.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or
            settings out of range.

    References:
        Yuge Huang, Yuhan Wang, Ying Tai, Xiaoming Liu, Pengcheng Shen, Shaoxin Li, Jilin Li and
        Feiyue Huang, "CurricularFace: Adaptive Curriculum Learning Loss for Deep Face
        Recognition", CVPR 2020.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.6, 0.8]]  # cosines 1 and 0.6; both count for class 1
        >>> settings = {"t": 0.1, "margin": 0.0, "scale": 1.0}
        >>> values = curricularface([0, 1], [[2.0, 0.0], [2.0, 0.0]], proxies, **settings)
        >>> [round(float(value), 4) for value in values]  # easy: 1 to 0.6; hard: 0.6 to 1.1
        [0.513, 0.9741]
    """
    require_margin(margin, scale)
    found = angles(y_true, y_pred, proxies)
    cosine = found.cosine
    moved = found.target * math.cos(margin) - found.sine * math.sin(margin)
    t = ops.convert_to_tensor(t, dtype=cosine.dtype)
    hard = cosine > ops.expand_dims(moved, 1)
    logits = scale * ops.where(hard, cosine * (t + cosine), cosine)
    return margin_softmax(found, logits, scale * with_angle_added(found, margin))


@register
class CurricularFace(ProxyLoss):
    r"""CurricularFace with the proxies it trains and its $t$; see `curricularface`.

    $$ t \leftarrow (1 - \alpha)\, t + \alpha \frac1N \sum_i \cos \theta_{i, y_i} $$

    in each training step, before its loss, from $t = 0$. Samples that are masked or of weight 0 do
    not take part; a batch of none but those leaves $t$ as it is. No gradient flows through it.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        margin, scale: As for `curricularface`.
        momentum: The share $\alpha$ of the batch. The paper prints 0.99 for it; its authors' code
            has 0.01 and is right, they say.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    References:
        As for `curricularface`.

    Where peers differ: the authors' code moves $t$ in evaluation too.

    Examples:
        >>> loss = CurricularFace(num_classes=2, embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> _ = loss([0, 1], [[2.0, 0.0], [3.0, 4.0]], training=True)
        >>> round(float(loss.t), 4)  # 0.01 * (1 + 0.8) / 2
        0.009
    """

    function = staticmethod(curricularface)
    update_first = True

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        margin: float = 0.5,
        scale: float = 64.0,
        momentum: float = 0.01,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "curricularface",
        dtype: Any = None,
    ):
        require_margin(margin, scale)
        require_within("momentum", momentum, 0, 1)
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
            momentum=momentum,
        )

    def build_state(self, dim: int) -> None:
        super().build_state(dim)
        self.t = self.add_weight(
            name="t",
            shape=(),
            initializer="zeros",
            dtype=self.state_dtype,
            trainable=False,
            aggregation="mean",
        )

    def values_at(self, y_true: Tensor, y_pred: Tensor, proxies: Tensor) -> Tensor:
        margin, scale = self.settings["margin"], self.settings["scale"]
        t = ops.copy(self.t)
        return curricularface(y_true, y_pred, proxies, t=t, margin=margin, scale=scale)

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        ids, valid = as_class_ids(y_true, self.settings["num_classes"])
        require_same_batch(ids, y_pred)
        counted = ops.logical_and(counted, valid)
        own = ops.stop_gradient(_backend.take_rows(self.proxies, ids))
        cosine = ops.sum(normalize(y_pred) * normalize(own), axis=-1)
        alpha = self.settings["momentum"]
        old = ops.convert_to_tensor(self.t)
        moved = (1 - alpha) * old + alpha * masked_mean(cosine, counted)
        self.t.assign(ops.where(ops.any(counted), moved, old))

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        return self.settings["scale"] * cosines(embeddings, self.table())
