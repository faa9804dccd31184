"""What the variants of old center losses add to the core's: their own reads, terms and counts."""

from typing import Any

from keras import ops

from portable_losses import _backend, losses


def ids_of(labels: Any, num_classes: int) -> Any:
    """Ids `(N,)`, int32 and in range. The core checks them: it says what is wrong, and makes the
    values of wrong ids in a trace NaN."""
    if len(labels.shape) == 2 and labels.shape[1] == num_classes and num_classes > 1:
        return ops.cast(ops.argmax(labels, axis=-1), "int32")
    return ops.clip(ops.cast(ops.reshape(labels, (-1,)), "int32"), 0, num_classes - 1)


def rows(table: Any, ids: Any) -> Any:
    """`table[ids]`, with a gradient by one row for each class, as the core reads it."""
    return ops.take(_backend.take_rows(table, ids), first_of_class(ids), axis=0)


def first_of_class(ids: Any) -> Any:
    """The first sample of the batch with the same class, `(N,)`."""
    same = ops.equal(ops.expand_dims(ids, 1), ops.expand_dims(ids, 0))
    return ops.argmax(ops.cast(same, "int32"), axis=1)


def count_step(steps: Any, labels: Any) -> None:
    """One more step for each class of the batch."""
    ids = ids_of(labels, steps.shape[0])
    first = ops.cast(first_of_class(ids), "int32")
    ones = ops.equal(first, ops.arange(ids.shape[0] or ops.shape(ids)[0], dtype="int32"))
    if len(labels.shape) == 1 or labels.shape[1] == 1:  # an id out of range counts for no class
        flat = ops.cast(ops.reshape(labels, (-1,)), "int32")
        ones = ops.logical_and(ones, ops.equal(flat, ids))
    _backend.add_rows(steps, ids, ops.cast(ops.expand_dims(ones, 1), steps.dtype))


def unit(x: Any) -> Any:
    """`tf.nn.l2_normalize` of the last axis, with its 1e-12."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-12))


def git_term(x: Any, centers: Any) -> Any:
    """The mean of 1 / (1 + (x_i - c_k)²) over all i, k of the batch and all features, where
    i = k is taken as no difference."""
    apart = ops.expand_dims(x, 1) - ops.expand_dims(centers, 0)
    count = ops.shape(x)[0]
    others = 1 - ops.eye(count, dtype=x.dtype)
    return ops.mean(1 / (1 + ops.square(apart * ops.expand_dims(others, -1))))


def island_term(centers: Any, weight: float) -> Any:
    """`weight` times Σ_{j≠k} (cos(c_j, c_k) + 1): the island loss of a center by itself."""
    zero = ops.zeros((1,), dtype="int32")
    own = ops.stop_gradient(_backend.take_rows(centers, zero))
    return ops.sum(losses.island_loss(zero, own, centers, weight=weight))
