"""Angles between embeddings and proxies, and the softmax over them: the parts of margin heads.

No arccos: its gradient is infinite at cos θ = ±1. A margin is added by

cos(θ + m) = cos θ · cos m − sin θ · sin m

with sin θ = ½ ‖x̂ − ŵ‖ ‖x̂ + ŵ‖ for unit vectors, which is exact for small angles too, where
√(1 − cos² θ) has lost its digits.
"""

import math
from typing import NamedTuple

from keras import ops

from portable_losses._inputs import (
    as_class_ids,
    as_float,
    poison,
    require_above,
    require_same_batch,
)
from portable_losses._numerics import norm, normalize
from portable_losses._pairwise import dot
from portable_losses._typing import ArrayLike, Tensor


class Angles(NamedTuple):
    """Embeddings against proxies.

    Attributes:
        cosine: To each class, `(N, C)`: to the nearest proxy where it has several.
        target: The cosine to the own class, `(N,)`.
        sine: The sine to the own class, `(N,)`. A zero vector is at a right angle to all.
        ids, valid: As from `as_class_ids`.
        dtype: What a result should be cast to.
    """

    cosine: Tensor
    target: Tensor
    sine: Tensor
    ids: Tensor
    valid: Tensor
    dtype: str


def require_angle(name: str, value: float) -> None:
    """A margin or threshold in radians; peers that take degrees are why it says so."""
    if not 0 <= value <= math.pi:
        hint = f" If these are degrees, {math.radians(value):.4f} is meant." if value > 0 else ""
        raise ValueError(
            f"`{name}` is an angle in radians and must lie in [0, π], ends included. Received: "
            f"{name}={value!r}.{hint}"
        )


def require_margin(margin: float, scale: float) -> None:
    require_angle("margin", margin)
    require_above("scale", scale, 0)


def as_embeddings(y_pred: ArrayLike, proxies: ArrayLike) -> tuple[Tensor, Tensor, str]:
    """Embeddings `(N, d)` and proxies `(C, d)` in one dtype, and the dtype of a result."""
    x, dtype = as_float(y_pred)
    proxies = ops.cast(ops.convert_to_tensor(proxies), x.dtype)
    if len(x.shape) != 2 or len(proxies.shape) != 2 or x.shape[1] != proxies.shape[1]:
        raise ValueError(
            "Embeddings must have shape (N, d) and proxies (C, d). Received: "
            f"y_pred.shape={tuple(x.shape)}, proxies.shape={tuple(proxies.shape)}."
        )
    return x, proxies, dtype


def count_classes(proxies: Tensor, proxies_per_class: int) -> int:
    """How many classes a table of proxies has."""
    rows = proxies.shape[0]
    if rows % proxies_per_class:
        raise ValueError(
            f"There must be {proxies_per_class} proxies for each class, one class after the other. "
            f"Received: {rows} proxies, which is no multiple of {proxies_per_class}."
        )
    return rows // proxies_per_class


def cosines(y_pred: ArrayLike, proxies: ArrayLike, proxies_per_class: int = 1) -> Tensor:
    """Cosine of each embedding to each class, `(N, C)`."""
    x, proxies, _ = as_embeddings(y_pred, proxies)
    classes = count_classes(proxies, proxies_per_class)
    found = dot(normalize(x), normalize(proxies))
    if proxies_per_class == 1:
        return found
    return ops.amax(ops.reshape(found, (-1, classes, proxies_per_class)), axis=-1)


def angles(
    y_true: ArrayLike, y_pred: ArrayLike, proxies: ArrayLike, proxies_per_class: int = 1
) -> Angles:
    """All that a margin head needs to know of a batch."""
    x, proxies, dtype = as_embeddings(y_pred, proxies)
    classes = count_classes(proxies, proxies_per_class)
    ids, valid = as_class_ids(y_true, classes)
    require_same_batch(ids, x)
    x, proxies = normalize(x), normalize(proxies)
    cosine, rows = dot(x, proxies), ids
    if proxies_per_class > 1:
        cosine = ops.reshape(cosine, (-1, classes, proxies_per_class))
        of_own_class = ops.take_along_axis(cosine, ops.reshape(ids, (-1, 1, 1)), axis=1)
        nearest = ops.argmax(ops.squeeze(of_own_class, 1), axis=-1)
        rows = ids * proxies_per_class + ops.cast(nearest, ids.dtype)
        cosine = ops.amax(cosine, axis=-1)
    own = ops.take(proxies, rows, axis=0)
    target = ops.sum(x * own, axis=-1)
    both = ops.sum(ops.square(x), axis=-1) * ops.sum(ops.square(own), axis=-1)
    sine = 0.5 * norm(x - own) * norm(x + own)
    sine = ops.where(both > 0.5, sine, ops.ones_like(sine))
    return Angles(cosine, target, sine, ids, valid, dtype)


def with_angle_added(found: Angles, margin: float) -> Tensor:
    """cos(θ + m) to the own class; cos θ − m · sin m past θ = π − m, where cos would rise again."""
    moved = found.target * math.cos(margin) - found.sine * math.sin(margin)
    past = found.target - margin * math.sin(margin)
    return ops.where(found.target > math.cos(math.pi - margin), moved, past)


def own_class(found: Angles) -> Tensor:
    """Which entry of `(N, C)` is that of the own class."""
    classes = ops.arange(found.cosine.shape[1], dtype=found.ids.dtype)
    return ops.equal(ops.expand_dims(found.ids, 1), ops.expand_dims(classes, 0))


def margin_softmax(found: Angles, logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy per sample of `logits` `(N, C)` with that of the own class put at `target`."""
    logits = ops.where(own_class(found), ops.expand_dims(target, 1), logits)
    largest = ops.stop_gradient(ops.amax(logits, axis=1))
    total = ops.sum(ops.exp(logits - ops.expand_dims(largest, 1)), axis=1)
    values = ops.log(total) + (largest - target)
    return ops.cast(poison(values, found.valid), found.dtype)
