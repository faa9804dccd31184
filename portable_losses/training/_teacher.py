"""Callbacks for a teacher that follows its student: its weights, and the temperature of DINO."""

import math
from typing import Any

import keras
from keras import ops

from portable_losses._inputs import require_above, require_count, require_within
from portable_losses.losses import DINO


class MomentumTeacher(keras.callbacks.Callback):
    r"""After each step of `fit`, the teacher's weights follow those of the student.

    $$ \theta_t \leftarrow m \theta_t + (1 - m) \theta_s $$

    for BYOL, whose target network this is, for DINO, and for any other loss of a slow copy:

        teacher = keras.models.clone_model(student)
        teacher.set_weights(student.get_weights())
        teacher.trainable = False
        model.fit(..., callbacks=[MomentumTeacher(student, teacher, steps=len(batches) * epochs)])

    With `steps`, $m$ rises to 1 by a cosine, as in both papers: at step $k$ of $K$ it is
    $1 - (1 - m) (\cos(\pi k / K) + 1) / 2$, with $k$ from 0 on. Steps are those of the optimizer,
    which are saved with it: training that goes on goes on with $m$.

    Args:
        student: A model or layer that is trained.
        teacher: One of the same weights in the same order, which is not trained.
        momentum: $m$, from 0 to 1.
        steps: $K$, all steps of the training; None holds $m$ constant.

    Raises:
        ValueError: for bad settings; for a teacher that the optimizer trains, or whose weights are
            not those of the student; and for `steps_per_execution` above 1, in whose steps
            nothing could follow.

    References:
        Jean-Bastien Grill and others, "Bootstrap Your Own Latent: A New Approach to Self-Supervised
        Learning", NeurIPS 2020. Mathilde Caron and others, "Emerging Properties in Self-Supervised
        Vision Transformers", ICCV 2021.

    Where peers differ:
        All weights follow, the statistics of batch normalisation among them, which a frozen layer
        of Keras uses as they are. lightly's `update_momentum` and the authors of DINO leave them to
        the teacher's own forward passes. lightly's `cosine_schedule` reaches 1 one step earlier.

    Examples:
        >>> student, teacher = keras.layers.Dense(1), keras.layers.Dense(1, trainable=False)
        >>> x = keras.Input((2,))
        >>> model = keras.Model(x, keras.layers.Concatenate()([student(x), teacher(x)]))
        >>> model.compile("sgd", loss="mse")
        >>> callback = MomentumTeacher(student, teacher, momentum=0.0)  # a copy
        >>> history = model.fit(ops.ones((4, 2)), ops.ones((4, 2)), callbacks=[callback], verbose=0)
        >>> bool(ops.all(student.kernel == teacher.kernel))
        True
    """

    def __init__(
        self, student: Any, teacher: Any, momentum: float = 0.996, steps: int | None = None
    ):
        super().__init__()
        require_within("momentum", momentum, 0, 1)
        self.student, self.teacher, self.momentum = student, teacher, momentum
        self.steps = None if steps is None else require_count("steps", steps)

    def momentum_at(self, step: int) -> float:
        """$m$ of the step after so many."""
        if self.steps is None:
            return self.momentum
        share = (math.cos(math.pi * min(step / self.steps, 1)) + 1) / 2
        return 1 - (1 - self.momentum) * share

    def on_train_begin(self, logs: Any = None) -> None:
        if self.model.steps_per_execution != 1:
            raise ValueError(
                "A teacher follows after each step, and callbacks are called after several: "
                "compile with steps_per_execution=1. Received: "
                f"steps_per_execution={self.model.steps_per_execution!r}."
            )
        self._step = int(self.model.optimizer.iterations)
        self._pairs: list[tuple[Any, Any]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = int(self.model.optimizer.iterations)
        self._pairs = self._pairs or self._matched()  # now that all weights are there
        if step != self._step:  # not while gradients are accumulated
            momentum = self.momentum_at(step - 1)
            for follower, leader in self._pairs:
                new = momentum * ops.convert_to_tensor(follower)
                new = new + (1 - momentum) * ops.stop_gradient(ops.convert_to_tensor(leader))
                follower.assign(ops.cast(new, follower.dtype))
        self._step = step

    def _matched(self) -> list[tuple[Any, Any]]:
        followers, leaders = self.teacher.weights, self.student.weights
        shapes = [[tuple(weight.shape) for weight in weights] for weights in (followers, leaders)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "The weights of the teacher must be those of the student, such as of "
                f"keras.models.clone_model(student). Received: shapes {shapes[0]} for {shapes[1]}."
            )
        trained = {id(variable) for variable in self.model.trainable_variables}
        if any(id(weight) in trained for weight in followers):
            raise ValueError(
                "The optimizer trains weights of the teacher: set teacher.trainable = False before "
                "`compile`. Received: a teacher with "
                f"{len(self.teacher.trainable_variables)} trainable variables."
            )
        return list(zip(followers, leaders, strict=True))


class TeacherTemperature(keras.callbacks.Callback):
    """The warm-up of `losses.DINO`: the teacher's temperature rises by epochs to that of the loss.

    It is `warmup_teacher_temp` in the first epoch, rises by equal steps, and is the
    `teacher_temperature` of the loss from the last epoch of the warm-up on. With a high one
    from the start on the loss may not fall.

        loss = losses.DINO(teacher_temperature=0.07)
        model = LossModel(network, loss)
        model.fit(..., callbacks=[TeacherTemperature(loss, 0.04, 30)])

    In a loop of your own, assign `loss.teacher_temperature`.

    Args:
        loss: The `DINO` that the model has.
        warmup_teacher_temp: The temperature of the first epoch.
        warmup_teacher_temp_epochs: How many epochs the warm-up has; in the last it has ended.

    Raises:
        ValueError: for another loss, a temperature not above 0, or epochs that are no positive
            integer.

    References:
        Mathilde Caron and others, "Emerging Properties in Self-Supervised Vision Transformers",
        ICCV 2021.

    Where peers differ:
        lightly's `DINOLoss` and the authors' code take the epoch in each call; names and
        temperatures are theirs.

    Examples:
        >>> loss = DINO(teacher_temperature=0.07)
        >>> warmup = TeacherTemperature(loss, 0.04, warmup_teacher_temp_epochs=3)
        >>> [round(warmup.temperature_at(epoch), 3) for epoch in range(4)]
        [0.04, 0.055, 0.07, 0.07]
    """

    def __init__(
        self, loss: DINO, warmup_teacher_temp: float = 0.04, warmup_teacher_temp_epochs: int = 30
    ):
        super().__init__()
        if not isinstance(loss, DINO):
            raise ValueError(
                f"TeacherTemperature takes the DINO that the model has. Received: {loss!r}."
            )
        require_above("warmup_teacher_temp", warmup_teacher_temp, 0)
        self.loss, self.first = loss, warmup_teacher_temp
        self.epochs = require_count("warmup_teacher_temp_epochs", warmup_teacher_temp_epochs)

    def temperature_at(self, epoch: int) -> float:
        """The teacher's temperature in an epoch, the first of which is 0."""
        last = self.loss.settings["teacher_temperature"]
        share = epoch / max(self.epochs - 1, 1)
        return last if epoch >= self.epochs else self.first + (last - self.first) * share

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.loss.teacher_temperature.assign(self.temperature_at(epoch))
