"""Functions that make losses, and what they make as something that a saved model finds again."""

import functools
import inspect
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

import keras
import numpy as np
from keras import ops

from portable_losses.losses._base import register
from portable_losses.losses._custom import find_function

P = ParamSpec("P")
Made = TypeVar("Made")


def saved_factory(factory: Callable[P, Made]) -> Callable[P, Made]:
    """Decorator: what a function that makes losses returns is saved with a model.

    A loss that a function returns, a closure, trains; but a saved model has no more of it than its
    name, and `load_model` fails. With this decorator the model has the factory's name and the
    arguments, defaults included, and `load_model` calls the factory again.

    Nothing else changes. What is returned is called as the closure is and gives its values as they
    are, unreduced; `compile` takes it as it takes a function, for `loss` and for `metrics`, with
    the same name and the same numbers. For a `keras.losses.Loss`, with a reduction of its own,
    see `as_loss`.

    The factory is registered with Keras as `module>name`, the module being that in which it stands
    (`__main__` for a script): a file is loaded wherever that module was imported before.

    Arguments may be None, numbers, strings, NumPy arrays, tensors, losses and functions that Keras
    finds again; lists, tuples and dicts of these. With any other argument, such as a model or a
    variable, the factory returns its closure as it is, and a warning says so.

    Args:
        factory: A function at the top of a module. It returns a function `(y_true, y_pred)`, and
            another call with the same arguments returns one that computes the same.

    Returns:
        The factory, with the same arguments.

    Raises:
        ValueError: for what is no function written with `def` at the top of a module or class.

    Examples:
        >>> from keras import ops
        >>> @saved_factory
        ... def power_loss(power=2.0):
        ...     def loss(y_true, y_pred):
        ...         return ops.mean(ops.abs(y_true - y_pred) ** power, axis=-1)
        ...     return loss
        >>> power_loss(3.0)(ops.zeros((1, 2)), 2.0 * ops.ones((1, 2))).shape == (1,)
        True
        >>> config = keras.saving.serialize_keras_object(power_loss(3.0))
        >>> again = keras.saving.deserialize_keras_object(config)
        >>> float(again(ops.zeros((1, 2)), 2.0 * ops.ones((1, 2)))[0])
        8.0
    """
    if not isinstance(factory, FunctionType) or "<" in factory.__name__ + factory.__qualname__:
        raise ValueError(
            "saved_factory takes a function written with `def` at the top of a module: a saved "
            f"model finds it by that name. Received: {factory!r}."
        )
    registered_name = f"{factory.__module__}>{factory.__qualname__}"
    signature = inspect.signature(factory)

    @functools.wraps(factory)
    def make(*args: P.args, **kwargs: P.kwargs) -> Any:
        made = factory(*args, **kwargs)
        if not isinstance(made, FunctionType):
            return made
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        for name, value in given.arguments.items():
            if not _is_saved(value):
                warnings.warn(
                    f"{factory.__name__!r} was given {name!r} of type {type(value).__name__}, "
                    "which cannot be saved by its value: the loss trains, but a saved model will "
                    "not find it again.",
                    stacklevel=2,
                )
                return made
        return MadeFunction(made, registered_name, given.args, given.kwargs)

    keras.saving.register_keras_serializable(factory.__module__, factory.__qualname__)(make)
    return make


@register
class MadeFunction:
    """A closure, called as it is, and how it was made. Keras takes it for a function."""

    def __init__(
        self, function: FunctionType, factory: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ):
        # No `__wrapped__`: Keras' writer of .h5 would look behind this object.
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.function = function
        self.factory, self.args, self.kwargs = factory, args, kwargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        given = keras.saving.serialize_keras_object(_packed([*self.args]))
        named = keras.saving.serialize_keras_object(_packed(self.kwargs))
        return {"factory": self.factory, "args": given, "kwargs": named}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        factory = find_function(config["factory"])
        if factory is None:
            module, _, name = config["factory"].partition(">")
            raise ValueError(
                f"The loss was made by {name!r} of the module {module!r}, which is not known here. "
                "Before loading, import that module; or hand over the function: "
                f"load_model(path, custom_objects={{{config['factory']!r}: {name}}})."
            )
        args, kwargs = (
            _unpacked(keras.saving.deserialize_keras_object(config[key]))
            for key in ("args", "kwargs")
        )
        return factory(*args, **kwargs)


def _is_saved(value: Any) -> bool:
    """Whether Keras saves `value` and gives back the same."""
    if value is None or isinstance(value, bool | int | float | str):
        return True
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biuf"
    if isinstance(value, list | tuple):
        return all(map(_is_saved, value))
    if isinstance(value, dict):
        return all(map(_is_saved, (*value.keys(), *value.values())))
    if isinstance(value, FunctionType | MadeFunction | keras.losses.Loss):
        return getattr(value, "__name__", "") != "<lambda>" and _is_found(value)
    # What trains or moves must not be frozen by saving the value it has.
    moves = hasattr(value, "assign") or getattr(value, "requires_grad", False)
    return bool(ops.is_tensor(value)) and not moves


def _is_found(value: Any) -> bool:
    try:
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(value))
    except Exception:
        return False
    # Functions are found by name, which another may have.
    return again is value if isinstance(value, FunctionType) else True


def _packed(value: Any) -> Any:
    """In a form that JSON keeps: it has no tuples, and strings alone for keys."""
    if isinstance(value, tuple):
        return {"tuple": [_packed(x) for x in value]}
    if isinstance(value, dict):
        return {"dict": [[_packed(key), _packed(x)] for key, x in value.items()]}
    return [_packed(x) for x in value] if isinstance(value, list) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, parts),) = value.items()
        parts = [_unpacked(x) for x in parts]
        return tuple(parts) if kind == "tuple" else dict(parts)
    return [_unpacked(x) for x in value] if isinstance(value, list) else value
