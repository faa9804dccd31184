"""Average precision made smooth: an anchor ranks its references, and its own class should lead."""

from collections.abc import Callable
from typing import Any

from keras import ops

from portable_losses import _backend
from portable_losses._inputs import require_above, require_at_least, require_choice, require_count
from portable_losses._numerics import (
    absolute,
    divide,
    indicator,
    masked_mean,
    positive_part,
    running_sums,
)
from portable_losses._pairwise import (
    Pairs,
    dot,
    in_blocks,
    masks,
    pairs,
    per_anchor,
    require_block_size,
    with_units,
)
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register

# How many numbers of one kind are in memory at a time, where `block_size` does not say: 16 MB.
NUMBERS = 2**22
VARIANTS = ("O", "Iu", "Ib", "Ds", "Dq")


def _anchors_at_a_time(found: Pairs, candidates: int | None, block_size: int | None) -> int:
    """As given; or as many as `NUMBERS` allows of references times candidates each."""
    references = found.ref_x.shape[0]
    if block_size is not None:
        return block_size
    if references is None:  # TensorFlow, where the size of a batch is not known
        return 16
    return max(1, NUMBERS // (references * (candidates or references)))


def _sums(numbers: Tensor, *among: Tensor) -> list[Tensor]:
    """Of `(B, K, M)`, the sums over those references that are in each mask, `(B, K)` each."""
    weights = ops.stack([indicator(mask, numbers) for mask in among], axis=-1)
    return ops.unstack(numbers @ weights, num=len(among), axis=-1)


def _of_positives(
    found: Pairs,
    with_itself: bool,
    temperature: float,
    block_size: int | None,
    value: Callable[..., Tensor],
) -> Tensor:
    """Means over positives of `value(above, positive, negative)`, 0 without any, whose mean is one
    over the anchors that have some. `above`, `(B, K, M)`, says of each reference whether it comes
    before a positive: σ((s_j − s_k) / τ); before itself by ½, without a gradient.

    K is as many as the anchor with the most positives has, or a little more: most pairs are none.
    """

    def count(block: Pairs) -> tuple[Tensor]:
        return (ops.sum(indicator(_ranked(block, with_itself)[0], block.x), axis=1),)

    def of_most(most: int | None, x: Tensor, ref_x: Tensor) -> list[Tensor]:
        given = found._replace(x=x, ref_x=ref_x)

        def of_block(block: Pairs) -> tuple[Tensor, Tensor]:
            positive, negative, has = _ranked(block, with_itself)
            similarities = dot(block.x, block.ref_x)
            own, there = similarities, positive
            if most != references:
                _, columns = ops.top_k(indicator(positive, own), most)
                own, there = (ops.take_along_axis(x, columns, axis=1) for x in (own, there))
            above = ops.sigmoid(ops.expand_dims(similarities, 1) - ops.expand_dims(own, 2))
            return has * masked_mean(value(above, positive, negative), there, axis=1), has

        return in_blocks(given, of_block, _anchors_at_a_time(found, most, block_size))

    found = found._replace(x=found.x / temperature)  # a block sees no tensor that is trained
    references = found.ref_x.shape[0]
    if references is None:
        return per_anchor(found, *of_most(None, found.x, found.ref_x))
    (counts,) = in_blocks(found, count, _anchors_at_a_time(found, 1, block_size))
    sizes = [*(size for size in (16, 64, 256, 1024) if size < references), references]
    most = ops.amax(counts)
    return per_anchor(found, *_backend.with_size(most, sizes, of_most, found.x, found.ref_x))


def _ranked(block: Pairs, with_itself: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Positives and negatives; and as 0 or 1 whether there is a positive, the anchor aside."""
    positive, negative = masks(block)
    has = ops.any(positive, axis=1)
    if with_itself:
        with_anchor, _ = masks(block._replace(own=None))
        positive = ops.logical_and(with_anchor, ops.expand_dims(has, 1))
    return positive, negative, ops.cast(has, block.x.dtype)


def _require_smooth_ap(temperature: float, block_size: int | None) -> None:
    require_above("temperature", temperature, 0)
    require_block_size(block_size)


@register
def smooth_ap(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    temperature: float = 0.01,
    with_itself: bool = False,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Smooth-AP: one minus the average precision, with ranks by sigmoids.

    $$ \ell_i = \frac{N}{N_+} \Bigl(1 - \frac{1}{|P(i)|} \sum_{p \in P(i)}
       \frac{1 + \sum_{q \in P(i), q \neq p} \sigma_{qp}}
       {1 + \sum_{r \in A(i), r \neq p} \sigma_{rp}} \Bigr), \qquad
       \sigma_{rp} = \frac{1}{1 + e^{-(\cos(x_i, x_r) - \cos(x_i, x_p)) / \tau}} $$

    with $A(i)$ all references of anchor $i$ but itself, and $P(i)$ those of its class. An anchor
    without any has the value 0. The factor makes the mean over the batch one over the $N_+$
    anchors that have a positive. The order of the batch does not matter, nor need classes be of
    equal size.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        temperature: The paper's $\tau$; the smaller, the nearer to the average precision, and the
            fewer pairs have a gradient.
        with_itself: Whether an anchor that has a positive counts as one too, the nearest there
            can be, as in the authors' code. Of other references none is the anchor.
        block_size: So many anchors at a time, each with a number for each reference and each
            positive of it in memory; the gradient computes each block again. None: as many as
            16 MB hold. Time grows with N² times the most positives that an anchor has.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a temperature not above 0.

    References:
        Andrew Brown, Weidi Xie, Vicky Kalogeiton and Andrew Zisserman, "Smooth-AP: Smoothing the
        Path Towards Large-Scale Image Retrieval", ECCV 2020.

    Where peers differ:
        pytorch-metric-learning's `SmoothAPLoss` (2.9) is the same `with_itself=True` for batches
        sorted by class, of as many classes as samples of each. For other numbers of samples and
        for another order it takes samples of different classes for one, without an error. It
        holds $N^3$ numbers.

    Examples:
        >>> values = smooth_ap([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]])
        >>> [round(float(value), 4) for value in values]  # both are second: (1 - 1/2) * 3/2
        [0.75, 0.75, 0.0]
    """
    _require_smooth_ap(temperature, block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))

    def lost(above: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        own, whole = _sums(above, positive, ops.logical_or(positive, negative))
        # Each positive comes before itself by ½, and its rank starts at 1.
        return 1 - (0.5 + own) / (0.5 + whole)

    values = _of_positives(found, with_itself, temperature, block_size, lost)
    return ops.cast(values, found.dtype)


@register
class SmoothAP(Loss):
    """Smooth-AP of the batch; see `smooth_ap` for the formula and the paper.

    Args:
        temperature, with_itself: As for the function.
        block_size: So many anchors at a time; as many as 16 MB hold if None.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(smooth_ap)
    sees_others = True

    def __init__(
        self,
        temperature: float = 0.01,
        with_itself: bool = False,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "smooth_ap",
        dtype: Any = None,
    ):
        _require_smooth_ap(temperature, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "temperature": temperature,
            "with_itself": with_itself,
            "block_size": block_size,
        }


def _require_fast_ap(num_bins: int, block_size: int | None) -> None:
    require_count("num_bins", num_bins)
    require_block_size(block_size)


@register
def fast_ap(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    num_bins: int = 10,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""FastAP: one minus the average precision, of histograms of distances.

    $$ \ell_i = \frac{N}{N_+} \Bigl(1 - \frac{1}{|P(i)|} \sum_{l=0}^{L}
       \frac{h^+_l H^+_l}{H_l} \Bigr), \qquad
       h_l = \sum_{r} \max\Bigl(1 - \frac{L}{4} \Bigl| \lVert x_i - x_r \rVert^2
       - \frac{4l}{L} \Bigr|, 0\Bigr) $$

    with embeddings at length 1, $h$ over all references $r$ of anchor $i$ but itself, $h^+$ over
    those $P(i)$ of its class, and $H_l = h_0 + \dots + h_l$. An anchor without a positive has the
    value 0. The factor makes the mean over the batch one over the $N_+$ anchors that have one.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        num_bins: $L$, into how many bins squared distances from 0 to 4 are sorted.
        block_size: So many anchors at a time, each with $L + 1$ numbers for every reference in
            memory; the gradient computes each block again. None: as many as 16 MB hold.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a bad number of bins.

    References:
        Fatih Cakir, Kun He, Xide Xia, Brian Kulis and Stan Sclaroff, "Deep Metric Learning to
        Rank", CVPR 2019.

    Where peers differ:
        pytorch-metric-learning's `FastAPLoss` is the same.

    Examples:
        >>> values = fast_ap([0, 0, 1], [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
        >>> [round(float(value), 4) for value in values]  # in order
        [0.0, 0.0, 0.0]
        >>> values = fast_ap([0, 0, 1], [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
        >>> [round(float(value), 4) for value in values]  # both are second: (1 - 1/2) * 3/2
        [0.75, 0.75, 0.0]
    """
    _require_fast_ap(num_bins, block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))

    def of_block(block: Pairs) -> tuple[Tensor, Tensor]:
        positive, negative, has = _ranked(block, False)
        # ‖x − y‖² · L / 4, of vectors of length 1; a bin is 1 wide.
        distances = (1 - dot(block.x, block.ref_x)) * (num_bins / 2)
        edges = ops.cast(ops.arange(num_bins + 1, dtype="int32"), distances.dtype)
        away = absolute(ops.expand_dims(distances, 1) - ops.reshape(edges, (1, -1, 1)))
        everyone = ops.logical_or(positive, negative)
        own, whole = _sums(positive_part(1 - away), positive, everyone)
        share = divide(own * running_sums(own), running_sums(whole))
        count = ops.sum(indicator(positive, share), axis=1)
        return has - divide(ops.sum(share, axis=1), count), has

    size = _anchors_at_a_time(found, num_bins + 1, block_size)
    return ops.cast(per_anchor(found, *in_blocks(found, of_block, size)), found.dtype)


@register
class FastAP(Loss):
    """FastAP of the batch; see `fast_ap` for the formula and the paper.

    Args:
        num_bins: Into how many bins distances are sorted.
        block_size: So many anchors at a time; as many as 16 MB hold if None.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(fast_ap)
    sees_others = True

    def __init__(
        self,
        num_bins: int = 10,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "fast_ap",
        dtype: Any = None,
    ):
        _require_fast_ap(num_bins, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {"num_bins": num_bins, "block_size": block_size}


def _require_pnp(
    variant: str, alpha: float, b: float, temperature: float, block_size: int | None
) -> None:
    require_choice("variant", variant, VARIANTS)
    require_at_least("alpha", alpha, 0)
    require_above("b", b, 0)
    require_above("temperature", temperature, 0)
    require_block_size(block_size)


@register
def pnp(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    variant: str = "O",
    alpha: float = 1.0,
    b: float = 2.0,
    temperature: float = 0.01,
    with_itself: bool = False,
    block_size: int | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""PNP: penalise negatives before positives, whatever positives come before.

    $$ \ell_i = \frac{N}{N_+} \frac{1}{|P(i)|} \sum_{p \in P(i)} f(R_{ip}), \qquad
       R_{ip} = \sum_{n \in N(i)} \frac{1}{1 + e^{-(\cos(x_i, x_n) - \cos(x_i, x_p)) / \tau}} $$

    | variant | $f(R)$ | |
    |---|---|---|
    | `"O"` | $R$ | |
    | `"Iu"` | $(1 + R) \log(1 + R)$ | the worse a positive stands, the more it is pulled |
    | `"Ib"` | $(bR - \log(1 + bR)) / b^2$ | the same, up to a bound |
    | `"Ds"` | $\log(1 + R)$ | those that stand well are pulled the most, slowly changing |
    | `"Dq"` | $1 - (1 + R)^{-\alpha}$ | the same, quickly |

    with $P(i)$ the references of the class of anchor $i$ but itself, and $N(i)$ those of other
    classes. An anchor without a positive has the value 0. The factor makes the mean over the batch
    one over the $N_+$ anchors that have a positive.

    Args:
        y_true: Ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        y_pred: Embeddings, shape `(N, d)`; normalised here.
        variant: One of the table.
        alpha, b: $\alpha$ of `"Dq"` and $b$ of `"Ib"`.
        temperature: The paper's $\tau$.
        with_itself: Whether an anchor that has a positive counts as one too, the nearest there
            can be, as in the authors' code. Of other references none is the anchor.
        block_size: So many anchors at a time, each with a number for each reference and each
            positive of it in memory; the gradient computes each block again. None: as many as
            16 MB hold. Time grows with N² times the most positives that an anchor has.
        ref_labels, ref_embeddings: References, if not the batch itself: labels like `y_true`, and
            shape `(M, d)`. None of them counts as the anchor itself.
        ref_mask: Which references there are, bool `(M,)`; or for which anchor, `(N, M)`.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per anchor, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, an unknown variant, or bad settings.

    References:
        Zhuo Li, Weiqing Min, Jiajun Song, Yaohui Zhu, Liping Kang, Xiaoming Wei, Xiaolin Wei and
        Shuqiang Jiang, "Rethinking the Optimization of Average Precision: Only Penalizing Negative
        Instances before Positive Ones is Enough", AAAI 2022.

    Where peers differ:
        pytorch-metric-learning's `PNPLoss` is the same `with_itself=True`; its `anneal` is
        `temperature`. It holds $N^3$ numbers.

    Examples:
        >>> values = pnp([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]])
        >>> [round(float(value), 4) for value in values]  # one negative before: 1 * 3/2
        [1.5, 1.5, 0.0]
    """
    _require_pnp(variant, alpha, b, temperature, block_size)
    found = with_units(pairs(y_true, y_pred, ref_labels, ref_embeddings, ref_mask, mask))

    def cost(above: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        (before,) = _sums(above, negative)
        if variant == "Iu":
            before = (1 + before) * ops.log1p(before)
        elif variant == "Ib":
            before = (b * before - ops.log1p(b * before)) / b**2
        elif variant == "Ds":
            before = ops.log1p(before)
        elif variant == "Dq":
            before = -ops.expm1(-alpha * ops.log1p(before))
        return before

    values = _of_positives(found, with_itself, temperature, block_size, cost)
    return ops.cast(values, found.dtype)


@register
class PNP(Loss):
    """PNP of the batch; see `pnp` for the formula, its variants and the paper.

    Args:
        variant, alpha, b, temperature, with_itself: As for the function.
        block_size: So many anchors at a time; as many as 16 MB hold if None.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(pnp)
    sees_others = True

    def __init__(
        self,
        variant: str = "O",
        alpha: float = 1.0,
        b: float = 2.0,
        temperature: float = 0.01,
        with_itself: bool = False,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "pnp",
        dtype: Any = None,
    ):
        _require_pnp(variant, alpha, b, temperature, block_size)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "variant": variant,
            "alpha": alpha,
            "b": b,
            "temperature": temperature,
            "with_itself": with_itself,
            "block_size": block_size,
        }
