"""Margin heads that read a sample's quality off the length of its embedding: MagFace, AdaFace."""

import math
from typing import Any

import keras
from keras import ops

from portable_losses._inputs import (
    as_class_ids,
    as_float,
    require_above,
    require_at_least,
    require_same_batch,
    require_within,
)
from portable_losses._numerics import clip, masked_mean, norm
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import angles, cosines, margin_softmax, require_angle
from portable_losses.losses._base import register
from portable_losses.losses._proxies import ProxyLoss


def _require_magface(
    l_a: float, u_a: float, l_m: float, u_m: float, lambda_g: float, scale: float
) -> None:
    require_above("l_a", l_a, 0)
    require_above("u_a", u_a, l_a)
    require_angle("l_m", l_m)
    require_angle("u_m", u_m)
    require_at_least("u_m", u_m, l_m)
    require_at_least("lambda_g", lambda_g, 0)
    require_above("scale", scale, 0)


@register
def magface(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    l_a: float = 10.0,
    u_a: float = 110.0,
    l_m: float = 0.45,
    u_m: float = 0.8,
    lambda_g: float = 35.0,
    scale: float = 64.0,
    easy_margin: bool = False,
) -> Tensor:
    r"""ArcFace with a margin that grows with the length of the embedding, which is rewarded.

    $$ \ell_i = -\log \frac{e^{s \cos(\theta_{i, y_i} + m(a_i))}}
       {e^{s \cos(\theta_{i, y_i} + m(a_i))} + \sum_{j \ne y_i} e^{s \cos \theta_{ij}}}
       + \lambda_g\, g(a_i) $$

    $$ a_i = \min(\max(\lVert x_i \rVert, l_a), u_a), \quad
       m(a) = l_m + (u_m - l_m) \frac{a - l_a}{u_a - l_a}, \quad
       g(a) = \frac1a + \frac{a}{u_a^2} $$

    with $\theta_{ij}$ the angle between embedding $i$ and proxy $j$. Easy samples get long
    embeddings and a large margin, hard ones stay short: the length tells the quality. Both terms
    have a gradient by the length, within $[l_a, u_a]$ only: an embedding outside of it is neither
    lengthened nor shortened.

    Past $\theta > \pi - m$, where the cosine would rise again, $\cos\theta - m \sin m$ stands in
    for $\cos(\theta + m)$.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`, **not** normalised.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        l_a, u_a: The paper's bounds of the length, above 0. Without them at hand: the range of
            `norm(network.predict(x))`, and some room.
        l_m, u_m: The paper's margins at these bounds, in radians, from 0 to π.
        lambda_g: The paper's $\lambda_g$. For a length that settles within the bounds the paper
            asks for at least $s \frac{u_m - l_m}{u_a - l_a} \frac{u_a^2 l_a^2}{u_a^2 - l_a^2}$:
            22.6 for these settings.
        scale: The paper's $s$.
        easy_margin: Whether only embeddings within a right angle of their proxy get a margin.
            The authors trained with it; it is not in the paper.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector counts as at a right angle
        to all others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or
            settings out of range.

    References:
        Qiang Meng, Shichao Zhao, Zhida Huang and Feng Zhou, "MagFace: A Universal Representation
        for Face Recognition and Quality Assessment", CVPR 2021.

    Where peers differ: the authors' code is `easy_margin=True`; its `l_margin` and `u_margin` are
    `l_m` and `u_m`, and its trainer's default of 20 for $\lambda_g$ is less than the bound above
    (its scripts say 35).

    Examples:
        >>> import math
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> settings = {"l_a": 1.0, "u_a": 3.0, "l_m": 0.0, "u_m": 0.0, "scale": 1.0}
        >>> values = magface([0, 0], [[1.0, 1.0], [9.0, 9.0]], proxies, lambda_g=9.0, **settings)
        >>> [round(float(value) - math.log(2), 4) for value in values]  # 9 g(√2) and 9 g(3)
        [7.7782, 6.0]
    """
    _require_magface(l_a, u_a, l_m, u_m, lambda_g, scale)
    found = angles(y_true, y_pred, proxies)
    length = clip(norm(as_float(y_pred)[0]), l_a, u_a)
    margin = l_m + (u_m - l_m) / (u_a - l_a) * (length - l_a)
    target = found.target * ops.cos(margin) - found.sine * ops.sin(margin)
    if easy_margin:
        target = ops.where(found.target > 0, target, found.target)
    else:
        past = found.target - margin * ops.sin(margin)
        target = ops.where(found.target > -ops.cos(margin), target, past)
    values = margin_softmax(found, scale * found.cosine, scale * target)
    regulariser = lambda_g * (1 / length + length / u_a**2)
    return values + ops.cast(regulariser, values.dtype)


@register
class MagFace(ProxyLoss):
    """MagFace with the proxies it trains; see `magface` for the formula and the paper.

    Give it to `portable_losses.training.LossModel`, after a network that does not normalise its
    embeddings; `get_logits(embeddings)` classifies.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        l_a, u_a, l_m, u_m, lambda_g, scale, easy_margin: As for `magface`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = MagFace(num_classes=2, l_a=1.0, u_a=51.0, u_m=1.0, lambda_g=5.0)  # fine-tuning
        >>> _ = loss([0, 1], [[3.0, 4.0], [0.0, 7.0]], training=True)
        >>> tuple(loss.get_logits([[3.0, 4.0]]).shape)
        (1, 2)
    """

    function = staticmethod(magface)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        l_a: float = 10.0,
        u_a: float = 110.0,
        l_m: float = 0.45,
        u_m: float = 0.8,
        lambda_g: float = 35.0,
        scale: float = 64.0,
        easy_margin: bool = False,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "magface",
        dtype: Any = None,
    ):
        _require_magface(l_a, u_a, l_m, u_m, lambda_g, scale)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            l_a=l_a,
            u_a=u_a,
            l_m=l_m,
            u_m=u_m,
            lambda_g=lambda_g,
            scale=scale,
            easy_margin=bool(easy_margin),
        )

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        return self.settings["scale"] * cosines(embeddings, self.table())


# AdaFace's, as in the authors' code.
EPSILON, SHORTEST, LONGEST = 1e-3, 1e-3, 100.0


def _require_adaface(margin: float, scale: float) -> None:
    require_within("margin", margin, 0, 1.5)
    require_above("scale", scale, 0)


def _length(x: Tensor) -> Tensor:
    """The length of each embedding, held to what AdaFace takes for one; constant."""
    return clip(ops.stop_gradient(norm(x)), SHORTEST, LONGEST)


@register
def adaface(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    norm_mean: ArrayLike = 20.0,
    norm_std: ArrayLike = 100.0,
    margin: float = 0.4,
    h: float = 0.333,
    scale: float = 64.0,
) -> Tensor:
    r"""Softmax over the cosines to the classes, with a margin that suits the sample's quality.

    $$ \ell_i = -\log \frac{e^{s f_i}}{e^{s f_i} + \sum_{j \ne y_i} e^{s \cos \theta_{ij}}},
       \qquad f_i = \cos(\theta_{i, y_i} - m q_i) - m - m q_i $$

    $$ q_i = \min\left(\max\left(h \frac{\lVert x_i \rVert - \mu}{\sigma}, -1\right), 1\right) $$

    with $\theta_{ij}$ the angle between embedding $i$ and proxy $j$, and $q$ the quality: how the
    length of the embedding compares to others. It weighs between ArcFace, which is $q = -1$,
    CosFace, $q = 0$, and a margin that stresses hard samples of good quality, $q = 1$. `AdaFace`
    keeps $\mu$ and $\sigma$, running means of batches. No gradient flows through $q$.

    As in the authors' code, lengths are held to [0.001, 100], $\theta - m q$ to
    $[\epsilon, \pi - \epsilon]$, without a gradient outside of it, and the divisor is
    $\sigma + \epsilon$, with $\epsilon = 0.001$.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`, **not** normalised.
        proxies: One row for each class, shape `(C, d)`; normalised here.
        norm_mean, norm_std: $\mu$ and $\sigma$, numbers or scalar tensors.
        margin: The paper's $m$, from 0 to 1.5: less than a right angle.
        h: The paper's $h$, how much quality counts; 0 is CosFace. For a network whose good
            samples have short embeddings the authors advise to turn its sign.
        scale: The paper's $s$.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. NaN for an id out of range
        that only appears inside of a compiled function. A zero vector counts as at a right angle
        to all others.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or
            settings out of range.

    References:
        Minchul Kim, Anil K. Jain and Xiaoming Liu, "AdaFace: Quality Adaptive Margin for Face
        Recognition", CVPR 2022.

    Where peers differ: the authors' code also holds all cosines to $[-1 + \epsilon, 1 - \epsilon]$,
    for the sake of an arccos that is not needed here: values differ where an embedding is within
    2.6° of a proxy, or of its opposite.

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0]]
        >>> settings = {"norm_mean": 2.0, "norm_std": 1.0, "scale": 1.0, "h": 0.0}
        >>> round(float(adaface([0], [[2.0, 2.0]], proxies, **settings)[0]), 4)  # log(1 + e^0.4)
        0.913
    """
    _require_adaface(margin, scale)
    found = angles(y_true, y_pred, proxies)
    length = _length(as_float(y_pred)[0])
    mean, std = (ops.convert_to_tensor(x, dtype=length.dtype) for x in (norm_mean, norm_std))
    quality = clip(h * (length - mean) / (std + EPSILON), -1.0, 1.0)
    turned_cos, turned_sin = ops.cos(margin * quality), ops.sin(margin * quality)
    cosine = found.target * turned_cos + found.sine * turned_sin
    sine = found.sine * turned_cos - found.target * turned_sin
    # The angle lies in [-1.5, π + 1.5]: a sine below sin ε says that it is out of [ε, π - ε], and
    # the cosine at which end.
    end = ops.full_like(cosine, math.cos(EPSILON))
    end = ops.where(cosine > 0, end, -end)
    cosine = ops.where(sine < math.sin(EPSILON), end, cosine)
    target = cosine - margin * (1 + quality)
    return margin_softmax(found, scale * found.cosine, scale * target)


@register
class AdaFace(ProxyLoss):
    r"""AdaFace with the proxies it trains and what it knows of lengths; see `adaface`.

    $$ \mu \leftarrow (1 - \alpha)\,\mu + \alpha \bar a, \qquad
       \sigma \leftarrow (1 - \alpha)\,\sigma
       + \alpha \sqrt{\tfrac{1}{N - 1} \textstyle\sum_i (a_i - \bar a)^2} $$

    in each training step, before its loss, from $\mu = 20$ and $\sigma = 100$, with $a$ the
    lengths of the embeddings in the batch, held to [0.001, 100]. Samples that are masked or of
    weight 0 do not take part and do not count in $N$. A batch of one sample moves $\mu$ and leaves
    $\sigma$, a batch of none leaves both.

    Give it to `portable_losses.training.LossModel`, after a network that does not normalise its
    embeddings; `get_logits(embeddings)` classifies.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        margin, h, scale: As for `adaface`.
        t_alpha: The share $\alpha$ of the batch. The paper prints 0.99 for it; its authors' code
            trains with 0.01.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    References:
        As for `adaface`.

    Where peers differ: the authors' code moves $\mu$ and $\sigma$ in evaluation too, and makes
    $\sigma$ NaN for good at a batch of one sample.

    Examples:
        >>> loss = AdaFace(num_classes=2, embedding_dim=2, t_alpha=0.5)
        >>> _ = loss([0, 1], [[3.0, 4.0], [0.0, 7.0]], training=True)
        >>> round(float(loss.norm_mean), 4), round(float(loss.norm_std), 4)  # lengths 5 and 7
        (13.0, 50.7071)
    """

    function = staticmethod(adaface)
    update_first = True

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        margin: float = 0.4,
        h: float = 0.333,
        scale: float = 64.0,
        t_alpha: float = 0.01,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "adaface",
        dtype: Any = None,
    ):
        _require_adaface(margin, scale)
        require_within("t_alpha", t_alpha, 0, 1)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            margin=margin,
            h=h,
            scale=scale,
            t_alpha=t_alpha,
        )

    def build_state(self, dim: int) -> None:
        super().build_state(dim)
        self.norm_mean, self.norm_std = (
            self.add_weight(
                name=name,
                shape=(),
                initializer=keras.initializers.Constant(start),
                dtype=self.state_dtype,
                trainable=False,
                aggregation="mean",
            )
            for name, start in (("norm_mean", 20.0), ("norm_std", 100.0))
        )

    def values_at(self, y_true: Tensor, y_pred: Tensor, proxies: Tensor) -> Tensor:
        settings = {name: self.settings[name] for name in ("margin", "h", "scale")}
        state = {"norm_mean": ops.copy(self.norm_mean), "norm_std": ops.copy(self.norm_std)}
        return adaface(y_true, y_pred, proxies, **state, **settings)

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        ids, valid = as_class_ids(y_true, self.settings["num_classes"])
        require_same_batch(ids, y_pred)
        counted = ops.logical_and(counted, valid)
        length = _length(y_pred)
        mean = masked_mean(length, counted)
        squares = ops.where(counted, ops.square(length - mean), ops.zeros_like(length))
        count = ops.sum(ops.cast(counted, length.dtype))
        std = ops.sqrt(ops.sum(squares) / ops.maximum(count - 1, 1))
        alpha = self.settings["t_alpha"]
        for variable, found, fewest in ((self.norm_mean, mean, 1), (self.norm_std, std, 2)):
            old = ops.convert_to_tensor(variable)
            moved = (1 - alpha) * old + alpha * found
            variable.assign(ops.where(count >= fewest, moved, old))

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        return self.settings["scale"] * cosines(embeddings, self.table())
