"""Cross-batch memory: a loss of embeddings sees those of earlier batches too."""

from typing import Any

import keras
from keras import ops

from portable_losses import _backend
from portable_losses._inputs import require_count
from portable_losses._pairwise import as_ids
from portable_losses._typing import Tensor
from portable_losses.losses._base import StatefulLoss, register
from portable_losses.losses._inner import as_embedding_loss


def _as_int32(ids: Tensor) -> Tensor:
    values = _backend.concrete(ids)
    if values is not None and (values != values.astype("int32")).any():
        raise ValueError(
            "Labels in memory must be whole numbers from -2^31 to 2^31 - 1. Received: "
            f"{values[values != values.astype('int32')][0]} in y_true."
        )
    return ops.cast(ids, "int32")


@register
class CrossBatchMemory(StatefulLoss):
    r"""A loss of embeddings whose references are the batch and samples of earlier batches.

    Anchors are the samples of the batch. Their references are the other samples of the batch, held
    constant, and the memory: the last `memory_size` samples of earlier steps, as the network of
    that time embedded them. Gradients flow to anchors alone. After a training step the batch
    goes into memory, and the oldest samples go out. A sample that comes again meets its earlier
    self there, as another of its class.

    Samples that are masked, of weight 0 or not finite do not go into memory. In evaluation the
    value is that which training would give, with the memory as it is; the memory does not move.
    `loss.filled.assign(0)` empties it. Replicas of TensorFlow share the samples of the first.

    Args:
        loss: A loss of embeddings without state, such as `SupCon()`, or its name. Its values per
            anchor are used; its own reduction, name and dtype are not.
        memory_size: How many samples the memory holds; of a larger batch it keeps the last.
        embedding_dim: The length of an embedding; taken from the first batch if None.
        warmup_steps: For so many training steps the value and the gradient are those of
            `loss` on the batch alone, and the memory stays empty: embeddings still move fast.
        reduction, name, dtype: As for any Keras loss. Embeddings are kept in float32 (float64 for
            `dtype="float64"`), labels as int32.

    Raises:
        ValueError: for a loss that takes no references, bad settings, and labels that are no
            whole numbers of 32 bits.

    References:
        Xun Wang, Haozhi Zhang, Weilin Huang and Matthew R. Scott, "Cross-Batch Memory for
        Embedding Learning", CVPR 2020.

    Where peers differ:
        pytorch-metric-learning's `CrossBatchMemory` counts the batch among the `memory_size`
        samples: there `memory_size=M` is `M - B` here, with batches of `B`. It also moves in
        evaluation. The authors' code adds the loss of the batch alone, with its gradient to both
        sides, and compares a sample with its own copy in memory as well.

    Examples:
        >>> from portable_losses.losses import SupCon
        >>> loss = CrossBatchMemory(SupCon(temperature=1.0), memory_size=4, embedding_dim=2)
        >>> float(loss([0, 1], [[1.0, 0.0], [0.0, 1.0]], training=True))  # no two of a class
        0.0
        >>> round(float(loss([0, 1], [[1.0, 0.0], [0.0, 1.0]], training=True)), 4)
        0.5514
        >>> int(loss.filled)
        4
    """

    def __init__(
        self,
        loss: Any,
        memory_size: int,
        embedding_dim: int | None = None,
        warmup_steps: int = 0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cross_batch_memory",
        dtype: Any = None,
    ):
        require_count("memory_size", memory_size)
        if warmup_steps != 0:
            require_count("warmup_steps", warmup_steps)
        super().__init__(
            name=name,
            reduction=reduction,
            dtype=dtype,
            memory_size=memory_size,
            embedding_dim=embedding_dim,
            warmup_steps=warmup_steps,
        )
        self.loss = as_embedding_loss(loss, "CrossBatchMemory")
        if embedding_dim is not None:
            self.build((None,), (None, require_count("embedding_dim", embedding_dim)))

    def build_state(self, dim: int) -> None:
        expected, size = self.settings["embedding_dim"], self.settings["memory_size"]
        if expected not in (None, dim):
            raise ValueError(
                f"The embeddings must have length embedding_dim={expected}. Received: length {dim}."
            )
        self.embeddings = self._add("embeddings", (size, dim), self.state_dtype)
        self.labels = self._add("labels", (size,), "int32")
        self.position = self._add("position", (), "int32")  # the row that comes next
        self.filled = self._add("filled", (), "int32")  # how many rows there are
        self.steps = self._add("steps", (), "int32")  # up to `warmup_steps`

    def _add(self, name: str, shape: tuple[int, ...], dtype: str) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer="zeros",
            dtype=dtype,
            trainable=False,
            aggregation="only_first_replica",  # a mean of different samples is none of them
        )

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        everyone = ops.ones(ops.shape(y_pred)[:1], dtype="bool")
        return self.compute_values(y_true, y_pred, everyone, False)

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        ids, y_pred = _as_int32(as_ids(y_true)), ops.convert_to_tensor(y_pred)
        batch, warmup = ops.stop_gradient(y_pred), self.settings["warmup_steps"]
        if warmup:
            batch = ops.where(self.steps < warmup, y_pred, batch)
        rows = ops.arange(ops.shape(y_pred)[0], dtype="int32")
        others = ops.not_equal(ops.expand_dims(rows, 1), ops.expand_dims(rows, 0))
        others = ops.logical_and(others, ops.expand_dims(counted, 0))
        filled = ops.arange(self.settings["memory_size"], dtype="int32") < self.filled
        filled = ops.logical_and(ops.ones_like(others[:, :1]), ops.expand_dims(filled, 0))
        embeddings = ops.cast(ops.convert_to_tensor(self.embeddings), batch.dtype)
        # Joined, these are copies: the memory may be written to before a gradient is asked for.
        return self.loss.call(
            ids,
            y_pred,
            ref_labels=ops.concatenate([ids, ops.convert_to_tensor(self.labels)]),
            ref_embeddings=ops.concatenate([batch, embeddings]),
            ref_mask=ops.concatenate([others, filled], axis=1),
            mask=counted,
        )

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        size, warmup = self.settings["memory_size"], self.settings["warmup_steps"]
        # One overflow in half precision would make all losses NaN for as long as it is kept.
        new = ops.logical_and(counted, ops.all(ops.isfinite(y_pred), axis=-1))
        if warmup:
            new = ops.logical_and(new, self.steps >= warmup)
            self.steps.assign(ops.minimum(self.steps + 1, warmup))
        rank = ops.cast(ops.cumsum(ops.cast(new, "int32")), "int32")
        new = ops.logical_and(new, rank > rank[-1] - size)
        # The new ones in their order, then others, for which the memory writes what it holds: how
        # many are new is not known when the step is compiled.
        samples = ops.arange(ops.shape(y_pred)[0], dtype="int32")
        order = ops.argsort(ops.where(new, samples, samples + ops.shape(samples)[0]))[:size]
        new = ops.take(new, order)
        rows = (self.position + ops.arange(ops.shape(order)[0], dtype="int32")) % size
        for variable, values in (
            (self.embeddings, y_pred),
            (self.labels, _as_int32(as_ids(y_true))),
        ):
            kept = _backend.take_rows(variable, rows)
            values = ops.cast(ops.take(values, order, axis=0), kept.dtype)
            mask = ops.expand_dims(new, 1) if len(kept.shape) == 2 else new
            _backend.set_rows(variable, rows, ops.where(mask, values, kept))
        count = ops.sum(ops.cast(new, "int32"))
        self.position.assign((self.position + count) % size)
        self.filled.assign(ops.minimum(self.filled + count, size))

    def get_config(self) -> dict[str, Any]:
        return {"loss": keras.saving.serialize_keras_object(self.loss), **super().get_config()}
