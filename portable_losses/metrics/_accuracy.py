"""Accuracies: predictions whose largest entry is that of the right class."""

from typing import Any

from keras import ops

from portable_losses._inputs import as_class_ids, as_float, poison
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.metrics._base import FunctionMetric, register


@register
def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    r"""Whether the largest prediction is that of the right class.

    $$ a = [\arg\max_c \hat y_c = y] $$

    Args:
        y_true: Class ids of shape `(N,)` or `(N, 1)`, integer or whole floats (3.0 is class 3),
            or one-hot or soft labels of shape `(N, C)`, of which the largest entry counts.
        y_pred: Logits or probabilities, of shape `(N, C)`. Sequences `(N, T, C)` take labels
            with an axis `T` too.

    Returns:
        1 or 0 for each sample, of shape `(N,)` or `(N, T)`, in the dtype of `y_pred`. Of equal
        predictions the first counts; a sample with a NaN among its predictions counts as wrong.
        NaN for an id that is fractional or out of range, seen only inside of a compiled function.

    Raises:
        ValueError: for shapes that do not fit, fewer than two classes, or, where values can be
            seen, an id that is fractional or out of range.

    Where peers differ:
        Keras has one metric for ids and one for one-hot labels; both round 3.5 down to a class
        or never match it, and count out-of-range ids as wrong.

    Examples:
        >>> values = categorical_accuracy([0, 2.0], [[2.0, 1.0, 0.0], [0.1, 0.7, 0.2]])
        >>> [float(value) for value in values]
        [1.0, 0.0]
    """
    y_pred, dtype = as_float(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if len(pred) < 2 or pred[-1] < 2:
        raise ValueError(
            "Predictions must have an entry for each of two classes or more, of shape (N, C). "
            f"Received: y_pred.shape={pred}. For one probability per sample, use "
            "keras.metrics.BinaryAccuracy."
        )
    if len(true) == len(pred) and true[-1] == pred[-1]:
        y_true = ops.argmax(y_true, axis=-1)
    elif len(true) == len(pred) and true[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    true = tuple(y_true.shape)
    if len(true) != len(pred) - 1 or any(
        t != p for t, p in zip(true, pred[:-1], strict=True) if None not in (t, p)
    ):
        raise ValueError(
            "Labels must be class ids with one entry for each sample, or one-hot with the shape "
            f"of the predictions. Received: y_true.shape={true}, y_pred.shape={pred}."
        )
    ids, valid = as_class_ids(ops.reshape(y_true, (-1,)), pred[-1])
    rows = ops.reshape(y_pred, (-1, pred[-1]))
    right = ops.equal(ids, ops.cast(ops.argmax(rows, axis=-1), "int32"))
    right = ops.logical_and(right, ops.logical_not(ops.any(ops.isnan(rows), axis=-1)))
    values = poison(ops.cast(right, y_pred.dtype), valid)
    return ops.cast(ops.reshape(values, ops.shape(y_pred)[:-1]), dtype)


@register
class CategoricalAccuracy(FunctionMetric):
    """The share of right predictions, of any labels; see `categorical_accuracy`.

    Args:
        name, dtype: As for any Keras metric.

    Examples:
        >>> metric = CategoricalAccuracy()
        >>> metric.update_state([0, 1], [[2.0, 1.0], [0.6, 0.4]], sample_weight=[3.0, 1.0])
        >>> float(metric.result())
        0.75
    """

    function = staticmethod(categorical_accuracy)

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)


@register
class CategoricalTruePositives(FunctionMetric):
    """The number of right predictions, each counted by its weight; see `categorical_accuracy`.

    Args:
        name, dtype: As for any Keras metric.

    Examples:
        >>> metric = CategoricalTruePositives()
        >>> metric.update_state([0, 1], [[2.0, 1.0], [0.4, 0.6]], sample_weight=[3.0, 1.0])
        >>> float(metric.result())
        4.0
    """

    function = staticmethod(categorical_accuracy)

    def __init__(self, name: str | None = "categorical_true_positives", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    def result(self) -> Tensor:
        # A copy: on PyTorch the variable's tensor is the variable, which moves on.
        return ops.cast(ops.copy(self.total), self.dtype)
