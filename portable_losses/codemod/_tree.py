"""Going through a tree and changing some of it. LibCST's own visitors make every node anew and call
two methods for each of its fields, which takes longer than all that the rules do."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import libcst as cst

# What holds layout alone, beside all that begins with "whitespace".
_LAYOUT = frozenset(
    "lpar rpar lbracket rbracket lbrace rbrace comma semicolon equal dot colon first_colon "
    "second_colon separator operator asynchronous trailing_comma leading_lines header footer "
    "lines_after_decorators trailing_whitespace leading_whitespace indent newline star "
    "conversion start end relative".split()
)
# What a field may hold beside nodes and sequences of them.
_NO_NODE = {type(None), str, bool, cst.MaybeSentinel}
_fields: dict[type, tuple[str, ...]] = {}


def fields_of(node: cst.CSTNode) -> tuple[str, ...]:
    """The fields that hold code, in the order in which it is written."""
    kind = type(node)
    if kind not in _fields:
        order = _Order()
        node.visit(order)
        texts = {field.name for field in dataclasses.fields(node) if field.type in (str, bool)}
        # What is not there is not visited either: a format, which stands last.
        names = dict.fromkeys([*order.names, *(field.name for field in dataclasses.fields(node))])
        _fields[kind] = tuple(
            name
            for name in names
            if name not in _LAYOUT and name not in texts and not name.startswith("whitespace")
        )
    return _fields[kind]


class _Order(cst.CSTVisitor):
    """The fields of one node, as LibCST goes through them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        return not self.names

    def on_visit_attribute(self, node: cst.CSTNode, attribute: str) -> None:
        self.names.append(attribute)


def children(node: cst.CSTNode) -> Iterator[Any]:
    """The nodes right below one, layout left out."""
    for name in fields_of(node):
        value = getattr(node, name)
        kind = type(value)
        if kind is tuple or kind is list:
            yield from value
        elif kind not in _NO_NODE:
            yield value


def rebuilt(node: Any, paths: set[cst.CSTNode], change: Callable[[Any, Any], Any]) -> Any:
    """The tree with `change(old, new)` in place of each node in `paths`, which holds all that is
    above one too; `new` has what became of the nodes below. Everything else stays the node it was.
    """
    made: dict[str, Any] = {}
    for name in fields_of(node):
        value = getattr(node, name)
        kind = type(value)
        if kind is tuple or kind is list:
            if any(child in paths for child in value):
                made[name] = tuple(_sequence(value, paths, change))
        elif kind not in _NO_NODE and value in paths:
            made[name] = _single(node, name, rebuilt(value, paths, change))
    return change(node, node.with_changes(**made) if made else node)


def _sequence(
    nodes: Any, paths: set[cst.CSTNode], change: Callable[[Any, Any], Any]
) -> Iterator[cst.CSTNode]:
    for node in nodes:
        if node not in paths:
            yield node
            continue
        new = rebuilt(node, paths, change)
        if isinstance(new, cst.RemovalSentinel):
            continue
        for one in new if isinstance(new, cst.FlattenSentinel) else [new]:
            # A line whose statements are gone goes too.
            if not isinstance(one, cst.SimpleStatementLine) or one.body or not node.body:
                yield one


def _single(node: cst.CSTNode, name: str, new: Any) -> Any:
    if isinstance(new, cst.CSTNode):
        return new
    raise TypeError(f"`{name}` of a {type(node).__name__} holds one node. Received: {new!r}.")
