"""Losses of pairs that have a score: the more similar pair should get the larger similarity."""

from typing import Any

from keras import ops

from portable_losses._inputs import require_above
from portable_losses._numerics import absolute, log1p_sum_exp, log_sum_exp, where
from portable_losses._pairwise import Pairs, in_blocks, require_block_size, views, with_units
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


def _require(scale: float, block_size: int | None) -> None:
    require_block_size(block_size)
    require_above("scale", scale, 0)


def _ranked(found: Pairs, similarities: Tensor, scale: float, block_size: int | None) -> Tensor:
    """log(1 + Σ exp(scale · (s_i − s_j))) over pairs i and j of which j has the larger score; for
    each pair that counts, and 0 for others."""

    def of_block(block: Pairs) -> tuple[Tensor, Tensor]:
        wrong = ops.expand_dims(block.ids, 1) < ops.expand_dims(block.ref_ids, 0)
        wrong = ops.logical_and(wrong, block.exists)
        wrong = ops.logical_and(wrong, ops.expand_dims(block.counted, 1))
        differences = block.x - ops.transpose(block.ref_x)
        there = ops.cast(ops.any(wrong, axis=1), differences.dtype)
        return log_sum_exp(differences, wrong, axis=1), there

    column = ops.expand_dims(scale * similarities, 1)  # a block sees no scale that is trained
    sums, there = in_blocks(found._replace(x=column, ref_x=column), of_block, block_size)
    total = log1p_sum_exp(ops.reshape(sums, (1, -1)), ops.reshape(there > 0, (1, -1)))
    values = where(found.counted, total)
    return ops.cast(values, found.dtype)


@register
def cosent(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    scale: float = 20.0,
    block_size: int | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""CoSENT: cosines of pairs in the order of their scores.

    $$ \ell_i = \log \Bigl(1 + \sum_{y_k < y_j} e^{\lambda (s_k - s_j)} \Bigr), \qquad
       s_j = \cos(x_j, x'_j) $$

    over all two pairs $k$ and $j$ of the batch with different scores $y$. The loss is of the batch
    as a whole, and each pair has all of it, so that the mean over the batch is that loss. It is 0
    where all scores are equal.

    Args:
        y_true: The scores $y$, shape `(N,)` or `(N, 1)`, of any range: only their order counts.
        y_pred: Both embeddings of each pair, `(N, 2, d)`, or a tuple of two tensors `(N, d)`;
            normalised here.
        scale: $\lambda$.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        mask: Which pairs of the batch count, bool `(N,)`.

    Returns:
        One value per pair, shape `(N,)`, in the dtype of `y_pred`. Memory grows with N².

    Raises:
        ValueError: for shapes that do not fit, or a scale not above 0.

    References:
        Jianlin Su, "CoSENT: a more effective sentence embedding scheme than Sentence-BERT"
        (Chinese), kexue.fm/archives/8847, 2022.

    Where peers differ:
        sentence-transformers' `CoSENTLoss` is the same.

    Examples:
        >>> pairs = [[[1.0, 0.0], [2.0, 0.0]], [[1.0, 0.0], [0.0, 3.0]]]  # cosines 1 and 0
        >>> values = cosent([0.9, 0.2], pairs, scale=1.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + e^(0 - 1))
        [0.3133, 0.3133]
    """
    _require(scale, block_size)
    found = with_units(views(y_true, y_pred, mask))
    return _ranked(found, ops.sum(found.x * found.ref_x, axis=-1), scale, block_size)


@register
class CoSENT(Loss):
    """CoSENT of the pairs of a batch; see `cosent` for the formula.

    Args:
        scale: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(cosent)
    sees_others = True

    def __init__(
        self,
        scale: float = 20.0,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosent",
        dtype: Any = None,
    ):
        _require(scale, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"scale": scale, "block_size": block_size}


@register
def angle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    scale: float = 20.0,
    block_size: int | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""AnglE: `cosent` of a similarity of angles in the complex plane.

    $$ \ell_i = \log \Bigl(1 + \sum_{y_k < y_j} e^{\lambda (s_k - s_j)} \Bigr), \qquad
       s_j = \Bigl| \sum_m \bigl(\operatorname{Re} + \operatorname{Im}\bigr)
       \frac{z_{jm} \overline{z'_{jm}}}{\lVert z_j \rVert \lVert z'_j \rVert} \Bigr| $$

    where the first half of an embedding are the real parts of $z$, and the second half the
    imaginary parts. Cosines saturate near −1 and 1, where these angles still have a slope.

    Args:
        y_true: The scores $y$, shape `(N,)` or `(N, 1)`, of any range: only their order counts.
        y_pred: Both embeddings of each pair, `(N, 2, d)`, or a tuple of two tensors `(N, d)`;
            normalised here. If $d$ is odd, a zero is appended.
        scale: $\lambda$, the inverse of the paper's $\tau$.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        mask: Which pairs of the batch count, bool `(N,)`.

    Returns:
        One value per pair, shape `(N,)`, in the dtype of `y_pred`: as in `cosent`, each has the
        loss of the batch. Memory grows with N².

    Raises:
        ValueError: for shapes that do not fit, or a scale not above 0.

    References:
        Xianming Li and Jing Li, "AnglE-optimized Text Embeddings", ACL 2024 (arXiv:2309.12871,
        2023), of which it is the term of angles. The paper adds `cosent` and a softmax over the
        batch, such as `in_batch_negatives`.

    Where peers differ:
        sentence-transformers' `AnglELoss` is the same.

    Examples:
        >>> pairs = [[[1.0, 0.0], [2.0, 0.0]], [[1.0, 0.0], [-3.0, 3.0]]]  # of 1 + 0i; 0° and 135°
        >>> values = angle([0.9, 0.2], pairs, scale=1.0)
        >>> [round(float(value), 4) for value in values]  # |cos -135° + sin -135°| = 1.4142
        [0.9215, 0.9215]
    """
    _require(scale, block_size)
    found = with_units(views(y_true, y_pred, mask))
    x, y = found.x, found.ref_x
    if x.shape[1] % 2:
        x, y = (ops.pad(side, ((0, 0), (0, 1))) for side in (x, y))
    half = x.shape[1] // 2
    real, imaginary = y[:, :half], y[:, half:]
    # Re + Im of (a + bi)(c − di) is a (c − d) + b (c + d).
    turned = ops.concatenate([real - imaginary, real + imaginary], axis=1)
    return _ranked(found, absolute(ops.sum(x * turned, axis=-1)), scale, block_size)


@register
class AnglE(Loss):
    """AnglE of the pairs of a batch; see `angle` for the formula and the paper.

    Args:
        scale: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(angle)
    sees_others = True

    def __init__(
        self,
        scale: float = 20.0,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "angle",
        dtype: Any = None,
    ):
        _require(scale, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"scale": scale, "block_size": block_size}
