"""`keras` as Keras 2.15 had it, on Keras 3: `from portable_losses.compat import keras2 as keras`.

`losses`, `metrics`, `optimizers` and `models` have the old names, signatures and numbers,
`layers.Layer` has `add_update`, and `backend` is `compat.K`; what is not here is that of Keras 3.
"""

from typing import Any

import keras

from .. import K as backend
from . import layers as layers
from . import losses as losses
from . import metrics as metrics
from . import models as models
from . import optimizers as optimizers
from ._missing import look_up
from .models import Model as Model
from .models import Sequential as Sequential

__all__ = ["Model", "Sequential", "backend", "layers", "losses", "metrics", "models", "optimizers"]


def __getattr__(name: str) -> Any:
    return look_up(name, {}, keras, "keras2")


def __dir__() -> list[str]:
    return sorted({*__all__, *dir(keras)})
