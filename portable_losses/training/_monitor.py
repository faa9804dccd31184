"""What embeddings of a validation set are like, after each epoch."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from portable_losses._inputs import require_at_least, require_choice, require_count
from portable_losses.training._batches import as_ids

DISTANCES = ("euclidean", "squared_euclidean", "cosine")
BLOCK = 256


def embedding_report(
    y_true: Any,
    y_pred: Any,
    *,
    k: Sequence[int] = (1,),
    margin: float = 1.0,
    distance: str = "euclidean",
) -> dict[str, float]:
    r"""How well embeddings tell classes apart: figures of all pairs and triplets, by NumPy.

    | figure | |
    |---|---|
    | `recall@k` | the share of samples with one of their class among the $k$ nearest others |
    | `positive_distance` | the mean distance of pairs of one class |
    | `negative_distance` | that of pairs of two |
    | `active_triplets` | the share of triplets that cost something: $D_{ip} - D_{in} + m > 0$ |

    Samples that are the only ones of their class are asked for nothing, but are among the others. A
    figure that nothing goes into is NaN. Of samples equally far the first rows are the nearest.
    Memory grows with N, not with its square.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`.
        k: The $k$ of the recalls.
        margin: The margin $m$ of the triplets.
        distance: `"euclidean"`, `"squared_euclidean"` or `"cosine"`, which is 1 − the cosine.

    Returns:
        The figures by name.

    Raises:
        ValueError: for shapes that do not fit, and bad settings.

    Examples:
        >>> found = embedding_report([0, 0, 1, 1], [[0.0], [1.0], [1.5], [4.0]], k=(1, 2))
        >>> found["recall@1"], found["recall@2"], found["active_triplets"]
        (0.5, 0.75, 0.625)
    """
    _require(k, margin, distance)
    labels, x = as_ids(y_true), np.asarray(y_pred, "float64")
    if x.ndim != 2 or len(x) != len(labels):
        raise ValueError(
            "Embeddings must have shape (N, d), and there must be a label for each. Received: "
            f"embeddings of shape {x.shape}, {len(labels)} labels."
        )
    ranks: list[int] = []
    sums = {name: np.zeros(2) for name in ("positive", "negative", "active")}
    for d, same, others in _rows(x, labels, distance):
        for name, mask in (("positive", same & others), ("negative", ~same)):
            sums[name] += d[mask].sum(), mask.sum()
        for row, positive, negative in zip(d, same & others, ~same, strict=True):
            if positive.any():
                ranks.append(_rank_of_first(row, positive, negative))
                far = np.sort(row[negative])
                reach = np.searchsorted(far, row[positive] + margin)
                sums["active"] += reach.sum(), positive.sum() * len(far)
    report = {f"recall@{top}": _ratio(sum(r < top for r in ranks), len(ranks)) for top in k}
    report["positive_distance"] = _ratio(*sums["positive"])
    report["negative_distance"] = _ratio(*sums["negative"])
    report["active_triplets"] = _ratio(*sums["active"])
    return report


def _require(k: Sequence[int], margin: float, distance: str) -> None:
    for top in k:
        require_count("k", top)
    require_at_least("margin", margin, 0)
    require_choice("distance", distance, DISTANCES)


def _rows(
    x: np.ndarray, labels: np.ndarray, distance: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Distances of some samples to all, which of them are of one class, and which another row."""
    if distance == "cosine":
        length = np.linalg.norm(x, axis=1, keepdims=True)
        x = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    else:
        x = x - x.mean(axis=0)  # squares far from the origin would lose digits
    squares = np.square(x).sum(axis=1)
    for start in range(0, len(x), BLOCK):
        some = slice(start, start + BLOCK)
        product = x[some] @ x.T
        if distance == "cosine":
            d = 1 - product
        else:
            d = np.maximum(squares[some, None] + squares - 2 * product, 0)
            d = np.sqrt(d) if distance == "euclidean" else d
        rows = np.arange(start, min(start + BLOCK, len(x)))
        yield d, labels[some, None] == labels, rows[:, None] != np.arange(len(x))


def _rank_of_first(d: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> int:
    """How many others come before the nearest of the class; of equally near ones, by row."""
    best = np.flatnonzero(positive)[d[positive].argmin()]
    before = (d < d[best]) | ((d == d[best]) & (np.arange(len(d)) < best))
    return int((before & negative).sum())


def _ratio(total: float, count: float) -> float:
    return float(total / count) if count else float("nan")


class EmbeddingMonitor(keras.callbacks.Callback):
    """After each epoch of `fit`, the figures of `embedding_report` of a validation set.

    They go into the logs as `val_recall@1`, `val_positive_distance` and so on, so that `History`
    has them, and a callback that stands after this one in the list can go by them:

        monitor = EmbeddingMonitor(x_val, y_val)
        stop = keras.callbacks.EarlyStopping("val_recall@1", mode="max", patience=3)
        model.fit(..., callbacks=[monitor, stop])

    Args:
        x: What the model takes: the data of the validation set.
        y: Its labels.
        k, margin, distance: As for `embedding_report`.
        output: Which output of a model with several has the embeddings, by name or position.
        batch_size: Of `predict`.
        prefix: What the names in the logs begin with.

    Raises:
        ValueError: for bad settings, and for a model with several outputs if none is named.

    Where peers differ:
        pytorch-metric-learning's testers compute recall at 1 as `precision_at_1`, without samples
        that are alone in their class, as here. TensorFlow Similarity's `EvalCallback` looks the
        validation set up in an index of other samples.

    Examples:
        >>> x, y = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 1, 1, 1, 1])
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", loss="mse")
        >>> history = model.fit(x, y, callbacks=[EmbeddingMonitor(x, y)], verbose=0)
        >>> sorted(history.history)[1:3]
        ['val_active_triplets', 'val_negative_distance']
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        *,
        k: Sequence[int] = (1,),
        margin: float = 1.0,
        distance: str = "euclidean",
        output: str | int | None = None,
        batch_size: int | None = None,
        prefix: str = "val_",
    ):
        super().__init__()
        _require(k, margin, distance)
        self._x, self._y, self._output = x, as_ids(y), output
        self._settings: dict[str, Any] = {"k": tuple(k), "margin": margin, "distance": distance}
        self._batch_size, self._prefix = batch_size, prefix

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        found = self.model.predict(self._x, batch_size=self._batch_size, verbose=0)
        if self._output is not None:
            found = found[self._output]
        elif isinstance(found, dict | list | tuple):
            names = list(found) if isinstance(found, dict) else list(range(len(found)))
            raise ValueError(
                f"The model has the outputs {names}. Say which of them has the embeddings: "
                "EmbeddingMonitor(..., output=...)."
            )
        report = embedding_report(self._y, found, **self._settings)
        if logs is not None:
            logs.update({self._prefix + name: value for name, value in report.items()})
