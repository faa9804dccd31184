"""The only code that names a backend: the few things `keras.ops` cannot say.

Each backend has a module with the same functions:

* `add_rows(variable, rows, values)`: `variable[rows] += values`; repeated rows add up;
* `concrete(tensor)`: the values as a NumPy array, or None while they are being traced (or where
  a look would stall an accelerator);
* `is_lost(variable, tensor)`: whether an update of `variable`, computed from `tensor`, would be
  thrown away when the trace ends;
* `replicas()`: how many replicas run side by side, each on its share of the batch; gradients
  are summed over them, so a mean over the share is divided by their number.
"""

import importlib
import importlib.util
import json
import os
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")


def _explain(missing: str) -> str:
    """What to do when Keras cannot import its backend, or is not there itself."""
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    chosen, source = os.environ.get("KERAS_BACKEND"), "the environment variable KERAS_BACKEND"
    if chosen is None:
        home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
        try:
            chosen, source = json.loads((home / "keras.json").read_text())["backend"], "keras.json"
        except (OSError, ValueError, KeyError):
            chosen, source = "tensorflow", "its default"
    if installed:
        remedy = (
            f"Installed here: {', '.join(installed)}. Set the environment variable "
            f"KERAS_BACKEND={installed[0]} before Keras is imported"
        )
    else:
        remedy = "No backend is installed"
    extra = f"'portable-losses[{chosen if chosen in BACKENDS else 'jax'}]'"
    return (
        f"Keras could not import its backend {chosen!r}, chosen by {source} "
        f"({missing}). {remedy}, or install the missing one: pip install {extra}. "
        f"Names are lower case: {', '.join(BACKENDS)}, numpy."
    )


try:
    import keras
except (ImportError, ValueError) as error:
    # Keras answers an unknown name with ValueError and an absent package with ImportError.
    raise ImportError(_explain(str(error).split("\n")[0])) from error


def _load():
    name = keras.backend.backend()
    return importlib.import_module(f"{__name__}._{name if name in BACKENDS else 'generic'}")


_module = _load()
add_rows = _module.add_rows
concrete = _module.concrete
is_lost = _module.is_lost
replicas = _module.replicas

__all__ = ["add_rows", "concrete", "is_lost", "replicas"]
