"""What is cut out of tensors, or picked, and what the rewrite makes of it: values and gradients.

The reference is NumPy in float64, which cuts and picks as the old code did; its gradients are
differences.
"""

import numpy as np
import pytest
from keras import ops

from portable_losses.codemod import rewrite
from tests import autodiff
from tests.codemod.test_values import load, number, tensors

Y = np.array([[1, 0, 1], [0, 1, 0]], "float32")
P = np.array([[0.9, 0.35, 0.2], [0.75, 0.05, 0.6]], "float32")
SOME = np.array([[1, -1, 0], [0, 1, -1]], "float32")
NONE = np.full_like(Y, -1)
ZEROS = np.zeros_like(Y)
SINGULAR = P * (Y == 1)  # 0 where no logarithm may be taken


def masked_mse(y, p):
    kept = y != -1
    return np.mean((y[kept] - p[kept]) ** 2)


def log_of_positives(y, p):
    return -np.sum(np.log(p[y == 1]))


def of_the_hard(y, p):
    losses = np.abs(y - p)
    return losses[losses > 0.5].sum() / len(losses[losses > np.float32(0.3)])


def of_two(y, p):
    x = (y - p) ** 2
    return x[x > 0.1].mean() + x[x < 0.5].mean() * x[x >= 0.2].sum()


def of_the_violated(y, p):
    basic = p.sum(-1) - y.sum(-1) + 0.4
    return np.maximum(basic, 0).sum() / max(1, (basic > 0).sum())


def of_the_small(y, p):
    return p[p < 0.5].mean()


def ranking(y, p):
    difference = p[y == 1][None] - p[y == 0][:, None] - 0.2
    return np.sum((-difference[difference < 0]) ** 3.0)


def soft_auc(y, p):
    return np.mean(1 / (1 + np.exp(p[y == 1][None] - p[y == 0][:, None])))


CASES = {
    "masked_mse": ("masked", masked_mse, [(SOME, P), (Y, P), (NONE, P)]),
    "log_of_positives": ("masked", log_of_positives, [(Y, P), (Y, SINGULAR), (ZEROS, P)]),
    "of_the_hard": ("masked", of_the_hard, [(Y, P)]),
    "of_two": ("masked", of_two, [(Y, P)]),
    "of_the_violated": ("masked", of_the_violated, [(Y, P), (2 * Y, P)]),
    "of_the_small": ("masked", of_the_small, [(Y, P)]),
    "ranking": ("masked_pairs", ranking, [(Y, P), (ZEROS, P), (Y[:, :1], P[:, :1])]),
    "soft_auc": ("masked_pairs", soft_auc, [(Y, P), (ZEROS, P), (Y[:, :1], P[:, :1])]),
}

# What TensorFlow 2.15 gave for the old functions. Its gradients of the NaNs are 0.
FIGURES = {
    "masked_mse": [0.37875, 0.43291664, np.nan],
    "log_of_positives": [4.7105308, 4.7105308, 0.0],
    "of_the_hard": [0.62],
    "of_two": [0.9221709],
    "of_the_violated": [0.80000007, 0.0],
    "of_the_small": [0.2],
    "ranking": [1.9567499, 0.0, 0.0001250002],
    "soft_auc": [0.5445568, np.nan, 0.46257016],
}


def slope(function, y, p):
    """The differences of a function at `p`; 0 where it is not finite, as TensorFlow's gradients
    of the mean of nothing are."""
    p, found = p.astype("float64"), np.zeros(p.shape)
    with np.errstate(all="ignore"):
        for place in np.ndindex(p.shape):
            step = np.zeros(p.shape)
            step[place] = 1e-6
            found[place] = (function(y, p + step) - function(y, p - step)) / 2e-6
    return np.nan_to_num(found)


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
@pytest.mark.parametrize("name", CASES)
def test_a_mask_gives_what_the_cut_gave(name):
    snippet, reference, batches = CASES[name]
    loss = load(snippet)[name]
    for (y, p), expected in zip(batches, FIGURES[name], strict=True):
        np.testing.assert_allclose(reference(y, p.astype("float64")), expected, rtol=1e-4)
        labels, given = tensors(y, p)
        np.testing.assert_allclose(number(loss(labels, given)), expected, rtol=1e-4)
        found = autodiff.gradient(lambda x, labels=labels: loss(labels, x), p)
        np.testing.assert_allclose(found, slope(reference, y, p), rtol=2e-3, atol=2e-4)


def test_a_mask_compiles_where_a_cut_cannot():
    for name, (snippet, reference, batches) in CASES.items():
        program = autodiff.compiled(load(snippet)[name])
        y, p = batches[0]
        np.testing.assert_allclose(number(program(*tensors(y, p))), reference(y, p), rtol=2e-5)


def test_nan_is_left_out():
    without_nan = load("masked")["without_nan"]
    x = np.array([1.0, np.nan, 4.0], "float32")
    np.testing.assert_allclose(number(without_nan(*tensors(x))), 2.5)
    np.testing.assert_allclose(autodiff.gradient(without_nan, x), [0.5, 0, 0.5])


def test_targets_of_another_number_are_no_silent_matter():
    loss, given = load("masked")["masked_mse"], tensors(np.ones((2, 1), "float32"), P)
    with pytest.raises(Exception):  # noqa: B017, each backend has its own
        loss(*given)


@pytest.mark.parametrize("name", ["masked_mse", "log_of_positives", "ranking", "soft_auc"])
def test_a_batch_of_one_with_targets_of_one_dimension_is_no_silent_matter(name):
    loss, given = load(CASES[name][0])[name], tensors(np.ones(1, "float32"), P[:1])
    with pytest.raises(Exception):  # noqa: B017, each backend has its own
        loss(*given)


def test_two_cuts_that_met_in_order_are_no_pairs():
    old = """import tensorflow as tf

def loss(x):
    return tf.reduce_sum(tf.boolean_mask(x, x > 1.0) - tf.boolean_mask(x, x < 0.0))
"""
    assert rewrite(old).definitions["loss"] == "compat"


@pytest.mark.skipif(
    not autodiff.TRACES, reason="`scatter_update` of Keras before 3.15 writes into PyTorch's tensor"
)
def test_picked_entries(rng):
    x = rng.uniform(0.2, 1.0, (4, 3)).astype("float32")
    labels, rows = np.array([2, 0, 1, 0], "int32"), np.arange(4)
    moved = x.copy()
    moved[rows, labels] -= 0.35
    scope = load("picked")
    ids, given = tensors(labels, x)
    np.testing.assert_allclose(number(scope["margin"](given, ids)), moved, rtol=1e-6)
    found = autodiff.gradient(lambda x: ops.sum(ops.square(scope["margin"](x, ids))), x)
    np.testing.assert_allclose(found, 2 * moved, rtol=1e-5)
    expected = -np.mean(np.log(x[rows, labels]))
    np.testing.assert_allclose(number(scope["log_likelihood"](ids, given)), expected, rtol=1e-5)
    found = autodiff.gradient(lambda x: scope["log_likelihood"](ids, x), x)
    slopes = np.zeros_like(x)
    slopes[rows, labels] = -1 / (4 * x[rows, labels])
    np.testing.assert_allclose(found, slopes, rtol=1e-5)


def test_gather_in_batches(rng):
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    labels = rng.integers(0, 3, (2, 5)).astype("int32")
    weights = np.array([0.5, 2.0, 1.0], "float32")
    scope = load("gather_in_batches")
    odds = np.exp(x.astype("float64"))
    odds /= odds.sum(-1, keepdims=True)
    right = np.take_along_axis(odds, labels[..., None], -1)[..., 0]
    expected = -((1 - right) ** 2) * np.log(right) * weights[labels]
    found = scope["focal_loss"](*tensors(labels, x), weights=tensors(weights)[0])
    np.testing.assert_allclose(number(found), expected, rtol=1e-4, atol=1e-6)
    points = np.array([[4, 0], [1, 1]], "int32")
    (places,) = tensors(points)
    found = number(scope["of_points"](*tensors(x), places))
    np.testing.assert_array_equal(found, x[np.arange(2)[:, None], points])
    slopes = autodiff.gradient(lambda x: ops.sum(scope["of_points"](x, places)), x)
    expected = np.zeros_like(x)
    np.add.at(expected, (np.arange(2)[:, None], points), 1)
    np.testing.assert_array_equal(slopes, expected)


def test_shapes_that_meet(rng):
    scope = load("shapes_that_meet")
    boxes, others = (rng.uniform(size=s).astype("float32") for s in ((3, 1, 4), (1, 2, 4)))
    found = number(scope["area"](*tensors(boxes, others)))
    np.testing.assert_allclose(found, (boxes * others).sum(-1), rtol=1e-5)
    assert number(scope["per_entry"](*tensors(np.zeros(6), np.zeros((2, 3, 4))))).shape == (2, 3)
    x = rng.normal(size=(2, 3, 4)).astype("float32")
    flat = x.transpose(2, 0, 1).reshape(4, -1)
    np.testing.assert_allclose(number(scope["gram"](*tensors(x))), flat @ flat.T, rtol=1e-4)
    images = rng.uniform(size=(2, 2, 2, 1)).astype("float32")
    expected = images[:1].max() + np.sqrt((images**2).sum())
    np.testing.assert_allclose(number(scope["first"](*tensors(images), 1)), expected, rtol=1e-5)
    ones = number(scope["one_hot"](*tensors(np.array([1.0, 0.0])), 2))
    np.testing.assert_array_equal(ones, [[0, 1], [1, 0]])
    total = number(load("kept_axes")["weighted"](*tensors(x, np.abs(x))))
    np.testing.assert_allclose(total, (np.abs(x) * x).sum() / np.abs(x).sum(), rtol=1e-4)
