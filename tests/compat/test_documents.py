"""Programs as tutorials of TF 1 and Keras 2 have them, with other imports and nothing else changed:
losses and metrics of one's own, their forms, weights, `add_loss`, reductions, center loss.

Where such a text has a fault, a test shows it, as the error or the number that it gave.
"""

import warnings
from typing import Any

import numpy as np
import pytest

# In the texts: `import tensorflow as tf`, `from tensorflow import keras`, `from tensorflow.keras
# import layers`, `from tensorflow.keras import backend as K`.
import portable_losses.compat.tf1 as tf
from portable_losses.compat import K
from portable_losses.compat import keras2 as keras
from portable_losses.compat.keras2 import layers
from portable_losses.compat.keras2.losses import Loss, mean_squared_error
from tests import autodiff

CLASSES = 4


def value(x: Any) -> float:
    return float(K.eval(x))


@pytest.fixture
def digits(rng):
    """Images that are not digits, but of classes; labels are floats, as the text has them."""
    labels = rng.integers(0, CLASSES, 64)
    x = rng.normal(size=(CLASSES, 12))[labels] + 0.3 * rng.normal(size=(64, 12))
    return x.astype("float32"), labels.astype("float32")


def uncompiled(units: int = CLASSES, activation: Any = "softmax") -> Any:
    inputs = keras.Input(shape=(12,), name="digits")
    x = layers.Dense(16, activation="relu", name="dense_1")(inputs)
    outputs = layers.Dense(units, activation=activation, name="predictions")(x)
    return keras.Model(inputs=inputs, outputs=outputs)


# A mean squared error of one's own, in three forms -----------------------------------------


def custom_mean_squared_error(y_true, y_pred):
    return tf.math.reduce_mean(tf.square(y_true - y_pred))


class PenalizedError(keras.losses.Loss):
    def __init__(self, factor=0.1, name="penalized_error"):
        super().__init__(name=name)
        self.factor = factor

    def call(self, y_true, y_pred):
        error = tf.math.reduce_mean(tf.square(y_true - y_pred))
        penalty = tf.math.reduce_mean(tf.square(0.5 - y_pred))
        return error + penalty * self.factor


def penalized_error(factor):
    def inner(y_true, y_pred):
        error = tf.math.reduce_mean(tf.square(y_true - y_pred))
        return error + factor * tf.math.reduce_mean(tf.square(0.5 - y_pred))

    return inner


def test_a_squared_error_of_ones_own_in_three_forms(digits):
    x, y = digits
    one_hot = K.eval(tf.one_hot(tf.cast(y, dtype=tf.int32), depth=CLASSES))
    histories = []
    for loss in (custom_mean_squared_error, PenalizedError(0.4), penalized_error(0.4)):
        model = uncompiled()
        before = model.predict(x, verbose=0)
        model.compile(optimizer=keras.optimizers.Adam(), loss=loss)
        history = model.fit(x, one_hot, batch_size=64, epochs=3, verbose=0).history["loss"]
        expected = np.mean((one_hot - before) ** 2)
        if loss is not custom_mean_squared_error:
            expected += 0.4 * np.mean((0.5 - before) ** 2)
        assert history[0] == pytest.approx(expected, rel=1e-5)
        assert history[2] < history[0]
        histories.append(history)
    assert len(histories) == 3


def test_one_hot_takes_no_floats(digits):
    """The text says that the official example has this fault, and casts to int32."""
    with pytest.raises(TypeError, match=r"tf\.one_hot takes integers.*tf\.cast"):
        tf.one_hot(digits[1], depth=CLASSES)


def test_labels_that_are_not_one_hot_against_all_outputs(digits):
    """The text validates on ids against ten outputs, and its val_loss is 27.6 where the loss is
    0.10: the ids are compared with each probability. The same here, class by class."""
    x, y = digits
    model = uncompiled()
    model.compile(optimizer=keras.optimizers.Adam(), loss=PenalizedError(0.4))
    found = model.evaluate(x, y, batch_size=64, verbose=0)
    outputs = model.predict(x, verbose=0)
    # y (64,) became (64, 1) in `compile` of Keras 2, and was broadcast over the outputs.
    expected = np.mean((y[:, None] - outputs) ** 2) + 0.4 * np.mean((0.5 - outputs) ** 2)
    assert found == pytest.approx(expected, rel=1e-5)
    model = uncompiled(units=10)
    model.compile(optimizer=keras.optimizers.Adam(), loss=PenalizedError(0.4))
    found = model.evaluate(x[:60], np.repeat(np.arange(10), 6).astype("float32"), verbose=0)
    assert found == pytest.approx(27.6, abs=0.2)  # the text's number, whatever a model says


# A metric of one's own ----------------------------------------------------------------------


class CategoricalTruePositives(keras.metrics.Metric):
    def __init__(self, name="categorical_true_positives", **kwargs):
        super(CategoricalTruePositives, self).__init__(name=name, **kwargs)  # noqa: UP008  # as it was
        self.true_positives = self.add_weight(name="ctp", initializer="zeros")
        self.other = self.add_weight(name="other", initializer="random_uniform")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = tf.reshape(tf.argmax(y_pred, axis=1), shape=(-1, 1))
        values = tf.cast(y_true, "int32") == tf.cast(y_pred, "int32")
        values = tf.cast(values, "float32")
        if sample_weight is not None:
            values = tf.multiply(values, tf.cast(sample_weight, "float32"))
        self.true_positives.assign_add(tf.reduce_sum(values))

    def result(self):
        return self.true_positives

    def reset_states(self):
        self.true_positives.assign(0.0)


def test_true_positives_of_one_epoch(digits):
    x, y = digits
    keras.utils.set_random_seed(0)
    model = uncompiled()
    model.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=1e-2),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[CategoricalTruePositives()],
    )
    history = model.fit(x, y, batch_size=16, epochs=3, validation_split=0.25, verbose=0).history
    counts = history["categorical_true_positives"]
    assert all(count == int(count) and 0 <= count <= 48 for count in counts)  # one epoch's
    assert counts[-1] > counts[0] or counts[0] == 48
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    hits = (model.predict(x, verbose=0).argmax(1) == y).sum()
    assert logs["categorical_true_positives"] == hits


# Root, Huber as a function, a wrapper and a class, contrastive ------------------------------


def my_rmse(y_true, y_pred):
    error = y_true - y_pred
    return tf.sqrt(tf.reduce_mean(tf.square(error)))


def my_huber_loss(y_true, y_pred):
    threshold = 1
    error = y_true - y_pred
    is_small_error = tf.abs(error) <= threshold
    small_error_loss = tf.square(error) / 2
    big_error_loss = threshold * (tf.abs(error) - (0.5 * threshold))
    return tf.where(is_small_error, small_error_loss, big_error_loss)


def my_huber_loss_with_threshold(threshold):
    def my_huber_loss(y_true, y_pred):
        error = y_true - y_pred
        small = tf.square(error) / 2
        big = threshold * (tf.abs(error) - (0.5 * threshold))
        return tf.where(tf.abs(error) <= threshold, small, big)

    return my_huber_loss


class MyHuberLoss(Loss):
    threshold = 1

    def __init__(self, threshold):
        super().__init__()
        self.threshold = threshold

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        small = tf.square(error) / 2
        big = self.threshold * (tf.abs(error) - (0.5 * self.threshold))
        return tf.where(tf.abs(error) <= self.threshold, small, big)


def contrastive_loss_with_margin(margin):
    def contrastive_loss(y_true, y_pred):
        square_pred = K.square(y_pred)
        margin_square = K.square(K.maximum(margin - y_pred, 0))
        return K.mean(y_true * square_pred + (1 - y_true) * margin_square)

    return contrastive_loss


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: my_rmse, lambda e, y, p: np.sqrt(np.mean(e**2))),
        (lambda: my_huber_loss, lambda e, y, p: huber(e, 1.0)),
        (lambda: my_huber_loss_with_threshold(1.5), lambda e, y, p: huber(e, 1.5)),
        (lambda: MyHuberLoss(threshold=0.7), lambda e, y, p: huber(e, 0.7)),
        (lambda: keras.losses.Huber(threshold=0.7), lambda e, y, p: huber(e, 0.7)),
        (
            lambda: contrastive_loss_with_margin(1.0),
            lambda e, y, p: np.mean(y * p**2 + (1 - y) * np.maximum(1 - p, 0) ** 2),
        ),
        (lambda: mean_squared_error, lambda e, y, p: np.mean(e**2)),
        (lambda: "mse", lambda e, y, p: np.mean(e**2)),
    ],
    ids="rmse huber wrapper class threshold contrastive function string".split(),
)
def test_losses_compiled_as_the_text_does(make, expected, rng):
    x = rng.normal(size=(10, 1)).astype("float32")
    y = rng.integers(0, 2, (10, 1)).astype("float32")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(units=1)])
    model.compile(optimizer="sgd", loss=make())
    p = model.predict(x, verbose=0).astype("float64")
    wide = expected(y - p, y.astype("float64"), p)
    history = model.fit(x, y, epochs=3, batch_size=10, verbose=0).history["loss"]
    assert history[0] == pytest.approx(wide, rel=1e-5)
    assert history[2] < history[0]


def huber(error, threshold):
    small = np.abs(error) <= threshold
    return np.mean(np.where(small, error**2 / 2, threshold * (np.abs(error) - threshold / 2)))


# Weighted, in four forms --------------------------------------------------------------------


def custom_loss_wrapper(weights):
    def loss(true, pred):
        sum_weights = tf.reduce_sum(weights) * tf.cast(tf.shape(pred)[0], tf.float32)
        residual = tf.sqrt(tf.reduce_sum(weights * tf.square(true - pred)))
        return residual / sum_weights

    return loss


def custom_loss(true, pred, weights):
    residual = tf.sqrt(tf.reduce_sum(weights * tf.square(true - pred)))
    return residual / tf.reduce_sum(weights)


def custom_mse(class_weights):
    def weighted_mse(gt, pred):
        return K.sum(class_weights * K.square(gt - pred)) / K.sum(class_weights)

    return weighted_mse


class WeightedMSE(object):  # noqa: UP004  # as it was
    def __call__(self, y_true, y_pred, weights):
        return tf.reduce_sum(weights * tf.square(y_true - y_pred)) / tf.reduce_sum(weights)


def test_the_weighted_losses():
    y_true = np.array([[0.0, 1.0, 1, 0.0], [0.0, 0.0, 1.0, 1.0]])
    y_pred = np.array([[0.0, 1, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0]])
    weights = np.array([0.25, 0.50, 1.0, 0.75])
    root = np.sqrt(2.0) / (2 * weights.sum())
    rows = np.stack([weights, weights])
    if K.backend() == "torch":  # PyTorch itself multiplies no array by a tensor
        with pytest.raises(TypeError, match="unsupported operand"):
            custom_mse(weights)(y_true, y_pred)
        weights, rows = K.constant(weights), K.constant(rows)
    assert value(custom_mse(class_weights=weights)(y_true, y_pred)) == pytest.approx(0.8)
    assert value(WeightedMSE()(y_true, y_pred, weights)) == pytest.approx(0.8)
    assert value(custom_loss(y_true, y_pred, rows)) == pytest.approx(root)
    # The first form casts the size of the batch to float32, and TensorFlow mixes no floats.
    weights, y_true, y_pred = (K.constant(x) for x in (weights, y_true, y_pred))
    assert value(custom_loss_wrapper(weights)(y_true, y_pred)) == pytest.approx(root)


def test_weighted_losses_compiled(rng):
    x, y = rng.uniform(size=(20, 5)).astype("float32"), rng.uniform(size=(20, 8))
    weights = rng.uniform(size=8).astype("float32")
    for make in (custom_loss_wrapper, custom_mse):
        inp = layers.Input((5,))
        model = keras.Model(inp, layers.Dense(8)(layers.Dense(16)(inp)))
        model.compile("adam", loss=make(weights))
        start = y.astype("float32"), model.predict(x, verbose=0)
        before = value(make(K.constant(weights))(*start))
        history = model.fit(x, y, epochs=3, batch_size=20, verbose=0).history["loss"]
        assert history[0] == pytest.approx(before, rel=1e-5)
        assert history[2] < history[0]


def test_a_model_of_three_inputs_with_add_loss(rng, tmp_path):
    x = rng.uniform(size=(20, 5)).astype("float32")
    y, w = rng.uniform(size=(2, 20, 8)).astype("float32")
    inp = layers.Input((5,))
    true = layers.Input((8,))
    weights = layers.Input((8,))
    pred = layers.Dense(8)(layers.Dense(16)(inp))
    model = keras.Model([inp, true, weights], pred)
    model.add_loss(custom_loss(true, pred, weights))
    model.compile("adam", loss=None)
    before = value(custom_loss(y, model.predict([x, y, w], verbose=0), K.constant(w)))
    history = model.fit([x, y, w], y=None, epochs=3, batch_size=20, verbose=0).history["loss"]
    assert history[0] == pytest.approx(before, rel=1e-5)
    assert history[2] < history[0]
    final_model = keras.Model(model.input[0], model.output)
    outputs = final_model.predict(x, verbose=0)
    np.testing.assert_allclose(outputs, model.predict([x, y, w], verbose=0), rtol=1e-5)
    model.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    runs = [m.evaluate([x, y, w], batch_size=20, verbose=0) for m in (model, twin)]
    assert runs[1] == pytest.approx(runs[0], rel=1e-6)


# The losses of Keras by class, function and string ------------------------------------------

NAMES = {
    "BinaryCrossentropy": "binary_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "Poisson": "poisson",
    "KLDivergence": "kl_divergence",
    "MeanSquaredError": "mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error",
    "MeanAbsolutePercentageError": "mean_absolute_percentage_error",
    "MeanSquaredLogarithmicError": "mean_squared_logarithmic_error",
    "CosineSimilarity": "cosine_similarity",
    "Huber": "huber",
    "LogCosh": "log_cosh",
    "Hinge": "hinge",
    "SquaredHinge": "squared_hinge",
    "CategoricalHinge": "categorical_hinge",
}


def test_every_loss_by_class_function_and_string():
    """What each gives is in test_keras2_numbers.py; here, that the three are one."""
    y_true, y_pred = np.eye(3, dtype="float32")[[0, 2]], np.full((2, 3), 0.25, "float32")
    y_pred[1, 2] = 0.5
    for class_name, name in NAMES.items():
        given = (np.array([0, 2]) if class_name.startswith("Sparse") else y_true), y_pred
        made = getattr(keras.losses, class_name)()
        values = K.eval(getattr(keras.losses, name)(*given))
        assert values.shape == (2,)
        assert value(made(*given)) == pytest.approx(values.mean(), rel=1e-6)
        assert keras.losses.get(name) is getattr(keras.losses, name)
        assert keras.losses.get(class_name).get_config() == made.get_config()


def test_reductions_and_sample_weights():
    """The numbers beside the text's example are those of Keras' own documentation."""
    y_true, y_pred = [[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]]
    bce = keras.losses.BinaryCrossentropy()
    assert value(bce(y_true, y_pred)) == pytest.approx(0.815, abs=5e-4)
    assert value(bce(y_true, y_pred, sample_weight=[1, 0])) == pytest.approx(0.458, abs=5e-4)
    bce = keras.losses.BinaryCrossentropy(reduction=keras.losses.Reduction.SUM)
    assert value(bce(y_true, y_pred)) == pytest.approx(1.630, abs=5e-4)
    bce = keras.losses.BinaryCrossentropy(reduction=keras.losses.Reduction.NONE)
    np.testing.assert_allclose(K.eval(bce(y_true, y_pred)), [0.916, 0.714], atol=5e-4)
    bce = keras.losses.BinaryCrossentropy(reduction="auto")
    assert value(bce(y_true, y_pred)) == pytest.approx(0.815, abs=5e-4)
    ones, zeros = tf.ones((2, 2)), tf.zeros((2, 2))
    assert K.eval(mean_squared_error(ones, zeros)).tolist() == [1.0, 1.0]
    for reduction, expected in (("sum_over_batch_size", 1.0), ("sum", 2.0), ("none", [1.0, 1.0])):
        loss_fn = tf.keras.losses.MeanSquaredError(reduction=reduction)
        assert K.eval(loss_fn(ones, zeros)).tolist() == expected
    # The text writes `loss=mean_squared_error(param=value)`; a function takes its values in a call.
    with pytest.raises(TypeError, match="param"):
        mean_squared_error(param=1.0)
    # The text writes `resuction=`, which no version takes.
    with pytest.raises(TypeError, match="resuction"):
        keras.losses.MeanSquaredError(resuction="sum")
    # It also writes `possion`, which there is not; `poisson` is meant.
    with pytest.raises(AttributeError, match="Did you mean poisson"):
        _ = keras.losses.possion


def test_a_class_a_string_and_acc_in_compile(rng):
    x, y = rng.uniform(size=(12, 10)).astype("float32"), rng.integers(0, 5, 12)
    for loss in (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "sparse_categorical_crossentropy",
    ):
        model = keras.Sequential()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras 3 would have an Input instead, and takes this
            model.add(layers.Dense(8, kernel_initializer="uniform", input_shape=(10,)))
        model.add(layers.Activation("softmax"))
        model.compile(loss=loss, optimizer="adam", metrics=["acc"])
        history = model.fit(x, y, verbose=0).history
        assert set(history) == {"acc", "loss"}


class MyActivityRegularizer(layers.Layer):
    def __init__(self, rate=1e-2):
        super(MyActivityRegularizer, self).__init__()  # noqa: UP008  # as it was
        self.rate = rate

    def call(self, inputs):
        self.add_loss(self.rate * tf.reduce_sum(tf.square(inputs)))
        return inputs


class SparseMLP(layers.Layer):
    def __init__(self, output_dim):
        super(SparseMLP, self).__init__()  # noqa: UP008  # as it was
        self.dense_1 = layers.Dense(32, activation=tf.nn.relu)
        self.regularization = MyActivityRegularizer(1e-2)
        self.dense_2 = layers.Dense(output_dim)

    def call(self, inputs):
        return self.dense_2(self.regularization(self.dense_1(inputs)))


def test_a_layer_with_add_loss_has_one_loss_however_often_it_is_called(rng):
    mlp = SparseMLP(1)
    x = tf.ones((10, 10))
    mlp(x)
    assert len(mlp.losses) == 1
    mlp(x)
    assert len(mlp.losses) == 1  # nothing adds up
    hidden = K.eval(mlp.dense_1(x))
    assert value(mlp.losses[0]) == pytest.approx(0.01 * np.sum(hidden**2), rel=1e-5)
    inputs = keras.Input((10,))
    model = keras.Model(inputs, SparseMLP(1)(inputs))
    model.compile("sgd", my_mean_loss)
    data = rng.uniform(size=(2, 6, 10)).astype("float32")
    before = model.evaluate(data[0], data[1, :, :1], verbose=0)
    outputs = model.predict(data[0], verbose=0)
    own = np.mean((data[1, :, :1] - outputs) ** 2)
    assert before > own  # the activities count


def my_mean_loss(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


# The parts of a center-loss file that need no session ---------------------------------------


def softmax_loss(labels, features):
    return K.categorical_crossentropy(labels, K.softmax(features, axis=-1))


def categorical_accuracy(y_true, y_pred):
    sm_y_pred = K.softmax(y_pred, axis=-1)
    same = K.equal(K.argmax(y_true, axis=-1), K.argmax(sm_y_pred, axis=-1))
    return K.cast(same, K.floatx())


def test_the_softmax_loss_and_the_accuracy_of_logits(digits):
    x, y = digits
    one_hot = np.eye(CLASSES, dtype="float32")[y.astype(int)]
    model = uncompiled(activation=None)
    model.compile(
        optimizer=keras.optimizers.Adam(lr=0.01, decay=1e-5),
        loss=softmax_loss,
        metrics=[categorical_accuracy],
    )
    logits = model.predict(x, verbose=0).astype("float64")
    top = logits.max(1, keepdims=True)
    entropy = np.log(np.exp(logits - top).sum(1)) + top[:, 0] - (logits * one_hot).sum(1)
    logs = model.evaluate(x, one_hot, verbose=0, batch_size=64, return_dict=True)
    assert logs["loss"] == pytest.approx(entropy.mean(), rel=1e-4)
    assert logs["categorical_accuracy"] == pytest.approx(
        np.mean(logits.argmax(1) == one_hot.argmax(1)), rel=1e-6
    )
    history = model.fit(x, one_hot, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    slope = autodiff.gradient(lambda p: K.sum(softmax_loss(one_hot, p)), logits.astype("float32"))
    softmax = np.exp(logits - top) / np.exp(logits - top).sum(1, keepdims=True)
    np.testing.assert_allclose(slope, softmax - one_hot, rtol=1e-4, atol=1e-5)
