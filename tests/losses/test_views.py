"""Losses of views without negatives: what the contract suite does not ask."""

import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from tests import autodiff
from tests.contract.checks import derivative
from tests.references import views as reference

N, DIM = 5, 3


def numbers(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("name", ["simsiam", "byol"])
def test_two_directions_and_no_gradient_to_targets(name, rng):
    function, y = getattr(losses, name), np.arange(N)
    x = rng.normal(size=(N, 4, DIM)).astype("float32")
    exact = x.astype("float64")
    values = numbers(function(y, x))
    np.testing.assert_allclose(values, getattr(reference, name)(y, exact), rtol=1e-5, atol=1e-6)
    apart = function(y, tuple(ops.convert_to_tensor(x[:, i]) for i in range(4)))
    np.testing.assert_allclose(numbers(apart), values, rtol=1e-6)
    both = [function(x[:, 3 - i], x[:, i]) for i in range(2)]
    scale = 1 if name == "byol" else 0.5
    np.testing.assert_allclose(scale * sum(map(numbers, both)), values, rtol=1e-5, atol=1e-6)
    found = autodiff.gradient(lambda p: ops.sum(function(y, p)), x)
    expected = derivative(lambda p: getattr(reference, name)(y, p).sum(), exact)
    np.testing.assert_allclose(found[:, :2], expected[:, :2], rtol=2e-5, atol=2e-6)
    assert not found[:, 2:].any()
    found = autodiff.gradient(lambda z: ops.sum(z) + ops.sum(function(z, x[:, 0])), x[:, 3])
    np.testing.assert_array_equal(found, 1)


@pytest.mark.parametrize(
    ("function", "y_pred"),
    [
        (losses.simsiam, np.ones((N, 2, DIM), "float32")),
        (losses.byol, np.ones(N, "float32")),
        (losses.byol, [np.ones((N, DIM)), np.ones((N, DIM + 1))]),
    ],
    ids=["two views alone", "no vectors", "two lengths"],
)
def test_what_is_no_prediction_of_views(function, y_pred):
    with pytest.raises(ValueError, match="`y_pred` must hold the predictions"):
        function(np.arange(N), y_pred)


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        ((N, 2, DIM), (N, 1, DIM)),
        ((N, 1, DIM), (N, 1, DIM)),
        ((N,), (N, 3, DIM)),
        ((N,), (N, 4)),
        ((N, 2, DIM), (N, 3, DIM + 1)),
    ],
)
def test_shapes_of_dino(y_true, y_pred):
    given = [np.ones(shape, "float32") for shape in (y_true, y_pred)]
    with pytest.raises(ValueError, match="outputs of the student"):
        losses.dino(*given, np.zeros(DIM, "float32"))


def test_dino_takes_the_teacher_among_the_predictions_and_gives_it_no_gradient(rng):
    teacher, student = (rng.normal(size=(N, k, DIM)).astype("float32") for k in (2, 3))
    both, center = np.concatenate([student, teacher], axis=1), np.full(DIM, 0.1, "float32")
    apart = losses.dino(teacher, student, center, teacher_temperature=0.5)
    together = losses.dino(np.arange(N), both, center, teacher_temperature=0.5)
    np.testing.assert_allclose(numbers(together), numbers(apart), rtol=1e-6)
    found = autodiff.gradient(
        lambda p: ops.sum(losses.dino(np.arange(N), p, center, teacher_temperature=0.5)), both
    )
    assert found[:, :3].any() and not found[:, 3:].any()


@pytest.mark.parametrize("together", [False, True])
def test_the_center_of_dino_follows_the_teacher(together, rng):
    loss = losses.DINO(DIM, center_momentum=0.8)
    step, center = autodiff.training_step(loss), np.zeros(DIM)
    weight = np.array([1, 0, 0.5, 1, 1], "float32")
    for k in range(3):
        teacher, student = (rng.normal(size=(N, n, DIM)).astype("float32") for n in (2, 2))
        teacher[4] = np.inf if k == 1 else teacher[4]  # is left out
        counted = [0, 2, 3] if k == 1 else [0, 2, 3, 4]
        both = np.concatenate([student, teacher], axis=1)
        step(*((np.arange(N), both) if together else (teacher, student)), weight)
        center = 0.8 * center + 0.2 * teacher[counted].astype("float64").mean(axis=(0, 1))
        np.testing.assert_allclose(numbers(loss.center), center, rtol=1e-5, atol=1e-6)
    step(teacher, student, 0 * weight)
    np.testing.assert_allclose(numbers(loss.center), center, rtol=1e-5, atol=1e-6)
    loss.trainable = False
    loss(teacher, student, training=True)
    np.testing.assert_allclose(numbers(loss.center), center, rtol=1e-5, atol=1e-6)


def test_a_center_of_another_length():
    with pytest.raises(ValueError, match="output_dim=4"):
        losses.DINO(4).build_state(3)
    with pytest.raises(ValueError, match="`center` must have one entry"):
        losses.dino(np.ones((2, 2, 3)), np.ones((2, 2, 3)), np.zeros(2))


def test_vicreg_and_barlow_twins_know_what_they_are_for(rng):
    """Equal views with independent coordinates of variance 1 cost nothing."""
    x = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], "float32") * np.sqrt(3 / 4, dtype="float32")
    both, y = np.stack([x, x], axis=1), np.arange(4)
    np.testing.assert_allclose(numbers(losses.vicreg(y, both, epsilon=0.0)), 0, atol=1e-5)
    np.testing.assert_allclose(numbers(losses.barlow_twins(y, both, epsilon=0.0)), 0, atol=1e-5)
    # Barlow Twins does not see the scale of a coordinate.
    scaled = both * np.array([[3.0, 0.2], [0.1, 7.0]], "float32")
    np.testing.assert_allclose(numbers(losses.barlow_twins(y, scaled, epsilon=0.0)), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("VICReg", {"variance_weight": -1.0}, "`variance_weight` must be at least 0"),
        ("BarlowTwins", {"epsilon": -1.0}, "`epsilon` must be at least 0"),
        ("DINO", {"student_temperature": 0.0}, "`student_temperature` must be greater than 0"),
        ("DINO", {"center_momentum": 1.5}, "`center_momentum` must lie in"),
        ("DINO", {"output_dim": 0}, "`output_dim` must be a positive integer"),
    ],
)
def test_bad_settings(name, settings, text):
    with pytest.raises(ValueError, match=text):
        getattr(losses, name)(**settings)
