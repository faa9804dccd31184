"""A weighted sum of losses, each of which is seen in the logs."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from portable_losses import _backend
from portable_losses._numerics import masked_mean
from portable_losses._typing import Tensor
from portable_losses.losses._base import Loss, StatefulLoss, register
from portable_losses.losses._inner import saved
from portable_losses.losses._registry import get

Part = Loss | StatefulLoss


def _as_part(name: str, loss: Any) -> Part:
    found = get(loss)
    if not isinstance(found, Part):
        raise ValueError(
            "WeightedSum takes losses of this library as parts, with state or without. Received: "
            f"{loss!r} for {name!r}. A function becomes one by `as_loss`."
        )
    return found


@register
class WeightedSum(StatefulLoss):
    r"""A weighted sum of losses of the same targets and predictions.

    $$ \ell_i = \sum_k w_k \, \mathcal{L}_{k, i} $$

    In a `LossModel`, each part is in the logs and in `History` under its name, without its weight:
    the mean of its values over the samples that count.

    Args:
        parts: Losses of this library by name, with state or without, or their names; each of one
            value per sample. Their own reductions, names and dtypes are not used.
        weights: Their weights by name; 1 for those that are not named.
        reduction, name, dtype: As for any Keras loss.

    Call:
        `loss(y_true, y_pred, sample_weight=None, training=...)`, as for any loss with state. All
        parts see the same targets; for losses of different outputs give a dict of losses to
        `LossModel`.

    Attributes:
        parts: The losses, with their state, such as `parts["center"].centers`.

    Raises:
        ValueError: for no parts, parts that are no losses of this library, and weights for none.

    Examples:
        >>> from portable_losses.losses import CenterLoss, SoftmaxCenterLoss, SupCon
        >>> loss = WeightedSum({"supcon": SupCon(), "center": CenterLoss(3)}, {"center": 0.1})
        >>> float(loss([0, 1], [[3.0, 0.0], [0.0, 4.0]], training=False))  # 0 + 0.1 * (9 + 16) / 4
        0.625
    """

    def __init__(
        self,
        parts: Mapping[str, Any],
        weights: Mapping[str, float] | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "weighted_sum",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        found = {key: _as_part(key, loss) for key, loss in parts.items()}
        weights = dict(weights or {})
        if not found or not set(weights) <= set(found):
            raise ValueError(
                "WeightedSum takes a dict of losses by name, and weights for names among them. "
                f"Received: losses for {list(found)}, weights for {list(weights)}."
            )
        self.parts = found
        self.weights_by_name = {key: float(weight) for key, weight in weights.items()}
        self.part_trackers = {key: keras.metrics.Mean(name=key) for key in found}
        stateful = [loss for loss in found.values() if isinstance(loss, StatefulLoss)]
        if all(loss.built for loss in stateful):
            self.built = True

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        for loss in self.parts.values():
            if isinstance(loss, StatefulLoss) and not loss.built:
                loss.build(y_true_shape, y_pred_shape)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        everyone = ops.ones(ops.shape(y_pred)[:1], dtype="bool")
        return self._sum(self._values(y_true, y_pred, everyone, False))

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        values = self._values(y_true, y_pred, counted, training)
        samples = ops.sum(ops.cast(counted, "float32"))
        for name, part in values.items():
            tracker = self.part_trackers[name]
            if not any(_backend.is_lost(variable, y_pred) for variable in tracker.variables):
                rows = ops.reshape(counted, (-1,) + (1,) * (len(part.shape) - 1))
                rows = ops.logical_and(rows, ops.ones_like(part, dtype="bool"))
                mean = masked_mean(ops.stop_gradient(part), rows)
                tracker.update_state(mean, sample_weight=samples)
        return self._sum(values)

    def _values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> dict[str, Tensor]:
        values = {}
        for name, loss in self.parts.items():
            if isinstance(loss, StatefulLoss):
                if self._moves(loss, training) and loss.update_first:
                    loss.update(y_true, ops.stop_gradient(y_pred), counted)
                values[name] = loss.compute_values(y_true, y_pred, counted, training)
            else:
                others = {"mask": counted} if loss.sees_others else {}
                values[name] = loss.call(y_true, y_pred, **others)
        return values

    def _moves(self, loss: StatefulLoss, training: bool) -> bool:
        return training and self.trainable and loss.trainable

    def _sum(self, values: dict[str, Tensor]) -> Tensor:
        total = 0.0
        for name, part in values.items():
            total = total + self.weights_by_name.get(name, 1.0) * part
        return total

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        for loss in self.parts.values():
            if isinstance(loss, StatefulLoss) and loss.trainable and not loss.update_first:
                loss.update(y_true, y_pred, counted)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "parts": dict(self.parts)}
        return saved({**config, "weights": dict(self.weights_by_name)})
