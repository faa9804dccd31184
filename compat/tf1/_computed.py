"""Operations that are functions of nodes: what an old function makes of them in a graph."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from portable_losses import _backend

from .. import _dispatch
from . import _infer
from ._graph import Graph, Node, Operation
from ._names import OP_NAMES
from ._shapes import TensorShape


class Computed(Operation):
    """A function of nodes."""

    def __init__(self, graph: Graph, function: Callable[..., Any], args: Any, kwargs: Any):
        old_name = getattr(function, "old_name", function.__name__)
        name = kwargs.get("name")
        args, kwargs = _infer.replace((args, kwargs), lambda x: as_argument(x, graph))
        if old_name in GATHERS and args:
            args = (_gathered(args[0]), *args[1:])
        super().__init__(graph, OP_NAMES.get(old_name) or _op_name(old_name), name, (args, kwargs))
        self.old_name, self.random = old_name, getattr(function, "random", False)
        self.pure = not self.random
        self.function = getattr(function, "__wrapped__", function)
        self.args, self.kwargs = args, kwargs
        self._constants: list[Any] | None = None
        views = self._infer()
        if views and old_name in PADDED and not all(node.known for node in self.inputs):
            views = _of_any_length(views)
        structure = views[0] if views else None
        count = len(_infer.leaves_of(structure)) if views else 1
        for i in range(count):
            one = tuple(_infer.leaves_of(view)[i] for view in views) if views else None
            self.give(one)
        outputs = iter(self.outputs)
        self.results = _infer.replace(structure, lambda _: next(outputs))

    def _infer(self) -> list[Any] | None:
        """What the results are under each choice of sizes; None where nothing is known."""
        nodes = self.inputs
        if any(node.views is None for node in nodes):
            return self._roughly() if self.old_name in _SEVERAL else None
        counts = {len(node.views) for node in nodes}
        known = counts <= {1}
        found = []
        for i in range(max(counts, default=1)):

            def view(x: Any, i: int = i) -> Any:
                if not isinstance(x, Node):
                    return x
                if x.known and (x.views[0].shape == () or not x.dtype.is_floating):
                    return x.concrete()
                return x.views[min(i, len(x.views) - 1)]

            args, kwargs = _infer.replace((self.args, self.kwargs), view)
            try:
                if self.old_name in _infer.OF_SHAPE:
                    found.append(_infer.OF_SHAPE[self.old_name](tuple(args[0].shape)))
                elif self.random:
                    found.append(_infer.evaluate(self._without_seed, args, kwargs))
                else:
                    found.append(_infer.evaluate(self.function, args, kwargs))
            except Exception as error:
                rough = self._roughly() if not known or _depends(error) else None
                if rough is None and known:
                    error.add_note(f"Building the operation {self.name!r} at {self.where()}")
                    del self.graph.operations[self.name]
                    raise
                return rough
        return found

    def _without_seed(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def _roughly(self) -> list[Any] | None:
        """Number, dtypes and ranks of the results, from zeros; no size is taken for known."""
        args, kwargs = _infer.replace(
            (self.args, self.kwargs), lambda x: x.views[0] if isinstance(x, Node) else x
        )
        try:
            rough = _infer.evaluate_roughly(self.function, args, kwargs)
        except Exception:
            return None

        def sized(size: int) -> Any:
            return _infer.replace(
                rough, lambda v: keras.KerasTensor([size] * len(v.shape), dtype=_infer.dtype_of(v))
            )

        return [sized(size) for size in _infer.SIZES]

    def compute(self, frame: Any) -> list[Any]:
        return frame.call(self)

    def padded_at(self, index: int) -> bool:
        return index != 1 if self.old_name in PADDED else self.padded

    def constants(self) -> list[Any]:
        """The values, of an operation whose arguments are all known."""
        if self._constants is None:
            args, kwargs = _infer.replace(
                (self.args, self.kwargs), lambda x: x.concrete() if isinstance(x, Node) else x
            )
            with _dispatch.computing(), _backend.at_once():
                found = self.function(*args, **kwargs)
            self._constants = [as_numpy(x) for x in _infer.leaves_of(found)]
        return self._constants


# Functions that read rows of a variable.
GATHERS = {"tf.gather", "tf.nn.embedding_lookup", "K.gather"}


def _gathered(table: Any) -> Any:
    """What TF1 gathers from. The result of a write to a *resource* variable stands for the
    variable there, and the write does not run for it (as in TensorFlow 1.15)."""
    variable = getattr(getattr(table, "op", None), "variable", None)
    return variable if variable is not None and variable.use_resource else table


# Functions whose results a trace pads, for their number depends on values.
PADDED = {"tf.unique", "tf.unique_with_counts"}
_SEVERAL = {*PADDED, "tf.dynamic_partition"}


def _of_any_length(views: list[Any]) -> list[Any]:
    """The views of `tf.unique`, of which only the index is as long as what was given."""
    both = views if len(views) > 1 else views * 2
    return [
        type(found)(
            [
                view if i == 1 else keras.KerasTensor((length,), dtype=_infer.dtype_of(view))
                for i, view in enumerate(found)
            ]
        )
        for found, length in zip(both, _infer.SIZES, strict=True)
    ]


def _depends(error: Exception) -> bool:
    return isinstance(error, _dispatch.DependsOnValues)


def _op_name(old_name: str) -> str:
    return old_name.rsplit(".", 1)[-1]


def as_numpy(x: Any) -> Any:
    return x if isinstance(x, np.ndarray) else np.asarray(keras.ops.convert_to_numpy(x))


def as_argument(x: Any, graph: Graph) -> Any:
    """An argument of an operation: a keras.Variable becomes state of the graph."""
    if isinstance(x, _backend.Variable):
        from ._variables import captured

        return captured(graph, x)
    if isinstance(x, TensorShape):
        return x.as_list()
    return x
