"""What the contract suite does not say of adaptive margin heads: how their state moves, and where
they meet other heads."""

import contextlib
import functools

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from tests import autodiff
from tests.contract.checks import close, derivative, numbers
from tests.references import adaptive as reference

CLASSES, DIM, SAMPLES = 4, 3, 6  # of one size, so that JAX compiles an operation once


def adacos_step(y_true, y_pred, proxies, counted, scale):
    return {"scale": reference.adacos_step(y_true, y_pred, proxies, counted, scale)}


def curricularface_step(y_true, y_pred, proxies, counted, t):
    return {"t": reference.curricularface_step(y_true, y_pred, proxies, counted, t, momentum=0.25)}


def adaface_step(y_true, y_pred, proxies, counted, norm_mean, norm_std):
    moved = reference.adaface_step(y_pred, counted, norm_mean, norm_std, t_alpha=0.5)
    return dict(zip(("norm_mean", "norm_std"), moved, strict=True))


# Class, settings, what the state starts with, a step of it in NumPy, the loss in NumPy.
HEADS = {
    "AdaCos": (
        losses.AdaCos,
        {},
        {"scale": np.sqrt(2) * np.log(CLASSES - 1)},
        adacos_step,
        reference.adacos,
    ),
    "CurricularFace": (
        losses.CurricularFace,
        {"momentum": 0.25},
        {"t": 0.0},
        curricularface_step,
        reference.curricularface,
    ),
    "AdaFace": (
        losses.AdaFace,
        {"t_alpha": 0.5},
        {"norm_mean": 20.0, "norm_std": 100.0},
        adaface_step,
        reference.adaface,
    ),
}
every_head = pytest.mark.parametrize("head", HEADS)


def data(rng):
    y_true = rng.integers(0, CLASSES, SAMPLES).astype("int32")
    return y_true, (3 * rng.normal(size=(SAMPLES, DIM))).astype("float32")


def make(head, rng):
    cls, settings, start, step, values = HEADS[head]
    loss = cls(CLASSES, DIM, **settings)
    proxies = rng.normal(size=(CLASSES, DIM)).astype("float32")
    loss.proxies.assign(proxies)
    return loss, proxies, dict(start), step, values


def state_of(loss):
    scalars = [v for v in loss.variables if v.name != "proxies"]
    return {v.name: float(numbers(v)) for v in scalars}


def trainer(loss):
    """A training step: on JAX one program, since it compiles operations one by one as well."""
    if autodiff.BACKEND != "jax":
        return functools.partial(loss, training=True)
    step = autodiff.compiled(functools.partial(loss.stateless_call, training=True))

    def train(*given):
        trained, state = loss.trainable_variables, loss.non_trainable_variables
        value, moved = step([v.value for v in trained], [v.value for v in state], *given)
        for variable, new in zip(state, moved, strict=True):
            variable.assign(new)
        return value

    return train


def same(actual, expected):
    assert actual.keys() == expected.keys()
    for name in actual:
        close(actual[name], expected[name], rtol=1e-5, atol=1e-6)


@every_head
def test_state_follows_the_samples_that_count_before_the_loss(head, rng):
    loss, proxies, state, step, values = make(head, rng)
    same(state_of(loss), state)
    train = trainer(loss)
    counts = ([1] * 6, [1, 0, 1, 0, 1, 0], [0] * 6, [0] * 5 + [1], [0, 1, 1, 0, 1, 1])
    for counted in map(np.array, counts):
        y_true, y_pred = data(rng)
        weights = (counted * rng.uniform(0.5, 2, 6)).astype("float32")
        # What does not count may be anything.
        given = np.where(counted[:, None], y_pred, 1e10).astype("float32")
        value = train(y_true, given, weights)
        before, state = state, step(y_true, y_pred, proxies, counted, **state)
        assert (before == state) == (not counted.any())
        same(state_of(loss), state)
        expected = np.where(counted, weights * values(y_true, y_pred, proxies, **state), 0)
        close(numbers(value), expected.mean())


@every_head
def test_state_stays_in_evaluation_and_where_frozen_and_at_errors(head, rng):
    loss, _, state, *_ = make(head, rng)
    y_true, y_pred = data(rng)
    evaluated = loss(y_true, y_pred, training=False)
    same(state_of(loss), state)
    with pytest.raises(ValueError, match="Class ids must lie in"):
        loss(y_true + CLASSES, y_pred, training=True)
    with pytest.raises(ValueError, match="one label per sample"):
        loss(y_true[:3], y_pred, training=True)
    same(state_of(loss), state)
    loss.trainable = False
    close(numbers(loss(y_true, y_pred, training=True)), numbers(evaluated))
    same(state_of(loss), state)


@every_head
def test_two_training_steps_before_one_gradient(head, rng):
    loss, proxies, state, step, values = make(head, rng)
    y_true, x = data(rng)
    counted = np.ones(SAMPLES, bool)
    states = []
    for factor in (1, 2):
        state = step(y_true, factor * x, proxies, counted, **state)
        lengths = {"lengths": np.linalg.norm(factor * x, axis=1)} if head == "AdaFace" else {}
        states.append(state | lengths)  # no gradient goes through lengths in AdaFace

    def ours(x):
        # JAX demands that state goes in and out; elsewhere it moves in place.
        mapping = [(v, v.value) for v in loss.variables]
        jax = autodiff.BACKEND == "jax"
        with keras.StatelessScope(mapping) if jax else contextlib.nullcontext():
            return sum(loss(y_true, factor * x, training=True) for factor in (1, 2))

    def theirs(x):
        both = zip((1, 2), states, strict=True)
        return sum(values(y_true, factor * x, proxies, **state).mean() for factor, state in both)

    found = autodiff.gradient(ours, x)
    close(found, derivative(theirs, x.astype("float64")), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("head", [*HEADS, "MagFace"])
def test_takes_some_of_the_proxies(head, rng):
    if head == "MagFace":
        loss, values, state = losses.MagFace(CLASSES, DIM), reference.magface, {}
        proxies = numbers(loss.proxies)
    else:
        loss, proxies, state, _, values = make(head, rng)
    _, x = data(rng)
    ids, some = np.array([0, 1, 0, 1, 1, 0]), proxies[[3, 1]]
    found = loss.values_at(*map(ops.convert_to_tensor, (ids, x, some)))
    close(numbers(found), values(ids, x, some, **state))


@pytest.mark.parametrize("head", [*HEADS, "MagFace"])
def test_get_logits(head, rng):
    loss = getattr(losses, head)(CLASSES, DIM)
    _, x = data(rng)
    if head == "AdaCos":
        loss.scale.assign(7.0)
    scale = 7.0 if head == "AdaCos" else 64.0
    w = numbers(loss.proxies)
    cosine = (x @ w.T) / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(w, axis=1)
    close(numbers(loss.get_logits(x)), scale * cosine, atol=1e-4)


@pytest.mark.parametrize(
    ("cls", "settings", "text"),
    [
        ("AdaCos", {"num_classes": 0}, "`num_classes` must be a positive integer"),
        ("CurricularFace", {"margin": 3.2}, "in radians and must lie in [0, π]"),
        ("CurricularFace", {"scale": 0}, "`scale` must be greater than 0"),
        ("CurricularFace", {"momentum": 1.1}, "`momentum` must lie in [0, 1]"),
        ("MagFace", {"l_a": 0.0}, "`l_a` must be greater than 0"),
        ("MagFace", {"u_a": 10.0}, "`u_a` must be greater than 10.0"),
        ("MagFace", {"l_m": -0.1}, "`l_m` is an angle in radians"),
        ("MagFace", {"u_m": 0.4}, "`u_m` must be at least 0.45"),
        ("MagFace", {"lambda_g": -1}, "`lambda_g` must be at least 0"),
        ("MagFace", {"scale": -1}, "`scale` must be greater than 0"),
        ("AdaFace", {"margin": 1.6}, "`margin` must lie in [0, 1.5]"),
        ("AdaFace", {"scale": 0}, "`scale` must be greater than 0"),
        ("AdaFace", {"t_alpha": -0.1}, "`t_alpha` must lie in [0, 1]"),
    ],
)
def test_bad_settings(cls, settings, text):
    with pytest.raises(ValueError) as caught:
        getattr(losses, cls)(**{"num_classes": 3} | settings)
    assert text in str(caught.value)


def test_bad_settings_of_functions():
    given = [0], [[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(ValueError, match="`scale` must be greater than 0"):
        losses.adacos(*given, scale=0.0)
    with pytest.raises(ValueError, match="`margin` is an angle in radians"):
        losses.curricularface(*given, margin=-1.0)
    with pytest.raises(ValueError, match="`u_a` must be greater than"):
        losses.magface(*given, u_a=1.0)
    with pytest.raises(ValueError, match="`margin` must lie in"):
        losses.adaface(*given, margin=-1.0)


# AdaCos -------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1, 2, 3, 10])
def test_adacos_scale_starts_at_the_fixed_one(classes):
    close(state_of(losses.AdaCos(classes, DIM))["scale"], reference.adacos_start(classes))


@pytest.mark.parametrize("classes", [1, 2])
def test_adacos_scale_of_one_or_two_classes(classes):
    loss = losses.AdaCos(classes, DIM)
    loss.proxies.assign([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]][:classes])
    y_true = np.arange(SAMPLES) % classes
    x = numbers(loss.proxies)[y_true]  # where training ends: the paper's rule gives -inf, or -s
    value = float(numbers(loss(y_true, x, training=True)))
    close(state_of(loss)["scale"], np.log(2))
    close(value, 0.0 if classes == 1 else np.log(1 + 0.25))


def test_adacos_scale_ends_where_the_papers_rule_runs_away():
    loss = losses.AdaCos(CLASSES, DIM)
    loss.proxies.assign([[0.0, 1.0, 0.0]] + [[1.0, 0.0, 0.0]] * 3)
    loss.scale.assign(80.0)
    x = np.array([[1.0, 0.0, 0.0]] * SAMPLES, "float32")  # all on proxies of other classes
    value = loss(np.zeros(SAMPLES, "int32"), x, training=True)  # √2 (80 + log 3), by the rule
    assert state_of(loss)["scale"] == 100
    close(numbers(value), 100 + np.log(3))


def test_adacos_that_is_not_dynamic_is_the_fixed_one(rng):
    y_true, x = data(rng)
    loss = losses.AdaCos(CLASSES, DIM, dynamic=False)
    value = loss(y_true, x, training=True)
    same(state_of(loss), {"scale": np.sqrt(2) * np.log(CLASSES - 1)})
    close(numbers(value), numbers(losses.adacos(y_true, x, numbers(loss.proxies))).mean())


# Where they meet other heads ----------------------------------------------------------------


def test_adacos_is_a_softmax_of_scaled_cosines(rng):
    y_true, x = data(rng)
    w = rng.normal(size=(CLASSES, DIM)).astype("float32")
    softmax = losses.arcface(y_true, x, w, margin=0.0, scale=5.0)
    close(numbers(losses.adacos(y_true, x, w, scale=5.0)), numbers(softmax))


def test_curricularface_is_arcface_while_no_negative_is_hard(rng):
    w = np.eye(CLASSES, 5, dtype="float32")
    y_true = np.arange(CLASSES)
    x = w + 0.1 * rng.uniform(size=w.shape).astype("float32")
    easy = numbers(losses.curricularface(y_true, x, w, t=0.7, margin=0.3))
    close(easy, numbers(losses.arcface(y_true, x, w, margin=0.3)))
    hard = numbers(losses.curricularface(y_true, x[::-1].copy(), w, t=0.7, scale=2.0))
    assert (hard > numbers(losses.arcface(y_true, x[::-1].copy(), w, scale=2.0))).all()


def test_magface_of_one_margin_is_arcface(rng):
    y_true, x = data(rng)
    w = rng.normal(size=(CLASSES, DIM)).astype("float32")
    found = losses.magface(y_true, x, w, l_m=0.6, u_m=0.6, lambda_g=0.0)
    close(numbers(found), numbers(losses.arcface(y_true, x, w, margin=0.6)))


def test_magface_gradient_by_the_length_ends_at_its_bounds():
    lengths = np.array([0.2, 1.0, 1.5, 2.0, 4.0, 7.0])
    direction = np.array([0.6, 0.8, 0.0])
    x, y_true = lengths[:, None] * direction, np.zeros(SAMPLES, "int32")
    w = np.eye(CLASSES, DIM, dtype="float32")
    settings = {"l_a": 1.0, "u_a": 4.0, "lambda_g": 50.0}
    found = autodiff.gradient(
        lambda x: ops.sum(losses.magface(y_true, x, w, **settings)), x.astype("float32")
    )

    def theirs(lengths):
        return reference.magface(y_true, lengths[:, None] * direction, w, **settings)

    # At a bound the slope is that of the inside.
    step = 1e-6 * np.array([1, 1, 1, 1, -1, 1])
    expected = (theirs(lengths + step) - theirs(lengths)) / step
    close(found @ direction, expected, rtol=1e-4, atol=1e-4)
    assert ((np.abs(expected) < 1e-4) == [True, False, False, False, False, True]).all()


def test_adaface_is_arcface_for_poor_samples_and_cosface_for_average_ones(rng):
    y_true, x = data(rng)
    w = rng.normal(size=(CLASSES, DIM)).astype("float32")
    x = w[y_true] + 0.3 * x / np.linalg.norm(x, axis=1, keepdims=True)  # below π − m
    poor = losses.adaface(y_true, x, w, norm_mean=50.0, norm_std=1.0, margin=0.3)
    close(numbers(poor), numbers(losses.arcface(y_true, x, w, margin=0.3)))
    average = losses.adaface(y_true, x, w, h=0.0, margin=0.3)
    logits = reference.adaface(y_true, x, w, norm_mean=0.0, norm_std=1.0, h=0.0, margin=0.3)
    close(numbers(average), logits)


def test_adaface_lets_no_gradient_through_lengths(rng):
    y_true, x = data(rng)
    w = rng.normal(size=(CLASSES, DIM)).astype("float32")
    state = {"norm_mean": 5.0, "norm_std": 2.0}
    lengths = np.linalg.norm(x, axis=1)
    assert (np.abs(0.333 * (lengths - 5.0) / 2.0) < 1).all()  # nowhere held
    found = autodiff.gradient(lambda x: ops.sum(losses.adaface(y_true, x, w, **state)), x)

    def theirs(x):
        return reference.adaface(y_true, x, w, **state, lengths=lengths).sum()

    close(found, derivative(theirs, x.astype("float64")), rtol=1e-4, atol=1e-5)
    close(np.sum(found * x, axis=1), np.zeros(SAMPLES), atol=1e-4)  # along the embedding


def test_adaface_holds_the_angle_to_0_and_pi():
    w = np.eye(2, DIM, dtype="float32")
    good, poor = np.array([9.0, 0.18, 0.0]), np.array([-0.1, 0.002, 0.0])
    x, y_true = np.array([good, poor] * 3, "float32"), np.zeros(SAMPLES, "int32")
    settings = {"norm_mean": 4.0, "norm_std": 1.0, "scale": 1.0}
    found = numbers(losses.adaface(y_true, x, w, **settings))
    close(found, reference.adaface(y_true, x, w, **settings))
    # Of the two classes only the other one has a gradient.
    slope = autodiff.gradient(lambda w: ops.sum(losses.adaface(y_true, x, w, **settings)), w)
    close(slope[0], np.zeros(DIM), atol=1e-7)
    assert np.abs(slope[1]).max() > 0.1
