"""Class-balanced loss: counts and weights after each step, and what does not count."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from tests import autodiff
from tests.references import center, memory

CLASSES = 4


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def make(loss=None, **settings):
    loss = loss or losses.SparseCategoricalCrossentropy(from_logits=True)
    return losses.ClassBalanced(loss, **{"num_classes": CLASSES, "beta": 0.9} | settings)


def batch(rng, n):
    labels = rng.choice(CLASSES, n, p=[0.6, 0.25, 0.15, 0.0]).astype("int32")
    return labels, rng.normal(size=(n, CLASSES)).astype("float32")


def assert_state(loss, counts, beta):
    assert numbers(loss.counts).tolist() == list(counts)
    expected = memory.class_weights(counts, beta)
    np.testing.assert_allclose(numbers(loss.class_weights()), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "settings", [{}, {"beta": 0.9999}, {"beta": 0.0}, {"counts": [0, 5, 100, 1]}], ids=str
)
def test_a_trajectory_with_duplicates_and_samples_that_do_not_count(settings, rng):
    loss = make(**settings)
    step = autodiff.training_step(loss)
    counts, beta = settings.get("counts", [0] * CLASSES), settings.get("beta", 0.9)
    for weightless in ([], [0], [1, 3], list(range(6))):
        labels, x = batch(rng, 6)
        weight = np.ones(6, "float32")
        weight[weightless] = 0
        found = float(step(labels, x, weight))
        values = memory.class_weights(counts, beta)[labels]
        values = values * center.softmax_cross_entropy(labels, x) * weight
        assert found == pytest.approx(values.mean(), rel=1e-5)
        counts = memory.count(counts, labels, weight > 0)
        assert_state(loss, counts, beta)


def test_fit_gives_the_same_trajectory_and_evaluation_moves_nothing(rng):
    labels, x = batch(rng, 10)  # the last batch of each epoch is smaller
    loss = make()
    network = keras.Sequential([keras.Input((CLASSES,)), keras.layers.Dense(CLASSES)])
    network.set_weights([np.eye(CLASSES), np.zeros(CLASSES)])
    model = training.LossModel(network, loss)
    model.compile(keras.optimizers.SGD(0.0))
    arguments = {"batch_size": 4, "shuffle": False, "verbose": 0}
    counts = [0] * CLASSES
    for found in model.fit(x, labels, epochs=2, **arguments).history["loss"]:
        total = 0.0
        for k in range(0, 10, 4):
            some = labels[k : k + 4]
            values = center.softmax_cross_entropy(some, x[k : k + 4])
            total += (memory.class_weights(counts, 0.9)[some] * values).sum()
            counts = memory.count(counts, some, np.ones(len(some)))
        assert found == pytest.approx(total / 10, rel=1e-5)
    model.evaluate(x, labels, verbose=0)
    assert_state(loss, counts, 0.9)


def test_the_sum_that_is_carried_on_is_the_sum(rng):
    loss = make(beta=0.9999)
    step = autodiff.training_step(loss)
    for _ in range(50):
        step(*batch(rng, 32))
    kept = numbers(loss.weight_sum).astype("float64").sum()
    loss.set_counts(loss.counts)
    exact = numbers(loss.weight_sum).astype("float64").sum()
    assert kept == pytest.approx(exact, rel=1e-5)


def test_counts_are_exact_beyond_2_to_the_24_and_stay_at_their_end():
    loss = make(num_classes=3, counts=[2**24, 2**31 - 2, 7])
    labels, x = np.array([0, 1, 1, 1], "int32"), np.zeros((4, 3), "float32")
    autodiff.training_step(loss)(labels, x)
    assert numbers(loss.counts).tolist() == [2**24 + 1, 2**31 - 1, 7]


def test_weights_sum_to_the_number_of_classes_and_one_minus_beta_keeps_its_digits():
    counts = [10, 1000, 100_000, 2]
    weights = numbers(make(beta=1 - 1e-7, counts=counts).class_weights())
    assert weights.sum() == pytest.approx(CLASSES, rel=1e-6)
    np.testing.assert_allclose(weights, memory.class_weights(counts, 1 - 1e-7), rtol=1e-5)


def test_other_losses_and_one_hot_labels(rng):
    labels, x = batch(rng, 5)
    one_hot = np.eye(CLASSES, dtype="float32")[labels]
    counts = [1, 2, 3, 4]
    expected = memory.class_weights(counts, 0.9)[labels]
    expected = (expected * center.softmax_cross_entropy(labels, x)).mean()
    for loss, y in (
        (losses.CategoricalCrossentropy(from_logits=True), one_hot),
        (keras.losses.CategoricalCrossentropy(from_logits=True), one_hot),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), labels),
    ):
        wrapped = make(loss, counts=counts)
        found = float(autodiff.training_step(wrapped)(y, x))
        assert found == pytest.approx(expected, rel=1e-5)
        assert numbers(wrapped.counts).tolist() == memory.count(counts, labels, np.ones(5))
        twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(wrapped))
        assert type(twin.loss) is type(loss)
        assert numbers(twin.counts).tolist() == counts


def test_a_frozen_loss_keeps_its_counts(rng):
    loss = make(counts=[1, 2, 3, 4])
    loss.trainable = False
    autodiff.training_step(loss)(*batch(rng, 5))
    assert_state(loss, [1, 2, 3, 4], 0.9)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"beta": 1.0}, "`beta` must lie in [0, 1)"),
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"counts": [1, 2]}, "`counts` must be num_classes=4 whole numbers"),
        ({"counts": [1, 2, 3, -1]}, "`counts` must be num_classes=4 whole numbers"),
        ({"counts": [1, 2, 3, 0.5]}, "`counts` must be num_classes=4 whole numbers"),
        ({"counts": [1, 2, 3, 2**31]}, "`counts` must be num_classes=4 whole numbers"),
        ({"loss": losses.supcon}, "scores each sample for itself"),
        ({"loss": losses.SupCon()}, "scores each sample for itself"),
        (
            {"loss": losses.SparseCategoricalCrossentropy(ignore_class=0)},
            "Leave `ignore_class` out",
        ),
    ],
)
def test_bad_settings(settings, text):
    with pytest.raises(ValueError) as caught:
        make(**settings)
    assert text in str(caught.value)


def test_an_id_out_of_range():
    with pytest.raises(ValueError, match=r"Class ids must lie in \[0, 4\)"):
        make()(np.array([4]), np.zeros((1, CLASSES), "float32"), training=True)


def test_a_step_reads_and_writes_the_counts_of_its_classes_alone(rng):
    classes = 10_000
    labels, x = np.array([0, 9999, 7, 7], "int32"), rng.normal(size=(4, 1)).astype("float32")
    loss = make(losses.MeanSquaredError(), num_classes=classes)
    if autodiff.BACKEND == "jax":
        assert autodiff.temporary_bytes(loss, labels, x) < 4 * classes / 10
    elif autodiff.BACKEND == "tensorflow":
        y_true, y_pred = map(ops.convert_to_tensor, (labels, x))
        found = autodiff.operations_on(loss.counts, lambda: loss(y_true, y_pred, training=True))
        assert found == {"ResourceGather", "ResourceScatterAdd"}
    else:
        before = autodiff.address(loss.counts)
        loss(labels, x, training=True)
        assert autodiff.address(loss.counts) == before
