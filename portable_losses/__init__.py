"""Losses and metrics for Keras 3, written once for TensorFlow, JAX and PyTorch.

Submodules load on first use, so that `import portable_losses` loads no backend:

* `losses`: pure functions, each with its class, and losses that hold state;
* `miners`: which pairs of a batch a loss of embeddings should see;
* `metrics`: metrics that Keras lacks, beside Keras' own;
* `training`: what makes losses with state train, save and resume;
* `compat`: old names and TF1 / Keras 2 behaviour, on any backend;
* `plot`: pictures (needs the extra `plot`).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portable_losses import compat as compat
    from portable_losses import losses as losses
    from portable_losses import metrics as metrics
    from portable_losses import miners as miners
    from portable_losses import plot as plot
    from portable_losses import training as training

__version__ = "0.1.0"
__all__ = ["compat", "losses", "metrics", "miners", "plot", "training"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
