"""Dynamic soft margin: a triplet counts by how hard it is among those of the last batches."""

from typing import Any

from keras import ops

from portable_losses._distances import euclidean
from portable_losses._inputs import require_count, require_within
from portable_losses._numerics import divide, where
from portable_losses._pairwise import Pairs, masks, views, with_units
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import StatefulLoss, register
from portable_losses.losses._triplet import extreme

LOW, WIDTH = -2.0, 4.0  # between which a difference of two distances of unit vectors lies


def _differences(found: Pairs) -> tuple[Tensor, Tensor]:
    """Of each sample its distance to its positive, less that of its hardest negative; and whether
    it has a negative."""
    _, negative = masks(found)
    distances = euclidean(found.x, found.ref_x)
    rows = ops.arange(ops.shape(distances)[0], dtype="int32")
    own = ops.equal(ops.expand_dims(rows, 1), rows)
    near = ops.sum(where(own, distances), axis=1)
    counted = ops.logical_and(negative, ops.expand_dims(found.counted, 1))
    # The negative of either view, whichever is nearer.
    of_first = extreme(distances, counted, least=True)
    of_second = extreme(ops.transpose(distances), ops.transpose(counted), least=True)
    far = ops.where(of_second < of_first, of_second, of_first)
    there = ops.any(counted, axis=1)
    return where(there, near - far), there


def _places(differences: Tensor, num_bins: int) -> Tensor:
    return (ops.stop_gradient(differences) - LOW) * (num_bins / WIDTH)


@register
def dynamic_soft_margin(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    histogram: ArrayLike,
    *,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""Dynamic soft margin loss of two views.

    $$ \ell_i = \mathrm{CDF}(\Delta_i)\, \Delta_i, \qquad
       \Delta_i = D(x_i, x'_i) - \min_{j \in N(i)} \min(D(x_i, x'_j), D(x_j, x'_i)) $$

    with $D$ the Euclidean distance of normalised embeddings, $N(i)$ the samples with another id,
    and CDF the share of earlier triplets that were no harder, which is held constant. There is no
    margin to choose: triplets that are easy for the network as it is weigh little. A sample without
    a negative has the value 0.

    Args:
        y_true: Ids of the samples, `(N,)` or `(N, 1)`; all different as a rule, where `arange(N)`
            will do.
        y_pred: The two views, `(N, 2, d)`, or a tuple of two tensors `(N, d)`; normalised here.
        histogram: How many of the triplets lie around each of the ends of equal bins from −2 to 2,
            `(bins + 1,)`; if all are 0, every triplet weighs 1.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit.

    References:
        Linguang Zhang and Szymon Rusinkiewicz, "Learning Local Descriptors With a CDF-Based Dynamic
        Soft Margin", ICCV 2019.

    Where peers differ:
        pytorch-metric-learning's `DynamicSoftMarginLoss` has 10 bins. Its histogram ends where its
        last bin begins, and it fails at a difference from there on; a batch of N counts N times as
        much in it as `momentum` says; and with labels all triplets of the batch are taken.

    Examples:
        >>> views = [[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.6, 0.8]]]
        >>> values = dynamic_soft_margin([0, 1], views, histogram=[1.0, 0.0, 3.0, 0.0])
        >>> [round(float(value), 4) for value in values]  # 0 - 0.8944, 0.6325 - 0.8944; bins of 4/3
        [-0.2236, -0.0655]
    """
    found = with_units(views(y_true, y_pred, mask))
    differences, _ = _differences(found)
    histogram = ops.cast(ops.convert_to_tensor(histogram), differences.dtype)
    if len(histogram.shape) != 1 or histogram.shape[0] < 2:
        raise ValueError(
            "`histogram` must have shape (bins + 1,), with one bin or more. Received: "
            f"histogram.shape={tuple(histogram.shape)}."
        )
    num_bins = histogram.shape[0] - 1
    ends = ops.cast(ops.arange(num_bins + 1), differences.dtype)
    below = ops.expand_dims(_places(differences, num_bins), 1) >= ends
    share = where(below, histogram)
    total = ops.sum(histogram)
    weights = ops.where(total > 0, divide(ops.sum(share, axis=1), total), 1.0)
    values = where(found.counted, weights * differences)
    return ops.cast(values, found.dtype)


@register
class DynamicSoftMargin(StatefulLoss):
    """Dynamic soft margin loss; see `dynamic_soft_margin` for the formula and the paper.

    A training step adds its triplets to the histogram first, each shared out to both ends of its
    bin, and forgets `momentum` of what there was. In evaluation the histogram stays.

    Args:
        num_bins: The number of bins between −2 and 2.
        momentum: What share of the histogram the batch replaces; the first batch replaces it all.
        reduction, name, dtype: As for any Keras loss.
    """

    update_first = True

    def __init__(
        self,
        num_bins: int = 512,
        momentum: float = 0.01,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dynamic_soft_margin",
        dtype: Any = None,
    ):
        require_count("num_bins", num_bins)
        require_within("momentum", momentum, 0, 1)
        super().__init__(
            name=name, reduction=reduction, dtype=dtype, num_bins=num_bins, momentum=momentum
        )
        self.build((None,), (None, 2, 1))  # the histogram is as it is for any batch

    def build_state(self, dim: int) -> None:
        self.histogram = self.add_weight(
            name="histogram",
            shape=(self.settings["num_bins"] + 1,),
            initializer="zeros",
            dtype=self.state_dtype,
            trainable=False,
            aggregation="mean",
        )

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return dynamic_soft_margin(y_true, y_pred, self.histogram)

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        return dynamic_soft_margin(y_true, y_pred, self.histogram, mask=counted)

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        num_bins, momentum = self.settings["num_bins"], self.settings["momentum"]
        differences, there = _differences(with_units(views(y_true, y_pred, counted)))
        there = ops.logical_and(there, counted)
        places = ops.expand_dims(_places(differences, num_bins), 1)
        ends = ops.cast(ops.arange(num_bins + 1), places.dtype)
        shares = ops.relu(1 - ops.abs(places - ends))  # to both ends, by nearness
        shares = where(ops.expand_dims(there, 1), shares)
        batch = ops.sum(shares, axis=0)
        batch = divide(batch, ops.sum(batch))
        held = ops.convert_to_tensor(self.histogram)
        moved = held + momentum * (batch - held)
        moved = ops.where(ops.sum(held) > 0, moved, batch)
        self.histogram.assign(ops.where(ops.any(there), ops.cast(moved, held.dtype), held))
