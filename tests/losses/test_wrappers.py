"""Losses around other losses: Matryoshka, known targets, weighted sums."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from tests import autodiff

N, DIM, NAN = 6, 4, float("nan")


@pytest.fixture
def batch(rng):
    return np.array([0, 1, 0, 2, 1, 0], "int32"), rng.normal(size=(N, DIM)).astype("float32")


def network(out=DIM):
    return keras.Sequential([keras.Input((DIM,)), keras.layers.Dense(out)])


# Matryoshka ---------------------------------------------------------------------------------


def test_prefixes_of_two_views(rng):
    x = rng.normal(size=(N, 2, DIM)).astype("float32")
    loss = losses.Matryoshka(losses.CLIP(), dims=[2, DIM], weights=[0.5, 2.0])
    expected = 0.5 * float(losses.CLIP()(np.arange(N), x[..., :2]))
    expected += 2 * float(losses.CLIP()(np.arange(N), x))
    for given in (x, (x[:, 0], x[:, 1])):
        np.testing.assert_allclose(float(loss(np.arange(N), given)), expected, rtol=1e-5)


def test_prefixes_meet_those_in_memory(batch):
    y, x = batch
    inner = losses.Matryoshka(losses.SupCon(), dims=[2])
    whole = losses.CrossBatchMemory(inner, memory_size=N, embedding_dim=DIM)
    short = losses.CrossBatchMemory(losses.SupCon(), memory_size=N, embedding_dim=2)
    for loss, given in ((whole, x), (short, x[:, :2])):
        loss(y, given, training=True)
    values = (whole(y, x[::-1].copy(), training=False), short(y, x[::-1, :2], training=False))
    np.testing.assert_allclose(*map(float, values), rtol=1e-6)


# Known targets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "unknown"),
    [
        (losses.SparseCategoricalCrossentropy(from_logits=True), -1),
        (losses.SparseCategoricalCrossentropy(from_logits=True), NAN),
        (losses.CategoricalCrossentropy(from_logits=True), NAN),
        (losses.SupCon(), -1),
        (losses.Mined(losses.SupCon(), "BatchEasyHard"), -1),
        (losses.Huber(), NAN),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_a_sample_without_a_target_is_not_there(inner, unknown, batch):
    y, x = batch
    known = np.array([True, True, False, True, False, True])
    if isinstance(inner, losses.CategoricalCrossentropy | losses.Huber):
        y = np.eye(DIM, dtype="float32")[y]
    y = y.astype("float32" if np.isnan(unknown) else "int32")
    few = autodiff.gradient(lambda p: inner(y[known], p), x[known])
    expected = float(inner(y[known], x[known]))
    y[~known], x[~known] = unknown, NAN
    loss = losses.Masked(inner, mask_value=None if np.isnan(unknown) else unknown)
    found = autodiff.gradient(lambda p: loss(y, p), x)
    np.testing.assert_allclose(found[known], few, rtol=1e-5, atol=1e-7)
    assert not found[~known].any()
    np.testing.assert_allclose(float(loss(y, x)), expected, rtol=1e-5)
    y[:] = unknown
    assert float(loss(y, x)) == 0
    assert not autodiff.gradient(lambda p: loss(y, p), x).any()


@pytest.mark.parametrize(
    "inner",
    [
        losses.MeanSquaredError(),
        losses.MeanSquaredLogarithmicError(),
        losses.MeanAbsolutePercentageError(),
        losses.LogCosh(),
        losses.Hinge(),
        losses.BinaryCrossentropy(),
        losses.BinaryCrossentropy(from_logits=True),
        losses.Poisson(),
    ],
    ids=lambda loss: loss.name,
)
def test_elements_without_a_target_have_no_gradient(inner, rng):
    """Each loss by itself on the elements that are known, whatever is predicted for the others."""
    y, x = (rng.uniform(0.1, 0.9, (2, DIM)).astype("float32") for _ in range(2))
    expected = autodiff.gradient(lambda p: inner(y[:, :2], p), x[:, :2])
    value = float(inner(y[:, :2], x[:, :2]))
    y[:, 2:], x[:, 2:] = NAN, [NAN, np.inf]
    loss = losses.Masked(inner)
    found = autodiff.gradient(lambda p: loss(y, p), x)
    np.testing.assert_allclose(found[:, :2], expected, rtol=1e-5, atol=1e-7)
    assert not found[:, 2:].any()
    np.testing.assert_allclose(float(loss(y, x)), value, rtol=1e-5)


def test_a_sequence_with_gaps(rng):
    y, x = rng.normal(size=(2, 2, 3, 2)).astype("float32")
    y[0, 1], y[1, 0, 1] = NAN, -9
    found = losses.masked(y, x, loss=losses.MeanSquaredError(), mask_value=-9)
    with np.errstate(all="ignore"):
        squares = np.where(np.isnan(y) | (y == -9), np.nan, (y - x) ** 2)
    expected = [[np.nanmean(row) if np.isfinite(row).any() else 0 for row in s] for s in squares]
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-5)


def test_targets_with_gaps_in_fit(rng):
    x, y = rng.normal(size=(2, 12, DIM)).astype("float32")
    y[rng.random(y.shape) < 0.4] = NAN
    model = network()
    model.compile("sgd", loss=losses.Masked("MeanSquaredError"))
    assert np.isfinite(model.fit(x, y, batch_size=4, epochs=2, verbose=0).history["loss"]).all()


# Weighted sums ------------------------------------------------------------------------------


def test_parts_are_in_the_history_and_resume(batch, tmp_path):
    y, x = batch
    parts = {"supcon": losses.SupCon(), "center": losses.CenterLoss(3), "arc": losses.ArcFace(3)}
    loss = losses.WeightedSum(parts, {"center": 0.1, "arc": 2.0})
    model = training.LossModel(network(), loss)
    model.compile(keras.optimizers.SGD(0.01))
    assert {v.path for v in model.trainable_variables} >= {parts["arc"].proxies.path}
    whole = {"batch_size": N, "shuffle": False, "verbose": 0}
    before = ops.convert_to_numpy(parts["center"].centers)
    embeddings = model.predict(x, verbose=0)
    values = {
        "supcon": float(losses.SupCon()(y, embeddings)),
        **{k: float(parts[k](y, embeddings, training=False)) for k in ("center", "arc")},
    }
    history = model.fit(x, y, validation_data=(x, y), epochs=2, **whole).history
    for name, value in values.items():
        np.testing.assert_allclose(history[name][0], value, rtol=1e-4)
        assert len(history[f"val_{name}"]) == 2
    total = np.array(history["supcon"]) + 0.1 * np.array(history["center"])
    total += 2 * np.array(history["arc"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-5)
    assert np.abs(ops.convert_to_numpy(parts["center"].centers) - before).max() > 0
    model.save(tmp_path / "model.keras")
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    histories = [m.fit(x, y, **whole).history for m in (model, resumed)]
    assert set(histories[0]) == {"loss", "supcon", "center", "arc"}
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5)


def test_parts_that_move_first_move_once(batch):
    """`SoftmaxCenterLoss` and others update before or after they give their values."""
    y, x = batch
    alone = losses.AdaFace(3)  # its values see the state that it leaves
    summed = losses.WeightedSum({"head": losses.AdaFace(3)})
    for loss in (alone, summed):
        loss.build((None,), (None, DIM))
    (copy,) = summed.parts.values()
    copy.set_weights(alone.get_weights())
    for _ in range(2):
        values = [float(loss(y, x, training=True)) for loss in (alone, summed)]
        np.testing.assert_allclose(*values, rtol=1e-6)
    for ours, theirs in zip(copy.variables, alone.variables, strict=True):
        np.testing.assert_allclose(*map(ops.convert_to_numpy, (ours, theirs)), rtol=1e-6)


def test_a_sample_without_weight_is_in_no_part(batch):
    y, x = batch
    parts = {"hard": losses.TripletHard(), "center": losses.CenterLoss(3)}
    loss = losses.WeightedSum(parts)
    weight = np.array([1, 1, 1, 0, 1, 0], "float32")
    some = weight > 0
    value = float(loss(y, x, sample_weight=weight, training=False))
    expected = float(losses.TripletHard()(y, x, sample_weight=weight))
    expected += float(parts["center"](y, x, sample_weight=weight, training=False))
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    hard = float(losses.TripletHard()(y[some], x[some]))
    np.testing.assert_allclose(float(loss.part_trackers["hard"].result()), hard, rtol=1e-5)


# Errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: losses.Matryoshka(losses.CenterLoss(3), [2]), "without state"),
        (lambda: losses.Matryoshka("SupCon", []), "at least one length"),
        (lambda: losses.Matryoshka("SupCon", [0]), "`dims` must be a positive integer"),
        (lambda: losses.Matryoshka("SupCon", [2], [1.0, 2.0]), "one weight for each"),
        (lambda: losses.Matryoshka("SupCon", [2], [-1.0]), "`weights` must be at least 0"),
        (lambda: losses.Matryoshka("SupCon", [5])([0, 0], np.ones((2, 4))), "up to that of"),
        (lambda: losses.CrossBatchMemory(losses.Matryoshka("CLIP", [2]), 8), "CrossBatchMemory"),
        (lambda: losses.Masked(keras.losses.MeanSquaredError()), "of this library"),
        (lambda: losses.Masked("MeanSquaredError")(np.ones((3, 2)), np.ones((3, 4))), "Received"),
        (lambda: losses.WeightedSum({}), "a dict of losses"),
        (lambda: losses.WeightedSum({"a": "SupCon"}, {"b": 1.0}), "names among them"),
        (lambda: losses.WeightedSum({"a": keras.losses.Dice()}), "losses of this library"),
    ],
)
def test_errors(make, text):
    with pytest.raises(ValueError, match=text):
        make()
