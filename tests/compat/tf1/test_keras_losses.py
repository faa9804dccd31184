"""Losses of Keras in a graph. The figures are those of TensorFlow 1.15.5."""

import keras
import numpy as np

from portable_losses.compat import tf1 as tf
from portable_losses.compat.keras2 import losses, metrics
from tests import autodiff

P, Y = np.float32([[0.2, 0.8], [0.6, 0.4]]), np.float32([[0, 1], [1, 0]])
W = np.float32([1, 3])


class Distance(losses.Loss):
    """Asks its tensors for what only nodes have."""

    def call(self, y_true, y_pred):
        assert y_pred.shape.rank == 2 and y_true.get_shape().as_list()[1] == 2
        return tf.reduce_sum(tf.square(y_true - y_pred), -1)


EXPECTED = (
    (losses.MeanSquaredError(), None, 0.1, [[0.1, -0.1], [-0.2, 0.2]]),
    (losses.MeanSquaredError(), W, 0.26, [[0.1, -0.1], [-0.6, 0.6]]),
    (losses.Huber(), W, 0.13, [[0.05, -0.05], [-0.3, 0.3]]),
    (
        losses.CategoricalCrossentropy(label_smoothing=0.1),
        W,
        0.9428774,
        [[0.375, -0.09375], [-0.875, 1.3125]],
    ),
    (Distance(), None, 0.2, [[0.2, -0.2], [-0.4, 0.4]]),
    (Distance(), W, 0.52, [[0.2, -0.2], [-1.2, 1.2]]),
    (Distance(reduction="none"), W, [0.08, 0.96], [[0.4, -0.4], [-2.4, 2.4]]),
)


def test_values_and_gradients():
    with tf.Graph().as_default(), tf.Session() as session:
        y, p = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [None, 2])
        made = [loss(y, p, weight) for loss, weight, _, _ in EXPECTED]
        assert made[0].shape.as_list() == made[1].shape.as_list() == []
        slopes = [tf.gradients(value, p)[0] for value in made]
        found = session.run([made, slopes], {y: Y, p: P})
    for (loss, _, value, slope), one, two in zip(EXPECTED, *found, strict=True):
        np.testing.assert_allclose(one, value, 1e-5, err_msg=loss.name)
        np.testing.assert_allclose(two, slope, 1e-5, 1e-6, err_msg=loss.name)


def test_as_a_loss_of_a_model():
    loss = tf.GraphLoss(Distance(), label_dtype="float32")
    assert abs(float(loss(Y, P, training=True)) - 0.2) < 1e-6
    slope = autodiff.gradient(lambda p: loss(Y, p, training=False), P)
    np.testing.assert_allclose(slope, [[0.2, -0.2], [-0.4, 0.4]], 1e-5)


def test_functions_in_a_functional_model(tmp_path):
    """A function of KerasTensors is an operation of the model, and saved by its old name."""
    y, p = keras.Input((2,)), keras.Input((2,))
    outputs = [losses.mse(y, p), losses.huber(y, p, delta=0.5), metrics.binary_accuracy(y, p)]
    model = keras.Model([y, p], outputs)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for value in (model([Y, P]), again([Y, P])):
        expected = ([0.04, 0.16], [0.02, 0.08], [1, 1])
        for found, figure in zip(value, expected, strict=True):
            np.testing.assert_allclose(keras.ops.convert_to_numpy(found), figure, 1e-5)
