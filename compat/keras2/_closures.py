"""Functions that close over NumPy arrays, as `def loss(weights)` with a function inside does."""

from collections.abc import Callable
from types import CellType, FunctionType
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


def _tensor(cell: CellType) -> CellType:
    try:
        value = cell.cell_contents
    except ValueError:  # not yet assigned
        return cell
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        return cell
    dtype = keras.config.floatx() if value.dtype.kind == "f" else None
    return CellType(ops.convert_to_tensor(value, dtype=dtype))
