"""Data parallelism on TensorFlow: own process, since devices are split before anything else."""

import subprocess
import sys

import pytest

from tests.autodiff import BACKEND

SCRIPT = """
import importlib
import numpy as np
from tests import autodiff
autodiff.split_the_cpu()
import keras
from portable_losses import losses, training

rng = np.random.default_rng(0)
x, y = rng.normal(size=(16, 4)).astype("float32"), rng.integers(0, 3, 16)

def run():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model = training.LossModel(network, losses.SoftmaxCenterLoss(3, alpha=0.1))
    model.compile(keras.optimizers.SGD(0.1))
    history = model.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0).history
    return history["loss"], np.concatenate([w.ravel() for w in network.get_weights()])

one = run()
with autodiff.two_replicas():
    two = run()
# An older Keras reports the share of one replica; what it trains is right all the same.
if hasattr(importlib.import_module("keras.src.losses.loss"), "unscale_loss_for_distribution"):
    np.testing.assert_allclose(two[0], one[0], rtol=1e-5)
np.testing.assert_allclose(two[1], one[1], rtol=1e-4, atol=1e-6)
print("the same")
"""


def test_two_replicas_give_the_loss_and_the_gradient_of_one():
    if BACKEND != "tensorflow":
        pytest.skip("MirroredStrategy is TensorFlow's")
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert "the same" in run.stdout, run.stderr[-3000:]
