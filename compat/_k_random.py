"""The old `keras.backend`: random numbers.

Where no seed is given, the numbers come from Keras' own generator, which
`keras.utils.set_random_seed` sets; with an integer seed they are the same at each call.
"""

import warnings
from typing import Any

import keras
from keras import ops

from ._k_inputs import dtype_name, floating, operation, sizes


def _dtype(dtype: Any) -> Any:
    return dtype_name(dtype or keras.config.floatx())


@operation("K.random_normal")
def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    size = sizes(shape, "K.random_normal")
    return keras.random.normal(size, mean, stddev, dtype=_dtype(dtype), seed=seed)


@operation("K.random_uniform")
def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Integers where `dtype` is one, as `maxval` exclusive."""
    size, dtype = sizes(shape, "K.random_uniform"), _dtype(dtype)
    if keras.backend.is_int_dtype(dtype):
        return keras.random.randint(size, int(minval), int(maxval), dtype=dtype, seed=seed)
    return keras.random.uniform(size, minval, maxval, dtype=dtype, seed=seed)


@operation("K.truncated_normal")
def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """What lies further than two standard deviations from the mean is drawn again."""
    size = sizes(shape, "K.truncated_normal")
    return keras.random.truncated_normal(size, mean, stddev, dtype=_dtype(dtype), seed=seed)


@operation("K.random_bernoulli")
def random_bernoulli(shape: Any, p: Any = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """1 with probability `p`, else 0."""
    size, dtype = sizes(shape, "K.random_bernoulli"), _dtype(dtype)
    return ops.cast(keras.random.uniform(size, seed=seed) < p, dtype)


def random_binomial(shape: Any, p: Any = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """The older name of `random_bernoulli`."""
    warnings.warn("`K.random_binomial` is `K.random_bernoulli`.", DeprecationWarning, stacklevel=2)
    return random_bernoulli(shape, p, dtype, seed)


@operation("K.dropout")
def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """A share `level` of the entries is 0 and the rest divided by 1 − level, in training or not."""
    x = floating(x)
    shape = None if noise_shape is None else sizes(noise_shape, "K.dropout")
    return keras.random.dropout(x, level, noise_shape=shape, seed=seed)
