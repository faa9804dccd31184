"""A miner that draws."""

import keras
from keras import ops

from portable_losses._inputs import require_above, require_between
from portable_losses._numerics import log, log_softmax
from portable_losses._pairwise import Pairs, euclidean, with_units
from portable_losses._typing import Tensor
from portable_losses.miners._base import Masks, Miner, register


@register
class DistanceWeighted(Miner):
    r"""Negatives drawn so that their distances are spread out evenly.

    Of embeddings at length 1 in $d$ dimensions most pairs are about $\sqrt 2$ apart. A negative is
    drawn with a weight of one over the density of its distance,

    $$ w(D) = D^{2 - d} \bigl(1 - D^2 / 4\bigr)^{(3 - d) / 2}, $$

    where $D < c$ is taken for $c$, and beyond $D_{max}$ there is none. An anchor draws as many
    negatives as it has positives, none twice, and keeps all its positives. An anchor without a
    negative to draw has no pair.

    With `draw=False` nothing is drawn, and each negative counts as often as it would be drawn on
    average, with repetition: $|P(i)| \, w(D_{ij}) / \sum_n w(D_{in})$ times, where $|P(i)|$ is the
    number of positives of the anchor, of which each counts once. That has no variance, and is for
    losses that take `ref_weights`.

    Args:
        cutoff: $c$: nearer negatives would have a gradient of large variance.
        farthest: $D_{max}$: farther ones would have none, with the paper's margins.
        draw: Whether negatives are drawn, or weighed.

    References:
        Chao-Yuan Wu, R. Manmatha, Alexander J. Smola and Philipp Krähenbühl, "Sampling Matters in
        Deep Embedding Learning", ICCV 2017, section 4.

    Where peers differ: pytorch-metric-learning's `DistanceWeightedMiner` has the same weights, its
    `nonzero_loss_cutoff` being `farthest`. It draws with repetition, and positives at random, too.

    Use it in `losses.RandomlyMined`, which keeps the state of the draw, or give a `seed` to the
    call. Without a draw, `losses.Mined` will do.

    Examples:
        >>> y, x = [0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]
        >>> positive, negative = DistanceWeighted()(y, x, seed=1)
        >>> ops.convert_to_numpy(negative).tolist()  # from 0 to 2 it is 1.414
        [[False, False, False], [False, False, True], [False, False, False]]
        >>> x = [[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.6, -0.8]]
        >>> weights = DistanceWeighted(draw=False).weights([0, 0, 1, 1], x)
        >>> ops.convert_to_numpy(weights)[0].round(3).tolist()  # both negatives are as far from it
        [0.0, 1.0, 0.5, 0.5]
    """

    def __init__(self, cutoff: float = 0.5, farthest: float = 1.4, draw: bool = True):
        require_between("cutoff", cutoff, 0, 2)
        require_above("farthest", farthest, cutoff)
        self.row_wise, self.random, self.weighs = not draw, draw, not draw
        self.settings = {"cutoff": cutoff, "farthest": farthest, "draw": draw}

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        found = with_units(found)
        d = euclidean(found.x, found.ref_x)
        negative = ops.logical_and(negative, d < min(self.settings["farthest"], 2.0))
        if not self.random:
            return ops.logical_and(positive, ops.any(negative, axis=1, keepdims=True)), negative
        number = keras.random.uniform(ops.shape(d), 1e-7, 1.0, dtype="float32", seed=seed)
        # The largest log w + Gumbel noise is a draw with weights w, the next largest the next draw.
        keys = self.log_weights(d, found.x.shape[1]) - ops.log(-ops.log(ops.cast(number, d.dtype)))
        keys = ops.where(negative, -keys, ops.full_like(keys, float("inf")))
        rank = ops.cast(ops.argsort(ops.argsort(keys, axis=1), axis=1), "int32")
        some = ops.sum(ops.cast(positive, "int32"), axis=1, keepdims=True)
        drawn = ops.logical_and(negative, rank < some)
        return ops.logical_and(positive, ops.any(drawn, axis=1, keepdims=True)), drawn

    def weigh(self, found: Pairs, positive: Tensor, negative: Tensor) -> Tensor:
        found = with_units(found)
        logs = self.log_weights(euclidean(found.x, found.ref_x), found.x.shape[1])
        shares = ops.exp(log_softmax(logs, axis=1, mask=negative))
        number = ops.sum(ops.cast(positive, shares.dtype), axis=1, keepdims=True)
        return ops.where(positive, ops.ones_like(shares), number * shares)

    def log_weights(self, d: Tensor, dim: int) -> Tensor:
        """log w of distances below 2."""
        d = ops.maximum(d, self.settings["cutoff"])
        return (2 - dim) * log(d) + (3 - dim) / 2 * log(1 - ops.square(d) / 4)
