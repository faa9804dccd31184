"""The faults of a function: each is one change of its tree, put in and taken out again.

A condition held true or false, or a part of an `and` or `or` left out; a statement left out; one
operand in place of both; a number that is one more; another text, or one text less among several; a
kind less in `isinstance`; another severity; nothing returned; a collection without an entry.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SEVERITIES = {"CHECK": "NOTE", "NOTE": "CHECK", "STOP": "CHECK"}
DISPLAYS = (ast.Tuple, ast.List, ast.Set)
LOGICAL = ("isinstance", "any", "all", "bool")
BOUNDS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


@dataclass(frozen=True)
class Slot:
    """A place in a tree that holds a node: a field, or a part of one."""

    owner: Any
    field: str
    place: int = -1

    @property
    def node(self) -> Any:
        value = getattr(self.owner, self.field)
        return value if self.place < 0 else value[self.place]

    def put(self, node: Any) -> None:
        if self.place < 0:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.place] = node


@dataclass(frozen=True)
class Fault:
    slot: Slot
    old: Any
    new: Any

    def put(self) -> None:
        self.slot.put(self.new)

    def take_out(self) -> None:
        self.slot.put(self.old)

    @property
    def lines(self) -> range:
        return range(self.old.lineno, self.old.end_lineno + 1)

    def __str__(self) -> str:
        return f"{_text(self.old)}  ->  {_text(self.new)}"


def _text(node: Any) -> str:
    lines = ast.unparse(node).splitlines()
    return lines[0] + (" ..." if len(lines) > 1 else "")


def slots(node: ast.AST) -> Iterator[Slot]:
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            yield from (Slot(node, field, i) for i, v in enumerate(value) if isinstance(v, ast.AST))
        elif isinstance(value, ast.AST):
            yield Slot(node, field)


def faults(function: ast.FunctionDef) -> list[Fault]:
    found: dict[tuple[int, str], Fault] = {}
    names = (n for n in ast.walk(function) if isinstance(n, ast.Name))
    bound = [name.id for name in names if isinstance(name.ctx, ast.Store)]
    last = {
        id(n)
        for loop in ast.walk(function)
        if isinstance(loop, ast.For | ast.While)
        for n in _ends(loop.body)
    }
    for place in range(len(function.body)):
        for fault in _within(Slot(function, "body", place), bound):
            if id(fault.old) not in last and ast.dump(fault.old) != ast.dump(fault.new):
                found.setdefault((id(fault.old), ast.dump(fault.new)), fault)
    return list(found.values())


def _ends(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Each `continue` after which nothing follows."""
    match body[-1:]:
        case [ast.Continue() as end]:
            yield end
        case [ast.If() as branches]:
            yield from _ends(branches.body)
            yield from _ends(branches.orelse)


def _within(slot: Slot, bound: list[str]) -> Iterator[Fault]:
    node = slot.node
    if isinstance(node, ast.Assert | ast.arguments) or _is_text(node):
        return  # told to the type checker, or to a reader
    yield from _of_one(slot, bound)
    for inner in slots(node):
        if inner.field in ("annotation", "returns", "decorator_list", "ctx", "op", "ops"):
            continue
        yield from _within(inner, bound)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _of_one(slot: Slot, bound: list[str]) -> Iterator[Fault]:
    node, owner = slot.node, slot.owner
    yield from (Fault(slot, node, new) for new in _other_values(node, owner))
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            yield from _truths(Slot(node, "test"))
        case ast.comprehension():
            for place in range(len(node.ifs)):
                yield from _truths(Slot(node, "ifs", place))
        case ast.Call(func=ast.Name(id="any" | "all"), args=[ast.GeneratorExp() as each]):
            yield from _truths(Slot(each, "elt"))
        case ast.BoolOp() if not _is_test(slot):
            yield from _parts(slot)
        case ast.Return(value=value) | ast.Assign(value=value) if _is_logical(value):
            yield from _truths(Slot(node, "value"))
    if isinstance(node, ast.stmt) and _may_go(node, bound):
        yield Fault(slot, node, ast.Pass())


def _truths(slot: Slot, wanted: tuple[bool, ...] = (True, False)) -> Iterator[Fault]:
    """A condition held true or false; only what no fault in a part of it already is."""
    node = slot.node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from _truths(Slot(node, "operand"), tuple(not one for one in wanted))
        return
    if isinstance(node, ast.BoolOp):
        neutral = isinstance(node.op, ast.And)
        wanted = tuple(one for one in wanted if one is not neutral)
        for place in range(len(node.values)):
            yield from _truths(Slot(node, "values", place), (neutral,))
    yield from (Fault(slot, node, ast.Constant(one)) for one in wanted)


def _parts(slot: Slot) -> Iterator[Fault]:
    """A part of a value left out, but for `or ""`, which the type checker asks for."""
    node = slot.node
    if _is_logical(node):
        return
    for place, part in enumerate(node.values):
        rest = node.values[:place] + node.values[place + 1 :]
        empty = isinstance(part, ast.Constant | ast.Tuple | ast.Dict)
        if not empty or not place:
            yield Fault(slot, node, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))


def _is_test(slot: Slot) -> bool:
    """Whether `_truths` has seen it."""
    return slot.field in ("test", "ifs", "elt") or isinstance(slot.owner, ast.BoolOp | ast.UnaryOp)


def _is_logical(node: ast.AST | None) -> bool:
    if isinstance(node, ast.BoolOp):
        return all(_is_logical(part) for part in node.values)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in LOGICAL
    not_ = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return isinstance(node, ast.Compare) or not_


def _may_go(node: ast.stmt, bound: list[str]) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
        # Without its only value a name is none.
        return not all(bound.count(name) == 1 for name in names)
    if ast.unparse(node).startswith("super("):
        return False  # a function without it could not stand in for one with it
    kinds = (ast.Expr, ast.AugAssign, ast.Continue, ast.Break, ast.Raise, ast.Delete)
    return isinstance(node, kinds)


def _other_values(node: ast.AST, owner: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool() as value) if isinstance(owner, ast.Return):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value):
            among = isinstance(owner, DISPLAYS) and len(owner.elts) > 1
            if value and " " not in value and not among and not isinstance(owner, ast.JoinedStr):
                yield ast.Constant(f"{value}_")
        case ast.Name(id=name, ctx=ast.Load()) if name in SEVERITIES:
            yield ast.Name(SEVERITIES[name], ast.Load())
        case ast.Return(value=ast.expr() as value) if not _is_plain(value):
            yield ast.Return(ast.Constant(None))
        case ast.Compare(ops=[op], left=left, comparators=right) if type(op) in BOUNDS:
            yield ast.Compare(left, [BOUNDS[type(op)]()], right)
        case ast.BinOp(left=left, right=right, op=op):
            yield left
            if isinstance(op, ast.BitOr | ast.BitAnd):
                yield right
        case ast.Tuple() | ast.List() | ast.Set() if _holds_names(node):
            for place in range(len(node.elts)):
                rest = node.elts[:place] + node.elts[place + 1 :]
                other = (
                    type(node)(rest) if isinstance(node, ast.Set) else type(node)(rest, node.ctx)
                )
                yield other


def _is_plain(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in (True, False, None, "")


def _holds_names(node: Any) -> bool:
    """A list of names in quotes, or of the module's own constants."""
    texts = [isinstance(e, ast.Constant) and isinstance(e.value, str) for e in node.elts]
    return len(texts) > 1 and all(texts)


def of_constants(module: ast.Module) -> Iterator[tuple[str, Fault]]:
    """The names that a module gives to collections, with one entry left out of each."""
    for node in module.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        value = node.value
        if isinstance(value, DISPLAYS):
            for place, entry in enumerate(value.elts):
                rest = value.elts[:place] + value.elts[place + 1 :]
                yield node.targets[0].id, _less(node, value, entry, rest)
        elif isinstance(value, ast.Dict):
            for place, entry in enumerate(value.keys):
                kept = ast.Dict(
                    value.keys[:place] + value.keys[place + 1 :],
                    value.values[:place] + value.values[place + 1 :],
                )
                yield node.targets[0].id, Entry(Slot(node, "value"), value, kept, entry)


def _less(node: ast.Assign, value: Any, entry: ast.expr, rest: list[ast.expr]) -> Fault:
    kept = ast.Set(rest) if isinstance(value, ast.Set) and rest else type(value)(rest, ast.Load())
    return Entry(Slot(node, "value"), value, kept, entry)


@dataclass(frozen=True)
class Entry(Fault):
    """A collection without one entry."""

    entry: Any

    @property
    def lines(self) -> range:
        return range(self.entry.lineno, self.entry.lineno + 1)

    def __str__(self) -> str:
        return f"{_text(self.entry)}  ->  left out"
