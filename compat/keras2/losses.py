"""`keras.losses` as Keras 2.15 had it: names, signatures, reductions and numbers, on Keras 3.

What is not here is that of Keras 3.
"""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from .._dispatch import Deferred
from ._closures import with_copies, with_tensors, writes
from ._functions import ALIASES, FUNCTIONS
from ._lookup import Lookup
from ._missing import look_up
from ._shapes import expand_column, same_rank, weights_for

PACKAGE = "portable_losses.compat.keras2"


class Reduction:
    """The names of reductions; `AUTO` is the mean over the batch, as Keras 2 resolved it."""

    AUTO = "auto"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return (cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: Any) -> None:
        if key not in cls.all():
            raise ValueError(f"`reduction` must be one of {cls.all()}. Received: {key!r}.")


class _Reduced(keras.losses.Loss):
    """Values that are there already: Keras masks, weighs and reduces them."""

    def __init__(self, values: Any, reduction: str):
        dtype = keras.backend.standardize_dtype(values.dtype)
        dtype = dtype if "float" in dtype else keras.config.floatx()
        super().__init__(name="reduced", reduction=reduction, dtype=dtype)
        self.values = values

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.cast(self.values, self.dtype)


def weighted_loss(values: Any, reduction: str, sample_weight: Any, y_pred: Any = None) -> Any:
    """Values of a batch, weighed and reduced by the rules of Keras 2."""
    values = ops.convert_to_tensor(values)
    if sample_weight is not None:
        sample_weight = weights_for(values, sample_weight)
    return _Reduced(values, reduction)((), values if y_pred is None else y_pred, sample_weight)


class Loss(keras.losses.Loss):
    """The base of losses in Keras 2 code.

    `reduction` takes `"auto"` and comes first, `call(y_true, y_pred)` gets integer targets as
    integers and may return one value per sample, per element or for the whole batch, and sample
    weights `(B,)` count for all elements of a sample. Targets `(B,)` become `(B, 1)` for
    predictions `(B, 1)`. In a graph of TF1 `call` gets nodes, which have what it may ask of
    tensors, such as `y_pred.shape.rank`; `tf1.GraphLoss(loss)` is then a loss of a model.

    Examples:
        >>> from keras import ops
        >>> class Distance(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return ops.mean(ops.abs(y_true - y_pred))
        >>> float(Distance(reduction=Reduction.AUTO)([1.0, 3.0], [[0.0], [1.0]]))
        1.5
    """

    writes = False  # whether `call` would write into its arguments

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.writes = writes(cls.call)

    def __init__(self, reduction: str = Reduction.AUTO, name: str | None = None):
        Reduction.validate("none" if reduction is None else reduction)
        resolved = "sum_over_batch_size" if reduction == Reduction.AUTO else reduction
        super().__init__(name=name, reduction=resolved)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        node = next((x for x in (y_pred, y_true) if isinstance(x, Deferred)), None)
        if node is not None:
            values = self.call(*node.defer(self.align, (y_true, y_pred), {}))
            found = node.defer(weighted_loss, (values, self.reduction, sample_weight), {})
            if self.reduction not in (None, "none"):
                found.set_shape(())
            return found
        true, pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        true, pred = self.align(true, pred)
        if self.writes:
            true, pred = ops.copy(true), ops.copy(pred)
        values = self.call(true, pred)
        # `y_pred` as it came: it may carry the mask of a layer.
        return weighted_loss(values, self.reduction, sample_weight, y_pred)

    def align(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        return expand_column(y_true, y_pred), y_pred

    def call(self, y_true: Any, y_pred: Any) -> Any:
        raise NotImplementedError("A loss must have a method `call(self, y_true, y_pred)`.")

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "name": self.name}


@keras.saving.register_keras_serializable(PACKAGE)
class LossFunctionWrapper(Loss):
    """A function `(y_true, y_pred, **settings)` as a loss."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str = Reduction.AUTO,
        name: str | None = None,
        **settings: Any,
    ):
        super().__init__(reduction=reduction, name=name or getattr(fn, "__name__", None))
        self.fn, self.settings, self.run = fn, settings, with_copies(with_tensors(fn))

    def align(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        return same_rank(y_true, y_pred)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.run(y_true, y_pred, **self.settings)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self.settings}
        if type(self) is LossFunctionWrapper:
            config["fn"] = keras.saving.serialize_keras_object(self.fn)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LossFunctionWrapper":
        config = dict(config)
        function = config.pop("fn", None)  # Keras 2.15 writes it for its own classes too
        if cls is LossFunctionWrapper:
            if isinstance(function, dict):
                function = keras.saving.deserialize_keras_object(function)
            config["fn"] = get(function)
        return cls(**config)


# class -> function, its settings with their defaults, the name of the loss
CLASSES: dict[str, tuple[str, dict[str, Any], str]] = {
    "BinaryCrossentropy": (
        "binary_crossentropy",
        {"from_logits": False, "label_smoothing": 0.0, "axis": -1},
        "binary_crossentropy",
    ),
    "BinaryFocalCrossentropy": (
        "binary_focal_crossentropy",
        {
            "apply_class_balancing": False,
            "alpha": 0.25,
            "gamma": 2.0,
            "from_logits": False,
            "label_smoothing": 0.0,
            "axis": -1,
        },
        "binary_focal_crossentropy",
    ),
    "CategoricalCrossentropy": (
        "categorical_crossentropy",
        {"from_logits": False, "label_smoothing": 0.0, "axis": -1},
        "categorical_crossentropy",
    ),
    "CategoricalFocalCrossentropy": (
        "categorical_focal_crossentropy",
        {
            "alpha": 0.25,
            "gamma": 2.0,
            "from_logits": False,
            "label_smoothing": 0.0,
            "axis": -1,
        },
        "categorical_focal_crossentropy",
    ),
    "CategoricalHinge": ("categorical_hinge", {}, "categorical_hinge"),
    "CosineSimilarity": ("cosine_similarity", {"axis": -1}, "cosine_similarity"),
    "Hinge": ("hinge", {}, "hinge"),
    "Huber": ("huber", {"delta": 1.0}, "huber_loss"),
    "KLDivergence": ("kl_divergence", {}, "kl_divergence"),
    "LogCosh": ("log_cosh", {}, "log_cosh"),
    "MeanAbsoluteError": ("mean_absolute_error", {}, "mean_absolute_error"),
    "MeanAbsolutePercentageError": (
        "mean_absolute_percentage_error",
        {},
        "mean_absolute_percentage_error",
    ),
    "MeanSquaredError": ("mean_squared_error", {}, "mean_squared_error"),
    "MeanSquaredLogarithmicError": (
        "mean_squared_logarithmic_error",
        {},
        "mean_squared_logarithmic_error",
    ),
    "Poisson": ("poisson", {}, "poisson"),
    "SparseCategoricalCrossentropy": (
        "sparse_categorical_crossentropy",
        {"from_logits": False, "ignore_class": None},
        "sparse_categorical_crossentropy",
    ),
    "SquaredHinge": ("squared_hinge", {}, "squared_hinge"),
}
# What other old code calls a setting.
OTHER_NAMES = {"Huber": {"threshold": "delta"}}


def _make(class_name: str) -> type[LossFunctionWrapper]:
    """The class of a loss, with Keras 2's signature."""
    function_name, settings, loss_name = CLASSES[class_name]
    defaults = {**settings, "reduction": Reduction.AUTO, "name": loss_name}
    ordered = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter(name, ordered, default=value) for name, value in defaults.items()]
    )

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        for old, name in OTHER_NAMES.get(class_name, {}).items():
            if old in kwargs:
                kwargs[name] = kwargs.pop(old)
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{class_name}{signature}: {error}.") from None
        LossFunctionWrapper.__init__(self, FUNCTIONS[function_name], **{**defaults, **given})

    doc = f"`keras.losses.{class_name}` of Keras 2.15: `{function_name}`, reduced."
    body = {"__init__": __init__, "__doc__": doc, "__module__": __name__}
    made = type(class_name, (LossFunctionWrapper,), {**body, "__signature__": signature})
    return keras.saving.register_keras_serializable(f"{PACKAGE}.losses")(made)


MADE = {class_name: _make(class_name) for class_name in CLASSES}
_HERE = {**{alias: FUNCTIONS[name] for alias, name in ALIASES.items()}, **FUNCTIONS, **MADE}
_lookup = Lookup(_HERE | {"LossFunctionWrapper": LossFunctionWrapper}, keras.losses, PACKAGE)


def __getattr__(name: str) -> Any:
    return look_up(name, _HERE, keras.losses, "keras2.losses")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HERE, *dir(keras.losses)})


def get(identifier: Any) -> Any:
    """A loss by its old name (`"mse"`, `"MSE"`, `"MeanSquaredError"`), by the config that Keras 2
    wrote, or as it is given. What is registered under a name comes first."""
    return _lookup.get(identifier)


def deserialize(config: Any, custom_objects: Any = None, use_legacy_format: bool = False) -> Any:
    """A loss from its name or config, of Keras 2 or 3."""
    return _lookup.deserialize(config, custom_objects)


def serialize(loss: Any, use_legacy_format: bool = False) -> Any:
    """The config of a loss."""
    return keras.losses.serialize(loss)
