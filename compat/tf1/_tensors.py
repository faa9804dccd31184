"""How the old functions read their arguments: TensorFlow's rules of conversion, static shapes."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend

from .._dispatch import DependsOnValues, mode
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
    return isinstance(x, _backend.Variable) or (not isinstance(x, np.ndarray) and ops.is_tensor(x))


def dtype_of(x: Any) -> str:
    return str(keras.backend.standardize_dtype(x.dtype))


def is_floating(x: Any) -> bool:
    return "float" in dtype_of(x)


_KINDS = "bool uint8 int8 uint16 int16 int32 uint32 int64 uint64 float16 float32 float64".split()
_RANKS = {kind: rank for rank, kind in enumerate(_KINDS)}


def kind_of(x: Any) -> str:
    """The dtype that TensorFlow gives numbers of Python or NumPy. (In Python alone: Dynamo cannot
    ask an array for its dtype.)"""
    if isinstance(x, (list, tuple)):
        ranks = [_RANKS[kind_of(v)] for v in x]
        return _KINDS[max(ranks)] if ranks else "float32"
    if isinstance(x, (np.ndarray, np.generic)):
        return str(x.dtype)
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, int):
        return "int32" if -(2**31) <= x < 2**31 else "int64"
    return "float32"


def _has_numpy(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(_has_numpy(v) for v in x)
    return isinstance(x, (np.ndarray, np.generic))


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
        name: str | None = kind_of(x) if dtype is None else as_name(dtype)
        if _has_numpy(x) and name != "bfloat16":
            x, name = np.asarray(x, name), None  # JAX warns of 64 bits only if asked for them
        found = ops.convert_to_tensor(list(x) if isinstance(x, Shape) else x, dtype=name)
    if dtype is not None and dtype_of(found) != as_name(dtype):
        found = ops.cast(found, as_name(dtype))
    return found


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
    fits = "float" in dtype or "float" not in kind_of(x)
    return tensor(x, dtype if fits else None)


def seen(x: Any) -> Any:
    """The values as a NumPy array where a look costs nothing, or None: for checks."""
    if isinstance(x, keras.KerasTensor):
        return None
    if not (is_tensor(x) or _holds_tensors(x)):
        return np.asarray(x)
    return _backend.concrete(tensor(x))


def static(x: Any) -> Any:
    """The values as a NumPy array, or None in a trace: for what a shape depends on."""
    found = seen(x)
    if found is None and not isinstance(x, keras.KerasTensor):
        x = tensor(x)
        found = None if _backend.is_traced(x) else np.asarray(ops.convert_to_numpy(x))
    return found


# What pads ids where their number is not known. It is no id, nor is it after a cast from int64 to
# int32, or with another id added.
NO_ID = -(2**30)


def without_padding(ids: Any) -> tuple[Any, Any]:
    """Ids with 0 where `NO_ID` is, and where it is; None for nowhere, as where values are seen:
    nothing is padded there. Sums and products of it still count as it; -1 does not."""
    if not mode.padded or seen(ids) is not None:
        return ids, None
    absent = ids < NO_ID // 2
    return ops.where(absent, ops.zeros_like(ids), ids), absent


def zeros_where(absent: Any, found: Any, before: int = 0, at: int = 0) -> Any:
    """`found` with 0 for the ids that are `absent`, and no gradient. The axes of the ids stand at
    `at` in it, but for the first `before` of them."""
    if absent is None:
        return found
    sizes = ops.shape(absent)
    after = len(found.shape) - len(sizes) - (at - before)
    shape = (*sizes[:before], *(1,) * (at - before), *sizes[before:], *(1,) * after)
    return ops.where(ops.reshape(absent, shape), ops.zeros_like(found), found)


def values(x: Any, function: str, instead: str) -> np.ndarray:
    """The values that the shape of a result depends on; a clear error where nobody knows them."""
    found = static(x)
    if found is None:
        raise DependsOnValues(
            f"{function}: the shape of the result depends on values, which a compiled function "
            f"does not know. {instead} Or run it eagerly: `compile(..., run_eagerly=True)`."
        )
    return np.asarray(found)


def ints(x: Any) -> tuple[Any, ...]:
    """A shape, a permutation or sizes, as a tuple of ints; what is traced stays a tensor."""
    if isinstance(x, (list, tuple)):
        return tuple(size(v) for v in x)
    found = static(x)
    if found is None:
        return x  # TensorFlow takes a tensor for a shape
    return tuple(int(v) for v in np.reshape(found, -1))


def of_sizes(compute: Callable[..., Any], *given: Any) -> Any:
    """`compute` of sizes, each an int or a list of ints, so that a shape made of them is known in a
    trace; None if one of `given` is no size. A `Shape` stays one, and NumPy's stay NumPy's."""
    plain: list[Any] = []
    for x in given:
        if isinstance(x, Shape) and all(isinstance(n, int) for n in x):
            plain.append([int(n) for n in x])
        elif isinstance(x, int) and not isinstance(x, bool):
            plain.append(int(x))
        elif isinstance(x, (np.ndarray, np.generic)) and x.ndim <= 1 and x.dtype.kind == "i":
            plain.append(x.tolist())
        else:
            return None
    found = compute(*plain)
    if any(isinstance(x, (np.ndarray, np.generic)) for x in given):
        return np.asarray(found, "int32")
    return Shape(found) if isinstance(found, list) else found


def by_entry(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A function of two ints, of lists of them too."""

    def compute(x: Any, y: Any) -> Any:
        if not isinstance(x, list) and not isinstance(y, list):
            return function(x, y)
        n = max(len(v) for v in (x, y) if isinstance(v, list))
        x, y = (v * n if len(v) == 1 else v for v in (_listed(x), _listed(y)))
        return [function(a, b) for a, b in zip(x, y, strict=True)]

    return compute


def _listed(x: Any) -> list[Any]:
    return x if isinstance(x, list) else [x]


def itself(x: Any) -> Any:
    return x


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
    if isinstance(axis, (list, tuple)):
        return tuple(size(v) for v in axis)
    found = np.asarray(static(axis))
    return int(found) if found.ndim == 0 else tuple(found.tolist())


def either(new: Any, old: Any, names: str, default: Any = None) -> Any:
    """One argument that has two names."""
    if new is not None and old is not None:
        raise ValueError(f"Only one of {names} may be given. Received: {new} and {old}.")
    if new is not None:
        return new
    return default if old is None else old
