"""Old names on any backend: TF1 and Keras 2 behaviour, figure for figure."""

from portable_losses import _backend as _backend  # first: it explains a missing backend

from . import K as K
from . import keras2 as keras2
from ._dispatch import operation as operation
from ._losses import custom_mean_squared_error as custom_mean_squared_error
from ._losses import custom_mse as custom_mse
from ._losses import huber as huber
from ._losses import weighted_mse as weighted_mse
from ._losses import weighted_rmse as weighted_rmse
from .center_loss import CenterLoss as CenterLoss

__all__ = [
    "CenterLoss",
    "K",
    "custom_mean_squared_error",
    "custom_mse",
    "huber",
    "keras2",
    "operation",
    "weighted_mse",
    "weighted_rmse",
]
