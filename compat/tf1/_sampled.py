"""Losses over some of many classes: `tf.nn.nce_loss`, `tf.nn.sampled_softmax_loss`, and what
draws the classes.

TF draws until it has as many distinct classes as it was asked for. Here these are drawn at once,
and the number of tries for them: the distributions are the same, the shapes static.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from .._dispatch import operation, seed
from . import _sizes
from ._arrays import concat
from ._linalg import matmul
from ._math import convert
from ._nn import (
    embedding_lookup,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
)
from ._reductions import reduce_sum
from ._tensors import dtype_of, tensor

# What is added to the logit of a class that was drawn and is a true one: it counts for nothing.
NEVER = -float(np.finfo("float32").max)


def _drawn(
    name: str,
    true_classes: Any,
    probabilities: np.ndarray,
    num_sampled: int,
    unique: bool,
    own_seed: Any,
) -> tuple[Any, Any, Any]:
    """Ids `(num_sampled,)`, and how often each true class and each of these is expected there."""
    true, count, classes = tensor(true_classes), int(num_sampled), len(probabilities)
    if len(true.shape) != 2:
        raise ValueError(
            f"{name}: true_classes must be a matrix, (batch, num_true). Received: shape "
            f"{tuple(true.shape)}. Write tf.reshape(labels, [-1, 1])."
        )
    if unique and count > classes:
        raise ValueError(f"{name}: {classes} classes hold no {count} distinct ones.")
    table = ops.convert_to_tensor(probabilities.astype("float32"))
    extra = classes if unique else 0
    uniform = keras.random.uniform((count + extra,), seed=seed(own_seed))
    if not unique:
        sums = ops.convert_to_tensor(np.cumsum(probabilities).astype("float32"))
        ids = ops.sum(ops.cast(uniform[:, None] >= sums[None, :-1], "int32"), axis=-1)
        tries = None
    else:
        # The first classes of a sequence of draws are those of the largest log p + Gumbel noise.
        noise = -ops.log(-ops.log(ops.maximum(uniform[count:], 1e-30)))
        ids = ops.cast(ops.top_k(ops.log(table) + noise, count)[1], "int32")
        own = ops.take(table, ids)
        again = ops.minimum(ops.cumsum(own) - own, 1 - 1e-7)  # the chance to draw one that is there
        waited = ops.log(ops.maximum(uniform[:count], 1e-30)) / ops.log(ops.maximum(again, 1e-30))
        tries = ops.sum(ops.maximum(ops.ceil(waited), 1.0))

    def expected(found: Any) -> Any:
        p = ops.take(table, ops.cast(found, "int32"))
        return p * count if tries is None else -ops.expm1(tries * ops.log1p(-p))

    return ops.cast(ids, "int64"), expected(true), expected(ids)


@operation("tf.nn.log_uniform_candidate_sampler", random=True)
def log_uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.nn.log_uniform_candidate_sampler`: class k with log((k + 2) / (k + 1)) / log(C + 1)."""
    k = np.arange(int(range_max), dtype="float64")
    p = np.log((k + 2) / (k + 1)) / np.log(range_max + 1)
    called = "tf.nn.log_uniform_candidate_sampler"
    return _drawn(called, true_classes, p, num_sampled, unique, seed)


@operation("tf.nn.uniform_candidate_sampler", random=True)
def uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.nn.uniform_candidate_sampler`: each class alike."""
    p = np.full(int(range_max), 1 / int(range_max))
    called = "tf.nn.uniform_candidate_sampler"
    return _drawn(called, true_classes, p, num_sampled, unique, seed)


@operation("tf.nn.fixed_unigram_candidate_sampler", random=True)
def fixed_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: str = "",
    distortion: float = 1.0,
    num_reserved_ids: int = 0,
    num_shards: int = 1,
    shard: int = 0,
    unigrams: Any = (),
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.nn.fixed_unigram_candidate_sampler`: class k as `unigrams[k] ** distortion`."""
    called = "tf.nn.fixed_unigram_candidate_sampler"
    if vocab_file or num_shards != 1:
        raise NotImplementedError(f"{called} takes `unigrams` here: no vocab_file, no shards.")
    weights = np.asarray([*[0.0] * num_reserved_ids, *unigrams], "float64")
    if len(weights) != range_max:
        raise ValueError(
            f"{called}: range_max is {range_max}, and there are {len(weights)} ids: "
            f"{num_reserved_ids} reserved ones and {len(unigrams)} unigrams."
        )
    weights[num_reserved_ids:] **= distortion
    p = weights / weights.sum()
    return _drawn(called, true_classes, p, num_sampled, unique, seed)


@operation("tf.nn.sampled_logits.hits")
def _without_hits(sampled_logits: Any, labels: Any, sampled: Any) -> Any:
    """The logits, where a sampled class is one of the true ones of its row as low as can be."""
    logits, true = tensor(sampled_logits), ops.cast(labels, "int64")
    same = ops.equal(ops.expand_dims(true, -1), ops.cast(sampled, "int64"))
    hits = ops.sum(ops.cast(same, logits.dtype), axis=1)
    return logits + ops.where(hits > 0, ops.cast(NEVER, logits.dtype), ops.zeros_like(logits))


@operation("tf.nn.sampled_logits.targets")
def _targets(logits: Any, num_true: int) -> Any:
    """1 / num_true for the true classes, which come first, and 0 for the others."""
    x = tensor(logits)
    row = ops.cast(ops.arange(x.shape[-1]) < num_true, dtype_of(x)) / num_true
    return ops.broadcast_to(row, ops.shape(x))


@operation("tf.nn.sampled_logits.dots")
def _dots(inputs: Any, rows: Any, biases: Any, num_true: int) -> Any:
    """The logits of the true classes, (batch, num_true)."""
    x, w = tensor(inputs), tensor(rows)
    w = ops.reshape(w, (-1, num_true, x.shape[-1]))
    return ops.sum(ops.expand_dims(x, 1) * w, axis=-1) + ops.reshape(biases, (-1, num_true))


@operation("tf.nn.sampled_logits.corrected")
def _corrected(logits: Any, expected: Any) -> Any:
    x = tensor(logits)
    return x - ops.stop_gradient(ops.log(convert(expected, dtype_of(x))))


def _logits(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int,
    sampled_values: Any,
    remove_accidental_hits: bool,
    seed: Any,
) -> tuple[Any, Any]:
    """The logits of the true classes and of the sampled ones, and their targets."""
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(
            labels, num_true, num_sampled, True, num_classes, seed=seed
        )
    sampled, true_expected, sampled_expected = sampled_values
    flat = _sizes.reshape(labels, [-1])
    true = _dots(inputs, embedding_lookup(weights, flat), embedding_lookup(biases, flat), num_true)
    rows, offsets = embedding_lookup(weights, sampled), embedding_lookup(biases, sampled)
    others = matmul(inputs, rows, transpose_b=True) + offsets
    if remove_accidental_hits:
        others = _without_hits(others, labels, sampled)
    both = [_corrected(true, true_expected), _corrected(others, sampled_expected)]
    logits = concat(both, 1)
    return logits, _targets(logits, num_true)


def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    partition_strategy: str = "mod",
    name: str = "nce_loss",
    seed: Any = None,
) -> Any:
    """`tf.nn.nce_loss` (Gutmann and Hyvärinen, "Noise-contrastive estimation: A new estimation
    principle for unnormalized statistical models", AISTATS 2010): one value per sample."""
    sampling = (num_sampled, num_classes, num_true, sampled_values, remove_accidental_hits, seed)
    logits, targets = _logits(weights, biases, labels, inputs, *sampling)
    return reduce_sum(sigmoid_cross_entropy_with_logits(labels=targets, logits=logits), axis=1)


def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    partition_strategy: str = "mod",
    name: str = "sampled_softmax_loss",
    seed: Any = None,
) -> Any:
    """`tf.nn.sampled_softmax_loss` (Jean et al., "On Using Very Large Target Vocabulary for Neural
    Machine Translation", ACL 2015): one value per sample."""
    sampling = (num_sampled, num_classes, num_true, sampled_values, remove_accidental_hits, seed)
    logits, targets = _logits(weights, biases, labels, inputs, *sampling)
    return softmax_cross_entropy_with_logits_v2(labels=targets, logits=logits)
