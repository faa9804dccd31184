"""`keras.models` of Keras 2: models that take tensors in `add_loss` and `add_metric`; its files.

What is not here is that of Keras 3.
"""

from typing import Any

import keras
from keras import ops

from ._compile import OldTraining
from ._missing import look_up

PACKAGE = "portable_losses.compat.keras2"
_input = keras.Input((1,))
Functional: Any = type(keras.Model(_input, _input))  # Keras has no public name for it


def _is_functional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    given = {"inputs", "outputs"} & {*kwargs}
    return len(args) >= 2 or len(args) + len(given) >= 2


class Model(OldTraining, keras.Model):
    r"""`keras.Model` with what Keras 2 could do.

    * `compile` takes its arguments in Keras 2's order, old names of losses, metrics and
      optimizers, and functions. Losses and metrics get targets as in Keras 2: `(B,)` become
      `(B, 1)` for predictions `(B, n)`, and integers stay integers.
    * `add_loss(tensor)` and `add_metric(tensor, name, aggregation)` of a model made from inputs
      and outputs: the tensor, made from the model's inputs and layers, is computed in each step
      and added; the outputs stay what they are. Compile without a loss, fit without targets.
    * `fit_generator`, `evaluate_generator`, `predict_generator`.

    Examples:
        >>> import numpy as np
        >>> from keras import layers, ops
        >>> x, y, weights = (keras.Input((2,)) for _ in range(3))
        >>> outputs = layers.Dense(2)(x)
        >>> model = Model([x, y, weights], outputs)
        >>> model.add_loss(ops.mean(weights * ops.square(y - outputs)))
        >>> model.compile("sgd")
        >>> history = model.fit([np.ones((4, 2))] * 3, verbose=0)
        >>> Model(model.input[0], model.output).predict(np.ones((1, 2)), verbose=0).shape
        (1, 2)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _is_functional(args, kwargs):
            return Functional.__new__(FunctionalModel)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        if _is_functional(args, kwargs) and not isinstance(self, Functional):
            # Keras would make every subclass of this class a functional model. This makes one.
            kind = type(self)
            body = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
            self.__class__ = type(kind.__name__, (kind, FunctionalModel), body)
            FunctionalModel.__init__(self, *args, **kwargs)
        else:
            super().__init__(*args, **kwargs)

    def add_loss(self, losses: Any, **kwargs: Any) -> None:
        """Within `call`: a loss of this step. Of a functional model: a tensor of its graph."""
        if any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(losses)):
            raise ValueError(
                "add_loss(tensor) is for a model made from inputs and outputs. Within a layer or "
                "model of your own, call self.add_loss(value) in `call`."
            )
        keras.Layer.add_loss(self, losses)


@keras.saving.register_keras_serializable(PACKAGE)
class FunctionalModel(Model, Functional):
    """What `Model(inputs, outputs)` makes."""

    __init__ = Functional.__init__  # by which Keras knows that it can make such a model again
    added_losses: tuple[Any, ...] = ()
    added_metrics: tuple[Any, ...] = ()
    trackers: tuple[Any, ...] = ()
    seen: tuple[Any, ...] = ()  # the metrics of this step, from `call` to `compute_loss`

    def add_loss(self, losses: Any, **kwargs: Any) -> None:
        """A tensor made from the model's inputs and layers, one number, or a list of such."""
        tensors = keras.tree.flatten(losses)
        if not any(isinstance(x, keras.KerasTensor) for x in tensors):
            if any(callable(x) for x in tensors):
                raise ValueError(
                    "add_loss takes tensors here, and no functions. For a penalty on weights give "
                    "the layer a regularizer."
                )
            keras.Layer.add_loss(self, losses)
            return
        for tensor in tensors:
            if tuple(tensor.shape):
                raise ValueError(
                    "A loss that is added must be one number. Received a tensor of shape "
                    f"{tuple(tensor.shape)}. Average it, such as keras.ops.mean(tensor)."
                )
        self.added_losses = (*self.added_losses, *tensors)
        self._join()

    def add_metric(
        self, value: Any, name: str | None = None, aggregation: str = "mean", **_: Any
    ) -> None:
        """Report the mean of a tensor over the steps of an epoch under `name`."""
        if aggregation != "mean" or name is None or not isinstance(value, keras.KerasTensor):
            raise ValueError(
                "add_metric takes a tensor of the model's graph, a name, and aggregation='mean'. "
                f"Received: {value!r}, name={name!r}, aggregation={aggregation!r}. For another "
                "metric, write one and give it to compile."
            )
        self.added_metrics = (*self.added_metrics, value)
        self.trackers = (*self.trackers, keras.metrics.Mean(name=name))
        self._join()

    def _join(self) -> None:
        """One graph of the outputs and all that is added, so that nothing is computed twice."""
        outputs = [self.output, list(self.added_losses), list(self.added_metrics)]
        self.whole = keras.Model(self.input, outputs, name=f"{self.name}_whole")
        if not any(
            layer is self.whole for layer in self._layers
        ):  # Keras before 3.10 keeps a list of its own there
            self._layers.append(self.whole)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not self.added_losses and not self.added_metrics:
            return super().call(inputs, training=training, mask=mask)
        outputs, losses, metrics = self.whole.call(inputs, training=training, mask=mask)
        for value in losses:
            keras.Layer.add_loss(self, value)
        self.__dict__["seen"] = tuple(ops.stop_gradient(value) for value in metrics)
        return outputs

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,  # by name, or Keras does not say it
    ) -> Any:
        seen, self.__dict__["seen"] = self.seen, ()
        for tracker, value in zip(self.trackers, seen, strict=False):
            tracker.update_state(value)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if not self.added_losses and not self.added_metrics:
            return config
        names = [tracker.name for tracker in self.trackers]
        return {"whole": self.whole.get_config(), "metrics": names, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        if "whole" not in config:
            return super().from_config(config, custom_objects=custom_objects)
        whole = Functional.from_config(config["whole"], custom_objects=custom_objects)
        outputs, losses, metrics = whole.output
        model = cls(whole.input, outputs, name=config["name"])
        if losses:
            model.add_loss(losses)
        for name, value in zip(config["metrics"], metrics, strict=True):
            model.add_metric(value, name)
        return model


@keras.saving.register_keras_serializable(PACKAGE)
class Sequential(OldTraining, keras.Sequential):
    """`keras.Sequential` with the `compile` of Keras 2; see `Model`."""


def load_model(
    filepath: Any, custom_objects: Any = None, compile: bool = True, **kwargs: Any
) -> Any:
    """A model from a file of Keras 2 (`.h5` or `.keras`) or of Keras 3.

    A file of Keras 2 is compiled again by what it says of its training: old names, `"auto"`, `lr`
    and `decay` included. Its optimizer goes on where it was: step, momenta and averages are
    restored. Where that cannot be, a warning says so: a `.keras` file has no state of optimizers of
    `keras.optimizers.legacy`.

    Args:
        filepath: The file. A folder in TensorFlow's SavedModel format is not read.
        custom_objects: Classes and functions of your own by the names that they had.
        compile: Whether to compile the model.
    """
    from ._files import load

    return load(filepath, custom_objects, compile, **kwargs)


def __getattr__(name: str) -> Any:
    return look_up(name, {}, keras.models, "keras2.models")


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(keras.models)})
