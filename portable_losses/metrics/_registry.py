"""Metrics by name."""

from collections.abc import Callable
from typing import Any

import keras

from portable_losses._catalogue import CATALOGUE


def get(identifier: Any) -> Callable[..., Any] | None:
    """The metric that `identifier` names: a function or a Keras `Metric`.

    Args:
        identifier: The name of a metric of this library (function or class:
            `"categorical_accuracy"`, `"CategoricalAccuracy"`), or, failing that, anything that
            `keras.metrics.get` takes: a name that only Keras has, a config, a callable, None.

    Raises:
        ValueError: for a name that neither knows.

    Examples:
        >>> get("CategoricalTruePositives").name
        'categorical_true_positives'
        >>> type(get("AUC")).__name__
        'AUC'
    """
    from portable_losses import metrics  # the public names, this function among them

    ours = {name for entry in CATALOGUE if entry.metric for name in (entry.cls, entry.name)}
    if isinstance(identifier, str) and identifier in ours:
        found = getattr(metrics, identifier)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, dict):
        name = identifier.get("class_name", "")
        if name in ours and "module" not in identifier:
            return getattr(metrics, name).from_config(identifier["config"])
        return keras.saving.deserialize_keras_object(identifier)
    return keras.metrics.get(identifier)
