"""`tf.nn`: activations, cross-entropies, normalisation, dropout; TF1's argument names and TF2's."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from .. import _dispatch
from .._dispatch import operation
from ._indexing import require_in_range
from ._math import absolute, larger, safe_sqrt, smaller
from ._reductions import log_sum_exp, mean, total
from ._tensors import axes as _axes
from ._tensors import (
    dtype_of,
    either,
    is_floating,
    same,
    seen,
    tensor,
    without_padding,
    zeros_where,
)


def _activation(name: str, compute: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function of one tensor, which TF calls `features`, `logits`, `x`, `t` or `value`."""

    def function(features: Any = None, name: str | None = None, **named: Any) -> Any:
        given = [value for value in (features, *named.values()) if value is not None]
        if len(given) != 1 or set(named) - {"logits", "x", "t", "value"}:
            raise TypeError(f"tf.nn.{function.__name__} takes one tensor.")
        return compute(tensor(given[0]))

    function.__name__ = name
    function.__doc__ = f"`tf.nn.{name}`."
    return operation(f"tf.nn.{name}")(function)


def _selu(x: Any) -> Any:
    below = 1.7580993408473766 * ops.expm1(smaller(x, ops.zeros_like(x)))
    return ops.where(x < 0, below, 1.0507009873554805 * x)


def _softsign(x: Any) -> Any:
    return x / (1 + absolute(x))


relu = _activation("relu", ops.relu)
relu6 = _activation("relu6", lambda x: ops.where(x < 6, ops.relu(x), ops.full_like(x, 6)))
elu, selu = _activation("elu", ops.elu), _activation("selu", _selu)
softplus, softsign = _activation("softplus", ops.softplus), _activation("softsign", _softsign)
swish = _activation("swish", lambda x: x * ops.sigmoid(x))
zero_fraction = _activation("zero_fraction", lambda x: mean(ops.cast(ops.equal(x, 0), "float32")))
l2_loss = _activation("l2_loss", lambda t: 0.5 * ops.sum(ops.square(t)))


@operation("tf.nn.leaky_relu")
def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Any:
    """`tf.nn.leaky_relu`."""
    x, alpha = same(features, alpha)
    return ops.where(x > 0, x, alpha * x)


@operation("tf.nn.crelu")
def crelu(features: Any, name: str | None = None, axis: int = -1) -> Any:
    """`tf.nn.crelu`."""
    x = tensor(features)
    return ops.relu(ops.concatenate([x, -x], axis=axis))


def _softmax(x: Any, axis: int) -> Any:
    shifted = ops.exp(x - ops.stop_gradient(ops.amax(x, axis=axis, keepdims=True)))
    return shifted / ops.sum(shifted, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: int) -> Any:
    return x - log_sum_exp(x, axis, True)


def _over_logits(name: str, compute: Callable[[Any, int], Any]) -> Callable[..., Any]:
    def function(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
        return compute(tensor(logits), either(axis, dim, "axis and dim", -1))

    function.__name__ = name
    function.__doc__ = f"`tf.nn.{name}`."
    return operation(f"tf.nn.{name}")(function)


softmax, log_softmax = _over_logits("softmax", _softmax), _over_logits("log_softmax", _log_softmax)


@operation("tf.nn.l2_normalize")
def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Any:
    """`tf.nn.l2_normalize`: x / √max(Σx², 1e-12); over all entries unless an axis is given."""
    x = tensor(x)
    squares = total(ops.square(x), _axes(axis, dim), True)
    return x * ops.rsqrt(larger(*same(squares, epsilon)))


def _pair(labels: Any, logits: Any, function: str) -> tuple[Any, Any]:
    if labels is None or logits is None:
        raise ValueError(f"{function}: both labels and logits must be given, by name.")
    x = tensor(logits)
    return tensor(labels, dtype_of(x)), x


def soft_entropy(labels: Any, logits: Any, axis: int = -1) -> Any:
    """−Σ z·log softmax x, with TF's gradient: softmax x − z, even if labels do not add up to 1."""
    shifted = logits - ops.stop_gradient(ops.amax(logits, axis=axis, keepdims=True))
    scale = ops.log(ops.sum(ops.exp(shifted), axis=axis))
    surplus = ops.sum(labels, axis=axis) - 1
    return scale - ops.sum(labels * shifted, axis=axis) + surplus * ops.stop_gradient(scale)


@operation("tf.nn.softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy_with_logits_v2(
    labels: Any = None,
    logits: Any = None,
    axis: Any = None,
    name: str | None = None,
    dim: Any = None,
) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits_v2`, and TF2's function without the suffix: the
    labels get their gradient too."""
    true, x = _pair(labels, logits, "tf.nn.softmax_cross_entropy_with_logits_v2")
    return soft_entropy(true, x, either(axis, dim, "axis and dim", -1))


@operation("tf.nn.softmax_cross_entropy_with_logits")
def softmax_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    dim: Any = None,
    name: str | None = None,
    axis: Any = None,
) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits` of TF1: labels are constants to the gradient."""
    true, x = _pair(labels, logits, "tf.nn.softmax_cross_entropy_with_logits")
    return soft_entropy(ops.stop_gradient(true), x, either(axis, dim, "axis and dim", -1))


@operation("tf.nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`. A label out of range raises where it can
    be seen, and makes NaN where not, as on TF's GPU."""
    if labels is None or logits is None:
        raise ValueError(
            "tf.nn.sparse_softmax_cross_entropy_with_logits: both labels and logits must be given."
        )
    ids, x = tensor(labels), tensor(logits)
    if is_floating(ids):
        ids = ops.cast(ids, "int32")
    if len(ids.shape) != len(x.shape) - 1:
        raise ValueError(
            "tf.nn.sparse_softmax_cross_entropy_with_logits: labels have one axis less than "
            f"logits. Received: shapes {tuple(ids.shape)} and {tuple(x.shape)}."
        )
    n = ops.shape(x)[-1]
    require_in_range(ids, n, "tf.nn.sparse_softmax_cross_entropy_with_logits: labels")
    inside = ops.logical_and(ids >= 0, ids < n)
    rows = ops.expand_dims(ops.where(inside, ids, ops.zeros_like(ids)), -1)
    found = -ops.squeeze(ops.take_along_axis(_log_softmax(x, -1), rows, axis=-1), axis=-1)
    return ops.where(inside, found, ops.full_like(found, float("nan")))


def sigmoid_entropy(labels: Any, logits: Any) -> Any:
    """max(x, 0) − x·z + log(1 + e^−|x|), whose gradient is σ(x) − z at 0 too."""
    return ops.softplus(logits) - logits * labels


@operation("tf.nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """`tf.nn.sigmoid_cross_entropy_with_logits`."""
    true, x = _pair(labels, logits, "tf.nn.sigmoid_cross_entropy_with_logits")
    _require_same_shape(true, x, "tf.nn.sigmoid_cross_entropy_with_logits")
    return sigmoid_entropy(true, x)


@operation("tf.nn.weighted_cross_entropy_with_logits")
def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Any:
    """`tf.nn.weighted_cross_entropy_with_logits`: (1 − z)·x + (1 + (w − 1)·z)·log(1 + e^−x)."""
    labels = either(labels, targets, "labels and targets")
    true, x = _pair(labels, logits, "tf.nn.weighted_cross_entropy_with_logits")
    _require_same_shape(true, x, "tf.nn.weighted_cross_entropy_with_logits")
    weight = tensor(pos_weight, dtype_of(x))
    # TF's gradient at 0 is that of the first term alone.
    rest = ops.log1p(ops.exp(-absolute(x))) + ops.relu(-x)
    return (1 - true) * x + (1 + (weight - 1) * true) * rest


def _require_same_shape(labels: Any, logits: Any, function: str) -> None:
    if tuple(labels.shape) != tuple(logits.shape) and None not in (*labels.shape, *logits.shape):
        raise ValueError(
            f"{function}: labels and logits must have the same shape. Received: "
            f"{tuple(labels.shape)} and {tuple(logits.shape)}."
        )


@operation("tf.nn.log_poisson_loss")
def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Any:
    """`tf.nn.log_poisson_loss`: eˣ − z·x, with `compute_full_loss` Stirling's term too."""
    true, x = same(targets, log_input)
    found = ops.exp(x) - x * true
    if not compute_full_loss:
        return found
    held = ops.where(true > 1, true, ops.ones_like(true))
    stirling = held * ops.log(held) - held + 0.5 * ops.log(2 * 3.141592653589793 * held)
    return found + ops.where(true > 1, stirling, ops.zeros_like(true))


@operation("tf.nn.dropout", random=True)
def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: Any = None,
    name: str | None = None,
    rate: Any = None,
) -> Any:
    """`tf.nn.dropout`: TF1's second argument is the share that is kept, TF2's the one that is not;
    by position it is the former, by name `rate` is the latter."""
    if (keep_prob is None) == (rate is None):
        raise ValueError("tf.nn.dropout: give one of keep_prob and rate.")
    share = rate if keep_prob is None else 1 - keep_prob
    known = seen(share)
    if known is not None and not 0 <= known < 1:
        raise ValueError(f"tf.nn.dropout: rate must be in [0, 1). Received: {known}.")
    x = tensor(x)
    if known is not None and known == 0:
        return x
    sizes = ops.shape(x) if noise_shape is None else tuple(noise_shape)
    drawn = keras.random.uniform(sizes, dtype=dtype_of(x), seed=_dispatch.seed(seed))
    kept = drawn >= ops.cast(share, dtype_of(x))
    return ops.where(kept, x / (1 - ops.cast(share, dtype_of(x))), ops.zeros_like(x))


@operation("tf.nn.embedding_lookup")
def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Any:
    """`tf.nn.embedding_lookup` in one table; with `max_norm`, rows are shortened to it."""
    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise ValueError("tf.nn.embedding_lookup: a table in several parts; join them first.")
        (params,) = params
    table, rows = tensor(params), tensor(ids)
    require_in_range(rows, ops.shape(table)[0], "tf.nn.embedding_lookup")
    rows, absent = without_padding(rows)
    found = zeros_where(absent, ops.take(table, rows, axis=0))
    if max_norm is None:
        return found
    over = tuple(range(len(rows.shape), len(found.shape)))
    return clipped_by_norm(found, tensor(max_norm, dtype_of(found)), over)


def clipped_by_norm(x: Any, limit: Any, axis: Any) -> Any:
    """x · limit / max(‖x‖, limit)."""
    length = safe_sqrt(total(ops.square(x), axis, True))
    return x * limit / larger(length, ops.broadcast_to(limit, ops.shape(length)))


@operation("tf.clip_by_norm")
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """`tf.clip_by_norm`."""
    x, limit = same(t, clip_norm)
    return clipped_by_norm(x, limit, _axes(axes))


def _norm_of_all(tensors: Any) -> Any:
    found = [ops.sum(ops.square(tensor(x))) for x in tensors if x is not None]
    if not found:
        raise ValueError("tf.global_norm: no tensors were given.")
    return safe_sqrt(sum(found[1:], found[0]))


@operation("tf.global_norm")
def global_norm(t_list: Any, name: str | None = None) -> Any:
    """`tf.global_norm`: √Σ‖t‖²."""
    return _norm_of_all(t_list)


@operation("tf.clip_by_global_norm")
def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> Any:
    """`tf.clip_by_global_norm`: the list and its norm; NaN where the norm is not finite."""
    length = _norm_of_all(t_list) if use_norm is None else tensor(use_norm)
    length, limit = same(length, clip_norm)
    scale = limit * smaller(1 / ops.where(length > 0, length, limit), 1 / limit)
    scale = ops.where(ops.isfinite(length), scale, ops.full_like(scale, float("nan")))
    return [None if t is None else tensor(t) * scale for t in t_list], length


@operation("tf.nn.bias_add")
def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """`tf.nn.bias_add`."""
    x, b = same(value, bias)
    if data_format in ("NCHW", "NC..", "channels_first"):
        b = ops.reshape(b, (-1,) + (1,) * (len(x.shape) - 2))
    return x + b


@operation("tf.nn.batch_normalization")
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: Any,
    name: str | None = None,
) -> Any:
    """`tf.nn.batch_normalization`."""
    x, m, v = same(x, mean, variance)
    slope = ops.rsqrt(v + variance_epsilon)
    if scale is not None:
        slope = slope * tensor(scale, dtype_of(x))
    found = (x - m) * slope
    return found if offset is None else found + tensor(offset, dtype_of(x))
