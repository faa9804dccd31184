"""Anchors against references: what every loss of embeddings begins with.

The protocol of such a loss, held by `docs/decisions/0004-anchors-and-references.md`, is

    f(y_true, y_pred, *, <settings>, ref_labels=None, ref_embeddings=None, ref_mask=None, mask=None)

with one value per anchor. It calls `pairs` with its arguments, `masks` for who belongs together,
and one of the distances or similarities below for the numbers, all of shape (anchors, references).
Nothing here has an entry for each anchor, reference and coordinate at once.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from portable_losses import _backend, _numerics
from portable_losses._inputs import (
    as_float,
    as_labels,
    require_choice,
    require_count,
    require_same_batch,
)
from portable_losses._numerics import divide
from portable_losses._typing import ArrayLike, Tensor

PROTOCOL = ("ref_labels", "ref_embeddings", "ref_mask", "mask")


class Pairs(NamedTuple):
    """N anchors and M references. A block of anchors is a slice of each field that has N rows.

    Attributes:
        x, ids, counted: The anchors: embeddings `(N, d)`, ids `(N,)`, and which of them count.
        ref_x, ref_ids: The references: `(M, d)` and `(M,)`.
        exists: Which references there are, bool `(1, M)`, or `(N, M)` if it differs by anchor.
        own: The row of each anchor among the references, `(N,)`; None where they are other
            samples.
        dtype: What a result should be cast to.
    """

    x: Tensor
    ids: Tensor
    counted: Tensor
    ref_x: Tensor
    ref_ids: Tensor
    exists: Tensor
    own: Tensor | None
    dtype: str


def pairs(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Pairs:
    """All that a loss needs to know of a batch and its references.

    Embeddings of samples that do not count become zeros: they may be NaN, and a gradient of
    0 · NaN would be too.
    """
    x, dtype = as_float(y_pred)
    if len(x.shape) != 2:
        raise ValueError(
            "Embeddings must have shape (N, d): one vector per sample. Received: "
            f"y_pred.shape={tuple(x.shape)}."
        )
    ids = as_ids(y_true)
    require_same_batch(ids, x)
    counted = ops.ones_like(x[:, 0], dtype="bool")
    if mask is not None:
        counted = ops.logical_and(counted, _as_mask(mask, "mask", [x.shape[:1]]))
    x = _where_rows(counted, x)
    given = [part is not None for part in (ref_labels, ref_embeddings, ref_mask)]
    if given[0] != given[1] or given[2] > given[0]:
        names = [name for name, there in zip(PROTOCOL, given, strict=False) if there]
        raise ValueError(
            "`ref_labels` and `ref_embeddings` must be given together, and `ref_mask` only with "
            f"them. Received: {' and '.join(names)} alone."
        )
    if ref_labels is None:
        own = ops.arange(ops.shape(x)[0], dtype="int32")
        return Pairs(x, ids, counted, x, ids, ops.expand_dims(counted, 0), own, dtype)
    ref_x, ref_ids = ops.cast(ops.convert_to_tensor(ref_embeddings), x.dtype), as_ids(ref_labels)
    if len(ref_x.shape) != 2 or ref_x.shape[1] != x.shape[1]:
        raise ValueError(
            "References must have shape (M, d), with embeddings as long as those of y_pred. "
            f"Received: ref_embeddings.shape={tuple(ref_x.shape)}, y_pred.shape={tuple(x.shape)}."
        )
    require_same_batch(ref_ids, ref_x)
    if ref_mask is None:
        exists = ops.ones_like(ref_x[:, 0], dtype="bool")
    else:
        exists = _as_mask(ref_mask, "ref_mask", [ref_x.shape[:1], (x.shape[0], ref_x.shape[0])])
        ref_x = _where_rows(exists if len(exists.shape) == 1 else ops.any(exists, axis=0), ref_x)
    if len(exists.shape) == 1:
        exists = ops.expand_dims(exists, 0)
    return Pairs(x, ids, counted, ref_x, ref_ids, exists, None, dtype)


def masks(found: Pairs) -> tuple[Tensor, Tensor]:
    """Which references are of the anchor's class and which of another, bool `(N, M)` each. No
    anchor is its own reference."""
    exists = found.exists
    if found.own is not None:
        rows = ops.arange(ops.shape(found.ref_x)[0], dtype=found.own.dtype)
        others = ops.not_equal(ops.expand_dims(found.own, 1), ops.expand_dims(rows, 0))
        exists = ops.logical_and(exists, others)
    same = ops.equal(ops.expand_dims(found.ids, 1), ops.expand_dims(found.ref_ids, 0))
    return ops.logical_and(exists, same), ops.logical_and(exists, ops.logical_not(same))


def views(y_true: ArrayLike, y_pred: ArrayLike, mask: ArrayLike | None = None) -> Pairs:
    """Two embeddings of each sample: the first are anchors, the second their references."""
    if isinstance(y_pred, tuple | list) and len(y_pred) == 2 and hasattr(y_pred[0], "shape"):
        first, second = y_pred
    else:
        y_pred = ops.convert_to_tensor(y_pred)
        if len(y_pred.shape) != 3 or y_pred.shape[1] != 2:
            raise ValueError(
                "`y_pred` must hold two embeddings of each sample: a tensor of shape (N, 2, d), or "
                "a tuple of two tensors of shape (N, d). Received: "
                f"y_pred.shape={tuple(y_pred.shape)}."
            )
        first, second = y_pred[:, 0], y_pred[:, 1]
    if len(first.shape) == 2 and tuple(first.shape) != tuple(second.shape):
        raise ValueError(
            "Both embeddings of a sample must have the same shape. Received: y_pred of shapes "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )
    found = pairs(y_true, first, mask=mask)
    second = _where_rows(found.counted, ops.cast(ops.convert_to_tensor(second), found.x.dtype))
    return found._replace(ref_x=second, own=None)


def swapped(found: Pairs) -> Pairs:
    """The second views as anchors of the first."""
    return found._replace(x=found.ref_x, ref_x=found.x)


def joined(found: Pairs) -> Pairs:
    """Both views of all samples as one batch: the first views, then the second."""
    x, ids = ops.concatenate([found.x, found.ref_x]), ops.concatenate([found.ids] * 2)
    counted = ops.concatenate([found.counted] * 2)
    own = ops.arange(ops.shape(x)[0], dtype="int32")
    return Pairs(x, ids, counted, x, ids, ops.expand_dims(counted, 0), own, found.dtype)


def with_units(found: Pairs) -> Pairs:
    """Embeddings at length 1; a zero vector stays zero, with gradient 0."""
    x = _numerics.normalize(found.x)
    return found._replace(
        x=x, ref_x=x if found.ref_x is found.x else _numerics.normalize(found.ref_x)
    )


# Labels -------------------------------------------------------------------------------------


def as_ids(labels: ArrayLike) -> Tensor:
    """Ids `(N,)` from `(N,)`, `(N, 1)` or one-hot rows `(N, C)`: any numbers, compared as such."""
    labels = as_labels(labels)
    shape = tuple(labels.shape)
    if len(shape) == 2 and shape[1] == 1:
        return ops.squeeze(labels, -1)
    if len(shape) == 2:
        values = _backend.concrete(labels)
        if values is not None and ((values != 0).sum(axis=1) != 1).any():
            raise ValueError(
                f"Labels of shape {shape} must be one-hot: one entry in each row that is not 0. "
                "Received a row with none or several."
            )
        return ops.cast(ops.argmax(labels, axis=-1), "int32")
    if len(shape) != 1:
        raise ValueError(
            "Labels must be ids of shape (N,) or (N, 1), or one-hot rows of shape (N, C). "
            f"Received: labels of shape {shape}."
        )
    return labels


def _as_mask(mask: ArrayLike, name: str, shapes: list[tuple[int | None, ...]]) -> Tensor:
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
    have = tuple(mask.shape)
    for want in shapes:
        if len(have) == len(want) and all(
            h == w or None in (h, w) for h, w in zip(have, want, strict=True)
        ):
            return mask
    raise ValueError(
        f"`{name}` must have shape {' or '.join(str(tuple(want)) for want in shapes)}. "
        f"Received: {name}.shape={have}."
    )


def _where_rows(mask: Tensor, x: Tensor) -> Tensor:
    return ops.where(ops.expand_dims(mask, 1), x, ops.zeros_like(x))


# Similarities and distances, (N, d) and (M, d) to (N, M) ------------------------------------


def dot(x: Tensor, y: Tensor) -> Tensor:
    return x @ ops.transpose(y)  # `ops.matmul` computes float64 in float32 on PyTorch (Keras 3.15)


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """Cosine of the angle; 0 and gradient 0 to a zero vector."""
    return dot(_numerics.normalize(x), _numerics.normalize(y))


def squared_euclidean(x: Tensor, y: Tensor) -> Tensor:
    """‖x − y‖², exact for near vectors too: the value is the sum of squared differences.

    The gradient is that of ‖x‖² + ‖y‖² − 2x·y, which is 2(x − y) as well and needs no difference
    kept for each pair and coordinate. As a value that form loses all digits between near vectors.
    It is taken about the mean: a slope is a difference too, and far from the origin loses digits.
    """
    center = ops.stop_gradient(_numerics.mean(y, axis=0, keepdims=True))
    exact = _backend.squared_distances(ops.stop_gradient(x), ops.stop_gradient(y))
    x, y = x - center, y - center
    smooth = ops.sum(ops.square(x), axis=1, keepdims=True) - 2 * dot(x, y)
    smooth = smooth + ops.expand_dims(ops.sum(ops.square(y), axis=1), 0)
    return exact + (smooth - ops.stop_gradient(smooth))


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    """‖x − y‖; value 0 and gradient 0 between equal vectors."""
    return _numerics.sqrt(squared_euclidean(x, y))


def cosine_distance(x: Tensor, y: Tensor) -> Tensor:
    """1 − the cosine; 1 to a zero vector."""
    return 1 - cosine(x, y)


DISTANCES = {
    "euclidean": euclidean,
    "squared_euclidean": squared_euclidean,
    "cosine": cosine_distance,
}


def require_distance(distance: str) -> None:
    require_choice("distance", distance, tuple(DISTANCES))


# Values, one per anchor ---------------------------------------------------------------------


def per_anchor(found: Pairs, total: Tensor, count: Tensor) -> Tensor:
    """Values whose mean over the batch is Σ total / Σ count.

    Papers and peers average over pairs, triplets or the anchors that have some: over `count` of
    them, whose losses add up to `total`, `(N,)` each. A function returns one value per anchor, of
    which Keras takes the mean over the batch: `total` times N / Σ count. All are 0 where there is
    nothing to average. N is the number of anchors that count.
    """
    zeros = ops.zeros_like(total)
    count = ops.where(found.counted, ops.cast(count, total.dtype), zeros)
    total = ops.where(count > 0, total, zeros)
    samples = ops.sum(ops.cast(found.counted, total.dtype))
    return total * divide(samples, ops.sum(count))


def in_blocks(
    found: Pairs, function: Callable[[Pairs], tuple[Tensor, ...]], block_size: int | None
) -> list[Tensor]:
    """What `function` gives for the anchors, float `(N, ...)` of one shape each; if `block_size`
    says so, for so many anchors at a time, and then of no more than those are pairs held in memory.
    The gradient computes them once more, block by block.

    The last block is filled up with anchors that do not count. Of tensors, `function` may only
    see those of its argument.
    """
    size = found.x.shape[0]
    if block_size is None or (size is not None and size <= block_size):
        return list(function(found))
    rows = ops.shape(found.x)[0]
    missing = -rows % block_size
    each = found.exists.shape[0] != 1
    own = found.own is not None

    def cut(x: Tensor) -> Tensor:
        if size is None or missing:
            filler = ops.zeros((missing, *x.shape[1:]), dtype=x.dtype)
            x = ops.concatenate([x, filler])
        return ops.reshape(x, (-1, block_size, *x.shape[1:]))

    blocks = (found.x, found.ids, found.counted)
    blocks += (found.own,) * own + (found.exists,) * each
    shared = (found.ref_x, found.ref_ids) + (found.exists,) * (not each)

    def of_block(*given: Tensor) -> Tensor:
        x, ids, counted, *rest = given
        parts = dict(zip(["own"] * own + ["exists"] * each, rest, strict=False))
        names = ["ref_x", "ref_ids"] + ["exists"] * (not each)
        parts.update(zip(names, given[len(blocks) :], strict=True))
        block = found._replace(**{"x": x, "ids": ids, "counted": counted, **parts})
        return ops.stack(function(block), axis=-1)

    values = _backend.map_blocks(of_block, tuple(cut(x) for x in blocks), shared)
    values = ops.reshape(values, (-1, *ops.shape(values)[2:]))[:rows]
    return ops.unstack(values, axis=-1)


def require_block_size(block_size: int | None) -> None:
    if block_size is not None:
        require_count("block_size", block_size)
