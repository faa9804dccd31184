"""Settings of a loss that the optimizer trains: a temperature, a scale, a boundary."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from portable_losses._inputs import as_float, require_above, require_within
from portable_losses._typing import Tensor
from portable_losses.losses._base import Loss, StatefulLoss, register
from portable_losses.losses._registry import get

POSITIVE = ("temperature", "scale", "gamma")  # the logarithms of these are trained
FREE = ("bias", "beta")


class _Within(keras.constraints.Constraint):
    """The optimizer brings a variable back to [-bound, bound] after each of its steps."""

    def __init__(self, bound: float):
        self.bound = bound

    def __call__(self, value: Tensor) -> Tensor:
        return ops.clip(value, -self.bound, self.bound)


def _variable_name(name: str) -> str:
    return f"log_{name}" if name in POSITIVE else name


def _require_trainable(loss: Any, names: tuple[str, ...]) -> Loss:
    found = get(loss)
    can = []
    if isinstance(found, Loss) and found.sees_others:
        can = [name for name in (*POSITIVE, *FREE) if name in found.settings]
    if not isinstance(found, Loss) or not names or not set(names) <= set(can):
        raise ValueError(
            "TrainedSettings takes a loss of embeddings without state, and names of its settings "
            f"that can be trained, such as CLIP() and 'temperature'; of this loss: {tuple(can)}. "
            f"Received: loss={loss!r}, names={names}."
        )
    if found.settings.get("block_size") is not None:
        raise ValueError(
            "A block of anchors sees no settings that are trained: `block_size` of the loss must "
            f"be None. Received: block_size={found.settings['block_size']!r}."
        )
    return found


@register
class TrainedSettings(StatefulLoss):
    r"""A loss some of whose settings are trained with the network, from their values on.

    CLIP trains its temperature, SigLIP its scale and bias, the margin loss its boundary, and the
    soft nearest neighbour loss its temperature:

        TrainedSettings(CLIP(), "temperature")
        TrainedSettings(SigLIP(), ("scale", "bias"))
        TrainedSettings(MarginLoss(beta=1.2), "beta")

    Of a temperature, a scale or $\gamma$, which are above 0, the variable is the logarithm, as in
    CLIP; it is held within $\pm \log$ of `largest_scale`. The variables are named
    `log_temperature`, `bias` and so on, and `get_settings()` gives the values as they are.

    Args:
        loss: A loss without state, such as `CLIP()`, or its name. Its values are used; its own
            reduction, name and dtype are not.
        names: The name of the setting, or a list of them: `"temperature"`, `"scale"`, `"gamma"`,
            `"bias"` or `"beta"`.
        largest_scale: 100 in CLIP, whose temperature it thereby keeps at 0.01 or above.
        reduction, name, dtype: As for any Keras loss. Variables are kept in float32 (float64 for
            `dtype="float64"`).

    Raises:
        ValueError: for a loss that has no such setting, or `block_size`; or a setting that starts
            out of bounds.

    References:
        Alec Radford and others, "Learning Transferable Visual Models From Natural Language
        Supervision", ICML 2021, section 2.5. Xiaohua Zhai and others, "Sigmoid Loss for Language
        Image Pre-Training", ICCV 2023. Chao-Yuan Wu and others, "Sampling Matters in Deep Embedding
        Learning", ICCV 2017.

    Where peers differ:
        OpenCLIP keeps `logit_scale`, the logarithm of 1 / temperature, in the model.
        pytorch-metric-learning's `MarginLoss(learn_beta=True)` is this with `"beta"` of
        `MarginLoss`; its boundaries per class are not trained here.

    Examples:
        >>> from portable_losses.losses import CLIP
        >>> loss = TrainedSettings(CLIP(temperature=1.0), "temperature")
        >>> pairs = [[[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]]
        >>> round(float(loss([0, 1], pairs, training=True)), 4)  # log(1 + e^-1)
        0.3133
        >>> loss.get_settings()
        {'temperature': 1.0}
    """

    def __init__(
        self,
        loss: Any,
        names: str | Sequence[str],
        largest_scale: float = 100.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "trained_settings",
        dtype: Any = None,
    ):
        require_above("largest_scale", largest_scale, 1)
        names = (names,) if isinstance(names, str) else tuple(names)
        super().__init__(
            name=name,
            reduction=reduction,
            dtype=dtype,
            names=list(names),
            largest_scale=largest_scale,
        )
        self.loss = _require_trainable(loss, names)
        for setting in set(names).intersection(POSITIVE):
            start = self.loss.settings[setting]
            require_within(setting, start, 1 / largest_scale, largest_scale)
        self.build((None,), (None, 1))  # the variables are as they are for any batch

    def build_state(self, dim: int) -> None:
        for name in self.settings["names"]:
            start, positive = self.loss.settings[name], name in POSITIVE
            variable = self.add_weight(
                name=_variable_name(name),
                shape=(),
                initializer=keras.initializers.Constant(math.log(start) if positive else start),
                dtype=self.state_dtype,
                constraint=_Within(math.log(self.settings["largest_scale"])) if positive else None,
            )
            setattr(self, _variable_name(name), variable)

    def _current(self, dtype: Any) -> dict[str, Tensor]:
        found = {}
        for name in self.settings["names"]:
            value = ops.cast(ops.convert_to_tensor(getattr(self, _variable_name(name))), dtype)
            found[name] = ops.exp(value) if name in POSITIVE else value
        return found

    def get_settings(self) -> dict[str, float]:
        """The settings that are trained, as they are now."""
        return {name: float(value) for name, value in self._current(self.state_dtype).items()}

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        everyone = ops.ones(ops.shape(y_pred)[:1], dtype="bool")
        return self.compute_values(y_true, y_pred, everyone, False)

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        settings = {**self.loss.settings, **self._current(as_float(y_pred)[0].dtype)}
        return type(self.loss).function(y_true, y_pred, **settings, mask=counted)

    def get_config(self) -> dict[str, Any]:
        return {"loss": keras.saving.serialize_keras_object(self.loss), **super().get_config()}
