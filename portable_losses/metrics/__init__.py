"""Public metrics: our own, and Keras' under the names it gives them."""

from portable_losses import _backend as _backend  # first: it explains a missing backend

# isort: split
import keras

from portable_losses.metrics._accuracy import CategoricalAccuracy as CategoricalAccuracy
from portable_losses.metrics._accuracy import CategoricalTruePositives as CategoricalTruePositives
from portable_losses.metrics._accuracy import categorical_accuracy as categorical_accuracy
from portable_losses.metrics._registry import get as get

_OURS = ("CategoricalAccuracy", "CategoricalTruePositives", "categorical_accuracy", "get")

# What Keras 3 has; a name that the installed Keras lacks is left out. `CategoricalAccuracy`,
# `categorical_accuracy` and `get` are ours: they take all that Keras' take.
_KERAS = (
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
)

_from_keras = {
    name: getattr(keras.metrics, name) for name in _KERAS if hasattr(keras.metrics, name)
}
globals().update(_from_keras)

__all__ = [*_OURS, *_from_keras]
