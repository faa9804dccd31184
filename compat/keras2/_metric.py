"""The base of metrics in Keras 2 code, and a function as a metric."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from portable_losses import _backend

from ._closures import with_copies, with_tensors
from ._shapes import expand_column, same_rank

PACKAGE = "portable_losses.compat.keras2"


def _expanding(update: Callable[..., Any]) -> Callable[..., Any]:
    """An `update_state` that gets targets `(B,)` as `(B, 1)` for predictions `(B, 1)`. One of
    values and weights stays as it is."""
    names = list(inspect.signature(update).parameters)[1:3]
    if len(names) < 2 or "weight" in names[1]:
        return update

    @functools.wraps(update)
    def update_state(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(names, args, strict=False)) | kwargs
        pair = [given.get(name) for name in names]
        if not any(x is None or isinstance(x, dict) for x in pair):
            y_true = expand_column(*(ops.convert_to_tensor(x) for x in pair))
            if names[0] in kwargs:
                kwargs = {**kwargs, names[0]: y_true}
            else:
                args = (y_true, *args[1:])
        return update(self, *args, **kwargs)

    return update_state


def _tensors(result: Callable[..., Any]) -> Callable[..., Any]:
    """A `result` that gives tensors where it returned variables: JAX takes no others."""

    @functools.wraps(result)
    def give(self: Any) -> Any:
        return keras.tree.map_structure(
            lambda x: ops.convert_to_tensor(x) if isinstance(x, _backend.Variable) else x,
            result(self),
        )

    return give


class Old:
    """What Keras 2's metrics have and those of Keras 3 have not; mixed in before one of those.

    Of which mypy knows nothing here: hence each `type: ignore`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update_state" in vars(cls):
            cls.update_state = _expanding(cls.update_state)  # type: ignore[attr-defined]
        if "result" in vars(cls):
            cls.result = _tensors(cls.result)  # type: ignore[attr-defined]

    def reset_state(self) -> None:
        """Back to the start; by a subclass's `reset_states`, if it has one."""
        if type(self).reset_states is not Old.reset_states:
            self.reset_states()
        else:
            super().reset_state()  # type: ignore[misc]

    def reset_states(self) -> None:
        """The old name of `reset_state`; either may be overridden, and either called."""
        if type(self).reset_state is not Old.reset_state:
            self.reset_state()
        else:
            super().reset_state()  # type: ignore[misc]

    def add_weight(
        self,
        name: Any = None,
        shape: Any = (),
        aggregation: Any = None,
        synchronization: Any = None,
        initializer: Any = None,
        dtype: Any = None,
    ) -> keras.Variable:
        """A variable, by the arguments and in the order of Keras 2: `add_weight("hits", (3,))`.

        An initializer in the third place is taken as one, and so is Keras 3's order, shape first.
        Without one a variable starts at zero. `synchronization` has no role.
        """
        if isinstance(name, tuple | list):  # Keras 3: shape, initializer, dtype, name
            first_three = (shape or None, aggregation, synchronization)
            name, shape = first_three[2], name
            initializer, dtype = first_three[0] or initializer, first_three[1] or dtype
        elif aggregation is not None and not _is_aggregation(aggregation):
            initializer = aggregation
        return self.add_variable(  # type: ignore[attr-defined]
            shape=tuple(shape), initializer=initializer or "zeros", dtype=dtype, name=name
        )


def _is_aggregation(given: Any) -> bool:
    names = ("none", "sum", "mean", "only_first_replica")
    return str(getattr(given, "name", given)).lower() in names


class Metric(Old, keras.metrics.Metric):
    """The base of metrics in Keras 2 code.

    `reset_states` and `reset_state` are one, whichever a subclass has; `add_weight` takes its
    arguments in Keras 2's order; and targets `(B,)` become `(B, 1)` for predictions `(B, 1)`, where
    Keras 3 hands them over as they are and an elementwise metric would compare each sample with
    every other.

    Examples:
        >>> from keras import ops
        >>> class Hits(Metric):
        ...     def __init__(self, name="hits", **kwargs):
        ...         super().__init__(name=name, **kwargs)
        ...         self.hits = self.add_weight("hits", initializer="zeros")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         same = ops.cast(ops.equal(y_true, ops.round(y_pred)), "float32")
        ...         self.hits.assign_add(ops.sum(same))
        ...     def result(self):
        ...         return self.hits
        ...     def reset_states(self):
        ...         self.hits.assign(0.0)
        >>> metric = Hits()
        >>> metric.update_state([0.0, 1.0, 1.0], [[0.2], [0.9], [0.1]])
        >>> float(metric.result())
        2.0
        >>> metric.reset_state()
        >>> float(metric.result())
        0.0
    """

    def __init__(self, name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name=name, dtype=dtype, **kwargs)

    def result(self) -> Any:
        raise NotImplementedError("A metric must have a method `result(self)`.")


@keras.saving.register_keras_serializable(PACKAGE)
class MeanMetricWrapper(Old, keras.metrics.Mean):
    """The mean of a function `(y_true, y_pred, **settings)`, over the samples if it gives one value
    for each, over the batches if it gives one number.

    Targets are cast to the metric's dtype before, and `(B,)` against `(B, 1)` become `(B, 1)`.
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **settings: Any
    ):
        super().__init__(name=name or getattr(fn, "__name__", "metric"), dtype=dtype)
        self.fn, self.fn_settings, self.run = fn, settings, with_copies(with_tensors(fn))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true = ops.cast(ops.convert_to_tensor(y_true), self.dtype)
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), self.dtype)
        y_true, y_pred = same_rank(y_true, y_pred)
        values = self.run(y_true, y_pred, **self.fn_settings)
        super().update_state(values, sample_weight=sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, "dtype": self.dtype, **self.fn_settings}
        if type(self) is MeanMetricWrapper:
            function = keras.saving.serialize_keras_object(self.fn)
            if isinstance(function, dict) and function.get("class_name") == "function":
                # Keras 3.6 writes the bare name, which there is its own function's.
                function = {**function, "config": keras.saving.get_registered_name(self.fn)}
            config["fn"] = function
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MeanMetricWrapper":
        config = dict(config)
        function = config.pop("fn", None)
        if cls is MeanMetricWrapper:
            if isinstance(function, str):  # as Keras 2 wrote it
                from .metrics import get

                function = get(function)
            elif isinstance(function, dict):
                function = keras.saving.deserialize_keras_object(function)
            config["fn"] = function
        return cls(**config)
