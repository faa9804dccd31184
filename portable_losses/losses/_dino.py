"""DINO: a student has the classes of a teacher, whose outputs are centered."""

from typing import Any

import keras
from keras import ops

from portable_losses._inputs import (
    as_float,
    require_above,
    require_count,
    require_same_batch,
    require_within,
)
from portable_losses._numerics import log_softmax, masked_mean, mean
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._base import StatefulLoss, register

TEACHER_VIEWS = 2  # where they are the last of the predictions


def _student_and_teacher(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Tensor, Tensor, str]:
    """Outputs of the student `(N, V, K)` and, held constant, of the teacher `(N, T, K)`; and the
    dtype of a result."""
    y_pred, dtype = as_float(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == 3:
        student, teacher = y_pred, ops.cast(y_true, y_pred.dtype)
    else:
        student, teacher = y_pred[:, :-TEACHER_VIEWS], y_pred[:, -TEACHER_VIEWS:]
    of_student, of_teacher = tuple(student.shape), tuple(teacher.shape)
    fit = len(of_student) == len(of_teacher) == 3 and of_student[2] == of_teacher[2]
    if not fit or of_student[1] < max(2, of_teacher[1]) or of_teacher[1] < 1:
        raise ValueError(
            "`y_pred` must hold outputs of the student for two views of each sample or more, "
            "(N, V, K), with those of the teacher for the first of them in `y_true`, (N, T, K); or "
            f"both, (N, V + {TEACHER_VIEWS}, K), those of the teacher last. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}."
        )
    require_same_batch(y_true, y_pred)
    return student, ops.stop_gradient(teacher), dtype


@register
def dino(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    center: ArrayLike,
    *,
    student_temperature: float = 0.1,
    teacher_temperature: float = 0.04,
) -> Tensor:
    r"""Cross-entropy of the student's classes for one view with the teacher's for another.

    $$ \ell_i = \frac{-1}{|\{t \neq v\}|} \sum_{t \neq v} \sum_k
       \operatorname{softmax}\Bigl(\frac{g_{it} - c}{\tau_t}\Bigr)_k
       \log \operatorname{softmax}\Bigl(\frac{h_{iv}}{\tau_s}\Bigr)_k $$

    with outputs $h_{iv}$ of the student for $V$ views, of which the teacher sees the first $T$ and
    gives $g_{it}$. Nobody is compared on one view with itself.

    Args:
        y_true: The teacher's outputs $g$, shape `(N, T, K)`. Or anything with one entry per
            sample, `(N,)` or `(N, 1)`, if they are in `y_pred`; only their number counts then.
        y_pred: The student's outputs $h$, shape `(N, V, K)`; the first $T$ are of the views that
            the teacher sees. Or both, shape `(N, V + 2, K)`: the last two are the teacher's.
        center: The center $c$, shape `(K,)`.
        student_temperature, teacher_temperature: $\tau_s$ and $\tau_t$.

    Returns:
        One value per sample, shape `(N,)`, in the dtype of `y_pred`. No gradient flows into the
        teacher's outputs.

    Raises:
        ValueError: for shapes that do not fit, or a temperature not above 0.

    References:
        Mathilde Caron, Hugo Touvron, Ishan Misra, Hervé Jégou, Julien Mairal, Piotr Bojanowski and
        Armand Joulin, "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021.

    Where peers differ:
        The authors' code and lightly's `DINOLoss` are the same. The temperature of the teacher
        rises in the first epochs there: `portable_losses.training.TeacherTemperature`.

    Examples:
        >>> teacher, student = [[[9.0, 0.0], [9.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]
        >>> values = dino(teacher, student, [0.0, 0.0])
        >>> [round(float(value), 4) for value in values]  # log 2
        [0.6931]
    """
    require_above("student_temperature", student_temperature, 0)
    require_above("teacher_temperature", teacher_temperature, 0)
    student, teacher, dtype = _student_and_teacher(y_true, y_pred)
    center = ops.cast(ops.convert_to_tensor(center), student.dtype)
    if len(center.shape) != 1 or center.shape[0] != student.shape[2]:
        raise ValueError(
            "`center` must have one entry for each output, shape (K,). Received: "
            f"center.shape={tuple(center.shape)} for outputs of length {student.shape[2]}."
        )
    chances = ops.exp(log_softmax((teacher - center) / teacher_temperature))
    logs = log_softmax(student / student_temperature)
    each = chances @ ops.transpose(logs, (0, 2, 1))  # (N, T, V)
    views, seen = (ops.arange(each.shape[axis], dtype="int32") for axis in (2, 1))
    same = ops.equal(ops.expand_dims(seen, 1), ops.expand_dims(views, 0))
    each = ops.where(same, ops.zeros_like(each), each)
    count = each.shape[1] * (each.shape[2] - 1)  # T ≤ V
    return ops.cast(-ops.sum(each, axis=(1, 2)) / count, dtype)


@register
class DINO(StatefulLoss):
    r"""DINO with its center, which follows the teacher's outputs in training; see `dino` for the
    formula and the paper.

    $$ c \leftarrow m c + (1 - m) \frac{1}{N T} \sum_{i, t} g_{it} $$

    The loss sees the center from before the step. Without a center one class would win; the low
    temperature keeps all from being equal.

    Give it to `portable_losses.training.LossModel`, around a model that returns the outputs of
    student and teacher, `(N, V + 2, K)`; or to a `LossEndpoint`, whose `y_true` are the teacher's.
    `portable_losses.training.MomentumTeacher` lets the weights of the teacher follow those of the
    student, and `TeacherTemperature` has the warm-up of its temperature, which is a variable,
    `teacher_temperature`. Samples that are masked or of weight 0 do not move the center.

    Args:
        output_dim: The number of outputs, $K$; taken from the first batch if None.
        student_temperature, teacher_temperature: $\tau_s$ and $\tau_t$.
        center_momentum: $m$.
        reduction, name, dtype: As for any Keras loss. The center is kept in float32 (float64 for
            `dtype="float64"`).

    Call:
        `loss(y_true, y_pred, sample_weight=None, training=...)` with the shapes of `dino`; returns
        the reduced loss.

    Raises:
        ValueError: for bad settings or shapes; when `training` is not said; and when the update
            would be lost.

    References:
        Mathilde Caron and others, "Emerging Properties in Self-Supervised Vision Transformers",
        ICCV 2021.

    Examples:
        >>> from keras import ops
        >>> loss = DINO(output_dim=2)
        >>> teacher, student = [[[9.0, 0.0], [1.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]
        >>> round(float(loss(teacher, student, training=True)), 4)  # log 2
        0.6931
        >>> center = ops.convert_to_numpy(loss.center)
        >>> [round(float(value), 4) for value in center]  # 0.1 * (9 + 1) / 2
        [0.5, 0.0]
    """

    def __init__(
        self,
        output_dim: int | None = None,
        student_temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        center_momentum: float = 0.9,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dino",
        dtype: Any = None,
    ):
        require_above("student_temperature", student_temperature, 0)
        require_above("teacher_temperature", teacher_temperature, 0)
        require_within("center_momentum", center_momentum, 0, 1)
        super().__init__(
            name=name,
            reduction=reduction,
            dtype=dtype,
            output_dim=output_dim,
            student_temperature=student_temperature,
            teacher_temperature=teacher_temperature,
            center_momentum=center_momentum,
        )
        # A variable, so that a callback can move it between steps that are compiled.
        self.teacher_temperature = self.add_weight(
            name="teacher_temperature",
            shape=(),
            initializer=keras.initializers.Constant(teacher_temperature),
            dtype=self.state_dtype,
            trainable=False,
            aggregation="mean",
        )
        if output_dim is not None:
            self.build((None,), (None, require_count("output_dim", output_dim)))

    def build_state(self, dim: int) -> None:
        expected = self.settings["output_dim"]
        if expected not in (None, dim):
            raise ValueError(
                f"The outputs must have length output_dim={expected}. Received: length {dim}."
            )
        self.center = self.add_weight(
            name="center",
            shape=(dim,),
            initializer="zeros",
            dtype=self.state_dtype,
            trainable=False,
            aggregation="mean",
        )

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return dino(
            y_true,
            y_pred,
            self.center,
            student_temperature=self.settings["student_temperature"],
            teacher_temperature=ops.convert_to_tensor(self.teacher_temperature),
        )

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        _, teacher, _ = _student_and_teacher(y_true, y_pred)
        outputs = mean(teacher, axis=1)
        # One overflow in half precision would make all losses NaN from then on.
        counted = ops.logical_and(counted, ops.all(ops.isfinite(outputs), axis=-1))
        batch = masked_mean(outputs, ops.expand_dims(counted, 1), axis=0)
        momentum = self.settings["center_momentum"]
        center = ops.convert_to_tensor(self.center)
        moved = momentum * center + (1 - momentum) * ops.cast(batch, center.dtype)
        self.center.assign(ops.where(ops.any(counted), moved, center))
