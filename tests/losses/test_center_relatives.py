"""What the contract suite does not say of center loss's relatives: errors, one class, features far
from the origin, the gradient by centers in corners, how centers and radius move."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from tests import autodiff
from tests.contract.checks import close, derivative
from tests.references import center as reference

FUNCTIONS = ["triplet_center", "contrastive_center", "island_loss"]
CLASSES = [losses.TripletCenter, losses.ContrastiveCenter, losses.IslandLoss]


@pytest.mark.parametrize(
    ("cls", "settings", "text"),
    [
        (
            losses.TripletCenter,
            {"margin": -1.0},
            "`margin` must be at least 0. Received: margin=",
        ),
        (losses.ContrastiveCenter, {"delta": 0.0}, "`delta` must be greater than 0"),
        (losses.IslandLoss, {"weight": -1.0}, "`weight` must be at least 0"),
        (losses.IslandLoss, {"alpha": -0.5}, "`alpha` must be at least 0"),
        *((cls, {"num_classes": 0}, "`num_classes` must be a positive integer") for cls in CLASSES),
        *((cls, {"embedding_dim": 0}, "`embedding_dim` must be a positive") for cls in CLASSES),
        *(
            (cls, {"learning_rate_multiplier": 0.0}, "`learning_rate_multiplier` must be greater")
            for cls in CLASSES[:2]
        ),
    ],
)
def test_bad_settings(cls, settings, text):
    with pytest.raises(ValueError) as caught:
        cls(**{"num_classes": 3} | settings)
    assert text in str(caught.value)
    function = {"margin": "triplet_center", "delta": "contrastive_center"}.get(next(iter(settings)))
    if function:
        with pytest.raises(ValueError, match="must be"):
            getattr(losses, function)([0], [[1.0]], [[1.0]], **settings)


@pytest.mark.parametrize("cls", CLASSES)
def test_bad_batches(cls):
    loss = cls(3, embedding_dim=4)
    before = ops.convert_to_numpy(loss.centers).copy()
    for labels, x, text in (
        ([0, 3], np.ones((2, 4)), "Class ids must lie in [0, 3)"),
        ([0, 1, 2], np.ones((2, 4)), "one label per sample"),
        ([0, 1], np.ones((2, 5)), "Features must have shape (N, d) and centers (C, d)"),
    ):
        with pytest.raises(ValueError) as caught:
            loss(np.array(labels), x.astype("float32"), training=True)
        assert text in str(caught.value)
    np.testing.assert_array_equal(loss.centers, before)


@pytest.mark.parametrize(
    ("name", "expected", "slope"),
    [
        ("triplet_center", 0.0, 0.0),  # no center to keep away from
        ("contrastive_center", 2.5, 1.0),  # half the square, over delta
        ("island_loss", 2.5, 1.0),
    ],
)
def test_one_class(name, expected, slope):
    function = getattr(losses, name)
    x = np.array([[1.0, 2.0]], "float32")
    assert float(function([0], x, [[0.0, 0.0]])[0]) == expected
    found = autodiff.gradient(lambda p: ops.sum(function([0], p, [[0.0, 0.0]])), x)
    np.testing.assert_allclose(found, slope * x)


def test_one_island_has_no_other_to_part_from():
    loss = losses.IslandLoss(1, 2)
    loss([0], [[3.0, 1.5]], training=True)
    np.testing.assert_allclose(loss.centers, [[0.75, 0.375]])


@pytest.mark.parametrize("where", ["all", "features"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_far_from_the_origin(rng, name, where):
    """Value and gradients, 1000 times as far away as classes are from one another."""
    y = np.array([0, 1, 2, 3, 1], "int32")
    x = (1e3 + rng.normal(size=(5, 3))).astype("float32")
    centers = ((1e3 if where == "all" else 0) + rng.normal(size=(4, 3))).astype("float32")
    function, expected = getattr(losses, name), getattr(reference, name)
    close(ops.convert_to_numpy(function(y, x, centers)), expected(y, x, np.float64(centers)))
    if name != "island_loss":  # whose cosines of centers at 1e3 have lost their digits, as inputs
        found = autodiff.gradient(lambda c: ops.sum(function(y, x, c)), centers)
        x = np.float64(x)
        slope = derivative(lambda c: expected(y, x, c).sum(), np.float64(centers), 1e-4)
        close(found, slope, rtol=1e-4, atol=1e-4 * np.abs(slope).max())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_by_two_centers(rng, name):
    """With two, the others are one: their spread is 0 but for rounding."""
    y, x, centers = np.array([0, 1, 1]), rng.normal(size=(3, 2)), rng.normal(size=(2, 2))
    x, centers = x.astype("float32"), centers.astype("float32")
    function, expected = getattr(losses, name), getattr(reference, name)
    found = autodiff.gradient(lambda c: ops.sum(function(y, x, c)), centers)
    slope = derivative(lambda c: expected(y, np.float64(x), c).sum(), np.float64(centers))
    close(found, slope, rtol=1e-4, atol=1e-5)


# Triplet-center -----------------------------------------------------------------------------


def test_the_hinge_and_equal_centers():
    """At the hinge a sample is left alone; of two centers equally near, the first is pushed."""
    centers = np.array([[0.0, 0.0], [4.0, 0.0], [-4.0, 0.0]], "float32")
    x = np.array([[0.0, 0.0], [0.0, 2.0]], "float32")
    triplet = functools.partial(losses.triplet_center, [0, 0], x)
    for margin, value, moved in ((8.0, 0.0, []), (9.0, 1.0, [0, 1])):
        found = autodiff.gradient(lambda c, m=margin: ops.sum(triplet(c, margin=m)), centers)
        np.testing.assert_allclose(triplet(centers, margin=margin), [value, value])
        assert [int(row) for row in np.abs(found).sum(axis=1).nonzero()[0]] == moved


# Island -------------------------------------------------------------------------------------


def test_pairs_are_counted_without_pairs(rng):
    """All in one direction, all opposite, at the origin."""
    y, x = np.zeros(5, "int32"), np.zeros((5, 3), "float32")
    for centers in (
        np.outer([1.0, 2.0, 1e-20, 1e15], [1.0, 2.0, -2.0]),
        np.array([[1.0, 0, 0], [-1, 0, 0], [0, 0, 0], [0, 0, 0]]),
        rng.normal(size=(4, 3)),
    ):
        centers = centers.astype("float32")
        found = losses.island_loss(y, x + centers[:1], centers, weight=1.0)
        expected = reference.island_loss(y, x + centers[:1], np.float64(centers), weight=1.0)
        close(ops.convert_to_numpy(found), expected)


def test_islands_move_as_the_paper_says(rng):
    """Over several steps, samples of weight 0 among them; none at all moves nothing."""
    loss = losses.IslandLoss(4, 3, alpha=0.4, weight=0.8)
    loss.set_class_means([0, 1, 2], rng.normal(size=(3, 3)))  # one stays at the origin
    expected = ops.convert_to_numpy(loss.centers)
    for keep in ([1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]):
        keep = np.array(keep, bool)
        y, x = rng.integers(0, 4, 5), rng.normal(size=(5, 3)).astype("float32")
        loss(y, x, sample_weight=keep.astype("float32"), training=True)
        if keep.any():
            expected = reference.island_update(y[keep], x[keep], expected, 0.4, 0.8)
        np.testing.assert_allclose(loss.centers, expected, rtol=1e-5, atol=1e-6)


def test_islands_part(rng):
    """Centers of like features turn away from one another, and the more the higher the weight."""
    y = np.array([0, 1, 2, 3, 3])
    x = (np.eye(4, 3)[y] + 2 + 0.1 * rng.normal(size=(5, 3))).astype("float32")
    pairs = []
    for weight in (0.0, 3.0, 10.0):
        loss = losses.IslandLoss(4, weight=weight)
        for _ in range(5):
            loss(y, x, training=True)
        centers = np.float64(ops.convert_to_numpy(loss.centers))
        pairs.append(reference.island_loss([0], centers[:1], centers, 1.0)[0])
    assert pairs[0] > 22 > pairs[1] > 20 > 14 > pairs[2]  # 24 for one direction; at least 8


# Class means, pace --------------------------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSES)
def test_class_means_and_logits(rng, cls):
    pace = {} if cls is losses.IslandLoss else {"learning_rate_multiplier": 8.0}
    loss, plain = cls(4, **pace), cls(4)
    y, x = np.array([0, 1, 2, 3, 3]), rng.normal(size=(5, 3)).astype("float32")
    for each in (loss, plain):
        each.set_class_means(y, x)
    means = np.array([*x[:3], (x[3] + x[4]) / 2])
    np.testing.assert_allclose(ops.convert_to_numpy(loss.table()), means, rtol=1e-6)
    expected = [[-reference.half_squared_distance(a, b) for b in means] for a in x]
    close(ops.convert_to_numpy(loss.get_logits(x)), expected)
    values = [ops.convert_to_numpy(each((y + 1) % 4, x, training=False)) for each in (loss, plain)]
    close(*values)


@pytest.mark.parametrize("cls", [losses.CenterLoss, *CLASSES[:2]])
def test_samples_of_a_class_move_its_center_as_one(rng, cls):
    """A first step of Adam has the length of the rate, whatever the gradient; on TensorFlow, only
    if the gradients of repeated rows are summed before they are squared."""
    rule = {"update": "gradient"} if cls is losses.CenterLoss else {}
    loss = cls(3, 2, centers_initializer="zeros", **rule)
    inputs = keras.Input((2,))
    model = training.LossModel(keras.Model(inputs, keras.layers.Activation("linear")(inputs)), loss)
    model.compile(keras.optimizers.Adam(0.1))
    x = rng.uniform(1, 2, size=(5, 2)).astype("float32")
    model.fit(x, np.array([0, 0, 0, 1, 1]), batch_size=5, verbose=0)
    moved = np.abs(ops.convert_to_numpy(loss.centers))
    np.testing.assert_allclose(moved[moved > 0], 0.1, rtol=1e-3)
    assert len(moved[moved > 0]) >= 4


def test_centers_start_apart():
    """At one point they would have no nearest other."""
    for cls in CLASSES[:2]:
        start = ops.convert_to_numpy(cls(100, 10).centers)
        assert 0.8 < start.std() < 1.2


# Ring ---------------------------------------------------------------------------------------


def test_ring_refuses():
    for settings, text in (
        ({"weight": -1.0}, "`weight` must"),
        ({"radius": -1.0}, "`radius` must"),
    ):
        with pytest.raises(ValueError, match=text):
            losses.RingLoss(**settings)
    for x, radius, text in (
        ([1.0, 2.0], 1.0, r"shape \(N, d\). Received: y_pred.shape=\(2,\)"),
        ([[1.0], [2.0]], [1.0], "`radius` must be a scalar"),
    ):
        with pytest.raises(ValueError, match=text):
            losses.ring_loss([0, 1], x, radius)
    for x in (np.ones(3), np.ones((0, 3))):
        with pytest.raises(ValueError, match=r"with N of 1 or more"):
            losses.RingLoss().set_radius(x)


def test_labels_of_any_kind(rng):
    x = rng.normal(size=(3, 2)).astype("float32")
    loss = losses.RingLoss(reduction="none")
    expected = reference.ring_loss(x, 1.0)
    for labels in ([-1, 7, 7], [0.5, 0.1, 0.2], np.zeros((3, 5, 2))):
        close(ops.convert_to_numpy(loss(labels, x, training=False)), expected)


def test_the_radius_is_learned(rng):
    """For features that stay, it becomes their mean length: what `set_radius` starts from."""
    x, y = rng.normal(size=(8, 3)).astype("float32"), np.zeros(8)
    length = np.mean(np.linalg.norm(x, axis=1))
    loss = losses.RingLoss(radius=length + 1)
    inputs = keras.Input((3,))
    model = training.LossModel(keras.Model(inputs, keras.layers.Activation("linear")(inputs)), loss)
    model.compile(keras.optimizers.SGD(0.5))
    model.fit(x, y, epochs=3, verbose=0)
    assert float(ops.convert_to_numpy(loss.radius)) == pytest.approx(length + 0.5**3, rel=1e-5)
    loss.set_radius(x)
    assert float(ops.convert_to_numpy(loss.radius)) == pytest.approx(length, rel=1e-6)
