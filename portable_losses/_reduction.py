"""From values per sample to a loss: masks, sample weights and Keras' reductions."""

from keras import ops

from portable_losses import _backend
from portable_losses._numerics import divide
from portable_losses._typing import ArrayLike, Tensor

# No public function reads the mask that masking layers leave on their outputs. On a tensor it is
# an attribute; a tracer of JAX takes none, and Keras keeps its mask in a table of its own.
try:
    from keras.src.backend import get_keras_mask
except ImportError:  # before Keras had the table

    def get_keras_mask(x: Tensor) -> Tensor | None:
        return getattr(x, "_keras_mask", None)


mask_of = get_keras_mask


def reduce(
    values: Tensor,
    sample_weight: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    r"""Reduce values $\ell$ under weights $w$ and a mask $m$ as Keras does.

    | reduction | result |
    |---|---|
    | `"sum_over_batch_size"`, `"mean"` | $\sum m w \ell / \sum m$ (their count without a mask) |
    | `"mean_with_sample_weight"` | $\sum m w \ell / \sum m w$ |
    | `"sum"` | $\sum m w \ell$ |
    | `"none"`, `None` | $m w \ell$ |

    An entry of weight 0, or masked out, adds nothing even if it is NaN. Where all are, the result
    is 0. Weights `(N,)` count for all entries of a sample, as they did in Keras 2; weights of the
    shape of `values` count entry by entry.
    """
    weights = None
    if mask is not None:
        mask = ops.cast(mask, "bool")
        weights = expand(ops.cast(mask, values.dtype), values, "mask")
    if sample_weight is not None:
        sample_weight = expand(ops.cast(sample_weight, values.dtype), values, "sample_weight")
        weights = sample_weight if weights is None else weights * sample_weight
    if weights is not None:
        values = ops.where(ops.equal(weights, 0), ops.zeros_like(values), values * weights)
    if reduction in (None, "none"):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        count = ops.sum(weights)
    elif mask is not None:
        count = ops.sum(expand(ops.cast(mask, values.dtype), values, "mask"))
    else:
        count = ops.sum(ops.ones_like(values))
    return divide(total, count) / _backend.replicas()


def expand(weights: Tensor, values: Tensor, name: str) -> Tensor:
    """`weights` at the shape of `values`: of that shape up to axes of length 1, or its head."""
    have, want = list(weights.shape), list(values.shape)
    while len(have) > len(want) and have[-1] == 1:
        weights, have = ops.squeeze(weights, -1), have[:-1]
    fits = len(have) <= len(want) and all(
        w == 1 or w == v or None in (w, v) for w, v in zip(have, want, strict=False)
    )
    if not fits:
        raise ValueError(
            f"`{name}` must have the shape of the values it weighs, or of their first axes. "
            f"Received: {name}.shape={tuple(have)}, values.shape={tuple(want)}."
        )
    for _ in range(len(want) - len(have)):
        weights = ops.expand_dims(weights, -1)
    return weights * ops.ones_like(values)
