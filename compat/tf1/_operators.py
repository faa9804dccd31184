"""Python's operators and slices on nodes, by TF's rules: no dtype is changed on the way."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend

from .._dispatch import operation
from . import _infer
from ._graph import Node
from ._names import OP_NAMES


def _pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Both as tensors of one dtype: numbers take that of the tensor, two tensors must agree."""
    first = next(v for v in (x, y) if hasattr(v, "dtype"))
    dtype = _backend.canonical_dtype(str(keras.backend.standardize_dtype(first.dtype)))
    return tuple(_in(v, dtype) for v in (x, y))


def _in(x: Any, dtype: str) -> Any:
    if hasattr(x, "dtype"):
        found = str(keras.backend.standardize_dtype(x.dtype))
        if _backend.canonical_dtype(found) != dtype:  # of NumPy's 64 bits JAX takes 32
            raise TypeError(
                f"The operands have the dtypes {dtype} and {found}. TF1 casts neither: use "
                "tf.cast on one of them."
            )
        return ops.convert_to_tensor(x, dtype=dtype)
    if "float" not in dtype and np.asarray(x).dtype.kind == "f":
        raise TypeError(f"The operands have the dtypes {dtype} and float32: use tf.cast.")
    return ops.convert_to_tensor(x, dtype=dtype)


def _true_divide(x: Any, y: Any) -> Any:
    if "int" in str(keras.backend.standardize_dtype(x.dtype)):
        x, y = ops.cast(x, "float64"), ops.cast(y, "float64")
    return ops.divide(x, y)


_BINARY: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "add": ("add", ops.add),
    "sub": ("sub", ops.subtract),
    "mul": ("mul", ops.multiply),
    "truediv": ("truediv", _true_divide),
    "floordiv": ("floordiv", ops.floor_divide),
    "mod": ("mod", ops.mod),
    "pow": ("pow", ops.power),
    "matmul": ("matmul", ops.matmul),
    "lt": ("Less", ops.less),
    "le": ("LessEqual", ops.less_equal),
    "gt": ("Greater", ops.greater),
    "ge": ("GreaterEqual", ops.greater_equal),
    "and": ("And", ops.logical_and),
    "or": ("Or", ops.logical_or),
    "xor": ("LogicalXor", ops.logical_xor),
}
_UNARY: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "neg": ("Neg", ops.negative),
    "abs": ("Abs", lambda x: x * ops.stop_gradient(ops.sign(x))),  # 0 at 0 on every backend
    "invert": ("LogicalNot", ops.logical_not),
}


def _define_binary(method: str, name: str, function: Callable[[Any, Any], Any]) -> None:
    @operation(f"tf.Tensor.{method}")
    def compute(x: Any, y: Any) -> Any:
        return function(*_pair(x, y))

    OP_NAMES[f"tf.Tensor.{method}"] = name
    setattr(Node, f"__{method}__", lambda self, other: compute(self, _beside(self, other)))
    if method not in ("lt", "le", "gt", "ge"):
        setattr(Node, f"__r{method}__", lambda self, other: compute(_beside(self, other), self))


def _beside(node: Node, other: Any) -> Any:
    """NumPy's numbers take the dtype of the node, as Python's do."""
    if isinstance(other, list | tuple) and not _infer.leaves_of([x for x in other if _is(x)]):
        other = np.asarray(other)
    if isinstance(other, np.ndarray | np.generic) and other.dtype.kind in "fiub":
        fits = node.dtype.is_floating or other.dtype.kind != "f"
        return np.asarray(other, str(node.dtype)) if fits else other
    return other


def _is(x: Any) -> bool:
    return isinstance(x, Node)


def _define_unary(method: str, name: str, function: Callable[[Any], Any]) -> None:
    @operation(f"tf.Tensor.{method}")
    def compute(x: Any) -> Any:
        return function(ops.convert_to_tensor(x))

    OP_NAMES[f"tf.Tensor.{method}"] = name
    setattr(Node, f"__{method}__", lambda self: compute(self))


for _method, (_name, _function) in _BINARY.items():
    _define_binary(_method, _name, _function)
for _method, (_name, _unary) in _UNARY.items():
    _define_unary(_method, _name, _unary)

# NumPy leaves `array + node` to the node. Operators of `Node` are defined here, and not there.
Node.__array_priority__ = 100  # type: ignore[attr-defined]


@operation("tf.Tensor.getitem")
def _getitem(x: Any, key: Any) -> Any:
    key = _infer.replace(key, _index)
    return ops.convert_to_tensor(x)[key]


def _index(part: Any) -> Any:
    if isinstance(part, np.ndarray) and part.ndim == 0:
        return int(part)
    return part


OP_NAMES["tf.Tensor.getitem"] = "strided_slice"


def _slice(self: Node, key: Any) -> Any:
    """`x[1:, None, ..., n]`; bounds may be nodes of known value, such as `tf.shape(x)[0]`."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(isinstance(part, Node) and part.dtype.is_bool for part in parts):
        raise TypeError("x[mask] is tf.boolean_mask(x, mask) in TF1.")
    if any(isinstance(part, slice) for part in parts):
        return _slices(self, *[_parts(part) for part in parts])
    return _getitem(self, key)


def _parts(part: Any) -> Any:
    """A slice as a tuple, in which nodes are found."""
    return ("slice", part.start, part.stop, part.step) if isinstance(part, slice) else part


@operation("tf.Tensor.slices")
def _slices(x: Any, *parts: Any) -> Any:
    def whole(part: Any) -> Any:
        if isinstance(part, tuple):
            return slice(*[_index(bound) for bound in part[1:]])
        return _index(part)

    return ops.convert_to_tensor(x)[tuple(whole(part) for part in parts)]


OP_NAMES["tf.Tensor.slices"] = "strided_slice"
setattr(Node, "__getitem__", _slice)  # noqa: B010  # mypy takes no assignment to a method
