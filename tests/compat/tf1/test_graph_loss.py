"""`GraphLoss`: a TF1 loss function as a layer, saved and resumed, in `fit` and in an endpoint."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import portable_losses.compat.tf1 as tf
from portable_losses import losses, training
from tests import autodiff
from tests.oracles import tf1_programs

GOLDEN = Path(__file__).parents[2] / "oracles" / "golden"
LABELS = np.array([1, 2, 1, 0], "int32")
FEATURES = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0], [1.0, 1.0]], "float32")


def center_loss(labels: Any, features: Any, alpha: float = 0.5, num_classes: int = 3) -> Any:
    size = features.get_shape()[1]
    with tf.variable_scope("loss"):
        centers = tf.get_variable(
            "centers", [num_classes, size], initializer=tf.zeros_initializer(), trainable=False
        )
    labels = tf.reshape(labels, [-1])
    own = tf.gather(centers, labels)
    _, position, count = tf.unique_with_counts(labels)
    times = tf.cast(1 + tf.gather(count, position), tf.float32)
    update = tf.scatter_sub(centers, labels, alpha * (own - features) / times[:, None])
    with tf.control_dependencies([update]):
        return tf.nn.l2_loss(features - own)


def numbers(x: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def centers_of(loss: Any) -> np.ndarray:
    (weight,) = loss.tf1_variables.values()
    return numbers(weight)


def model_of(loss: Any) -> training.LossModel:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    network.set_weights([np.eye(2, dtype="float32")])
    model = training.LossModel(network, loss)
    model.compile(keras.optimizers.SGD(0.01), jit_compile=autodiff.BACKEND == "jax")
    return model


def test_it_is_our_center_loss():
    ours = losses.CenterLoss(3, alpha=0.7, reduction="sum")
    theirs = tf.GraphLoss(center_loss, {"alpha": 0.7})
    models = [model_of(loss) for loss in (ours, theirs)]
    for _ in range(2):
        found = [
            model.fit(FEATURES, LABELS, batch_size=3, epochs=2, shuffle=False, verbose=0).history
            for model in models
        ]
        np.testing.assert_allclose(found[1]["loss"][1:], found[0]["loss"][1:], rtol=1e-5)
    np.testing.assert_allclose(centers_of(theirs), numbers(ours.centers), rtol=1e-5)
    np.testing.assert_allclose(*[m.model.get_weights()[0] for m in models], rtol=1e-5)
    assert list(theirs.tf1_variables) == ["loss/centers:0"]
    assert not theirs.trainable_variables and len(theirs.non_trainable_variables) == 1


def test_labels_of_another_kind_come_in_fit():
    """Variables were made for ids `(N,)`, int32; the graph for others is made inside a step."""
    for labels in (LABELS.astype("int64"), LABELS[:, None].astype("uint8")):
        loss = tf.GraphLoss(center_loss)
        model = model_of(loss)
        model.fit(FEATURES, labels, batch_size=4, verbose=0)
        expected = tf.GraphLoss(center_loss)
        expected(LABELS, FEATURES, training=True)
        np.testing.assert_allclose(centers_of(loss), centers_of(expected), rtol=1e-6)


def test_evaluation_leaves_the_state_alone_unless_it_is_asked():
    loss = tf.GraphLoss(center_loss)
    value = float(loss(LABELS, FEATURES, training=False))
    assert not centers_of(loss).any()
    assert float(loss(LABELS, FEATURES, training=True)) == value
    after = centers_of(loss)
    assert after[1].any()
    loss.trainable = False  # frozen: it stays as it is
    loss(LABELS, FEATURES, training=True)
    np.testing.assert_array_equal(centers_of(loss), after)
    as_tf1 = tf.GraphLoss(center_loss, update_in_eval=True)
    as_tf1(LABELS, FEATURES, training=False)
    np.testing.assert_array_equal(centers_of(as_tf1), after)


def test_it_is_saved_and_resumed(tmp_path: Path):
    model = model_of(tf.GraphLoss(center_loss, {"alpha": 0.25}, update_in_eval=True, name="pull"))
    model.fit(FEATURES, LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    custom = {"center_loss": center_loss}
    again = keras.saving.load_model(tmp_path / "model.keras", custom_objects=custom)
    assert again.loss_fn.function is center_loss and again.loss_fn.update_in_eval
    assert again.loss_fn.name == "pull" and again.loss_fn.function_settings == {"alpha": 0.25}
    np.testing.assert_array_equal(centers_of(again.loss_fn), centers_of(model.loss_fn))
    for one in (model, again):
        one.fit(FEATURES, LABELS, verbose=0)
    np.testing.assert_allclose(
        centers_of(again.loss_fn), centers_of(model.loss_fn), rtol=1e-6, atol=1e-7
    )
    model.save_weights(tmp_path / "model.weights.h5")
    other = model_of(tf.GraphLoss(center_loss))
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(centers_of(other.loss_fn), centers_of(model.loss_fn))


def test_values_that_tf1_saved(tmp_path: Path):
    loss = tf.GraphLoss(center_loss)
    table = np.arange(6, dtype="float32").reshape(3, 2)
    with pytest.raises(ValueError, match="no variables yet"):
        loss.load_tf1({"loss/centers:0": table})
    loss.build((None,), (None, 2))
    assert loss.load_tf1({"loss/centers:0": table, "more": 1}) == ["loss/centers"]
    np.testing.assert_array_equal(centers_of(loss), table)
    np.savez(tmp_path / "saved.npz", **{"net/loss/centers": table + 1})
    loss.load_tf1(tmp_path / "saved.npz", scope="net/")
    np.testing.assert_array_equal(centers_of(loss), table + 1)
    with pytest.raises(ValueError, match=r"There is no \['loss/centers'\] among"):
        loss.load_tf1({"centers:0": table})
    with pytest.raises(ValueError, match=r"has the shape \(3, 2\), and \(2, 2\) was saved"):
        loss.load_tf1({"loss/centers": table[:2]})
    with pytest.raises(ValueError, match="no saved file"):
        loss.load_tf1("nowhere")

    def plain(labels: Any, features: Any) -> Any:
        centers = tf.get_variable("centers", [3, 2])
        return tf.nn.l2_loss(features - tf.gather(centers, labels))

    loss = tf.GraphLoss(plain)
    loss.build((None,), (None, 2))
    checkpoint = GOLDEN / "programs_checkpoint"
    if autodiff.BACKEND == "tensorflow":
        loss.load_tf1(checkpoint, scope="train/")
        np.testing.assert_array_equal(centers_of(loss), table)
    else:
        with pytest.raises(ImportError, match=r"make a \.npz file of it"):
            loss.load_tf1(checkpoint, scope="train/")


def test_a_saver_in_a_session(tmp_path: Path):
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", [2], initializer=tf.ones_initializer())
        step = tf.train.get_or_create_global_step()
        add = tf.group(v.assign_add([1.0, 2.0]), tf.assign_add(step, 1))
        saver = tf.train.Saver(max_to_keep=1)
        session.run(tf.global_variables_initializer())
        session.run(add)
        path = saver.save(session, str(tmp_path / "model"), global_step=step)
        session.run(add)
        saver.restore(session, path)
        assert session.run([v, step])[0].tolist() == [2, 3] and session.run(step) == 1
        assert sorted(np.load(f"{path}.npz").files) == ["global_step", "v"]
        assert tf.train.latest_checkpoint(str(tmp_path)) == path
        with pytest.raises(tf.errors.NotFoundError, match="Key w not found"):
            tf.train.Saver({"w": v}).restore(session, path)


def test_in_an_endpoint_with_one_hot_labels():
    def of_one_hot(labels: Any, features: Any) -> Any:
        return center_loss(tf.argmax(labels, axis=1), features)

    image, label = keras.Input((2,)), keras.Input((3,))
    features = keras.layers.Dense(2, kernel_initializer="ones")(image)
    loss = tf.GraphLoss(of_one_hot, label_dtype="float32")
    model = keras.Model([image, label], training.LossEndpoint(loss)(label, features))
    model.compile(keras.optimizers.SGD(0.01), jit_compile=autodiff.BACKEND == "jax")
    model.fit([FEATURES, np.eye(3, dtype="float32")[LABELS]], verbose=0)
    assert centers_of(loss)[1].any() and len(model.non_trainable_variables) == 1


def test_one_value_per_sample_takes_weights_and_masks():
    def squares(features: Any, labels: Any) -> Any:
        centers = tf.get_variable("centers", [3, 2], initializer=tf.ones_initializer())
        return tf.reduce_sum(tf.square(features - tf.gather(centers, labels)), axis=1)

    loss = tf.GraphLoss(squares, inputs=("y_pred", "y_true"))
    expected = np.sum((FEATURES - 1) ** 2, axis=1)
    np.testing.assert_allclose(
        numbers(loss(LABELS, FEATURES, np.array([1.0, 0.0, 2.0, 0.0]), training=True)),
        (expected[0] + 2 * expected[2]) / 4,
        rtol=1e-6,
    )
    assert len(loss.trainable_variables) == 1
    whole = tf.GraphLoss(center_loss)
    with pytest.raises(ValueError, match="one number for the batch, which sample_weight cannot"):
        whole(LABELS, FEATURES, np.ones(4), training=True)


def test_what_never_runs_is_told():
    def dropped(labels: Any, features: Any) -> Any:
        return tf1_programs.dropped(tf, labels, features)

    with pytest.warns(UserWarning, match=r"updates that never run.*'ScatterSub', made at .*py:\d+"):
        loss = tf.GraphLoss(dropped)
        loss(LABELS, FEATURES, training=True)
    assert not centers_of(loss).any()

    def returned(labels: Any, features: Any) -> Any:
        return tf1_programs.returned(tf, labels, features)

    quiet = tf.GraphLoss(returned, updates=())
    quiet(LABELS, FEATURES, training=True)
    assert not centers_of(quiet).any()


def test_random_numbers_are_drawn_in_each_step():
    def noisy(labels: Any, features: Any) -> Any:
        noise = tf.random_normal(tf.shape(features))
        return tf.reduce_mean(tf.square(noise + 0.0 * features))

    loss = tf.GraphLoss(noisy)
    model = model_of(loss)
    history = model.fit(FEATURES, LABELS, epochs=3, verbose=0).history["loss"]
    assert len(set(history)) == 3 and loss.non_trainable_variables


def test_gradients_inside_of_the_function():
    def penalty(labels: Any, features: Any) -> Any:
        (slope,) = tf.gradients(tf.reduce_sum(features**3), features)
        return tf.reduce_sum(tf.square(slope))

    loss = tf.GraphLoss(penalty)
    found = autodiff.gradient(lambda x: loss(LABELS, x, training=False), FEATURES)
    np.testing.assert_allclose(found, 36 * FEATURES**3, rtol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="must return the loss, alone or first of several"):
        tf.GraphLoss(lambda y, x: (tf.get_variable("c", [2]), x))(LABELS, FEATURES, training=True)
    with pytest.raises(ValueError, match="`inputs` names 'y_true' and 'y_pred'"):
        tf.GraphLoss(center_loss, inputs=("labels", "features"))
    with pytest.raises(ValueError, match="`updates` may name"):
        tf.GraphLoss(center_loss, updates=("some",))
    with pytest.raises(ValueError, match="without `training`"):
        tf.GraphLoss(center_loss)(LABELS, FEATURES)

    def wide(labels: Any, features: Any) -> Any:
        size = labels.get_shape().as_list()[-1]
        return tf.reduce_sum(features) * tf.reduce_sum(tf.get_variable("w", [size or 1]))

    loss = tf.GraphLoss(wide, label_shape=(3,))
    loss(np.ones((4, 3), "int32"), FEATURES, training=True)
    with pytest.raises(ValueError, match="makes other variables for labels of shape"):
        loss(np.ones((4, 5), "int32"), FEATURES, training=True)


def test_labels_that_are_no_ids_are_taken_to_be_like_the_predictions():
    def loss(labels, logits):
        start = tf.zeros_initializer()
        shift = tf.get_variable("shift", [3], initializer=start, trainable=False)
        return tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits + shift)

    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    made = training.LossModel(network, tf.GraphLoss(loss))
    assert list(made.loss_fn.tf1_variables) == ["shift:0"]
    value = made.loss_fn(np.eye(3, dtype="float32"), np.zeros((3, 3)), training=False)
    np.testing.assert_allclose(value, np.log(3), rtol=1e-6)
    with pytest.raises(ValueError) as caught:
        tf.GraphLoss(lambda labels, logits: tf.cast(labels, "int32")).build((None,), (None, 3, 4))
    assert "shape (None,), dtype int32 and with shape (None, 3, 4)" in str(caught.value.__notes__)
