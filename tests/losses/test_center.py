"""What the contract suite does not say of center loss: errors, batches of one class, centers that
get the optimizer, class means and logits."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from tests.references.center import half_squared_distance, island_update


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer. Received: num_classes=0"),
        ({"num_classes": 2.5}, "`num_classes` must be a positive integer"),
        ({"num_classes": 3, "alpha": -0.1}, "`alpha` must be at least 0. Received: alpha=-0.1"),
        (
            {"num_classes": 3, "update": "often"},
            "`update` must be one of ('count', 'sum', 'mean', 'g",
        ),
        ({"num_classes": 3, "update": "gradient", "alpha": 0.5}, "`alpha` has no role"),
        ({"num_classes": 3, "learning_rate_multiplier": 2.0}, "is for update='gradient'. Received"),
        (
            {"num_classes": 3, "update": "gradient", "learning_rate_multiplier": 0.0},
            "`learning_rate_multiplier` must be greater than 0",
        ),
        ({"num_classes": 3, "distance": "l1"}, "`distance` must be one of ('half_sum', 'mean')"),
        ({"num_classes": 3, "embedding_dim": 0}, "`embedding_dim` must be a positive integer"),
        ({"num_classes": 3, "reduction": "auto"}, "The old 'auto' is 'sum_over_batch_size'"),
    ],
)
def test_bad_settings(settings, text):
    with pytest.raises(ValueError) as caught:
        losses.CenterLoss(**settings)
    assert text in str(caught.value)


def test_bad_settings_of_the_joint_loss():
    with pytest.raises(ValueError, match="`center_reduction` must be one of"):
        losses.SoftmaxCenterLoss(3, center_reduction="sum")
    with pytest.raises(ValueError, match="`weight` must be at least 0"):
        losses.SoftmaxCenterLoss(3, weight=-1.0)
    with pytest.raises(ValueError, match=r"num_classes=3 logits per sample. Received: 4"):
        losses.SoftmaxCenterLoss(3)([0], [[1.0, 2.0, 3.0, 4.0]], training=True)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 3], r"Class ids must lie in [0, 3) for num_classes=3. Received: 3"),
        ([0, -1], r"Class ids must lie in [0, 3) for num_classes=3. Received: -1"),
        ([0.0, 1.5], "Class ids must be whole numbers. Received: 1.5"),
        ([0, 1, 2], "one label per sample. Received: y_true.shape=(3,), y_pred.shape=(2, 4)"),
        (np.zeros((2, 5)), "one-hot rows of shape (N, 3). Received: y_true.shape=(2, 5)"),
    ],
)
def test_bad_labels(labels, text):
    loss = losses.CenterLoss(3, embedding_dim=4)
    with pytest.raises(ValueError) as caught:
        loss(np.asarray(labels), np.ones((2, 4), "float32"), training=True)
    assert text in str(caught.value)
    assert np.abs(ops.convert_to_numpy(loss.centers)).max() == 0, "bad input moved a center"


def test_bad_features():
    with pytest.raises(ValueError, match=r"length embedding_dim=4. Received: length 2"):
        losses.CenterLoss(3, embedding_dim=4).build((None,), (None, 2))
    with pytest.raises(ValueError, match=r"Features must have shape \(N, d\)"):
        losses.center_loss([0], [[[1.0]]], [[1.0]])


def test_one_class_costs_no_cross_entropy():
    for labels in ([0, 0], [[0], [0]]):
        loss = losses.SoftmaxCenterLoss(1, weight=1.0)
        assert float(loss(labels, [[2.0], [4.0]], training=True)) == pytest.approx(5.0)
        assert float(ops.convert_to_numpy(loss.centers)[0, 0]) == pytest.approx(1.0)


def identity():
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Activation("linear")(inputs))


@pytest.mark.parametrize("multiplier", [1.0, 20.0])
def test_the_optimizer_moves_centers(rng, multiplier):
    x, y = rng.normal(size=(8, 2)).astype("float32"), np.array([0, 0, 1, 2, 1, 1, 0, 3], "int32")
    weights = np.array([1, 2, 0, 1, 0.5, 1, 0, 1], "float32")
    loss = losses.CenterLoss(5, update="gradient", learning_rate_multiplier=multiplier)
    model = training.LossModel(identity(), loss)
    model.compile(keras.optimizers.SGD(0.1))
    loss.set_class_means([4, 3], [[3.0, -3.0], [1.0, 1.0]])
    centers = np.zeros((5, 2))
    centers[4], centers[3] = (3, -3), (1, 1)
    for batch in (slice(0, 4), slice(4, 8)):
        slope = np.zeros_like(centers)
        for label, feature, weight in zip(y[batch], x[batch], weights[batch], strict=True):
            slope[label] += weight * (centers[label] - feature) / 4
        centers -= 0.1 * multiplier * slope
    model.fit(x, y, sample_weight=weights, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(loss.table()), centers, rtol=1e-5, atol=1e-6)
    assert [v.path for v in model.trainable_variables] == [loss.centers.path]


@pytest.mark.parametrize("rule", ["count", "gradient"])
def test_class_means(rule):
    loss = losses.CenterLoss(3, update=rule, centers_initializer="ones")
    loss.set_class_means([[2], [0], [2]], [[1e3, 1.0], [4.0, 5.0], [1e3 + 4, 2.0]])
    np.testing.assert_array_equal(loss.centers, [[4.0, 5.0], [1.0, 1.0], [1e3 + 2, 1.5]])
    for labels, x, text in (
        ([0, 3], np.ones((2, 2)), "Class ids must lie in [0, 3)"),
        ([0, 1, 2], np.ones((2, 2)), "one embedding of length 2 per label. Received: 3 labels"),
        ([0, 1], np.ones((2, 4)), "embeddings of shape (2, 4)"),
    ):
        with pytest.raises(ValueError) as caught:
            loss.set_class_means(labels, x)
        assert text in str(caught.value)


@pytest.mark.parametrize("far", [0.0, 1e3, 1e5])
@pytest.mark.parametrize("update", ["count", "gradient"])
def test_logits(rng, far, update):
    x, centers = (far + rng.normal(size=(n, 3)).astype("float32") for n in (5, 4))
    pace = 3.0 if update == "gradient" else 1.0
    loss = losses.CenterLoss(4, 3, update=update, learning_rate_multiplier=pace)
    loss.set_class_means(range(4), centers)
    centers = ops.convert_to_numpy(loss.table())
    expected = [[-half_squared_distance(a, b) for b in np.float64(centers)] for a in x]
    found = ops.convert_to_numpy(loss.get_logits(x))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=5e-6)
    at_centers = ops.convert_to_numpy(loss.get_logits(centers))
    assert at_centers.max() <= 0
    np.testing.assert_array_equal(at_centers.argmax(axis=1), range(4))


def test_a_loss_may_be_called_twice_in_a_step(rng):
    x, y = rng.normal(size=(4, 2)).astype("float32"), np.array([0, 1, 1, 2], "int32")
    start = rng.normal(size=(3, 2)).astype("float32")
    loss = losses.IslandLoss(3, 2, weight=0.5)
    loss.centers.assign(start)
    inputs = keras.Input((2,))
    change = keras.layers.Dense(2, kernel_initializer="zeros")(inputs)
    same = keras.layers.Add()([inputs, change])
    model = training.LossModel(keras.Model(inputs, [same, same]), [loss, loss])
    model.compile(keras.optimizers.SGD(1e-3))
    model.fit(x, y, verbose=0)
    expected = start
    for _ in range(2):
        expected = island_update(y, x, expected, weight=0.5)
    np.testing.assert_allclose(loss.centers, expected, rtol=1e-5, atol=1e-6)
