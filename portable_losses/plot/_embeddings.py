"""Two-dimensional embeddings, coloured by class."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from portable_losses._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Ten colours, found by search: the least OKLab distance between two of them is 0.15, and 0.09
# as seen with protanopia, deuteranopia or tritanopia (Machado, Oliveira and Fernandes, 2009).
# Of matplotlib's own ten two are as good as one in protanopia (0.01).
COLORS = (
    "#2795ff",
    "#bb4d6f",
    "#0f7103",
    "#d4b50b",
    "#4832aa",
    "#21c9eb",
    "#ff6f88",
    "#8d910c",
    "#73345e",
    "#7568b7",
)


def embeddings(
    features: ArrayLike,
    labels: ArrayLike,
    centers: ArrayLike | None = None,
    *,
    ax: "Axes | None" = None,
    title: str | None = None,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
) -> "Axes":
    """Draw two-dimensional features, a colour for each class, and the centers of the classes.

    Nothing is shown and no state of matplotlib is changed: the caller saves or shows the figure,
    `axes.figure`.

    Args:
        features: Features, shape `(N, 2)`. For longer ones reduce the dimension first, by PCA
            or t-SNE.
        labels: Class ids `(N,)` or `(N, 1)`, or one-hot rows `(N, C)`.
        centers: One center per class, shape `(C, 2)`, such as the `centers` of a `CenterLoss`;
            those of classes without a sample are left out. Classes are named at their centers,
            or, without centers, in a legend.
        ax: The axes to draw on; those of a new figure if None.
        title: A title above the axes.
        class_names: What each class id is called; the id itself if None.

    Returns:
        The axes: one collection of points for each class that occurs, then one of centers.

    Raises:
        ImportError: without matplotlib.
        ValueError: for shapes that do not fit, or a class without a center or a name.

    Examples:
        >>> axes = embeddings([[0.0, 1.0], [2.0, 3.0]], [0, 1], title="Two samples")
        >>> axes.get_title()
        'Two samples'
        >>> axes.figure.savefig("embeddings.png")  # doctest: +SKIP
    """
    try:
        from matplotlib import colormaps
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import to_rgb
        from matplotlib.figure import Figure
        from matplotlib.patheffects import withStroke
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: pip install 'portable-losses[plot]'."
        ) from error

    x, ids = _features(features), _class_ids(labels)
    if len(x) != len(ids):
        raise ValueError(
            f"There must be one label per feature vector. Received: {len(x)} feature vectors, "
            f"{len(ids)} labels."
        )
    classes = [int(label) for label in np.unique(ids)]
    names = _names(classes, class_names)
    palette = list(COLORS)
    if classes and classes[-1] >= len(palette):
        palette = list(colormaps["turbo"](np.linspace(0.03, 0.97, classes[-1] + 1)))
    if ax is None:
        figure = Figure(figsize=(4, 4), layout="constrained")
        FigureCanvasAgg(figure)
        ax = figure.add_subplot()

    size = float(np.clip(4000 / max(len(x), 1), 1, 8))
    for label in classes:
        points = x[ids == label]
        ax.scatter(
            points[:, 0],
            points[:, 1],
            s=size,
            color=palette[label],
            alpha=0.8,
            linewidths=0,
            label=names[label],
        )
    if centers is not None and classes:
        at = _centers(centers, classes)
        colors = [palette[label] for label in classes]
        ax.scatter(
            at[:, 0],
            at[:, 1],
            s=40,
            marker="D",
            color=colors,
            edgecolor="white",
            linewidth=1,
            zorder=3,
        )
        width = 0.04 * np.ptp(x, axis=0).max()
        for label, center, away in zip(classes, at, _outwards(at), strict=True):
            # Just beyond the points of the class that lie this way, where the name hides none.
            offsets = x[ids == label] - center
            across = np.abs(offsets @ (away[1], -away[0]))
            reach = (offsets @ away)[across < width].max(initial=0)
            ax.annotate(
                names[label],
                center + reach * away,
                xytext=5 * away,
                textcoords="offset points",
                ha=("right", "center", "left")[round(away[0]) + 1],
                va=("top", "center", "bottom")[round(away[1]) + 1],
                fontsize=9,
                fontweight="bold",
                color=0.65 * np.array(to_rgb(palette[label])),
                path_effects=[withStroke(linewidth=2, foreground="white")],
                zorder=4,
            )
    elif classes:
        ax.legend(
            loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8, markerscale=1.5
        )
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.1)  # room for the names
    ax.tick_params(length=2, width=0.5, labelsize=7, color="0.6", labelcolor="0.4")
    ax.locator_params(nbins=5)
    for spine in ax.spines.values():
        spine.set(linewidth=0.5, color="0.6")
    if title is not None:
        ax.set_title(title, fontsize=10)
    return ax


def _array(x: ArrayLike) -> np.ndarray:
    return x if isinstance(x, np.ndarray) else ops.convert_to_numpy(x)


def _features(features: ArrayLike) -> np.ndarray:
    x = _array(features).astype("float64")
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(
            "Features must have shape (N, 2); reduce longer ones to two dimensions first. "
            f"Received: features.shape={x.shape}."
        )
    return x


def _class_ids(labels: ArrayLike) -> np.ndarray:
    ids = _array(labels)
    if ids.ndim == 2:
        ids = ids[:, 0] if ids.shape[1] == 1 else ids.argmax(axis=1)
    whole = ids.ndim == 1 and (ids == np.floor(ids)).all() and (ids >= 0).all()
    if not whole:
        raise ValueError(
            "Labels must be class ids, whole numbers from 0 on, of shape (N,) or (N, 1), or "
            f"one-hot rows (N, C). Received: labels.shape={ids.shape}, dtype {ids.dtype}."
        )
    return ids.astype("int64")


def _centers(centers: ArrayLike, classes: list[int]) -> np.ndarray:
    """The centers of `classes`, in their order."""
    at = _array(centers).astype("float64")
    if at.ndim != 2 or at.shape[1] != 2 or (classes and len(at) <= classes[-1]):
        raise ValueError(
            f"Centers must have shape (C, 2), a row for each class (the largest id is "
            f"{classes[-1] if classes else None}). Received: centers.shape={at.shape}."
        )
    return at[classes]


def _names(classes: list[int], given: Sequence[str] | Mapping[int, str] | None) -> dict[int, str]:
    try:
        return {label: str(label if given is None else given[label]) for label in classes}
    except LookupError:
        raise ValueError(
            f"`class_names` must name each class of {classes}. Received: {given!r}."
        ) from None


def _outwards(centers: np.ndarray) -> np.ndarray:
    """The direction from the middle of all centers to each: labels stand on the outer side."""
    away = centers - centers.mean(axis=0)
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return np.where(length > 0, away / np.where(length > 0, length, 1), [[0.0, 1.0]])
