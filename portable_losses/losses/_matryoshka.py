"""Matryoshka: a loss of the first coordinates of an embedding, for several lengths."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from portable_losses._inputs import as_float, require_at_least, require_count
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register
from portable_losses.losses._inner import as_loss_without_state, saved


def _require(dims: Sequence[int], weights: Sequence[float] | None) -> None:
    if not dims:
        raise ValueError("`dims` must name at least one length. Received: none.")
    for dim in dims:
        require_count("dims", dim)
    for weight in weights or ():
        require_at_least("weights", weight, 0)
    if weights is not None and len(weights) != len(dims):
        raise ValueError(
            "`weights` must have one weight for each of `dims`. Received: "
            f"dims={list(dims)}, weights={list(weights)}."
        )


@register
def matryoshka(
    y_true: ArrayLike,
    y_pred: Any,
    *,
    loss: Any,
    dims: Sequence[int],
    weights: Sequence[float] | None = None,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    ref_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tensor:
    r"""A loss of prefixes of the embeddings, so that they may be cut short later.

    $$ \ell_i = \sum_m c_m \, \mathcal{L}_i(y, x_{1:m}) $$

    with $x_{1:m}$ the first $m$ coordinates of the embeddings, for each $m$ of `dims`.

    Args:
        y_true: What `loss` takes.
        y_pred: Embeddings, shape `(N, d)`; or, for a loss of two views, `(N, 2, d)` or a tuple.
        loss: A loss without state: of embeddings, such as `SupCon()`, or of views, as `CLIP()`.
        dims: The lengths $m$, up to $d$. $d$ itself is not among them unless it is named.
        weights: The weights $c_m$; all 1 if None.
        ref_labels, ref_embeddings, ref_mask: References, for a loss that takes them; prefixes are
            compared with prefixes.
        mask: Which samples of the batch count, bool `(N,)`.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for a loss with state, and lengths that are none or more than $d$.

    References:
        Aditya Kusupati, Gantavya Bhatt, Aniket Rege, Matthew Wallingford, Aditya Sinha, Vivek
        Ramanujan, William Howard-Snyder, Kaifeng Chen, Sham Kakade, Prateek Jain and Ali Farhadi,
        "Matryoshka Representation Learning", NeurIPS 2022, equation 1.

    Where peers differ:
        sentence-transformers' `MatryoshkaLoss` is the same sum, of prefixes that are normalised.
        The paper classifies each prefix with weights of its own; for that, give each a head.

    Examples:
        >>> from portable_losses.losses import SupCon
        >>> y, x = [0, 0, 1], [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]
        >>> values = matryoshka(y, x, loss=SupCon(temperature=1.0), dims=[1, 2], weights=[0, 1])
        >>> [round(float(value), 4) for value in values]
        [0.4699, 0.4699, 0.0]
    """
    inner = as_loss_without_state(loss, "matryoshka")
    _require(dims, weights)
    given = {"ref_labels": ref_labels, "ref_mask": ref_mask, "mask": mask}
    given = {name: value for name, value in given.items() if value is not None}
    views = y_pred if _are_views(y_pred) else (y_pred,)
    found, dtypes = zip(*map(as_float, views), strict=True)
    y_pred = found if _are_views(y_pred) else found[0]
    total = 0.0
    for dim, weight in zip(dims, weights or [1.0] * len(dims), strict=True):
        if ref_embeddings is not None:
            given["ref_embeddings"] = _prefix(ref_embeddings, dim)
        total = total + weight * inner.call(y_true, _prefix(y_pred, dim), **given)
    return ops.cast(total, dtypes[0])


def _are_views(x: Any) -> bool:
    return isinstance(x, tuple | list) and all(hasattr(part, "shape") for part in x)


def _prefix(x: Any, dim: int) -> Any:
    def one(x: Any) -> Tensor:
        x = ops.convert_to_tensor(x)
        if x.shape[-1] < dim:
            raise ValueError(
                f"`dims` must be lengths up to that of the embeddings. Received: {dim}, and "
                f"embeddings of shape {tuple(x.shape)}."
            )
        return x[..., :dim]

    return tuple(map(one, x)) if _are_views(x) else one(x)


@register
class Matryoshka(Loss):
    """A loss of prefixes of the embeddings; see `matryoshka` for the formula and the paper.

    Args:
        loss: A loss without state, such as `SupCon()`; its values per sample are used, its own
            reduction, name and dtype are not.
        dims: The lengths of the prefixes.
        weights: One weight for each; all 1 if None.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(matryoshka)
    sees_others = True

    def __init__(
        self,
        loss: Any,
        dims: Sequence[int],
        weights: Sequence[float] | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "matryoshka",
        dtype: Any = None,
    ):
        loss = as_loss_without_state(loss, "Matryoshka")
        _require(dims, weights)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "loss": loss,
            "dims": list(map(int, dims)),
            "weights": None if weights is None else list(map(float, weights)),
        }

    def get_config(self) -> dict[str, Any]:
        return saved(super().get_config())
