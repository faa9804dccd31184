"""TensorFlow 1's graph mode on any backend of Keras: `import portable_losses.compat.tf1 as tf`.

A program builds a graph of operations, and a session runs what is fetched, by TF1's rules. A loss
function becomes a loss of Keras with `GraphLoss`. `tf.compat.v1` is this module, too.
"""

import difflib
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

from portable_losses import _backend as _backend  # first: it explains a missing backend

from .. import keras2 as _keras2
from . import _operators as _operators  # Python's operators on nodes
from ._exports import NAMES as _GRAPH
from ._exports import place as _place

_this = sys.modules[__name__]
if importlib.util.find_spec(f"{__name__}._table"):  # the plain operations
    _table = importlib.import_module("._table", __name__)
    _table.put_into(_this, _table.NAMES)
_place(_this, _GRAPH)
keras = _keras2
compat = ModuleType(f"{__name__}.compat", "`tf.compat.v1`.")
compat.v1 = _this  # type: ignore[attr-defined]
VERSION = __version__ = "1.15"


def __getattr__(name: str) -> Any:
    close = difflib.get_close_matches(name, [n for n in dir(_this) if n[0] != "_"], 3)
    hint = f" Did you mean {' or '.join(f'tf.{match}' for match in close)}?" if close else ""
    raise AttributeError(
        f"portable_losses.compat.tf1 has no tf.{name}.{hint} An operation that is missing can be "
        "written with keras.ops, and takes part in graphs as "
        f'portable_losses.compat.operation("tf.{name}")(function).'
    )
