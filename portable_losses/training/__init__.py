"""What makes losses usable in training: models and layers that own a loss with state, batches in
which samples have partners, what embeddings are like after each epoch, and teachers that follow."""

from portable_losses import _backend as _backend  # first: it explains a missing backend
from portable_losses.training._batches import PKBatches as PKBatches
from portable_losses.training._endpoint import LossEndpoint as LossEndpoint
from portable_losses.training._model import LossModel as LossModel
from portable_losses.training._monitor import EmbeddingMonitor as EmbeddingMonitor
from portable_losses.training._monitor import embedding_report as embedding_report
from portable_losses.training._state import StateModel as StateModel
from portable_losses.training._teacher import MomentumTeacher as MomentumTeacher
from portable_losses.training._teacher import TeacherTemperature as TeacherTemperature

__all__ = [
    "EmbeddingMonitor",
    "LossEndpoint",
    "LossModel",
    "MomentumTeacher",
    "PKBatches",
    "StateModel",
    "TeacherTemperature",
    "embedding_report",
]
