"""`K.variable`: a Keras variable that a graph of TF1 takes in where old code computes with it."""

from typing import Any

import keras
from keras import ops

from portable_losses import _backend

from ._dispatch import Deferred, current_graph

_UNARY = "abs getitem invert neg".split()
_COMPARED = "ge gt le lt".split()
_BINARY = "add and floordiv matmul mod mul or pow sub truediv xor".split()


class KVariable(keras.Variable):
    """What `K.variable` makes. While a graph is being built, Python's operators make nodes of it,
    which read it when they run; else they compute with its value, as those of Keras do."""


def _define(method: str) -> None:
    plain = getattr(keras.Variable, method)

    def call(self: KVariable, *others: Any) -> Any:
        graph = next((x for x in others if isinstance(x, Deferred) and not x.known), None)
        if graph is None:
            graph = building((self, *others))
        if graph is not None:
            return getattr(graph.variable(self), method)(*others)
        return plain(self, *[x.concrete() if isinstance(x, Deferred) else x for x in others])

    setattr(KVariable, method, call)


for _name in (*_UNARY, *_COMPARED, *_BINARY):
    _define(f"__{_name}__")
for _name in _BINARY:
    _define(f"__r{_name}__")


def building(given: Any, random: bool = False) -> Deferred | None:
    """The graph that is being built, if what is computed from `given` is a node of it: variables
    of K are there, or numbers are drawn. What meets tensors, or is called by a layer or in a
    trace, is computed at once."""
    if not random and not any(isinstance(x, KVariable) for x in given):
        return None
    graph = current_graph()
    if graph is None or _backend.in_call() or _backend.tracing() or any(map(_is_value, given)):
        return None
    return graph


def _is_value(x: Any) -> bool:
    return bool(ops.is_tensor(x)) and not isinstance(x, _backend.Variable | Deferred)
