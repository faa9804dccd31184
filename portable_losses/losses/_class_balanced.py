"""Class-balanced loss: a sample weighs by how many of its class were seen so far."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend
from portable_losses._inputs import as_class_ids, poison, require_count
from portable_losses._numerics import divide
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, StatefulLoss, register
from portable_losses.losses._registry import get

MOST = 2**31 - 1


def _as_classification_loss(loss: Any) -> keras.losses.Loss:
    found = get(loss)
    if not isinstance(found, keras.losses.Loss) or getattr(found, "sees_others", False):
        raise ValueError(
            "ClassBalanced takes a loss without state that scores each sample for itself, such as "
            f"SparseCategoricalCrossentropy(from_logits=True). Received: loss={loss!r}."
        )
    if isinstance(found, Loss) and found.settings.get("ignore_class") is not None:
        raise ValueError(
            "ClassBalanced counts every label. Leave `ignore_class` out, and give the samples "
            "to ignore a sample weight of 0 and any valid label."
        )
    return found


def _as_counts(counts: Any, num_classes: int) -> np.ndarray:
    found = np.zeros(num_classes) if counts is None else np.asarray(counts)
    whole = found.dtype.kind in "iuf" and (found == np.floor(found)).all()
    if found.shape != (num_classes,) or not whole or (found < 0).any() or (found > MOST).any():
        raise ValueError(
            f"`counts` must be num_classes={num_classes} whole numbers from 0 to 2^31 - 1, one "
            f"for each class. Received: counts={counts!r}."
        )
    return found.astype("int32")


@register
class ClassBalanced(StatefulLoss):
    r"""A classification loss with weights by the effective number of samples of each class.

    $$ \ell_i = \alpha_{y_i} \mathcal{L}(x_i, y_i), \qquad
       \alpha_c = C \frac{w_c}{\sum_k w_k}, \qquad
       w_c = \frac{1 - \beta}{1 - \beta^{n_c}} $$

    with $n_c$ the samples of class $c$ in all training steps so far, those of this step not
    among them. $C$ and the sum are over the classes that have been seen; a class that has not
    weighs as if seen once. In the first step, before any was seen, all weights are 1. With
    `counts` that have no 0 this is the paper's weight, which sums to the number of classes.

    Samples that are masked or of weight 0 do not count. Counts are int32, exact up to
    $2^{31} - 1$, where they stay. To keep them as they are, set `loss.trainable = False`. Replicas
    of TensorFlow count the samples of the first.

    A step costs the same for any number of classes: it does not sum over them but carries the
    sum on, in two floats, so that what one loses to rounding the other keeps. In trials with
    $\beta = 0.9999$ and a million samples it stayed within $10^{-5}$ of itself;
    `set_counts(loss.counts)` computes it anew.

    Args:
        loss: A loss without state that scores each sample for itself, such as
            `SparseCategoricalCrossentropy(from_logits=True)`, ours or Keras'; its own reduction,
            name and dtype are not used.
        num_classes: The number of classes, $C$.
        beta: The paper's $\beta$, from 0 (all weights 1) to almost 1 (one over the count).
        counts: Samples of each class to start from, if known.
        reduction, name, dtype: As for any Keras loss.

    Call:
        `loss(y_true, y_pred, sample_weight=None, training=...)` with labels as `loss` takes them:
        ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`, of which the largest entry counts.

    Raises:
        ValueError: for bad settings, or an id that is fractional or out of range.

    References:
        Yin Cui, Menglin Jia, Tsung-Yi Lin, Yang Song and Serge Belongie, "Class-Balanced Loss
        Based on Effective Number of Samples", CVPR 2019.

    Where peers differ: elsewhere the counts are those of the whole training set, given before.

    Examples:
        >>> from portable_losses.losses import SparseCategoricalCrossentropy
        >>> crossentropy = SparseCategoricalCrossentropy(from_logits=True)
        >>> loss = ClassBalanced(crossentropy, num_classes=2, beta=0.5, counts=[1, 2])
        >>> [round(float(weight), 4) for weight in loss.class_weights()]
        [1.2, 0.8]
        >>> round(float(loss([0], [[0.0, 0.0]], training=False)), 4)  # 1.2 log 2
        0.8318
    """

    def __init__(
        self,
        loss: Any,
        num_classes: int,
        beta: float = 0.999,
        counts: Sequence[int] | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "class_balanced",
        dtype: Any = None,
    ):
        require_count("num_classes", num_classes)
        if not 0 <= beta < 1:
            raise ValueError(f"`beta` must lie in [0, 1), 1 not included. Received: beta={beta!r}.")
        start = _as_counts(counts, num_classes)
        super().__init__(
            name=name,
            reduction=reduction,
            dtype=dtype,
            num_classes=num_classes,
            beta=beta,
            counts=None if counts is None else start.tolist(),
        )
        self.loss = _as_classification_loss(loss)
        self.build((None,), (None, num_classes))
        if counts is not None:
            self.set_counts(start)

    def build_state(self, dim: int) -> None:
        self.counts = self._add("counts", (self.settings["num_classes"],), "int32")
        self.num_seen = self._add("num_seen", (), "int32")
        # Of the classes seen, as a sum and what rounding has taken from it.
        self.weight_sum = self._add("weight_sum", (2,), self.state_dtype)

    def _add(self, name: str, shape: tuple[int, ...], dtype: str) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer="zeros",
            dtype=dtype,
            trainable=False,
            aggregation="only_first_replica",
        )

    def set_counts(self, counts: ArrayLike) -> None:
        """Set the number of samples of each class, and compute all that follows from it."""
        counts = ops.convert_to_numpy(counts) if ops.is_tensor(counts) else counts
        counts = _as_counts(np.asarray(counts), self.settings["num_classes"])
        beta, seen = self.settings["beta"], counts[counts > 0].astype("float64")
        total = np.sum((1 - beta) / (1 - beta**seen))
        high = total.astype(self.state_dtype)
        self.counts.assign(counts)
        self.num_seen.assign(len(seen))
        self.weight_sum.assign(np.stack([high, total - high]))

    def class_weights(self) -> Tensor:
        r"""The weight $\alpha$ of each class as it is now, `(C,)`."""
        return self._weights_of(ops.convert_to_tensor(self.counts))

    def _raw_weights(self, counts: Tensor) -> Tensor:
        """w of the formula; of a class not seen, as of one seen once."""
        beta = self.settings["beta"]
        counts = ops.cast(ops.maximum(counts, 1), self.state_dtype)
        if beta == 0:
            return ops.ones_like(counts)
        # 1 − βⁿ = −expm1(n log β), which keeps its digits where β is almost 1.
        return (beta - 1) / ops.expm1(counts * math.log(beta))

    def _weights_of(self, counts: Tensor) -> Tensor:
        raw = self._raw_weights(counts)
        mean = ops.cast(self.num_seen, raw.dtype)
        weights = divide(mean * raw, ops.sum(self.weight_sum))
        return ops.where(self.num_seen > 0, weights, ops.ones_like(weights))

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        ids, valid = as_class_ids(y_true, self.settings["num_classes"])
        weights = self._weights_of(_backend.take_rows(self.counts, ids))
        values = self.loss.call(y_true, y_pred)
        return poison(ops.cast(weights, values.dtype) * values, valid)

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        ids, valid = as_class_ids(y_true, self.settings["num_classes"])
        counted = ops.logical_and(counted, valid)
        same = ops.equal(ops.expand_dims(ids, 1), ops.expand_dims(ids, 0))
        same = ops.logical_and(same, ops.expand_dims(counted, 0))
        rows = ops.arange(ops.shape(ids)[0], dtype="int32")
        earlier = ops.expand_dims(rows, 1) > ops.expand_dims(rows, 0)
        # Its class is counted with the first sample of it.
        first = ops.logical_not(ops.any(ops.logical_and(same, earlier), axis=1))
        first = ops.logical_and(first, counted)
        before = _backend.take_rows(self.counts, ids)
        added = ops.minimum(ops.sum(ops.cast(same, "int32"), axis=1), MOST - before)
        added = ops.where(first, added, ops.zeros_like(added))
        new = ops.logical_and(first, ops.equal(before, 0))
        known = ops.logical_and(first, ops.logical_not(new))
        old, now = self._raw_weights(before), self._raw_weights(before + added)
        old = ops.where(known, old, ops.zeros_like(old))
        now = ops.where(first, now, ops.zeros_like(now))
        self._add_weights(ops.concatenate([now, -old]))
        self.num_seen.assign(self.num_seen + ops.sum(ops.cast(new, "int32")))
        _backend.add_rows(self.counts, ids, ops.cast(added, "int32"))

    def _add_weights(self, weights: Tensor) -> None:
        """Weights go up to 1 and become tiny, so each is summed in two parts: the coarse ones, of
        12 bits, without rounding (up to thousands of them), and what is left of each."""
        total, rest = self.weight_sum[0], self.weight_sum[1]
        coarse = ops.floor(weights * 4096) / 4096
        for part in (ops.sum(coarse), ops.sum(weights - coarse)):
            grown = total + part
            taken = grown - total
            rest = rest + ((total - (grown - taken)) + (part - taken))  # what rounding took
            total = grown
        self.weight_sum.assign(ops.stack([total, rest]))

    def get_config(self) -> dict[str, Any]:
        return {"loss": keras.saving.serialize_keras_object(self.loss), **super().get_config()}
