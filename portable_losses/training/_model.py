"""A model that owns its loss, so that the loss's state is trained, saved and resumed with it."""

from typing import Any

import keras
from keras import ops

from portable_losses import _backend, losses
from portable_losses._typing import Tensor
from portable_losses.losses._base import StatefulLoss, register
from portable_losses.training._evaluate import evaluate


def _is_config(x: Any) -> bool:
    return isinstance(x, dict) and "class_name" in x


def _map(function: Any, given: Any) -> Any:
    """`function` over one loss, or over a dict or list of them; None stays None."""
    if isinstance(given, dict) and not _is_config(given):
        return {key: _map(function, value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_map(function, value) for value in given]
    return None if given is None else function(given)


def _keyed(given: Any) -> dict[Any, Any]:
    """The entries of a dict or list by key or position."""
    if isinstance(given, dict):
        return dict(given)
    return dict(enumerate(given)) if isinstance(given, list | tuple) else {0: given}


def _at(given: Any, key: Any) -> Any:
    """The entry of a dict or list; anything else is shared by all."""
    return _keyed(given).get(key) if isinstance(given, dict | list | tuple) else given


@register
class LossModel(keras.Model):
    """A model together with its loss.

    `model.compile(loss=...)` tracks no variables, so a loss that holds some is neither saved nor
    optimised, and on JAX its state never changes. Here the loss is a layer of the model.

        model = LossModel(model, CenterLoss(num_classes=10))
        model.compile("adam", metrics=[...])          # without a loss

    `fit`, `evaluate`, `predict`, `summary`, `save` and `load_model` are Keras' own. Trainable
    variables of the loss get the optimizer. The state moves in `fit` and stays in `evaluate`.

    Args:
        model: Any Keras model: Sequential, Functional or subclassed.
        loss: A loss, with state or without, or what `losses.get` takes; or a dict or list of
            them, in the structure of the model's outputs (None for an output without a loss).
            With several, each is reported in the logs as `<output>_loss`. Targets then come in
            the same structure, or as one array that all of them share, as labels often are.
        loss_weights: One factor, or factors in the structure of `loss`.
        name: As for any Keras model.

    Attributes:
        model: The model given: use it for inference.
        loss_fn: The loss or losses given, with their state, such as `loss_fn.centers`.

    Raises:
        ValueError: when a loss is also given to `compile`, or when losses do not match outputs.

    Examples:
        >>> import keras, numpy as np
        >>> from portable_losses import losses
        >>> network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> model = LossModel(network, losses.CenterLoss(num_classes=3))
        >>> model.compile("sgd")
        >>> history = model.fit(np.ones((6, 4)), np.array([0, 1, 2] * 2), verbose=0)
        >>> model.loss_fn.centers.shape == (3, 2)
        True
    """

    def __init__(
        self, model: keras.Model, loss: Any, loss_weights: Any = None, name: str | None = None
    ):
        super().__init__(name=name)
        self.model = model
        self.loss_fn = _map(losses.get, loss)
        self.loss_weights = loss_weights
        if isinstance(self.loss_fn, dict | list):
            names = self.loss_fn if isinstance(self.loss_fn, dict) else range(len(self.loss_fn))
            self.loss_trackers = {
                str(key): keras.metrics.Mean(name=f"{key}_loss")
                for key in names
                if self.loss_fn[key] is not None
            }
        outputs: Any = getattr(model, "outputs", None) or ()
        if len(outputs) == 1 and not isinstance(self.loss_fn, dict | list):
            self._build_losses(outputs[0])
            self.built = True

    def _build_losses(self, y_pred: Any) -> None:
        for _, loss, _, _, pred, _ in self._parts(None, y_pred, None):
            if isinstance(loss, StatefulLoss) and not loss.built:
                loss.build((None,), tuple(pred.shape))

    def _parts(self, y: Any, y_pred: Any, sample_weight: Any) -> list[tuple[Any, ...]]:
        """(name, loss, factor, y, y_pred, sample_weight) of each loss."""
        if not isinstance(self.loss_fn, dict | list):
            if isinstance(y_pred, dict | list | tuple):
                raise ValueError(
                    "The model has several outputs, and the LossModel one loss. Give losses in "
                    "the structure of the outputs: a dict by name or a list, None where an "
                    "output has no loss."
                )
            factor = 1.0 if self.loss_weights is None else self.loss_weights
            return [("loss", self.loss_fn, factor, y, y_pred, sample_weight)]
        outputs = _keyed(y_pred)
        have, want = _keyed(self.loss_fn), set(outputs)
        if not set(have) <= want:
            raise ValueError(
                "Losses must be given in the structure of the model's outputs. Received: losses "
                f"for {list(have)}, outputs {list(outputs)}."
            )
        parts = []
        for key, loss in have.items():
            if loss is not None:
                factor = _at(self.loss_weights, key)
                part = (_at(y, key), outputs[key], _at(sample_weight, key))
                parts.append((str(key), loss, 1.0 if factor is None else factor, *part))
        return parts

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        y_pred = self.model(inputs, training=training)
        self._build_losses(y_pred)
        return y_pred

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        if getattr(self, "loss", None) is not None:
            raise ValueError(
                "This LossModel owns its loss and was compiled with another one. Compile without "
                "`loss`, and give all losses to LossModel."
            )
        total = 0.0
        for name, loss, factor, true, pred, weight in self._parts(y, y_pred, sample_weight):
            value = evaluate(loss, true, pred, sample_weight=weight, training=training)
            if isinstance(self.loss_fn, dict | list):
                count = ops.shape(keras.tree.flatten(pred)[0])[0]
                tracked = ops.stop_gradient(value) * _backend.replicas()
                self.loss_trackers[name].update_state(tracked, sample_weight=count)
            total = total + factor * value
        if self.losses:  # regularisers, and what layers added
            total = total + super().compute_loss(x, y, y_pred, sample_weight, training)
        return total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if isinstance(y_pred, dict | list | tuple) and not isinstance(y, dict | list | tuple):
            y = keras.tree.map_structure(lambda _: y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            "model": keras.saving.serialize_keras_object(self.model),
            "loss": _map(keras.saving.serialize_keras_object, self.loss_fn),
            "loss_weights": self.loss_weights,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LossModel":
        config = dict(config)
        config["model"] = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        return cls(**config)
