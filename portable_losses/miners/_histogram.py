"""A miner that takes as many pairs of each distance."""

import keras
from keras import ops

from portable_losses._distances import Distance, require_distance
from portable_losses._inputs import require_count
from portable_losses._numerics import divide
from portable_losses._pairwise import Pairs
from portable_losses._typing import Tensor
from portable_losses.miners._base import Masks, Miner, extreme, register


@register
class UniformHistogram(Miner):
    r"""As many pairs of each distance, near and far, of one class and of two.

    The distances of all pairs of one class in the batch, from the least to the largest, are cut
    into bins of one width; of each bin so many pairs are drawn, none twice, or all if it has no
    more. The same is done for pairs of two classes.

    With `draw=False` nothing is drawn, and each pair counts as often as it would be drawn on
    average with repetition: `positives_per_bin` divided by the number of pairs of its bin, or
    `negatives_per_bin`. That is for losses that take `ref_weights`.

    Args:
        num_bins: How many bins there are.
        positives_per_bin, negatives_per_bin: How many pairs are drawn of each.
        distance: `"euclidean"`, `"squared_euclidean"`, `"cosine"` (1 − the cosine), `"manhattan"`,
            `"snr"`, or a number $p \ge 1$ for the $L_p$ distance.
        draw: Whether pairs are drawn, or weighed.

    References:
        None: it is pytorch-metric-learning's.

    Where peers differ: pytorch-metric-learning's `UniformHistogramMiner` draws with repetition, of
    a bin with one pair that pair many times; that is `draw=False`, on average. Its distances are of
    embeddings at length 1, unless told otherwise.

    Use it in `losses.RandomlyMined`, which keeps the state of the draw, or give a `seed` to the
    call. Without a draw, `losses.Mined` will do.

    Examples:
        >>> y, x = [0, 1, 1, 1], [[0.0], [1.0], [1.1], [3.0]]  # of two classes: 1, 1.1 and 3
        >>> weights = UniformHistogram(num_bins=2, negatives_per_bin=1, draw=False).weights(y, x)
        >>> ops.convert_to_numpy(weights)[0].tolist()  # there are two of each of them
        [0.0, 0.25, 0.25, 0.5]
    """

    row_wise = False

    def __init__(
        self,
        num_bins: int = 100,
        positives_per_bin: int = 10,
        negatives_per_bin: int = 10,
        distance: Distance = "euclidean",
        draw: bool = True,
    ):
        self.settings = {
            "num_bins": require_count("num_bins", num_bins),
            "positives_per_bin": require_count("positives_per_bin", positives_per_bin),
            "negatives_per_bin": require_count("negatives_per_bin", negatives_per_bin),
            "distance": distance,
            "draw": draw,
        }
        require_distance(distance)
        self.random, self.weighs = draw, not draw

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        if not self.random:
            return positive, negative
        d = self.distances(found)
        number = keras.random.uniform(ops.shape(d), dtype="float32", seed=seed)
        number = ops.reshape(number, (-1,))
        chosen = []
        for mask, most in self._kinds(positive, negative):
            bins, counts = self._bins(d, mask)
            # By bin, and in random order within: the first of each bin are drawn.
            order = ops.argsort(ops.cast(bins, "float32") + number / 2)  # below the next
            places = ops.arange(ops.shape(number)[0], dtype="int32")
            first = ops.cumsum(counts) - counts
            rank = places - ops.take(first, ops.take(bins, order))
            drawn = ops.take(rank, ops.argsort(order)) < most
            chosen.append(ops.logical_and(mask, ops.reshape(drawn, ops.shape(d))))
        return chosen[0], chosen[1]

    def weigh(self, found: Pairs, positive: Tensor, negative: Tensor) -> Tensor:
        d = self.distances(found)
        weights = ops.zeros_like(d)
        for mask, most in self._kinds(positive, negative):
            bins, counts = self._bins(d, mask)
            shares = divide(ops.cast(most, d.dtype), ops.cast(ops.take(counts, bins), d.dtype))
            weights = ops.where(mask, ops.reshape(shares, ops.shape(d)), weights)
        return weights

    def _kinds(self, positive: Tensor, negative: Tensor) -> list[tuple[Tensor, int]]:
        settings = self.settings
        return [
            (positive, settings["positives_per_bin"]),
            (negative, settings["negatives_per_bin"]),
        ]

    def _bins(self, d: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The bin of each pair, `(N · M,)`, and how many pairs each bin has. What `mask` leaves out
        has a bin of its own, the last."""
        number = self.settings["num_bins"]
        d, mask = ops.reshape(d, (1, -1)), ops.reshape(mask, (1, -1))
        low, high = (extreme(d, mask, largest) for largest in (False, True))
        share = divide(ops.where(mask, d - low, ops.zeros_like(d)), high - low)
        share = ops.where(
            ops.isfinite(share), share, ops.zeros_like(share)
        )  # of distances too large
        bins = ops.cast(ops.floor(ops.clip(share * number, 0, number - 1)), "int32")
        bins = ops.where(mask, bins, ops.full_like(bins, number))[0]
        return bins, ops.segment_sum(ops.ones_like(bins), bins, num_segments=number + 1)
