"""Settings of a loss that are trained."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from portable_losses._catalogue import CATALOGUE
from portable_losses.losses._trained import FREE, POSITIVE
from tests import autodiff
from tests.contract.checks import derivative
from tests.references import margins


def test_start_bounds_and_values_of_settings():
    loss = losses.TrainedSettings(losses.CLIP(temperature=0.5), "temperature", largest_scale=4.0)
    assert [v.name for v in loss.trainable_variables] == ["log_temperature"]
    assert loss.get_settings()["temperature"] == pytest.approx(0.5)
    for given, kept in ((-5.0, 0.25), (5.0, 4.0), (0.5, np.exp(0.5))):
        bounded = loss.log_temperature.constraint(np.float32(given))
        assert np.exp(float(bounded)) == pytest.approx(kept)


def test_a_boundary_is_trained_with_the_network(rng):
    """By the gradient of the mean, and within `fit`; of a sample of weight 0 none is seen."""
    y, x = np.array([0, 1, 0, 1, 0, 1], "int32"), rng.normal(size=(6, 3)).astype("float32")
    weights = np.array([1, 1, 1, 1, 1, 0], "float32")
    loss = losses.TrainedSettings(losses.MarginLoss(margin=0.5, beta=1.5), "beta")
    inputs = keras.Input((3,))
    model = training.LossModel(keras.Model(inputs, keras.layers.Identity()(inputs)), loss)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(x, y, sample_weight=weights, batch_size=6, verbose=0)

    def value(beta):
        return (
            margins.margin_loss(y[:5], x[:5].astype("float64"), margin=0.5, beta=beta[0]).sum() / 6
        )

    slope = derivative(value, np.array([1.5]))[0]
    assert slope != 0
    assert loss.get_settings()["beta"] == pytest.approx(1.5 - 0.1 * slope, rel=1e-5)


CAN = {
    cls: names
    for cls in (getattr(losses, entry.cls) for entry in CATALOGUE if not entry.metric)
    if "block_size" in (given := inspect.signature(cls.__init__).parameters)
    if (names := [name for name in (*POSITIVE, *FREE) if name in given])
}


def test_settings_are_trained_in_blocks_of_anchors(rng):
    """Value, and gradient by embeddings and by every setting, of all losses that have both."""
    assert len(CAN) == 16
    y = np.array([0, 1, 0, 1, 0], "int32")
    scores = np.array([0.1, 0.9, 0.4, 0.4, 0.2], "float32")
    x, todo, given = rng.normal(size=(5, 2, 4)).astype("float32"), [], []

    def of(loss, labels, paired):
        def scalar(xs):
            state = [(v, xs[i + 1]) for i, v in enumerate(loss.trainable_variables)]
            with keras.StatelessScope(state_mapping=state):
                value = loss(labels, xs[0] if paired else xs[0][:, 0], training=False)
            return value, [value]

        return scalar

    for cls, names in CAN.items():
        for block_size in (None, 2):
            loss = losses.TrainedSettings(cls(block_size=block_size), names)
            paired = "ref_mask" not in inspect.signature(cls.function).parameters
            of_scores = cls in (losses.CoSENT, losses.AnglE)
            todo.append(of(loss, scores if of_scores else y, paired))
            # Away from where they start, and small: a temperature of 0.05 is near a hard maximum.
            state = [np.array(0.5 + 0.1 * k, "float32") for k in range(len(names))]
            given.append([x, *state])
    found = autodiff.values_and_gradients(todo, given)
    for i, (cls, names) in enumerate(CAN.items()):
        expected, actual = (
            [ops.convert_to_numpy(part) for part in (*values, *slopes)]
            for values, slopes in found[2 * i : 2 * i + 2]
        )
        assert len(expected) == 2 + len(names)
        for a, b in zip(actual, expected, strict=True):
            assert np.any(b != 0), cls
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=cls.__name__)


def test_boundaries_of_classes_are_trained_and_saved(rng, tmp_path):
    """Repeated labels add up once, and a class that is absent stays, with Adam too."""
    y, x = np.array([0, 1, 0, 3, 0, 1], "int32"), rng.normal(size=(6, 3)).astype("float32")
    start, settings = np.array([1.5, 1.3, 1.2, 1.0]), {"margin": 0.5, "count": "pairs"}

    def made(optimizer):
        loss = losses.TrainedSettings(losses.MarginLoss(**settings), "beta", num_classes=4)
        loss.beta.assign(start[:, None])
        inputs = keras.Input((3,))
        model = training.LossModel(keras.Model(inputs, keras.layers.Identity()(inputs)), loss)
        model.compile(optimizer)
        model.fit(x, y, batch_size=6, verbose=0)
        return model, np.array(loss.get_settings()["beta"])

    def value(beta):
        exact = x.astype("float64")
        return margins.margin_loss(y, exact, beta=beta[y], **settings).sum() / 6

    slope = derivative(value, start)
    assert slope[2] == 0 and np.count_nonzero(slope) == 3
    model, found = made(keras.optimizers.SGD(0.1))
    np.testing.assert_allclose(found, start - 0.1 * slope, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.loss_fn.get_settings()["beta"], found)
    _, found = made(keras.optimizers.Adam(0.1))
    np.testing.assert_allclose(found, start - 0.1 * np.sign(slope), rtol=1e-4)
    with pytest.raises(ValueError, match=r"Class ids must lie in \[0, 4\)"):
        model.loss_fn(y + 2, x, training=False)


@pytest.mark.parametrize(
    ("loss", "names", "settings", "text"),
    [
        (losses.CLIP(), "scale", {}, r"of this loss: \('temperature',\)"),
        (losses.CLIP(), (), {}, "names of its settings"),
        (losses.Huber(), "delta", {}, r"of this loss: \(\)"),
        (losses.CLIP(), "temperature", {"num_classes": 3}, "`num_classes` is for one boundary"),
        (losses.MarginLoss(), "beta", {"num_classes": 0}, "`num_classes` must be a positive"),
        (losses.SigLIP(scale=200.0), "scale", {}, "`scale` must lie in"),
        (
            losses.SigLIP(),
            "scale",
            {"largest_scale": 0.5},
            "`largest_scale` must be greater than 1",
        ),
    ],
)
def test_what_cannot_be_trained(loss, names, settings, text):
    with pytest.raises(ValueError, match=text):
        losses.TrainedSettings(loss, names, **settings)
