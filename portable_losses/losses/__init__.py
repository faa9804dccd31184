"""Public losses: each as a pure function and as a class; losses with state as classes."""

from portable_losses import _backend as _backend  # first: it explains a missing backend
from portable_losses.losses._base import Loss as Loss
from portable_losses.losses._base import StatefulLoss as StatefulLoss
from portable_losses.losses._center import CenterLoss as CenterLoss
from portable_losses.losses._center import SoftmaxCenterLoss as SoftmaxCenterLoss
from portable_losses.losses._center import center_loss as center_loss
from portable_losses.losses._registry import get as get

__all__ = ["CenterLoss", "Loss", "SoftmaxCenterLoss", "StatefulLoss", "center_loss", "get"]
