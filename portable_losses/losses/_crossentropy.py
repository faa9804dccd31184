"""Cross-entropies: binary, over classes, and over classes with ids as labels.

Logits are the better input. A probability of exactly 0 or 1 has lost its logit: the loss is held
at −log ε there and has no gradient.
"""

from typing import Any

from keras import ops

from portable_losses._inputs import (
    as_class_ids,
    as_float,
    as_labels,
    as_pair,
    poison,
    require_within,
)
from portable_losses._numerics import divide, log_probability, log_softmax, mean
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import Loss, register


@register
def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    r"""Cross-entropy of yes-or-no labels, each output for itself.

    $$ \ell = -\tfrac1d \sum_i \bigl( y_i \log p_i + (1 - y_i) \log (1 - p_i) \bigr),
       \qquad p = \sigma(x) \text{ for logits } x $$

    From logits, each logarithm is a softplus, $-\log \sigma(x) = \log(1 + e^{-x})$: exact in both
    tails. From probabilities, $p$ and $1 - p$ are held to $[\varepsilon, 1]$, with
    $\varepsilon$ = `keras.config.epsilon()`: a wrong answer of probability 1 costs
    $-\log \varepsilon \approx 16.1$ and has gradient 0, a right one costs 0.

    Args:
        y_true: Labels in [0, 1], of the shape of `y_pred`.
        y_pred: Probabilities, or logits, shape `(N, d)` or `(N, ..., d)`.
        from_logits: Whether `y_pred` holds logits. Prefer it.
        label_smoothing: $s$ in [0, 1]; labels become $(1 - s)\,y + s/2$.
        axis: The axis to average over.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, or a smoothing outside of [0, 1].

    Where peers differ:
        Keras clips $p$ itself to $[\varepsilon, 1 - \varepsilon]$: a sure mistake costs 16.12 on
        one side and, in float32, 15.94 on the other; a right answer costs 1e-7; the gradient at
        $p = \varepsilon$ is half as large on JAX. On TensorFlow Keras takes probabilities back to
        the logits that a sigmoid made them from; nothing is taken back here.

    References:
        I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14(1), 1952.
        Label smoothing: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception
        Architecture for Computer Vision", CVPR 2016.

    Examples:
        >>> values = binary_crossentropy([[1, 0]], [[0.0, 2.0]], from_logits=True)
        >>> [round(float(value), 4) for value in values]  # (0.6931 + 2.1269) / 2
        [1.41]
    """
    require_within("label_smoothing", label_smoothing, 0, 1)
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    y_true = y_true * (1 - label_smoothing) + label_smoothing / 2
    if from_logits:
        # Not softplus(x) − x·y: where x is large and y is 1, rounding would eat the difference.
        values = y_true * ops.softplus(-y_pred) + (1 - y_true) * ops.softplus(y_pred)
    else:
        values = -y_true * log_probability(y_pred) - (1 - y_true) * log_probability(1 - y_pred)
    return ops.cast(mean(values, axis=axis), dtype)


@register
def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    r"""Cross-entropy of a distribution over classes, one-hot or soft.

    $$ \ell = -\sum_c y_c \log p_c, \qquad
       p = \operatorname{softmax}(x) \text{ for logits } x,
       \quad p = \hat y / \textstyle\sum_c \hat y_c \text{ for probabilities } \hat y $$

    with $0 \cdot \log 0 = 0$, so a logit of $-\infty$ rules a class out. Probabilities are held
    to $[\varepsilon, 1]$, with $\varepsilon$ = `keras.config.epsilon()`: a true class of
    probability 0 costs $-\log \varepsilon \approx 16.1$ and has gradient 0; at probability 1 the
    loss is 0.

    Args:
        y_true: Labels, of the shape of `y_pred`.
        y_pred: Probabilities, or logits, shape `(N, C)` or `(N, ..., C)`.
        from_logits: Whether `y_pred` holds logits. Prefer it.
        label_smoothing: $s$ in [0, 1]; labels become $(1 - s)\,y + s/C$.
        axis: The axis of the classes.

    Returns:
        One value per sample, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`.

    Raises:
        ValueError: for shapes that do not fit, class ids in place of rows, a single class, or a
            smoothing outside of [0, 1].

    Where peers differ:
        Keras costs 1e-7 at probability 1, NaN for a row of zeros and for a logit of $-\infty$,
        and halves the gradient at $p = \varepsilon$ on JAX; its smoothing divides by the length
        of the last axis whatever `axis` is. On TensorFlow its gradient for logits takes for
        granted that each row of labels sums to 1, and probabilities are taken back to the logits
        that a softmax made them from; nothing is taken back here.

    References:
        I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14(1), 1952.
        Label smoothing: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception
        Architecture for Computer Vision", CVPR 2016.

    Examples:
        >>> values = categorical_crossentropy([[0, 1]], [[0.75, 0.25]])
        >>> [round(float(value), 4) for value in values]
        [1.3863]
    """
    require_within("label_smoothing", label_smoothing, 0, 1)
    y_true, y_pred, dtype = as_pair(y_true, y_pred)
    num_classes = y_pred.shape[axis]
    if num_classes == 1:
        raise ValueError(
            "A softmax over one class is always 1, and its loss 0. For yes-or-no labels use "
            f"`binary_crossentropy`. Received: y_pred.shape={tuple(y_pred.shape)}, axis={axis}."
        )
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / num_classes
    if from_logits:
        logs = log_softmax(y_pred, axis=axis)
    else:
        logs = log_probability(divide(y_pred, ops.sum(y_pred, axis=axis, keepdims=True)))
    logs = ops.where(ops.equal(y_true, 0), ops.zeros_like(logs), logs)
    return ops.cast(-ops.sum(y_true * logs, axis=axis), dtype)


@register
def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    r"""Cross-entropy over classes, with class ids as labels.

    $$ \ell = -\log p_y, \qquad
       p = \operatorname{softmax}(x) \text{ for logits } x,
       \quad p = \hat y / \textstyle\sum_c \hat y_c \text{ for probabilities } \hat y $$

    Equal to `categorical_crossentropy` of one-hot labels, which it never builds.

    Args:
        y_true: Class ids, whole numbers of any dtype: the shape of `y_pred` without its axis of
            classes, or with 1 there. So `(N,)` or `(N, 1)` for `(N, C)`, `(N, T)` for
            `(N, T, C)`.
        y_pred: Probabilities, or logits, shape `(N, C)` or `(N, ..., C)`.
        from_logits: Whether `y_pred` holds logits. Prefer it.
        ignore_class: An id that stands for no label, within the range of classes or not (-1,
            255). It gives value 0 and gradient 0; `SparseCategoricalCrossentropy` leaves it out
            of the mean too.
        axis: The axis of the classes.

    Returns:
        One value per id, shape `(N,)` or `(N, ...)`, in the dtype of `y_pred`. NaN for an id out
        of range that only appears inside of a compiled function.

    Raises:
        ValueError: for shapes that do not fit, one-hot rows in place of ids, or an id that is
            fractional or out of range.

    Where peers differ:
        Keras on JAX gives 0 for an id out of range, and NaN where any other class has a logit of
        $-\infty$; it takes `axis` on PyTorch only. On TensorFlow it clips probabilities before it
        normalises them, on the others after; and there it takes probabilities back to the logits
        that a softmax made them from. PyTorch has an `ignore_index` of -100 by default.

    References:
        I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14(1), 1952.

    Examples:
        >>> values = sparse_categorical_crossentropy([1, -1], [[0.75, 0.25]] * 2, ignore_class=-1)
        >>> [round(float(value), 4) for value in values]
        [1.3863, 0.0]
    """
    y_pred, dtype = as_float(y_pred)
    labels = _per_position(y_true, y_pred, axis)
    y_pred = ops.moveaxis(y_pred, axis, -1)
    counted = _counted(labels, ignore_class)
    if counted is not None:
        labels = ops.where(counted, labels, ops.zeros_like(labels))
        # The argument too: what stands at an ignored position may be NaN.
        y_pred = ops.where(ops.expand_dims(counted, -1), y_pred, ops.zeros_like(y_pred))
    ids, valid = as_class_ids(ops.reshape(labels, (-1,)), y_pred.shape[-1])
    ids, valid = (ops.reshape(x, ops.shape(labels)) for x in (ids, valid))
    if from_logits:
        values = -_pick(log_softmax(y_pred), ids)
    else:
        values = -log_probability(divide(_pick(y_pred, ids), ops.sum(y_pred, axis=-1)))
    values = poison(values, valid)
    if counted is not None:
        values = ops.where(counted, values, ops.zeros_like(values))
    return ops.cast(values, dtype)


def _per_position(y_true: ArrayLike, y_pred: Tensor, axis: int) -> Tensor:
    """Labels of the shape of `y_pred` without `axis`."""
    labels = as_labels(y_true)
    pred = list(y_pred.shape)
    want = list(pred)
    del want[axis]
    if len(labels.shape) == len(pred) and labels.shape[axis] == 1:
        labels = ops.squeeze(labels, axis)
    have = list(labels.shape)
    if len(have) != len(want) or any(
        None not in (h, w) and h != w for h, w in zip(have, want, strict=True)
    ):
        hint = ""
        if have == pred:
            hint = " For one-hot or soft labels use `categorical_crossentropy`."
        raise ValueError(
            "There must be one class id per position: labels of the shape of `y_pred` without "
            f"its axis of classes (axis={axis}), or with 1 there. Received: "
            f"y_true.shape={tuple(have)}, y_pred.shape={tuple(pred)}.{hint}"
        )
    return labels


def _counted(labels: Tensor, ignore_class: int | None) -> Tensor | None:
    if ignore_class is None:
        return None
    return ops.not_equal(labels, ops.cast(ignore_class, labels.dtype))


def _pick(x: Tensor, ids: Tensor) -> Tensor:
    """The entry of the last axis of `x` that each id names."""
    return ops.squeeze(ops.take_along_axis(x, ops.expand_dims(ids, -1), axis=-1), -1)


@register
class BinaryCrossentropy(Loss):
    """Cross-entropy of yes-or-no labels; see `binary_crossentropy`.

    Args:
        from_logits, label_smoothing, axis: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(binary_crossentropy)
    elementwise = True

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ):
        require_within("label_smoothing", label_smoothing, 0, 1)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }


@register
class CategoricalCrossentropy(Loss):
    """Cross-entropy of a distribution over classes; see `categorical_crossentropy`.

    Args:
        from_logits, label_smoothing, axis: As for the function.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ):
        require_within("label_smoothing", label_smoothing, 0, 1)
        super().__init__(reduction, name, dtype)
        self.settings = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }


@register
class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy over classes with ids as labels; see `sparse_categorical_crossentropy`.

    A mean is one over the labels that are not `ignore_class`, as in Keras; 0 where all are.

    Args:
        from_logits, ignore_class, axis: As for the function. `reduction` stands between them, as
            it does in Keras.
        reduction, name, dtype: As for any Keras loss.
    """

    function = staticmethod(sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
        self.settings = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}

    def counted(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        labels = _per_position(y_true, y_pred, self.settings["axis"])
        return _counted(labels, self.settings["ignore_class"])
