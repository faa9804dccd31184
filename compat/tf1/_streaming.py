"""Older names of `tf.metrics`: the `streaming_` functions of `tf.contrib.metrics`; and the
confusion matrix over batches, which packages took out of TensorFlow's own module."""

from collections.abc import Callable
from typing import Any

from ._indexing import confusion_matrix
from ._metric_variables import local, require_graph
from ._metrics import FUNCTIONS
from ._tensors import size
from ._variables import assign_add


def _predictions_first(name: str, order: tuple[str, ...]) -> Callable[..., Any]:
    def function(predictions: Any, labels: Any, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(order, args, strict=False)) if order else {}
        rest = () if order else args
        return FUNCTIONS[name](labels, predictions, *rest, **given, **kwargs)

    function.__name__ = f"streaming_{name}"
    function.__doc__ = (
        f"`tf.contrib.metrics.streaming_{name}`: `tf.metrics.{name}`, predictions first."
    )
    return function


def streaming_confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any, weights: Any = None
) -> tuple[Any, Any]:
    """`tensorflow.python.ops.metrics_impl._streaming_confusion_matrix`: the matrix so far, rows are
    labels, and the operation that adds a batch to it."""
    require_graph("_streaming_confusion_matrix", (labels, predictions, weights))
    batch = confusion_matrix(labels, predictions, num_classes, dtype="float64", weights=weights)
    n = size(num_classes)
    kept = local("total_confusion_matrix", [n, n], "float64")
    return kept, assign_add(kept, batch)


# What takes predictions first: all that `tf.metrics` has, but for the order of some arguments.
_SAME = (
    "accuracy auc false_negatives false_negatives_at_thresholds false_positives "
    "false_positives_at_thresholds mean_absolute_error mean_cosine_distance mean_iou "
    "mean_relative_error mean_squared_error precision precision_at_thresholds recall "
    "recall_at_thresholds root_mean_squared_error sensitivity_at_specificity true_negatives "
    "true_negatives_at_thresholds true_positives true_positives_at_thresholds"
).split()
STREAMING: dict[str, Callable[..., Any]] = {name: _predictions_first(name, ()) for name in _SAME}
STREAMING |= {
    "mean": FUNCTIONS["mean"],
    "mean_tensor": FUNCTIONS["mean_tensor"],
    "percentage_less": FUNCTIONS["percentage_below"],
    "recall_at_k": _predictions_first("recall_at_k", ("k", "weights")),
    "sparse_recall_at_k": _predictions_first("recall_at_k", ()),
}
