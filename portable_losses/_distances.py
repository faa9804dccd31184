"""How alike or far apart rows are: all pairs of two sets, or row by row.

Nothing here has an entry for each pair and coordinate at once, in the value or for the gradient.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

from keras import ops

from portable_losses import _backend, _numerics
from portable_losses._numerics import divide
from portable_losses._typing import Tensor

Distance = str | float

# All pairs, (N, d) and (M, d) to (N, M) -----------------------------------------------------


def dot(x: Tensor, y: Tensor) -> Tensor:
    return _backend.dot(x, y)


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """Cosine of the angle; 0 and gradient 0 to a zero vector."""
    return dot(*_of_both(_numerics.normalize, x, y))


def _of_both(function: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """`function` of each; once, if anchors are their own references."""
    found = function(x)
    return found, found if y is x else function(y)


def squared_euclidean(x: Tensor, y: Tensor) -> Tensor:
    """‖x − y‖², exact for near vectors too: the value is the sum of squared differences.

    The gradient is that of ‖x‖² + ‖y‖² − 2x·y, which is 2(x − y) as well and needs no difference
    kept for each pair and coordinate. As a value that form loses all digits between near vectors.
    It is taken about the mean: a slope is a difference too, and far from the origin loses digits.
    """
    found = _backend.distances(x, y, squared=True)
    if found is not None:
        return found
    center = ops.stop_gradient(_numerics.mean(y, axis=0, keepdims=True))
    exact = _backend.squared_distances(ops.stop_gradient(x), ops.stop_gradient(y))
    x, y = x - center, y - center
    smooth = ops.sum(ops.square(x), axis=1, keepdims=True) - 2 * dot(x, y)
    smooth = smooth + ops.expand_dims(ops.sum(ops.square(y), axis=1), 0)
    return exact + (smooth - ops.stop_gradient(smooth))


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    """‖x − y‖; value 0 and gradient 0 between equal vectors."""
    found = _backend.distances(x, y, squared=False)
    return _numerics.sqrt(squared_euclidean(x, y)) if found is None else found


def cosine_distance(x: Tensor, y: Tensor) -> Tensor:
    """1 − the cosine; 1 to a zero vector."""
    return 1 - cosine(x, y)


ROWS = 8  # at a time, where differences cannot be avoided


def lp(x: Tensor, y: Tensor, p: float) -> Tensor:
    """(Σ |x − y|^p)^(1/p), for few rows of x at a time, which the gradient computes once more."""

    def of_rows(some: Tensor, y: Tensor) -> Tensor:
        return _length(ops.expand_dims(some, 1) - ops.expand_dims(y, 0), p)

    if x.shape[0] is not None and x.shape[0] <= ROWS:
        return of_rows(x, y)
    found = _backend.map_blocks(of_rows, (in_equal_parts(x, ROWS),), (y,))
    return ops.reshape(found, (-1, ops.shape(y)[0]))[: ops.shape(x)[0]]


def snr(x: Tensor, y: Tensor) -> Tensor:
    """Variance of x − y over that of x, among coordinates; 0 and gradient 0 where x has none."""
    x, y = _of_both(_spread, x, y)
    return divide(squared_euclidean(x, y), ops.sum(ops.square(x), axis=1, keepdims=True))


def _spread(x: Tensor) -> Tensor:
    """Coordinates about their mean; exactly 0 where all are equal."""
    x = x - x[:, :1]
    return x - _numerics.mean(x, axis=1, keepdims=True)


def _length(x: Tensor, p: float) -> Tensor:
    """(Σ |x|^p)^(1/p) of the last axis; 0 and gradient 0 at a zero vector."""
    size = _numerics.absolute(x)
    if p == 1:
        return ops.sum(size, axis=-1)
    scale = ops.stop_gradient(ops.amax(size, axis=-1, keepdims=True))
    scale = ops.where(scale > 0, scale, ops.ones_like(scale))  # powers then do not overflow
    total = ops.sum(_power(size / scale, p), axis=-1)
    positive = total > 0
    root = _power(ops.where(positive, total, ops.ones_like(total)), 1 / p)
    return ops.where(positive, root, ops.zeros_like(root)) * ops.squeeze(scale, -1)


def _power(x: Tensor, p: float) -> Tensor:
    return ops.power(x, ops.convert_to_tensor(p, dtype=x.dtype))  # not by way of float32


def in_equal_parts(x: Tensor, size: int) -> Tensor:
    """Rows `(N, ...)` as `(parts, size, ...)`, the last part filled up with zeros."""
    rows, rest = ops.shape(x)[0], ops.shape(x)[1:]
    missing = -rows % size
    if x.shape[0] is None or missing:
        x = ops.concatenate([x, ops.zeros((missing, *rest), dtype=x.dtype)])
    return ops.reshape(x, (-1, size, *rest))


# Row by row, (N, d) and (N, d) to (N,) ------------------------------------------------------


def _squared_rows(x: Tensor, y: Tensor) -> Tensor:
    return ops.sum(ops.square(x - y), axis=-1)


def _cosine_rows(x: Tensor, y: Tensor) -> Tensor:
    return 1 - ops.sum(_numerics.normalize(x) * _numerics.normalize(y), axis=-1)


def _snr_rows(x: Tensor, y: Tensor) -> Tensor:
    x, y = _spread(x), _spread(y)
    return divide(_squared_rows(x, y), ops.sum(ops.square(x), axis=-1))


# Both by name -------------------------------------------------------------------------------


class _Distances(dict[Distance, Callable[[Tensor, Tensor], Tensor]]):
    """Functions by name; that of a number p is the Lp distance."""

    def __init__(self, of_p: Callable[..., Tensor], **named: Callable[[Tensor, Tensor], Tensor]):
        super().__init__()
        for name, function in named.items():
            self[name] = function
        self.of_p = of_p

    def __missing__(self, p: float) -> Callable[[Tensor, Tensor], Tensor]:
        return functools.partial(self.of_p, p=p)


DISTANCES = _Distances(
    lp,
    euclidean=euclidean,
    squared_euclidean=squared_euclidean,
    manhattan=functools.partial(lp, p=1),
    cosine=cosine_distance,
    snr=snr,
)
ROW_DISTANCES = _Distances(
    lambda x, y, p: _length(x - y, p),
    euclidean=lambda x, y: _numerics.norm(x - y),
    squared_euclidean=_squared_rows,
    manhattan=lambda x, y: _length(x - y, 1),
    cosine=_cosine_rows,
    snr=_snr_rows,
)


def require_distance(distance: Any) -> None:
    number = isinstance(distance, int | float) and not isinstance(distance, bool)
    if number and 1 <= distance < math.inf:
        return
    if number or not isinstance(distance, str) or distance not in DISTANCES:
        raise ValueError(
            f"`distance` must be one of {tuple(DISTANCES)}, or a finite number p >= 1 for the Lp "
            f"distance. Received: distance={distance!r}."
        )
