"""Losses of two embeddings of each sample, of which each finds the other among the batch."""

from typing import Any

from keras import ops

from portable_losses._inputs import require_above
from portable_losses._numerics import where
from portable_losses._pairwise import (
    Pairs,
    dot,
    in_blocks,
    masks,
    per_anchor,
    require_block_size,
    swapped,
    views,
    with_units,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._supcon import softmax_values


def _require(temperature: float, block_size: int | None) -> None:
    require_above("temperature", temperature, 0)
    require_block_size(block_size)


@register
def in_batch_negatives(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    temperature: float = 0.05,
    block_size: int | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Multiple negatives ranking: a query finds its answer among those of the batch.

    $$ \ell_i = -\log \frac{e^{\cos(x_i, x'_i) / \tau}}{\sum_j e^{\cos(x_i, x'_j) / \tau}} $$

    Args:
        y_true: Ids of the samples, `(N,)` or `(N, 1)`; all different as a rule, where `arange(N)`
            will do. Samples with one id answer one another, and the value is the mean of
            $-\log$ over all right answers.
        y_pred: Queries and answers, `(N, 2, d)`, or a tuple of two tensors `(N, d)`; normalised
            here.
        temperature: $\tau$, one divided by the scale of peers.
        block_size: So many queries at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a temperature not above 0.

    References:
        Matthew Henderson, Rami Al-Rfou, Brian Strope, Yun-hsuan Sung, Laszlo Lukacs, Ruiqi Guo,
        Sanjiv Kumar, Balint Miklos and Ray Kurzweil, "Efficient Natural Language Response
        Suggestion for Smart Reply", arXiv:1705.00652, 2017; of dot products.

    Where peers differ:
        sentence-transformers' `MultipleNegativesRankingLoss` with `scale=20` is the same for
        pairs; it has further columns of hard negatives too. Its symmetric form is `clip` with the
        same temperature.

    Examples:
        >>> pairs = [[[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]]
        >>> values = in_batch_negatives([0, 1], pairs, temperature=1.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + e^-1)
        [0.3133, 0.3133]
    """
    _require(temperature, block_size)
    found = with_units(views(y_true, y_pred, mask))
    return ops.cast(softmax_values(found, temperature, block_size), found.dtype)


@register
class InBatchNegatives(Loss):
    """Multiple negatives ranking; see `in_batch_negatives` for the formula and the paper.

    Args:
        temperature: One divided by the scale of peers.
        block_size: So many queries at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(in_batch_negatives)
    sees_others = True

    def __init__(
        self,
        temperature: float = 0.05,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "in_batch_negatives",
        dtype: Any = None,
    ):
        _require(temperature, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"temperature": temperature, "block_size": block_size}


@register
def clip(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    temperature: float = 0.07,
    block_size: int | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""CLIP: `in_batch_negatives` in both directions, image to text and text to image.

    $$ \ell_i = -\tfrac12 \log \frac{e^{\cos(x_i, x'_i) / \tau}}{\sum_j e^{\cos(x_i, x'_j) / \tau}}
       - \tfrac12 \log \frac{e^{\cos(x_i, x'_i) / \tau}}{\sum_j e^{\cos(x_j, x'_i) / \tau}} $$

    Args:
        y_true: Ids of the samples, `(N,)` or `(N, 1)`; all different in the paper, where
            `arange(N)` will do. Samples with one id belong together, such as images of one
            caption, and the value is the mean of $-\log$ over all right partners.
        y_pred: Both embeddings, `(N, 2, d)`, or a tuple of two tensors `(N, d)`; normalised here.
        temperature: The paper's $\tau$, which is trained there, from 0.07 on: `TrainedSettings`.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a temperature not above 0.

    References:
        Alec Radford, Jong Wook Kim, Chris Hallacy, Aditya Ramesh, Gabriel Goh, Sandhini Agarwal,
        Girish Sastry, Amanda Askell, Pamela Mishkin, Jack Clark, Gretchen Krueger and Ilya
        Sutskever, "Learning Transferable Visual Models From Natural Language Supervision", ICML
        2021.

    Where peers differ:
        OpenCLIP's `ClipLoss` is the same with ids that all differ, and takes
        $1 / \tau$ as `logit_scale`.

    Examples:
        >>> pairs = [[[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]]
        >>> values = clip([0, 1], pairs, temperature=1.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + e^-1)
        [0.3133, 0.3133]
    """
    _require(temperature, block_size)
    found = with_units(views(y_true, y_pred, mask))
    forth = softmax_values(found, temperature, block_size)
    back = softmax_values(swapped(found), temperature, block_size)
    return ops.cast((forth + back) / 2, found.dtype)


@register
class CLIP(Loss):
    """CLIP's symmetric loss; see `clip` for the formula and the paper.

    Args:
        temperature: The paper's temperature.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(clip)
    sees_others = True

    def __init__(
        self,
        temperature: float = 0.07,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "clip",
        dtype: Any = None,
    ):
        _require(temperature, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"temperature": temperature, "block_size": block_size}


def _require_siglip(scale: float, block_size: int | None) -> None:
    require_above("scale", scale, 0)
    require_block_size(block_size)


@register
def siglip(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    scale: float = 10.0,
    bias: float = -10.0,
    block_size: int | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""SigLIP: every pair of the batch for itself, by a sigmoid.

    $$ \ell_i = \sum_j \log \bigl(1 + e^{-z_{ij} (t \cos(x_i, x'_j) + b)}\bigr) $$

    with $z_{ij} = 1$ where both belong together and $-1$ elsewhere.

    Args:
        y_true: Ids of the samples, `(N,)` or `(N, 1)`; all different in the paper, where
            `arange(N)` will do. Samples with one id belong together.
        y_pred: Both embeddings, `(N, 2, d)`, or a tuple of two tensors `(N, d)`; normalised here.
        scale, bias: The paper's $t$ and $b$, which are trained there, from 10 and −10 on:
            `TrainedSettings`.
        block_size: So many anchors at a time, and no more than their pairs in memory; the gradient
            computes each block again. None: all at once.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a scale not above 0.

    References:
        Xiaohua Zhai, Basil Mustafa, Alexander Kolesnikov and Lucas Beyer, "Sigmoid Loss for
        Language Image Pre-Training", ICCV 2023.

    Where peers differ:
        OpenCLIP's `SigLipLoss` is the same with ids that all differ.

    Examples:
        >>> pairs = [[[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]]
        >>> values = siglip([0, 1], pairs, scale=1.0, bias=0.0)
        >>> [round(float(value), 4) for value in values]  # log(1 + e^-1) + log 2
        [1.0064, 1.0064]
    """
    _require_siglip(scale, block_size)
    found = with_units(views(y_true, y_pred, mask))

    def of_block(block: Pairs, bias: Tensor) -> tuple[Tensor]:
        positive, negative = masks(block)
        logits = dot(block.x, block.ref_x) + bias
        each = ops.softplus(ops.where(positive, -logits, logits))
        there = ops.logical_or(positive, negative)
        return (ops.sum(where(there, each), axis=1),)

    # A block sees tensors that are trained only among its arguments.
    shared = (ops.convert_to_tensor(bias, dtype=found.x.dtype),)
    (total,) = in_blocks(found._replace(x=scale * found.x), of_block, block_size, shared=shared)
    return ops.cast(per_anchor(found, total, found.counted), found.dtype)


@register
class SigLIP(Loss):
    """SigLIP; see `siglip` for the formula and the paper.

    Args:
        scale, bias: As for the function.
        block_size: So many anchors at a time, for batches whose pairs do not fit into memory.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(siglip)
    sees_others = True

    def __init__(
        self,
        scale: float = 10.0,
        bias: float = -10.0,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "siglip",
        dtype: Any = None,
    ):
        _require_siglip(scale, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"scale": scale, "bias": bias, "block_size": block_size}
