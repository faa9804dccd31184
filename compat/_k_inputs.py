"""What every function of the old `keras.backend` does first with what it is given."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend

from . import _dispatch
from ._dispatch import Deferred, Function
from ._k_variables import building

DATA_FORMATS = ("channels_first", "channels_last")
_OLD_DTYPES = {"half": "float16", "float": "float32", "double": "float64", "int": "int32"}


# Dtypes -------------------------------------------------------------------------------------


def dtype_name(dtype: Any) -> Any:
    """The name of a dtype of Python, NumPy, Keras, PyTorch or TensorFlow (`tf.float32`), as the
    backend has it: JAX has no int64 unless it is asked to. None stays None."""
    if dtype is None:
        return None
    if dtype is int:
        dtype = "int32"  # TensorFlow's; NumPy's is int64
    if hasattr(dtype, "as_numpy_dtype"):
        dtype = getattr(dtype, "base_dtype", dtype).name
    elif isinstance(dtype, type) and issubclass(dtype, np.generic):
        dtype = np.dtype(dtype).name
    elif isinstance(dtype, np.dtype):
        dtype = dtype.name
    dtype = _OLD_DTYPES.get(dtype, dtype) if isinstance(dtype, str) else dtype
    return _backend.canonical_dtype(keras.backend.standardize_dtype(dtype))


def dtype_of(x: Any) -> str:
    return str(keras.backend.standardize_dtype(x.dtype))


def is_float(x: Any) -> bool:
    return bool(keras.backend.is_float_dtype(dtype_of(x)))


def cast(x: Any, dtype: Any) -> Any:
    dtype = dtype_name(dtype)
    return x if dtype_of(x) == dtype else ops.cast(x, dtype)


# Tensors ------------------------------------------------------------------------------------


def is_tensor(x: Any) -> bool:
    """A tensor, a variable, or what stands for one; not a NumPy array."""
    return isinstance(x, _backend.Variable | keras.KerasTensor | Deferred) or bool(ops.is_tensor(x))


def tensor(x: Any, dtype: Any = None) -> Any:
    """`x` as a tensor: of variables the value, of Python floats floatx."""
    return ops.convert_to_tensor(x, dtype=dtype_name(dtype))


def floating(x: Any) -> Any:
    x = tensor(x)
    return x if is_float(x) else ops.cast(x, keras.config.floatx())


def like(value: Any, x: Any) -> Any:
    """`value` as a tensor of the dtype of the tensor `x`, as old code has numbers and NumPy arrays
    beside tensors. A fraction beside integers is an error, as it was."""
    dtype = dtype_of(x)
    if not is_tensor(value) and keras.backend.is_int_dtype(dtype):
        require_whole(value, dtype)
    return cast(tensor(value), dtype)


def require_whole(value: Any, dtype: str) -> None:
    """That no fraction is lost where a number or an array becomes integers."""
    if isinstance(value, int) or is_nested_tensor(value):
        return
    values = np.asarray(value)
    if values.dtype.kind == "f" and not np.all(values == np.floor(values)):
        raise ValueError(
            f"{value!r} is no whole number and would be cut to be {dtype}. Give the tensor beside "
            'it a floating dtype, as in `K.cast(x, "float32")`, or cut it on purpose.'
        )


def is_nested_tensor(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(is_tensor(x) for x in value)


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands in one dtype: numbers and arrays take that of the tensor beside them; two
    tensors are promoted, where Keras 2 raised."""
    if is_tensor(x) and not is_tensor(y):
        x = tensor(x)
        return x, like(y, x)
    if is_tensor(y) and not is_tensor(x):
        y = tensor(y)
        return like(x, y), y
    x, y = tensor(x), tensor(y)
    if dtype_of(x) != dtype_of(y):
        dtype = keras.backend.result_type(dtype_of(x), dtype_of(y))
        x, y = cast(x, dtype), cast(y, dtype)
    return x, y


def values_of(x: Any) -> Any:
    """The values of `x` as a NumPy array, read from the device if need be; None in a trace."""
    if not is_tensor(x):
        return None if is_nested_tensor(x) else np.asarray(x)
    if getattr(getattr(x, "device", None), "type", "") == "meta":  # a shape of PyTorch, no values
        return None
    try:
        return np.asarray(ops.convert_to_numpy(x))
    except Exception:  # a symbolic tensor: each backend has its own error for it
        return None


# Shapes, axes and settings ------------------------------------------------------------------


class Shape(tuple[Any, ...]):
    """What `K.shape` returns: sizes to index and slice, with the arithmetic of the tensor that it
    was, entry by entry. The sizes are Python ints, by which `K.reshape` and others can be compiled;
    on TensorFlow a size that is not known yet is a tensor."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Shape(found) if isinstance(index, slice) else found

    def _each(self, other: Any, function: Callable[[Any, Any], Any]) -> "Shape":
        if isinstance(other, np.ndarray):
            other = other.tolist()
        if not isinstance(other, list | tuple):
            other = [other] * len(self)
        elif len(other) == 1 and len(self) != 1:
            other = list(other) * len(self)
        if len(other) != len(self):
            raise ValueError(
                f"The sizes {tuple(self)} and {tuple(other)} differ in number. `K.shape` is added "
                "to entry by entry; to join sizes, use `K.concatenate` or `K.int_shape`."
            )
        return Shape(function(a, b) for a, b in zip(self, other, strict=True))

    def __add__(self, other: Any) -> "Shape":
        return self._each(other, operator.add)

    def __sub__(self, other: Any) -> "Shape":
        return self._each(other, operator.sub)

    def __mul__(self, other: Any) -> "Shape":
        return self._each(other, operator.mul)

    def __floordiv__(self, other: Any) -> "Shape":
        return self._each(other, operator.floordiv)

    def __mod__(self, other: Any) -> "Shape":
        return self._each(other, operator.mod)

    __radd__, __rmul__ = __add__, __mul__


def is_later(x: Any) -> bool:
    """Whether a tensor of a model or a deferred value is `x` or within it. By hand, since
    `torch.compile` cannot follow `keras.tree`."""
    if isinstance(x, list | tuple):
        return any(is_later(part) for part in x)
    return isinstance(x, keras.KerasTensor | Deferred)


def operation(old_name: str, *, random: bool = False) -> Callable[[Function], Function]:
    """`_dispatch.operation`, which is left out where there is nothing to dispatch, for functions
    that may be given a `Shape`, which is no tree of tensors to Keras: it becomes a tuple first.
    While a graph is built, one that is `random` is a node of it, which draws in each run, and so
    is one of a `K.variable`."""

    def plain(x: Any) -> Any:
        return tuple(x) if isinstance(x, Shape) else x

    def decorate(function: Function) -> Function:
        dispatched = _dispatch.operation(old_name, random=random)(function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            args = tuple([plain(x) for x in args])
            kwargs = {key: plain(x) for key, x in kwargs.items()}
            if is_later(args) or is_later(list(kwargs.values())):
                return dispatched(*args, **kwargs)
            graph = building([*args, *kwargs.values()], random)
            if graph is not None:
                return graph.defer(dispatched, args, kwargs)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]  # as in _dispatch.py

    return decorate


@keras.saving.register_keras_serializable("portable_losses.compat")
class Dimension(keras.Operation):
    """The size of an axis that a KerasTensor does not know yet."""

    def __init__(self, axis: int, name: str | None = None):
        super().__init__(name=name)
        self.axis = axis

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor((), dtype="int32")

    def call(self, x: Any) -> Any:
        return ops.shape(x)[self.axis]

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis, "name": self.name}


def entry_of(value: Any) -> Any:
    """A size as a Python int where it can be seen; else the tensor, or None, that it is."""
    if value is None or isinstance(value, int):
        return value
    seen = values_of(value)
    return value if seen is None else int(seen)


def sizes(shape: Any, what: str, infer: bool = False) -> Any:
    """The shape that `what` is given, as ints. One that cannot be seen yet is -1 if the function
    can `infer` it, and else an error, but on TensorFlow, which takes a tensor for it."""
    if not isinstance(shape, list | tuple):
        if isinstance(shape, int):
            return (shape,)
        seen = values_of(shape)
        if seen is None:  # a tensor
            return shape
        shape = np.atleast_1d(seen).tolist()
    found = [entry_of(value) for value in shape]
    unseen = [i for i, value in enumerate(found) if not isinstance(value, int)]
    if infer and len(unseen) == 1 and -1 not in found:
        found[unseen[0]] = -1
    elif None in [found[i] for i in unseen] or (unseen and keras.backend.backend() != "tensorflow"):
        raise ValueError(
            f"{what} needs sizes that are known when the step is compiled. Received: {shape}. "
            "Take them from `K.shape(x)` or `K.int_shape(x)`, not from values of a tensor."
        )
    return tuple(found)


def axes_of(axis: Any) -> Any:
    """An axis or axes as an int or a tuple of ints."""
    if isinstance(axis, int):
        return axis
    if isinstance(axis, list | tuple) and all(isinstance(a, int) for a in axis):
        return tuple(axis)
    seen = values_of(axis)
    if seen is None:
        raise ValueError(f"`axis` must be known when the step is compiled. Received: {axis!r}.")
    return int(seen) if seen.ndim == 0 else tuple(int(a) for a in seen)


def reduced_axes(axis: Any, x: Any) -> Any:
    """As `axes_of`; None is all axes of `x`, by their names: Keras on PyTorch would forget
    `keepdims`."""
    return tuple(range(len(x.shape))) if axis is None else axes_of(axis)


def data_format_of(data_format: Any) -> str:
    data_format = data_format or keras.config.image_data_format()
    if data_format not in DATA_FORMATS:
        raise ValueError(f"`data_format` must be one of {DATA_FORMATS}. Received: {data_format!r}.")
    return str(data_format)


def numbers(value: Any, count: int, name: str) -> tuple[int, ...]:
    """An int for each of `count` axes."""
    found = (value,) * count if isinstance(value, int) else tuple(value)
    if len(found) == 1:
        found = found * count
    if len(found) != count:
        raise ValueError(f"`{name}` must have {count} integers. Received: {value!r}.")
    return tuple(int(n) for n in found)
