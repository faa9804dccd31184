"""What losses with trainable proxies share: table, start, learning rate, class means."""

from collections.abc import Callable
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from portable_losses._inputs import as_class_ids, require_above, require_count
from portable_losses._numerics import normalize
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import StatefulLoss


class ProxyLoss(StatefulLoss):
    """Abstract: a `function(y_true, y_pred, proxies, **settings)` with the proxies it trains.

    The table `proxies` has `proxies_per_class` rows for each class, one class after the other. A
    subclass sets `function`, and an `__init__` that names its settings.

    It says of each loss, and no class repeats it:

    Args:
        num_classes: The number of classes, $C$.
        embedding_dim: The length $d$ of an embedding; taken from the first batch if None.
        proxies_initializer: Where proxies start. None draws every coordinate from a normal
            distribution of variance $1/d$, so that a proxy has a length of about 1.
        learning_rate_multiplier: How many times the optimizer's steps a proxy takes. Papers train
            proxies up to 100 times as fast as the network. It holds for every optimizer and loop
            (weight decay aside): the variable is the proxy divided by it, and the gradient is the
            proxy's own.
        reduction, name, dtype: As for any Keras loss. Proxies are kept in float32 (float64 for
            `dtype="float64"`).
    """

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None,
        proxies_initializer: Any,
        learning_rate_multiplier: float,
        *,
        name: str | None,
        reduction: str | None,
        dtype: Any,
        proxies_per_class: int = 1,
        **settings: Any,
    ):
        require_count("num_classes", num_classes)
        require_above("learning_rate_multiplier", learning_rate_multiplier, 0)
        initializer = keras.initializers.get(proxies_initializer)
        super().__init__(
            name=name,
            reduction=reduction,
            dtype=dtype,
            num_classes=num_classes,
            embedding_dim=embedding_dim,
            **settings,
            proxies_initializer=initializer and keras.initializers.serialize(initializer),
            learning_rate_multiplier=learning_rate_multiplier,
        )
        self.function_settings = settings
        self.proxies_per_class = proxies_per_class
        if embedding_dim is not None:
            self.build((None,), (None, require_count("embedding_dim", embedding_dim)))

    def build_state(self, dim: int) -> None:
        expected = self.settings["embedding_dim"]
        if expected not in (None, dim):
            raise ValueError(
                f"The embeddings must have length embedding_dim={expected}. Received: length {dim}."
            )
        initializer = keras.initializers.get(
            self.settings["proxies_initializer"] or keras.initializers.RandomNormal(0, dim**-0.5)
        )
        multiplier = self.settings["learning_rate_multiplier"]
        self.proxies = self.add_weight(
            name="proxies",
            shape=(self.settings["num_classes"] * self.proxies_per_class, dim),
            initializer=lambda shape, dtype: initializer(shape, dtype=dtype) / multiplier,
            dtype=self.state_dtype,
        )

    def scaled(self, rows: Tensor) -> Tensor:
        """Proxies from rows of the variable: `learning_rate_multiplier` times the row, with the
        gradient of one time the row. Any optimizer then moves the proxy that many times as far."""
        factor = self.settings["learning_rate_multiplier"] - 1
        rows = ops.convert_to_tensor(rows)
        return rows + ops.stop_gradient(factor * rows) if factor else rows

    def values_at(self, y_true: Tensor, y_pred: Tensor, proxies: Tensor) -> Tensor:
        """One value per sample, for these `proxies` and ids that count their rows."""
        return type(self).function(y_true, y_pred, proxies, **self.function_settings)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.values_at(y_true, y_pred, self.scaled(self.proxies))

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        """One logit for each class, `(N, C)`, without a margin: for inference and accuracy."""
        raise NotImplementedError

    def set_class_means(self, y_true: ArrayLike, embeddings: ArrayLike) -> None:
        """Let the proxies start as the mean directions of their classes ("imprinted" weights).

        Embeddings are normalised to length 1, averaged over each class and normalised again. With
        several proxies per class, the samples of a class are dealt out to them in turn. A proxy
        without a sample stays as it is.

        Args:
            y_true: Class ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
            embeddings: Shape `(N, d)`, such as `network.predict(x)`.

        References:
            Hang Qi, Matthew Brown and David G. Lowe, "Low-Shot Learning with Imprinted Weights",
            CVPR 2018.
        """
        ids, _ = as_class_ids(y_true, self.settings["num_classes"])
        rows = ops.convert_to_numpy(ids) * self.proxies_per_class
        if self.proxies_per_class > 1:
            rows = rows + _turns(rows) % self.proxies_per_class
        units = normalize(ops.cast(ops.convert_to_tensor(embeddings), self.state_dtype))
        if not self.built:
            self.build((None,), tuple(units.shape))
        assign_means(self.proxies, rows, units, unit=True, divisor=self._multiplier())

    def _multiplier(self) -> float:
        return float(self.settings["learning_rate_multiplier"])


def _turns(ids: np.ndarray) -> np.ndarray:
    """How many times each id was there before."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    first = np.searchsorted(ordered, ordered)
    turns = np.empty_like(ids)
    turns[order] = np.arange(len(ids)) - first
    return turns


def assign_means(
    variable: keras.Variable, rows: ArrayLike, x: ArrayLike, unit: bool, divisor: float = 1.0
) -> None:
    """Each row of `variable` that is in `rows` becomes the mean of its `x`."""
    rows, x = np.asarray(ops.convert_to_numpy(rows)), np.asarray(ops.convert_to_numpy(x), "float64")
    if x.shape != (len(rows), variable.shape[1]):
        raise ValueError(
            f"There must be one embedding of length {variable.shape[1]} per label. Received: "
            f"{len(rows)} labels, embeddings of shape {x.shape}."
        )
    sums = np.zeros(variable.shape)
    np.add.at(sums, rows, x)
    counts = np.bincount(rows, minlength=len(sums))[:, None]
    means = sums / np.maximum(counts, 1)
    if unit:
        lengths = np.sqrt(np.sum(means**2, axis=1, keepdims=True))
        means = means / np.where(lengths > 0, lengths, 1)
    variable.assign(np.where(counts > 0, means / divisor, ops.convert_to_numpy(variable)))
