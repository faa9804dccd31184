"""Lists and tuples within each other: the backends' own trees take longer than a small program."""

from collections.abc import Iterator
from typing import Any


def leaves_of(structure: Any) -> Iterator[Any]:
    """What lists and tuples hold, in order."""
    for x in structure:
        if isinstance(x, list | tuple):
            yield from leaves_of(x)
        else:
            yield x


def filled(structure: Any, leaves: Iterator[Any]) -> Any:
    """The structure with other leaves."""
    if isinstance(structure, list | tuple):
        return [filled(x, leaves) for x in structure]
    return next(leaves)
