"""A table with rows for each class, as proxies and centers are: its start, its pace, its means."""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from portable_losses._inputs import as_class_ids, require_above, require_count
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import StatefulLoss


class TableLoss(StatefulLoss):
    """Abstract: a loss with a table of one row, or several, for each class.

    The variable is the attribute that `table_name` names, and so is the setting
    `<table_name>_initializer`. Where it is None, coordinates are drawn from a normal distribution
    with the standard deviation `spread(dim)`. Rows of a class follow one another.

    A trained row may learn at a pace of its own: the variable is the row divided by
    `learning_rate_multiplier`, and `scaled` gives the row, with the gradient of the variable. Any
    optimizer then moves the row that many times as far.
    """

    table_name: ClassVar[str]

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None,
        initializer: Any,
        learning_rate_multiplier: float,
        *,
        rows_per_class: int = 1,
        trains: bool = True,
        name: str | None,
        reduction: str | None,
        dtype: Any,
        **settings: Any,
    ):
        require_count("num_classes", num_classes)
        require_above("learning_rate_multiplier", learning_rate_multiplier, 0)
        initializer = keras.initializers.get(initializer)
        super().__init__(
            name=name,
            reduction=reduction,
            dtype=dtype,
            num_classes=num_classes,
            embedding_dim=embedding_dim,
            **settings,
        )
        serialized = initializer and keras.initializers.serialize(initializer)
        self.settings[f"{self.table_name}_initializer"] = serialized
        if trains:
            self.settings["learning_rate_multiplier"] = learning_rate_multiplier
        self.rows_per_class = rows_per_class
        self.trains = trains
        self.multiplier = float(learning_rate_multiplier)
        if embedding_dim is not None:
            self.build((None,), (None, require_count("embedding_dim", embedding_dim)))

    def spread(self, dim: int) -> float:
        raise NotImplementedError

    def build_state(self, dim: int) -> None:
        expected = self.settings["embedding_dim"]
        if expected not in (None, dim):
            raise ValueError(
                f"The embeddings must have length embedding_dim={expected}. Received: length {dim}."
            )
        given = self.settings[f"{self.table_name}_initializer"]
        initializer = keras.initializers.get(
            given or keras.initializers.RandomNormal(0, self.spread(dim))
        )
        # Replicas that move copies by themselves all go on with their mean.
        kind = {} if self.trains else {"trainable": False, "aggregation": "mean"}
        table = self.add_weight(
            name=self.table_name,
            shape=(self.settings["num_classes"] * self.rows_per_class, dim),
            initializer=lambda shape, dtype: self._unscaled(initializer(shape, dtype=dtype)),
            dtype=self.state_dtype,
            **kind,
        )
        setattr(self, self.table_name, table)

    def _unscaled(self, rows: Tensor) -> Tensor:
        return rows if self.multiplier == 1 else rows / self.multiplier  # spares a second table

    def scaled(self, rows: Any) -> Tensor:
        """What the table holds, from rows of the variable."""
        rows = ops.convert_to_tensor(rows)
        factor = self.multiplier - 1
        return rows + ops.stop_gradient(factor * rows) if factor else rows

    def table(self) -> Any:
        """All rows, as they count."""
        if not self.built:
            raise ValueError(
                f"The loss {self.name!r} has no {self.table_name} yet: they are made for the first "
                "batch, or at once where `embedding_dim` is given. Train or load it first, or "
                f"construct it with embedding_dim=... Received: a {type(self).__name__} that was "
                "never called."
            )
        return self.scaled(getattr(self, self.table_name))

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        """One logit for each class, `(N, C)`, without a margin: for inference and accuracy."""
        raise NotImplementedError

    def assign_means(self, y_true: ArrayLike, x: Tensor, unit: bool) -> None:
        """Each row becomes the mean of its samples, of length 1 if `unit`; samples of a class are
        dealt out to its rows in turn. A row without samples stays as it is."""
        ids = as_numpy_ids(y_true, self.settings["num_classes"])
        if not self.built:
            self.build((None,), tuple(x.shape))
        table, x = getattr(self, self.table_name), ops.convert_to_numpy(x).astype("float64")
        require_one_each(ids, x, table.shape[1])
        rows = ids * self.rows_per_class + _turns(ids) % self.rows_per_class
        sums = np.zeros(table.shape)
        np.add.at(sums, rows, x)
        counts = np.bincount(rows, minlength=len(sums))[:, None]
        means, known = sums / np.maximum(counts, 1), counts > 0
        if unit:
            lengths = np.sqrt(np.sum(means**2, axis=1, keepdims=True))
            known = lengths > 0  # a row of length 0 would get no gradient, ever
            means = means / np.where(known, lengths, 1)
        table.assign(np.where(known, means / self.multiplier, ops.convert_to_numpy(table)))


def as_numpy_ids(y_true: ArrayLike, num_classes: int) -> np.ndarray:
    """Class ids `(N,)`, outside of training."""
    ids, valid = as_class_ids(y_true, num_classes)
    if not ops.convert_to_numpy(valid).all():  # on an accelerator nobody has looked yet
        raise ValueError(f"Class ids must be whole numbers in [0, {num_classes}).")
    return ops.convert_to_numpy(ids)


def require_one_each(labels: np.ndarray, x: np.ndarray, dim: int) -> None:
    if x.shape != (len(labels), dim):
        raise ValueError(
            f"There must be one embedding of length {dim} per label. Received: "
            f"{len(labels)} labels, embeddings of shape {x.shape}."
        )


def _turns(ids: np.ndarray) -> np.ndarray:
    """How many times each id was there before."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    first = np.searchsorted(ordered, ordered)
    turns = np.empty_like(ids)
    turns[order] = np.arange(len(ids)) - first
    return turns
