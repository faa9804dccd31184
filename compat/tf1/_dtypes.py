"""TensorFlow's dtypes: names that are objects. `tf.float32` is a string to Keras and to NumPy, and
has what TF1 code asks of it: `tf.float32.max`, `.as_numpy_dtype`, `.is_floating`."""

from typing import Any

import keras
import numpy as np

_BYTES = {"bfloat16": 2, "bool": 1}


class DType(str):
    """A dtype by its name. Equal to the name, and to the same dtype of NumPy or a backend."""

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, str):
            return str(self) == str(other)  # as Dynamo can trace it
        if other is None:
            return False
        try:
            return str(self) == as_name(other)
        except (TypeError, ValueError):
            return False

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __repr__(self) -> str:
        return f"tf.{self}"

    @property
    def name(self) -> str:
        return str(self)

    @property
    def base_dtype(self) -> "DType":
        return self

    @property
    def real_dtype(self) -> "DType":
        return self

    @property
    def as_numpy_dtype(self) -> Any:
        return object if self == "string" else np.dtype(str(self)).type

    @property
    def is_floating(self) -> bool:
        return "float" in self

    @property
    def is_integer(self) -> bool:
        return "int" in self

    @property
    def is_unsigned(self) -> bool:
        return self.startswith("uint")

    @property
    def is_bool(self) -> bool:
        return self == "bool"

    @property
    def is_complex(self) -> bool:
        return "complex" in self

    @property
    def is_numpy_compatible(self) -> bool:
        return self != "bfloat16"

    @property
    def size(self) -> int:
        """Bytes of one number."""
        return _BYTES.get(self) or np.dtype(str(self)).itemsize

    @property
    def min(self) -> Any:
        return self._limit("min")

    @property
    def max(self) -> Any:
        return self._limit("max")

    @property
    def limits(self) -> tuple[Any, Any]:
        return self.min, self.max

    def _limit(self, which: str) -> Any:
        if self == "bfloat16":
            largest = 3.3895313892515355e38
            return largest if which == "max" else -largest
        if self.is_floating:
            return getattr(np.finfo(str(self)), which)
        if self.is_integer:
            return getattr(np.iinfo(str(self)), which)
        if self.is_bool:
            return which == "max"
        raise TypeError(f"{self!r} has no {which}.")


NAMES = (
    "bfloat16 bool complex64 float16 float32 float64 int8 int16 int32 int64 string uint8 uint16 "
    "uint32 uint64"
).split()
DTYPES = {name: DType(name) for name in NAMES} | {
    "half": DType("float16"),
    "double": DType("float64"),
}


def as_name(dtype: Any) -> str:
    """The name of a dtype of TF, Keras, NumPy, Python or a backend."""
    if isinstance(dtype, str):
        return {"half": "float16", "double": "float64"}.get(str(dtype), str(dtype))
    for kind, name in ((float, "float32"), (int, "int32"), (bool, "bool")):
        if dtype is kind:  # TF's choice, where NumPy's is 64 bits wide
            return name
    if isinstance(dtype, type) and issubclass(dtype, np.generic):
        dtype = np.dtype(dtype)
    return str(keras.backend.standardize_dtype(dtype))


def as_dtype(type_value: Any) -> DType:
    """`tf.as_dtype`."""
    name = as_name(type_value)
    if name not in NAMES:
        raise TypeError(f"Cannot convert {type_value!r} to a TensorFlow dtype.")
    return DTYPES[name]
