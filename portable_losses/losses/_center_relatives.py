"""Center losses that also keep classes apart: triplet-center, contrastive-center, island loss."""

from typing import Any

from keras import ops

from portable_losses._inputs import (
    as_class_ids,
    poison,
    require_above,
    require_at_least,
    require_same_batch,
)
from portable_losses._numerics import divide, norm, normalize, positive_part
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import register
from portable_losses.losses._center import center_loss, move_centers
from portable_losses.losses._centered import (
    CenteredLoss,
    around_centers,
    as_features,
    nearest_other,
    rows_of,
)

# Triplet-center -----------------------------------------------------------------------------


@register
def triplet_center(
    y_true: ArrayLike, y_pred: ArrayLike, centers: ArrayLike, *, margin: float = 5.0
) -> Tensor:
    r"""The own center has to be nearer than the nearest other one, by a margin.

    $$ \ell_i = \max\bigl(D(x_i, c_{y_i}) + m - \min_{j \ne y_i} D(x_i, c_j),\ 0\bigr),
       \qquad D(x, c) = \tfrac12 \lVert x - c \rVert^2 $$

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Features $x$, shape `(N, d)`.
        centers: One center $c$ per class, shape `(C, d)`.
        margin: The paper's $m$, 5 there: between squared distances.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`; 0 where there is one class
        only. The paper sums them over the batch. NaN for an id out of range that only appears
        inside of a compiled function. Only the own center and the nearest other one (the first
        of equals) get a gradient.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or a
            negative margin.

    References:
        Xinwei He, Yang Zhou, Zhichao Zhou, Song Bai and Xiang Bai, "Triplet-Center Loss for
        Multi-View 3D Object Retrieval", CVPR 2018.

    Where peers differ: the authors' code takes the distance itself, not half its square, and in
    one version looks for the nearest center among the classes of the batch only.

    Examples:
        >>> centers = [[0.0, 0.0], [4.0, 0.0], [0.0, 9.0]]
        >>> values = triplet_center([0, 1], [[1.0, 0.0], [1.0, 0.0]], centers)
        >>> [round(float(value), 4) for value in values]  # 0.5 + 5 - 4.5, 4.5 + 5 - 0.5
        [1.0, 9.0]
    """
    require_at_least("margin", margin, 0)
    x, centers, dtype = as_features(y_pred, centers)
    ids, valid = as_class_ids(y_true, centers.shape[0])
    require_same_batch(ids, x)
    if centers.shape[0] == 1:  # nothing to keep away from
        values = 0 * ops.sum(x - ops.cast(rows_of(centers, ids), x.dtype), axis=-1)
    else:
        both = ops.concatenate([ids, nearest_other(ids, x, centers)], axis=0)
        both = ops.cast(rows_of(centers, both), x.dtype)
        own, other = ops.split(both, 2, axis=0)
        # ½‖x − a‖² − ½‖x − b‖² = (b − a) · (x − (a + b)/2): no difference of large squares.
        nearer = ops.sum((other - own) * (x - 0.5 * (own + other)), axis=-1)
        values = positive_part(nearer + margin)
    return ops.cast(poison(values, valid), dtype)


@register
class TripletCenter(CenteredLoss):
    r"""Triplet-center loss with the centers it trains; see `triplet_center` for the formula.

    Centers are trainable weights that get the optimizer, by the gradient of the reduced loss. The
    paper divides the pull on a center and the push by one plus the number of samples that pull or
    push it; its authors' code leaves that out as well.

    Give it to `portable_losses.training.LossModel`. `set_class_means(y_true, embeddings)` lets
    centers start as class means, and `get_logits(embeddings)` classifies by the nearest center.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of a feature vector; taken from the first batch if None.
        margin: As for `triplet_center`.
        centers_initializer: Where centers start. None draws every coordinate from the standard
            normal distribution, as the authors do.
        learning_rate_multiplier: How many times the optimizer's steps a center takes; the
            variable `centers` is the center divided by it; `table()` gives the centers.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> from keras import ops
        >>> loss = TripletCenter(num_classes=3, embedding_dim=2)
        >>> loss.set_class_means([0, 1, 2], [[0.0, 0.0], [4.0, 0.0], [0.0, 9.0]])
        >>> value = loss([0, 1], [[1.0, 0.0], [1.0, 0.0]], training=False)
        >>> round(float(ops.convert_to_numpy(value)), 4)  # (1 + 9) / 2
        5.0
        >>> logits = ops.convert_to_numpy(loss.get_logits([[1.0, 0.0]]))
        >>> [round(float(logit), 4) for logit in logits[0]]
        [-0.5, -4.5, -41.0]
    """

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        margin: float = 5.0,
        centers_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "triplet_center",
        dtype: Any = None,
    ):
        require_at_least("margin", margin, 0)
        super().__init__(
            num_classes,
            embedding_dim,
            centers_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            margin=margin,
        )

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return triplet_center(y_true, y_pred, self.table(), margin=self.settings["margin"])


# Contrastive-center -------------------------------------------------------------------------


@register
def contrastive_center(
    y_true: ArrayLike, y_pred: ArrayLike, centers: ArrayLike, *, delta: float = 1.0
) -> Tensor:
    r"""Squared distance to the own center, over the sum of those to all others.

    $$ \ell_i = \frac12
       \frac{\lVert x_i - c_{y_i} \rVert^2}{\sum_{j \ne y_i} \lVert x_i - c_j \rVert^2 + \delta} $$

    The sum takes no more memory than features and centers do: the squared distances to $n$
    points are $n$ times the one to their mean, plus the points' own from their mean.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Features $x$, shape `(N, d)`.
        centers: One center $c$ per class, shape `(C, d)`.
        delta: The paper's $\delta$, 1 there; keeps the denominator from 0.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. The paper sums them over
        the batch. With one class the sum is empty. NaN for an id out of range that only appears
        inside of a compiled function.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or a
            `delta` that is not positive.

    References:
        Ce Qi and Fei Su, "Contrastive-Center Loss for Deep Neural Networks", ICIP 2017.

    Where peers differ: common PyTorch code takes one ratio of sums over the batch, not the sum of
    ratios, and a $\delta$ of 1e-6.

    Examples:
        >>> centers = [[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]]
        >>> values = contrastive_center([0, 1], [[1.0, 0.0], [1.0, 0.0]], centers)
        >>> [round(float(value), 4) for value in values]  # 0.5 * 1 / (9 + 10 + 1), 0.5 * 9 / 12
        [0.025, 0.375]
    """
    require_above("delta", delta, 0)
    x, centers, dtype = as_features(y_pred, centers)
    classes = centers.shape[0]
    ids, valid = as_class_ids(y_true, classes)
    require_same_batch(ids, x)
    x, centers = around_centers(x, centers)
    own = rows_of(centers, ids)
    values = 0.5 * ops.sum(ops.square(x - own), axis=-1)
    others = _squares_to_others(x, own, centers) if classes > 1 else 0.0
    return ops.cast(poison(values / (others + delta), valid), dtype)


def _squares_to_others(x: Tensor, own: Tensor, centers: Tensor) -> Tensor:
    """Σ ‖x − c‖² over all centers but the own one, `(N,)`.

    With o the mean of the n = C − 1 others, m that of all and V = Σ ‖c − m‖², it is
    n ‖x − o‖² + V − (C/n) ‖own − m‖².
    """
    count = centers.shape[0]
    total = ops.sum(centers, axis=0, keepdims=True)
    spread = ops.sum(ops.square(centers - total / count))
    own_spread = ops.sum(ops.square(own - total / count), axis=-1)
    spread = positive_part(spread - count / (count - 1) * own_spread)  # rounding may go below 0
    distances = ops.sum(ops.square(x - (total - own) / (count - 1)), axis=-1)
    return (count - 1) * distances + spread


@register
class ContrastiveCenter(CenteredLoss):
    r"""Contrastive-center loss with the centers it trains; see `contrastive_center`.

    Centers are trainable weights that get the optimizer. Every sample moves all of them: its own
    towards it, the others away.

    Give it to `portable_losses.training.LossModel`. `set_class_means(y_true, embeddings)` lets
    centers start as class means, and `get_logits(embeddings)` classifies by the nearest center.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of a feature vector; taken from the first batch if None.
        delta: As for `contrastive_center`.
        centers_initializer: Where centers start. None draws every coordinate from the standard
            normal distribution.
        learning_rate_multiplier: How many times the optimizer's steps a center takes; the
            variable `centers` is the center divided by it; `table()` gives the centers.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> from keras import ops
        >>> loss = ContrastiveCenter(num_classes=3, embedding_dim=2)
        >>> loss.set_class_means([0, 1, 2], [[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
        >>> value = loss([0, 1], [[1.0, 0.0], [1.0, 0.0]], training=False)
        >>> round(float(ops.convert_to_numpy(value)), 4)  # (0.025 + 0.375) / 2
        0.2
    """

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        delta: float = 1.0,
        centers_initializer: Any = None,
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "contrastive_center",
        dtype: Any = None,
    ):
        require_above("delta", delta, 0)
        super().__init__(
            num_classes,
            embedding_dim,
            centers_initializer,
            learning_rate_multiplier,
            name=name,
            reduction=reduction,
            dtype=dtype,
            delta=delta,
        )

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return contrastive_center(y_true, y_pred, self.table(), delta=self.settings["delta"])


# Island -------------------------------------------------------------------------------------


@register
def island_loss(
    y_true: ArrayLike, y_pred: ArrayLike, centers: ArrayLike, *, weight: float = 10.0
) -> Tensor:
    r"""Center loss, plus the cosines between all pairs of centers.

    $$ \ell_i = \tfrac12 \lVert x_i - c_{y_i} \rVert^2
       + \lambda_1 \sum_j \sum_{k \ne j} \bigl(\cos(c_j, c_k) + 1\bigr) $$

    The pairs do not depend on the sample. Each value has their sum, so that the mean over the
    batch has it once. It costs no more than reading the centers: the cosines of all pairs add up
    to the squared length of the sum of unit vectors, less one for each.

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Features $x$, shape `(N, d)`. The pairs give them no gradient.
        centers: One center $c$ per class, shape `(C, d)`. One at the origin is at a right angle
            to all others.
        weight: The paper's $\lambda_1$.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. The paper sums the first
        part over the batch. NaN for an id out of range that only appears inside of a compiled
        function.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or a
            negative weight.

    References:
        Jie Cai, Zibo Meng, Ahmed Shehab Khan, Zhiyuan Li, James O'Reilly and Yan Tong, "Island
        Loss for Learning Discriminative Features in Facial Expression Recognition", FG 2018.

    Examples:
        >>> centers = [[0.0, 2.0], [3.0, 0.0], [0.0, -1.0]]  # cosines 0, 0 and -1
        >>> values = island_loss([0, 1], [[0.0, 1.0], [3.0, 0.0]], centers, weight=0.5)
        >>> [round(float(value), 4) for value in values]  # 0.5 + 2, 0.0 + 2
        [2.5, 2.0]
    """
    require_at_least("weight", weight, 0)
    x, centers, dtype = as_features(y_pred, centers)
    values = center_loss(y_true, x, centers)
    units = normalize(ops.cast(ops.convert_to_tensor(centers), x.dtype))
    count = units.shape[0]
    # Σ_{j≠k} u_j · u_k = ‖Σ u‖² − Σ ‖u‖²
    cosines = ops.sum(ops.square(ops.sum(units, axis=0))) - ops.sum(ops.square(units))
    return ops.cast(values + weight * (cosines + count * (count - 1)), dtype)


def spread_of(centers: Any) -> Tensor:
    """How the sum of a center's cosines to the others rises with it, for each center `(C, d)`.

    Σ_{k≠j} ∂cos(c_j, c_k)/∂c_j = (s − (s · u_j) u_j) / ‖c_j‖ with s = Σ u: what is along u_j goes.
    """
    centers = ops.convert_to_tensor(centers)
    units = normalize(centers)
    total = ops.sum(units, axis=0, keepdims=True)
    across = total - ops.sum(total * units, axis=-1, keepdims=True) * units
    return divide(across, norm(centers, keepdims=True))


@register
class IslandLoss(CenteredLoss):
    r"""Island loss with its centers, which follow the features and part from one another.

    $$ c_j \leftarrow c_j - \alpha \Bigl( \frac{\sum_{y_i = j} (c_j - x_i)}{1 + n_j}
       + \frac{\lambda_1}{C - 1} \sum_{k \ne j} \frac{\partial \cos(c_j, c_k)}{\partial c_j}
       \Bigr) $$

    with $n_j$ samples of class $j$ in the batch, after the loss has seen the centers; see
    `island_loss` for its formula. No gradient flows into the centers. All of them part, those of
    absent classes too, unless the whole batch is masked or of weight 0. A step grows as
    $1 / \lVert c_j \rVert$: for features much shorter than 1, take a smaller `weight`.

    Give it to `portable_losses.training.LossModel`. `set_class_means(y_true, embeddings)` lets
    centers start as class means, and `get_logits(embeddings)` classifies by the nearest center.

    Args:
        num_classes: The number of classes.
        embedding_dim: The length of a feature vector; taken from the first batch if None.
        alpha: The step $\alpha$ of the centers.
        weight: The paper's $\lambda_1$, in the loss and in the step.
        centers_initializer: Where centers start; at the origin, they part from no other center.
        reduction, name, dtype: As for any Keras loss.

    Examples:
        >>> from keras import ops
        >>> loss = IslandLoss(num_classes=2, embedding_dim=2, weight=1.0)
        >>> _ = loss.centers.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> float(loss([0], [[1.0, 0.0]], training=True))
        2.0
        >>> ops.convert_to_numpy(loss.centers).tolist()
        [[1.0, -0.5], [-0.5, 1.0]]
    """

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        alpha: float = 0.5,
        weight: float = 10.0,
        centers_initializer: Any = "zeros",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "island_loss",
        dtype: Any = None,
    ):
        require_at_least("alpha", alpha, 0)
        require_at_least("weight", weight, 0)
        super().__init__(
            num_classes,
            embedding_dim,
            centers_initializer,
            1.0,
            trains=False,
            name=name,
            reduction=reduction,
            dtype=dtype,
            alpha=alpha,
            weight=weight,
        )

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return island_loss(y_true, y_pred, self.centers, weight=self.settings["weight"])

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        alpha, count = self.settings["alpha"], self.settings["num_classes"]
        step = spread_of(self.centers)  # from the centers as the loss saw them
        step = step * (alpha * self.settings["weight"] / max(count - 1, 1))
        step = ops.where(ops.any(counted), step, ops.zeros_like(step))
        move_centers(self.centers, y_true, y_pred, counted, alpha, "count")
        self.centers.assign_sub(step)
