"""What a loss around another one asks of it."""

import inspect
from typing import Any

import keras

from portable_losses._pairwise import PROTOCOL
from portable_losses.losses._base import Loss
from portable_losses.losses._registry import get
from portable_losses.miners import Miner


def as_embedding_loss(loss: Any, taker: str) -> Loss:
    """A loss of embeddings without state that takes references."""
    found = get(loss)
    takes = inspect.signature(type(found).function).parameters if isinstance(found, Loss) else ()
    if not isinstance(found, Loss) or not set(PROTOCOL) <= set(takes):
        raise ValueError(
            f"{taker} takes a loss of embeddings without state, such as SupCon(): a Loss "
            f"whose function takes {', '.join(f'`{name}`' for name in PROTOCOL)} and returns one "
            f"value per anchor. Received: loss={loss!r}."
        )
    if "loss" in found.settings:  # it is around another one itself
        as_embedding_loss(found.settings["loss"], taker)
    return found


def as_loss_without_state(loss: Any, taker: str) -> Loss:
    """A loss of this library that gives one value per sample, and owns no variables."""
    found = get(loss)
    if not isinstance(found, Loss):
        raise ValueError(
            f"{taker} takes a loss of this library without state, such as SupCon() or "
            f"MeanSquaredError(). Received: loss={loss!r}."
        )
    return found


def saved(config: dict[str, Any]) -> dict[str, Any]:
    """A config with the losses and miners in it as configs of their own."""

    def one(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: one(part) for key, part in value.items()}
        if isinstance(value, Loss | Miner | keras.losses.Loss | keras.layers.Layer):
            return keras.saving.serialize_keras_object(value)
        return value

    return {key: one(value) for key, value in config.items()}
