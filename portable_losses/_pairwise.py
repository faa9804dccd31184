"""Anchors against references: what every loss of embeddings begins with.

The protocol of such a loss, held by `docs/decisions/0004-anchors-and-references.md`, is

    f(y_true, y_pred, *, <settings>, ref_labels=None, ref_embeddings=None, ref_mask=None, mask=None)

with one value per anchor. It calls `pairs` with its arguments, `masks` for who belongs together,
and a distance or similarity of `_distances` for the numbers, all of shape (anchors, references).
Nothing here has an entry for each anchor, reference and coordinate at once.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import ops

from portable_losses import _backend, _numerics
from portable_losses._distances import DISTANCES as DISTANCES
from portable_losses._distances import cosine as cosine
from portable_losses._distances import cosine_distance as cosine_distance
from portable_losses._distances import dot as dot
from portable_losses._distances import euclidean as euclidean
from portable_losses._distances import in_equal_parts
from portable_losses._distances import require_distance as require_distance
from portable_losses._distances import squared_euclidean as squared_euclidean
from portable_losses._inputs import as_float, as_labels, require_count, require_same_batch
from portable_losses._numerics import divide, where
from portable_losses._typing import ArrayLike, Tensor

PROTOCOL = ("ref_labels", "ref_embeddings", "ref_mask", "mask")


class Pairs(NamedTuple):
    """N anchors and M references. A block of anchors is a slice of each field that has N rows.

    Attributes:
        x, ids, counted: The anchors: embeddings `(N, d)`, ids `(N,)`, and which of them count.
            Labels that say which pairs belong together are such `ids`: bool `(N, M)`.
        ref_x, ref_ids: The references: `(M, d)` and `(M,)`; None where `ids` says it all.
        exists: Which references there are, bool `(1, M)`, or `(N, M)` if it differs by anchor.
        own: The row of each anchor among the references, `(N,)`; None where they are other
            samples.
        dtype: What a result should be cast to.
    """

    x: Tensor
    ids: Tensor
    counted: Tensor
    ref_x: Tensor
    ref_ids: Tensor | None
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
    together = as_pair_mask(y_true, x if ref_embeddings is None else ref_embeddings)
    ids = as_ids(y_true) if together is None else together
    require_same_batch(ids, x)
    counted = ops.ones_like(x[:, 0], dtype="bool")
    if mask is not None:
        counted = ops.logical_and(counted, _as_mask(mask, "mask", [x.shape[:1]]))
    x = _where_rows(counted, x)
    given = [part is not None for part in (ref_labels, ref_embeddings, ref_mask)]
    labelled = given[0] == given[1] if together is None else not given[0]
    if not labelled or given[2] > given[1]:
        names = [name for name, there in zip(PROTOCOL, given, strict=False) if there]
        raise ValueError(
            "`ref_labels` and `ref_embeddings` must be given together, and `ref_mask` only with "
            "them; beside labels that are a mask of pairs, `ref_embeddings` without `ref_labels`. "
            f"Received: {' and '.join(names)}."
        )
    if ref_embeddings is None:
        own = ops.arange(ops.shape(x)[0], dtype="int32")
        ref_ids = ids if together is None else None
        return Pairs(x, ids, counted, x, ref_ids, ops.expand_dims(counted, 0), own, dtype)
    ref_x = ops.cast(ops.convert_to_tensor(ref_embeddings), x.dtype)
    ref_ids = as_ids(ref_labels) if together is None else None
    if len(ref_x.shape) != 2 or ref_x.shape[1] != x.shape[1]:
        raise ValueError(
            "References must have shape (M, d), with embeddings as long as those of y_pred. "
            f"Received: ref_embeddings.shape={tuple(ref_x.shape)}, y_pred.shape={tuple(x.shape)}."
        )
    if ref_ids is not None:
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
    if found.ref_ids is None:
        same = found.ids
    else:
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
    if found.ref_ids is None:  # whatever the mask says: a sample's views belong together
        rows = ops.expand_dims(found.own, 1)
        found = found._replace(ids=ops.logical_or(found.ids, ops.equal(rows, found.own)))
    return found._replace(ref_x=second, own=None)


def swapped(found: Pairs) -> Pairs:
    """The references as anchors of the anchors that count."""
    ids, exists = found.ref_ids, ops.expand_dims(found.counted, 0)
    if found.ref_ids is None:
        ids = ops.transpose(found.ids)
    if found.exists.shape[0] != 1:
        exists = ops.logical_and(ops.transpose(found.exists), exists)
    return found._replace(
        x=found.ref_x,
        ids=ids,
        counted=ops.any(found.exists, axis=0),
        ref_x=found.x,
        ref_ids=None if found.ref_ids is None else found.ids,
        exists=exists,
    )


def joined(found: Pairs) -> Pairs:
    """Both views of all samples as one batch: the first views, then the second."""
    x, ids = ops.concatenate([found.x, found.ref_x]), ops.concatenate([found.ids] * 2)
    ref_ids = ids
    if found.ref_ids is None:
        ids, ref_ids = ops.concatenate([ids] * 2, axis=1), None
    counted = ops.concatenate([found.counted] * 2)
    own = ops.arange(ops.shape(x)[0], dtype="int32")
    return Pairs(x, ids, counted, x, ref_ids, ops.expand_dims(counted, 0), own, found.dtype)


def with_units(found: Pairs) -> Pairs:
    """Embeddings at length 1; a zero vector stays zero, with gradient 0."""
    x = _numerics.normalize(found.x)
    return found._replace(
        x=x, ref_x=x if found.ref_x is found.x else _numerics.normalize(found.ref_x)
    )


# Labels -------------------------------------------------------------------------------------


def as_pair_mask(labels: ArrayLike, references: ArrayLike) -> Tensor | None:
    """Labels that say of each pair whether it belongs together, bool `(N, M)`; None if they are
    ids or one-hot.

    Bool labels of two axes are such a mask, with a column for each of the M references: for each
    sample, where the batch is its own reference, and whether a sample belongs to itself is never
    asked. One-hot labels are numbers, so that no mask is taken for one.
    """
    labels = ops.convert_to_tensor(labels)
    if not _is_mask(labels):
        return None
    columns, rows = labels.shape[1], ops.convert_to_tensor(references).shape[0]
    if columns == 1 and rows != 1:
        return None  # a column of ids
    if columns != rows and None not in (columns, rows):
        raise ValueError(_NO_MASK + f"Received: labels of shape {tuple(labels.shape)}, M={rows}.")
    return labels


_NO_MASK = (
    "Bool labels of two axes say which pairs belong together, and have shape (N, M): a column for "
    "each reference, or each sample of the batch. One-hot labels must be numbers: cast them to "
    "int32. "
)


def _is_mask(labels: Tensor) -> bool:
    return len(labels.shape) == 2 and keras.backend.standardize_dtype(labels.dtype) == "bool"


def as_ids(labels: ArrayLike) -> Tensor:
    """Ids `(N,)` from `(N,)`, `(N, 1)` or one-hot rows `(N, C)`: any numbers, compared as such."""
    labels = ops.convert_to_tensor(labels)
    is_mask, labels = _is_mask(labels), as_labels(labels)
    shape = tuple(labels.shape)
    if len(shape) == 2 and shape[1] == 1:
        return ops.squeeze(labels, -1)
    if is_mask:
        raise ValueError(_NO_MASK + f"Received: labels of shape {shape} where ids are needed.")
    if len(shape) == 2:
        values = _backend.concrete(labels)
        if values is not None and ((values != 0).sum(axis=1) != 1).any():
            raise ValueError(
                f"Labels of shape {shape} must be one-hot: one entry in each row that is not 0. "
                "Received a row with none or several. Of samples with several labels, say which "
                "pairs belong together: a bool mask of shape (N, N)."
            )
        return ops.cast(ops.argmax(labels, axis=-1), "int32")
    if len(shape) != 1:
        raise ValueError(
            "Labels must be ids of shape (N,) or (N, 1), or one-hot rows of shape (N, C); or bool "
            "of shape (N, M), which says of each reference whether it belongs to the anchor. "
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
    return where(ops.expand_dims(mask, 1), x)


# Values, one per anchor ---------------------------------------------------------------------


def per_anchor(found: Pairs, total: Tensor, count: Tensor) -> Tensor:
    """Values whose mean over the batch is Σ total / Σ count.

    Papers and peers average over pairs, triplets or the anchors that have some: over `count` of
    them, whose losses add up to `total`, `(N,)` each. A function returns one value per anchor, of
    which Keras takes the mean over the batch: `total` times N / Σ count. All are 0 where there is
    nothing to average. N is the number of anchors that count.
    """
    count = where(found.counted, ops.cast(count, total.dtype))
    total = where(count > 0, total)
    samples = ops.sum(ops.cast(found.counted, total.dtype))
    return total * divide(samples, ops.sum(count))


def in_blocks(
    found: Pairs,
    function: Callable[..., tuple[Tensor, ...]],
    block_size: int | None,
    of_anchors: tuple[Tensor, ...] = (),
    shared: tuple[Tensor, ...] = (),
) -> list[Tensor]:
    """What `function(found, *of_anchors, *shared)` gives for the anchors, float `(N, ...)` of one
    shape each; if `block_size` says so, for so many anchors at a time, and then of no more than
    those are pairs held in memory. The gradient computes them once more, block by block.

    Of `of_anchors` a block sees its rows, and `shared` as they are. The last block is filled up
    with anchors that do not count. Of tensors, `function` may only see those of its arguments.
    """
    size = found.x.shape[0]
    if block_size is None or (size is not None and size <= block_size):
        return list(function(found, *of_anchors, *shared))
    rows = ops.shape(found.x)[0]
    labelled = found.ref_ids is not None
    each = found.exists.shape[0] != 1
    own = found.own is not None

    names = ["x", "ids", "counted"] + ["own"] * own + ["exists"] * each
    ref_names = ["ref_x"] + ["ref_ids"] * labelled + ["exists"] * (not each)
    blocks = (*(getattr(found, name) for name in names), *of_anchors)
    whole = (*(getattr(found, name) for name in ref_names), *shared)

    def of_block(*given: Tensor) -> Tensor:
        mine, others = given[: len(blocks)], given[len(blocks) :]
        parts = dict(zip(names, mine, strict=False)) | dict(zip(ref_names, others, strict=False))
        more = (*mine[len(names) :], *others[len(ref_names) :])
        return ops.stack(function(found._replace(**parts), *more), axis=-1)

    parts = tuple(in_equal_parts(x, block_size) for x in blocks)
    values = _backend.map_blocks(of_block, parts, whole)
    values = ops.reshape(values, (-1, *ops.shape(values)[2:]))[:rows]
    return ops.unstack(values, axis=-1)


def require_block_size(block_size: int | None) -> None:
    if block_size is not None:
        require_count("block_size", block_size)
