"""One rule for every old function: tensors are computed at once, a KerasTensor makes an operation
of the model, and a value that is computed later (a node of a TF1 graph) makes another such value.

An old function is written once, for tensors, under `operation`:

    @operation("K.square")
    def square(x):
        return ops.square(x)
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import keras

Function = TypeVar("Function", bound=Callable[..., Any])

# Every old function by its old name: a saved model finds it here again.
OPERATIONS: dict[str, Callable[..., Any]] = {}


class Deferred:
    """Abstract: a value that is computed later."""

    def defer(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """`function(*args, **kwargs)`, later; this value is one of the arguments."""
        raise NotImplementedError


@keras.saving.register_keras_serializable("portable_losses.compat")
class OldOperation(keras.Operation):
    """An old function as an operation of a functional model, saved by its old name."""

    def __init__(self, function: str, name: str | None = None):
        super().__init__(name=name)
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return OPERATIONS[self.function](*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        # Of the tensors alone: on JAX, Keras would trace the integers within a tuple too.
        leaves = keras.tree.flatten((args, kwargs))
        symbolic = [isinstance(leaf, keras.KerasTensor) for leaf in leaves]

        def call(*tensors: Any) -> Any:
            rest = iter(tensors)
            filled = [next(rest) if s else x for x, s in zip(leaves, symbolic, strict=True)]
            args_, kwargs_ = keras.tree.pack_sequence_as((args, kwargs), filled)
            return self.call(*args_, **kwargs_)

        inner = keras.Operation()
        inner.call = call
        return inner.compute_output_spec(*(x for x, s in zip(leaves, symbolic, strict=True) if s))

    def get_config(self) -> dict[str, Any]:
        return {"function": self.function, "name": self.name}


def operation(old_name: str) -> Callable[[Function], Function]:
    """Decorator: a function of tensors takes KerasTensors and deferred values too."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            leaves = keras.tree.flatten((args, kwargs))
            for leaf in leaves:
                if isinstance(leaf, Deferred):
                    return leaf.defer(call, args, kwargs)
            if any(isinstance(leaf, keras.KerasTensor) for leaf in leaves):
                return OldOperation(old_name)(*args, **kwargs)
            return function(*args, **kwargs)

        OPERATIONS[old_name] = call
        return call  # type: ignore[return-value]

    return decorate
