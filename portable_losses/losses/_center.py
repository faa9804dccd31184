"""Center loss: features are drawn to the center of their class, centers follow the features."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from portable_losses import _backend
from portable_losses._inputs import (
    as_class_ids,
    poison,
    require_at_least,
    require_choice,
    require_same_batch,
)
from portable_losses._numerics import mean
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import StatefulLoss, register
from portable_losses.losses._centered import CenteredLoss, as_features, rows_of
from portable_losses.losses._crossentropy import (
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)

DISTANCES = ("half_sum", "mean")
UPDATES = ("count", "sum", "mean", "gradient")
CENTER_REDUCTIONS = ("per_sample", "half_sum")


@register
def center_loss(
    y_true: ArrayLike, y_pred: ArrayLike, centers: ArrayLike, *, distance: str = "half_sum"
) -> Tensor:
    r"""Squared distance of each feature vector to the center of its class.

    $$ \ell_i = \tfrac12 \lVert x_i - c_{y_i} \rVert^2
       \quad\text{or, with } \texttt{distance="mean"},\quad
       \ell_i = \tfrac1d \lVert x_i - c_{y_i} \rVert^2 $$

    Args:
        y_true: Class ids `(N,)` or `(N, 1)`, integer or whole floats, or one-hot `(N, C)`.
        y_pred: Features $x$, shape `(N, d)`.
        centers: One center $c$ per class, shape `(C, d)`.
        distance: `"half_sum"` (the paper; `tf.nn.l2_loss` of TF1 code) or `"mean"` (facenet).

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. The paper sums them over
        the batch. NaN for an id out of range that only appears inside of a compiled function.

    Raises:
        ValueError: for shapes that do not fit, an id that is fractional or out of range, or an
            unknown `distance`.

    References:
        Yandong Wen, Kaipeng Zhang, Zhifeng Li and Yu Qiao, "A Discriminative Feature Learning
        Approach for Deep Face Recognition", ECCV 2016.

    Examples:
        >>> values = center_loss([0, 1], [[1.0, 2.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]])
        >>> [float(value) for value in values]
        [2.5, 0.0]
    """
    return _distances(y_true, y_pred, centers, distance, rows_of)


def _distances(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    centers: ArrayLike,
    distance: str,
    read: Callable[[Any, Tensor], Tensor],
) -> Tensor:
    """`center_loss`, where `read` takes the rows from the table."""
    require_choice("distance", distance, DISTANCES)
    x, centers, dtype = as_features(y_pred, centers)
    ids, valid = as_class_ids(y_true, centers.shape[0])
    require_same_batch(ids, x)
    squares = ops.square(x - ops.cast(read(centers, ids), x.dtype))
    values = mean(squares) if distance == "mean" else 0.5 * ops.sum(squares, axis=-1)
    return ops.cast(poison(values, valid), dtype)


def move_centers(
    centers: keras.Variable,
    y_true: ArrayLike,
    y_pred: Tensor,
    counted: Tensor,
    alpha: float,
    update: str,
) -> None:
    r"""Move the centers of the classes in the batch; see `CenterLoss` for the rules.

    Every sample adds its share to the row of its class, so a step costs the same with ten
    classes as with a million.
    """
    ids, valid = as_class_ids(y_true, centers.shape[0])
    counted = ops.logical_and(counted, valid)
    share = y_pred - _backend.take_rows(centers, ids)
    if update == "sum":
        share = (1 - alpha) * share
    else:
        same = ops.equal(ops.expand_dims(ids, 0), ops.expand_dims(ids, 1))
        same = ops.logical_and(same, ops.expand_dims(counted, 0))
        count = ops.sum(ops.cast(same, share.dtype), axis=1, keepdims=True)
        # An uncounted sample may have no counted sample of its class; its share is dropped below.
        divisor = 1 + count if update == "count" else ops.maximum(count, 1)
        share = alpha * share / divisor
    share = ops.where(ops.expand_dims(counted, 1), share, ops.zeros_like(share))
    _backend.add_rows(centers, ids, ops.cast(share, centers.dtype))


@register
class CenterLoss(CenteredLoss):
    r"""Center loss with its centers, which move towards the features in training.

    $$ \ell_i = \tfrac12 \lVert x_i - c_{y_i} \rVert^2, \qquad
       c_j \leftarrow c_j - \alpha \frac{\sum_{y_i = j} (c_j - x_i)}{1 + n_j} $$

    with $n_j$ samples of class $j$ in the batch. The loss sees the centers from before the
    update. No gradient flows into the centers, unless `update="gradient"` asks for it.

    Give it to `portable_losses.training.LossModel` or `LossEndpoint`; it holds state, so
    `model.compile(loss=...)` refuses it. Samples that are masked or of weight 0 move no center.
    `set_class_means(y_true, embeddings)` lets centers start as class means, and
    `get_logits(embeddings)` classifies by the nearest center.

    Args:
        num_classes: The number of classes, $C$.
        embedding_dim: The length $d$ of a feature vector; taken from the first batch if None.
        alpha: The step $\alpha$ of the centers, 0.5 as in the paper if None. With
            `update="sum"` it is what facenet calls alfa: the share of a center that is *kept*.
            With `update="gradient"` there is none.
        update: `"count"`, the rule above; `"mean"`, which divides by $n_j$; `"sum"`,
            facenet's $c_j \leftarrow c_j - (1 - \alpha) \sum (c_j - x_i)$, which overshoots
            when $n_j (1 - \alpha) > 1$; or `"gradient"`, where centers are trainable weights
            and the optimizer moves them by the gradient of the reduced loss, as in most PyTorch
            code and in Keras code that keeps centers in an `Embedding`.
        distance: `"half_sum"`, the loss above; or `"mean"`, facenet's mean of squares over $d$.
        centers_initializer: Where centers start; zeros, as in TF1 code.
        learning_rate_multiplier: With `update="gradient"`, how many times the optimizer's steps
            a center takes. PyTorch code often gives centers an optimizer of their own: this is
            the ratio of the two rates. The variable `centers` is the center divided by it;
            `table()` gives the centers.
        reduction, name, dtype: As for any Keras loss. The paper's sum over the batch is
            `reduction="sum"`. Centers are kept in float32 (float64 for `dtype="float64"`).

    Call:
        `loss(y_true, y_pred, sample_weight=None, training=...)` with labels as for `center_loss`
        and features `(N, d)`; returns the reduced loss.

    Raises:
        ValueError: for bad settings, shapes or ids; when `training` is not said; and when the
            update would be lost.

    References:
        Yandong Wen, Kaipeng Zhang, Zhifeng Li and Yu Qiao, "A Discriminative Feature Learning
        Approach for Deep Face Recognition", ECCV 2016. Facenet: Florian Schroff, Dmitry
        Kalenichenko and James Philbin, CVPR 2015, in David Sandberg's implementation.

    Where peers differ: common PyTorch code averages $\lVert x_i - c_{y_i} \rVert^2$ over the batch,
    without the half.

    Examples:
        >>> loss = CenterLoss(num_classes=2, embedding_dim=2, alpha=1.0)
        >>> float(loss([0, 0], [[2.0, 0.0], [4.0, 0.0]], training=True))
        5.0
        >>> [float(value) for value in loss.centers[0]]  # (2 + 4) / (1 + 2)
        [2.0, 0.0]
    """

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None = None,
        alpha: float | None = None,
        update: str = "count",
        distance: str = "half_sum",
        centers_initializer: Any = "zeros",
        learning_rate_multiplier: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "center_loss",
        dtype: Any = None,
    ):
        require_choice("update", update, UPDATES)
        require_choice("distance", distance, DISTANCES)
        learned = update == "gradient"
        if learned and alpha is not None:
            raise ValueError(
                "With update='gradient' the optimizer moves the centers, and `alpha` has no role. "
                f"Received: alpha={alpha!r}. Leave it out; `learning_rate_multiplier` sets the "
                "pace of the centers."
            )
        if not learned and learning_rate_multiplier != 1:
            raise ValueError(
                "`learning_rate_multiplier` is for update='gradient'. Received: "
                f"learning_rate_multiplier={learning_rate_multiplier!r} with update={update!r}, "
                "where `alpha` sets the pace of the centers."
            )
        if not learned:
            alpha = 0.5 if alpha is None else alpha
            require_at_least("alpha", alpha, 0)
        super().__init__(
            num_classes,
            embedding_dim,
            centers_initializer,
            learning_rate_multiplier,
            trains=learned,
            name=name,
            reduction=reduction,
            dtype=dtype,
            alpha=alpha,
            update=update,
            distance=distance,
        )

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        def scaled(centers: Any, ids: Tensor) -> Tensor:  # no more rows than the batch needs
            return self.scaled(rows_of(centers, ids))

        read = scaled if self.trains else _backend.take_rows
        return _distances(y_true, y_pred, self.centers, self.settings["distance"], read)

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        alpha, rule = self.settings["alpha"], self.settings["update"]
        if rule != "gradient":
            move_centers(self.centers, y_true, y_pred, counted, alpha, rule)


@register
class SoftmaxCenterLoss(StatefulLoss):
    r"""Softmax cross-entropy on logits plus center loss of the same logits.

    $$ \ell_i = -\log \operatorname{softmax}(x_i)_{y_i}
       + \lambda \tfrac12 \lVert x_i - c_{y_i} \rVert^2 $$

    Centers move as in `CenterLoss`. This is the joint supervision of the paper for a network
    with one output. To draw an inner layer to its centers, give the network a second output and
    use `LossModel(model, {"logits": ..., "features": CenterLoss(...)})`.

    Args:
        num_classes: The number of classes, and of logits.
        alpha: The step $\alpha$ of the centers.
        weight: The paper's $\lambda$.
        center_reduction: `"per_sample"` adds to each sample its own center loss;
            `"half_sum"` adds to each sample the center loss summed over the batch, as widely
            copied TF1 code does: it grows with the batch.
        reduction, name, dtype: As for any Keras loss.

    Call:
        `loss(y_true, y_pred, sample_weight=None, training=...)` with labels as for `center_loss`
        (soft labels `(N, C)` too: the cross-entropy takes them as they are, the center is that
        of the largest) and logits `(N, C)`; returns the reduced loss.

    Raises:
        ValueError: as `CenterLoss` does.

    References:
        Yandong Wen, Kaipeng Zhang, Zhifeng Li and Yu Qiao, "A Discriminative Feature Learning
        Approach for Deep Face Recognition", ECCV 2016.

    Examples:
        >>> loss = SoftmaxCenterLoss(num_classes=2, weight=0.5)
        >>> round(float(loss([0], [[2.0, 0.0]], training=True)), 4)  # 0.1269 + 0.5 * 2.0
        1.1269
    """

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.5,
        weight: float = 5e-4,
        center_reduction: str = "per_sample",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "softmax_center_loss",
        dtype: Any = None,
    ):
        require_choice("center_reduction", center_reduction, CENTER_REDUCTIONS)
        require_at_least("weight", weight, 0)
        super().__init__(
            name=name,
            reduction=reduction,
            dtype=dtype,
            num_classes=num_classes,
            alpha=alpha,
            weight=weight,
            center_reduction=center_reduction,
        )
        self.center_loss = CenterLoss(num_classes, num_classes, alpha=alpha, dtype=dtype)
        self.build((None,), (None, num_classes))

    @property
    def centers(self) -> keras.Variable:
        return self.center_loss.centers

    def build_state(self, dim: int) -> None:
        pass  # the centers are those of `center_loss`

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        classes = self.settings["num_classes"]
        if y_pred.shape[-1] != classes:
            raise ValueError(
                f"There must be num_classes={classes} logits per sample. "
                f"Received: {y_pred.shape[-1]}."
            )
        if classes > 1 and tuple(y_true.shape[1:]) == (classes,):  # one-hot or soft
            softmax = categorical_crossentropy(y_true, y_pred, from_logits=True)
        else:
            softmax = sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        center = self.center_loss.values(y_true, y_pred)
        if self.settings["center_reduction"] == "half_sum":
            center = ops.sum(center)
        return softmax + self.settings["weight"] * center

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        self.center_loss.update(y_true, y_pred, counted)
