"""Partial FC: a head over very many classes sees in each step a sample of them."""

from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend
from portable_losses._inputs import as_class_ids, poison, require_above, require_within
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import StatefulLoss, register
from portable_losses.losses._proxies import ProxyLoss


def sample_classes(
    ids: Tensor, num_classes: int, count: int, seed: keras.random.SeedGenerator
) -> tuple[Tensor, Tensor]:
    """`count` different classes, those of `ids` among them, and where in them each of `ids` is.

    Costs O((N + count) log N), nothing of it O(num_classes): the range of ids is cut into `count`
    equal parts, which start at a random place, and each part gives one class at random.
    """
    cuts = np.arange(count + 1, dtype="int64") * num_classes // count
    low = ops.convert_to_tensor(cuts[:-1].astype("int32"))
    width = ops.convert_to_tensor(np.diff(cuts).astype("int32"))
    fraction = keras.random.uniform((count,), seed=seed)
    offset = ops.cast(fraction * ops.cast(width, fraction.dtype), "int32")
    start = keras.random.randint((), 0, num_classes, seed=seed)
    # A product that rounded up would fall into the next part.
    drawn = (low + ops.minimum(offset, width - 1) + ops.cast(start, "int32")) % num_classes

    ordered = ops.sort(ids)
    first = ops.concatenate(
        [ops.ones_like(ordered[:1], dtype="bool"), ops.not_equal(ordered[1:], ordered[:-1])]
    )
    nearest = ops.minimum(ops.searchsorted(ordered, drawn), ops.shape(ids)[0] - 1)
    new = ops.not_equal(ops.take(ordered, nearest), drawn)
    # At most as many of the drawn are in `ids` as `ids` has classes: enough are left to fill up.
    kept = ops.cumsum(ops.cast(ops.concatenate([first, new]), "int32"))
    places = ops.searchsorted(kept, ops.arange(1, count + 1, dtype="int32"))
    chosen = ops.take(ops.concatenate([ordered, drawn]), places)
    where = ops.take(kept, ops.searchsorted(ordered, ids)) - 1
    return chosen, ops.cast(where, "int32")


@register
class PartialFC(StatefulLoss):
    r"""A head with trainable proxies that sees in each training step a random share of classes.

    The classes of the batch always take part; others are drawn until there are
    $S = \lceil r C \rceil$. The loss of the step is that of the head as if there were no other
    classes, without a correction, as in the paper. In memory there are $N \times S$ logits in
    place of $N \times C$.

    In evaluation all classes take part and the value is the head's own, in batches as large as
    $N \times C$ allows. The share is drawn anew in each step, from a seed that is saved.

    Args:
        loss: The head: `ArcFace`, `CosFace` or another with proxies. It owns the proxies, and
            `loss.get_logits` classifies. Its own reduction is not used.
        sample_rate: The paper's $r$, above 0 and up to 1.
        seed: An integer, for a repeatable draw.
        reduction, name, dtype: As for any Keras loss.

    Raises:
        ValueError: for a loss without proxies, a rate out of range, or a batch with more samples
            than the share has classes.

    What stays of the order of $C$: the table and, on JAX and PyTorch, its gradient, and the
    optimizer's pass over both. TensorFlow keeps the gradient sparse; `SGD` without momentum then
    touches the sampled rows alone.

    Where peers differ: the authors' code draws with one random number for each class; here ids are
    cut into $S$ ranges with a random start, and each gives one class. Every class is as likely to
    be drawn (ranges differ in length by one where $S$ does not divide $C$), and neighbouring ids
    seldom come together.

    References:
        Xiang An, Jiankang Deng, Jia Guo, Ziyong Feng, Xuhan Zhu, Jing Yang and Tongliang Liu,
        "Killing Two Birds with One Stone: Efficient and Robust Training of Face Recognition CNNs
        by Partial FC", CVPR 2022.

    Examples:
        >>> from portable_losses.losses import ArcFace
        >>> loss = PartialFC(ArcFace(num_classes=1000, embedding_dim=8), sample_rate=0.1)
        >>> loss.num_sampled
        100
    """

    def __init__(
        self,
        loss: Any,
        sample_rate: float = 0.1,
        seed: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "partial_fc",
        dtype: Any = None,
    ):
        require_above("sample_rate", sample_rate, 0)
        require_within("sample_rate", sample_rate, 0, 1)
        if isinstance(loss, dict):
            loss = keras.saving.deserialize_keras_object(loss)
        if not isinstance(loss, ProxyLoss):
            raise ValueError(
                "PartialFC samples the proxies of a loss that has one or more for each class, "
                f"such as ArcFace(num_classes). Received: loss={loss!r}."
            )
        if not loss.samples_classes:
            raise ValueError(
                f"{type(loss).__name__} with these settings needs all classes in every step, so "
                "PartialFC would change what it computes, or still hold a logit for each. Use "
                "another head, or, with AdaCos, dynamic=False."
            )
        super().__init__(
            name=name, reduction=reduction, dtype=dtype, sample_rate=sample_rate, seed=seed
        )
        self.loss = loss
        self.update_first = loss.update_first
        self.num_sampled = int(np.ceil(sample_rate * loss.settings["num_classes"]))
        self.seed_generator = keras.random.SeedGenerator(seed)
        if loss.built:
            self.build((None,), (None, loss.proxies.shape[1]))

    @property
    def proxies(self) -> keras.Variable:
        return self.loss.proxies

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        """The head's own."""
        return self.loss.get_logits(embeddings)

    def build_state(self, dim: int) -> None:
        if not self.loss.built:
            self.loss.build((None,), (None, dim))

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.loss.values(y_true, y_pred)

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        classes = self.loss.settings["num_classes"]
        if not training or self.num_sampled == classes:
            return self.loss.compute_values(y_true, y_pred, counted, training)
        ids, valid = as_class_ids(y_true, classes)
        samples = ids.shape[0]
        if samples is not None and samples > self.num_sampled:
            raise ValueError(
                f"A batch of {samples} samples may have more classes than the {self.num_sampled} "
                f"that sample_rate={self.settings['sample_rate']} draws from {classes}. Use "
                "smaller batches or a higher sample_rate."
            )
        chosen, ids = sample_classes(ids, classes, self.num_sampled, self.seed_generator)
        per_class = self.loss.rows_per_class
        if per_class > 1:
            chosen = ops.expand_dims(chosen * per_class, 1) + ops.arange(per_class, dtype="int32")
            chosen = ops.reshape(chosen, (-1,))
        proxies = self.loss.scaled(_backend.take_rows(self.loss.proxies, chosen))
        return poison(self.loss.values_at(ids, y_pred, proxies), valid)

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        self.loss.update(y_true, y_pred, counted)

    # Keras saves no seed generators; a resumed run would draw other classes.
    def save_own_variables(self, store: Any) -> None:
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store: Any) -> None:
        self.seed_generator.state.assign(np.asarray(store["seed_state"]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss)}
