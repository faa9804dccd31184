"""The local variables of `tf.metrics`, by TF1's names: what a metric adds up over batches."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._dispatch import Deferred
from ._variables import GraphKeys, Variable, assign_add

_MEAN = ("total", "count")
_COUNTS = ("true_positives", "false_negatives", "true_negatives", "false_positives")
# The local variables of TF1, one for each row of the sums; an empty name is a row that it does not
# keep. A metric that is not here keeps its sums in one variable.
VARIABLES: dict[str, tuple[str, ...]] = {
    "auc": _COUNTS,
    "sensitivity_at_specificity": _COUNTS,
    "mean_tensor": ("total_tensor", "count_tensor"),
    "precision": ("true_positives/count", "", "", "false_positives/count"),
    "recall": ("true_positives/count", "false_negatives/count", "", ""),
    "precision_at_thresholds": ("true_positives", "", "", "false_positives"),
    "recall_at_thresholds": ("true_positives", "false_negatives", "", ""),
    "recall_at_k": ("true_positive", "false_negative"),
    "precision_at_k": ("true_positive", "false_positive"),
}
VARIABLES |= dict.fromkeys(
    (
        "mean accuracy mean_absolute_error mean_squared_error root_mean_squared_error "
        "mean_relative_error mean_cosine_distance percentage_below mean_per_class_accuracy"
    ).split(),
    _MEAN,
)
for _i, _kind in enumerate(_COUNTS):
    VARIABLES[_kind] = ("",) * _i + ("count",) + ("",) * (3 - _i)
# What TF1 calls them where it does not say the function's name.
SCOPES = {
    "mean_tensor": "mean",
    "mean_per_class_accuracy": "mean_accuracy",
    "percentage_below": "percentage_below_threshold",
}


# What TF1 calls the one variable of a metric that keeps its sums in one.
WHOLE = {"mean_iou": "total_confusion_matrix"}


def local(name: str, shape: list[int], dtype: str = "float32") -> Variable:
    """A local variable of zeros, as metrics keep."""
    return Variable(
        np.zeros(shape, dtype),
        trainable=False,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
        name=name,
    )


def streaming(
    scope: str,
    names: tuple[str, ...],
    sums: Any,
    value: Callable[[Any], Any],
    metrics: Any,
    updates: Any,
    whole: str = "sums",
) -> tuple[Any, Any]:
    """The value of the sums so far, and the operation that adds these and gives the value then."""
    shape = sums.shape.as_list()
    now: Any
    then: Any
    with sums.graph.name_scope(scope):
        if names:
            now = [local(name, shape[1:]) if name else 0.0 for name in names]
            then = [assign_add(v, sums[i]) if names[i] else 0.0 for i, v in enumerate(now)]
        else:
            now = local(whole, shape)
            then = assign_add(now, sums)
        found, moved = value(now), value(then)
    for collections, node in ((metrics, found), (updates, moved)):
        for collection in [collections] if isinstance(collections, str) else collections or ():
            sums.graph.add_to_collection(collection, node)
    return found, moved


def require_graph(function: str, given: Iterable[Any]) -> None:
    if not any(isinstance(x, Deferred) for x in given):
        raise RuntimeError(
            f"{function} is not supported when eager execution is enabled: it keeps its sums in a "
            "graph. Use a keras.metrics.Metric."
        )
