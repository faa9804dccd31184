"""`compat.CenterLoss` and `SoftmaxCenterLoss` against golden figures of TensorFlow 1.15.5."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import compat, losses, training
from tests import autodiff
from tests.references.center import center_update

GOLDEN = Path(__file__).parents[1] / "oracles" / "golden"


def golden(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / f"{name}.npz"))


def stems(prefix: str) -> list[str]:
    return sorted(path.stem for path in GOLDEN.glob(f"{prefix}_*.npz"))


def close(actual: Any, expected: np.ndarray, scale: float = 1.0) -> None:
    """1e-5 relative, with 1e-6 of `scale` for what is near zero."""
    np.testing.assert_allclose(
        ops.convert_to_numpy(actual), expected, rtol=1e-5, atol=1e-6 * max(scale, 1)
    )


def test_there_are_golden_files():
    assert len(stems("center_steps")) >= 8
    assert len(stems("joint_steps")) >= 6


@pytest.mark.parametrize("name", stems("center_steps"))
def test_steps(name: str):
    g = golden(name)
    layer = compat.CenterLoss(g["centers"].shape[1], alpha=float(g["alpha"]))
    for labels, x, loss, slope, centers in zip(
        g["labels"], g["features"], g["loss"], g["gradient"], g["centers"], strict=True
    ):
        layer(labels, x, training=False)  # builds; moves nothing
        found = autodiff.gradient(lambda p, t=labels: layer(t, p, training=False), x)
        close(found, slope, np.abs(slope).max())
        close(layer(labels, x, training=True), loss, loss)
        close(layer.centers, centers, np.abs(centers).max())


@pytest.mark.parametrize("name", stems("joint_steps"))
def test_joint_steps(name: str):
    g = golden(name)
    classes = g["one_hot"].shape[-1]
    loss = losses.SoftmaxCenterLoss(
        classes,
        alpha=float(g["alpha"]),
        weight=float(g["weight"]),
        center_reduction="half_sum",
        reduction="none",
    )
    for step in range(len(g["loss"])):
        labels, x = g["one_hot"][step], g["logits"][step]
        scale = np.abs(x).max()
        for reduce, key in ((ops.sum, "gradient_of_sum"), (ops.mean, "gradient_of_mean")):
            found = autodiff.gradient(
                lambda p, t=labels, r=reduce: r(loss(t, p, training=False)), x
            )
            close(found, g[key][step], np.abs(g[key][step]).max())
        close(loss(labels, x, training=True), g["loss"][step], scale)
        close(loss.centers, g["centers"][step], np.abs(g["centers"][step]).max())


@pytest.mark.parametrize("run", ["sgd", "adam"])
def test_fit(run: str):
    g = golden("center_fit")
    classes, width = g["train_y"].shape[1], g["initial_weight_1"].shape[0]
    network = keras.Sequential(
        [
            keras.Input((g["train_x"].shape[1],)),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dense(classes),
        ]
    )
    network.set_weights([g[f"initial_weight_{i}"] for i in range(4)])
    loss = losses.SoftmaxCenterLoss(
        classes, alpha=float(g["alpha"]), weight=float(g["weight"]), center_reduction="half_sum"
    )
    model = training.LossModel(network, loss)
    settings = json.loads(str(g[f"{run}_optimizer"]))
    if run == "sgd":
        optimizer = keras.optimizers.SGD(settings["learning_rate"])
    else:
        # The recorded betas are TF1's, in float32. It matters: 1 - 0.999 is 0.00099998713 there,
        # 1.3e-5 off, and with Keras 3's own 0.999 the centers end up 1.3e-5 elsewhere.
        names = ("learning_rate", "beta_1", "beta_2", "epsilon")
        optimizer = keras.optimizers.Adam(**{name: settings[name] for name in names})
    model.compile(optimizer, metrics=["categorical_accuracy"])

    batch_losses, batch_centers = [], []

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            batch_losses.append(logs["loss"])  # Keras 3 reports the mean of the epoch so far
            batch_centers.append(ops.convert_to_numpy(self.model.loss_fn.centers))

    epochs, steps = g[f"{run}_batch_loss"].shape
    history = model.fit(
        g["train_x"],
        g["train_y"],
        epochs=epochs,
        batch_size=len(g["train_x"]) // steps,
        shuffle=False,
        verbose=0,
        callbacks=[Record()],
    )
    so_far = np.cumsum(g[f"{run}_batch_loss"], axis=1) / np.arange(1, steps + 1)
    close(np.reshape(batch_losses, (epochs, steps)), so_far)
    close(np.asarray(history.history["loss"]), g[f"{run}_epoch_loss"])
    close(np.asarray(history.history["categorical_accuracy"]), g[f"{run}_epoch_accuracy"])
    centers = g[f"{run}_batch_centers"]
    close(np.reshape(batch_centers, centers.shape), centers)
    close(loss.centers, g[f"{run}_centers"])
    for i, weight in enumerate(network.get_weights()):
        close(weight, g[f"{run}_weight_{i}"])


@pytest.mark.parametrize("update", ["count", "sum", "mean"])
def test_update_rules(update: str, rng: np.random.Generator):
    labels, x = rng.integers(0, 4, 16), rng.normal(size=(16, 3)).astype("float32")
    layer = compat.CenterLoss(4, alpha=0.7, update=update, centers_initializer="random_normal")
    layer(labels, x, training=False)
    expected = center_update(labels, x, ops.convert_to_numpy(layer.centers), 0.7, update)
    layer(labels, x, training=True)
    close(layer.centers, expected)


def test_never_updates_for_code_whose_update_never_ran(rng: np.random.Generator):
    layer = compat.CenterLoss(4, update="never")
    x = rng.normal(size=(8, 3)).astype("float32")
    for _ in range(2):
        close(layer(np.zeros(8, "int32"), x, training=True), 0.5 * np.sum(x**2), 10)


def test_reductions(rng: np.random.Generator):
    x = rng.normal(size=(8, 3)).astype("float32")
    squares = x.astype("float64") ** 2
    expected = {
        "half_sum": 0.5 * squares.sum(),
        "mean": squares.mean(),
        "mean_of_sums": squares.sum(axis=1).mean(),
        "half_mean_of_sums": 0.5 * squares.sum(axis=1).mean(),
        "per_sample": 0.5 * squares.sum(axis=1),
    }
    for reduction, value in expected.items():
        layer = compat.CenterLoss(4, reduction=reduction)
        close(layer(np.zeros(8, "int32"), x, training=False), value, 10)


@pytest.mark.parametrize("labels", [[0, 2], [[0], [2]], [0.0, 2.0], np.eye(3)[[0, 2]]], ids=str)
def test_labels(labels: Any):
    layer = compat.CenterLoss(3, alpha=1.0)
    layer(np.asarray(labels), np.ones((2, 2), "float32"), training=True)
    close(layer.centers, np.array([[0.5, 0.5], [0, 0], [0.5, 0.5]]))


def test_training_has_to_be_said():
    with pytest.raises(ValueError, match="Pass training=True or training=False"):
        compat.CenterLoss(2)([0], [[1.0, 2.0]])


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match=r"`reduction` must be one of .*'half_sum'"):
        compat.CenterLoss(2, reduction="total")
    with pytest.raises(ValueError, match=r"`update` must be one of .*'count'"):
        compat.CenterLoss(2, update="often")


@keras.saving.register_keras_serializable("tests")
class Joint(keras.layers.Layer):
    """A layer of a user's own, with the old loss inside."""

    def __init__(self, weight: float = 0.01, **kwargs: Any):
        super().__init__(**kwargs)
        self.weight = weight
        self.center_loss = compat.CenterLoss(3)

    def build(self, labels_shape: Any, features_shape: Any) -> None:
        self.center_loss.build(labels_shape, features_shape)

    def call(self, labels: Any, features: Any, training: bool | None = None) -> Any:
        value = self.center_loss(labels, features, training=bool(training))
        self.add_loss(self.weight * value)
        return features

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight": self.weight}


def test_in_a_layer_of_ones_own_it_trains_saves_and_resumes(rng: np.random.Generator, tmp_path):
    x, y = rng.normal(size=(12, 4)).astype("float32"), rng.integers(0, 3, 12)
    inputs, labels = keras.Input((4,)), keras.Input((), dtype="int32")
    model = keras.Model([inputs, labels], Joint()(labels, keras.layers.Dense(2)(inputs)))
    model.compile("adam")
    model.fit([x, y], batch_size=4, verbose=0, shuffle=False)
    centers = ops.convert_to_numpy(model.layers[-1].center_loss.centers)
    assert np.abs(centers).min(axis=1).max() > 0
    model.evaluate([x, y], verbose=0)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(model.layers[-1].center_loss.centers), centers
    )
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    runs = [m.fit([x, y], batch_size=4, verbose=0, shuffle=False) for m in (model, twin)]
    np.testing.assert_allclose(runs[1].history["loss"], runs[0].history["loss"], rtol=1e-6)
