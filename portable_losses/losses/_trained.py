"""Settings of a loss that the optimizer trains: a temperature, a scale, a boundary."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from portable_losses._inputs import (
    as_class_ids,
    as_float,
    poison,
    require_above,
    require_count,
    require_within,
)
from portable_losses._typing import Tensor
from portable_losses.losses._base import Loss, StatefulLoss, register
from portable_losses.losses._centered import rows_of
from portable_losses.losses._margin_loss import MarginLoss
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
    return found


def _require_by_class(names: tuple[str, ...], loss: Loss, num_classes: int) -> None:
    require_count("num_classes", num_classes)
    if names != ("beta",) or not isinstance(loss, MarginLoss):
        raise ValueError(
            "`num_classes` is for one boundary of MarginLoss for each class: "
            f"TrainedSettings(MarginLoss(), 'beta', num_classes={num_classes}). Received: "
            f"loss={loss!r}, names={names}."
        )


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

    The margin loss may have a boundary for each class, that of the anchor, as its paper does:

        TrainedSettings(MarginLoss(beta=1.2), "beta", num_classes=100)

    Args:
        loss: A loss without state, such as `CLIP()`, or its name. Its values are used; its own
            reduction, name and dtype are not.
        names: The name of the setting, or a list of them: `"temperature"`, `"scale"`, `"gamma"`,
            `"bias"` or `"beta"`.
        largest_scale: 100 in CLIP, whose temperature it thereby keeps at 0.01 or above.
        num_classes: With `MarginLoss` and `"beta"`: how many classes there are, each with a
            boundary; labels are then ids from 0 on, or one-hot. None: one boundary for all.
        reduction, name, dtype: As for any Keras loss. Variables are kept in float32 (float64 for
            `dtype="float64"`).

    Raises:
        ValueError: for a loss that has no such setting, a setting that starts out of bounds, or
            `num_classes` for another one; and for labels that are no classes then.

    References:
        Alec Radford and others, "Learning Transferable Visual Models From Natural Language
        Supervision", ICML 2021, section 2.5. Xiaohua Zhai and others, "Sigmoid Loss for Language
        Image Pre-Training", ICCV 2023. Chao-Yuan Wu and others, "Sampling Matters in Deep Embedding
        Learning", ICCV 2017.

    Where peers differ:
        OpenCLIP keeps `logit_scale`, the logarithm of 1 / temperature, in the model.
        pytorch-metric-learning's `MarginLoss(learn_beta=True)` is this with `"beta"` of
        `MarginLoss`, and its `num_classes` the one here. Its `nu`, which draws boundaries down and
        is 0 by default, is not here.

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
        num_classes: int | None = None,
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
            num_classes=num_classes,
        )
        self.loss = _require_trainable(loss, names)
        if num_classes is not None:
            _require_by_class(names, self.loss, num_classes)
        for setting in set(names).intersection(POSITIVE):
            start = self.loss.settings[setting]
            require_within(setting, start, 1 / largest_scale, largest_scale)
        self.build((None,), (None, 1))  # the variables are as they are for any batch

    def build_state(self, dim: int) -> None:
        classes = self.settings["num_classes"]
        for name in self.settings["names"]:
            start, positive = self.loss.settings[name], name in POSITIVE
            variable = self.add_weight(
                name=_variable_name(name),
                shape=() if classes is None else (classes, 1),  # rows, as `rows_of` takes them
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

    def get_settings(self) -> dict[str, Any]:
        """The settings that are trained, as they are now: floats, or a list of one for each
        class."""
        if self.settings["num_classes"] is not None:
            return {"beta": ops.convert_to_numpy(self.beta)[:, 0].tolist()}
        return {name: float(value) for name, value in self._current(self.state_dtype).items()}

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        everyone = ops.ones(ops.shape(y_pred)[:1], dtype="bool")
        return self.compute_values(y_true, y_pred, everyone, False)

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        dtype, function = as_float(y_pred)[0].dtype, type(self.loss).function
        if self.settings["num_classes"] is None:
            settings = {**self.loss.settings, **self._current(dtype)}
            return function(y_true, y_pred, **settings, mask=counted)
        ids, valid = as_class_ids(y_true, self.settings["num_classes"])
        of_anchors = ops.cast(rows_of(self.beta, ids)[:, 0], dtype)
        settings = {**self.loss.settings, "beta": of_anchors}
        return poison(function(ids, y_pred, **settings, mask=counted), valid)

    def get_config(self) -> dict[str, Any]:
        return {"loss": keras.saving.serialize_keras_object(self.loss), **super().get_config()}
