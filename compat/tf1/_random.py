"""Random numbers: `tf.random_normal`, `tf.random_uniform`, ...

TF's own numbers cannot be drawn again: the distributions are the same, the numbers are Keras'. A
`seed` is an int, which draws the same numbers in every call, or a `keras.random.SeedGenerator`.
Without one, the global seed of Keras is used, which JAX refuses in a compiled function.
"""

from typing import Any

import keras
from keras import ops

from .._dispatch import operation
from ._dtypes import DTYPES, as_name
from ._sizes import known
from ._tensors import ints, tensor


@operation("tf.random_normal")
def _normal(shape: Any, mean: Any, stddev: Any, dtype: str, seed: Any) -> Any:
    drawn = keras.random.normal(ints(shape), dtype=dtype, seed=seed)
    return tensor(mean, dtype) + tensor(stddev, dtype) * drawn


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.random_normal`, `tf.random.normal`."""
    return _normal(known(shape), mean, stddev, as_name(dtype), seed)


@operation("tf.truncated_normal")
def _truncated(shape: Any, mean: Any, stddev: Any, dtype: str, seed: Any) -> Any:
    drawn = keras.random.truncated_normal(ints(shape), dtype=dtype, seed=seed)
    return tensor(mean, dtype) + tensor(stddev, dtype) * drawn


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.truncated_normal`, `tf.random.truncated_normal`: within two deviations."""
    return _truncated(known(shape), mean, stddev, as_name(dtype), seed)


@operation("tf.random_uniform")
def _uniform(shape: Any, minval: Any, maxval: Any, dtype: str, seed: Any) -> Any:
    sizes = ints(shape)
    if DTYPES[dtype].is_integer:
        if maxval is None:
            raise ValueError("tf.random_uniform: maxval must be given for integers.")
        return keras.random.randint(sizes, minval, maxval, dtype=dtype, seed=seed)
    low, high = tensor(minval, dtype), tensor(1 if maxval is None else maxval, dtype)
    return low + (high - low) * keras.random.uniform(sizes, dtype=dtype, seed=seed)


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.random_uniform`, `tf.random.uniform`: in [minval, maxval)."""
    return _uniform(known(shape), minval, maxval, as_name(dtype), seed)


@operation("tf.random_shuffle")
def random_shuffle(value: Any, seed: Any = None, name: str | None = None) -> Any:
    """`tf.random_shuffle`, `tf.random.shuffle`: along axis 0."""
    return keras.random.shuffle(tensor(value), axis=0, seed=seed)


@operation("tf.multinomial")
def multinomial(
    logits: Any,
    num_samples: Any,
    seed: Any = None,
    name: str | None = None,
    output_dtype: Any = None,
    dtype: Any = None,
) -> Any:
    """`tf.multinomial`, `tf.random.categorical`: classes (N, num_samples)."""
    found = keras.random.categorical(tensor(logits), num_samples, seed=seed)
    return ops.cast(found, as_name(output_dtype or dtype or "int64"))


@operation("tf.random_crop")
def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Any:
    """`tf.random_crop`."""
    x, sizes = tensor(value), ints(size)
    room = [n - part + 1 for n, part in zip(ops.shape(x), sizes, strict=True)]
    drawn = keras.random.uniform((len(sizes),), seed=seed)
    starts = [
        ops.cast(ops.floor(drawn[i] * n), "int32") if n > 1 else ops.cast(0, "int32")
        for i, n in enumerate(room)
    ]
    return ops.slice(x, ops.stack(starts), sizes)


def set_random_seed(seed: int) -> None:
    """`tf.set_random_seed`, `tf.random.set_seed`: Keras' global seed."""
    keras.utils.set_random_seed(seed)
