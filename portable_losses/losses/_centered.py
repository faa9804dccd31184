"""What losses with one center per class share: the table, its start, distances to it."""

from typing import Any

from keras import ops

from portable_losses import _backend
from portable_losses._inputs import as_float
from portable_losses._numerics import mean, positive_part
from portable_losses._pairwise import dot
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._tables import TableLoss


def as_features(y_pred: ArrayLike, centers: ArrayLike) -> tuple[Tensor, Any, str]:
    """Features `(N, d)`, centers `(C, d)`, and the dtype of a result. A variable stays one: its
    rows can then be read without the table."""
    x, dtype = as_float(y_pred)
    if not isinstance(centers, _backend.Variable):
        centers = ops.convert_to_tensor(centers)
    if len(x.shape) != 2 or len(centers.shape) != 2 or x.shape[1] != centers.shape[1]:
        raise ValueError(
            "Features must have shape (N, d) and centers (C, d). Received: "
            f"y_pred.shape={tuple(x.shape)}, centers.shape={tuple(centers.shape)}."
        )
    return x, centers, dtype


def rows_of(centers: Any, ids: Tensor) -> Tensor:
    """`centers[ids]`, `(N, d)`, with a gradient by one row for each class.

    On TensorFlow the gradient of a gather lists rows as they were read, and Keras' optimizers
    square repeated ones before they are summed: Adam would take other steps than elsewhere. So
    all samples of a class share the row that the first of them read.
    """
    same = ops.equal(ops.expand_dims(ids, 1), ops.expand_dims(ids, 0))
    first = ops.argmax(ops.cast(same, "int32"), axis=1)
    return ops.take(_backend.take_rows(centers, ids), first, axis=0)


def around_centers(x: Tensor, centers: Any) -> tuple[Tensor, Tensor]:
    """Both as seen from the mean of the centers, held constant: distances stay as they are, and
    far from the origin their squares keep their digits."""
    centers = ops.cast(ops.convert_to_tensor(centers), x.dtype)
    origin = ops.stop_gradient(mean(centers, axis=0, keepdims=True))
    return x - origin, centers - origin


def _beside_own_square(x: Tensor, centers: Tensor) -> Tensor:
    """½‖x − c‖² − ½‖x‖² = ½‖c‖² − x·c, `(N, C)`."""
    squares = 0.5 * ops.sum(ops.square(centers), axis=-1, keepdims=True)
    return ops.transpose(squares) - dot(x, centers)


def half_squared_distances(x: Tensor, centers: Any) -> Tensor:
    """½‖x − c‖² to every center, `(N, C)`, by a product of matrices: nothing is `(N, C, d)`.

    Its error is some 1e-7 (in float32) of the squared lengths of x and c as seen from the mean of
    the centers.
    """
    x, centers = around_centers(x, centers)
    squares = 0.5 * ops.sum(ops.square(x), axis=-1, keepdims=True)
    return positive_part(squares + _beside_own_square(x, centers))


def nearest_other(ids: Tensor, x: Tensor, centers: Any) -> Tensor:
    """The class whose center is nearest to each sample, its own class aside; the first of equals.
    Without a gradient. There must be two classes or more."""
    x, centers = around_centers(ops.stop_gradient(x), centers)
    # ‖x‖² is the same for all classes, and would only cost digits.
    distances = ops.stop_gradient(_beside_own_square(x, centers))
    classes = ops.arange(centers.shape[0], dtype=ids.dtype)
    own = ops.equal(ops.expand_dims(ids, 1), ops.expand_dims(classes, 0))
    distances = ops.where(own, ops.full_like(distances, float("inf")), distances)
    return ops.cast(ops.argmin(distances, axis=1), ids.dtype)


class CenteredLoss(TableLoss):
    """Abstract: a loss with `centers`, a table of one row for each class.

    It says of each loss, and no class repeats it:

    Args:
        num_classes: The number of classes, $C$.
        embedding_dim: The length $d$ of a feature vector; taken from the first batch if None.
        centers_initializer: Where centers start. None draws every coordinate from the standard
            normal distribution.
        trains: Whether the optimizer moves the centers.
        learning_rate_multiplier: How many times the optimizer's steps a center takes, whatever
            the optimizer (weight decay aside). The variable is the center divided by it.
        reduction, name, dtype: As for any Keras loss. Centers are kept in float32 (float64 for
            `dtype="float64"`).
    """

    table_name = "centers"

    def spread(self, dim: int) -> float:
        return 1.0

    def table(self) -> Any:
        """All centers: the variable itself where it holds them."""
        return self.centers if self.built and self.multiplier == 1 else super().table()

    def get_logits(self, embeddings: ArrayLike) -> Tensor:
        """Minus half the squared distance to each center, `(N, C)`.

        The largest is that of the nearest center; their softmax is the posterior of classes that
        are normally distributed around their centers, with variance 1 in every direction.
        """
        x, centers, dtype = as_features(embeddings, self.table())
        return ops.cast(-half_squared_distances(x, centers), dtype)

    def set_class_means(self, y_true: ArrayLike, embeddings: ArrayLike) -> None:
        """Let the centers start as the means of their classes. A class without a sample keeps its
        center.

        Args:
            y_true: Class ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
            embeddings: Shape `(N, d)`, such as `network.predict(x)`.
        """
        x = ops.cast(ops.convert_to_tensor(embeddings), self.state_dtype)
        self.assign_means(y_true, x, unit=False)
