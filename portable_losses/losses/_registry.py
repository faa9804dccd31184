"""Losses by name."""

from collections.abc import Callable
from typing import Any

import keras

from portable_losses._catalogue import CATALOGUE

# Keras' short names, in lower case or upper.
_SHORT = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
ALIASES = _SHORT | {short.upper(): name for short, name in _SHORT.items()}

_NAMES = {name for entry in CATALOGUE if not entry.metric for name in (entry.name, entry.cls)}


def get(identifier: Any) -> Callable[..., Any] | None:
    """The loss that `identifier` names: a function, a `Loss` or a `StatefulLoss`.

    Args:
        identifier: The name of a loss of this library (function or class: `"huber"`, `"Huber"`),
            Keras' short name for one (`"mse"`, `"MSE"`), or, failing that, anything that
            `keras.losses.get` takes: a name that only Keras has, a config, a callable, None.

    Raises:
        ValueError: for a name that neither knows.

    Examples:
        >>> get("center_loss").__name__
        'center_loss'
        >>> type(get({"class_name": "CenterLoss", "config": {"num_classes": 3}})).__name__
        'CenterLoss'
    """
    from portable_losses import losses  # the public names, this function among them

    if isinstance(identifier, str):
        name = ALIASES.get(identifier, identifier)
        if name in _NAMES:
            found = getattr(losses, name)
            return found() if isinstance(found, type) else found
    if isinstance(identifier, dict):
        class_name = identifier.get("class_name")
        if isinstance(class_name, str) and class_name in _NAMES and "module" not in identifier:
            return getattr(losses, class_name).from_config(identifier["config"])
        return keras.saving.deserialize_keras_object(identifier)
    return keras.losses.get(identifier)
