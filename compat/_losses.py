"""Losses by the names, signatures and sums that old Keras code gives them.

Each can be handed to `compile` as it is, and made a saved loss with settings by
`portable_losses.losses.as_loss`: `as_loss(weighted_mse, weights=[...])`.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import keras
from keras import ops

from portable_losses import losses

Function = TypeVar("Function")


def _register(function: Function) -> Function:
    return keras.saving.register_keras_serializable("portable_losses.compat")(function)


@_register
def custom_mean_squared_error(y_true: Any, y_pred: Any, regularization_factor: float = 0.1) -> Any:
    """Old name of `losses.confidence_penalized_squared_error`.

    Old code averages over the whole batch inside, which leaves one number:
    `mean((y_true - y_pred)²) + regularization_factor * mean((0.5 - y_pred)²)`. This gives one
    value per sample, so that sample weights work; their mean is that number.

    Examples:
        >>> values = custom_mean_squared_error([[1.0, 0.0]], [[1.0, 0.5]], 0.4)
        >>> [round(float(value), 4) for value in values]
        [0.175]
    """
    return losses.confidence_penalized_squared_error(
        y_true, y_pred, regularization_factor=regularization_factor
    )


@_register
def custom_mse(regularization_factor: float) -> Callable[[Any, Any], Any]:
    """`custom_mean_squared_error` with its factor bound, as `compile(loss=custom_mse(0.4))`."""

    def custom_mse(y_true: Any, y_pred: Any) -> Any:
        return custom_mean_squared_error(y_true, y_pred, regularization_factor)

    return custom_mse


@_register
def huber(y_true: Any, y_pred: Any, threshold: float = 1.0) -> Any:
    """`losses.huber`, whose `delta` old code calls `threshold`.

    Old code returns a value per entry, this one per sample; their means are the same.

    Examples:
        >>> [float(value) for value in huber([[0.0, 0.0]], [[0.5, 3.0]], threshold=2.0)]
        [2.0625]
    """
    return losses.huber(y_true, y_pred, delta=threshold)


@_register
def weighted_mse(weights: Sequence[float]) -> Callable[[Any, Any], Any]:
    r"""Weighted squares summed over the whole batch, over the weights of one sample.

    $$ \frac{\sum_n \sum_i w_i (y_{ni} - \hat y_{ni})^2}{\sum_i w_i} $$

    This grows with the batch, and mixes its samples: each gets the number of the batch as its
    value, so that Keras' mean over the samples is that number. Sample weights can only scale it.
    `losses.WeightedSquaredError` has a value of its own for each sample; by the same weights this
    is the sum of those values.

    Examples:
        >>> loss = weighted_mse([0.25, 0.5, 1.0, 0.75])
        >>> values = loss([[0, 1, 1, 0], [0, 0, 1, 1]], [[0, 1, 0, 1], [1, 0, 1, 1]])
        >>> [round(float(value), 4) for value in values]
        [0.8, 0.8]
    """
    weights = losses.WeightedSquaredError(weights).settings["weights"]

    def weighted_mse(y_true: Any, y_pred: Any) -> Any:
        values = losses.weighted_squared_error(y_true, y_pred, weights)
        return ops.sum(values) * ops.ones_like(values)

    return weighted_mse


@_register
def weighted_rmse(weights: Sequence[float]) -> Callable[[Any, Any], Any]:
    r"""Root of weighted squares summed over the whole batch, over weights times batch size.

    $$ \frac{\sqrt{\sum_n \sum_i w_i (y_{ni} - \hat y_{ni})^2}}{N \sum_i w_i} $$

    Each sample gets the number of the batch as its value, as with `weighted_mse`.
    `losses.WeightedRootError` has a value of its own for each sample.

    Examples:
        >>> loss = weighted_rmse([1.0, 1.0])
        >>> [float(value) for value in loss([[0.0, 0.0], [0.0, 0.0]], [[3.0, 0.0], [0.0, 4.0]])]
        [1.25, 1.25]
    """
    weights = losses.WeightedRootError(weights).settings["weights"]

    def weighted_rmse(y_true: Any, y_pred: Any) -> Any:
        values = losses.weighted_root_error(y_true, y_pred, weights)
        # √(Σ r²) / N, of the samples' r = √(Σ w e²) / Σ w; finite in gradient where all r are 0.
        row = ops.reshape(values, (1, -1))
        total = losses.weighted_root_error(ops.zeros_like(row), row, ops.ones_like(row))
        return total * ops.ones_like(values)

    return weighted_rmse
