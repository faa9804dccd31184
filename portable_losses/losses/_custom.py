"""Any function `(y_true, y_pred)` as a loss that has a name and is saved."""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import FrameType, FunctionType
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses._inputs import align_rank, is_float
from portable_losses._typing import Tensor
from portable_losses.losses._base import Loss, register

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def as_loss(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
    cast_labels: bool = True,
    **settings: Any,
) -> Any:
    """Make a saved, named Keras loss of a function.

    The function may be

    * a loss `f(y_true, y_pred, ...)` with settings of its own: `as_loss(f, threshold=2.0)`, or,
      on its definition, the decorator `@as_loss` or `@as_loss(threshold=2.0)`;
    * a function that returns such a loss: `as_loss(make, factor=0.4)`;
    * what such a function returned, a closure: `as_loss(make(0.4))`. `make` and its settings are
      found from the closure, and checked by making it again.

    Settings are saved by value, defaults of the function included, and the function by name: it
    is registered with Keras (`keras.saving.register_keras_serializable`), as `package>name`. A
    file that holds the loss can be loaded wherever the line that made it has run before.

    Args:
        function: The function; it returns one value per sample, of shape `(batch,)` or
            `(batch, ...)`, in operations that the backend can differentiate.
        name: The name of the loss; that of the function by default.
        reduction, dtype: As for any Keras loss.
        cast_labels: Whether labels that are integers or booleans reach the function in the
            loss's dtype, as Keras gives them: `y_true - y_pred` needs it. Say False for class
            ids that must stay exact above 2^24.
        **settings: Arguments of the function, by name: None, numbers, strings, NumPy arrays,
            functions that Keras can find by name; lists and dicts of these. Lists reach the
            function as tuples (a file cannot tell them apart) and arrays as tensors. Wrap the
            function in a `functools.partial` for settings called `name`, `reduction`, `dtype`
            or `cast_labels`.

    Returns:
        A `Loss`; without a function, a decorator. Targets `(N,)` against predictions `(N, 1)`
        are aligned before they reach the function, so that they are never broadcast to N×N.

    Raises:
        ValueError: for a lambda, a closure that cannot be made again, a setting that is unknown,
            missing or cannot be saved; and, in a call, when the function returns no value per
            sample.

    Examples:
        >>> from keras import ops
        >>> @as_loss
        ... def clipped(y_true, y_pred, threshold=1.0):
        ...     return ops.mean(ops.minimum(ops.square(y_true - y_pred), threshold), axis=-1)
        >>> float(clipped([[0.0], [1.0]], [[3.0], [1.5]]))
        0.625
        >>> loose = as_loss(clipped, threshold=4.0, name="loose")
        >>> float(loose([[0.0], [1.0]], [[3.0], [1.5]]))
        2.125
        >>> loose.settings
        {'threshold': 4.0}
    """
    own = {"name": name, "reduction": reduction, "dtype": dtype, "cast_labels": cast_labels}
    if function is None:
        return functools.partial(as_loss, **own, **settings)
    if isinstance(function, FunctionLoss):
        return FunctionLoss(function.function, {**function.settings, **settings}, **own)
    if isinstance(function, functools.partial):
        if function.args:
            raise ValueError(
                "as_loss takes settings by name. Received: a functools.partial with positional "
                f"arguments {function.args}."
            )
        settings = {**function.keywords, **settings}
        function = function.func
    if isinstance(function, FunctionType) and function.__closure__ and _is_local(function):
        function, settings = _reopen(function, settings)
    return FunctionLoss(function, settings, **own)


@register
class FunctionLoss(Loss):
    """A function as a Keras loss, made by `as_loss`.

    Args:
        function: A loss `f(y_true, y_pred, **settings)`, or a function `f(**settings)` that
            returns a loss.
        settings: Arguments of the function.
        cast_labels, reduction, name, dtype: As for `as_loss`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        settings: dict[str, Any] | None = None,
        cast_labels: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        if not isinstance(function, FunctionType):
            remedy = "Pass the plain function, without decorators that compile it."
            if isinstance(function, keras.losses.Loss):
                remedy = "It is a Keras loss already: give it to `compile`."
            raise ValueError(
                "as_loss takes a function written with `def`. Received: "
                f"{function!r} of type {type(function).__name__}. {remedy}"
            )
        settings = _complete(function, settings or {})
        self.registered_name = _register(function)
        super().__init__(reduction, name or function.__name__, dtype)
        self.__doc__ = function.__doc__
        self.function = function  # type: ignore[misc, method-assign]  # of the class elsewhere
        self.settings = settings
        self.cast_labels = cast_labels
        tensors = {key: self._as_tensor(value) for key, value in settings.items()}
        if _is_factory(function, settings):
            self._evaluate = function(**tensors)
            if not callable(self._evaluate):
                raise ValueError(
                    f"{function.__name__!r} was given all of its arguments as settings, so it "
                    "must return a loss, a function (y_true, y_pred). Received: "
                    f"{type(self._evaluate).__name__}. If it is itself the loss, its first two "
                    "parameters must be the targets and the predictions, without defaults."
                )
        else:
            self._evaluate = functools.partial(function, **tensors)

    def _as_tensor(self, value: Any) -> Any:
        # A NumPy array times a tensor is an error, or cuts the gradient, on PyTorch.
        if not isinstance(value, np.ndarray):
            return value
        tensor = ops.convert_to_tensor(value)
        return ops.cast(tensor, self.dtype) if is_float(tensor) else tensor

    def call(self, y_true: Any, y_pred: Any, **others: Any) -> Tensor:
        if self.cast_labels:
            y_true = keras.tree.map_structure(lambda x: ops.cast(x, self.dtype), y_true)
        if not keras.tree.is_nested(y_true) and not keras.tree.is_nested(y_pred):
            y_true = align_rank(y_true, y_pred)
        values = self._evaluate(y_true, y_pred)
        if values is None or callable(values):
            kind = "nothing" if values is None else "a function"
            raise ValueError(
                f"The loss {self.name!r} must return one value per sample. Received: {kind}. To "
                "save a function that returns a loss, pass its settings by name: "
                f"as_loss({self.function.__name__}, setting=value)."
            )
        return ops.convert_to_tensor(values)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "reduction": self.reduction,
            "dtype": self.dtype,
            "function": self.registered_name,
            "settings": keras.saving.serialize_keras_object(self.settings),
            "cast_labels": self.cast_labels,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FunctionLoss":
        function = find_function(config["function"])
        if function is None:
            raise ValueError(
                f"The loss {config['name']!r} was made by as_loss of the function "
                f"{config['function']!r}, which is not known here. Before loading, import the "
                "module that makes the loss, so that its call of as_loss runs; or hand over the "
                f"function: load_model(path, custom_objects={{{config['function']!r}: function}})."
            )
        settings = keras.saving.deserialize_keras_object(config["settings"])
        return cls(**{**config, "function": function, "settings": settings})


# Parameters ---------------------------------------------------------------------------------


def _is_factory(function: FunctionType, settings: dict[str, Any]) -> bool:
    """Whether `function` returns a loss, not values: its first two parameters are settings."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return False
    first = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:2]
    return len(first) < 2 or any(p.default is not p.empty or p.name in settings for p in first)


def _complete(function: FunctionType, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they are saved, with the function's defaults; all known and none missing."""
    where = function.__name__
    parameters = inspect.signature(function).parameters
    named = {key: p for key, p in parameters.items() if p.kind not in _VARIADIC}
    unknown = [key for key in settings if key not in named]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        raise ValueError(
            f"{where!r} has no parameter {unknown[0]!r}. Its parameters: {list(named)}."
        )
    given = {key: _saveable(value, key, where) for key, value in settings.items()}
    factory = _is_factory(function, settings)
    for position, (key, parameter) in enumerate(named.items()):
        if key in given or (position < 2 and not factory):
            continue
        if parameter.default is parameter.empty:
            raise ValueError(
                f"No value for the parameter {key!r} of {where!r}. A loss is a function "
                "(y_true, y_pred, ...), and a function that returns one has settings only; pass "
                f"all settings by name: as_loss({where}, {key}=...)."
            )
        try:
            given[key] = _saveable(parameter.default, key, where)
        except ValueError:
            pass  # a default that is code is saved with the code
    return given


def _saveable(value: Any, key: str, where: str) -> Any:
    """`value` as it comes back from a file."""
    if _is_constant(value):
        try:
            value = np.asarray(ops.convert_to_numpy(value))
        except Exception:
            pass  # traced: refused below
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biuf":
        return value if value.ndim else value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return tuple(_saveable(x, f"{key}[{i}]", where) for i, x in enumerate(value))
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {k: _saveable(x, f"{key}[{k!r}]", where) for k, x in value.items()}
    if isinstance(value, FunctionType) and value is find_function(
        keras.saving.get_registered_name(value)
    ):
        return value
    raise ValueError(
        f"The setting {key!r} of {where!r} cannot be saved: it is of type "
        f"{type(value).__name__}. Settings may be None, numbers, strings, NumPy arrays, functions "
        "registered with keras.saving.register_keras_serializable, and lists or dicts of these. "
        "Let the function make the object from such settings; a loss that needs variables is a "
        "portable_losses.losses.StatefulLoss."
    )


def _is_constant(value: Any) -> bool:
    """A tensor that is no variable: what trains must not be frozen by saving its value."""
    trains = hasattr(value, "assign") or getattr(value, "requires_grad", False)
    return ops.is_tensor(value) and not trains


# Names --------------------------------------------------------------------------------------


def _is_local(function: FunctionType) -> bool:
    return "<locals>" in function.__qualname__


def find_function(registered_name: str) -> Any:
    """What Keras finds under the name: the registered function or Keras' own, or None."""
    names = {"config": registered_name, "registered_name": "function"}
    try:
        return keras.saving.deserialize_keras_object(
            {"module": "builtins", "class_name": "function", **names}
        )
    except TypeError:
        return None


def _register(function: FunctionType) -> str:
    """The name by which Keras finds `function` from now on."""
    if function.__name__ == "<lambda>":
        raise ValueError(
            "A lambda has no name to save it by. Write it with `def`: "
            "def my_loss(y_true, y_pred): ..."
        )
    registered_name = keras.saving.get_registered_name(function)
    if find_function(registered_name) is function:
        return registered_name
    package, found, name = registered_name.partition(">")
    if not found:
        package, name = function.__module__.partition(".")[0], function.__name__
    registered_name = f"{package}>{name}"
    other = keras.saving.get_custom_objects().get(registered_name)
    if other is not None and not _is_redefinition(other, function):
        raise ValueError(
            f"Another function is saved as {registered_name!r} already: {_place(other)}. This "
            f"one is {_place(function)}. Rename one of them, or register this one under a name "
            "of its own: keras.saving.register_keras_serializable(package, name)."
        )
    keras.saving.register_keras_serializable(package, name)(function)
    return registered_name


def _is_redefinition(old: Any, new: FunctionType) -> bool:
    """Whether `new` is what `old` was: its definition ran again, or was edited and ran again."""
    if (old.__module__, old.__qualname__) != (new.__module__, new.__qualname__):
        return False
    code = getattr(old, "__code__", new.__code__)
    if not _is_local(new) or code == new.__code__:
        return True
    # Two local functions of one name in one file are two branches, say, and no edit.
    return code.co_filename != new.__code__.co_filename


def _place(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


# Closures -----------------------------------------------------------------------------------


def _captured(function: FunctionType) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells}


def _is_running(function: FunctionType) -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is function.__code__:
            return True
        frame = frame.f_back
    return False


def _same(x: Any, y: Any) -> bool:
    if isinstance(x, FunctionType) and isinstance(y, FunctionType):
        if x.__code__ != y.__code__:
            return False
        mine, other = _captured(x), _captured(y)
        return all(_same(mine[name], other[name]) for name in mine)
    if x is y:
        return True
    try:
        return bool(np.all(np.asarray(x == y))) and np.shape(x) == np.shape(y)
    except Exception:
        return False


def _reopen(inner: FunctionType, settings: dict[str, Any]) -> tuple[FunctionType, dict[str, Any]]:
    """The function that made the closure `inner`, and the settings to make it again."""
    captured = _captured(inner)
    path = inner.__qualname__.rpartition(".<locals>.")[0]
    maker = path.rpartition(".")[2]
    first, *rest = path.split(".")
    factory = inner.__globals__.get(first)
    for part in rest:
        factory = getattr(factory, part, None)
    parameters: Mapping[str, inspect.Parameter] = {}
    if isinstance(factory, FunctionType):
        parameters = inspect.signature(factory).parameters

    def refuse(reason: str, remedy: str = "") -> ValueError:
        arguments = ", ".join(f"{name}=..." for name in parameters or captured)
        remedy = remedy or (
            f"Pass the function that makes it and its settings: as_loss({maker}, {arguments})."
        )
        return ValueError(
            f"The closure {inner.__name__!r} captures {', '.join(map(repr, captured))} and cannot "
            f"be saved: {reason}. {remedy}"
        )

    if settings:
        raise refuse(f"settings ({', '.join(settings)}) were given beside those it captures")
    if not isinstance(factory, FunctionType):
        raise refuse(f"{path!r} is not found in the module {inner.__module__!r}")
    if _is_running(factory):  # to call it again would run all that it did so far once more
        names = ", ".join(captured)
        raise refuse(
            f"{maker!r}, which defines it, calls as_loss before it returns",
            f"Make parameters of what it captures, def {inner.__name__}(y_true, y_pred, {names}), "
            f"and pass their values: as_loss({inner.__name__}, "
            f"{', '.join(f'{name}={name}' for name in captured)}).",
        )
    given = {name: value for name, value in captured.items() if name in parameters}
    for name, value in given.items():
        _saveable(value, name, maker)
    for name, parameter in parameters.items():
        optional = parameter.default is not parameter.empty or parameter.kind in _VARIADIC
        if name not in given and not optional:
            others = ", ".join(repr(key) for key in captured if key not in parameters)
            found = f"; {others} is no parameter of it" if others else ""
            raise refuse(f"the argument {name!r} of {maker!r} is not captured{found}")
    again = factory(**given)
    if (
        not isinstance(again, FunctionType)
        or again.__code__ != inner.__code__
        or not _same(again.__defaults__, inner.__defaults__)
        or not _same(again.__kwdefaults__, inner.__kwdefaults__)
    ):
        raise refuse(f"{maker!r}, called again with these values, returns another function")
    for name, value in _captured(again).items():
        if not _same(value, captured[name]):
            raise refuse(
                f"{name!r} is {captured[name]!r}, but {value!r} when {maker!r} is called again "
                "with these values"
            )
    return factory, given
