"""Miners of one pair of each kind for each anchor."""

from collections.abc import Sequence

from keras import ops

from portable_losses._inputs import require_choice
from portable_losses._pairwise import Pairs, require_distance
from portable_losses._typing import Tensor
from portable_losses.miners._base import Masks, Miner, best, register

STRATEGIES = ("hard", "semi_hard", "easy", "all")
Range = Sequence[float] | None


def easy_hard(
    d: Tensor, positive: Tensor, negative: Tensor, positives: str, negatives: str
) -> Masks:
    """Of each row, what the two strategies choose."""
    if "all" in (positives, negatives):  # each kind for itself
        if positives != "all":
            positive = best(d, positive, largest=positives == "hard")[0]
        if negatives != "all":
            negative = best(d, negative, largest=negatives == "easy")[0]
        return positive, negative
    if positives == "semi_hard":
        negative, bound, has_negative = best(d, negative, largest=negatives == "easy")
        positive, _, has_positive = best(d, ops.logical_and(positive, d < bound), largest=True)
    else:
        positive, bound, has_positive = best(d, positive, largest=positives == "hard")
        if negatives == "semi_hard":
            negative = ops.logical_and(negative, d > bound)
        negative, _, has_negative = best(d, negative, largest=negatives == "easy")
    both = ops.logical_and(has_positive, has_negative)
    return ops.logical_and(positive, both), ops.logical_and(negative, both)


@register
class BatchHard(Miner):
    """The farthest positive and the nearest negative of each anchor that has both.

    Args:
        distance: `"euclidean"`, `"squared_euclidean"` or `"cosine"`, of embeddings as they come.

    References:
        Alexander Hermans, Lucas Beyer and Bastian Leibe, "In Defense of the Triplet Loss for
        Person Re-Identification", arXiv:1703.07737, 2017.

    Where peers differ: pytorch-metric-learning's `BatchHardMiner` is the same, and normalises the
    embeddings by default. Of samples that are equally far one is taken, there and here; the loss
    `TripletHard` lets them share the gradient.

    Examples:
        >>> positive, negative = BatchHard()([0, 0, 1], [[0.0], [1.0], [1.5]])
        >>> ops.convert_to_numpy(negative).tolist()
        [[False, False, True], [False, False, True], [False, False, False]]
    """

    def __init__(self, distance: str = "euclidean"):
        require_distance(distance)
        self.settings = {"distance": distance}

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        return easy_hard(self.distances(found), positive, negative, "hard", "hard")


@register
class BatchEasyHard(Miner):
    """One positive and one negative of each anchor, by a strategy for each.

    | | positive | negative |
    |---|---|---|
    | `"hard"` | the farthest | the nearest |
    | `"easy"` | the nearest | the farthest |
    | `"semi_hard"` | the farthest below the negative | the nearest above the positive |
    | `"all"` | all | all |

    Without `"all"`, only anchors that have both are taken.

    Args:
        positives, negatives: The strategies. Only one may be `"semi_hard"`, and then the other not
            `"all"`.
        positive_range, negative_range: Distances `(low, high)`, ends included, that a pair must
            have to be taken at all; None for any.
        distance: `"euclidean"`, `"squared_euclidean"` or `"cosine"`, of embeddings as they come.

    Raises:
        ValueError: for unknown strategies, strategies that do not go together, a bad range.

    References:
        Hong Xuan, Abby Stylianou and Robert Pless, "Improved Embeddings with Easy Positive Triplet
        Mining", WACV 2020.

    Where peers differ: pytorch-metric-learning's `BatchEasyHardMiner` is the same, with
    `pos_strategy`, `neg_strategy`, `allowed_pos_range` and `allowed_neg_range`, and of normalised
    embeddings by default.

    Examples:
        >>> miner = BatchEasyHard("easy", "semi_hard")
        >>> positive, negative = miner([0, 0, 1], [[0.0], [1.0], [1.5]])
        >>> ops.convert_to_numpy(negative).tolist()  # of sample 1 none is farther than 0 is
        [[False, False, True], [False, False, False], [False, False, False]]
    """

    def __init__(
        self,
        positives: str = "easy",
        negatives: str = "semi_hard",
        positive_range: Range = None,
        negative_range: Range = None,
        distance: str = "euclidean",
    ):
        require_choice("positives", positives, STRATEGIES)
        require_choice("negatives", negatives, STRATEGIES)
        if "semi_hard" in (positives, negatives) and (
            "all" in (positives, negatives) or positives == negatives
        ):
            raise ValueError(
                "A semi-hard pair is measured by the one pair of the other kind: the other "
                f"strategy must be 'hard' or 'easy'. Received: positives={positives!r}, "
                f"negatives={negatives!r}."
            )
        require_distance(distance)
        self.settings = {
            "positives": positives,
            "negatives": negatives,
            "positive_range": _as_range("positive_range", positive_range),
            "negative_range": _as_range("negative_range", negative_range),
            "distance": distance,
        }

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        d, settings = self.distances(found), self.settings
        positive = _within(d, positive, settings["positive_range"])
        negative = _within(d, negative, settings["negative_range"])
        return easy_hard(d, positive, negative, settings["positives"], settings["negatives"])


def _as_range(name: str, given: Range) -> list[float] | None:
    if given is None:
        return None
    if len(given) != 2 or not given[0] <= given[1]:
        raise ValueError(f"`{name}` must be two distances, (low, high). Received: {given!r}.")
    return [float(end) for end in given]


def _within(d: Tensor, mask: Tensor, ends: list[float] | None) -> Tensor:
    if ends is None:
        return mask
    return ops.logical_and(mask, ops.logical_and(d >= ends[0], d <= ends[1]))
