"""The histogram of the dynamic soft margin."""

import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from tests import autodiff
from tests.references import triplet


def shares(gaps, num_bins):
    """Each gap shared out to both ends of its bin, by nearness."""
    found = np.zeros(num_bins + 1)
    for gap in gaps:
        place = (gap + 2) * num_bins / 4
        low = int(np.floor(place))
        found[low] += 1 - (place - low)
        found[low + 1] += place - low
    return found / len(gaps)


def test_steps(rng):
    """A step moves the histogram first, by samples that count; the first step fills it."""
    loss = losses.DynamicSoftMargin(num_bins=7, momentum=0.25)
    y, held = np.arange(5), np.zeros(8)
    step = autodiff.training_step(loss)
    weights = np.array([1, 1, 0, 1, 1], "float32")
    kept = weights > 0
    for first in (True, False):
        x = rng.normal(size=(5, 2, 3)).astype("float32")
        gaps = triplet.dynamic_soft_margin(y[kept], x[kept].astype("float64"), np.zeros(8))
        batch = shares(gaps, 7)
        held = batch if first else held + 0.25 * (batch - held)
        expected = triplet.dynamic_soft_margin(y[kept], x[kept].astype("float64"), held).sum() / 5
        np.testing.assert_allclose(float(step(y, x, weights)), expected, rtol=1e-5, atol=1e-6)
        found = ops.convert_to_numpy(loss.histogram)
        np.testing.assert_allclose(found, held, rtol=1e-5, atol=1e-6)
    float(step(y, x, 0 * weights))
    np.testing.assert_allclose(ops.convert_to_numpy(loss.histogram), held, rtol=1e-5, atol=1e-6)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match=r"`histogram` must have shape \(bins \+ 1,\)"):
        losses.dynamic_soft_margin([0], np.ones((1, 2, 3)), np.ones(1))
    for settings in ({"num_bins": 0}, {"momentum": 2.0}):
        with pytest.raises(ValueError, match="must"):
            losses.DynamicSoftMargin(**settings)
