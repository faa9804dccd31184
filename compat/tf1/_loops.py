"""Loops: `tf.while_loop`, `tf.map_fn`, `tf.scan`, `tf.foldl`."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from portable_losses import _backend

from .. import _k_loops
from .._dispatch import current_graph, operation
from .._k_inputs import tensor
from . import _infer
from ._control import Block, Blocks, Branch
from ._graph import Graph, Node, Operation, get_default_graph
from ._run import Frame, Plan, is_known
from ._sources import as_node
from ._tensor_array import is_unwritten
from .errors import InvalidArgumentError

# JAX differentiates loops of a known number of turns.
NO_GRADIENT = keras.backend.backend() == "jax"
MOST_TURNS = 10_000  # that are counted before a run


class LoopVariable(Operation):
    """What a turn of a loop starts with."""

    def __init__(self, graph: Graph, views: Any, dtype: str):
        super().__init__(graph, "LoopVariable", None, ())
        self.give(views, dtype)

    def compute(self, frame: Any) -> list[Any]:
        raise InvalidArgumentError(f"{self.name!r} has no value outside of its loop.", self)


def _inner(graph: Graph, like: list[Node], element: bool = False) -> list[Node]:
    """Nodes for what a turn is given: values like these, or their elements."""
    with graph.inside(Block(graph)):
        return [LoopVariable(graph, _views(x, element), str(x.dtype)).outputs[0] for x in like]


def _views(node: Node, element: bool) -> Any:
    if node.shape.ndims is None or is_unwritten(node):
        return None
    sizes = node.shape.as_list()
    return _infer.views_of(sizes[1:] if element else sizes, str(node.dtype))


def _graph_of(nodes: Any) -> Graph:
    found = [x.graph for x in _infer.leaves_of(nodes) if isinstance(x, Node)]
    found = [graph for graph in found if not graph.floating]
    return found[0] if found else get_default_graph()


def _at_once(*given: Any) -> bool:
    """Whether a loop over these is computed as it stands: tensors; numbers, outside of a graph."""
    leaves = _infer.leaves_of(given)
    if any(isinstance(x, Node) for x in leaves):
        return False
    return any(ops.is_tensor(x) for x in leaves) or current_graph() is None


def _made_large(body: Callable[..., Any], start: Any) -> list[Any]:
    """What a loop starts with; a `tf.TensorArray` without entries gets the size that the first
    turn gives it, of which nothing else is used."""
    if not any(map(is_unwritten, start)):
        return list(start)
    return [
        ops.zeros_like(after) if is_unwritten(before) else before
        for before, after in zip(start, body(*start), strict=True)
    ]


def _like(value: Any, like: Any) -> Any:
    """In the dtype and, where it is known, the static shape that a loop carries."""
    return ops.cast(ops.convert_to_tensor(value), like.dtype)


class While(Blocks):
    def __init__(
        self, graph: Graph, given: list[Node], inner: list[Node], blocks: list[Block], limit: Any
    ):
        super().__init__(graph, "Exit", "Exit", given, blocks)
        self.given, self.inner, self.limit = given, inner, limit
        for start, end in zip(given, blocks[1].results, strict=True):
            same = start.shape == end.shape
            if is_unwritten(start):
                self.give(end.views, str(start.dtype))
                continue
            self.give(start.views if same else None, str(start.dtype))

    def compute(self, frame: Frame) -> list[Any]:
        written, count = self.written_now(frame), len(self.given)
        start = [ops.convert_to_tensor(frame.value(x, self)) for x in self.given]
        start += [frame.store.read(v) for v in written]

        def turn(carried: Any) -> tuple[Branch, dict[Node, Any]]:
            store = Branch(frame.store, dict(zip(written, carried[count:], strict=True)))
            return store, dict(zip(self.inner, carried[:count], strict=True))

        def goes_on(*carried: Any) -> Any:
            store, values = turn(carried)
            (found,) = self.blocks[0].run(frame, store, values)
            return ops.reshape(ops.cast(found, "bool"), ())

        def body(*carried: Any) -> Any:
            store, values = turn(carried)
            found = self.blocks[1].run(frame, store, values)
            found = found + [store.read(v) for v in written]
            return tuple(_like(x, before) for x, before in zip(found, carried, strict=True))

        start = _made_large(body, start)
        if frame.differentiated and NO_GRADIENT:
            found = self._by_scan(frame, goes_on, body, tuple(start))
        else:
            found = ops.while_loop(goes_on, body, tuple(start), maximum_iterations=self.limit)
        for variable, value in zip(written, found[count:], strict=True):
            frame.store.write(variable, value)
        return list(found[:count])

    def _by_scan(self, frame: Frame, goes_on: Any, body: Any, start: tuple[Any, ...]) -> Any:
        """The loop in a form of which JAX has a gradient."""
        turns = self._known_turns(frame)
        if turns is not None:
            return ops.scan(lambda carry, _: (body(*carry), None), start, length=turns)[0]
        if self.limit is not None:
            return bounded(goes_on, body, start, int(self.limit))
        raise NotImplementedError(
            f"JAX has no gradient of a loop whose number of turns depends on values, and "
            f"tf.gradients goes through {self.name!r}, made at {self.where()}. Give "
            "tf.while_loop a number as maximum_iterations, or use tf.scan, tf.foldl or tf.map_fn."
        )

    def _known_turns(self, frame: Frame) -> int | None:
        """How often the loop turns, where that depends on no value of this run: `i < 10`."""
        test, block = self.blocks
        places = self._counters()
        given = {self.inner[i]: frame.raw(self.given[i]) for i in places}
        if not all(map(is_known, given.values())):
            return None
        plan = Plan([block.results[i] for i in places], block.given, True, block)
        limit = MOST_TURNS if self.limit is None else int(self.limit)
        for turns in range(limit + 1):
            try:
                (found,) = test.run(frame, frame.store, given)
                if not is_known(found):
                    return None
                if not found or turns == self.limit:
                    return turns
                inner = Frame(frame.store, given, frame, True).run(plan)
            except RuntimeError:  # it needs what else the loop carries
                return None
            given = {self.inner[i]: inner.value(block.results[i]) for i in places}
        return None

    def _counters(self) -> list[int]:
        """The loop variables that the test depends on, through the turns before too."""
        test, block = self.blocks
        found: set[int] = set()
        waiting = list(test.plan(True).operations)
        while waiting:
            for node in waiting.pop().inputs:
                for i, variable in enumerate(self.inner):
                    if node is variable and i not in found:
                        found.add(i)
                        plan = Plan([block.results[i]], block.given, True, block)
                        waiting += plan.operations
        return sorted(found)


def bounded(goes_on: Any, body: Any, start: tuple[Any, ...], limit: int) -> Any:
    """A loop of `limit` turns, of which those after its end change nothing: with a gradient."""

    def turn(carry: Any, _: Any) -> Any:
        test = ops.reshape(ops.cast(goes_on(*carry), "bool"), ())
        return ops.cond(test, lambda: tuple(body(*carry)), lambda: carry), None

    return ops.scan(turn, start, length=limit)[0]


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """`tf.while_loop`. What a loop carries keeps its shape. On JAX it has a gradient where the
    number of turns is known, as of `i < 10`, or `maximum_iterations` bounds it."""
    single = not isinstance(loop_vars, list | tuple)
    if _at_once(loop_vars):
        structure = _infer.replace([loop_vars] if single else list(loop_vars), tensor)
        limit = maximum_iterations

        def put(values: Any) -> Any:
            each = iter(values)
            return _infer.replace(structure, lambda _: next(each))

        def goes_on(*values: Any) -> Any:
            return cond(*put(values))

        def turn(*values: Any) -> Any:
            return tuple(_infer.leaves_of(_as_list(body(*put(values)))))

        start = tuple(_made_large(turn, _infer.leaves_of(structure)))
        if NO_GRADIENT and isinstance(limit, int) and any(map(_backend.is_traced, start)):
            found = bounded(goes_on, turn, start, limit)
        else:
            found = ops.while_loop(goes_on, turn, start, maximum_iterations=limit)
        found = put(found)
        return found[0] if single or (len(found) == 1 and not return_same_structure) else found
    graph = _graph_of(loop_vars)
    structure = [loop_vars] if single else list(loop_vars)
    structure = _infer.replace(structure, lambda x: as_node(x, graph))
    given = _infer.leaves_of(structure)
    with graph.name_scope(name or "while"):
        inner = _inner(graph, given)
        test, block = Block(graph, inner), Block(graph, inner)

        def nodes() -> Any:
            each = iter(inner)
            return _infer.replace(structure, lambda _: next(each))

        block.trace(lambda: _as_list(body(*nodes())))
        if len(block.results) != len(given):
            raise ValueError(
                f"tf.while_loop: the body returns {len(block.results)} values for "
                f"{len(given)} loop variables."
            )
        test.trace(lambda: cond(*nodes()))
        loop = While(graph, given, inner, [test, block], maximum_iterations)
    outputs = iter(loop.outputs)
    found = _infer.replace(structure, lambda _: next(outputs))
    return found[0] if single or (len(found) == 1 and not return_same_structure) else found


def _as_list(x: Any) -> Any:
    return list(x) if isinstance(x, list | tuple) else [x]


class Turns(Blocks):
    """A block for each element along the first axis, one after the other."""

    def __init__(
        self,
        graph: Graph,
        kind: str,
        elements: list[Node],
        start: list[Node],
        inner: tuple[list[Node], list[Node]],
        block: Block,
        reverse: bool = False,
        last: bool = False,
    ):
        super().__init__(graph, kind, kind, (elements, start), [block])
        self.elements, self.start, self.inner = elements, start, inner
        self.reverse, self.last = reverse, last
        sizes = elements[0].shape
        for node in block.results:
            if last:
                self.give(node.views, str(node.dtype))
            elif node.shape.ndims is None or sizes.ndims is None:
                self.give(None, str(node.dtype))
            else:
                shape = [sizes[0].value, *node.shape.as_list()]
                self.give(_infer.views_of(shape, str(node.dtype)))

    def compute(self, frame: Frame) -> list[Any]:
        written, count = self.written_now(frame), len(self.start)
        carried = [ops.convert_to_tensor(frame.value(x, self)) for x in self.start]
        carried += [frame.store.read(v) for v in written]
        xs = [ops.convert_to_tensor(frame.value(x, self)) for x in self.elements]
        outer, inner = self.inner

        def turn(carry: Any, x: Any) -> list[Any]:
            store = Branch(frame.store, dict(zip(written, carry[count:], strict=False)))
            values = dict(zip(outer, carry[:count], strict=True))
            values |= dict(zip(inner, x, strict=True))
            found = [ops.convert_to_tensor(v) for v in self.blocks[0].run(frame, store, values)]
            if count:
                found = [_like(v, like) for v, like in zip(found, carry, strict=False)]
            wrote = [store.read(v) for v in written]
            return found + wrote if count else wrote + found

        if not count:  # Keras' scan stacks what it carries, on TensorFlow at least
            carried += [
                ops.zeros_like(v) for v in turn(carried, [x[0] for x in xs])[len(written) :]
            ]

        def step(carry: Any, x: Any) -> Any:
            after = turn(carry, x)
            return after, after

        ends, stacked = ops.scan(step, carried, xs, reverse=self.reverse)
        for variable, value in zip(written, ends[count:], strict=False):
            frame.store.write(variable, value)
        results = ends if self.last else stacked
        return list(results[:count] if count else results[len(written) :])


def _turns(
    kind: str, fn: Any, elems: Any, initializer: Any, reverse: bool, last: bool, name: str | None
) -> Any:
    graph = _graph_of((elems, initializer))
    elems = _infer.replace(elems, lambda x: as_node(x, graph))
    carries = kind != "map"
    if carries and initializer is None:  # the first element is what it starts with
        first = _infer.replace(elems, lambda x: x[-1] if reverse else x[0])
        rest = _infer.replace(elems, lambda x: x[:-1] if reverse else x[1:])
        found = _turns(kind, fn, rest, first, reverse, last, name)
        return found if last else _joined(first, found, reverse)
    initializer = _infer.replace(initializer if carries else [], lambda x: as_node(x, graph))
    elements, start = _infer.leaves_of(elems), _infer.leaves_of(initializer)
    with graph.name_scope(name or kind):
        outer, inner = _inner(graph, start), _inner(graph, elements, element=True)
        block = Block(graph, outer + inner)
        carried, each = iter(outer), iter(inner)
        given = [_infer.replace(initializer, lambda _: next(carried))] if carries else []
        given.append(_infer.replace(elems, lambda _: next(each)))
        block.trace(lambda: fn(*given))
        if carries and len(block.results) != len(start):
            raise ValueError(
                f"tf.{kind}: fn returns {len(block.results)} values for {len(start)} carried ones."
            )
        turns = Turns(graph, kind, elements, start, (outer, inner), block, reverse, last)
    outputs = iter(turns.outputs)
    return _infer.replace(block.structure, lambda _: next(outputs))


def _joined(first: Any, rest: Any, reverse: bool) -> Any:
    ends, others = _infer.leaves_of(first), iter(_infer.leaves_of(rest))

    found = iter([_join(end, next(others), reverse) for end in ends])
    return _infer.replace(rest, lambda _: next(found))


@operation("tf.scan.join")
def _join(end: Any, rest: Any, last: bool) -> Any:
    end = ops.expand_dims(end, 0)
    return ops.concatenate([rest, end] if last else [end, rest], axis=0)


def map_fn(
    fn: Callable[..., Any],
    elems: Any,
    dtype: Any = None,
    *_: Any,
    name: str | None = None,
    **__: Any,
) -> Any:
    """`tf.map_fn`: `fn` of each element along the first axis."""
    if _at_once(elems):
        return _k_loops.map_fn(fn, elems, dtype=dtype)
    return _turns("map", fn, elems, None, False, False, name)


def scan(
    fn: Callable[..., Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.scan`: `fn(accumulated, element)` along the first axis, all of its results."""
    if _at_once(elems, initializer):
        return _k_loops.scan(fn, elems, initializer, reverse)
    return _turns("scan", fn, elems, initializer, reverse, False, name)


def foldl(
    fn: Callable[..., Any],
    elems: Any,
    initializer: Any = None,
    *_: Any,
    name: Any = None,
    **__: Any,
) -> Any:
    """`tf.foldl`: `fn(accumulated, element)` along the first axis, the last of its results."""
    if _at_once(elems, initializer):
        return _k_loops.foldl(fn, elems, initializer)
    return _turns("foldl", fn, elems, initializer, False, True, name)


def foldr(
    fn: Callable[..., Any],
    elems: Any,
    initializer: Any = None,
    *_: Any,
    name: Any = None,
    **__: Any,
) -> Any:
    """`tf.foldr`: as `tf.foldl`, from the last element to the first."""
    if _at_once(elems, initializer):
        return _k_loops.foldr(fn, elems, initializer)
    return _turns("foldr", fn, elems, initializer, True, True, name)
