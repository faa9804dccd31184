"""`add_update` and `add_metric` of `keras2.layers.Layer`, as old layers use them."""

import numpy as np
import pytest
from keras import ops

from portable_losses.compat import K
from portable_losses.compat import keras2 as keras
from portable_losses.compat.keras2.layers import Dense, Layer


class Centers(Layer):
    """The update stands before the loss, which sees the old centers all the same."""

    def build(self, input_shape):
        self.centers = self.add_weight(
            name="centers", shape=(2, 2), initializer="zeros", trainable=False
        )
        super().build(input_shape)

    def call(self, x):
        features, one_hot = x
        difference = K.dot(K.transpose(one_hot), K.dot(one_hot, self.centers) - features)
        counts = K.expand_dims(K.sum(K.transpose(one_hot), axis=1) + 1)
        self.add_update((self.centers, self.centers - 0.5 * difference / counts), x)
        return K.sum(K.square(features - K.dot(one_hot, self.centers)), axis=1, keepdims=True)


X = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]], "float32")
Y = np.eye(2, dtype="float32")[[0, 0, 1]]
# c + ½ Σ(x − c) / (1 + n) from zeros: ½ (1 + 3) / 3 and ½ 2 / 2
ONCE = np.array([[2 / 3, 0.0], [0.0, 0.5]])


def model():
    features, labels = keras.Input((2,)), keras.Input((2,))
    layer = Centers()
    return keras.models.Model([features, labels], layer([features, labels])), layer


def test_pairs_are_assigned_in_training_alone_after_the_layer():
    network, layer = model()
    network.compile("sgd", loss=lambda y_true, y_pred: y_pred)
    assert network.evaluate([X, Y], np.zeros(3), verbose=0) == pytest.approx(14 / 3, rel=1e-6)
    network.predict([X, Y], verbose=0)
    np.testing.assert_array_equal(K.get_value(layer.centers), np.zeros((2, 2)))
    found = network.fit([X, Y], np.zeros(3), batch_size=3, epochs=2, shuffle=False, verbose=0)
    after = [((X - Y @ c) ** 2).sum(1).mean() for c in (np.zeros((2, 2)), ONCE)]
    np.testing.assert_allclose(found.history["loss"], after, rtol=1e-6)


def test_updates_as_keras_1_set_them():
    class Counted(Layer):
        def __init__(self):
            super().__init__()
            self.updates = []
            self.count = self.add_weight(name="count", shape=(), initializer="zeros")

        def call(self, x):
            self.updates = [(self.count, self.count + 1.0)]
            return x * 2

    layer = Counted()
    layer(K.constant(X), training=True)
    layer(K.constant(X))
    assert K.get_value(layer.count) == 1


def test_a_layer_beside_others():
    assert keras.layers.Dense is Dense
    layer = Centers()
    layer.build([(None, 2), (None, 2)])
    layer([K.constant(X), K.constant(Y)], training=True)
    np.testing.assert_allclose(K.get_value(layer.centers), ONCE, rtol=1e-6)


def shares(y_true, y_pred):
    y_pred /= K.sum(y_pred, axis=-1, keepdims=True)
    return -K.sum(y_true * K.log(y_pred), axis=-1)


def by_a_helper(y_true, y_pred):
    return shares(y_true, y_pred)


class Shares(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y_pred /= K.sum(y_pred, axis=-1, keepdims=True)
        return -K.sum(y_true * K.log(y_pred), axis=-1)


@pytest.mark.parametrize("loss", [by_a_helper, Shares()], ids=["function", "class"])
def test_augmented_assignment_reaches_nobody_else(loss):
    """On PyTorch it would write into what metrics and other losses see; TensorFlow's tensors
    cannot be written to. Logits have the slopes `softmax − y`."""
    logits = np.array([[0.5, -1.0], [0.0, 2.0]], "float32")
    y = np.eye(2, dtype="float32")
    network = keras.models.Sequential([keras.Input((2,)), Dense(2, activation="exponential")])

    def largest(y_true, y_pred):
        return K.max(y_pred, axis=-1)

    network.compile(keras.optimizers.SGD(1.0), loss=loss, metrics=[largest])
    network.layers[-1].set_weights([np.eye(2), np.zeros(2)])
    found = network.fit(logits, y, batch_size=2, verbose=0).history
    share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert found["largest"][0] == pytest.approx(np.exp(logits).max(1).mean(), rel=1e-5)
    assert found["loss"][0] == pytest.approx(-np.log(np.diag(share)).mean(), rel=1e-5)
    bias = network.layers[-1].get_weights()[1]
    np.testing.assert_allclose(bias, -(share - y).mean(0), rtol=1e-5)


class Reports(keras.layers.Layer):
    def call(self, inputs):
        self.add_metric(ops.abs(inputs), name="size", aggregation="mean")
        self.add_metric(ops.max(inputs), name="top")
        return inputs


class Whole(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, kernel_initializer="ones")

    def call(self, inputs):
        outputs = self.dense(inputs)
        self.add_metric(outputs, name="out")
        return outputs


def test_metrics_that_layers_and_models_add():
    """The mean over the steps of an epoch; each epoch begins anew."""
    x = np.array([[1.0], [-3.0], [2.0], [6.0]], "float32")
    inputs = keras.Input((1,))
    model = keras.Model(inputs, Reports()(keras.layers.Dense(1, kernel_initializer="ones")(inputs)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = model.fit(x, x, batch_size=2, epochs=2, shuffle=False, verbose=0).history
    assert set(history) == {"loss", "size", "top"}
    assert history["size"] == [3.0, 3.0] and history["top"] == [3.5, 3.5]
    assert model.evaluate(x, x, batch_size=4, verbose=0, return_dict=True)["top"] == 6.0
    model = Whole()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model(x)
    history = model.fit(x, x, batch_size=2, epochs=2, verbose=0).history
    assert history["out"] == [1.5, 1.5]
    with pytest.raises(ValueError, match="takes a value, a name"):
        Reports().add_metric(1.0)
