"""Partial FC: what it draws, and that a step is the head's on what was drawn."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from portable_losses.losses import _partial
from tests.references import margin as reference

IDS = np.array([3, 7, 3, 22, 0], "int32")


def test_a_draw_holds_the_batch_and_as_many_classes_as_asked_for():
    seed = keras.random.SeedGenerator(0)
    counts = np.zeros(23)
    for _ in range(100):
        drawn = _partial.sample_classes(ops.convert_to_tensor(IDS), 23, 9, seed)
        chosen, where = map(ops.convert_to_numpy, drawn)
        assert len(set(chosen)) == len(chosen) == 9
        assert 0 <= chosen.min() <= chosen.max() < 23
        assert (chosen[where] == IDS).all()
        counts[chosen] += 1
    present = np.isin(np.arange(23), IDS)
    assert (counts[present] == 100).all()
    expected = 100 * 5 / 19  # four of the nine places are taken
    assert np.abs(counts[~present] - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize("sub_centers", [1, 2])
def test_a_step_sees_the_drawn_classes_alone(sub_centers, monkeypatch, rng):
    head = (
        losses.ArcFace(23, 4)
        if sub_centers == 1
        else losses.SubCenterArcFace(23, 4, sub_centers=sub_centers)
    )
    loss = losses.PartialFC(head, sample_rate=0.3, reduction="none")
    assert loss.num_sampled == 7
    chosen = np.array([0, 3, 7, 22, 5, 11, 19], "int32")
    drawn = map(ops.convert_to_tensor, (chosen, np.array([1, 2, 1, 3, 0], "int32")))
    monkeypatch.setattr(_partial, "sample_classes", lambda *given: tuple(drawn))
    x = rng.normal(size=(5, 4)).astype("float32")
    actual = ops.convert_to_numpy(loss(IDS, x, training=True))
    proxies = ops.convert_to_numpy(head.proxies).reshape(23, sub_centers, 4)[chosen]
    ids = [1, 2, 1, 3, 0]
    if sub_centers == 1:
        expected = reference.arcface(ids, x, proxies[:, 0])
    else:
        table = proxies.reshape(-1, 4)
        expected = reference.sub_center_arcface(ids, x, table, sub_centers=sub_centers)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def model(**settings):
    network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    made = training.LossModel(network, losses.PartialFC(losses.ArcFace(1000), **settings))
    made.compile("sgd")
    return made


def test_only_drawn_proxies_move_and_a_saved_run_draws_on(rng, tmp_path):
    x = rng.normal(size=(64, 6)).astype("float32")
    y = np.arange(64, dtype="int32") * 15
    first = model(sample_rate=0.05, seed=1)
    before = ops.convert_to_numpy(first.loss_fn.proxies).copy()
    first.fit(x, y, batch_size=32, shuffle=False, verbose=0)
    moved = np.abs(ops.convert_to_numpy(first.loss_fn.proxies) - before).max(axis=1) > 0
    assert moved[y].all()
    assert 64 < moved.sum() <= 100  # two steps, each of 50 classes
    first.save(tmp_path / "model.keras")
    second = keras.saving.load_model(tmp_path / "model.keras")
    again = [m.fit(x, y, batch_size=32, shuffle=False, verbose=0).history for m in (first, second)]
    assert again[0] == again[1]
    # In evaluation all classes take part, so it repeats.
    assert first.evaluate(x, y, verbose=0) == first.evaluate(x, y, verbose=0)


def test_more_samples_than_drawn_classes_are_refused():
    with pytest.raises(ValueError, match=r"A batch of 5 samples may have more classes than the 3"):
        losses.PartialFC(losses.ArcFace(23, 4), 0.1)(IDS, np.ones((5, 4)), training=True)


def test_bad_settings():
    with pytest.raises(ValueError, match="`sample_rate` must lie in"):
        losses.PartialFC(losses.ArcFace(23), 1.5)
    with pytest.raises(ValueError, match="`sample_rate` must be greater than 0"):
        losses.PartialFC(losses.ArcFace(23), 0)
    with pytest.raises(ValueError, match="samples the proxies of a loss"):
        losses.PartialFC(losses.CenterLoss(23))
