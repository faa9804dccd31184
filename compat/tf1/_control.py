"""Order and branches: `tf.control_dependencies`, `tf.group`, `tf.cond`, `tf.case`."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops

from portable_losses import _backend

from . import _infer
from ._graph import Graph, Node, Operation, get_default_graph
from ._run import Frame, Plan, is_known
from ._sources import Identity, NoOp, as_node, constant


@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """`tf.control_dependencies`: what is made within runs after `control_inputs`."""
    with get_default_graph().control_dependencies(control_inputs):
        yield


def group(*inputs: Any, **kwargs: Any) -> Operation:
    """`tf.group`: one operation that runs all of `inputs`."""
    name = kwargs.pop("name", None)
    flat = [x for x in _infer.leaves_of(list(inputs)) if isinstance(x, Node | Operation)]
    graph = flat[0].graph if flat else get_default_graph()
    found = [x if isinstance(x, Operation) else x.op for x in flat]
    return NoOp(graph, "group_deps", name or "group_deps", found)


def tuple_(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """`tf.tuple`: the tensors, each after all of them."""
    gate = group(*[x for x in tensors if x is not None], *(control_inputs or ()))
    return [
        None if x is None else Identity(gate.graph, as_node(x), None, [gate]).outputs[0]
        for x in tensors
    ]


def with_dependencies(dependencies: Any, output_tensor: Any, name: str | None = None) -> Any:
    """`control_flow_ops.with_dependencies`: the tensor, after the dependencies."""
    with control_dependencies(dependencies):
        node = as_node(output_tensor)
        return Identity(node.graph, node, name or "control_dependency").outputs[0]


class Block:
    """What a branch or the body of a loop is made of: the nodes it returns."""

    def __init__(self, graph: Graph, given: Any = ()):
        """`given`: nodes whose values whoever runs the block hands over."""
        self.graph, self.parent, self.given = graph, graph.block, given
        self.structure: Any = None
        self.results: list[Node] = []
        self._plans: dict[bool, Plan] = {}

    def trace(self, function: Callable[..., Any], *given: Any) -> "Block":
        """Build the block from a function of nodes."""
        with self.graph.inside(self):
            self.structure = _infer.replace(function(*given), self._result)
            self.results = _infer.leaves_of(self.structure)
        return self

    def _result(self, x: Any) -> Node:
        if x is None:
            raise ValueError("A branch or the body of a loop must return a value, not None.")
        if isinstance(x, Operation):  # an operation stands for a value that comes after it
            with self.graph.control_dependencies([x]):
                return identity_of(self.graph, constant(True))
        node = as_node(x, self.graph)
        # An alias made here reads a variable here.
        return identity_of(self.graph, node)

    def plan(self, frozen: bool) -> Plan:
        if frozen not in self._plans:
            self._plans[frozen] = Plan(self.results, self.given, frozen, self)
        return self._plans[frozen]

    def outside(self) -> tuple[list[Node], list[Operation]]:
        """The nodes and operations around that the block needs."""
        nodes: dict[Any, None] = {}
        for plan in (self.plan(False), self.plan(True)):
            nodes.update(dict.fromkeys(plan.outside))
        return (
            [x for x in nodes if isinstance(x, Node)],
            [x for x in nodes if isinstance(x, Operation)],
        )

    def run(self, frame: Frame, store: Any, values: dict[Node, Any] | None = None) -> list[Any]:
        plan = self.plan(frame.frozen)
        inner = Frame(store, values, frame, frame.frozen).run(plan)
        return [inner.value(node) for node in self.results]


def identity_of(graph: Graph, node: Node) -> Node:
    return Identity(graph, node).outputs[0]


class Branch:
    """The variables as a branch or a turn of a loop sees them: what it writes is handed back."""

    def __init__(self, store: Any, values: dict[Any, Any] | None = None):
        self.store = store
        self.values: dict[Any, Any] = dict(values or {})

    def has(self, variable: Any) -> bool:
        return variable in self.values or self.store.has(variable)

    def read(self, variable: Any) -> Any:
        return self.values[variable] if variable in self.values else self.store.read(variable)

    def take_rows(self, variable: Any, rows: Any) -> Any:
        if variable not in self.values:
            return self.store.take_rows(variable, rows)
        from ._run import take_rows

        return take_rows(self.values[variable], rows)

    def write(self, variable: Any, value: Any) -> None:
        self.values[variable] = value

    def add_rows(self, variable: Any, rows: Any, values: Any) -> None:
        self.values[variable] = _backend.with_rows_added(self.read(variable), rows, values)


class Blocks(Operation):
    """Abstract: an operation that runs blocks."""

    def __init__(self, graph: Graph, kind: str, name: str | None, given: Any, blocks: list[Block]):
        nodes: list[Node] = []
        control: list[Operation] = []
        for block in blocks:
            more, after = block.outside()
            nodes += more
            control += after
        super().__init__(graph, kind, name, (given, nodes), control)
        self.blocks = blocks
        self.plans = [block.plan(False) for block in blocks]
        self.written = list(dict.fromkeys(v for plan in self.plans for v in plan.written))
        self.writes = bool(self.written)

    def written_now(self, frame: Frame) -> list[Any]:
        return [] if frame.frozen else self.written


class Cond(Blocks):
    """One of two blocks."""

    def __init__(self, graph: Graph, pred: Node, blocks: list[Block], name: str | None):
        super().__init__(graph, "Merge", name, pred, blocks)
        self.pred = pred
        for one, other in zip(*[block.results for block in blocks], strict=True):
            if not _infer.agree(one.dtype, other.dtype):
                raise TypeError(
                    f"tf.cond: the branches return {one.dtype} and {other.dtype}. Both must be of "
                    "one dtype."
                )
            self.give(_merged(one, other), str(one.dtype))

    def compute(self, frame: Frame) -> list[Any]:
        pred = frame.value(self.pred, self)
        first, second = self.blocks
        if is_known(pred):
            return (first if pred else second).run(frame, frame.store)
        written = self.written_now(frame)

        def branch(block: Block) -> Callable[[], Any]:
            def run() -> Any:
                store = Branch(frame.store)
                values = [ops.convert_to_tensor(x) for x in block.run(frame, store)]
                return values + [store.read(v) for v in written]

            return run

        found = ops.cond(ops.reshape(ops.cast(pred, "bool"), ()), branch(first), branch(second))
        for variable, value in zip(written, found[len(self.outputs) :], strict=True):
            frame.store.write(variable, value)
        return list(found[: len(self.outputs)])


def _merged(one: Node, other: Node) -> Any:
    if one.shape.ndims is None or one.shape.ndims != other.shape.ndims:
        return None
    pairs = zip(one.shape.as_list(), other.shape.as_list(), strict=True)
    return _infer.views_of([a if a == b else None for a, b in pairs], str(one.dtype))


def cond(
    pred: Any,
    true_fn: Any = None,
    false_fn: Any = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Any = None,
    fn2: Any = None,
) -> Any:
    """`tf.cond`: one of two functions of no arguments. What they make runs only if it is their
    turn; what was made before runs always, as in TF1."""
    true_fn, false_fn = true_fn or fn1, false_fn or fn2
    if isinstance(pred, bool):
        raise TypeError("pred must not be a Python bool")
    if not isinstance(pred, Node | _backend.Variable) and keras.ops.is_tensor(pred):
        return ops.cond(pred, true_fn, false_fn)
    graph = pred.graph if isinstance(pred, Node) else get_default_graph()
    if getattr(graph, "floating", False):
        graph = get_default_graph()
    pred = as_node(pred, graph)
    with graph.name_scope(name or "cond"):
        blocks = [Block(graph).trace(function) for function in (true_fn, false_fn)]
        if _infer.form_of(blocks[0].structure) != _infer.form_of(blocks[1].structure):
            raise ValueError(
                "tf.cond: true_fn and false_fn must return values of the same structure. "
                f"Received: {blocks[0].structure} and {blocks[1].structure}."
            )
        merged = Cond(graph, pred, blocks, "Merge")
    outputs = iter(merged.outputs)
    found = _infer.replace(blocks[0].structure, lambda _: next(outputs))
    single = isinstance(found, list | tuple) and len(found) == 1 and not strict
    return found[0] if single else found


def case(
    pred_fn_pairs: Any,
    default: Any = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """`tf.case`: the function of the first predicate that holds, or `default`."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    if default is None:  # TF1 then runs the last, having asserted that one holds
        default = pairs.pop()[1]

    def chosen(rest: list[Any]) -> Any:
        if not rest:
            return default()
        (pred, function), *others = rest
        return cond(pred, function, lambda: chosen(others))

    with get_default_graph().name_scope(name):
        return chosen(pairs)
