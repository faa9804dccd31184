"""A training step writes the rows of its batch where they lie, and copies no table."""

import keras
import numpy as np
import pytest

from portable_losses import losses, training
from tests import autodiff

CLASSES, DIM = 5000, 16
Y = np.array([0, 4999, 7, 7, 0, 1, 2, 3], "int32")


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_fit_leaves_the_table_where_it_is(steps_per_execution, rng):
    if autodiff.BACKEND == "torch" and steps_per_execution > 1:
        pytest.skip("Keras' trainer has no steps_per_execution on PyTorch")
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(DIM)])
    loss = losses.CenterLoss(CLASSES)
    model = training.LossModel(network, loss)
    model.compile("sgd", steps_per_execution=steps_per_execution)
    x, y = rng.normal(size=(32, 4)).astype("float32"), np.tile(Y, 4)
    model.fit(x, y, batch_size=8, verbose=0)
    before = autodiff.address(loss.centers)
    model.fit(x, y, batch_size=8, epochs=3, verbose=0)
    assert autodiff.address(loss.centers) == before
    rows = np.abs(np.asarray(keras.ops.convert_to_numpy(loss.centers))).max(axis=1)
    assert set(np.flatnonzero(rows)) == set(Y)


def test_a_step_alone_allocates_nothing_of_the_size_of_the_table(rng):
    loss = losses.CenterLoss(CLASSES, DIM)
    x = rng.normal(size=(8, DIM)).astype("float32")
    if autodiff.BACKEND == "jax":
        assert autodiff.temporary_bytes(loss, Y, x) < 4 * CLASSES * DIM / 10
    elif autodiff.BACKEND == "tensorflow":
        labels, features = map(keras.ops.convert_to_tensor, (Y, x))
        found = autodiff.operations_on(loss.centers, lambda: loss(labels, features, training=True))
        # Never read as a whole: TensorFlow then copies the table when a row is next written.
        assert found == {"ResourceGather", "ResourceScatterAdd"}
    else:
        before = autodiff.address(loss.centers)
        loss(Y, x, training=True)
        assert autodiff.address(loss.centers) == before
