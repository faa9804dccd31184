"""Cross-batch memory: what it holds after each step, what it gives, and what never moves it."""

import contextlib

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import _backend, losses, training
from tests import autodiff
from tests.contract.checks import derivative
from tests.references import embedding, memory

DIM, SIZE = 3, 5


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def make(**settings):
    settings = {"loss": losses.SupCon(), "memory_size": SIZE, "embedding_dim": DIM} | settings
    return losses.CrossBatchMemory(**settings)


def batch(rng, n):
    return rng.integers(0, 2, n).astype("int32"), rng.normal(size=(n, DIM)).astype("float32")


def held(loss):
    """What is in memory, the oldest first."""
    size, filled, position = SIZE, int(loss.filled), int(loss.position)
    rows = [(position - filled + k) % size for k in range(filled)]
    return numbers(loss.labels)[rows], numbers(loss.embeddings)[rows]


def assert_holds(loss, expected):
    labels, rows = held(loss)
    assert labels.tolist() == [label for label, _ in expected]
    np.testing.assert_array_equal(rows, np.reshape([row for _, row in expected], (-1, DIM)))


def test_a_trajectory_with_wraps_and_samples_that_do_not_count(rng):
    loss, expected = make(), []
    step = autodiff.training_step(loss)
    for n, weightless in ((3, []), (3, [1]), (3, [0, 1, 2]), (3, []), (8, [3, 7])):
        labels, x = batch(rng, n)
        weight = np.ones(n, "float32")
        weight[weightless] = 0
        counted = weight > 0
        found = float(step(labels, x, weight))
        few = labels[counted], x[counted].astype("float64")
        values = memory.against_memory(embedding.supcon, *few, expected) if counted.any() else 0.0
        assert found == pytest.approx(np.sum(values) / n, rel=1e-5, abs=1e-6)
        expected = memory.remember(expected, labels, x, counted, SIZE)
        assert_holds(loss, expected)
    assert int(loss.filled) == SIZE


def test_fit_gives_the_same_trajectory_and_evaluation_moves_nothing(rng):
    labels, x = batch(rng, 10)  # the last batch of each epoch is smaller
    weight = np.ones(10, "float32")
    weight[[2, 9]] = 0
    loss = make(loss=losses.MultiSimilarity())
    model = training.LossModel(keras.Sequential([keras.Input((DIM,)), Constant()]), loss)
    model.compile(keras.optimizers.SGD(0.0))
    arguments = {"batch_size": 4, "shuffle": False, "verbose": 0}
    history = model.fit(x, labels, sample_weight=weight, epochs=2, **arguments).history["loss"]
    known = []
    for found in history:
        totals = 0.0
        for k in range(0, 10, 4):
            some = slice(k, k + 4)
            counted = weight[some] > 0
            few = labels[some][counted], x[some][counted].astype("float64")
            totals += memory.against_memory(embedding.multi_similarity, *few, known).sum()
            known = memory.remember(known, labels[some], x[some], counted, SIZE)
        assert found == pytest.approx(totals / 10, rel=1e-5)
    assert_holds(loss, known)
    value = model.evaluate(x, labels, batch_size=10, verbose=0)
    assert_holds(loss, known)
    expected = memory.against_memory(embedding.multi_similarity, labels, x.astype("float64"), known)
    assert value == pytest.approx(expected.mean(), rel=1e-5)


@keras.saving.register_keras_serializable("tests")
class Constant(keras.layers.Layer):
    """The identity, with a weight for the optimizer."""

    def build(self, shape):
        self.one = self.add_weight(initializer="ones")

    def call(self, x):
        return self.one * x


def constant_references(labels, p, exact, known):
    """The mean of SupCon by anchors `p` alone: their references are `exact` and `known`."""
    n, m = len(p), len(known)
    ref_labels, ref_x = [*labels, *(y for y, _ in known)], [*exact, *(row for _, row in known)]
    seen = [[i != j for j in range(n + m)] for i in range(n)]
    return embedding.supcon(labels, p, ref_labels=ref_labels, ref_x=ref_x, seen=seen).mean()


def test_a_gradient_asked_for_after_two_steps_flows_to_anchors_alone(rng):
    labels, x = batch(rng, 4)
    loss = make()
    exact = x.astype("float64")
    known = list(zip(labels, exact, strict=True))

    def two_steps(p):
        with tracked(loss):
            return loss(labels, p, training=True) + loss(labels, 2 * p, training=True)

    def theirs(p):
        second = constant_references(labels, 2 * p, 2 * exact, known)
        return constant_references(labels, p, exact, []) + second

    found = autodiff.gradient(two_steps, x)
    np.testing.assert_allclose(found, derivative(theirs, exact), rtol=1e-4, atol=1e-5)


def tracked(loss):
    """On JAX, which differentiates a trace, someone has to carry the state."""
    if autodiff.BACKEND != "jax":
        return contextlib.nullcontext()
    return keras.StatelessScope(state_mapping=[(v, v.value) for v in loss.variables])


def test_warm_up_is_the_loss_alone_and_the_memory_stays_empty(rng):
    loss = make(warmup_steps=2)
    labels, x = np.array([0, 1, 0], "int32"), rng.normal(size=(3, DIM)).astype("float32")
    exact = x.astype("float64")
    to_both_sides = derivative(lambda p: embedding.supcon(labels, p).mean(), exact)
    to_anchors = derivative(lambda p: constant_references(labels, p, exact, []), exact)
    step = autodiff.training_step(loss)
    for expected in (to_both_sides, None, to_anchors):
        if expected is not None:
            found = autodiff.gradient(lambda p: loss(labels, p, training=False), x)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert int(loss.filled) == 0
        value = embedding.supcon(labels, exact).mean()
        assert float(step(labels, x)) == pytest.approx(value, rel=1e-5, abs=1e-6)
    assert int(loss.filled) == 3 and int(loss.steps) == 2


def test_what_is_not_finite_or_comes_to_a_frozen_memory_is_not_remembered(rng):
    loss = make()
    labels, x = batch(rng, 3)
    x[1, 0] = np.inf
    autodiff.training_step(loss)(labels, x)
    expected = [(labels[0], x[0]), (labels[2], x[2])]
    assert_holds(loss, expected)
    loss.trainable = False
    autodiff.training_step(loss)(*batch(rng, 3))
    assert_holds(loss, expected)
    loss.filled.assign(0)  # by hand
    assert_holds(loss, [])


@pytest.mark.parametrize("given", ["SupCon", losses.SupCon(temperature=0.2)], ids=["name", "loss"])
def test_the_wrapped_loss_is_part_of_the_config(given):
    loss = make(loss=given, warmup_steps=3)
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(twin.loss, losses.SupCon)
    assert twin.loss.settings == loss.loss.settings
    assert twin.get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"loss": losses.Huber()}, "takes `ref_labels`, `ref_embeddings`, `ref_mask`, `mask`"),
        ({"loss": losses.supcon}, "such as SupCon()"),
        ({"loss": None}, "such as SupCon()"),
        ({"memory_size": 0}, "`memory_size` must be a positive integer"),
        ({"warmup_steps": -1}, "`warmup_steps` must be a positive integer"),
        ({"embedding_dim": 0}, "`embedding_dim` must be a positive integer"),
    ],
)
def test_bad_settings(settings, text):
    with pytest.raises(ValueError) as caught:
        make(**settings)
    assert text in str(caught.value)


@pytest.mark.parametrize("label", [0.5, 2**40])
def test_labels_that_memory_cannot_hold(label):
    if autodiff.BACKEND == "jax" and label == 2**40:
        pytest.skip("JAX has no int64 to begin with")
    with pytest.raises(ValueError, match="whole numbers from"):
        make()(np.array([0, label]), np.ones((2, DIM), "float32"), training=True)


@pytest.mark.parametrize("shape", [(6,), (6, 2)], ids=str)
@pytest.mark.parametrize("scope", [False, True])
def test_rows_are_set(shape, scope):
    table = (
        np.arange(np.prod(shape)).reshape(shape).astype("int32" if len(shape) == 1 else "float32")
    )
    variable = keras.Variable(table, trainable=False, dtype=str(table.dtype))
    rows, values = np.array([4, 0, 5], "int32"), -1 - table[:3]
    given = [ops.convert_to_tensor(part) for part in (rows, values)]
    mapping = [(variable, variable.value)]
    with keras.StatelessScope(state_mapping=mapping) if scope else contextlib.nullcontext():
        _backend.set_rows(variable, *given)
        found = numbers(_backend.take_rows(variable, ops.arange(6, dtype="int32")))
    expected = table.copy()
    expected[rows] = values
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(numbers(variable), table if scope else expected)


def test_rows_are_written_where_they_lie(rng):
    loss = make()
    labels, x = batch(rng, 3)
    if autodiff.BACKEND == "jax":
        autodiff.temporary_bytes(loss, labels, x)  # raises if the state is not written in place
    elif autodiff.BACKEND == "tensorflow":
        given = [*map(ops.convert_to_tensor, (labels, x)), ops.ones((3,), dtype="bool")]
        for variable in (loss.embeddings, loss.labels):
            found = autodiff.operations_on(variable, lambda: loss.update(*given))
            assert found == {"ResourceGather", "ResourceScatterUpdate"}
    else:
        before = [autodiff.address(v) for v in loss.variables]
        loss(labels, x, training=True)
        assert [autodiff.address(v) for v in loss.variables] == before
