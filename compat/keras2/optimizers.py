"""`keras.optimizers` with the arguments of Keras 2: `lr` and `decay`.

What is not here is that of Keras 3. `legacy` has the same optimizers, and the older Nadam.
"""

from types import SimpleNamespace
from typing import Any

import keras

from ._missing import look_up
from ._nadam import LegacyNadam

PACKAGE = "portable_losses.compat.keras2.optimizers"
NAMES = ("SGD", "RMSprop", "Adam", "Adagrad", "Adadelta", "Adamax", "Nadam")
# What Keras 2 wrote into the config of an optimizer, and Keras 3 does not take.
GONE = ("jit_compile", "is_legacy_optimizer")


class OldArguments:
    """`lr` for `learning_rate`; `decay`, by which step t has the rate lr / (1 + decay · t)."""

    def __init__(self, *args: Any, **kwargs: Any):
        if "lr" in kwargs:
            if args or "learning_rate" in kwargs:
                raise ValueError(
                    "`lr` is the old name of `learning_rate`; give one of them. Received: "
                    f"lr={kwargs['lr']!r}, learning_rate="
                    f"{args[0] if args else kwargs['learning_rate']!r}."
                )
            kwargs["learning_rate"] = kwargs.pop("lr")
        if isinstance(self, keras.optimizers.Nadam) and {"decay", "schedule_decay"} & {*kwargs}:
            raise ValueError(
                "Nadam had `schedule_decay`, a decay of its momentum, before Keras 2.11, and no "
                "decay of the rate. Write keras2.optimizers.legacy.Nadam(...)."
            )
        decay = kwargs.pop("decay", None) or 0.0
        if decay:
            rate = args[0] if args else kwargs.get("learning_rate", self.default_rate)
            if isinstance(rate, dict):
                rate = keras.saving.deserialize_keras_object(rate)
            if callable(rate):
                raise ValueError(
                    "`decay` is for a learning rate that is a number. Received: "
                    f"decay={decay!r} with the schedule {rate!r}."
                )
            rate = keras.optimizers.schedules.InverseTimeDecay(float(rate), 1, decay)
            args, kwargs["learning_rate"] = args[1:], rate
            if args:
                raise TypeError("With `decay`, give the settings after the learning rate by name.")
        if "epsilon" in kwargs and kwargs["epsilon"] is None:
            kwargs["epsilon"] = keras.config.epsilon()
        super().__init__(*args, **{k: v for k, v in kwargs.items() if k not in GONE})

    default_rate = 0.001

    @property
    def lr(self) -> Any:
        """The old name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, rate: Any) -> None:
        self.learning_rate = rate


def _make(name: str) -> Any:
    body = {
        "__doc__": f"`keras.optimizers.{name}` of Keras 2: also `lr` and `decay`.",
        "__module__": __name__,
        "default_rate": 0.01 if name == "SGD" else 0.001,
    }
    made = type(name, (OldArguments, getattr(keras.optimizers, name)), body)
    return keras.saving.register_keras_serializable(PACKAGE)(made)


_HERE = {name: _make(name) for name in NAMES}
legacy = SimpleNamespace(**{**_HERE, "Nadam": LegacyNadam, "Optimizer": keras.optimizers.Optimizer})


def __getattr__(name: str) -> Any:
    return look_up(name, _HERE, keras.optimizers, "keras2.optimizers")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HERE, *dir(keras.optimizers)})


def get(identifier: Any) -> Any:
    """An optimizer by its name (`"adam"`, `"SGD"`), by the config that Keras 2 wrote, or as it is
    given."""
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        lower = {name.lower(): made for name, made in _HERE.items()}
        if identifier.lower() in lower:
            return lower[identifier.lower()]()
    return keras.optimizers.get(identifier)


def deserialize(config: dict[str, Any], custom_objects: Any = None, **kwargs: Any) -> Any:
    """An optimizer from its config, of Keras 2 or 3."""
    name = config.get("class_name", "").removeprefix("Custom>")  # as Keras 2.15 writes into .h5
    lower = {key.lower(): made for key, made in _HERE.items()}
    custom = (custom_objects or {}).get(name)
    ours = str(config.get("registered_name") or "").startswith(PACKAGE)
    if ours or (name.lower() not in lower and custom is None):
        return keras.optimizers.deserialize(config, custom_objects=custom_objects)
    settings = {key: x for key, x in config["config"].items() if key not in GONE}
    made: Any = lower.get(name.lower())
    if name.lower() == "nadam" and "decay" in settings:  # as Keras 2's legacy optimizer calls it
        made, settings = LegacyNadam, {**settings, "schedule_decay": settings.pop("decay")}
    return (custom or made).from_config(settings)


def serialize(optimizer: Any) -> Any:
    """The config of an optimizer."""
    return keras.optimizers.serialize(optimizer)
