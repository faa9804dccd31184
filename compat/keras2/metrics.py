"""`keras.metrics` as Keras 2.15 had it: names, signatures and numbers, on Keras 3.

What is not here is that of Keras 3.
"""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ._functions import ALIASES, FUNCTIONS, old
from ._lookup import Lookup
from ._metric import PACKAGE, Old
from ._metric import MeanMetricWrapper as MeanMetricWrapper
from ._metric import Metric as Metric
from ._missing import look_up
from ._shapes import expand_column, same_rank, weights_for

# Those of Keras 3, with the bridges of `Old`: they keep their state and their numbers.
KEPT = (
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "OneHotIoU",
    "OneHotMeanIoU",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
)
# Names that Keras 3 changed; logs are called by them.
OLD_NAMES = {"KLDivergence": "kullback_leibler_divergence"}
# Keras 3 counts these in integers, and weights below 1 become 0.
IN_FLOATS = ("BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU")


def _binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """How many of the last axis are right; Keras 3 keeps them one by one."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    y_true = expand_column(y_true, y_pred)
    return ops.mean(keras.metrics.binary_accuracy(y_true, y_pred, threshold=threshold), axis=-1)


def _cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine itself; the loss of this name is minus it."""
    return -FUNCTIONS["cosine_similarity"](y_true, y_pred, axis=axis)


def _among_all(function: Callable[..., Any]) -> Callable[..., Any]:
    """With a `k` of more classes than there are, where PyTorch raises, all are among them."""

    def accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
        y_pred = ops.convert_to_tensor(y_pred)
        return function(y_true, y_pred, k=min(k, y_pred.shape[-1]))

    return accuracy


ACCURACIES = {
    name: old("metrics", function, name)
    for name, function in (
        ("binary_accuracy", _binary_accuracy),
        ("categorical_accuracy", keras.metrics.categorical_accuracy),
        ("sparse_categorical_accuracy", keras.metrics.sparse_categorical_accuracy),
        *(
            (name, _among_all(getattr(keras.metrics, name)))
            for name in ("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy")
        ),
    )
}
cosine_similarity = old("metrics", _cosine_similarity, "cosine_similarity")


def _bridged(name: str) -> Any:
    """The metric of Keras 3 by this name, with the bridges."""
    base = getattr(keras.metrics, name)
    body: dict[str, Any] = {"__doc__": f"`keras.metrics.{name}` of Keras 2.15."}
    if name in OLD_NAMES or name in IN_FLOATS:
        signature = inspect.signature(base)
        defaults = {key: p.default for key, p in signature.parameters.items()}
        defaults["name"] = OLD_NAMES.get(name, defaults["name"])

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            given = signature.bind(*args, **kwargs).arguments
            given["name"] = given.get("name", defaults["name"])
            given["dtype"] = given.get("dtype") or keras.config.floatx()
            base.__init__(self, **given)

        body["__signature__"] = inspect.Signature(
            [p.replace(default=defaults[key]) for key, p in signature.parameters.items()]
        )
        body["__init__"] = __init__
    made = type(name, (Old, base), {**body, "__module__": __name__})
    return keras.saving.register_keras_serializable(f"{PACKAGE}.metrics")(made)


def _register(target: Any) -> Any:
    return keras.saving.register_keras_serializable(f"{PACKAGE}.metrics")(target)


MADE: dict[str, Any] = {name: _bridged(name) for name in KEPT}


@_register
class BinaryCrossentropy(MeanMetricWrapper):
    """The mean binary cross-entropy, with Keras 2's epsilon."""

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        settings = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(FUNCTIONS["binary_crossentropy"], name=name, dtype=dtype, **settings)


@_register
class MeanRelativeError(Old, keras.metrics.Mean):
    """The mean of |y_true − y_pred| / normalizer; 0 where the normalizer is."""

    def __init__(self, normalizer: Any, name: str | None = None, dtype: Any = None):
        super().__init__(name=name or "mean_relative_error", dtype=dtype)
        self.normalizer = ops.convert_to_numpy(normalizer).tolist()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = (ops.cast(ops.convert_to_tensor(x), self.dtype) for x in (y_true, y_pred))
        y_true, y_pred = same_rank(y_true, y_pred)
        normalizer = ops.convert_to_tensor(self.normalizer, dtype=self.dtype)
        errors = ops.divide_no_nan(ops.abs(y_true - y_pred), normalizer)
        super().update_state(errors, sample_weight=sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "normalizer": self.normalizer}


@_register
class MeanTensor(Metric):
    """The mean of each element of the tensors given, over the calls. The shape is that of the
    first one; in a model's training say it: `MeanTensor(shape=...)`."""

    def __init__(self, name: str = "mean_tensor", dtype: Any = None, shape: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.shape = None if shape is None else tuple(shape)
        if self.shape is not None:
            self._build(self.shape)

    def _build(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.total = self.add_weight("total", shape)
        self.count = self.add_weight("count", shape)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values = ops.cast(ops.convert_to_tensor(values), self.dtype)
        if self.shape is None:
            self._build(tuple(values.shape))
        elif tuple(values.shape) != self.shape:
            raise ValueError(
                f"Values of the metric {self.name!r} must always have the shape {self.shape}. "
                f"Received: {tuple(values.shape)}."
            )
        weights = ops.ones_like(values)
        if sample_weight is not None:
            weights = weights * ops.cast(weights_for(values, sample_weight), self.dtype)
        self.total.assign_add(weights * values)
        self.count.assign_add(weights)

    def result(self) -> Any:
        if self.shape is None:
            raise ValueError(f"The metric {self.name!r} has no value yet. Call update_state first.")
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shape": self.shape}


_CLASSES = {
    **MADE,
    "BinaryCrossentropy": BinaryCrossentropy,
    "MeanRelativeError": MeanRelativeError,
    "MeanTensor": MeanTensor,
    "MeanMetricWrapper": MeanMetricWrapper,
}
_HERE = {
    **{alias: FUNCTIONS[name] for alias, name in ALIASES.items()},
    **FUNCTIONS,
    **ACCURACIES,
    **_CLASSES,
    "cosine_similarity": cosine_similarity,
    "cosine_proximity": cosine_similarity,
}
_lookup = Lookup(_HERE, keras.metrics, PACKAGE)


def __getattr__(name: str) -> Any:
    return look_up(name, _HERE, keras.metrics, "keras2.metrics")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HERE, *dir(keras.metrics)})


def get(identifier: Any) -> Any:
    """A metric by its old name (`"mse"`, `"MSE"`, `"AUC"`), by the config that Keras 2 wrote, or as
    it is given. What is registered under a name comes first."""
    return _lookup.get(identifier)


def deserialize(config: Any, custom_objects: Any = None, use_legacy_format: bool = False) -> Any:
    """A metric from its name or config, of Keras 2 or 3."""
    return _lookup.deserialize(config, custom_objects)


def serialize(metric: Any, use_legacy_format: bool = False) -> Any:
    """The config of a metric."""
    return keras.metrics.serialize(metric)
