"""`tf.metrics` of TF1: pairs of a value and an update operation over batches, in a graph.

A metric is two pure functions: the sums of a batch, one tensor, and its value from the sums of all
batches. `streaming` keeps the sums in a local variable of the graph.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from keras import ops

from .._dispatch import operation
from ._indexing import confusion_matrix, top_k
from ._losses import broadcast_weights
from ._math import absolute, convert, larger, quotient_or_zero, safe_sqrt, smaller
from ._metric_variables import SCOPES, VARIABLES, WHOLE, require_graph, streaming
from ._reductions import total
from ._segments import add_up
from ._tensors import dtype_of, same, seen, tensor

EPSILON = 1e-7


class Metric(NamedTuple):
    """Attributes:
    sums: From a batch to one float32 tensor, which is added over batches.
    value: From the sums to the metric.
    """

    sums: Callable[..., Any]
    value: Callable[..., Any]


def _ratio(sums: Any) -> Any:
    """The first of two sums over the second, 0 where that is 0."""
    return quotient_or_zero(sums[0], sums[1])


def _fitted(predictions: Any, labels: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Predictions, labels and weights, where one of them has an axis of size 1 at the end more
    than the others."""
    x = tensor(predictions)
    y = None if labels is None else tensor(labels)
    if y is not None:
        if len(x.shape) == len(y.shape) + 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, -1)
        elif len(y.shape) == len(x.shape) + 1 and y.shape[-1] == 1:
            y = ops.squeeze(y, -1)
        if len(x.shape) != len(y.shape):
            raise ValueError(f"Shapes {tuple(x.shape)} and {tuple(y.shape)} are incompatible.")
    if weights is None:
        return x, y, None
    w = convert(weights, "float32")
    if w.shape and len(w.shape) == len(x.shape) + 1 and w.shape[-1] == 1:
        w = ops.squeeze(w, -1)
    elif w.shape and len(w.shape) == len(x.shape) - 1:
        w = ops.expand_dims(w, -1)
    return x, y, w


def _sums_of(values: Any, weights: Any) -> Any:
    """(Σ w·v, Σ w)."""
    v = convert(values, "float32")
    v, _, w = _fitted(v, None, weights)
    w = ops.ones_like(v) if w is None else broadcast_weights(w, v)
    return ops.stack([total(v * w), total(w)])


def _of_pairs(compute: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def sums(labels: Any, predictions: Any, weights: Any = None) -> Any:
        x, y, w = _fitted(predictions, labels, weights)
        return _sums_of(compute(*same(y, x)), w)

    return sums


def _correct(labels: Any, predictions: Any, weights: Any = None) -> Any:
    x, y, w = _fitted(predictions, labels, weights)
    return _sums_of(ops.equal(convert(x, dtype_of(y)), y), w)


def _relative(labels: Any, predictions: Any, normalizer: Any, weights: Any = None) -> Any:
    x, y, w = _fitted(predictions, labels, weights)
    n = tensor(normalizer, dtype_of(x))
    return _sums_of(quotient_or_zero(absolute(convert(y, dtype_of(x)) - x), n), w)


def _cosines(labels: Any, predictions: Any, dim: int, weights: Any = None) -> Any:
    x, y, w = _fitted(predictions, labels, weights)
    return _sums_of(total(x * convert(y, dtype_of(x)), dim, True), w)


def _below(values: Any, threshold: Any, weights: Any = None) -> Any:
    return _sums_of(tensor(values) < threshold, weights)


def _mean_sums(values: Any, weights: Any = None) -> Any:
    return _sums_of(values, weights)


def _tensor_sums(values: Any, weights: Any = None) -> Any:
    v, _, w = _fitted(convert(values, "float32"), None, weights)
    w = ops.ones_like(v) if w is None else broadcast_weights(w, v)
    return ops.stack([v * w, w])


def _confusion(labels: Any, predictions: Any, weights: Any, thresholds: Any) -> Any:
    """True positives, false negatives, true negatives, false positives, in (4, thresholds)."""
    x, y, w = _fitted(convert(predictions, "float32"), convert(labels, "bool"), weights)
    w = ops.ones_like(x) if w is None else broadcast_weights(w, x)
    x, y, w = (ops.reshape(v, (1, -1)) for v in (x, convert(y, "float32"), w))
    marks = ops.reshape(ops.convert_to_tensor(thresholds, dtype="float32"), (-1, 1))
    found = convert(x > marks, "float32")
    kinds = [y * found, y * (1 - found), (1 - y) * (1 - found), (1 - y) * found]
    return ops.stack([total(kind * w, 1) for kind in kinds])


def _counts(labels: Any, predictions: Any, weights: Any = None) -> Any:
    """The same four of a prediction that is positive or not."""
    positive = convert(convert(predictions, "bool"), "float32")
    return _confusion(labels, positive, weights, [0.5])[:, 0]


def _counts_at(labels: Any, predictions: Any, thresholds: Any, weights: Any = None) -> Any:
    _require_probabilities(predictions)
    return _confusion(labels, predictions, weights, list(thresholds))


def _require_probabilities(predictions: Any) -> None:
    found = seen(predictions)
    if found is not None and found.size and not (found.min() >= 0 and found.max() <= 1):
        raise ValueError(
            f"predictions must be in [0, 1]. Received: {found.min()} to {found.max()}."
        )


def _thresholds(num_thresholds: int, thresholds: Sequence[float] | None = None) -> list[float]:
    inner = (
        [(i + 1) * 1.0 / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        if thresholds is None
        else sorted(thresholds)
    )
    return [-EPSILON, *inner, 1.0 + EPSILON]


def _auc_sums(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    curve: str = "ROC",
    summation_method: str = "trapezoidal",
    thresholds: Any = None,
) -> Any:
    _require_probabilities(predictions)
    return _confusion(labels, predictions, weights, _thresholds(num_thresholds, thresholds))


def _auc(
    sums: Any,
    num_thresholds: int = 200,
    curve: str = "ROC",
    summation_method: str = "trapezoidal",
    thresholds: Any = None,
) -> Any:
    if curve not in ("ROC", "PR"):
        raise ValueError(f"curve must be either ROC or PR, {curve} unknown")
    positive, missed, negative, false = (sums[i] for i in range(4))
    if curve == "PR" and summation_method == "careful_interpolation":
        return _interpolated(positive, false, missed)
    small = 1.0e-6
    recall = (positive + small) / (positive + missed + small)
    if curve == "ROC":
        x, y = false / (false + negative + small), recall
    else:
        x, y = recall, (positive + small) / (positive + false + small)
    steps, left, right = x[:-1] - x[1:], y[:-1], y[1:]
    heights = {
        "trapezoidal": (left + right) / 2.0,
        "careful_interpolation": (left + right) / 2.0,
        "minoring": smaller(left, right),
        "majoring": larger(left, right),
    }
    if summation_method not in heights:
        raise ValueError(f"Invalid summation_method: {summation_method}")
    return total(steps * heights[summation_method])


def _interpolated(positive: Any, false: Any, missed: Any) -> Any:
    """The area under precision and recall, between thresholds as Davis and Goadrich, "The
    relationship between precision-recall and ROC curves" (2006), interpolate."""
    gained, called = positive[:-1] - positive[1:], positive + false
    slope = quotient_or_zero(gained, ops.relu(called[:-1] - called[1:]))
    intercept = positive[1:] - slope * called[1:]
    both = ops.logical_and(called[:-1] > 0, called[1:] > 0)
    ratio = quotient_or_zero(called[:-1], called[1:])
    ratio = ops.where(both, ratio, ops.ones_like(ratio))
    area = slope * (gained + intercept * ops.log(ratio))
    return total(quotient_or_zero(area, positive[1:] + missed[1:]))


def _sensitivity(sums: Any, specificity: float, num_thresholds: int = 200) -> Any:
    positive, missed, negative, false = (sums[i] for i in range(4))
    found = negative / (negative + false + EPSILON)
    index = ops.argmin(ops.abs(found - specificity))
    positive, missed = ops.take(positive, index), ops.take(missed, index)
    return positive / (positive + missed + EPSILON)


def _sensitivity_sums(
    labels: Any,
    predictions: Any,
    specificity: float,
    weights: Any = None,
    num_thresholds: int = 200,
) -> Any:
    return _auc_sums(labels, predictions, weights, num_thresholds)


def _matrix(labels: Any, predictions: Any, num_classes: int, weights: Any = None) -> Any:
    return confusion_matrix(labels, predictions, num_classes, dtype="float32", weights=weights)


def _iou(sums: Any, num_classes: int | None = None) -> Any:
    own = ops.diagonal(sums)
    either = total(sums, 0) + total(sums, 1) - own
    present = convert(ops.not_equal(either, 0), "float32")
    return quotient_or_zero(total(quotient_or_zero(own, either)), total(present))


def _by_class(labels: Any, predictions: Any, num_classes: int, weights: Any = None) -> Any:
    y = ops.reshape(convert(labels, "int32"), (-1,))
    x = ops.reshape(convert(predictions, "int32"), (-1,))
    w = ops.ones_like(convert(y, "float32"))
    if weights is not None:
        w = w * ops.reshape(convert(weights, "float32"), (-1,))
    right = w * convert(ops.equal(x, y), "float32")
    return ops.stack([add_up(right, y, num_classes), add_up(w, y, num_classes)])


def _class_mean(sums: Any, num_classes: int | None = None) -> Any:
    shares = quotient_or_zero(sums[0], sums[1])
    return total(shares) / shares.shape[0]


def _hits(labels: Any, predictions: Any, k: int, class_id: Any = None, weights: Any = None) -> Any:
    """Labels (N,) or (N, L) that are among the k largest predictions, and those that are not."""
    y, best = _of_k(labels, predictions, k)
    hit = ops.any(ops.equal(ops.expand_dims(y, -1), ops.expand_dims(best, -2)), axis=-1)
    return _right_and_wrong(hit, y >= 0 if class_id is None else ops.equal(y, class_id), weights)


def _called(
    labels: Any, predictions: Any, k: int, class_id: Any = None, weights: Any = None
) -> Any:
    """The k largest predictions that are among the labels, and those that are not."""
    y, best = _of_k(labels, predictions, k)
    hit = ops.any(ops.equal(ops.expand_dims(best, -1), ops.expand_dims(y, -2)), axis=-1)
    return _right_and_wrong(
        hit, best >= 0 if class_id is None else ops.equal(best, class_id), weights
    )


def _of_k(labels: Any, predictions: Any, k: int) -> tuple[Any, Any]:
    y, x = convert(labels, "int32"), tensor(predictions)
    y = ops.expand_dims(y, -1) if len(y.shape) == len(x.shape) - 1 else y
    return y, convert(top_k(x, k)[1], "int32")


def _right_and_wrong(hit: Any, counted: Any, weights: Any) -> Any:
    w = 1.0 if weights is None else ops.expand_dims(convert(weights, "float32"), -1)
    hit, counted = convert(hit, "float32"), convert(counted, "float32") * w
    return ops.stack([total(hit * counted), total((1 - hit) * counted)])


def _share(first: int, second: int, epsilon: float = 0.0) -> Callable[..., Any]:
    def value(sums: Any, **_: Any) -> Any:
        whole = sums[first] + sums[second]
        return sums[first] / (epsilon + whole) if epsilon else quotient_or_zero(sums[first], whole)

    return value


def _one(kind: int) -> Callable[..., Any]:
    return lambda sums, **_: sums[kind]


def _plain(sums: Any, **_: Any) -> Any:
    return _ratio(sums)


METRICS = {
    "mean": Metric(_mean_sums, _plain),
    "mean_tensor": Metric(_tensor_sums, _plain),
    "accuracy": Metric(_correct, _plain),
    "mean_absolute_error": Metric(_of_pairs(lambda y, x: absolute(x - y)), _plain),
    "mean_squared_error": Metric(_of_pairs(lambda y, x: ops.square(x - y)), _plain),
    "root_mean_squared_error": Metric(
        _of_pairs(lambda y, x: ops.square(x - y)), lambda sums, **_: safe_sqrt(_ratio(sums))
    ),
    "mean_relative_error": Metric(_relative, _plain),
    "mean_cosine_distance": Metric(_cosines, lambda sums, **_: 1.0 - _ratio(sums)),
    "percentage_below": Metric(_below, _plain),
    "true_positives": Metric(_counts, _one(0)),
    "false_negatives": Metric(_counts, _one(1)),
    "true_negatives": Metric(_counts, _one(2)),
    "false_positives": Metric(_counts, _one(3)),
    "precision": Metric(_counts, _share(0, 3)),
    "recall": Metric(_counts, _share(0, 1)),
    "true_positives_at_thresholds": Metric(_counts_at, _one(0)),
    "false_negatives_at_thresholds": Metric(_counts_at, _one(1)),
    "true_negatives_at_thresholds": Metric(_counts_at, _one(2)),
    "false_positives_at_thresholds": Metric(_counts_at, _one(3)),
    "precision_at_thresholds": Metric(_counts_at, _share(0, 3, EPSILON)),
    "recall_at_thresholds": Metric(_counts_at, _share(0, 1, EPSILON)),
    "recall_at_k": Metric(_hits, _share(0, 1)),
    "precision_at_k": Metric(_called, _share(0, 1)),
    "auc": Metric(_auc_sums, _auc),
    "sensitivity_at_specificity": Metric(_sensitivity_sums, _sensitivity),
    "mean_iou": Metric(_matrix, _iou),
    "mean_per_class_accuracy": Metric(_by_class, _class_mean),
}


def settings_of(name: str) -> list[str]:
    """The arguments of a metric that its value needs too."""
    order = inspect.signature(METRICS[name].sums).parameters
    return [key for key in inspect.signature(METRICS[name].value).parameters if key in order]


def _function(name: str, metric: Metric) -> Callable[..., Any]:
    sums = operation(f"tf.metrics.{name}.sums")(metric.sums)
    value = operation(f"tf.metrics.{name}.value")(metric.value)
    order = list(inspect.signature(metric.sums).parameters)
    settings = settings_of(name)

    def function(*args: Any, **kwargs: Any) -> Any:
        collections = {
            kind: kwargs.pop(f"{kind}_collections", None) for kind in ("metrics", "updates")
        }
        own = kwargs.pop("name", None)
        given = dict(zip(order, args, strict=False)) | kwargs
        require_graph(f"tf.metrics.{name}", given.values())
        names, scope = VARIABLES.get(name, ()), own or SCOPES.get(name, name)
        if name.endswith("_at_k"):  # recall_at_5_class2, and its variables so too
            class_id = given.get("class_id")
            kind = f"_at_{given['k']}" + ("" if class_id is None else f"_class{class_id}")
            names = tuple(part + kind for part in names)
            scope = own or name.removesuffix("_at_k") + kind
        whole = WHOLE.get(name, "sums")
        kept = {key: given[key] for key in settings if key in given}
        return streaming(
            scope, names, sums(**given), lambda x: value(x, **kept), whole=whole, **collections
        )

    function.__name__ = name
    function.__doc__ = f"`tf.metrics.{name}`({', '.join(order)}): a value and its update."
    return function


@operation("tf.contrib.metrics.accuracy")
def accuracy(predictions: Any, labels: Any, weights: Any = None, name: str | None = None) -> Any:
    """`tf.contrib.metrics.accuracy`: the share of this batch that is right. It broadcasts: labels
    (B, 1) against predictions (B,) are B x B comparisons, where `tf.metrics.accuracy` squeezes."""
    x, y = tensor(predictions), tensor(labels)
    return _ratio(_sums_of(ops.equal(convert(x, dtype_of(y)), y), weights))


FUNCTIONS = {name: _function(name, metric) for name, metric in METRICS.items()}
