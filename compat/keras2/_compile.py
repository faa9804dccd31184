"""`compile` of Keras 2: its order of arguments, names, functions, and what it did to targets."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras

from portable_losses import _backend

from . import _stateful, losses, metrics, optimizers
from ._shapes import as_compiled
from .layers import AddsMetrics, count_reported

# Keras chooses the metric of these by the shapes of targets and predictions.
CHOSEN = ("accuracy", "acc", "crossentropy", "ce")
IGNORED = ("experimental_run_tf_function", "sample_weight_mode")


def _map(function: Callable[[Any], Any], given: Any) -> Any:
    if isinstance(given, dict) and "class_name" not in given:
        return {key: _map(function, value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_map(function, value) for value in given]
    return None if given is None else function(given)


def as_old_loss(given: Any) -> Any:
    """A loss, a function or a name as a loss that treats targets as Keras 2 did."""
    found = losses.get(given)
    if inspect.isclass(found):
        found = found()
    if isinstance(found, keras.losses.Loss):
        return found
    name = given if isinstance(given, str) else None
    return losses.LossFunctionWrapper(found, name=name)


def as_old_metric(given: Any) -> Any:
    """A metric, a function or a name as a metric that treats targets as Keras 2 did."""
    if isinstance(given, str) and given.lower() in CHOSEN:
        return given
    found = metrics.get(given)
    if inspect.isclass(found):
        found = found()
    if isinstance(found, keras.metrics.Metric):
        return found
    name = given if isinstance(given, str) else getattr(found, "name", None)
    return metrics.MeanMetricWrapper(found, name=name)


def _again(metric: Any) -> Any:
    """The same metric for another output, with a state of its own."""
    known = isinstance(metric, keras.metrics.Metric)
    return metric.__class__.from_config(metric.get_config()) if known else metric


def _for_outputs(given: Any, outputs: int) -> Any:
    """Metrics in the structure that Keras 3 asks for: one list is for every output."""
    if given is None or isinstance(given, dict):
        return given
    given = given if isinstance(given, list) else [given]
    if outputs > 1 and not any(isinstance(part, list | dict) for part in given):
        return [list(given), *([_again(m) for m in given] for _ in range(outputs - 1))]
    return given


def _aligned(y: Any, y_pred: Any, names: Any) -> Any:
    """Targets as the losses and metrics of Keras 2 got them."""
    if isinstance(y_pred, dict):
        if not isinstance(y, dict):
            return y
        return {k: _aligned(v, y_pred[k], None) if k in y_pred else v for k, v in y.items()}
    if isinstance(y_pred, list | tuple):
        if isinstance(y, dict):
            places = dict(zip(names or (), y_pred, strict=False))
            return {k: _aligned(v, places[k], None) if k in places else v for k, v in y.items()}
        if isinstance(y, list | tuple) and len(y) == len(y_pred):
            return type(y)(_aligned(*pair, None) for pair in zip(y, y_pred, strict=True))
        return y
    if y is None or isinstance(y, dict | list | tuple):
        return y
    return as_compiled(y, y_pred)


class OldTraining(AddsMetrics):
    """What a model of Keras 2 has and one of Keras 3 has not; mixed in before one of those.

    Of which mypy knows nothing here: hence each `type: ignore`."""

    loss_layers: Sequence[Any] = ()  # the losses of `compile` that hold state
    builds: bool = False  # Keras is building: no step is taken

    @property
    def variables(self) -> list[Any]:
        found = super().variables  # type: ignore[misc]
        return [*found, *(v for layer in self.loss_layers for v in layer.variables)]

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: Any = None,
        steps_per_execution: Any = None,
        jit_compile: Any = None,
        **kwargs: Any,
    ) -> None:
        """`compile` with the arguments of Keras 2, in its order."""
        if kwargs.pop("target_tensors", None) is not None:
            raise ValueError(
                "`target_tensors` went with the graphs of TensorFlow 1. Make the targets an Input "
                "of the model and call model.add_loss(tensor), or give them to fit."
            )
        more = {key: value for key, value in kwargs.items() if key not in IGNORED}
        outputs = len(getattr(self, "output_names", ()) or ())
        loss = self._owning(loss)
        super().compile(  # type: ignore[misc]
            optimizer=optimizers.get(optimizer),
            loss=_map(as_old_loss, loss),
            metrics=_for_outputs(_map(as_old_metric, metrics), outputs),
            loss_weights=loss_weights,
            weighted_metrics=_for_outputs(_map(as_old_metric, weighted_metrics), outputs),
            run_eagerly=bool(run_eagerly),
            steps_per_execution=steps_per_execution or 1,
            jit_compile="auto" if jit_compile is None else jit_compile,
            **more,
        )

    def _owning(self, loss: Any) -> Any:
        """`loss`, where each that holds state is owned by this model."""
        names = list(getattr(self, "output_names", ()) or ())
        tensors = list(getattr(self, "outputs", ()) or ()) or [None]
        places: dict[Any, Any] = dict(enumerate(tensors))
        places |= dict(zip(names, tensors, strict=False))
        owned = []

        def one(given: Any, output: Any) -> Any:
            held = isinstance(given, _stateful.InCompile)  # from a file
            layer = _stateful.as_layer(given.layer if held else given, output)
            if layer is None:
                return given
            owned.append(layer)
            return _stateful.InCompile(layer)

        if isinstance(loss, dict) and "class_name" not in loss:
            found: Any = {key: one(x, places.get(key)) for key, x in loss.items()}
        elif isinstance(loss, list | tuple):
            found = [one(x, places.get(i)) for i, x in enumerate(loss)]
        else:
            found = one(loss, tensors[0])
        _stateful.own(self, owned)
        return found

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a saved model says; Keras leaves that to whoever has a `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if getattr(self, "built", False):
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]

    def _symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__["builds"] = True
        try:
            super()._symbolic_build(*args, **kwargs)  # type: ignore[misc]
        finally:
            self.__dict__["builds"] = False

    def stateless_call(self, *args: Any, **kwargs: Any) -> Any:
        """The step on JAX. In Keras 3.6 it does not pass by `__call__`."""
        with _backend.told(kwargs.get("training")):
            return super().stateless_call(*args, **kwargs)  # type: ignore[misc]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        y = _aligned(y, y_pred, getattr(self, "output_names", None))
        count_reported(self._flatten_layers(), not self.builds)  # type: ignore[attr-defined]
        with _stateful.step(training):
            return super().compute_loss(  # type: ignore[misc]
                x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
            )

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y = _aligned(y, y_pred, getattr(self, "output_names", None))
        return super().compute_metrics(x, y, y_pred, sample_weight)  # type: ignore[misc]

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """One step, with its metrics alone; Keras 3.6 goes on from those of `fit`."""
        self.reset_metrics()  # type: ignore[attr-defined]
        return super().train_on_batch(*args, **kwargs)  # type: ignore[misc]

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """The metrics of one batch alone."""
        self.reset_metrics()  # type: ignore[attr-defined]
        return super().test_on_batch(*args, **kwargs)  # type: ignore[misc]

    def fit_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """The old name of `fit` with a generator: `(generator, steps_per_epoch, epochs, ...)`."""
        names = ("steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data")
        more = ("validation_steps", "validation_freq", "class_weight")
        return self.fit(generator, **_named(names + more, args, kwargs))  # type: ignore[attr-defined]

    def evaluate_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """The old name of `evaluate` with a generator."""
        named = _named(("steps", "callbacks"), args, kwargs)
        return self.evaluate(generator, **named)  # type: ignore[attr-defined]

    def predict_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """The old name of `predict` with a generator."""
        named = _named(("steps", "callbacks"), args, kwargs)
        return self.predict(generator, **named)  # type: ignore[attr-defined]


def _named(names: tuple[str, ...], args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, without those that went with the old queue of workers."""
    gone = ("max_queue_size", "workers", "use_multiprocessing", "max_q_size", "pickle_safe")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return {key: value for key, value in given.items() if key not in gone}
