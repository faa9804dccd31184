"""What makes losses usable in training: models and layers that own a loss with state."""

from portable_losses import _backend as _backend  # first: it explains a missing backend
from portable_losses.training._endpoint import LossEndpoint as LossEndpoint
from portable_losses.training._model import LossModel as LossModel

__all__ = ["LossEndpoint", "LossModel"]
