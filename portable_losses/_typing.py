"""The names used in every signature."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # a tensor of the active Keras backend
ArrayLike: TypeAlias = Any  # a Tensor, or anything `keras.ops` converts into one
