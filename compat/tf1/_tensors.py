"""How the old functions read their arguments: TensorFlow's rules of conversion, static shapes."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend

from .._dispatch import DependsOnValues
from ._dtypes import DType, as_name


class Shape(tuple[Any, ...]):
    """What `tf.shape` gives: a vector of sizes, each a Python int, or a scalar tensor where the
    backend does not know it before it runs. Slices and arithmetic make shapes again."""

    dtype = DType("int32")

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self),)

    def get_shape(self) -> "Shape":
        return Shape((len(self),))

    def as_list(self) -> list[Any]:
        return list(self)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return Shape(tuple.__getitem__(self, key))
        return tuple.__getitem__(self, key)

    def _each(self, other: Any, function: Any) -> Any:
        if isinstance(other, (int, float)):
            other = [other] * len(self)
        elif not isinstance(other, (tuple, list)):
            return NotImplemented
        if len(other) == 1:
            other = list(other) * len(self)
        return Shape(function(a, b) for a, b in zip(self, other, strict=True))

    def __add__(self, other: Any) -> Any:
        return self._each(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Any:
        return self._each(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> Any:
        return self._each(other, lambda a, b: a * b)

    def __floordiv__(self, other: Any) -> Any:
        return self._each(other, lambda a, b: a // b)

    def __truediv__(self, other: Any) -> Any:
        return self._each(other, lambda a, b: a / b)

    def __mod__(self, other: Any) -> Any:
        return self._each(other, lambda a, b: a % b)

    __radd__, __rmul__ = __add__, __mul__


def is_tensor(x: Any) -> bool:
    """A tensor or a variable of the backend; no NumPy array."""
    return isinstance(x, keras.Variable) or (not isinstance(x, np.ndarray) and ops.is_tensor(x))


def dtype_of(x: Any) -> str:
    return str(keras.backend.standardize_dtype(x.dtype))


def is_floating(x: Any) -> bool:
    return "float" in dtype_of(x)


def array(x: Any) -> np.ndarray:
    """Numbers of Python or NumPy with the dtype that TensorFlow gives them."""
    found = np.asarray(x)
    numpy_says = isinstance(x, (np.ndarray, np.generic)) or any(
        isinstance(leaf, np.generic | np.ndarray) for leaf in keras.tree.flatten(x)
    )
    if not numpy_says and found.dtype == np.float64:
        return found.astype("float32")
    if not numpy_says and found.dtype == np.int64 and np.all(np.abs(found) < 2**31):
        return found.astype("int32")
    return found


def _holds_tensors(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and any(is_tensor(v) or _holds_tensors(v) for v in x)


def tensor(x: Any, dtype: Any = None) -> Any:
    """`x` as a tensor; with a dtype, in that one. A list with tensors in it is stacked."""
    if x is None:
        raise ValueError("None values not supported: a tensor was expected.")
    if _holds_tensors(x):
        found = ops.stack(same(*x))
    elif is_tensor(x):
        found = ops.convert_to_tensor(x)
    else:
        found = ops.convert_to_tensor(array(x) if dtype is None else np.asarray(x, as_numpy(dtype)))
    if dtype is not None and dtype_of(found) != as_name(dtype):
        found = ops.cast(found, as_name(dtype))
    return found


def as_numpy(dtype: Any) -> str | None:
    """A dtype's name where NumPy knows it."""
    name = as_name(dtype)
    return None if name == "bfloat16" else name


def same(*given: Any) -> list[Any]:
    """Tensors of one dtype. What is no tensor yet takes the dtype of the first that is one, as in
    TF; two tensors of different dtypes, an error there, are promoted."""
    first = next((x for x in given if is_tensor(x) or _holds_tensors(x)), None)
    if first is None:
        first = next((x for x in given if isinstance(x, (np.ndarray, np.generic))), None)
    if first is None:
        found = [tensor(x) for x in given]
    else:
        like = dtype_of(tensor(first))
        found = [_like(x, like) for x in given]
    names = {dtype_of(x) for x in found}
    if len(names) > 1:
        name = str(keras.backend.result_type(*sorted(names)))
        found = [ops.cast(x, name) for x in found]
    return found


def _like(x: Any, dtype: str) -> Any:
    if is_tensor(x) or _holds_tensors(x):
        return tensor(x)
    fits = "float" in dtype or np.asarray(x).dtype.kind in "iub"
    return tensor(x, dtype if fits else None)


def static(x: Any) -> Any:
    """The values as a NumPy array, or None in a trace."""
    if isinstance(x, keras.KerasTensor):
        return None
    if not (is_tensor(x) or _holds_tensors(x)):
        return np.asarray(x)
    x = tensor(x)
    found = _backend.concrete(x)
    if found is None:
        try:
            found = np.asarray(ops.convert_to_numpy(x))
        except Exception:  # each backend has its own error for a traced tensor
            return None
    return found


def values(x: Any, function: str, instead: str) -> np.ndarray:
    """The values that the shape of a result depends on; a clear error where nobody knows them."""
    found = static(x)
    if found is None:
        raise DependsOnValues(
            f"{function}: the shape of the result depends on values, which a compiled function "
            f"does not know. {instead} Or run it eagerly: `compile(..., run_eagerly=True)`."
        )
    return np.asarray(found)


def is_traced(x: Any) -> bool:
    return is_tensor(x) and static(x) is None


def ints(x: Any) -> tuple[Any, ...]:
    """A shape, a permutation or sizes, as a tuple of ints; what is traced stays a tensor."""
    if isinstance(x, (list, tuple)):
        return tuple(size(v) for v in x)
    found = static(x)
    if found is None:
        return x  # type: ignore[no-any-return]  # TensorFlow takes a tensor for a shape
    return tuple(int(v) for v in np.reshape(found, -1))


def of_sizes(compute: Callable[..., Any], *given: Any) -> Any:
    """`compute` of sizes, which are Python's or NumPy's ints, so that a shape made of them is
    known in a trace; None if one of `given` is no size. A `Shape` stays one."""
    for x in given:
        if isinstance(x, bool) or not (
            isinstance(x, (int, np.integer))
            or (isinstance(x, Shape) and all(isinstance(n, (int, np.integer)) for n in x))
            or (isinstance(x, np.ndarray) and x.ndim <= 1 and x.dtype.kind == "i")
        ):
            return None
    found = np.asarray(compute(*(np.asarray(x, "int32") for x in given)))
    if any(isinstance(x, (np.ndarray, np.generic)) for x in given):
        return found.astype("int32")
    return Shape(found.tolist()) if found.ndim else found.item()


def size(x: Any) -> Any:
    """One size as an int, or a scalar tensor that is traced."""
    if isinstance(x, int):
        return int(x)
    value = getattr(x, "value", None)
    if isinstance(value, int):  # a Dimension
        return value
    found = static(x)
    return x if found is None else int(found)


def axes(axis: Any, old: Any = None) -> int | tuple[int, ...] | None:
    """`axis` or its older name, as Python ints."""
    if axis is None:
        axis = old
    elif old is not None:
        raise ValueError(f"`axis` and its older name are both given: {axis} and {old}.")
    if axis is None or isinstance(axis, int):
        return axis
    found = np.asarray(static(axis))
    if found.ndim == 0:
        return int(found)
    return tuple(int(v) for v in found)


def either(new: Any, old: Any, names: str, default: Any = None) -> Any:
    """One argument that has two names."""
    if new is not None and old is not None:
        raise ValueError(f"Only one of {names} may be given. Received: {new} and {old}.")
    if new is not None:
        return new
    return default if old is None else old
