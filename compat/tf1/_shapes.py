"""Static shapes as TF1 code asks for them: `x.get_shape().as_list()`, `x.shape[1].value`."""

from collections.abc import Iterable, Iterator
from typing import Any


class Dimension(int):
    """A known dimension: an integer that also has `.value`."""

    @property
    def value(self) -> int:
        return int(self)

    def __repr__(self) -> str:
        return f"Dimension({int(self)})"

    def __str__(self) -> str:
        return str(int(self))


class UnknownDimension:
    """`Dimension(None)`: equal to None, and what is computed from it is unknown too."""

    value = None

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, UnknownDimension)

    def __hash__(self) -> int:
        return hash(None)

    def _unknown(self, *_: Any) -> "UnknownDimension":
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _unknown
    __floordiv__ = __rfloordiv__ = __mod__ = __truediv__ = _unknown

    def __int__(self) -> int:
        raise TypeError(
            "The dimension is not known before the graph runs. Use tf.shape(x)[i] in place of "
            "x.shape[i], or give the placeholder a full shape."
        )

    __index__ = __int__

    def __repr__(self) -> str:
        return "Dimension(None)"

    def __str__(self) -> str:
        return "?"


def dimension(value: Any) -> Dimension | UnknownDimension:
    """`tf.Dimension`."""
    known = getattr(value, "value", value)
    return UnknownDimension() if known is None else Dimension(known)


class TensorShape:
    """`tf.TensorShape`: dimensions, each of which may be unknown; None: any number of them."""

    def __init__(self, dims: Any = None):
        if isinstance(dims, TensorShape):
            dims = dims.dims
        elif dims is not None and not isinstance(dims, Iterable):
            dims = [dims]
        self.dims: tuple[Any, ...] | None = (
            None if dims is None else tuple(dimension(d) for d in dims)
        )

    @property
    def ndims(self) -> int | None:
        return None if self.dims is None else len(self.dims)

    rank = ndims

    def _known(self) -> tuple[Any, ...]:
        if self.dims is None:
            raise ValueError("The rank of the tensor is not known before the graph runs.")
        return self.dims

    def as_list(self) -> list[int | None]:
        return [d.value for d in self._known()]

    def is_fully_defined(self) -> bool:
        return self.dims is not None and None not in self.as_list()

    def num_elements(self) -> int | None:
        if not self.is_fully_defined():
            return None
        total = 1
        for d in self._known():
            total *= int(d)
        return total

    def is_compatible_with(self, other: Any) -> bool:
        other = TensorShape(other)
        if self.dims is None or other.dims is None:
            return True
        pairs = zip(self.as_list(), other.as_list(), strict=False)
        return len(self.dims) == len(other.dims) and all(a == b or None in (a, b) for a, b in pairs)

    def merge_with(self, other: Any) -> "TensorShape":
        other = TensorShape(other)
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are not compatible")
        if self.dims is None or other.dims is None:
            return other if self.dims is None else self
        pairs = zip(self.as_list(), other.as_list(), strict=True)
        return TensorShape([b if a is None else a for a, b in pairs])

    def assert_is_compatible_with(self, other: Any) -> None:
        self.merge_with(other)

    def assert_has_rank(self, rank: int) -> None:
        if self.ndims not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank(self, rank: int) -> "TensorShape":
        self.assert_has_rank(rank)
        return TensorShape([None] * rank) if self.dims is None else self

    def assert_is_fully_defined(self) -> None:
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def concatenate(self, other: Any) -> "TensorShape":
        other = TensorShape(other)
        if self.dims is None or other.dims is None:
            return TensorShape(None)
        return TensorShape([*self.dims, *other.dims])

    def __getitem__(self, key: Any) -> Any:
        found = self._known()[key]
        return TensorShape(found) if isinstance(key, slice) else found

    def __len__(self) -> int:
        return len(self._known())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._known())

    def __bool__(self) -> bool:
        return self.dims is not None

    def __eq__(self, other: object) -> bool:
        try:
            other = TensorShape(other)
        except TypeError:
            return NotImplemented
        return self.dims == other.dims

    def __hash__(self) -> int:
        return hash(self.dims)

    def __add__(self, other: Any) -> "TensorShape":
        return self.concatenate(other)

    def __str__(self) -> str:
        if self.dims is None:
            return "<unknown>"
        return "(" + ", ".join(map(str, self.dims)) + ("," if len(self.dims) == 1 else "") + ")"

    def __repr__(self) -> str:
        return f"TensorShape({None if self.dims is None else list(self.dims)})"


def shape_list(shape: Any) -> list[Any] | None:
    """What a user gave as a shape, as a list of ints and None; None where it is unknown."""
    return None if TensorShape(shape).dims is None else TensorShape(shape).as_list()


def static_value(tensor: Any, partial: bool = False) -> Any:
    """`tf.get_static_value`: the value of a node that is known without a run, or None."""
    return tensor.concrete() if getattr(tensor, "known", False) else None
