"""ArcFace, and ArcFace with several centers per class: a margin added to the angle."""

import math
from typing import Any

import numpy as np
from keras import ops

from portable_losses._inputs import require_count
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._angles import (
    angles,
    cosines,
    margin_softmax,
    require_angle,
    require_margin,
    with_angle_added,
)
from portable_losses.losses._base import register
from portable_losses.losses._proxies import ProxyLoss
from portable_losses.losses._tables import as_numpy_ids, require_one_each


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
    require_margin(margin, scale)
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
        >>> value = loss([0], [[2.0, 2.0]], training=False)
        >>> round(float(ops.convert_to_numpy(value)), 4)
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
        require_margin(margin, scale)
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
def sub_center_arcface(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    proxies: ArrayLike,
    *,
    sub_centers: int = 3,
    margin: float = 0.5,
    scale: float = 64.0,
) -> Tensor:
    r"""ArcFace with several centers per class: an embedding need be close to one of them only.

    $$ \ell_i = -\log \frac{e^{s \cos(\theta_{i, y_i} + m)}}
       {e^{s \cos(\theta_{i, y_i} + m)} + \sum_{j \ne y_i} e^{s \cos \theta_{ij}}},
       \qquad \cos \theta_{ij} = \max_k \cos(x_i, w_{jk}) $$

    Noisy samples of a class gather around a sub-center of their own and leave the others clean.
    Only the nearest sub-center of each class gets a gradient. Past $\theta > \pi - m$,
    $\cos\theta - m \sin m$ stands in for $\cos(\theta + m)$, as in `arcface`.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Embeddings $x$, shape `(N, d)`; normalised here.
        proxies: The sub-centers $w$, `sub_centers` rows for each class, one class after the
            other, shape `(C * sub_centers, d)`; normalised here.
        sub_centers: How many a class has, the paper's $K$.
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
        Jiankang Deng, Jia Guo, Tongliang Liu, Mingming Gong and Stefanos Zafeiriou, "Sub-center
        ArcFace: Boosting Face Recognition by Large-Scale Noisy Web Faces", ECCV 2020.

    Where peers differ: pytorch-metric-learning's `SubCenterArcFaceLoss` takes the margin in
    degrees (28.6).

    Examples:
        >>> proxies = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]  # two for each class
        >>> settings = {"sub_centers": 2, "margin": 0.0, "scale": 1.0}
        >>> values = sub_center_arcface([0, 1], [[0.0, 3.0], [0.0, 3.0]], proxies, **settings)
        >>> [round(float(value), 4) for value in values]  # cosines 1 and 0
        [0.3133, 1.3133]
    """
    require_count("sub_centers", sub_centers)
    require_margin(margin, scale)
    found = angles(y_true, y_pred, proxies, sub_centers)
    return margin_softmax(found, scale * found.cosine, scale * with_angle_added(found, margin))


@register
class SubCenterArcFace(ProxyLoss):
    """Sub-center ArcFace with the proxies it trains; see `sub_center_arcface` for the formula.

    Give it to `portable_losses.training.LossModel`; `get_logits(embeddings)` classifies, and
    `get_outliers(y_true, embeddings)` finds labels that are likely wrong.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        sub_centers, margin, scale: As for `sub_center_arcface`.
        proxies_initializer, learning_rate_multiplier: As for `ProxyLoss`.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> loss = SubCenterArcFace(num_classes=2, embedding_dim=2, sub_centers=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
        >>> outliers = loss.get_outliers([0, 0, 0], [[5.0, 1.0], [9.0, 1.0], [0.0, 1.0]])
        >>> [bool(outlier) for outlier in outliers]
        [False, False, True]
    """

    function = staticmethod(sub_center_arcface)

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        sub_centers: int = 3,
        margin: float = 0.5,
        scale: float = 64.0,
        proxies_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "sub_center_arcface",
        dtype: Any = None,
    ):
        require_count("sub_centers", sub_centers)
        require_margin(margin, scale)
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            proxies_per_class=sub_centers,
            sub_centers=sub_centers,
            margin=margin,
            scale=scale,
        )

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        proxies = self.table()
        return self.settings["scale"] * cosines(embeddings, proxies, self.rows_per_class)

    def get_outliers(
        self, y_true: ArrayLike, embeddings: ArrayLike, threshold: float = math.radians(75)
    ) -> np.ndarray:
        """Which samples lie far from the dominant sub-center of their class: likely wrong labels.

        The dominant sub-center is the one that is nearest to most of the samples given here of
        the class. The paper drops the outliers and trains once more with one center per class.

        Args:
            y_true: Class ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
            embeddings: Shape `(N, d)`, such as `network.predict(x)`, of the whole training set.
            threshold: The angle in radians past which a sample is an outlier; 75° in the paper.

        Returns:
            A NumPy array of booleans, shape `(N,)`: `x[~outliers]` are the samples to keep.

        Raises:
            ValueError: for shapes or ids that do not fit, or a threshold outside of [0, π].

        Where peers differ: pytorch-metric-learning returns positions (`np.flatnonzero` of this)
        and the dominant sub-centers, and takes the threshold in degrees.
        """
        require_angle("threshold", threshold)
        classes, count = self.settings["num_classes"], self.rows_per_class
        ids, x, proxies = as_numpy_ids(y_true, classes), _units(embeddings), _units(self.table())
        require_one_each(ids, x, proxies.shape[1])
        # One sub-center at a time: the rows of all at once would take `count` times the data.
        cosine = np.stack([np.sum(x * proxies[ids * count + k], 1) for k in range(count)], 1)
        nearest = np.zeros((classes, count), "int64")
        np.add.at(nearest, (ids, np.argmax(cosine, axis=1)), 1)
        dominant = np.argmax(nearest, axis=1)
        return cosine[np.arange(len(ids)), dominant[ids]] < math.cos(threshold)


def _units(x: ArrayLike) -> np.ndarray:
    x = np.asarray(ops.convert_to_numpy(x), "float64")
    lengths = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(lengths > 0, lengths, 1)
