"""Miners of triplets: the pairs that stand in some triplet of a kind."""

import math

from keras import ops

from portable_losses import _backend
from portable_losses._inputs import require_at_least, require_between, require_choice
from portable_losses._pairwise import Pairs, require_distance, squared_euclidean
from portable_losses._typing import Tensor
from portable_losses.miners._base import Masks, Miner, extreme, register

TRIPLETS = ("all", "hard", "semi_hard", "easy")


@register
class TripletMargin(Miner):
    r"""Pairs that stand in a triplet of a kind, told by $g = D_{in} - D_{ip}$.

    | `triplets` | |
    |---|---|
    | `"all"` | $g \le m$: it costs something, or almost |
    | `"hard"` | $g \le 0$: the negative is no farther than the positive |
    | `"semi_hard"` | $0 < g \le m$ |
    | `"easy"` | $g > m$ |

    Args:
        margin: $m$.
        triplets: The kind.
        distance: `"euclidean"`, `"squared_euclidean"` or `"cosine"`, of embeddings as they come.

    References:
        Florian Schroff, Dmitry Kalenichenko and James Philbin, "FaceNet: A Unified Embedding for
        Face Recognition and Clustering", CVPR 2015.

    Where peers differ: pytorch-metric-learning's `TripletMarginMiner` gives the triplets. Its
    losses that look at pairs through a mask (multi-similarity, circle, …) see the pairs that stand
    in one, as here; others count a pair as often as it does. For the triplet loss of just these
    triplets take `TripletBatchAll(margin, triplets=...)`, which needs no miner.

    Examples:
        >>> miner = TripletMargin(margin=1.0, triplets="semi_hard")
        >>> positive, negative = miner([0, 0, 1], [[0.0], [1.0], [1.5]])
        >>> ops.convert_to_numpy(positive).tolist()
        [[False, True, False], [False, False, False], [False, False, False]]
    """

    def __init__(self, margin: float = 0.2, triplets: str = "all", distance: str = "euclidean"):
        require_at_least("margin", margin, 0)
        require_choice("triplets", triplets, TRIPLETS)
        require_distance(distance)
        self.settings = {"margin": margin, "triplets": triplets, "distance": distance}

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        d, margin = self.distances(found), self.settings["margin"]
        match self.settings["triplets"]:
            case "semi_hard":  # is the next of the other kind within the margin?
                after, has_after = _next(d, negative, positive)
                before, has_before = _next(-d, positive, negative)
                of_positive = ops.logical_and(has_after, after - d <= margin)
                of_negative = ops.logical_and(has_before, d + before <= margin)
            case "easy":
                of_positive = extreme(d, negative, True) - d > margin
                of_negative = d - extreme(d, positive, False) > margin
            case kind:
                most = margin if kind == "all" else 0
                of_positive = extreme(d, negative, False) - d <= most
                of_negative = d - extreme(d, positive, True) <= most
        return ops.logical_and(positive, of_positive), ops.logical_and(negative, of_negative)


def _next(d: Tensor, among: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """For each entry that is `wanted` the smallest `d` of its row, of those `among`, that is
    larger; and whether there is one."""
    column, exists = _backend.nearest_above(d, among, wanted)
    return ops.take_along_axis(d, column, axis=1), exists


@register
class Angular(Miner):
    r"""Pairs that stand in a triplet with an angle at the negative that is too large.

    $$ \arctan \frac{\lVert x_i - x_p \rVert}{2 \lVert x_n - (x_i + x_p) / 2 \rVert} > \alpha
       \quad\Longleftrightarrow\quad D_{ip}^2 > 2 \sin^2 \alpha \, (D_{in}^2 + D_{pn}^2) $$

    Anchors are taken one by one, with the distances of all references to one another: memory is
    that of pairs, time that of triplets.

    Args:
        angle: $\alpha$, in degrees as in the paper.

    References:
        Jian Wang, Feng Zhou, Shilei Wen, Xiao Liu and Yuanqing Lin, "Deep Metric Learning with
        Angular Loss", ICCV 2017.

    Where peers differ: pytorch-metric-learning's `AngularMiner` gives the triplets, of embeddings
    as they come; the pairs in them are those here.

    Examples:
        >>> miner = Angular(angle=45.0)
        >>> x = [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.5], [0.0, 3.0]]
        >>> positive, negative = miner([0, 0, 1, 1], x)
        >>> ops.convert_to_numpy(negative)[0].tolist()  # an angle of 63 degrees, and one of 18
        [False, False, True, False]
    """

    row_wise = False

    def __init__(self, angle: float = 20.0):
        require_between("angle", angle, 0, 90)
        self.settings = {"angle": angle}

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        factor = 2 * math.sin(math.radians(self.settings["angle"])) ** 2
        squares = squared_euclidean(found.x, found.ref_x)
        between = squared_euclidean(found.ref_x, found.ref_x)
        kinds = [ops.cast(mask, squares.dtype) for mask in (positive, negative)]

        def of_anchor(square: Tensor, p: Tensor, n: Tensor, between: Tensor) -> Tensor:
            """Whether a reference is a positive, or a negative, of such a triplet."""
            slack = ops.expand_dims(square, 1) - factor * (square + between)
            there = ops.logical_and(ops.expand_dims(p, 1) > 0, n > 0)
            wide = ops.logical_and(there, slack > 0)
            both = ops.stack([ops.any(wide, axis=1), ops.any(wide, axis=0)])
            return ops.cast(both, square.dtype)

        chosen = _backend.map_blocks(of_anchor, (squares, *kinds), (between,)) > 0
        return chosen[:, 0], chosen[:, 1]
