"""Random numbers of a graph: drawn anew in each run, the same for all that read them in it.

TensorFlow's own numbers come from its own generator, and no backend has it: with a seed, a program
repeats itself here, and does not repeat what it drew in TensorFlow.
"""

import inspect
from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import ops

from .._dispatch import operation, seed
from ._dtypes import as_name
from ._graph import Operation, get_default_graph
from ._names import OP_NAMES
from ._shapes import TensorShape
from ._tensors import ints, tensor


class RunSeed(keras.random.SeedGenerator):
    """The seed of one operation in one run, where `keras.random` takes a generator."""

    def __init__(self, value: Any):  # no variable is made, so that nothing has to be carried
        self.value = value

    def next(self, ordered: bool = True) -> Any:
        """Another one each time that the operation draws."""
        found, self.value = self.value, self.value + np.array([0, 1], "uint32")
        return found


def seeds_of(
    operations: list[Any], generator: np.random.Generator, draws: Counter[Operation]
) -> np.ndarray:
    """Seeds for the random operations of a run, `(operations, 2)`. One with a seed of its own draws
    a sequence that depends on that and on how often it drew in the session."""
    seeds = generator.integers(0, 2**31, (len(operations), 2), dtype="int64").astype("uint32")
    for i, op in enumerate(operations):
        given = inspect.signature(op.function).bind_partial(*op.args, **op.kwargs).arguments
        if given.get("seed") is not None:
            draws[op] += 1
            seeds[i] = (int(given["seed"]) % 2**31, draws[op])
    return seeds


def set_random_seed(seed: int) -> None:
    """`tf.set_random_seed`: runs of this graph in a new session repeat themselves."""
    graph = get_default_graph()
    graph.seed, graph.in_use = int(seed), True


def _sizes(shape: Any) -> tuple[Any, ...]:
    return ints(shape.as_list() if isinstance(shape, TensorShape) else shape)


@operation("tf.random_normal", random=True)
def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """`tf.random_normal`."""
    drawn = keras.random.normal(_sizes(shape), dtype=as_name(dtype), seed=_seed(seed))
    return drawn * ops.cast(stddev, drawn.dtype) + ops.cast(mean, drawn.dtype)


@operation("tf.truncated_normal", random=True)
def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """`tf.truncated_normal`: within two standard deviations."""
    drawn = keras.random.truncated_normal(_sizes(shape), dtype=as_name(dtype), seed=_seed(seed))
    return drawn * ops.cast(stddev, drawn.dtype) + ops.cast(mean, drawn.dtype)


@operation("tf.random_uniform", random=True)
def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """`tf.random_uniform`: in `[minval, maxval)`; integers need a `maxval`."""
    dtype = as_name(dtype)
    if "int" in dtype:
        if maxval is None:
            raise ValueError("tf.random_uniform: must specify maxval for integer dtype.")
        low, high = int(minval), int(maxval)
        return keras.random.randint(_sizes(shape), low, high, dtype=dtype, seed=_seed(seed))
    drawn = keras.random.uniform(_sizes(shape), dtype=dtype, seed=_seed(seed))
    low, high = ops.cast(minval, dtype), ops.cast(1 if maxval is None else maxval, dtype)
    return drawn * (high - low) + low


@operation("tf.random_shuffle", random=True)
def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """`tf.random_shuffle`: along the first axis."""
    return keras.random.shuffle(ops.convert_to_tensor(value), axis=0, seed=_seed(seed))


@operation("tf.multinomial", random=True)
def multinomial(
    logits: Any,
    num_samples: Any,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = "int64",
) -> Any:
    """`tf.multinomial`: class ids `(N, num_samples)`."""
    logits = ops.convert_to_tensor(logits)
    drawn = keras.random.categorical(logits, int(num_samples), seed=_seed(seed))
    return ops.cast(drawn, as_name(output_dtype))


@operation("tf.random_crop", random=True)
def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Any:
    """`tf.random_crop`."""
    x, sizes = tensor(value), ints(size)
    room = [n - part + 1 for n, part in zip(ops.shape(x), sizes, strict=True)]
    drawn = keras.random.uniform((len(sizes),), seed=_seed(seed))
    starts = [ops.cast(ops.floor(drawn[i] * n), "int32") for i, n in enumerate(room)]
    return ops.slice(x, ops.stack(starts), sizes)


def categorical(
    logits: Any, num_samples: Any, dtype: Any = None, seed: Any = None, name: str | None = None
) -> Any:
    """`tf.random.categorical`: `tf.multinomial` with another order of arguments."""
    return multinomial(logits, num_samples, seed, output_dtype=dtype or "int64")


def _seed(own: int | None) -> Any:
    return seed(own)


for _name in ("random_normal", "truncated_normal", "random_uniform"):
    OP_NAMES[f"tf.{_name}"] = _name
OP_NAMES["tf.random_shuffle"] = "RandomShuffle"
OP_NAMES["tf.multinomial"] = "multinomial/Multinomial"
