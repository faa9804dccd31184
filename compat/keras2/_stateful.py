"""Losses that hold state, in `compile`: the model owns their variables.

A loss function of TF1 code that makes variables (`tf.get_variable`) is such a loss, too. Keras 2 on
TF1 called it once, in `compile`, to build its graph; `GraphLoss` does that here.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import keras

from portable_losses.losses import StatefulLoss

from ..tf1._graph import get_default_graph
from ..tf1._graph_loss import GraphLoss

PACKAGE = "portable_losses.compat.keras2"
# What makes a variable of a graph.
MAKERS = {"get_variable", "Variable"}
# Whether the step that is being computed trains; the innermost last.
_training: list[bool] = []


@contextlib.contextmanager
def step(training: bool) -> Iterator[None]:
    """Within it losses with state are in a step of training, or not."""
    _training.append(training)
    try:
        yield
    finally:
        _training.pop()


@keras.saving.register_keras_serializable(PACKAGE)
class InCompile(keras.losses.Loss):
    """A loss with state, as Keras' `compile` takes losses."""

    def __init__(self, layer: Any, name: str | None = None):
        if isinstance(layer, dict):
            layer = keras.saving.deserialize_keras_object(layer)
        super().__init__(name=name or layer.name)
        self.layer = layer

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        training = bool(_training and _training[-1])
        found = self.layer(y_true, y_pred, sample_weight, training=training)
        if self.layer.trainable_variables:
            raise ValueError(
                f"The loss {self.layer.name!r} has variables that an optimizer trains, which "
                "`compile` does not give it. Use portable_losses.training.LossModel(model, loss)."
            )
        return found

    def get_config(self) -> dict[str, Any]:
        return {"layer": keras.saving.serialize_keras_object(self.layer), "name": self.name}


@keras.saving.register_keras_serializable(PACKAGE)
class FunctionWithVariables(GraphLoss):
    """A loss function that makes variables, as `compile` of Keras 2 took it.

    The optimizer got the weights of layers alone: these variables move by their own updates. Those
    that the loss does not depend on never ran.
    """

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        """`y_true_shape` is None in `compile`, which knows no targets: they may be as the outputs
        are, or ids."""
        known = self.label_shape if y_true_shape is None else tuple(y_true_shape)[1:]
        labels: list[Any] = [known]
        if known is None:
            labels = [tuple(y_pred_shape)[1:], (1,), ()]
        errors = []
        for label in dict.fromkeys(labels):
            for dtype in (keras.config.floatx(), "int32"):
                self.label_shape, self.label_dtype = label, dtype
                try:
                    super().build((None, *label), y_pred_shape)
                except Exception as error:
                    errors.append(error)
                else:
                    return
        raise errors[0]

    def _make(self, name: str, variable: Any) -> keras.Variable:
        weight = super()._make(name, variable)
        weight.trainable = False
        return weight


def as_layer(given: Any, output: Any) -> StatefulLoss | None:
    """The layer of a loss that holds state; None for other losses. `output`: the tensor of the
    model that it judges, if that is known."""
    if isinstance(given, StatefulLoss):
        layer = given
    elif isinstance(given, keras.losses.Loss) or not _makes_variables(given):
        return None
    else:
        layer = FunctionWithVariables(given, updates=("returned",))
    if output is not None and not layer.built:
        unknown = None if isinstance(layer, FunctionWithVariables) else (None,)
        layer.build(unknown, tuple(output.shape))
    return layer


def own(model: Any, layers: list[StatefulLoss]) -> None:
    """Make `layers`, and no other losses, the model's. They are none of its `layers`, and their
    variables none of its `weights`: Keras 2 knew nothing of them. A graph finds them by the names
    that TF1 gave them."""
    vars(model)["loss_layers"] = list(layers)  # past Keras, which would make layers of them
    for layer in layers:
        for name, weight in getattr(layer, "tf1_variables", {}).items():
            get_default_graph().weights[name.removesuffix(":0")] = weight


def _makes_variables(function: Any) -> bool:
    """Whether a function, or one that it calls by name, makes variables of a TF1 graph."""
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        found = waiting.pop()
        found = found.func if isinstance(found, functools.partial) else found
        found = inspect.unwrap(found) if callable(found) else found
        code = getattr(found, "__code__", None)
        if id(found) in seen or code is None:
            continue
        seen.add(id(found))
        names = _names_in(code)
        scope = {name: found.__globals__[name] for name in names if name in found.__globals__}
        scope |= _closed_over(found)
        if names & MAKERS and any(_is_tf1(value) for value in scope.values()):
            return True
        waiting += scope.values()
    return False


def _names_in(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names


def _closed_over(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return dict(inspect.getclosurevars(function).nonlocals)
    except (TypeError, ValueError):  # not yet assigned
        return {}


def _is_tf1(value: Any) -> bool:
    name = getattr(value, "__name__", None) or getattr(value, "__module__", "")
    ours = GraphLoss.__module__.rpartition(".")[0]
    return isinstance(name, str) and (name + ".").startswith(ours + ".")
