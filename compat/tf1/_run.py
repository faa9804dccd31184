"""Runs of a graph: which operations run, in which order, and how each is computed.

A run executes the ancestors of what is fetched, by data and by control edges, each once. Where
no edge says otherwise, what reads comes before what writes, and writes come in the order in which
the program made them.

A variable is read when the operation that consumes it runs, as TF1's reference variables are: a
`tf.identity` of it, and the result of an assignment, show what the variable holds then.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from portable_losses import _backend

from .._dispatch import computing, drawing
from . import _infer
from ._computed import GATHERS, Computed, as_numpy
from ._graph import Node, Operation
from ._tensors import without_padding, zeros_where
from .errors import InaccessibleTensorError, InvalidArgumentError, carry_notes


class Ref:
    """The value of an alias of a variable: what the variable holds when it is consumed."""

    def __init__(self, variable: Any):
        self.variable = variable


class Plan:
    """The operations of a run, in order."""

    def __init__(
        self,
        fetches: Iterable[Node | Operation],
        fed: Sequence[Node] = (),
        frozen: bool = False,
        block: Any = None,
    ):
        """`frozen`: nothing is written, and what is written is not computed. `block`: the branch
        or loop that is planned; what lies outside of it is there already."""
        self.fed, self.frozen, self.block = set(fed), frozen, block
        fetched = list(fetches)
        self.inside: set[Operation] = set()
        self.outside: list[Node | Operation] = []
        waiting = [f for f in fetched if self._waits_for(f)]
        edges: dict[Operation, list[Operation]] = {}
        ops = [f if isinstance(f, Operation) else f.op for f in waiting]
        while ops:
            op = ops.pop()
            if op not in edges:
                edges[op] = list(self._before(op))
                ops.extend(edges[op])
        self.operations = _ordered(edges)
        self.variables = self._touched(reads=True)
        self.written = [] if frozen else self._touched(reads=False)
        self.random = [op for op in self._all() if getattr(op, "random", False)]
        self.record = {pair for op in self._all() for pair in getattr(op, "records", ())}

    def _waits_for(self, x: Node | Operation) -> bool:
        if isinstance(x, Node) and x in self.fed:
            return False
        op = x if isinstance(x, Operation) else x.op
        if op.block is self.block:
            return True
        if self.block is not None and op.block is not None and _within(op.block, self.block):
            raise _inaccessible(op)
        if self.block is None and op.block is not None:
            raise _inaccessible(op)
        self.outside.append(x)
        return False

    def _before(self, op: Operation) -> Iterable[Operation]:
        inputs = op.inputs
        if self.frozen and op.writes and hasattr(op, "variable"):
            inputs = [op.variable]
        for node in op.skips_inputs(inputs) if hasattr(op, "skips_inputs") else inputs:
            if self._waits_for(node):
                yield node.op
        for other in op.needs()[len(op.inputs) :]:
            if self._waits_for(other):
                yield other

    def _all(self) -> Iterable[Operation]:
        """The operations, and those of the branches and loops among them."""
        for op in self.operations:
            yield op
            for plan in getattr(op, "plans", ()):
                yield from plan._all()

    def _touched(self, reads: bool) -> list[Any]:
        found: dict[Any, None] = {}
        for op in self._all():
            variable = getattr(op, "variable", None)
            if variable is not None and (reads or op.writes):
                found[variable] = None
                found.update(dict.fromkeys(getattr(op, "also_written", ())))
        return list(found)


def _within(block: Any, outer: Any) -> bool:
    while block is not None:
        if block is outer:
            return True
        block = block.parent
    return False


def _inaccessible(op: Operation) -> InaccessibleTensorError:
    return InaccessibleTensorError(
        f"Operation {op.name!r}, made at {op.where()}, belongs to a branch of tf.cond or to the "
        "body of a loop, and has no value outside of it. Return it from the branch.",
        op,
    )


def _ordered(edges: dict[Operation, list[Operation]]) -> list[Operation]:
    """After what they need; then what reads before what writes; then as they were made."""
    missing = {op: len(set(before)) for op, before in edges.items()}
    after: dict[Operation, list[Operation]] = {}
    for op, before in edges.items():
        for other in set(before):
            after.setdefault(other, []).append(op)

    def rank(op: Operation) -> tuple[bool, int, int, Operation]:
        return op.writes, op.index, id(op), op

    ready = [rank(op) for op, count in missing.items() if not count]
    heapq.heapify(ready)
    found = []
    while ready:
        op = heapq.heappop(ready)[-1]
        found.append(op)
        for other in after.get(op, ()):
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(ready, rank(other))
    return found


class Frame:
    """The values of one run, or of a branch, a turn of a loop or a gradient within it."""

    def __init__(
        self,
        store: Any,
        values: dict[Node, Any] | None = None,
        outer: "Frame | None" = None,
        frozen: bool = False,
    ):
        self.store, self.outer, self.frozen = store, outer, frozen
        self.values: dict[Node, Any] = dict(values or {})
        self.used: dict[tuple[Operation, Node], Any] = {}
        self.record: set[tuple[Operation, Node]] = set()
        self.shown: list[tuple[str, list[Any]]] = []
        self.seeds: Callable[[Operation], Any] | None = outer.seeds if outer else None
        self.differentiated: bool = outer.differentiated if outer else False

    def run(self, plan: Plan) -> "Frame":
        self.record = plan.record
        for op in plan.operations:
            self.compute(op)
        return self

    def compute(self, op: Operation) -> None:
        try:
            with computing(op.padded_ids):
                results = op.compute(self)
        except Exception as error:
            carry_notes(error)
            if not getattr(error, "_tf1", False):
                error.add_note(f"In the operation {op.name!r} ({op.type}), made at {op.where()}.")
                error._tf1 = True  # type: ignore[attr-defined]  # a mark of ours
            raise
        for node, value in zip(op.outputs, results, strict=True):
            self.values.setdefault(node, value)  # what is fed stays

    def show(self, message: str, values: list[Any]) -> None:
        """Print values where a run knows them; a compiled one hands them to the session."""
        if self.outer is not None:
            self.outer.show(message, values)
        else:
            self.shown.append((message, values))

    def raw(self, node: Node) -> Any:
        """The value, or the `Ref` of an alias of a variable."""
        frame: Frame | None = self
        while frame is not None:
            if node in frame.values:
                return frame.values[node]
            frame = frame.outer
        if node.known:
            return node.concrete()
        raise RuntimeError(f"{node!r} was not computed before it was needed.")

    def value(self, node: Node, op: Operation | None = None) -> Any:
        """The value that `op` consumes now."""
        found = self.raw(node)
        if isinstance(found, Ref):
            found = self.store.read(found.variable)
        if op is not None and (op, node) in self.record:
            self.used[op, node] = found
        return found

    def call(self, op: Computed) -> list[Any]:
        """The results of a function of nodes."""
        if op.old_name in GATHERS and op.inputs:
            rows = self._rows(op)
            if rows is not None:
                return [rows]
        if op.old_name in _infer.OF_SHAPE:
            x = self.value(op.inputs[0], op) if op.inputs else op.args[0]
            shape = tuple(x.shape)
            if None not in shape:
                return [_infer.OF_SHAPE[op.old_name](shape)]
        elif op.pure and not op.inputs:
            return op.constants()
        elif op.pure and all(is_known(self.raw(node)) for node in op.inputs):
            with _backend.at_once():
                return [as_numpy(x) for x in self._results(op)]
        return self._results(op)

    def _results(self, op: Computed) -> list[Any]:
        def value(x: Any) -> Any:
            return self.value(x, op) if isinstance(x, Node) else x

        args, kwargs = _infer.replace((op.args, op.kwargs), value)
        if op.random and self.seeds is not None:
            with drawing(self.seeds(op)):
                found = op.function(*args, **kwargs)
        else:
            found = op.function(*args, **kwargs)
        if len(op.outputs) == 1 and not isinstance(op.results, list | tuple | dict):
            if isinstance(found, list | tuple):  # a shape, of which not all is known
                found = keras.ops.convert_to_tensor(found)
            return [found]
        return _infer.leaves_of(found)

    def _rows(self, op: Computed) -> Any:
        """Rows of a variable, which is not read whole for them; None if `op` is no such gather."""
        table = self.raw(op.inputs[0])
        plain = len(op.args) == 2 and not set(op.kwargs) - {"name"}
        if not isinstance(table, Ref) or not plain or op.args[0] is not op.inputs[0]:
            return None
        if (op, op.inputs[0]) in self.record:  # a gradient asks for what the table was
            self.used[op, op.inputs[0]] = self.store.read(table.variable)
        rows = op.args[1]
        rows = self.value(rows, op) if isinstance(rows, Node) else rows
        return self.store.take_rows(table.variable, keras.ops.convert_to_tensor(rows))


def is_known(value: Any) -> bool:
    """Whether a value of a run is known while the program is compiled."""
    return isinstance(value, np.ndarray | np.generic)


class Values:
    """The variables of a session during a run, as the session keeps them."""

    def __init__(self, values: dict[Any, Any]):
        self.values = values

    def has(self, variable: Any) -> bool:
        return variable in self.values

    def _kept(self, variable: Any) -> Any:
        if variable not in self.values:
            raise variable.uninitialized()
        return self.values[variable]

    def read(self, variable: Any) -> Any:
        return _backend.value_of(self._kept(variable))

    def take_rows(self, variable: Any, rows: Any) -> Any:
        return take_rows(self._kept(variable), rows)

    def write(self, variable: Any, value: Any) -> None:
        self.values[variable] = _backend.with_value(self.values.get(variable), value)

    def add_rows(self, variable: Any, rows: Any, values: Any) -> None:
        self.values[variable] = _backend.with_rows(self._kept(variable), rows, values)


def take_rows(table: Any, rows: Any) -> Any:
    """`table[rows]`, for rows of any shape; 0 for rows that are padding. An index out of range is
    an error where it can be seen, and gives NaN in a compiled run."""
    dtype = str(keras.backend.standardize_dtype(rows.dtype))
    if "int" not in dtype:
        raise TypeError(f"Rows are taken by integers. Received: dtype {dtype}. Use tf.cast.")
    if dtype not in ("int32", "int64"):
        rows = keras.ops.cast(rows, "int32")
    flat = rows if len(rows.shape) == 1 else keras.ops.reshape(rows, (-1,))
    flat, absent = without_padding(flat)
    seen = _backend.concrete(flat)
    if seen is not None:
        wrong = seen[(seen < 0) | (seen >= table.shape[0])]
        if wrong.size:
            raise InvalidArgumentError(f"The index {wrong[0]} is not in [0, {table.shape[0]}).")
    found = _backend.take_rows(table, flat)
    checked = seen is not None or _backend.checks_rows()
    if not checked and "float" in str(keras.backend.standardize_dtype(found.dtype)):
        valid = keras.ops.logical_and(flat >= 0, flat < table.shape[0])
        valid = keras.ops.reshape(valid, (-1,) + (1,) * (len(table.shape) - 1))
        found = keras.ops.where(valid, found, float("nan"))
    found = zeros_where(absent, found)
    if len(rows.shape) == 1:
        return found
    return keras.ops.reshape(found, (*keras.ops.shape(rows), *table.shape[1:]))
