"""`tf.gradients`: the backend's own gradient of the part of the graph between `xs` and `ys`.

That part is computed again under the backend's differentiation, from the values that it consumed
in the run: a variable that was written since counts with what it held then.
"""

from typing import Any

from keras import ops

from portable_losses import _backend

from . import _infer
from ._computed import GATHERS, Computed
from ._graph import Graph, Node, Operation, get_default_graph
from ._run import Frame, Ref
from ._sources import Identity, as_node
from ._variables import Write

_STOPS = {"tf.stop_gradient", "K.stop_gradient", "tf.one_hot", "tf.argmax", "tf.sign", "tf.round"}
# Whose gradient needs no value, and whose needs the arguments but not the result: TF1 then runs
# no more than that, so that a control dependency of the loss alone does not hold for a gradient.
_NEED_NOTHING = {
    f"tf.{name}"
    for name in (
        "add add_n subtract negative reduce_sum reduce_mean reshape expand_dims squeeze transpose "
        "concat stack cast to_float Tensor.add Tensor.sub Tensor.neg"
    ).split()
}
_NEED_ARGUMENTS = {
    f"tf.{name}"
    for name in (
        "square nn.l2_loss multiply divide truediv div matmul pow log abs maximum minimum gather "
        "squared_difference Tensor.mul Tensor.truediv Tensor.matmul Tensor.pow"
    ).split()
}


class Path:
    """The operations between `xs` and `ys`, in order, and what reaches where."""

    def __init__(self, ys: list[Node], xs: list[Node]):
        needed: set[Operation] = set()
        waiting = [y.op for y in ys]
        while waiting:
            op = waiting.pop()
            if op not in needed and not isinstance(op, Write):
                needed.add(op)
                waiting.extend(node.op for node in op.inputs)
        self.reached: set[Node] = set(xs)
        self.operations: list[Operation] = []
        for op in sorted(needed, key=lambda op: op.index):
            name = op.old_name if isinstance(op, Computed) else ""
            if name in _STOPS or not any(node in self.reached for node in op.inputs):
                continue
            floats = [node for node in op.outputs if node.dtype.is_floating]
            if floats:
                self.operations.append(op)
                self.reached.update(floats)
        useful: set[Node] = set(ys)
        for op in reversed(self.operations):
            if any(node in useful for node in op.outputs):
                useful.update(op.inputs)
        self.operations = [
            op for op in self.operations if any(node in useful for node in op.outputs)
        ]
        self.connected = [x in useful and any(y in self.reached for y in ys) for x in xs]

    def needs(self) -> list[Node]:
        """The nodes whose values TF1's gradient, and this one, are computed from."""
        found: list[Node] = []
        for op in self.operations:
            name = op.old_name if isinstance(op, Computed) else ""
            linear = name in _NEED_NOTHING or isinstance(op, Identity)
            others = [node for node in op.inputs if node not in self.reached]
            if linear:
                found += others
            elif name in _NEED_ARGUMENTS:
                found += op.inputs
            else:
                found += [*op.inputs, *op.outputs]
        return found


class Again(Frame):
    """The values of a path that is computed again, with other values of `xs`. Those that the path
    itself computes are moved by `shifts`, so that their own part counts and that of others."""

    def __init__(self, outer: Frame, xs: dict[Node, Any], shifts: dict[Node, Any]):
        super().__init__(outer.store, xs, outer, frozen=True)  # what was written stays as it is
        self.shifts = shifts
        self.record = outer.record
        self.differentiated = True

    def value(self, node: Node, op: Operation | None = None) -> Any:
        if node not in self.values and op is not None:
            frame: Frame | None = self.outer
            while frame is not None:  # what it consumed then, whatever was written since
                if (op, node) in frame.used:
                    self.used[op, node] = frame.used[op, node]
                    return self.used[op, node]
                frame = frame.outer
        return super().value(node, op)

    def compute(self, op: Operation) -> None:
        super().compute(op)
        for node in op.outputs:
            if node in self.shifts:
                self.values[node] = self.values[node] + self.shifts[node]


class Gradient(Operation):
    def __init__(
        self, graph: Graph, ys: list[Node], xs: list[Node], grad_ys: list[Any], name: str | None
    ):
        path = Path(ys, xs)
        self.path, self.ys = path, [y for y in ys if y in path.reached]
        self.connected = path.connected
        self.xs = [x for x, there in zip(xs, path.connected, strict=True) if there]
        slopes = [g for y, g in zip(ys, grad_ys, strict=True) if y in path.reached]
        super().__init__(graph, "gradients", name or "gradients", (self.xs, slopes, path.needs()))
        self.slopes = slopes
        computed = {node for op in path.operations for node in op.outputs}
        self.shifted = [x in computed for x in self.xs]
        self.records = {(op, node) for op in path.operations for node in op.inputs}
        for x in self.xs:
            self.give(x.views, str(x.dtype))

    def compute(self, frame: Frame) -> list[Any]:
        slopes = [None if g is None else frame.value(g, self) for g in self.slopes]

        def objective(*xs: Any) -> Any:
            given = list(zip(self.xs, xs, self.shifted, strict=True))
            fixed = {node: x for node, x, shifted in given if not shifted}
            again = Again(frame, fixed, {node: x for node, x, shifted in given if shifted})
            for op in self.path.operations:
                again.compute(op)
            total = 0.0
            for y, slope in zip(self.ys, slopes, strict=True):
                value = again.value(y)
                weighted = value if slope is None else value * ops.stop_gradient(slope)
                total = total + ops.sum(weighted)
            return total

        start = [ops.convert_to_tensor(self._start(frame, x)) for x in self.xs]
        start = [
            ops.zeros_like(x) if shifted else x
            for x, shifted in zip(start, self.shifted, strict=True)
        ]
        return _backend.value_and_gradient(objective, start)[1]

    def rows_of(self, x: Node) -> list[Any] | None:
        """The rows that are read of a variable, if nothing else is read of it: TF1's gradient is
        then `IndexedSlices`, and some optimizers leave the other rows alone."""
        aliases, rows = {x}, []
        for op in self.path.operations:
            if not aliases.isdisjoint(op.inputs):
                if isinstance(op, Identity):
                    aliases.update(op.outputs)
                elif isinstance(op, Computed) and op.old_name in GATHERS and len(op.args) == 2:
                    rows.append(op.args[1])
                else:
                    return None
        return rows or None

    def _start(self, frame: Frame, x: Node) -> Any:
        """The value of `x` that the path consumed."""
        if isinstance(frame.raw(x), Ref):
            aliases = {x}
            for op in self.path.operations:
                if isinstance(op, Identity) and op.inputs[0] in aliases:
                    aliases.update(op.outputs)
                for node in aliases.intersection(op.inputs):
                    if (op, node) in frame.used:
                        return frame.used[op, node]
        return frame.value(x, self)


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = None,
) -> list[Any]:
    """`tf.gradients`: the gradients of the sum of `ys` by each of `xs`; None where `ys` do not
    depend on it. They are dense, where TF1 gives `IndexedSlices` for rows of a variable."""
    nodes = [x for x in _infer.leaves_of([ys, xs]) if isinstance(x, Node)]
    graph = nodes[0].graph if nodes else get_default_graph()
    outputs = [as_node(y, graph) for y in _flat(ys)]
    inputs = [as_node(x, graph) for x in _flat(xs)]
    slopes = [None if g is None else as_node(g, graph) for g in _flat(grad_ys)]
    slopes += [None] * (len(outputs) - len(slopes))
    for x in inputs:
        if not x.dtype.is_floating:
            raise TypeError(
                f"tf.gradients by {x!r}: only floats have gradients. Made at {x.op.where()}."
            )
    if stop_gradients is not None:
        raise NotImplementedError("tf.gradients(stop_gradients=...): use tf.stop_gradient.")
    with graph.control_dependencies(None):
        gradient = Gradient(graph, outputs, inputs, slopes, name)
    found = iter(gradient.outputs)
    zero = str(getattr(unconnected_gradients, "value", unconnected_gradients)) == "zero"
    return [
        next(found) if there else (x * 0 if zero else None)
        for there, x in zip(gradient.connected, inputs, strict=True)
    ]


def _flat(x: Any) -> list[Any]:
    if x is None:
        return []
    return list(x) if isinstance(x, list | tuple) else [x]
