"""Pictures. They need matplotlib: `pip install 'portable-losses[plot]'`."""

from portable_losses import _backend as _backend  # first: it explains a missing backend
from portable_losses.plot._embeddings import embeddings as embeddings

__all__ = ["embeddings"]
