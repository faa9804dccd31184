"""Batches of P classes with K samples of each, for losses that compare samples."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from portable_losses._inputs import require_count

Rows = np.ndarray


def as_ids(labels: Any) -> np.ndarray:
    """Ids `(N,)` of NumPy, from `(N,)`, `(N, 1)` or one-hot `(N, C)`."""
    labels = np.asarray(keras.ops.convert_to_numpy(labels) if _is_tensor(labels) else labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        return labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "iufb":
        if (np.count_nonzero(labels, axis=1) != 1).any():
            raise ValueError(
                f"Labels of shape {labels.shape} must be one-hot: one entry in each row that is "
                "not 0. Received a row with none or several."
            )
        return labels.argmax(axis=1)
    if labels.ndim != 1:
        raise ValueError(
            "Labels must be ids of shape (N,) or (N, 1), or one-hot rows of shape (N, C). "
            f"Received: labels of shape {labels.shape}."
        )
    return labels


def _is_tensor(x: Any) -> bool:
    return not isinstance(x, np.ndarray) and keras.ops.is_tensor(x)


class PKBatches(keras.utils.PyDataset):
    r"""Batches of P classes with K samples of each.

    A batch drawn at random from many classes has hardly two samples of one. Here every sample of a
    batch has K − 1 others of its class, and (P − 1) K of others.

    Classes come in turn, in random order, so that all are seen about as often, however many samples
    they have. The samples of a class come in turn as well. No sample comes twice in a batch, unless
    its class has fewer than K. Each epoch has batches of its own, by `seed`: two runs with one seed
    see the same. Their order is shuffled by Keras, unless `fit` is called with `shuffle=False`.

    Args:
        x: The data: an array with a row for each sample, or a dict, list or tuple of them; a
            function that makes a batch of an array of rows, such as one that reads files; or a
            dataset with `x[i]` for sample i, which is stacked.
        y: Labels: ids `(N,)` or `(N, 1)`, of any type, or one-hot `(N, C)`. They are the targets of
            the batch, unless `targets` are given.
        classes_per_batch: P.
        samples_per_class: K.
        batches_per_epoch: How many batches an epoch has; as many as N samples fill if None.
        targets: What the loss takes, if not `y`: in any form that `x` may have.
        seed: An integer, for repeatable batches.
        **workers: `workers`, `use_multiprocessing`, `max_queue_size`, as for any
            `keras.utils.PyDataset`.

    Raises:
        ValueError: for fewer classes than P, counts that are no positive integers, or as many
            labels as there are no samples.

    References:
        Alexander Hermans, Lucas Beyer and Bastian Leibe, "In Defense of the Triplet Loss for
        Person Re-Identification", arXiv:1703.07737, 2017.

    Where peers differ:
        pytorch-metric-learning's `MPerClassSampler` draws the samples of a class anew in each
        batch. TensorFlow Similarity's `MultiShotMemorySampler` is the same idea, with augmenters.

    Examples:
        >>> x, y = np.arange(12.0)[:, None], np.arange(12) % 4
        >>> batches = PKBatches(x, y, classes_per_batch=2, samples_per_class=3, seed=1)
        >>> len(batches)
        2
        >>> np.unique(batches[0][1], return_counts=True)[1].tolist()
        [3, 3]
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        classes_per_batch: int,
        samples_per_class: int,
        *,
        batches_per_epoch: int | None = None,
        targets: Any = None,
        seed: int | None = None,
        **workers: Any,
    ):
        super().__init__(**workers)
        self.classes_per_batch = require_count("classes_per_batch", classes_per_batch)
        self.samples_per_class = require_count("samples_per_class", samples_per_class)
        classes, members = np.unique(as_ids(y), return_inverse=True)
        if len(classes) < classes_per_batch:
            raise ValueError(
                "`classes_per_batch` must be at most the number of classes. Received: "
                f"classes_per_batch={classes_per_batch}, and labels of {len(classes)} classes."
            )
        _require_rows(x, len(members), "x")
        _require_rows(targets, len(members), "targets")
        if batches_per_epoch is None:
            batches_per_epoch = max(1, len(members) // (classes_per_batch * samples_per_class))
        self.batches_per_epoch = require_count("batches_per_epoch", batches_per_epoch)
        self._x, self._targets = x, y if targets is None else targets
        order = np.argsort(members, kind="stable")
        self._rows = np.split(order, np.cumsum(np.bincount(members))[:-1])
        self._seed: Any = np.random.SeedSequence(seed).entropy
        self.epoch = 0
        self._batches = self._draw()

    def __len__(self) -> int:
        return self.batches_per_epoch

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rows = self.rows(index)
        return _take(self._x, rows), _take(self._targets, rows)

    def rows(self, index: int) -> Rows:
        """The rows of the samples of a batch of this epoch, classes one after the other."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"There are {len(self)} batches. Received: index={index}.")
        return self._batches[index]

    def on_epoch_end(self) -> None:
        """New batches; `fit` calls it after each epoch, and on some backends before the first."""
        self.epoch += 1
        self._batches = self._draw()

    def _draw(self) -> list[Rows]:
        """The batches of the epoch: in a second epoch no class or sample goes on where it was."""
        random = np.random.default_rng([self._seed, self.epoch])
        samples = [_in_turn(rows, self.samples_per_class, random) for rows in self._rows]
        seen = np.zeros(len(samples), int)
        batches = []
        for _ in range(self.batches_per_epoch):
            # Those that were seen the least, by lot where there are more.
            order = np.lexsort([random.random(len(samples)), seen])
            chosen = order[: self.classes_per_batch]
            seen[chosen] += 1
            batches.append(np.concatenate([next(samples[k]) for k in chosen]))
        return batches


def _in_turn(rows: Rows, count: int, random: np.random.Generator) -> Iterator[Rows]:
    """`count` of the rows at a time, each as often as the others, none twice at a time if there
    are enough."""
    left = rows[:0]
    while True:
        chosen = left[:count]
        left = left[count:]
        while len(chosen) < count:
            fresh = random.permutation(rows)
            # First those that the batch has not: there are some unless it has all.
            waiting = np.isin(fresh, chosen)
            fresh = np.concatenate([fresh[~waiting], fresh[waiting]])
            missing = count - len(chosen)
            chosen, left = np.concatenate([chosen, fresh[:missing]]), fresh[missing:]
        yield chosen


def _take(x: Any, rows: Rows) -> Any:
    if isinstance(x, dict):
        return {key: _take(part, rows) for key, part in x.items()}
    if isinstance(x, tuple | list) and _is_structure(x):
        return type(x)(_take(part, rows) for part in x)
    if callable(x):
        return x(rows)
    if isinstance(x, np.ndarray):
        return x[rows]
    if _is_tensor(x):
        return keras.ops.convert_to_numpy(x)[rows]
    return _stack([x[int(row)] for row in rows])


def _stack(samples: list[Any]) -> Any:
    """Samples that may be structures, to one structure of batches."""
    arrays = [keras.tree.map_structure(np.asarray, sample) for sample in samples]
    return keras.tree.map_structure(lambda *parts: np.stack(parts), *arrays)


def _is_structure(x: Any) -> bool:
    """Whether a list is one of arrays, not of samples."""
    return bool(x) and all(np.ndim(part) > 0 or isinstance(part, dict) for part in x)


def _require_rows(x: Any, count: int, name: str) -> None:
    if isinstance(x, dict) or (isinstance(x, tuple | list) and _is_structure(x)):
        for part in x.values() if isinstance(x, dict) else x:
            _require_rows(part, count, name)
    elif callable(x) or not hasattr(x, "__len__"):
        return
    elif len(x) != count:
        raise ValueError(
            f"`{name}` must have a sample for each label. Received: {len(x)} samples, {count} "
            "labels."
        )
