"""`tf.contrib.layers.l2_regularizer`: penalties that `tf.get_variable(regularizer=...)` takes."""

from collections.abc import Callable
from typing import Any

from . import _math
from ._nn import l2_loss
from ._reductions import reduce_sum


def _regularizer(function: str, norm: Callable[[Any], Any]) -> Callable[..., Any]:
    def regularizer(scale: Any, scope: str | None = None) -> Callable[[Any], Any]:
        if isinstance(scale, int) or (isinstance(scale, float) and scale < 0):
            raise ValueError(f"{function}: scale must be a float from 0 on. Received: {scale!r}.")
        if isinstance(scale, float) and scale == 0.0:  # else a tensor
            return lambda weights: None
        return lambda weights: _math.multiply(scale, norm(weights))

    regularizer.__name__ = function
    return regularizer


l1_regularizer = _regularizer("l1_regularizer", lambda weights: reduce_sum(_math.abs(weights)))
l2_regularizer = _regularizer("l2_regularizer", l2_loss)
