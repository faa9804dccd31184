"""How much each pair of an anchor and a reference counts, in a loss that is a sum over pairs.

A pair of weight w counts as w pairs that are equal: w times in a sum, and in a mean over pairs. Of
weight 0 it is not there.
"""

from collections.abc import Sequence

from keras import ops

from portable_losses import _backend
from portable_losses._pairwise import Pairs, masks
from portable_losses._typing import ArrayLike, Tensor


def as_pair_weights(ref_weights: ArrayLike | None, found: Pairs) -> tuple[Tensor, ...]:
    """The weights as rows of anchors, for `of_anchors` of `in_blocks`: one tensor `(N, M)`, without
    a gradient; or none."""
    if ref_weights is None:
        return ()
    weights = ops.stop_gradient(ops.cast(ops.convert_to_tensor(ref_weights), found.x.dtype))
    have, want = tuple(weights.shape), (found.x.shape[0], found.ref_x.shape[0])
    fits = len(have) in (1, 2) and all(
        h == w or None in (h, w) for h, w in zip(have, want[-len(have) :], strict=True)
    )
    if not fits:
        raise ValueError(
            f"`ref_weights` must have shape {want}, or {want[1:]}: how much each reference counts "
            f"for each anchor, or for all. Received: ref_weights.shape={have}."
        )
    values = _backend.concrete(weights)
    if values is not None and not (values >= 0).all():
        wrong = values[~(values >= 0)][0]
        raise ValueError(f"`ref_weights` must be at least 0. Received: {wrong} in ref_weights.")
    if len(have) == 1:
        weights = ops.broadcast_to(weights, (ops.shape(found.x)[0], ops.shape(weights)[0]))
    return (weights,)


def weighed_masks(block: Pairs, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """`masks` of the pairs that have a weight."""
    positive, negative = masks(block)
    for w in weights:
        positive, negative = (ops.logical_and(mask, w > 0) for mask in (positive, negative))
    return positive, negative


def times(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """`x` of each pair times its weight."""
    for w in weights:
        x = x * w
    return x


def plus_logs(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """x + log w, whose exponential is that of `x` times its weight."""
    for w in weights:
        x = x + ops.log(ops.where(w > 0, w, ops.ones_like(w)))
    return x
