"""A model that owns variables which its loss or metrics read."""

import weakref
from collections.abc import Sequence
from typing import Any

import keras

from portable_losses.losses._base import register

# The variables that were given to a model, by name; a saved model finds them again here.
_given: dict[str, list["weakref.ref[keras.Variable]"]] = {}


def _remember(variable: keras.Variable) -> None:
    if not any(known is variable for known in _known(variable.name)):
        _given.setdefault(variable.name, []).append(weakref.ref(variable))


def _known(name: str) -> list[keras.Variable]:
    return [v for v in (found() for found in _given.get(name, ())) if v is not None]


@register
class StateModel(keras.Model):
    """A model together with variables that its loss or metrics read.

    A weight that is annealed, `alpha` in `alpha * loss`, is a variable outside of the model, which
    a callback sets. Nothing tracks it. On TensorFlow and PyTorch the loss sees each new value all
    the same; on JAX a compiled step keeps the value that the variable had when it was compiled, in
    silence. As a part of the model it is state that each step is given, and it is saved.

        alpha = keras.Variable(0.0, trainable=False, name="alpha")
        model = StateModel(model, [alpha])
        model.compile("adam", loss=lambda t, p: mse(t, p) + alpha * penalty(p))

    `compile` takes what it took before, for as many outputs as there are; a variable may be one of
    its `loss_weights` too, from Keras 3.7 on. `fit`, `evaluate`, `predict` and `layers` are those
    of the model within. Between epochs a callback says `alpha.assign(value)`; between batches it
    says `self.model.sync()` before, for on JAX the state of an epoch is not in the variables.

    A file keeps the value, and `load_model` gives it back to the variable of that name: one that
    was given to a `StateModel` before, or in `custom_objects={"alpha": alpha}`. Models of this kind
    are saved as `.keras`; for a file `.h5`, save `model.model`.

    Args:
        model: Any Keras model.
        variables: Variables that are not trained, each of another name.
        name: As for any Keras model; that of `model` by default.

    Attributes:
        model: The model given.
        read: The variables given.

    Raises:
        ValueError: for what is no variable, one that is trainable, or two of the same name; in
            `load_model`, where the variable of a name is not known.

    Examples:
        >>> import keras, numpy as np
        >>> alpha = keras.Variable(1.0, trainable=False, name="alpha")
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model = StateModel(network, [alpha])
        >>> model.compile(loss=lambda y_true, y_pred: alpha * keras.ops.ones_like(y_pred))
        >>> data = np.ones((4, 2)), np.ones((4, 1))
        >>> model.evaluate(*data, verbose=0)
        1.0
        >>> alpha.assign(0.25) is None or model.evaluate(*data, verbose=0)
        0.25
    """

    def __init__(
        self, model: keras.Model, variables: Sequence[keras.Variable], name: str | None = None
    ):
        super().__init__(name=name or model.name)
        for variable in variables:
            if not isinstance(variable, keras.Variable) or variable.trainable:
                raise ValueError(
                    "A StateModel takes variables that are not trained: keras.Variable(value, "
                    f"trainable=False). Received: {variable!r}."
                )
        names = [variable.name for variable in variables]
        if len(set(names)) < len(names):
            raise ValueError(
                "A StateModel finds its variables by name: give each one of its own, "
                f"keras.Variable(..., name=...). Received: {names}."
            )
        self.model = model
        self.read = list(variables)
        for variable in variables:
            _remember(variable)
        self.built = model.built

    def build(self, input_shape: Any) -> None:
        if not self.model.built:
            self.model.build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.model(inputs, training=training)

    def sync(self) -> None:
        """Bring what the batches of this epoch did so far into the variables. A callback calls it
        before it assigns to one of them, and the next batch sees the value."""
        if sync := getattr(self, "jax_state_sync", None):
            sync()

    @property
    def layers(self) -> list[keras.layers.Layer]:
        return list(self.model.layers)

    @property
    def output_names(self) -> Any:
        """The names by which `compile` is given losses of several outputs."""
        return getattr(self.model, "output_names", None)

    def get_config(self) -> dict[str, Any]:
        return {
            "model": keras.saving.serialize_keras_object(self.model),
            "variables": [variable.name for variable in self.read],
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "StateModel":
        model = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        variables = [_find(name, custom_objects or {}) for name in config["variables"]]
        return cls(model, variables, config["name"])


def _find(name: str, custom_objects: dict[str, Any]) -> keras.Variable:
    found = keras.saving.get_registered_object(name, custom_objects)
    known = _known(name) if found is None else [found]
    if len(known) == 1:
        return known[0]
    why = "is not known here" if not known else f"is one of {len(known)} that are known"
    raise ValueError(
        f"The variable {name!r}, which the loss of this model reads, {why}. Hand it over: "
        f"load_model(path, custom_objects={{{name!r}: variable}})."
    )
