"""The center losses of TF1 and Keras 2 code, as one stateful Keras layer."""

from typing import Any

import keras
from keras import ops

from portable_losses import _backend, losses

from . import _centers

# reduction -> the factor of Σ_d per sample, and what becomes of the batch
REDUCTIONS = {
    "half_sum": (0.5, "sum"),
    "sum": (1.0, "sum"),
    "mean": (1.0, "mean of entries"),
    "mean_of_sums": (1.0, "mean"),
    "half_mean_of_sums": (0.5, "mean"),
    "per_sample": (0.5, "none"),
    "per_sample_sum": (1.0, "none"),
}
UPDATES = ("count", "sum", "mean", "ema", "gradient", "never")
VARIANTS = ("squared", "island", "git", "angular")
READS = ("before", "after")
# As Keras 2 starts an `Embedding`, and a weight made with initializer="uniform".
UNIFORM = {
    "module": "keras.initializers",
    "class_name": "RandomUniform",
    "config": {"minval": -0.05, "maxval": 0.05, "seed": None},
    "registered_name": None,
}
PRESETS: dict[str, dict[str, Any]] = {
    "wen2016": {"alpha": 0.5},
    "encodets": {"alpha": 0.5},
    "facenet": {"alpha": 0.95, "update": "sum", "reduction": "mean"},
    "keras_layer": {
        "alpha": 0.5,
        "reduction": "mean_of_sums",
        "centers_initializer": UNIFORM,
    },
    "embedding": {
        "update": "gradient",
        "reduction": "mean_of_sums",
        "centers_initializer": UNIFORM,
    },
    "git": {"alpha": 0.5, "variant": "git", "term_weight": 1.0},
    "island": {"alpha": 0.5, "variant": "island", "term_weight": 10.0},
    "angular": {"alpha": 1.0, "update": "mean", "variant": "angular", "reduction": "sum"},
}


def _require(name: str, value: Any, choices: Any) -> None:
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {tuple(choices)}. Received: {value!r}.")


@keras.saving.register_keras_serializable("portable_losses.compat")
class CenterLoss(keras.layers.Layer):
    r"""`get_variable("centers")`, `scatter_sub` and `control_dependencies`, as one layer.

    With its defaults, the TF1 function that most center-loss code descends from, figure for figure
    on every backend (golden figures of TensorFlow 1.15.5): centers start at zero; the loss is
    `tf.nn.l2_loss` of the features minus the centers from *before* the update; the update divides
    by one plus the class's count, and duplicates in a batch add up; one-hot labels are turned to
    ids by argmax. The settings give the other center losses that old code has, and
    `CenterLoss.preset("facenet", num_classes=...)` those of one well-known source.

    TF1 ran an update that hung on the loss by a control dependency whenever the loss was
    evaluated, in validation too. This layer moves its centers in training only, unless
    `update_in_eval` asks for it, and asks to be told: `training` has no default.

    New code: `portable_losses.losses.CenterLoss` with `portable_losses.training.LossModel`.

    Args:
        num_classes: The number of classes.
        alpha: The step of the centers; with `update="sum"` and `"ema"` the share of a center that
            is kept. With `update="gradient"` it has no role.
        update: With $n$ samples of the class in the batch,

            * `"count"`, $c \leftarrow c - \alpha \sum (c - x) / (1 + n)$;
            * `"mean"`, which divides by $n$;
            * `"sum"`, facenet's $c \leftarrow c - (1 - \alpha) \sum (c - x)$;
            * `"ema"`, $m \leftarrow \alpha m + (1 - \alpha)\, \overline{x}$ and
              $t \leftarrow t + 1$ for the classes of the batch; the center is
              $m / (1 - \alpha^t + 10^{-8})$;
            * `"gradient"`: trainable centers, which the optimizer moves, as in code that keeps
              them in an `Embedding`;
            * `"never"`, for code whose update op was built and never run, so that its "center
              loss" is a penalty on the norm of the features.
        reduction: `"half_sum"`, $\tfrac12 \sum_{i,d}$ (`tf.nn.l2_loss`); `"sum"`; `"mean"` over
            batch and features (facenet); `"mean_of_sums"`, the mean over the batch of $\sum_d$;
            `"half_mean_of_sums"`, half of it; `"per_sample"`, $\tfrac12 \sum_d$ of shape `(N,)`;
            or `"per_sample_sum"`, without the half.
        centers_initializer: Where centers start.
        read: Whether the loss sees the centers from `"before"` or `"after"` the update.
        update_in_eval: Whether the centers move with `training=False` too.
        variant: `"squared"` distances alone;

            * `"island"`: plus `term_weight` times $\sum_{j \ne k} (\cos(c_j, c_k) + 1)$, whose
              gradient over $C - 1$ also moves the centers (`update="count"` only);
            * `"git"`: plus `term_weight` times the mean, over all pairs of the batch and all
              features, of $1 / (1 + (x_i - c_{y_k})^2)$, where $i = k$ counts as 1;
            * `"angular"`: $-\cos(x, c)$ in place of the squares, and $x / \lVert x \rVert$ in
              place of $x - c$ in the update.
        term_weight: The factor of the term that the variant adds.
        name, dtype: As for any Keras layer.

    Call:
        `layer(labels, features, training=...)` with labels `(N,)`, `(N, 1)` or one-hot `(N, C)`,
        integer or whole floats, and features `(N, d)`; returns a scalar, or `(N,)`.
        `layer.centers` is the variable; with `"ema"` it holds $m$.

    Raises:
        ValueError: for bad settings, shapes or ids; when `training` is not said; and when the
            update would be lost.

    Where sources differ from what they meant: the published TF1 island loss compares rows of the
    batch with one another where it means centers; this compares centers. Layers that multiply by
    the one-hot matrix mix centers for soft labels; this takes that of the largest entry.

    Examples:
        >>> layer = CenterLoss(num_classes=2, alpha=0.5)
        >>> float(layer([0, 0], [[1.0, 0.0], [3.0, 0.0]], training=True))  # (1 + 9) / 2
        5.0
        >>> [float(value) for value in layer.centers[0]]  # 0.5 * (1 + 3) / (1 + 2)
        [0.6666666865348816, 0.0]
        >>> layer = CenterLoss.preset("facenet", num_classes=2)
        >>> layer.update, layer.reduction, layer.alpha
        ('sum', 'mean', 0.95)
    """

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.6,
        update: str = "count",
        reduction: str = "half_sum",
        centers_initializer: Any = "zeros",
        read: str = "before",
        update_in_eval: bool = False,
        variant: str = "squared",
        term_weight: float = 1.0,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype or "float32", autocast=False)
        _require("reduction", reduction, REDUCTIONS)
        _require("update", update, UPDATES)
        _require("read", read, READS)
        _require("variant", variant, VARIANTS)
        if variant == "island" and update not in ("count", "never"):
            raise ValueError(
                f"The island loss moves its centers by update='count'. Received: {update!r}."
            )
        if variant == "angular" and update == "ema":
            raise ValueError("update='ema' averages features, and the angular loss directions.")
        if update in ("sum", "ema") and not 0 <= alpha <= 1:
            raise ValueError(
                f"With update={update!r}, `alpha` is the share of a center that is kept and must "
                f"lie in [0, 1]. Received: alpha={alpha!r}."
            )
        self.num_classes, self.alpha, self.update = num_classes, alpha, update
        self.reduction, self.read, self.update_in_eval = reduction, read, update_in_eval
        self.variant, self.term_weight = variant, term_weight
        wide = "float64" if self.compute_dtype == "float64" else "float32"
        given: dict[str, Any] = {"reduction": "none", "dtype": wide}
        given["centers_initializer"] = centers_initializer
        self.loss: Any  # of the core: it checks labels, holds the centers and moves them
        if variant == "island":
            self.loss = losses.IslandLoss(num_classes, alpha=alpha, weight=term_weight, **given)
        else:
            # An average m ← αm + (1 − α)x̄ is a step of 1 − α towards the mean.
            rule, step = {
                "ema": ("mean", 1 - alpha),
                "never": ("count", 0.0),
                "gradient": ("gradient", None),
            }.get(update, (update, alpha))
            self.loss = losses.CenterLoss(num_classes, alpha=step, update=rule, **given)
        self.loss.update_first = read == "after"

    @classmethod
    def preset(cls, source: str, num_classes: int, **settings: Any) -> "CenterLoss":
        """The center loss of a well-known source; `settings` replace its own.

        | source | is |
        |---|---|
        | `"wen2016"` | Wen et al., ECCV 2016: equations 2 to 4, α 0.5 |
        | `"encodets"` | the TF1 function that most code copies (EncodeTS); the same figures |
        | `"facenet"` | facenet: a mean of squares, no division by the count, α 0.95 is kept |
        | `"keras_layer"` | a Keras layer with `add_update`: the sum over d, averaged by its loss |
        | `"embedding"` | centers in an `Embedding`, trained by the optimizer |
        | `"git"` | git loss (Calefati et al., BMVC 2018), λ_g over λ_c 1 |
        | `"island"` | island loss (Cai et al., FG 2018), λ₁ 10 |
        | `"angular"` | an angular center loss in TF1 |

        Examples:
            >>> CenterLoss.preset("embedding", num_classes=3).update
            'gradient'
        """
        _require("source", source, PRESETS)
        return cls(num_classes, **{**PRESETS[source], **settings})

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
            x if isinstance(x, keras.KerasTensor) else ops.convert_to_tensor(x)
            for x in (labels, features)
        )
        return super().__call__(labels, features, training=bool(training), **kwargs)

    def build(self, labels_shape: Any, features_shape: Any) -> None:
        self.loss.build(labels_shape, features_shape)
        if self.update == "ema":
            self.steps = self.add_weight(
                name="steps",
                shape=(self.num_classes, 1),
                initializer="zeros",
                trainable=False,
                dtype=self.loss.state_dtype,
            )

    def call(self, labels: Any, features: Any, training: bool = False) -> Any:
        x = ops.cast(features, self.loss.state_dtype)
        moves = training or (self.update_in_eval and not self._is_lost(x))
        moves = moves and self.update != "never"
        if self.variant == "squared" and self.update != "ema":
            return self._reduce(2 * self.loss(labels, x, training=moves), x, 0.0)
        seen, towards = self._see(labels, x), x
        if self.variant == "angular":  # a step towards c + x/‖x‖ is one along x/‖x‖
            ids = _centers.ids_of(labels, self.num_classes)
            towards = _centers.unit(x) + _centers.rows(self.centers, ids)
        checked = self.loss(labels, towards, training=moves)
        if self.update == "ema" and moves and self.trainable:
            _centers.count_step(self.steps, labels)
        sums, term = self._see(labels, x) if self.read == "after" else seen
        # Where the core found an id out of range in a trace, the value is NaN.
        sums = ops.where(ops.isnan(checked), checked, sums)
        return self._reduce(sums, x, term)

    def _is_lost(self, x: Any) -> bool:
        """Whether nobody would keep an update. While Keras infers shapes nobody should, and it
        calls without training; in training the core says that it is an error."""
        return any(_backend.is_lost(variable, x) for variable in self.variables)

    def _see(self, labels: Any, x: Any) -> tuple[Any, Any]:
        """Σ_d per sample `(N,)` from the centers as they are, and the term of the variant."""
        ids = _centers.ids_of(labels, self.num_classes)
        rows = _centers.rows(self.centers, ids)
        if self.update == "ema":
            steps = _centers.rows(self.steps, ids)
            kept = ops.power(ops.cast(self.alpha, x.dtype), steps)
            # Compilers make (1 + 1e-8) - kept, which is 1 - kept, of 1 - kept + 1e-8, and 0 / 0
            # where there was no step; a maximum they leave alone, and it is the same number.
            rows = rows / ops.maximum(1 - kept, 1e-8)
        if self.variant == "angular":
            return -ops.sum(_centers.unit(x) * _centers.unit(rows), axis=-1), 0.0
        term: Any = 0.0
        if self.variant == "git":
            term = self.term_weight * _centers.git_term(x, rows)
        elif self.variant == "island":
            term = _centers.island_term(self.centers, self.term_weight)
        return ops.sum(ops.square(x - rows), axis=-1), term

    def _reduce(self, sums: Any, x: Any, term: Any) -> Any:
        factor, over_batch = REDUCTIONS[self.reduction]
        if over_batch == "sum":
            value = ops.sum(sums)
        elif over_batch == "none":
            value = sums
        else:
            value = ops.mean(sums)
            factor = factor / x.shape[-1] if over_batch == "mean of entries" else factor
        return ops.cast(factor * value + term, self.compute_dtype)

    def compute_output_spec(self, labels: Any, features: Any, training: bool = False) -> Any:
        shape = features.shape[:1] if REDUCTIONS[self.reduction][1] == "none" else ()
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        names = ("num_classes", "alpha", "update", "reduction", "read", "update_in_eval")
        config = {name: getattr(self, name) for name in (*names, "variant", "term_weight")}
        config["centers_initializer"] = self.loss.get_config()["centers_initializer"]
        return {**config, "name": self.name, "dtype": self.compute_dtype}
