"""A loss of embeddings of the pairs that a miner chooses."""

import inspect
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import miners
from portable_losses._inputs import require_count
from portable_losses._pairwise import Pairs, pairs, require_block_size
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, StatefulLoss, register
from portable_losses.losses._inner import as_embedding_loss, saved


def _require(loss: Loss, miner: miners.Miner, block_size: int | None) -> None:
    require_block_size(block_size)
    if block_size is not None and not miner.row_wise:
        raise ValueError(
            f"`block_size` takes a miner that chooses for each anchor by itself. {miner!r} has to "
            "see all anchors at once, or takes them in turn already. Leave `block_size` out."
        )
    if miner.random:
        raise ValueError(
            f"{miner!r} draws, and the state of the draw has to be kept somewhere. Use "
            "RandomlyMined(loss, miner) in a LossModel, in place of Mined."
        )
    takes = inspect.signature(type(loss).function).parameters
    if miner.weighs and "ref_weights" not in takes:
        raise ValueError(
            f"{miner!r} weighs its pairs, and takes a loss whose function has `ref_weights`: a sum "
            f"over pairs, such as MarginLoss() or NTXent(). Received: loss={loss!r}."
        )


@register
def mined(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    loss: Any,
    miner: Any,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    """A loss of embeddings, as if there were no pairs but those that a miner chooses.

    A pair is one of an anchor and a reference. A triplet is made of any two pairs of an anchor
    that are chosen, one of its class and one of another. Where the miner weighs its pairs, a pair
    of weight $w$ counts as $w$ equal ones. No gradient flows through the choice.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`.
        loss: A loss of embeddings that takes references, such as `ContrastiveLabels()`.
        miner: A miner of `portable_losses.miners`, or its name.
        block_size: The miner looks at so many anchors at a time. One byte for each pair is kept all
            the same; `loss` may have blocks of its own.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`, as `loss` scales them.

    Raises:
        ValueError: for shapes that do not fit, a loss that takes no references, an unknown miner,
            or one that draws; and for one that weighs, a loss that takes no `ref_weights`.

    Where peers differ:
        In pytorch-metric-learning a miner gives indices, whose number depends on the values, and a
        loss takes them as `loss(x, labels, miner(x, labels))`. Pairs of an anchor become triplets
        there as here.

    Examples:
        >>> from portable_losses.losses import ContrastiveLabels
        >>> y, x = [0, 0, 1, 1], [[0.0], [1.0], [1.5], [4.0]]
        >>> values = mined(y, x, loss=ContrastiveLabels(margin=2.0), miner="BatchHard")
        >>> [float(value) for value in values]  # the farthest positive, and the nearest negative
        [1.25, 3.25, 8.5, 6.25]
    """
    inner, miner = as_embedding_loss(loss, "mined"), miners.get(miner)
    _require(inner, miner, block_size)
    found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)
    if ref_embeddings is None:
        ref_labels, ref_embeddings = _own(found, y_true), y_pred
    given = {"ref_labels": ref_labels, "ref_embeddings": ref_embeddings}
    if miner.weighs:
        weights = miner.weights_of(found, block_size)
        given.update(ref_mask=weights > 0, ref_weights=weights)
    else:
        given["ref_mask"] = miner.keep(found, block_size)
    return inner.call(y_true, y_pred, **given, mask=mask)


def _own(found: Pairs, y_true: ArrayLike) -> ArrayLike | None:
    """The labels of the batch as those of references; a mask of pairs has both."""
    return None if found.ref_ids is None else y_true


@register
class Mined(Loss):
    """A loss of embeddings of the pairs that a miner chooses; see `mined`.

    It goes wherever `loss` goes: into `compile`, or into a `CrossBatchMemory`, where the miner
    chooses among the samples in memory, too.

    Args:
        loss: A loss of embeddings without state, such as `ContrastiveLabels()`; its values per
            anchor are used, its own reduction, name and dtype are not.
        miner: A miner of `portable_losses.miners` that does not draw, or its name.
        block_size: The miner looks at so many anchors at a time.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(mined)
    sees_others = True

    def __init__(
        self,
        loss: Any,
        miner: Any,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mined",
        dtype: Any = None,
    ):
        loss, miner = as_embedding_loss(loss, "Mined"), miners.get(miner)
        _require(loss, miner, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"loss": loss, "miner": miner, "block_size": block_size}

    def get_config(self) -> dict[str, Any]:
        return saved(super().get_config())


@register
class RandomlyMined(StatefulLoss):
    """A loss of embeddings of pairs that a miner draws anew in each training step.

    The state of the draw is that of the loss: it moves in training, and is saved and resumed. In
    evaluation nothing is drawn, and the value is that of `loss` on all pairs.

    Args:
        loss: A loss of embeddings without state that takes references, such as
            `ContrastiveLabels()`; its own reduction, name and dtype are not used.
        miner: A miner of `portable_losses.miners`: `DistanceWeighted`, or one that does not draw.
        seed: An integer, for a repeatable draw.
        reduction, name, dtype: As for any Keras loss.

    Raises:
        ValueError: for a loss that takes no references, or an unknown miner.

    References:
        Chao-Yuan Wu, R. Manmatha, Alexander J. Smola and Philipp Krähenbühl, "Sampling Matters in
        Deep Embedding Learning", ICCV 2017.

    Where peers differ: pytorch-metric-learning draws in evaluation as well.

    Examples:
        >>> from portable_losses.losses import ContrastiveLabels
        >>> loss = RandomlyMined(ContrastiveLabels(), "DistanceWeighted", seed=0)
        >>> y, x = [0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]
        >>> round(float(loss(y, x, training=False)), 4)  # all pairs
        0.8675
        >>> round(float(loss(y, x, training=True)), 4)  # of negatives, only that of samples 1 and 2
        0.9351
    """

    def __init__(
        self,
        loss: Any,
        miner: Any = "DistanceWeighted",
        seed: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "randomly_mined",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype, seed=seed)
        self.loss = as_embedding_loss(loss, "RandomlyMined")
        self.miner = miners.get(miner)
        if self.miner.weighs:
            raise ValueError(f"{self.miner!r} does not draw: use Mined in place of RandomlyMined.")
        if seed is not None:
            require_count("seed", seed + 1)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def build_state(self, dim: int) -> None:
        """There is none but that of the draw."""

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.loss.call(y_true, y_pred)

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        if not training:
            return self.loss.call(y_true, y_pred, mask=counted)
        found = pairs(y_true, y_pred, mask=counted)
        keep = self.miner.keep(found, seed=self.seed_generator)
        given = {"ref_labels": _own(found, y_true), "ref_embeddings": y_pred, "ref_mask": keep}
        return self.loss.call(y_true, y_pred, **given, mask=counted)

    # Keras saves no seed generators; a resumed run would draw other pairs.
    def save_own_variables(self, store: Any) -> None:
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store: Any) -> None:
        self.seed_generator.state.assign(np.asarray(store["seed_state"]))

    def get_config(self) -> dict[str, Any]:
        return saved({**super().get_config(), "loss": self.loss, "miner": self.miner})
