"""Static shapes and dtypes of nodes, by the backend's own abstract evaluation.

A dimension that is not known is evaluated twice, with two sizes; where the results differ, the
dimension of the result is not known either. Values that shapes are made of (`tf.shape(x)[0] * 2`)
are carried along, once for each size.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from portable_losses import _backend

from .._dispatch import computing

# Divisible by what batches are usually split by, and sizes of nothing else.
SIZES = (840, 1320)
# Functions of the shape alone: on NumPy arrays, so that what they give is known in a trace.
OF_SHAPE: dict[str, Callable[[Any], Any]] = {
    "tf.shape": lambda shape: np.array(shape, "int32"),
    "tf.size": lambda shape: np.array(np.prod(shape, dtype="int64"), "int32"),
    "tf.rank": lambda shape: np.array(len(shape), "int32"),
    "K.shape": lambda shape: np.array(shape, "int32"),
    "shape": lambda shape: np.array(shape, "int32"),
}

# What a node is known to be under one choice of sizes: a NumPy array, or shape and dtype.
View = Any


def views_of(shape: list[int | None] | None, dtype: str) -> tuple[View, ...] | None:
    """The views of a tensor of a static shape; None where even its rank is unknown."""
    if shape is None:
        return None
    sizes = SIZES if None in shape else SIZES[:1]
    return tuple(
        keras.KerasTensor([size if d is None else d for d in shape], dtype=dtype) for size in sizes
    )


def shape_of(views: tuple[View, ...] | None) -> list[int | None] | None:
    if views is None:
        return None
    shapes = [tuple(view.shape) for view in views]
    if len({len(shape) for shape in shapes}) > 1:
        return None
    return [sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*shapes, strict=True)]


def agree(one: str, other: str) -> bool:
    """Whether two dtypes are the same, but for 64 bits that a backend may have in 32."""
    return str(one).replace("64", "32") == str(other).replace("64", "32")


def dtype_of(view: View) -> str:
    return str(keras.backend.standardize_dtype(view.dtype))


class Composite:
    """Abstract: an object around one leaf, which loops and branches carry."""

    def part(self) -> Any:
        raise NotImplementedError

    def with_part(self, part: Any) -> "Composite":
        raise NotImplementedError


def replace(structure: Any, function: Callable[[Any], Any]) -> Any:
    """`structure` with `function` of each leaf; lists, tuples and dicts are structure."""
    kind = type(structure)
    if isinstance(structure, Composite):
        return structure.with_part(function(structure.part()))
    if kind is list or kind is tuple:
        return kind([replace(part, function) for part in structure])
    if kind is dict:
        return {key: replace(part, function) for key, part in structure.items()}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return kind(*[replace(part, function) for part in structure])
    return function(structure)


def leaves_of(structure: Any) -> list[Any]:
    found: list[Any] = []
    replace(structure, found.append)
    return found


def form_of(structure: Any) -> Any:
    """What two structures have in common that differ in their leaves alone."""
    if isinstance(structure, Composite):
        return type(structure)
    if isinstance(structure, list | tuple):
        return type(structure), [form_of(part) for part in structure]
    if isinstance(structure, dict):
        return {key: form_of(part) for key, part in structure.items()}
    return None


def evaluate(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The view of `function(*args, **kwargs)`, where tensors are KerasTensors."""
    specs = [x for x in leaves_of((args, kwargs)) if isinstance(x, keras.KerasTensor)]
    with computing():
        if not specs:
            with _backend.at_once():
                return replace(function(*args, **kwargs), as_value)

        def call(*tensors: Any) -> Any:
            given = dict(zip(map(id, specs), tensors, strict=True))
            given_args, given_kwargs = replace((args, kwargs), lambda x: given.get(id(x), x))
            return function(*given_args, **given_kwargs)

        return _backend.output_spec(call, *specs)


def as_view(value: Any) -> View:
    if isinstance(value, np.ndarray | np.generic | bool | int | float):
        return np.asarray(value)
    if keras.ops.is_tensor(value) or isinstance(value, _backend.Variable):
        return keras.KerasTensor(tuple(value.shape), dtype=dtype_of(value))
    return value


def as_value(value: Any) -> View:
    """What is known, with its value where a shape may be made of it."""
    view = as_view(value)
    if isinstance(view, keras.KerasTensor) and ("float" not in dtype_of(view) or not view.shape):
        return np.asarray(keras.ops.convert_to_numpy(value))
    return view


def evaluate_roughly(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Number, ranks and dtypes of the results, where their shapes depend on values: from zeros."""

    def zeros(x: Any) -> Any:
        if not isinstance(x, keras.KerasTensor):
            return x
        shape = [min(size, 4) if size in SIZES else size for size in x.shape]
        return keras.ops.zeros(shape, dtype=x.dtype)

    with computing():
        return replace(function(*replace(args, zeros), **replace(kwargs, zeros)), as_view)
