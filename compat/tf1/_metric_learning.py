"""`tf.contrib.losses.metric_learning`, with the figures of TF 1.15.

`portable_losses.losses` has these losses with other settings, on any backend and in less memory;
these are for code that should run as it is. The semi-hard loss takes memory of the cube of the
batch, as TF's does.
"""

from typing import Any

from keras import ops

from .._dispatch import operation
from ._math import larger, safe_sqrt
from ._nn import soft_entropy
from ._reductions import mean, total
from ._tensors import dtype_of, tensor


def _distances(x: Any, squared: bool) -> Any:
    """Distances of all pairs by the Gram matrix; exactly 0, in gradient too, where it says 0."""
    squares = total(ops.square(x), 1, True)
    found = squares + ops.transpose(squares) - 2.0 * ops.matmul(x, ops.transpose(x))
    own = ops.eye(ops.shape(x)[0], dtype="bool")
    apart = ops.logical_and(found > 0, ops.logical_not(own))
    if not squared:
        found = safe_sqrt(ops.where(apart, found, ops.zeros_like(found)))
    return ops.where(apart, found, ops.zeros_like(found))


def _batch(labels: Any, embeddings: Any, function: str) -> tuple[Any, Any]:
    ids, x = tensor(labels), tensor(embeddings)
    if len(ids.shape) != 1:
        raise ValueError(
            f"{function}: labels must have shape (N,). Received: {tuple(ids.shape)}. "
            "Use tf.reshape(labels, [-1])."
        )
    return ids, x


def _adjacency(ids: Any) -> Any:
    return ops.equal(ops.expand_dims(ids, 1), ops.expand_dims(ids, 0))


def _positives(adjacency: Any, dtype: str) -> Any:
    """1 for each pair of two samples of one class."""
    own = ops.eye(ops.shape(adjacency)[0], dtype="bool")
    return ops.cast(ops.logical_and(adjacency, ops.logical_not(own)), dtype)


@operation("tf.contrib.losses.metric_learning.contrastive_loss")
def contrastive_loss(
    labels: Any, embeddings_anchor: Any, embeddings_positive: Any, margin: float = 1.0
) -> Any:
    """`contrastive_loss`: labels are 1 for a pair of one class. Where both embeddings are the same
    the gradient is 0, TF's is NaN."""
    ids, x = _batch(labels, embeddings_anchor, "contrastive_loss")
    y = ops.cast(ids, dtype_of(x))
    distance = safe_sqrt(total(ops.square(x - tensor(embeddings_positive, dtype_of(x))), 1))
    short = margin - distance
    short = larger(short, ops.zeros_like(short))
    return mean(y * ops.square(distance) + (1.0 - y) * ops.square(short))


@operation("tf.contrib.losses.metric_learning.triplet_semihard_loss")
def triplet_semihard_loss(labels: Any, embeddings: Any, margin: float = 1.0) -> Any:
    """`triplet_semihard_loss`: squared distances; over all pairs of one class, each with the
    nearest negative that is farther than the positive, or the farthest negative. A batch without
    such a pair gives 0, TF gives NaN."""
    ids, x = _batch(labels, embeddings, "triplet_semihard_loss")
    distances, adjacency = _distances(x, True), _adjacency(ids)
    different = ops.logical_not(adjacency)
    # [anchor, positive, negative]: the negatives that are farther than the positive.
    positive, negative = ops.expand_dims(distances, 2), ops.expand_dims(distances, 1)
    farther = ops.logical_and(ops.expand_dims(different, 1), negative > positive)
    top = ops.expand_dims(ops.amax(distances, axis=1, keepdims=True), 1)
    kept = ops.cast(farther, dtype_of(x))
    outside = ops.amin((negative - top) * kept, axis=2) + top[:, 0]
    bottom = ops.amin(distances, axis=1, keepdims=True)
    apart = ops.cast(different, dtype_of(x))
    inside = ops.amax((distances - bottom) * apart, axis=1, keepdims=True) + bottom
    hard = ops.where(ops.any(farther, axis=2), outside, inside)
    pairs = _positives(adjacency, dtype_of(x))
    losses = (margin + distances - hard) * pairs
    losses = larger(losses, ops.zeros_like(losses))
    count = total(pairs)
    return total(losses) / ops.where(count > 0, count, ops.ones_like(count))


@operation("tf.contrib.losses.metric_learning.lifted_struct_loss")
def lifted_struct_loss(labels: Any, embeddings: Any, margin: float = 1.0) -> Any:
    """`lifted_struct_loss`. A batch without a pair of one class, or without two classes, gives 0;
    TF gives NaN."""
    ids, x = _batch(labels, embeddings, "lifted_struct_loss")
    distances, adjacency = _distances(x, False), _adjacency(ids)
    apart = ops.cast(ops.logical_not(adjacency), dtype_of(x))
    room = margin - distances
    bottom = ops.amin(room, axis=1, keepdims=True)
    highest = ops.amax((room - bottom) * apart, axis=1, keepdims=True) + bottom
    highest = larger(highest, ops.transpose(highest))
    # [i, j]: over the negatives of i, relative to the highest of i and j.
    shifted = ops.expand_dims(room, 1) - ops.expand_dims(highest, 2)
    summed = total(ops.exp(shifted) * ops.expand_dims(apart, 1), 2)
    both = summed + ops.transpose(summed)
    some = both > 0
    pairs = _positives(adjacency, dtype_of(x))
    logs = ops.log(ops.where(some, both, ops.ones_like(both)))
    losses = ops.where(some, highest + logs + distances, ops.zeros_like(both)) * pairs
    losses = larger(losses, ops.zeros_like(losses))
    count = total(pairs) / 2.0
    return 0.25 * total(ops.square(losses)) / ops.where(count > 0, count, ops.ones_like(count))


def _npairs(alike: Any, anchor: Any, positive: Any, reg_lambda: float) -> Any:
    lengths = mean(total(ops.square(anchor), 1)) + mean(total(ops.square(positive), 1))
    similarity = ops.matmul(anchor, ops.transpose(positive))
    shares = ops.cast(alike, dtype_of(similarity))
    count = total(shares, 1, True)
    shares = shares / ops.where(count > 0, count, ops.ones_like(count))
    return 0.25 * reg_lambda * lengths + mean(soft_entropy(ops.stop_gradient(shares), similarity))


@operation("tf.contrib.losses.metric_learning.npairs_loss")
def npairs_loss(
    labels: Any,
    embeddings_anchor: Any,
    embeddings_positive: Any,
    reg_lambda: float = 0.002,
    print_losses: bool = False,
) -> Any:
    """`npairs_loss`."""
    ids, x = _batch(labels, embeddings_anchor, "npairs_loss")
    return _npairs(_adjacency(ids), x, tensor(embeddings_positive, dtype_of(x)), reg_lambda)


@operation("tf.contrib.losses.metric_learning.npairs_loss_multilabel")
def npairs_loss_multilabel(
    sparse_labels: Any,
    embeddings_anchor: Any,
    embeddings_positive: Any,
    reg_lambda: float = 0.002,
    print_losses: bool = False,
) -> Any:
    """`npairs_loss_multilabel`: labels are dense here, (N, C) of 0 and 1, where TF takes a list of
    sparse tensors; the similarity of two samples is the number of labels that they share."""
    x = tensor(embeddings_anchor)
    y = tensor(sparse_labels, dtype_of(x))
    y = ops.reshape(y, (ops.shape(x)[0], -1))
    shared = ops.matmul(y, ops.transpose(y))
    return _npairs(shared, x, tensor(embeddings_positive, dtype_of(x)), reg_lambda)
