"""`tf.TensorArray`: what a loop writes entry by entry, as one tensor that each write makes anew."""

from typing import Any

import numpy as np
from keras import ops

from .._dispatch import current_graph, operation
from . import _arrays, _infer, _sizes
from ._dtypes import DType, as_dtype, as_name
from ._graph import Node
from ._shapes import shape_list
from ._sources import constant
from ._tensors import dtype_of, tensor
from .errors import InvalidArgumentError

# An array of which no entry is known, by a shape that nothing else has: the first write makes it as
# large as it is to be.
UNWRITTEN = (0,) * 7


def is_unwritten(x: Any) -> bool:
    """Whether a tensor stands for an array that no entry was written to."""
    shape = x.shape
    return getattr(shape, "ndims", 1) is not None and tuple(shape) == UNWRITTEN


@operation("tf.TensorArray.write")
def _write(entries: Any, index: Any, value: Any, size: Any) -> Any:
    """`entries` with `value` at `index`, or several values at several."""
    entries, value, index = tensor(entries), tensor(value), tensor(index)
    several = len(index.shape) == 1
    value = value if several else ops.expand_dims(value, 0)
    if is_unwritten(entries):
        first = size if ops.is_tensor(size) and not isinstance(size, np.ndarray) else int(size)
        shape = (first, *ops.shape(value)[1:])
        entries = ops.zeros(shape, dtype=entries.dtype)
    else:
        entries = ops.copy(entries)  # Keras 3.6 writes into PyTorch's tensor
    index = ops.reshape(ops.cast(index, "int32"), (-1, 1))
    return ops.scatter_update(entries, index, value)


@operation("tf.TensorArray.read")
def _read(entries: Any, index: Any) -> Any:
    entries = tensor(entries)
    if is_unwritten(entries):
        raise InvalidArgumentError(
            "A tf.TensorArray is read before it is written to, and the shape of its entries is not "
            "known. Write first, or give element_shape=."
        )
    return ops.take(entries, ops.cast(tensor(index), "int32"), axis=0)


@operation("tf.TensorArray.concat")
def _joined(entries: Any) -> Any:
    entries = tensor(entries)
    return ops.reshape(entries, (-1, *ops.shape(entries)[2:]))


class TensorArray(_infer.Composite):
    """`tf.TensorArray` of a fixed size; with Python ints as indices it may grow.

    Each write returns another array and leaves this one as it is. `tf.while_loop` and `tf.cond`
    carry arrays. An entry may be read several times, whatever `clear_after_read` says.

    Raises:
        ValueError: If there is neither a size nor `dynamic_size`, or an array that is to grow
            comes into a loop of a graph.
        InvalidArgumentError: If a Python int is out of range, is written to twice, or is read
            where nothing was written.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Any = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ):
        if handle is not None or flow is not None:
            raise NotImplementedError("tf.TensorArray has no handle and no flow here.")
        if size is None and not dynamic_size:
            raise ValueError("tf.TensorArray needs a `size`, or dynamic_size=True.")
        self._dtype, self._grows = as_name(dtype), bool(dynamic_size)
        self._size: Any = 0 if size is None else _index(size)
        self._shape = None if element_shape is None else shape_list(element_shape)
        self._entries: Any = None  # one tensor of all, or
        self._written: dict[int, Any] = {}  # those that Python ints wrote

    @property
    def dtype(self) -> DType:
        return as_dtype(self._dtype)

    @property
    def dynamic_size(self) -> bool:
        return self._grows

    def size(self, name: str | None = None) -> Any:
        """How many entries there are."""
        return self._size if isinstance(self._size, Node) else constant(np.int32(self._size))

    def identity(self) -> "TensorArray":
        return self

    def close(self, name: str | None = None) -> None:
        """Accepted; there is nothing to free."""

    def mark_used(self) -> None:
        """Accepted."""

    # What `tf.while_loop` and `tf.cond` carry.

    def part(self) -> Any:
        return self._all()

    def with_part(self, part: Any) -> "TensorArray":
        return self._with(part)

    def _with(
        self, entries: Any = None, written: dict[int, Any] | None = None, size: Any = None
    ) -> "TensorArray":
        made = TensorArray(self._dtype, self._size if size is None else size, self._grows)
        made._shape, made._entries, made._written = self._shape, entries, written or {}
        return made

    def _all(self) -> Any:
        """One tensor of all entries; 0 where nothing was written."""
        if self._entries is not None:
            return self._entries
        if self._grows and not self._written and isinstance(self._size, int) and not self._size:
            raise ValueError(
                "A tf.TensorArray that grows in a loop has no shape. Give it its size: "
                "tf.TensorArray(dtype, size=n)."
            )
        if isinstance(self._size, int) and len(self._written) == self._size:
            return _arrays.stack([self._written[i] for i in range(self._size)])
        if self._shape is not None and None not in self._shape:
            found = _sizes.zeros([self._size, *self._shape], self._dtype)
        else:
            at_once = current_graph() is None
            found = (ops if at_once else np).zeros(UNWRITTEN, dtype=self._dtype)
        for i, value in sorted(self._written.items()):
            found = _write(found, i, value, self._size)
        return found

    def _placed(self, index: Any) -> int | None:
        """A Python int, if the entries are kept by such."""
        index = _index(index)
        if not isinstance(index, int):
            return None
        size = self._size
        if index < 0 or (isinstance(size, int) and index >= size and not self._grows):
            raise InvalidArgumentError(
                f"The index {index} is not in the tf.TensorArray, whose size is {size}."
            )
        return index if self._entries is None else None

    def write(self, index: Any, value: Any, name: str | None = None) -> "TensorArray":
        """This array with `value` at `index`."""
        value = _sizes.convert_to_tensor(value, self._of_numbers(value))
        if not _infer.agree(dtype_of(value), self._dtype):
            raise ValueError(
                f"tf.TensorArray: its dtype is {self._dtype}, and the value written is "
                f"{dtype_of(value)}. Use tf.cast."
            )
        place = self._placed(index)
        if place is None:
            found = _write(self._all(), index, value, self._size)
            shape = getattr(value, "shape", None) if isinstance(found, Node) else None
            if shape is not None and shape.ndims is not None:
                size = self._size if isinstance(self._size, int) else None
                found.set_shape([size, *shape.as_list()])
            return self._with(found)
        if place in self._written:
            raise InvalidArgumentError(
                f"The entry {place} of the tf.TensorArray has already been written to."
            )
        size = max(self._size, place + 1) if isinstance(self._size, int) else self._size
        return self._with(None, {**self._written, place: value}, size)

    def _of_numbers(self, value: Any) -> str | None:
        known = isinstance(value, Node) or ops.is_tensor(value)
        return None if known else self._dtype

    def read(self, index: Any, name: str | None = None) -> Any:
        """The entry at `index`."""
        place = self._placed(index)
        if place is None:
            return _read(self._all(), index)
        if place in self._written:
            return self._written[place]
        if self._shape is None or None in self._shape:
            raise InvalidArgumentError(
                f"The entry {place} of the tf.TensorArray has not been written to."
            )
        return _sizes.zeros(self._shape, self._dtype)

    def stack(self, name: str | None = None) -> Any:
        """All entries, along a new first axis."""
        return self._all()

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """The entries at `indices`, along a new first axis."""
        return _read(self._all(), indices)

    def concat(self, name: str | None = None) -> Any:
        """All entries, one after the other along their first axis."""
        if self._entries is None and len(self._written) == self._size:
            return _arrays.concat([self._written[i] for i in range(self._size)], 0)
        return _joined(self._all())

    def unstack(self, value: Any, name: str | None = None) -> "TensorArray":
        """An array of the rows of `value`."""
        value = _sizes.convert_to_tensor(value, self._of_numbers(value))
        count = value.shape[0]
        count = getattr(count, "value", count)
        return self._with(value, size=_sizes.shape(value)[0] if count is None else int(count))

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> "TensorArray":
        """This array with the rows of `value` at `indices`."""
        value = _sizes.convert_to_tensor(value, self._of_numbers(value))
        return self._with(_write(self._all(), indices, value, self._size))

    def __repr__(self) -> str:
        return f"<tf.TensorArray size={self._size} dtype={self._dtype}>"


def _index(index: Any) -> Any:
    """A Python int where that is known."""
    if isinstance(index, Node):
        return int(index.concrete()) if index.known else index
    return int(index) if isinstance(index, int | np.integer) else index
