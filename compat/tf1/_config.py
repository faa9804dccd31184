"""What says where and how TF1 ran: accepted, and without effect here. And `tf.Print`."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from . import _infer
from ._graph import Graph, Node, Operation
from ._sources import as_node


class Settings:
    """Any settings, by attributes that may be set, such as `config.gpu_options.allow_growth`."""

    def __init__(self, *_: Any, **settings: Any):
        self.__dict__.update(settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = Settings()
        self.__dict__[name] = made
        return made


class ConfigProto(Settings):
    """`tf.ConfigProto`: Keras and the backend choose the device."""


class GPUOptions(Settings):
    """`tf.GPUOptions`."""


class GraphOptions(Settings):
    """`tf.GraphOptions`."""


class OptimizerOptions(Settings):
    """`tf.OptimizerOptions`."""


class RunOptions(Settings):
    """`tf.RunOptions`."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)


class RunMetadata(Settings):
    """`tf.RunMetadata`."""


def ignore(*_: Any, **__: Any) -> None:
    """Accepted, without effect."""


disable_v2_behavior = ignore
enable_v2_behavior = ignore
disable_resource_variables = ignore
enable_resource_variables = ignore


@contextlib.contextmanager
def device(device_name_or_function: Any) -> Iterator[None]:
    """`tf.device`: Keras and the backend choose the device."""
    yield


colocate_with = device
arg_scope = device


class Printed(Operation):
    """The first value; the others are printed when it is computed."""

    def __init__(self, graph: Graph, node: Node, data: list[Any], message: str, name: str | None):
        super().__init__(graph, "Print", name, (node, data))
        self.data, self.message = data, message
        self.give(node.views, str(node.dtype))

    def compute(self, frame: Any) -> list[Any]:
        frame.show(self.message, [frame.value(node, self) for node in self.data])
        return [frame.value(self.inputs[0], self)]


def Print(
    input_: Any,
    data: Any,
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """`tf.Print`: the input; a session prints the data when a run has computed it."""
    nodes = _infer.leaves_of([input_, data])
    if not any(isinstance(x, Node) for x in nodes):
        return keras.ops.convert_to_tensor(input_)
    graph = next(x for x in nodes if isinstance(x, Node)).graph
    given = [as_node(x, graph) for x in data]
    return Printed(graph, as_node(input_, graph), given, message or "", name).outputs[0]
