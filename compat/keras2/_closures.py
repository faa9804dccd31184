"""What PyTorch would do otherwise in a function of old code: it takes no NumPy array beside a
tensor, as one that `def loss(weights)` closes over, and `y_pred /= total` writes into the caller's
tensor, where TensorFlow's cannot be written to."""

import dis
import functools
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any

import keras
import numpy as np
from keras import ops


def with_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with the arrays it closes over as tensors where PyTorch is to multiply them: it
    takes no array beside a tensor. Floats in Keras' float type, as TensorFlow fitted them."""
    if keras.backend.backend() != "torch" or not isinstance(function, FunctionType):
        return function
    cells = [_tensor(cell) for cell in function.__closure__ or ()]
    if all(new is old for new, old in zip(cells, function.__closure__ or (), strict=True)):
        return function
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(cells),
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def with_copies(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, given copies of its tensors where PyTorch is to write into them."""
    if not writes(function):
        return function

    @functools.wraps(function)
    def call(*tensors: Any, **settings: Any) -> Any:
        return function(*[ops.copy(x) for x in tensors], **settings)

    return call


def writes(function: Any) -> bool:
    """Whether PyTorch would write into arguments: the function, or one that it calls by its name,
    assigns by `/=` or its like."""
    return keras.backend.backend() == "torch" and _assigns(function, set())


def _assigns(function: Any, seen: set[CodeType]) -> bool:
    if not isinstance(function, FunctionType) or function.__code__ in seen:
        return False
    code = function.__code__
    seen.add(code)
    if any(i.opname == "BINARY_OP" and i.argrepr.endswith("=") for i in dis.get_instructions(code)):
        return True
    called = [function.__globals__.get(name) for name in code.co_names]
    called = [f for f in called if getattr(f, "__module__", None) == function.__module__]
    return any(_assigns(f, seen) for f in [*called, *map(_content, function.__closure__ or ())])


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return None


def _tensor(cell: CellType) -> CellType:
    value = _content(cell)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        return cell
    dtype = keras.config.floatx() if value.dtype.kind == "f" else None
    return CellType(ops.convert_to_tensor(value, dtype=dtype))
