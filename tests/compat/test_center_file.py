"""A file of a tutorial whole, with other imports and nothing else changed: its program with a
session, and its `compile` and `fit`, against figures of TensorFlow 1.15.5."""

import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import portable_losses.compat.tf1 as tf
from portable_losses import losses
from portable_losses.compat import K, keras2

ORACLES = Path(__file__).parents[1] / "oracles"
with np.load(ORACLES / "golden" / "document_center_file.npz") as recorded:
    FIGURES = {key: recorded[key] for key in recorded.files}


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()
    K.clear_session()


def run(name: str, old: str = "", new: str = "") -> dict[str, Any]:
    """The globals of the file, run under a name."""
    source = (ORACLES / "center_file.py").read_text(encoding="utf-8")
    assert source.count(old) == 1 or not old
    found: dict[str, Any] = {"__name__": name}
    exec(compile(source.replace(old, new), str(ORACLES / "center_file.py"), "exec"), found)
    return found


def test_its_program_with_a_session(capsys):
    np.random.seed(1)
    random.seed(1)
    found = run("__main__")
    printed = capsys.readouterr().out
    assert printed.startswith("(8, 24) (8, 24)\n(8,)\n[") and "\n(24, 24)\n[[" in printed
    np.testing.assert_array_equal(found["given"][0], FIGURES["features"])
    np.testing.assert_array_equal(found["given"][1], FIGURES["labels"])
    np.testing.assert_allclose(found["result"], FIGURES["result"], rtol=1e-5)
    np.testing.assert_allclose(found["left"], FIGURES["centers"], rtol=1e-5)


def agrees(kind: str, history: dict[str, Any], centers: np.ndarray) -> None:
    assert set(history) == {k.removeprefix(kind) for k in FIGURES if kind in k} - {"centers"}
    for key, values in history.items():
        np.testing.assert_allclose(values, FIGURES[kind + key], rtol=2e-5, err_msg=key)
    np.testing.assert_allclose(centers, FIGURES[kind + "centers"], rtol=1e-4, atol=1e-5)


def test_its_compile_and_fit(tmp_path):
    found = run("cl")
    model, history, centers = found["train"](3, False)
    agrees("trained_", history, centers)
    own = {"loss": found["loss"], "categorical_accuracy": found["categorical_accuracy"]}
    model.save(tmp_path / "model.keras")
    twin = keras2.models.load_model(tmp_path / "model.keras", own)
    np.testing.assert_array_equal(twin.loss_layers[0].tf1_variables["centers:0"], centers)
    x, y = np.ones((4, 10), "float32"), np.eye(24, dtype="float32")[[0, 1, 1, 3]]
    runs = [m.train_on_batch(x, y) for m in (model, twin)]
    np.testing.assert_allclose(runs[1], runs[0], rtol=1e-5)
    moved = [keras.ops.convert_to_numpy(m.loss_layers[0].weights[0]) for m in (model, twin)]
    np.testing.assert_allclose(moved[1], moved[0], rtol=1e-5)
    assert not np.array_equal(moved[0][1], centers[1])
    assert np.array_equal(moved[0][2], centers[2])


def test_validation_changes_nothing_unless_asked():
    """TF1 ran the update in validation too, since the loss depends on it."""
    _, history, centers = run("cl")["train"](2, True)
    for key in ("loss", "categorical_accuracy"):  # as without validation
        np.testing.assert_allclose(history[key], FIGURES["trained_" + key][:2], rtol=2e-5)
    asked = "loss=tf.GraphLoss(loss, update_in_eval=True, label_shape=(24,)),"
    _, history, centers = run("cl", "loss=loss,", asked)["train"](3, True)
    agrees("validated_", history, centers)


def test_losses_with_state_in_compile():
    """Of a model that is not built, and of one of two outputs; what `compile` cannot do says so."""
    first = K.get_session()
    tf.reset_default_graph()
    assert K.get_session() is not first and K.get_session() is K.get_session()
    x, y = np.ones((4, 3), "float32"), np.eye(2, dtype="float32")[[0, 1, 1, 1]]

    def counted(labels, features):
        seen = tf.get_variable("seen", [], initializer=tf.zeros_initializer())
        with tf.control_dependencies([tf.assign_add(seen, 1.0)]):
            return tf.reduce_mean(tf.square(labels - features), axis=-1) + 0.0

    model = keras2.Sequential([keras2.layers.Dense(2)])
    model.compile("sgd", loss=counted)
    model.fit(x, y, batch_size=2, epochs=3, verbose=0)
    model.evaluate(x, y, verbose=0)
    assert float(model.loss_layers[0].tf1_variables["seen:0"]) == 6.0
    assert len(model.get_weights()) == 2 == len(model.trainable_variables)
    inputs = keras2.Input((3,))
    outputs = [keras2.layers.Dense(2, name=name)(inputs) for name in ("a", "b")]
    model = keras2.Model(inputs, outputs)
    center = losses.CenterLoss(num_classes=2, alpha=0.5)
    model.compile("sgd", loss={"a": "mse", "b": center}, loss_weights={"a": 1.0, "b": 0.5})
    before = keras.ops.convert_to_numpy(center.centers)
    model.fit(x, {"a": y, "b": y.argmax(1)}, verbose=0)
    moved = keras.ops.convert_to_numpy(center.centers)
    assert not np.any(before == moved)
    model.evaluate(x, {"a": y, "b": y.argmax(1)}, verbose=0)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(center.centers), moved)
    model = keras2.Sequential([keras2.Input((3,)), keras2.layers.Dense(2)])
    model.compile("sgd", loss=losses.ArcFace(num_classes=2))
    with pytest.raises(ValueError, match="LossModel"):
        model.fit(x, y.argmax(1), verbose=0)
