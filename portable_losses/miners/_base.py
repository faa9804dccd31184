"""A miner chooses pairs of anchors and references: two masks of shape (anchors, references).

A pair is of one class or of two, so that both masks together are one, and that is `ref_mask` of a
loss of embeddings. Where a miner weighs what it chooses, the weights are `ref_weights`. No loss has
to know of miners.
"""

from typing import Any, TypeVar

import keras
from keras import ops

from portable_losses._pairwise import DISTANCES, Pairs, in_blocks, masks, pairs
from portable_losses._typing import ArrayLike, Tensor

PACKAGE = "portable_losses.miners"  # of its own: a loss and a miner may share a name
Masks = tuple[Tensor, Tensor]
Target = TypeVar("Target", bound="type[Miner]")
_MINERS: dict[str, type["Miner"]] = {}


def register(target: Target) -> Target:
    """Decorator: saved losses find the miner, and `get` its name."""
    _MINERS[target.__name__] = target
    return keras.saving.register_keras_serializable(PACKAGE)(target)


class Miner:
    """Abstract: chooses the pairs of a batch that a loss of embeddings sees.

    A subclass sets `self.settings` and gives `mine(found, positive, negative, seed)`: of all pairs
    of one class and all of two, bool `(N, M)` each, those that it chooses. No gradient flows
    through the choice. A subclass sets `row_wise` to False where the choice for one anchor depends
    on other anchors, and `random` where it draws. One that weighs its pairs sets `weighs`, and
    gives `weigh(found, positive, negative)` too: of those that it chose, how much each counts.

    `miner(y_true, y_pred)` gives both masks, and `miner.weights(y_true, y_pred)` how much each pair
    counts. `portable_losses.losses.Mined(loss, miner)` is a loss of the chosen pairs alone.
    """

    row_wise: bool = True
    random: bool = False
    weighs: bool = False
    settings: dict[str, Any]

    def __call__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        ref_labels: ArrayLike | None = None,
        ref_embeddings: ArrayLike | None = None,
        ref_mask: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        seed: Any = None,
    ) -> Masks:
        """The chosen pairs of one class and of two, bool `(N, M)` each.

        Args:
            y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
            y_pred: Embeddings, shape `(N, d)`.
            ref_labels, ref_embeddings, ref_mask, mask: As for a loss of embeddings.
            seed: An integer or a `keras.random.SeedGenerator`, for a miner that draws.
        """
        return self.choose(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask), seed)

    def choose(self, found: Pairs, seed: Any = None) -> Masks:
        found = found._replace(x=ops.stop_gradient(found.x), ref_x=ops.stop_gradient(found.ref_x))
        counted = ops.expand_dims(found.counted, 1)
        positive, negative = (ops.logical_and(counted, each) for each in masks(found))
        return self.mine(found, positive, negative, seed)

    def keep(self, found: Pairs, block_size: int | None = None, seed: Any = None) -> Tensor:
        """The chosen pairs of both kinds, bool `(N, M)`; of so many anchors at a time."""

        def of_block(block: Pairs) -> tuple[Tensor]:
            # As floats, for a block is one thing more that has a gradient.
            return (ops.cast(ops.logical_or(*self.choose(block, seed)), found.x.dtype),)

        if block_size is None:
            return ops.logical_or(*self.choose(found, seed))
        return in_blocks(found, of_block, block_size)[0] > 0

    def weights(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        ref_labels: ArrayLike | None = None,
        ref_embeddings: ArrayLike | None = None,
        ref_mask: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        seed: Any = None,
    ) -> Tensor:
        """How much each pair counts, float `(N, M)`: 0 where it is not chosen, and otherwise 1 of a
        miner that does not weigh. Arguments are those of the call."""
        found = pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask)
        return self.weights_of(found, seed=seed)

    def weights_of(self, found: Pairs, block_size: int | None = None, seed: Any = None) -> Tensor:
        """The same; of so many anchors at a time."""

        def of_block(block: Pairs) -> tuple[Tensor]:
            block = block._replace(
                x=ops.stop_gradient(block.x), ref_x=ops.stop_gradient(block.ref_x)
            )
            positive, negative = self.choose(block, seed)
            weights = self.weigh(block, positive, negative)
            chosen = ops.logical_or(positive, negative)
            return (ops.where(chosen, weights, ops.zeros_like(weights)),)

        return ops.stop_gradient(in_blocks(found, of_block, block_size)[0])

    def weigh(self, found: Pairs, positive: Tensor, negative: Tensor) -> Tensor:
        return ops.ones_like(positive, dtype=found.x.dtype)

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: Any) -> Masks:
        raise NotImplementedError

    def distances(self, found: Pairs) -> Tensor:
        return DISTANCES[self.settings["distance"]](found.x, found.ref_x)

    def get_config(self) -> dict[str, Any]:
        return dict(self.settings)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Miner":
        return cls(**config)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"{type(self).__name__}({settings})"


def get(identifier: Any) -> Miner:
    """The miner that `identifier` names.

    Args:
        identifier: A miner, its class, the name of a class (`"BatchHard"`), or a config.

    Raises:
        ValueError: for anything else.

    Examples:
        >>> get("BatchHard")
        BatchHard(distance='euclidean')
    """
    if isinstance(identifier, str) and identifier in _MINERS:
        identifier = _MINERS[identifier]
    if isinstance(identifier, type) and issubclass(identifier, Miner):
        identifier = identifier()
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if not isinstance(identifier, Miner):
        raise ValueError(
            f"A miner must be a `Miner` or one of the names {sorted(_MINERS)}. Received: "
            f"{identifier!r}."
        )
    return identifier


def best(d: Tensor, mask: Tensor, largest: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The one entry of each row with the largest or smallest `d` where `mask` holds, as a mask and
    its `d`, `(N, 1)`; and whether there is one. Of several the first.

    A mask by column, not by value: a compiler may compute `d` twice, and differently.
    """
    keys = ops.where(mask, d if largest else -d, ops.full_like(d, -float("inf")))
    column = ops.argmax(keys, axis=1, keepdims=True)
    columns = ops.expand_dims(ops.arange(ops.shape(d)[1], dtype="int32"), 0)
    here = ops.equal(columns, ops.cast(column, "int32"))
    exists = ops.any(mask, axis=1, keepdims=True)
    return ops.logical_and(here, mask), ops.take_along_axis(d, column, axis=1), exists


def extreme(d: Tensor, mask: Tensor, largest: bool) -> Tensor:
    """The largest or smallest `d` of a row where `mask` holds, `(N, 1)`; nothing is larger, or
    smaller, than that where it holds nowhere."""
    nowhere = -float("inf") if largest else float("inf")
    held = ops.where(mask, d, ops.full_like(d, nowhere))
    return (ops.amax if largest else ops.amin)(held, axis=1, keepdims=True)
