"""The one abstract class: a metric that is the mean of a function's values per sample."""

from collections.abc import Callable
from typing import Any, ClassVar

import keras
from keras import ops

from portable_losses._numerics import divide
from portable_losses._reduction import mask_of, reduce
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import register as register


class FunctionMetric(keras.metrics.Metric):
    """Abstract: the weighted mean of a pure `function(y_true, y_pred, **settings)`.

    A subclass sets `function` and names its settings in `__init__`. Masks and weights count as
    they do for losses: `(N,)` weights hold for all values of a sample, and a value of weight 0
    adds nothing even if it is NaN. Sums are kept in float32 or wider.
    """

    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, *, name: str | None, dtype: Any, **settings: Any):
        super().__init__(name=name, dtype=dtype)
        self.settings = settings
        wide = "float64" if self.dtype == "float64" else "float32"
        self.total = self.add_variable((), "zeros", dtype=wide, name="total")
        self.count = self.add_variable((), "zeros", dtype=wide, name="count")

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        mask = mask_of(y_pred)
        values = ops.cast(type(self).function(y_true, y_pred, **self.settings), self.total.dtype)
        self.total.assign_add(reduce(values, sample_weight, mask, "sum"))
        self.count.assign_add(reduce(ops.ones_like(values), sample_weight, mask, "sum"))

    def result(self) -> Tensor:
        mean = divide(ops.convert_to_tensor(self.total), ops.convert_to_tensor(self.count))
        return ops.cast(mean, self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}
