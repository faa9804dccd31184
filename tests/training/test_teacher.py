"""A teacher that follows its student in `fit`, and DINO with its warm-up."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from tests.references import views as reference

N, DIM, OUTPUTS, VIEWS, EPOCHS = 8, 3, 4, 3, 4
STEPS = 2 * EPOCHS  # two batches in each epoch
TEMPERATURES = np.linspace(0.2, 0.5, 3)  # and then the last


def twins(trainable=False):
    """Student and teacher, which are linear, around three views; the teacher sees two."""
    student, teacher = (
        keras.layers.Dense(OUTPUTS, use_bias=False, name=name, kernel_initializer="orthogonal")
        for name in ("student", "teacher")
    )
    teacher.trainable = trainable
    x = keras.Input((VIEWS, DIM))
    both = keras.layers.Concatenate(axis=1)([student(x), teacher(x[:, :2])])
    return student, teacher, keras.Model(x, both)


class Recorder(keras.callbacks.Callback):
    def __init__(self, *variables):
        super().__init__()
        self.variables = variables
        self.seen = [self.now()]

    def now(self):
        return [ops.convert_to_numpy(variable).astype("float64") for variable in self.variables]

    def on_train_batch_end(self, batch, logs=None):
        assert self.model is not None  # Keras brings the variables up to date where it is asked for
        self.seen.append(self.now())


def test_dino_in_fit(rng):
    """Each step is the papers': the loss by the teacher's temperature of the epoch, by the center
    and the teacher before the step; and both follow after it. Training that goes on goes on."""
    student, teacher, network = twins()
    loss = losses.DINO(OUTPUTS, 0.5, 0.5, center_momentum=0.8)
    model = training.LossModel(network, loss)
    model.compile(keras.optimizers.SGD(0.5))
    x = rng.normal(size=(N, VIEWS, DIM)).astype("float32")
    recorder = Recorder(student.kernel, teacher.kernel, loss.center)
    callbacks = [
        training.MomentumTeacher(student, teacher, momentum=0.6, steps=STEPS),
        training.TeacherTemperature(loss, 0.2, len(TEMPERATURES)),
        recorder,
    ]
    given = {"batch_size": N // 2, "shuffle": False, "callbacks": callbacks, "verbose": 0}
    found = []
    for start, end in ((0, 2), (2, EPOCHS)):
        history = model.fit(x, np.arange(N), initial_epoch=start, epochs=end, **given)
        found += history.history["loss"]
    expected = []
    assert len(recorder.seen) == STEPS + 1
    for k in range(STEPS):
        (before, of_teacher, center), (after, follower, moved) = recorder.seen[k : k + 2]
        batch = x[(k % 2) * N // 2 :][: N // 2].astype("float64")
        outputs = batch[:, :2] @ of_teacher
        temperature = TEMPERATURES[min(k // 2, len(TEMPERATURES) - 1)]
        values = reference.dino(
            outputs,
            batch @ before,
            center=center,
            student_temperature=0.5,
            teacher_temperature=temperature,
        )
        expected.append(values.mean())
        new = 0.8 * center + 0.2 * outputs.mean(axis=(0, 1))
        np.testing.assert_allclose(moved, new, rtol=1e-5, atol=1e-6)
        momentum = 1 - 0.4 * (np.cos(np.pi * k / STEPS) + 1) / 2
        new = momentum * of_teacher + (1 - momentum) * after
        np.testing.assert_allclose(follower, new, rtol=1e-5, atol=1e-6)
        assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(found, np.reshape(expected, (-1, 2)).mean(axis=1), rtol=1e-5)


def test_a_teacher_waits_while_gradients_are_accumulated(rng):
    student, teacher, network = twins()
    start = ops.convert_to_numpy(teacher.kernel)
    network.compile(keras.optimizers.SGD(0.5, gradient_accumulation_steps=2), loss="mse")
    recorder = Recorder(student.kernel, teacher.kernel)
    x = rng.normal(size=(N, VIEWS, DIM)).astype("float32")
    callbacks = [training.MomentumTeacher(student, teacher, 0.5), recorder]
    y = np.ones((N, VIEWS + 2, OUTPUTS))
    network.fit(x, y, batch_size=2, shuffle=False, callbacks=callbacks, verbose=0)
    follower = start
    for k, (leader, found) in enumerate(recorder.seen[1:]):
        follower = 0.5 * follower + 0.5 * leader if k % 2 else follower
        np.testing.assert_allclose(found, follower, rtol=1e-5, atol=1e-6)


def fit_once(network, student, teacher, **settings):
    network.compile("sgd", loss="mse", **settings)
    callback = training.MomentumTeacher(student, teacher)
    x, y = np.ones((2, VIEWS, DIM)), np.ones((2, VIEWS + 2, OUTPUTS))
    network.fit(x, y, callbacks=[callback], verbose=0)


def test_what_is_no_teacher():
    student, teacher, network = twins(trainable=True)
    with pytest.raises(ValueError, match=r"teacher\.trainable = False"):
        fit_once(network, student, teacher)
    other = keras.layers.Dense(2)
    other.build((None, DIM))
    with pytest.raises(ValueError, match="weights of the teacher must be those of the student"):
        fit_once(network, student, other)
    with pytest.raises(ValueError, match=r"`?steps_per_execution(=1|` must be 1)"):
        fit_once(network, student, teacher, steps_per_execution=2)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: training.MomentumTeacher(None, None, 1.5), "`momentum` must lie in"),
        (lambda: training.MomentumTeacher(None, None, steps=0), "`steps` must be a positive"),
        (lambda: training.TeacherTemperature(losses.SimSiam()), "takes the DINO"),
        (lambda: training.TeacherTemperature(losses.DINO(), 0.0), "`warmup_teacher_temp` must"),
        (lambda: training.TeacherTemperature(losses.DINO(), 0.1, 0), "temp_epochs` must be a pos"),
    ],
)
def test_bad_settings(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_a_warm_up_of_one_epoch():
    warmup = training.TeacherTemperature(losses.DINO(teacher_temperature=0.07), 0.03, 1)
    assert [warmup.temperature_at(epoch) for epoch in range(3)] == [0.03, 0.07, 0.07]
