"""The old `keras.backend`: normalisation of batches."""

from typing import Any

from keras import ops

from . import _k_math as math
from ._k_inputs import cast, dtype_of, floating, like, operation, tensor


def _normalized(x: Any, mean: Any, var: Any, beta: Any, gamma: Any, epsilon: float) -> Any:
    scale = ops.rsqrt(var + epsilon)
    scale = scale if gamma is None else scale * like(gamma, x)
    return x * scale + ((0 if beta is None else like(beta, x)) - mean * scale)


@operation("K.batch_normalization")
def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """(x − mean) / √(var + ε) · gamma + beta. For data of rank 4, `axis` is that of the channels
    and there is no gradient by mean and var; else the statistics are broadcast as they are."""
    x = floating(x)
    mean, var = like(mean, x), like(var, x)
    if len(x.shape) != 4:
        return _normalized(x, mean, var, beta, gamma, epsilon)
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    # The fused operation had no gradient by the statistics.
    mean, var = ops.stop_gradient(mean), ops.stop_gradient(var)
    mean, var, beta, gamma = (
        None if v is None else ops.reshape(like(v, x), shape) for v in (mean, var, beta, gamma)
    )
    return _normalized(x, mean, var, beta, gamma, epsilon)


@operation("K.normalize_batch_in_training")
def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Any, epsilon: float = 1e-3
) -> Any:
    """The normalised batch, its mean and its variance. Of data of rank 4 over the axes [0, 1, 2]
    the variance that comes back is that of a sample, divided by n − 1, as of the fused operation.
    """
    x = floating(x)
    axes = tuple(reduction_axes)
    mean, var = math.mean(x, axes, True), math.var(x, axes, True)
    shape = [1 if a in axes else -1 for a in range(len(x.shape))]
    if shape.count(-1) > 1:
        shape = [1 if a in axes else n for a, n in enumerate(ops.shape(x))]
    gamma, beta = (None if v is None else ops.reshape(like(v, x), shape) for v in (gamma, beta))
    fused = list(axes) == [0, 1, 2] and len(x.shape) == 4
    normed = _normalized(x, mean, var, beta, gamma, epsilon)
    mean, var = (ops.squeeze(v, axis=axes) for v in (mean, var))
    if fused:
        size = ops.shape(x)
        count = cast(tensor(size[0] * size[1] * size[2]), dtype_of(x))
        var = var * count / ops.maximum(count - 1, 1)
    return normed, mean, var
