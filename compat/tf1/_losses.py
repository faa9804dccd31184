"""`tf.losses` of TF1: losses with weights, reduced as TF1 does, and kept in a collection.

On tensors they give their value. In a graph the value also goes into the collection that
`tf.losses.get_total_loss` sums.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from .._dispatch import Deferred, operation
from ._graph import get_default_graph
from ._math import absolute, add_n, convert, quotient_or_zero, smaller
from ._nn import (
    sigmoid_entropy,
    soft_entropy,
    sparse_softmax_cross_entropy_with_logits,
)
from ._reductions import total
from ._sources import constant
from ._tensors import dtype_of, either, tensor

LOSSES = "losses"  # tf.GraphKeys.LOSSES


class Reduction:
    """`tf.losses.Reduction`; the names of TF2's are taken too."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS
    AUTO = "auto"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return (
            cls.NONE,
            cls.SUM,
            cls.MEAN,
            cls.SUM_OVER_BATCH_SIZE,
            cls.SUM_OVER_NONZERO_WEIGHTS,
            cls.SUM_BY_NONZERO_WEIGHTS,
        )

    @classmethod
    def validate(cls, key: str) -> None:
        if key not in cls.all():
            raise ValueError(
                f"Reduction must be one of tf.losses.Reduction's. Received: {key!r}. Expected one "
                f"of: {', '.join(cls.all())}."
            )


_OF_TF2 = {
    None: Reduction.NONE,
    "auto": Reduction.SUM_OVER_BATCH_SIZE,
    "sum": Reduction.SUM,
    "sum_over_batch_size": Reduction.SUM_OVER_BATCH_SIZE,
}


def broadcast_weights(weights: Any, values: Any, name: str | None = None) -> Any:
    """Weights of the shape of `values`: one for all, or of the same rank with sizes 1 where they
    are repeated."""
    w = tensor(weights, dtype_of(values))
    _require_broadcastable(w, values)
    return w * ops.ones_like(values)


def _require_broadcastable(weights: Any, values: Any) -> None:
    given, wanted = tuple(weights.shape), tuple(values.shape)
    fits = len(given) == len(wanted) and all(
        a in (1, None) or b is None or a == b for a, b in zip(given, wanted, strict=True)
    )
    if given and not fits:
        raise ValueError(
            "weights can not be broadcast to values: they must be a scalar, or have the rank of "
            f"the values and sizes that are equal or 1. weights.shape={given}, "
            f"values.shape={wanted}."
        )


def weighted(losses: Any, weights: Any, reduction: str | None) -> Any:
    """The losses times their weights, reduced; computed in float32."""
    reduction = _OF_TF2.get(reduction, reduction or "")
    Reduction.validate(reduction)
    losses, weights = tensor(losses), tensor(weights)
    dtype = dtype_of(losses)
    losses, weights = convert(losses, "float32"), convert(weights, "float32")
    _require_broadcastable(weights, losses)
    values = losses * weights
    if reduction == Reduction.NONE:
        return ops.cast(values, dtype)
    value = total(values)
    everywhere = ops.ones_like(losses)
    if reduction == Reduction.MEAN:
        value = quotient_or_zero(value, total(everywhere * weights))
    elif reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
        value = quotient_or_zero(value, total(_present(weights, everywhere)))
    elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
        value = quotient_or_zero(value, total(everywhere))
    return ops.cast(value, dtype)


def _present(weights: Any, like: Any) -> Any:
    """1 for each entry whose weight is not 0."""
    return ops.cast(ops.not_equal(weights, 0), "float32") * like


def _floats(labels: Any, predictions: Any) -> tuple[Any, Any]:
    if labels is None or predictions is None:
        raise ValueError("labels and predictions must not be None.")
    y, x = convert(labels, "float32"), convert(predictions, "float32")
    _require_same_shape(y, x)
    return y, x


def _like_logits(labels: Any, logits: Any) -> tuple[Any, Any]:
    if labels is None or logits is None:
        raise ValueError("labels and logits must not be None.")
    x = tensor(logits)
    y = convert(labels, dtype_of(x))
    _require_same_shape(y, x)
    return y, x


def _require_same_shape(y: Any, x: Any) -> None:
    given = tuple(y.shape), tuple(x.shape)
    if len(given[0]) != len(given[1]) or any(
        a != b and None not in (a, b) for a, b in zip(*given, strict=True)
    ):
        raise ValueError(f"Shapes {given[1]} and {given[0]} are incompatible.")


def collected(loss: Any, collection: Any) -> Any:
    """The loss, which a graph keeps in the collection as well."""
    if isinstance(loss, Deferred) and collection:
        names = collection if isinstance(collection, (list, tuple)) else [collection]
        for name in names:
            get_default_graph().add_to_collection(name, loss)
    return loss


def _loss(name: str, entries: Callable[..., Any], *settings: tuple[str, Any]) -> Callable[..., Any]:
    """A loss of `tf.losses`: what `entries` gives for labels, predictions and settings, weighted
    and reduced. Arguments have TF's order: settings stand where TF has them."""
    order = _ORDER[name]

    @operation(f"tf.losses.{name}")
    def compute(labels: Any, predictions: Any, weights: Any, reduction: str, **given: Any) -> Any:
        return weighted(entries(labels, predictions, **given), weights, reduction)

    def function(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(order, args, strict=False))
        unknown = [key for key in kwargs if key not in order or key in given]
        if len(args) > len(order) or unknown:
            raise TypeError(f"tf.losses.{name} takes {', '.join(order)}. Received: {unknown}.")
        usual: dict[str, Any] = {"weights": 1.0, "reduction": Reduction.SUM_BY_NONZERO_WEIGHTS}
        given = usual | given | kwargs
        given.pop("scope", None)
        collection = given.pop("loss_collection", LOSSES)
        missing = [key for key in order[:2] if key not in given]
        if missing:
            raise TypeError(f"tf.losses.{name}: {', '.join(missing)} must be given.")
        labels, predictions = (given.pop(key) for key in order[:2])
        value = compute(labels, predictions, given.pop("weights"), given.pop("reduction"), **given)
        return collected(value, collection)

    function.__name__ = name
    function.__doc__ = f"`tf.losses.{name}`({', '.join(order)})."
    return function


_END = ("scope", "loss_collection", "reduction")
_ORDER = {
    "absolute_difference": ("labels", "predictions", "weights", *_END),
    "cosine_distance": ("labels", "predictions", "axis", "weights", *_END, "dim"),
    "hinge_loss": ("labels", "logits", "weights", *_END),
    "huber_loss": ("labels", "predictions", "weights", "delta", *_END),
    "log_loss": ("labels", "predictions", "weights", "epsilon", *_END),
    "mean_squared_error": ("labels", "predictions", "weights", *_END),
    "sigmoid_cross_entropy": (
        "multi_class_labels",
        "logits",
        "weights",
        "label_smoothing",
        *_END,
    ),
    "softmax_cross_entropy": ("onehot_labels", "logits", "weights", "label_smoothing", *_END),
}


def _absolute(labels: Any, predictions: Any) -> Any:
    y, x = _floats(labels, predictions)
    return absolute(x - y)


def _squared(labels: Any, predictions: Any) -> Any:
    y, x = _floats(labels, predictions)
    return ops.square(x - y)


def _cosine(labels: Any, predictions: Any, axis: Any = None, dim: Any = None) -> Any:
    y, x = _floats(labels, predictions)
    axis = either(axis, dim, "axis and dim")
    if axis is None:
        raise ValueError("tf.losses.cosine_distance: you must specify 'axis'.")
    return 1 - total(x * y, axis, True)


def _hinge(labels: Any, logits: Any) -> Any:
    y, x = _floats(labels, logits)
    return ops.relu(1 - (2 * y - 1) * x)


def _huber(labels: Any, predictions: Any, delta: Any = 1.0) -> Any:
    y, x = _floats(labels, predictions)
    error = absolute(x - y)
    quadratic = smaller(error, ops.full_like(error, delta))
    return 0.5 * quadratic * quadratic + delta * (error - quadratic)


def _log(labels: Any, predictions: Any, epsilon: float = 1e-7) -> Any:
    y, x = _floats(labels, predictions)
    rest = 1 - x
    # XLA would make (1 + ε) − x of 1 − x + ε, which is another number where x is 1.
    rest = epsilon * (1 + rest / epsilon) if epsilon else rest
    return -y * ops.log(x + epsilon) - (1 - y) * ops.log(rest)


def _sigmoid(labels: Any, logits: Any, label_smoothing: float = 0) -> Any:
    y, x = _like_logits(labels, logits)
    if label_smoothing > 0:
        y = y * (1 - label_smoothing) + 0.5 * label_smoothing
    return sigmoid_entropy(y, x)


def _softmax(labels: Any, logits: Any, label_smoothing: float = 0) -> Any:
    y, x = _like_logits(labels, logits)
    if label_smoothing > 0:
        y = y * (1.0 - label_smoothing) + label_smoothing / ops.shape(y)[-1]
    return soft_entropy(ops.stop_gradient(y), x)


absolute_difference = _loss("absolute_difference", _absolute)
cosine_distance = _loss("cosine_distance", _cosine)
hinge_loss = _loss("hinge_loss", _hinge)
huber_loss = _loss("huber_loss", _huber)
log_loss = _loss("log_loss", _log)
mean_squared_error = _loss("mean_squared_error", _squared)
sigmoid_cross_entropy = _loss("sigmoid_cross_entropy", _sigmoid)
softmax_cross_entropy = _loss("softmax_cross_entropy", _softmax)


@operation("tf.losses.sparse_softmax_cross_entropy")
def _sparse(labels: Any, logits: Any, weights: Any, reduction: str) -> Any:
    y, x, w = tensor(labels), tensor(logits), tensor(weights)
    if len(y.shape) == len(x.shape) and y.shape[-1] == 1:
        y = ops.squeeze(y, -1)
    if len(w.shape) == len(y.shape) + 1 and w.shape[-1] == 1:
        w = ops.squeeze(w, -1)
    values = sparse_softmax_cross_entropy_with_logits(labels=y, logits=x)
    return weighted(values, w, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """`tf.losses.sparse_softmax_cross_entropy`: labels are ids, (N,) or (N, 1)."""
    return collected(_sparse(labels, logits, weights, reduction), loss_collection)


_weighted = operation("tf.losses.compute_weighted_loss")(weighted)


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """`tf.losses.compute_weighted_loss`."""
    return collected(_weighted(losses, weights, reduction), loss_collection)


@operation("tf.losses.mean_pairwise_squared_error")
def _pairwise(labels: Any, predictions: Any, weights: Any) -> Any:
    y, x = _floats(labels, predictions)
    w = convert(weights, "float32")
    _require_broadcastable(w, y)
    over = tuple(range(1, len(x.shape)))
    difference = x - y
    n = total(_present(w, ops.ones_like(difference)), over, True)
    squares = total(ops.square(difference), over, True)
    square = ops.square(total(difference, over, True))
    first = 2.0 * quotient_or_zero(squares, ops.relu(n - 1))
    second = 2.0 * quotient_or_zero(square, ops.relu(n * (n - 1)))
    value = total((first - second) * w)
    return ops.where(total(n) > 0, value, ops.zeros_like(value))


def mean_pairwise_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = LOSSES,
) -> Any:
    """`tf.losses.mean_pairwise_squared_error`: of the differences within each sample."""
    return collected(_pairwise(labels, predictions, weights), loss_collection)


def add_loss(loss: Any, loss_collection: Any = LOSSES) -> None:
    """`tf.losses.add_loss`: into the collection of the graph."""
    if not isinstance(loss, Deferred):
        raise ValueError(
            "tf.losses.add_loss keeps a loss of a graph; this one has its value already. Sum the "
            "losses, or call `add_loss` of a keras.layers.Layer."
        )
    collected(loss, loss_collection)


def get_losses(scope: str | None = None, loss_collection: Any = LOSSES) -> Any:
    """`tf.losses.get_losses`: what the graph has collected."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> Any:
    """`tf.losses.get_regularization_losses`."""
    return get_losses(scope, "regularization_losses")


def get_regularization_loss(
    scope: str | None = None, name: str = "total_regularization_loss"
) -> Any:
    """`tf.losses.get_regularization_loss`: their sum, or 0."""
    found = get_regularization_losses(scope)
    return add_n(found) if found else constant(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Any:
    """`tf.losses.get_total_loss`: the sum of all collected losses."""
    found = list(get_losses(scope))
    if add_regularization_losses:
        found += get_regularization_losses(scope)
    return add_n(found)


Huber, Loss = keras.losses.Huber, keras.losses.Loss
