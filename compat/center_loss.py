"""The center loss of TF1 graph-mode code, as a stateful Keras layer."""

from typing import Any

import keras

from portable_losses import losses

# reduction -> (distance per sample, reduction over the batch, factor)
_REDUCTIONS = {
    "half_sum": ("half_sum", "sum", 1.0),
    "mean": ("mean", "mean", 1.0),
    "mean_of_sums": ("half_sum", "mean", 2.0),
    "half_mean_of_sums": ("half_sum", "mean", 1.0),
    "per_sample": ("half_sum", "none", 1.0),
}


@keras.saving.register_keras_serializable("portable_losses.compat")
class CenterLoss(keras.layers.Layer):
    r"""`get_variable("centers")`, `scatter_sub` and `control_dependencies`, as one layer.

    The TF1 function that most center-loss code descends from, figure for figure on every backend
    (golden figures of TensorFlow 1.15.5): centers start at zero; the loss is `tf.nn.l2_loss` of
    the features minus the centers from *before* the update; the update divides by one plus the
    class's count, and duplicates in a batch add up; one-hot labels are turned to ids by argmax.

    TF1 ran the update whenever the loss was evaluated, in validation too. This layer moves its
    centers in training only, and asks to be told: `training` has no default.

    New code: `portable_losses.losses.CenterLoss` with `portable_losses.training.LossModel`.

    Args:
        num_classes: The number of classes.
        alpha: The step of the centers; with `update="sum"` the share of a center that is kept.
        update: `"count"`, $c \leftarrow c - \alpha \sum (c - x) / (1 + n)$; `"mean"`, which
            divides by $n$; `"sum"`, facenet's $c \leftarrow c - (1 - \alpha) \sum (c - x)$;
            `"never"`, for code whose update op was built and never run, so that its "center
            loss" is a penalty on the norm of the features.
        reduction: `"half_sum"`, $\tfrac12 \sum_{i,d}$ (`tf.nn.l2_loss`); `"mean"` over batch and
            features (facenet); `"mean_of_sums"`, the mean over the batch of $\sum_d$;
            `"half_mean_of_sums"`, half of it; or `"per_sample"`, $\tfrac12 \sum_d$ of shape
            `(N,)`.
        centers_initializer: Where centers start.
        name, dtype: As for any Keras layer.

    Call:
        `layer(labels, features, training=...)` with labels `(N,)`, `(N, 1)` or one-hot `(N, C)`
        and features `(N, d)`; returns a scalar, or `(N,)`. `layer.centers` is the variable.

    Raises:
        ValueError: for bad settings, shapes or ids, and when `training` is not said.

    Examples:
        >>> layer = CenterLoss(num_classes=2, alpha=0.5)
        >>> float(layer([0, 0], [[1.0, 0.0], [3.0, 0.0]], training=True))  # (1 + 9) / 2
        5.0
        >>> [float(value) for value in layer.centers[0]]  # 0.5 * (1 + 3) / (1 + 2)
        [0.6666666865348816, 0.0]
    """

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.6,
        update: str = "count",
        reduction: str = "half_sum",
        centers_initializer: Any = "zeros",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype or "float32", autocast=False)
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"`reduction` must be one of {tuple(_REDUCTIONS)}. Received: {reduction!r}."
            )
        distance, over_batch, self.factor = _REDUCTIONS[reduction]
        self.update, self.reduction = update, reduction
        self.loss = losses.CenterLoss(
            num_classes,
            alpha=alpha,
            update="count" if update == "never" else update,
            distance=distance,
            centers_initializer=centers_initializer,
            reduction=over_batch,
            dtype=dtype,
        )

    @property
    def centers(self) -> keras.Variable:
        return self.loss.centers

    def __call__(
        self, labels: Any, features: Any, *, training: bool | None = None, **kwargs: Any
    ) -> Any:
        if training is None:
            raise ValueError(
                f"The layer {self.name!r} moves its centers in training only, and was called "
                "without `training`. Pass training=True or training=False; within a layer or "
                "model of your own, its `training` argument."
            )
        labels, features = (
            x if isinstance(x, keras.KerasTensor) else keras.ops.convert_to_tensor(x)
            for x in (labels, features)
        )
        return super().__call__(labels, features, training=bool(training), **kwargs)

    def build(self, labels_shape: Any, features_shape: Any) -> None:
        self.loss.build(labels_shape, features_shape)

    def call(self, labels: Any, features: Any, training: bool = False) -> Any:
        moves = training and self.update != "never"
        return self.factor * self.loss(labels, features, training=moves)

    def get_config(self) -> dict[str, Any]:
        ours = self.loss.get_config()
        saved = {key: ours[key] for key in ("num_classes", "alpha", "centers_initializer")}
        rest = {"name": self.name, "dtype": self.compute_dtype}
        return {**saved, "update": self.update, "reduction": self.reduction, **rest}
