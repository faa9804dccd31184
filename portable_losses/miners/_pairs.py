"""Miners that look at each pair: by its distance, or by how it compares with others."""

from keras import ops

from portable_losses._inputs import require_above, require_at_least, require_within
from portable_losses._pairwise import Pairs, require_distance
from portable_losses._typing import Tensor
from portable_losses.miners._base import Masks, Miner, extreme, register


@register
class MultiSimilarity(Miner):
    r"""Pairs that are about as hard as the hardest of the other kind.

    $$ p: D_{ip} + \epsilon > \min_{n \in N(i)} D_{in}, \qquad
       n: D_{in} - \epsilon < \max_{p \in P(i)} D_{ip} $$

    with $P(i)$ the references of the class of anchor $i$ and $N(i)$ those of other classes. An
    anchor that lacks either has no pair.

    Args:
        epsilon: The paper's $\epsilon$.
        distance: `"cosine"` (the paper's similarity, turned round), `"euclidean"` or
            `"squared_euclidean"`.

    References:
        Xun Wang, Xintong Han, Weilin Huang, Dengke Dong and Matthew R. Scott, "Multi-Similarity
        Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019, equations 7 and 8.

    Where peers differ: pytorch-metric-learning's `MultiSimilarityMiner` is the same.

    Examples:
        >>> from portable_losses import losses
        >>> loss = losses.Mined(losses.MultiSimilarity(), MultiSimilarity(epsilon=0.1))
        >>> float(loss([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))  # the negatives are far
        0.0
    """

    def __init__(self, epsilon: float = 0.1, distance: str = "cosine"):
        require_at_least("epsilon", epsilon, 0)
        require_distance(distance)
        self.settings = {"epsilon": epsilon, "distance": distance}

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        d, epsilon = self.distances(found), self.settings["epsilon"]
        nearest, farthest = extreme(d, negative, False), extreme(d, positive, True)
        return (
            ops.logical_and(positive, d + epsilon > nearest),
            ops.logical_and(negative, d - epsilon < farthest),
        )


@register
class PairMargin(Miner):
    """Positives that are farther than one margin, and negatives that are nearer than another.

    Args:
        positive_margin, negative_margin: The two distances.
        distance: `"euclidean"`, `"squared_euclidean"` or `"cosine"`, of embeddings as they come.

    Where peers differ: pytorch-metric-learning's `PairMarginMiner` is the same, with `pos_margin`
    and `neg_margin`, and of normalised embeddings by default.

    Examples:
        >>> positive, negative = PairMargin(0.2, 0.8)([0, 0, 1], [[0.0], [1.0], [1.5]])
        >>> ops.convert_to_numpy(negative).tolist()
        [[False, False, False], [False, False, True], [False, True, False]]
    """

    def __init__(
        self,
        positive_margin: float = 0.2,
        negative_margin: float = 0.8,
        distance: str = "euclidean",
    ):
        require_at_least("positive_margin", positive_margin, 0)
        require_at_least("negative_margin", negative_margin, 0)
        require_distance(distance)
        self.settings = {
            "positive_margin": positive_margin,
            "negative_margin": negative_margin,
            "distance": distance,
        }

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        d = self.distances(found)
        return (
            ops.logical_and(positive, d > self.settings["positive_margin"]),
            ops.logical_and(negative, d < self.settings["negative_margin"]),
        )


@register
class HDC(Miner):
    r"""The hardest share of the positive pairs of the batch, and of the negative pairs.

    Of $A$ pairs of a kind, $\lceil f A \rceil$: positives that are the farthest, negatives that are
    the nearest. Of pairs that are equally far the first rows and columns come first; a pair and its
    mirror image are such.

    Args:
        fraction: The share $f$.
        distance: `"euclidean"`, `"squared_euclidean"` or `"cosine"`, of embeddings as they come.

    References:
        Yuhui Yuan, Kuiyuan Yang and Chao Zhang, "Hard-Aware Deeply Cascaded Embedding", ICCV 2017.

    Where peers differ: pytorch-metric-learning's `HDCMiner` is the same, with `filter_percentage`,
    and of normalised embeddings by default. For the cascade of the paper, give each output of the
    network a loss with a smaller `fraction`; the paper hands on only what the output before it
    chose.

    Examples:
        >>> positive, negative = HDC(0.5)([0, 0, 1], [[0.0], [1.0], [1.5]])
        >>> ops.convert_to_numpy(negative).tolist()  # 2 of 4
        [[False, False, False], [False, False, True], [False, True, False]]
    """

    row_wise = False

    def __init__(self, fraction: float = 0.5, distance: str = "euclidean"):
        require_above("fraction", fraction, 0)
        require_within("fraction", fraction, 0, 1)
        require_distance(distance)
        self.settings = {"fraction": fraction, "distance": distance}

    def mine(self, found: Pairs, positive: Tensor, negative: Tensor, seed: object) -> Masks:
        d = self.distances(found)
        return self._hardest(-d, positive), self._hardest(d, negative)

    def _hardest(self, d: Tensor, mask: Tensor) -> Tensor:
        held = ops.reshape(ops.where(mask, d, ops.full_like(d, float("inf"))), (-1,))
        count = ops.sum(ops.cast(mask, held.dtype))
        # What float32 adds to a whole number is not one pair more.
        some = ops.cast(ops.ceil(count * (self.settings["fraction"] * (1 - 1e-6))), "int32")
        # By rank, not by value: a compiler may compute `d` twice, and differently.
        rank = ops.argsort(ops.argsort(held))
        return ops.logical_and(mask, ops.reshape(ops.cast(rank, "int32") < some, ops.shape(d)))
