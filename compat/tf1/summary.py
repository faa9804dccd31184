"""`tf.summary`: accepted and kept by name, so that programs run; `FileWriter` writes nothing."""

import sys
from typing import Any

from ._graph import Node, get_default_graph
from ._sources import as_node, constant, identity
from ._variables import GraphKeys
from .errors import missing


class Summary(dict[str, Any]):
    """`tf.Summary`: values by name."""


def _record(name: str, value: Any, collections: Any) -> Any:
    graph = get_default_graph()
    node = identity(as_node(value, graph), name=name)
    for collection in [GraphKeys.SUMMARIES] if collections is None else collections:
        graph.add_to_collection(collection, node)
    return node


def scalar(name: str, tensor: Any, collections: Any = None, family: Any = None) -> Any:
    """`tf.summary.scalar`: the value, which a run may fetch."""
    return _record(name, tensor, collections)


def histogram(name: str, values: Any, collections: Any = None, family: Any = None) -> Any:
    """`tf.summary.histogram`: the values."""
    return _record(name, values, collections)


def image(
    name: str, tensor: Any, max_outputs: int = 3, collections: Any = None, family: Any = None
) -> Any:
    """`tf.summary.image`: the images."""
    return _record(name, tensor, collections)


def audio(name: str, tensor: Any, sample_rate: Any, *_: Any, collections: Any = None) -> Any:
    """`tf.summary.audio`: the samples."""
    return _record(name, tensor, collections)


def text(name: str, tensor: Any, collections: Any = None) -> Any:
    """`tf.summary.text`: accepted; strings have no value here."""
    return constant(0.0)


def merge(inputs: Any, collections: Any = None, name: str | None = None) -> Any:
    """`tf.summary.merge`: a dict of the summaries by name, which a run may fetch."""
    return {x.op.name: x for x in inputs if isinstance(x, Node)}


def merge_all(key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: Any = None) -> Any:
    """`tf.summary.merge_all`: None where there is none."""
    found = get_default_graph().get_collection(key, scope)
    return merge(found) if found else None


class FileWriter:
    """`tf.summary.FileWriter`: keeps what it is given, as pairs `(step, values)`."""

    def __init__(self, logdir: str, graph: Any = None, *_: Any, **__: Any):
        self.logdir = logdir
        self.events: list[tuple[Any, Any]] = []

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        self.events.append((global_step, summary))

    def add_graph(self, *_: Any, **__: Any) -> None:
        pass

    add_run_metadata = add_session_log = add_event = add_graph

    def get_logdir(self) -> str:
        return self.logdir

    def flush(self) -> None:
        pass

    close = reopen = flush


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(sys.modules[__name__], "tf.summary", name))
