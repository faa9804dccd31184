"""Public losses: each as a pure function and as a class; losses with state as classes."""

from portable_losses import _backend as _backend  # first: it explains a missing backend
from portable_losses.losses._arcface import ArcFace as ArcFace
from portable_losses.losses._arcface import arcface as arcface
from portable_losses.losses._base import Loss as Loss
from portable_losses.losses._base import StatefulLoss as StatefulLoss
from portable_losses.losses._center import CenterLoss as CenterLoss
from portable_losses.losses._center import SoftmaxCenterLoss as SoftmaxCenterLoss
from portable_losses.losses._center import center_loss as center_loss
from portable_losses.losses._contrastive import Contrastive as Contrastive
from portable_losses.losses._contrastive import contrastive as contrastive
from portable_losses.losses._crossentropy import BinaryCrossentropy as BinaryCrossentropy
from portable_losses.losses._crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from portable_losses.losses._crossentropy import (
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from portable_losses.losses._crossentropy import binary_crossentropy as binary_crossentropy
from portable_losses.losses._crossentropy import (
    categorical_crossentropy as categorical_crossentropy,
)
from portable_losses.losses._crossentropy import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from portable_losses.losses._custom import as_loss as as_loss
from portable_losses.losses._hinge import CategoricalHinge as CategoricalHinge
from portable_losses.losses._hinge import Hinge as Hinge
from portable_losses.losses._hinge import SquaredHinge as SquaredHinge
from portable_losses.losses._hinge import categorical_hinge as categorical_hinge
from portable_losses.losses._hinge import hinge as hinge
from portable_losses.losses._hinge import squared_hinge as squared_hinge
from portable_losses.losses._probabilistic import KLDivergence as KLDivergence
from portable_losses.losses._probabilistic import Poisson as Poisson
from portable_losses.losses._probabilistic import kl_divergence as kl_divergence
from portable_losses.losses._probabilistic import poisson as poisson
from portable_losses.losses._registry import get as get
from portable_losses.losses._regression import (
    ConfidencePenalizedSquaredError as ConfidencePenalizedSquaredError,
)
from portable_losses.losses._regression import CosineSimilarity as CosineSimilarity
from portable_losses.losses._regression import Huber as Huber
from portable_losses.losses._regression import LogCosh as LogCosh
from portable_losses.losses._regression import MeanAbsoluteError as MeanAbsoluteError
from portable_losses.losses._regression import (
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
)
from portable_losses.losses._regression import MeanSquaredError as MeanSquaredError
from portable_losses.losses._regression import (
    MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
)
from portable_losses.losses._regression import RootMeanSquaredError as RootMeanSquaredError
from portable_losses.losses._regression import (
    confidence_penalized_squared_error as confidence_penalized_squared_error,
)
from portable_losses.losses._regression import cosine_similarity as cosine_similarity
from portable_losses.losses._regression import huber as huber
from portable_losses.losses._regression import log_cosh as log_cosh
from portable_losses.losses._regression import mean_absolute_error as mean_absolute_error
from portable_losses.losses._regression import (
    mean_absolute_percentage_error as mean_absolute_percentage_error,
)
from portable_losses.losses._regression import mean_squared_error as mean_squared_error
from portable_losses.losses._regression import (
    mean_squared_logarithmic_error as mean_squared_logarithmic_error,
)
from portable_losses.losses._regression import root_mean_squared_error as root_mean_squared_error
from portable_losses.losses._weighted import WeightedRootError as WeightedRootError
from portable_losses.losses._weighted import WeightedSquaredError as WeightedSquaredError
from portable_losses.losses._weighted import weighted_root_error as weighted_root_error
from portable_losses.losses._weighted import weighted_squared_error as weighted_squared_error

__all__ = [
    "ArcFace",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CenterLoss",
    "ConfidencePenalizedSquaredError",
    "Contrastive",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SoftmaxCenterLoss",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "StatefulLoss",
    "WeightedRootError",
    "WeightedSquaredError",
    "arcface",
    "as_loss",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "center_loss",
    "confidence_penalized_squared_error",
    "contrastive",
    "cosine_similarity",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "root_mean_squared_error",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "weighted_root_error",
    "weighted_squared_error",
]
