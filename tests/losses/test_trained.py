"""Settings of a loss that are trained."""

import keras
import numpy as np
import pytest

from portable_losses import losses, training
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


@pytest.mark.parametrize(
    ("loss", "names", "settings", "text"),
    [
        (losses.CLIP(), "scale", {}, r"of this loss: \('temperature',\)"),
        (losses.CLIP(), (), {}, "names of its settings"),
        (losses.Huber(), "delta", {}, r"of this loss: \(\)"),
        (losses.CLIP(block_size=4), "temperature", {}, "`block_size` of the loss must be None"),
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
