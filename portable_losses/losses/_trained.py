"""Settings of a loss that the optimizer trains: a temperature, a scale, a boundary."""

import inspect
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from portable_losses._inputs import require_above
from portable_losses._typing import Tensor
from portable_losses.losses._base import Loss, StatefulLoss, register
from portable_losses.losses._registry import get

POSITIVE = ("temperature", "scale", "gamma")  # the logarithms of these are trained
FREE = ("bias", "beta")


class _Within(keras.constraints.Constraint):
    def __init__(self, bound: float):
        self.bound = bound

    def __call__(self, value: Tensor) -> Tensor:
        return ops.clip(value, -self.bound, self.bound)


def _require_trainable(loss: Any, names: tuple[str, ...]) -> Loss:
    found = get(loss)
    can = []
    if isinstance(found, Loss):
        can = [name for name in (*POSITIVE, *FREE) if name in found.settings]
    if not names or not set(names) <= set(can):
        raise ValueError(
            "TrainedSettings takes a loss without state and the names of settings that can be "
            f"trained, such as CLIP() and 'temperature'; of this loss: {tuple(can)}. Received: "
            f"loss={loss!r}, names={names}."
        )
    if found.settings.get("block_size") is not None:
        raise ValueError(
            "A block of anchors sees no settings that are trained: `block_size` of the loss must be "
            f"None. Received: block_size={found.settings['block_size']!r}."
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
    CLIP; it is held within $\pm \log$ of `largest_scale`. The variables are named `log_temperature`,
    `bias` and so on, and `get_settings()` gives the values as they are.

    Args:
        loss: A loss without state, such as `CLIP()`, or its name. Its values are used; its own
            reduction, name and dtype are not.
        names: The name of the setting, or a list of them: `"temperature"`, `"scale"`, `"gamma"`,
            `"bias"` or `"beta"`.
        largest_scale: 100 in CLIP, whose temperature is thereby at least 0.01.
        reduction, name, dtype: As for any Keras loss. Variables are kept in float32 (float64 for
            `dtype="float64"`).

    Raises:
        ValueError: for a loss that has no such setting, or `block_size`.

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
        self.sees_others = "mask" in inspect.signature(type(self.loss).function).parameters
        self.build((None,), (None, 1))  # the variables are as they are for any batch

    def build_state(self, dim: int) -> None:
        self.trained = {}
        for name in self.settings["names"]:
            start, positive = self.loss.settings[name], name in POSITIVE
            self.trained[name] = self.add_weight(
                name=f"log_{name}" if positive else name,
                shape=(),
                initializer=keras.initializers.Constant(math.log(start) if positive else start),
                dtype=self.state_dtype,
                constraint=_Within(math.log(self.settings["largest_scale"])) if positive else None,
            )

    def current(self) -> dict[str, Tensor]:
        """The settings that are trained, as tensors."""
        found = {name: ops.convert_to_tensor(self.trained[name]) for name in self.trained}
        return {name: ops.exp(x) if name in POSITIVE else x for name, x in found.items()}

    def get_settings(self) -> dict[str, float]:
        """The settings that are trained, as they are now."""
        return {name: round(float(x), 6) for name, x in self.current().items()}

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.compute_values(y_true, y_pred, None, False)

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor | None, training: bool
    ) -> Tensor:
        others = {"mask": counted} if self.sees_others and counted is not None else {}
        settings = {**self.loss.settings, **self.current()}
        return type(self.loss).function(y_true, y_pred, **settings, **others)

    def get_config(self) -> dict[str, Any]:
        return {"loss": keras.saving.serialize_keras_object(self.loss), **super().get_config()}
