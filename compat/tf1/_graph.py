"""Graphs: operations, the tensors they give, their names, scopes and collections.

A node holds no value. `_run` computes nodes, in a session or in a `GraphLoss`.
"""

import contextlib
import linecache
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras

from .. import _dispatch
from .._dispatch import Deferred
from . import _infer
from ._dtypes import DType, as_dtype
from ._shapes import TensorShape
from .errors import OperatorNotAllowedInGraphError, closest

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OUTSIDE = os.path.dirname(os.path.abspath(keras.__file__))


def user_line() -> tuple[str, int]:
    """The line that the user's code is at: the first that is neither ours nor Keras'."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_HERE, _OUTSIDE)) and "/contextlib.py" not in file:
            return file, frame.f_lineno
        frame = frame.f_back
    return "?", 0


class Graph(Deferred):
    """`tf.Graph`: operations by name, collections, and the scopes that are open."""

    known = True

    def __init__(self) -> None:
        self.operations: dict[str, Operation] = {}
        self.collections: dict[str, list[Any]] = {}
        self.seed: int | None = None
        self.in_use = False  # a session was opened on it
        self.floating = False  # it holds one constant, made while no graph was being built
        self.variable_store: dict[str, Any] = {}
        self.captured: dict[int, Any] = {}
        self.weights: dict[str, Any] = {}  # variables of Keras that TF1 would have had here
        self.plans: dict[Any, Any] = {}
        self.programs: dict[Any, Any] = {}
        self.scope = ""
        self.control: tuple[Operation, ...] = ()
        self.block: Any = None
        self._taken: dict[str, int] = {}

    def defer(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return _computed(self, function, args, kwargs)

    def variable(self, variable: Any) -> Any:
        from ._variables import captured

        return captured(self, variable)

    @contextlib.contextmanager
    def as_default(self) -> Iterator["Graph"]:
        _stack.append(self)
        try:
            yield self
        finally:
            _stack.pop()

    def unique_name(self, name: str) -> str:
        """`name` in the scope that is open, with a number where it is taken, as TF counts."""
        if self.scope:
            name = f"{self.scope}/{name}"
        key = base = name.lower()
        count = self._taken.get(key, 0)
        self._taken[key] = count + 1
        if not count:
            return name
        while key in self._taken:
            key = f"{base}_{count}"
            count += 1
        self._taken[key] = 1
        return f"{name}_{count - 1}"

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        before = self.scope
        if not name:
            self.scope = ""
        elif name.endswith("/"):
            self.scope = name[:-1]  # a scope that was opened before
        else:
            self.scope = self.unique_name(name)
        try:
            yield f"{self.scope}/" if self.scope else ""
        finally:
            self.scope = before

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Any) -> Iterator[None]:
        before = self.control
        if control_inputs is None:
            self.control = ()
        else:
            found = [as_operation(x, self) for x in control_inputs]
            self.control = before + tuple(op for op in found if op is not None)
        try:
            yield
        finally:
            self.control = before

    @contextlib.contextmanager
    def inside(self, block: Any) -> Iterator[None]:
        """Operations made within belong to a branch or a loop; no edges lead into it."""
        before = self.block, self.control
        self.block, self.control = block, ()
        try:
            yield
        finally:
            self.block, self.control = before

    @contextlib.contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        yield

    colocate_with = device

    def add_to_collection(self, name: str, value: Any) -> None:
        self.collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        for name in [names] if isinstance(names, str) else names or ():
            self.add_to_collection(name, value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        found = list(self.collections.get(name, ()))
        if scope is None:
            return found
        return [x for x in found if re.match(scope, getattr(x, "name", ""))]

    def get_collection_ref(self, name: str) -> list[Any]:
        return self.collections.setdefault(name, [])

    def get_all_collection_keys(self) -> list[str]:
        return list(self.collections)

    def get_operations(self) -> list["Operation"]:
        return list(self.operations.values())

    def get_operation_by_name(self, name: str) -> "Operation":
        if name not in self.operations:
            raise KeyError(
                f"The name {name!r} refers to an Operation not in the graph."
                f"{closest(name, self.operations)}"
            )
        return self.operations[name]

    def get_tensor_by_name(self, name: str) -> "Node":
        op_name, colon, index = name.partition(":")
        if not colon or not index.isdigit():
            raise ValueError(
                f"The name {name!r} looks like an (invalid) Operation name, not a Tensor. Tensor "
                'names must be of the form "<op_name>:<output_index>".'
            )
        if op_name in self.weights and index == "0":
            from ._variables import captured

            return captured(self, self.weights[op_name], op_name)
        if op_name not in self.operations:
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. The operation, "
                f"{op_name!r}, does not exist in the graph.{closest(op_name, self.operations)}"
            )
        outputs = self.operations[op_name].outputs
        if int(index) >= len(outputs):
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. The operation, "
                f"{op_name!r}, exists but only has {len(outputs)} outputs."
            )
        return outputs[int(index)]

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        if isinstance(obj, str):
            if ":" in obj and allow_tensor:
                return self.get_tensor_by_name(obj)
            if allow_operation:
                return self.get_operation_by_name(obj)
            return self.get_tensor_by_name(obj)
        if isinstance(obj, Node | Operation):
            if obj.graph is not self:
                raise ValueError(f"{obj!r} is not an element of this graph.")
            return obj
        raise TypeError(f"Can not convert a {type(obj).__name__} into a Tensor or Operation.")

    def finalize(self) -> None:
        """Accepted; nothing is locked."""


class Operation:
    """`tf.Operation`: what a node is computed by. A subclass says how, in `compute(frame)`,
    which returns the values of its outputs."""

    writes: bool = False  # whether it changes a variable
    pure: bool = False  # whether the same arguments give the same result

    def __init__(
        self, graph: Graph, kind: str, name: str | None, arguments: Any, control: Any = ()
    ):
        self.graph, self.type = graph, kind
        self.line = user_line()
        self.inputs: list[Node] = [x for x in _infer.leaves_of(arguments) if isinstance(x, Node)]
        for node in self.inputs:
            require_same_graph(graph, node)
        self.control_inputs: list[Operation] = [*graph.control, *control]
        self.block = graph.block
        # Whether `tf.unique` may have padded what comes in; a loop hands it on unseen.
        self.padded: bool = self.block is not None or any(x.padded for x in self.inputs)
        self.padded_ids: bool = self.block is not None or any(
            x.padded and not x.dtype.is_floating for x in self.inputs
        )
        self.index = len(graph.operations)
        self.outputs: list[Tensor] = []
        if name and name.endswith("/"):
            self.name = name[:-1]
        else:
            self.name = graph.unique_name(name or kind)
        graph.operations[self.name] = self

    def compute(self, frame: Any) -> list[Any]:
        raise NotImplementedError

    def padded_at(self, index: int) -> bool:
        """Whether an output may hold what `tf.unique` pads with."""
        return self.padded

    def give(self, views: Any, dtype: str | None = None) -> "Tensor":
        """One more output, of which `views` are known, or its dtype alone."""
        tensor = Tensor(self, len(self.outputs), views)
        if views is None:
            tensor.unshaped = dtype or next((str(x.dtype) for x in self.inputs), "float32")
        self.outputs.append(tensor)
        return tensor

    def needs(self) -> list["Operation"]:
        """What must run before."""
        return [*(node.op for node in self.inputs), *self.control_inputs]

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        default_session(session, "run").run(self, feed_dict)

    def where(self) -> str:
        """The line of the user's code, for messages."""
        file, number = self.line
        code = linecache.getline(file, number).strip()
        return f"{file}:{number}" + (f": {code}" if code else "")

    def values(self) -> list["Tensor"]:
        return self.outputs

    @property
    def device(self) -> str:
        return ""

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self.type}>"


class Node(Deferred):
    """What has a value in a run: a tensor or a variable. Operators are set by `_operators`."""

    op: Operation
    index: int = 0
    views: Any = None
    unshaped: str = "float32"  # the dtype, where `views` are not known

    @property
    def padded(self) -> bool:
        return self.op.padded_at(self.index)

    @property
    def graph(self) -> Graph:
        return self.op.graph

    @property
    def name(self) -> str:
        return f"{self.op.name}:{self.index}"

    @property
    def dtype(self) -> DType:
        return as_dtype(self.unshaped if self.views is None else _infer.dtype_of(self.views[0]))

    @property
    def shape(self) -> TensorShape:
        return TensorShape(_infer.shape_of(self.views))

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape: Any) -> None:
        merged = self.shape.merge_with(shape)
        self.views = _infer.views_of(
            None if merged.dims is None else merged.as_list(), str(self.dtype)
        )

    @property
    def device(self) -> str:
        return ""

    def consumers(self) -> list[Operation]:
        return [op for op in self.graph.operations.values() if any(x is self for x in op.inputs)]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        return default_session(session, "eval").run(self, feed_dict)

    def defer(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return _computed(self.graph, function, args, kwargs)

    def variable(self, variable: Any) -> Any:
        return self.graph.variable(variable)

    def gradients(self, variables: Any) -> Any:
        from ._gradients import gradients

        return gradients(self, variables)

    def function(self, inputs: Any, outputs: Any, updates: Any) -> Callable[..., Any]:
        from ._session import graph_function

        return graph_function(self.graph, inputs, outputs, updates)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            f"{self!r} has no value before a run, and NumPy asked for it. Compute it with "
            f"session.run, or use the function of tf in place of NumPy's. Made at "
            f"{self.op.where()}."
        )

    def __bool__(self) -> bool:
        raise OperatorNotAllowedInGraphError(
            f"{self!r} has no value before a run, and Python asked whether it is true. Use "
            "tf.cond, tf.where or tf.logical_and. Made at " + self.op.where() + "."
        )

    def __iter__(self) -> Any:
        raise OperatorNotAllowedInGraphError(
            f"iterating over {self!r} is not allowed: its length is not known before a run. Use "
            "tf.unstack, tf.split or tf.map_fn. Made at " + self.op.where() + "."
        )

    def __len__(self) -> int:
        raise TypeError(f"len is not defined for {self!r}. Use x.shape[0] or tf.shape(x)[0].")


class Tensor(Node):
    """`tf.Tensor` of a graph."""

    def __init__(self, op: Operation, index: int, views: Any):
        self.op, self.index, self.views = op, index, views
        self.known = op.pure and all(node.known for node in op.inputs)

    def concrete(self) -> Any:
        return self.op.constants()[self.index]  # type: ignore[attr-defined]  # those of known value have it

    def __array__(self, *given: Any, **named: Any) -> Any:
        return self.concrete() if self.known else super().__array__(*given, **named)

    @property
    def value_index(self) -> int:
        return self.index

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={self.shape} dtype={self.dtype}>"


def _computed(graph: Graph, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    from ._computed import Computed

    return Computed(graph, function, args, kwargs).results


def require_same_graph(graph: Graph, node: Any) -> None:
    if node.graph is not graph and not (node.known and node.graph.floating):
        raise ValueError(
            f"{node!r} must be from the same graph as what it meets here. It was made at "
            f"{node.op.where()}, in another graph: tf.reset_default_graph or tf.Graph().as_default "
            "came in between."
        )


def as_operation(x: Any, graph: Graph) -> Operation | None:
    """The operation of a node; a plain tensor has none."""
    if isinstance(x, str):
        x = graph.as_graph_element(x)
    if isinstance(x, Operation):
        return x
    return x.op if isinstance(x, Node) else None


# The graph that is being built -----------------------------------------------------------------

_stack: list[Graph] = []
_default = Graph()


def get_default_graph() -> Graph:
    """The graph that operations go into."""
    return _stack[-1] if _stack else _default


def reset_default_graph() -> None:
    """A new graph in place of the default one."""
    global _default
    if _stack:
        raise AssertionError("Do not use tf.reset_default_graph() inside of a graph's `with`.")
    _default = Graph()


def building() -> Graph | None:
    """The graph that code is building: an explicit one, or the default one if it is in use."""
    if _stack:
        return _stack[-1]
    return _default if _default.operations or _default.in_use else None


_dispatch.mode.creator = building
_sessions: list[Any] = []


def default_session(session: Any, method: str) -> Any:
    if session is None and not _sessions:
        raise ValueError(
            f"Cannot use `{method}()`: no default session is registered. Use `with "
            f"session.as_default()`, or pass an explicit session: `{method}(session=session)`."
        )
    return session or _sessions[-1]
