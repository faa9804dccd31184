"""TensorFlow 1's graph mode on any backend of Keras: `import portable_losses.compat.tf1 as tf`.

A program builds a graph of operations, and a session runs what is fetched, by TF1's rules. A loss
function becomes a loss of Keras with `GraphLoss`. `tf.compat.v1` is this module, too.
"""

import sys
from types import ModuleType
from typing import Any

from portable_losses import _backend as _backend  # first: it explains a missing backend

from .. import keras2 as _keras2
from . import _operators as _operators  # Python's operators on nodes
from ._exports import NAMES as _GRAPH
from ._exports import place as _place
from ._graph_loss import GraphLoss as GraphLoss  # by name, for the documentation
from ._table import NAMES as _OPERATIONS
from ._table import put_into as _put_into
from .errors import missing

_this = sys.modules[__name__]
_put_into(_this, _OPERATIONS)
_place(_this, _GRAPH)
keras = _keras2
compat = ModuleType(f"{__name__}.compat", "`tf.compat.v1`.")
compat.v1 = _this  # type: ignore[attr-defined]  # a module made here
VERSION = __version__ = "1.15"


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"{missing(_this, 'tf', name)} An operation that is missing can be "
        "written with keras.ops, and takes part in graphs as "
        f'portable_losses.compat.operation("tf.{name}")(function).'
    )
