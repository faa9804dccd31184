"""The old `keras.backend`: connectionist temporal classification. The blank is the last class."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from portable_losses import _backend

from ._k_inputs import cast, floating, operation, tensor, values_of


class SparseLabels(NamedTuple):
    """Labels without their padding, as the fields of a `tf.SparseTensor`."""

    indices: Any
    values: Any
    dense_shape: Any


@operation("K.ctc_label_dense_to_sparse")
def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> SparseLabels:
    """The first `label_lengths[i]` labels of each row, as `(indices, values, dense_shape)`: no
    tensor, for not every backend has sparse ones. `ctc_batch_cost` takes the labels as they are.

    Raises:
        ValueError: in a compiled step, where the number of labels cannot be known.
    """
    labels = tensor(labels)
    lengths = values_of(label_lengths)
    if lengths is None:
        raise ValueError(
            "`K.ctc_label_dense_to_sparse` gives as many entries as there are labels, which a "
            "compiled step cannot. `K.ctc_batch_cost` takes padded labels with their lengths."
        )
    mask = np.arange(labels.shape[1]) < np.reshape(lengths, (-1, 1))
    indices = np.argwhere(mask)
    flat = tensor(indices @ np.array([labels.shape[1], 1]), "int32")
    values = ops.take(ops.reshape(labels, (-1,)), flat, axis=0)
    shape = np.array(labels.shape, "int64")
    return SparseLabels(tensor(indices, "int64"), values, tensor(shape, "int64"))


@operation("K.ctc_batch_cost")
def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """Loss `(N, 1)` of labels `(N, L)` given probabilities `(N, T, C)`; lengths are `(N, 1)`. The
    probabilities plus ε are brought to a sum of 1 again.

    Infinite where the labels do not fit into the steps, with a blank between repeated ones.

    Raises:
        ValueError: for more labels than steps, where that can be seen.
    """
    y_true, y_pred = cast(tensor(y_true), "int32"), floating(y_pred)
    steps, lengths = (
        cast(ops.squeeze(tensor(n), -1), "int32") for n in (input_length, label_length)
    )
    seen = _backend.concrete(lengths > steps)
    if seen is not None and np.any(seen):
        raise ValueError(
            "There are more labels than time steps to put them in. Received: "
            f"input_length={values_of(steps).tolist()}, label_length={values_of(lengths).tolist()}."
        )
    logits = ops.log(y_pred + keras.config.epsilon())
    # What follows the labels is no label, but must be a class.
    size = ops.shape(y_true)[1]
    inside = ops.expand_dims(ops.arange(size, dtype="int32"), 0) < ops.expand_dims(lengths, 1)
    labels = ops.where(inside, y_true, ops.zeros_like(y_true))
    cost = ops.ctc_loss(labels, logits, lengths, steps, mask_index=y_pred.shape[-1] - 1)
    again = ops.logical_and(ops.equal(labels[:, 1:], labels[:, :-1]), inside[:, 1:])
    needed = lengths + ops.sum(cast(again, "int32"), axis=1)
    cost = ops.where(needed > steps, ops.full_like(cost, float("inf")), cost)
    return ops.expand_dims(cost, 1)


@operation("K.ctc_decode")
def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> Any:
    """Labels of probabilities `(N, T, C)`: a list of `(N, T)` padded with −1, and for each path a
    score: of the greedy one −Σ log(p + ε) `(N, 1)`, of beams log-probabilities `(N, top_paths)`.

    Repeated labels are merged, and in beams so are those that a blank divided, as TF1 had it.

    Raises:
        ValueError: if beams are to be searched in a compiled step.
    """
    y_pred = floating(y_pred)
    logits = ops.log(y_pred + keras.config.epsilon())
    if greedy:
        return _greedy(logits, cast(tensor(input_length), "int32"))
    seen, lengths = values_of(logits), values_of(input_length)
    if seen is None or lengths is None:
        raise ValueError(
            "`K.ctc_decode(greedy=False)` runs on the values of a prediction: call it outside of "
            "a compiled step, or use `keras.ops.ctc_decode(strategy='beam_search')`."
        )
    decoded = np.full((top_paths, *seen.shape[:2]), -1, "int64")
    scores = np.zeros((len(seen), top_paths), "float32")
    for i, (steps, length) in enumerate(zip(seen, lengths, strict=True)):
        for j, (path, score) in enumerate(_beams(steps[:length], beam_width, top_paths)):
            merged = [c for k, c in enumerate(path) if k == 0 or c != path[k - 1]]
            decoded[j, i, : len(merged)] = merged
            scores[i, j] = score
    return [cast(tensor(path), "int64") for path in decoded], tensor(scores)


def _greedy(logits: Any, input_length: Any) -> Any:
    classes, steps = logits.shape[-1], ops.shape(logits)[1]
    best = cast(ops.argmax(logits, axis=-1), "int32")
    inside = ops.expand_dims(ops.arange(steps, dtype="int32"), 0) < ops.expand_dims(input_length, 1)
    before = ops.pad(best[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
    blank = ops.equal(best, classes - 1)
    kept = ops.logical_and(inside, ops.logical_not(ops.logical_or(blank, ops.equal(best, before))))
    place = ops.cumsum(cast(kept, "int32"), axis=1) - 1
    # (N, T from, T to): where a kept label goes.
    goes = ops.equal(ops.expand_dims(place, -1), ops.arange(steps, dtype="int32"))
    goes = cast(ops.logical_and(goes, ops.expand_dims(kept, -1)), "int32")
    labels = ops.sum(goes * ops.expand_dims(best + 1, -1), axis=1) - 1
    largest = ops.amax(logits, axis=-1)
    score = -ops.sum(ops.where(inside, largest, ops.zeros_like(largest)), axis=1, keepdims=True)
    return [cast(labels, "int64")], score


def _beams(logits: Any, width: int, paths: int) -> list[tuple[tuple[int, ...], float]]:
    """Prefix beam search: of each prefix the log-probabilities of ending in a blank and not."""
    blank = logits.shape[-1] - 1
    steps = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    beams = {(): (0.0, -np.inf)}
    for step in steps:
        grown: dict[tuple[int, ...], list[float]] = {}
        for prefix, (ends_blank, ends_label) in beams.items():
            either = np.logaddexp(ends_blank, ends_label)
            own = grown.setdefault(prefix, [-np.inf, -np.inf])
            own[0] = np.logaddexp(own[0], either + step[blank])
            if prefix:
                own[1] = np.logaddexp(own[1], ends_label + step[prefix[-1]])
            for label in range(blank):
                repeated = bool(prefix) and prefix[-1] == label
                longer = grown.setdefault((*prefix, label), [-np.inf, -np.inf])
                before = ends_blank if repeated else either
                longer[1] = np.logaddexp(longer[1], before + step[label])
        ranked = sorted(grown.items(), key=lambda item: -np.logaddexp(*item[1]))
        beams = {prefix: (ends[0], ends[1]) for prefix, ends in ranked[:width]}
    found = [(prefix, float(np.logaddexp(*ends))) for prefix, ends in beams.items()]
    return found[:paths]
