"""Where values come from: constants and placeholders; and nodes that pass values on."""

import math
from typing import Any

import keras
import numpy as np

from portable_losses import _backend

from .. import _dispatch
from . import _infer
from ._computed import as_argument
from ._dtypes import as_name
from ._graph import Graph, Node, Operation, Tensor, building, get_default_graph
from ._run import Ref
from ._shapes import TensorShape, shape_list
from ._tensors import tensor
from .errors import InvalidArgumentError


class Constant(Operation):
    """A value that is there already."""

    pure = True

    def __init__(self, graph: Graph, value: np.ndarray, name: str | None):
        super().__init__(graph, "Const", name, ())
        self.value = value
        self.give((value,))

    def constants(self) -> list[Any]:
        return [self.value]

    def compute(self, frame: Any) -> list[Any]:
        return [self.value]


class Placeholder(Operation):
    """What a run feeds, or its default."""

    def __init__(
        self, graph: Graph, dtype: str, shape: Any, name: str | None, default: Node | None = None
    ):
        kind = "Placeholder" if default is None else "PlaceholderWithDefault"
        # A graph that is fed need not compute the default.
        super().__init__(graph, kind, name, () if default is None else (default,))
        self.default = default
        self.give(_infer.views_of(shape_list(shape), dtype), dtype)

    def compute(self, frame: Any) -> list[Any]:
        if self.default is not None:
            return [frame.value(self.default)]
        (node,) = self.outputs
        raise InvalidArgumentError(
            f"You must feed a value for placeholder tensor {self.name!r} with dtype {node.dtype} "
            f"and shape {node.shape}: session.run(..., feed_dict={{{self.name}: value}}).",
            self,
        )


class Identity(Operation):
    """The same value; of a variable, an alias, as in TF1."""

    def __init__(self, graph: Graph, node: Node, name: str | None = None, control: Any = ()):
        super().__init__(graph, "Identity", name, (node,), control)
        self.give(node.views)

    def compute(self, frame: Any) -> list[Any]:
        found = frame.raw(self.inputs[0])
        return [found if isinstance(found, Ref) else frame.value(self.inputs[0], self)]


class NoOp(Operation):
    """Nothing, after what it depends on."""

    def __init__(self, graph: Graph, kind: str, name: str | None, control: Any = ()):
        super().__init__(graph, kind, name, (), control)

    def compute(self, frame: Any) -> list[Any]:
        return []


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", **_: Any
) -> Any:
    """`tf.constant`: a node whose value is known, which may also meet tensors of a backend."""
    if isinstance(value, Node):
        raise TypeError(f"tf.constant takes numbers; {value!r} is a node already.")
    if _backend.traces_python() and building() is None:
        made = tensor(value, dtype)  # of a node Dynamo would see nothing
        if shape is None:
            return made
        one = math.prod(made.shape) == 1
        return (keras.ops.broadcast_to if one else keras.ops.reshape)(made, tuple(shape))
    found = as_array(value, dtype)
    if shape is not None:
        size = int(np.prod([int(d) for d in shape]))
        if 0 < found.size < size:  # the last value is repeated
            found = np.concatenate(
                [found.ravel(), np.repeat(found.ravel()[-1:], size - found.size)]
            )
        found = found.reshape([int(d) for d in shape])
    if _dispatch.mode.computing or executing_eagerly():
        return keras.ops.convert_to_tensor(found)
    graph = building()
    if graph is None:
        graph = Graph()
        graph.floating = True
    return Constant(graph, found, name).outputs[0]


def as_array(value: Any, dtype: Any = None) -> np.ndarray:
    """Numbers with the dtype TF gives them: float32 and int32 for Python's own."""
    if keras.ops.is_tensor(value):
        value = np.asarray(keras.ops.convert_to_numpy(value))
    if dtype is not None:
        return np.asarray(value, None if as_name(dtype) == "bfloat16" else as_name(dtype))
    found = np.asarray(value)
    if not isinstance(value, np.ndarray | np.generic):
        narrow = {"f": "float32", "i": "int32"}.get(found.dtype.kind)
        if narrow == "int32" and np.any(np.abs(found) >= 2**31):
            narrow = None
        found = found if narrow is None else found.astype(narrow)
    return found


def as_node(x: Any, graph: Graph | None = None, dtype: Any = None) -> Any:
    """`x` as a node of the graph: a node as it is, numbers as a constant."""
    if isinstance(x, _backend.Variable):
        return as_argument(x, graph or get_default_graph())
    if isinstance(x, TensorShape):
        x = x.as_list()
    if isinstance(x, list | tuple) and any(isinstance(v, Node) for v in _infer.leaves_of(x)):
        return _dispatch.OPERATIONS["tf.stack"](list(x))
    if isinstance(x, Node):
        return x
    return Constant(graph or get_default_graph(), as_array(x, dtype), None).outputs[0]


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """`tf.placeholder`: a value that every run feeds."""
    return Placeholder(get_default_graph(), as_name(dtype), shape, name).outputs[0]


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`tf.placeholder_with_default`: a value that a run may feed."""
    graph = get_default_graph()
    default = as_node(input, graph)
    return Placeholder(graph, str(default.dtype), shape, name, default).outputs[0]


def identity(input: Any, name: str | None = None) -> Any:
    """`tf.identity`: the same value, after what it depends on."""
    if not isinstance(input, Node | _backend.Variable):
        if keras.ops.is_tensor(input) or _dispatch.current_graph() is None:
            return keras.ops.convert_to_tensor(input)
    node = as_node(input)
    return Identity(node.graph, node, name).outputs[0]


def no_op(name: str | None = None) -> Operation:
    """`tf.no_op`."""
    return NoOp(get_default_graph(), "NoOp", name)


_eager = False


def executing_eagerly() -> bool:
    """`tf.executing_eagerly`: False, unless eager execution was asked for."""
    return _eager


def enable_eager_execution(*_: Any, **__: Any) -> None:
    """`tf.enable_eager_execution`: constants are tensors of the backend from now on."""
    global _eager
    _eager = True


def disable_eager_execution() -> None:
    """`tf.disable_eager_execution`."""
    global _eager
    _eager = False
