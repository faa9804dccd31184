"""The variants of `compat.CenterLoss` against golden figures of TensorFlow 1.15.5."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import compat
from tests import autodiff
from tests.compat.test_center_loss import close, golden, stems

TRAIN = 5  # then the recorded steps only evaluate
COUNT: dict[str, Any] = {"alpha": 0.5}
VARIANTS: dict[str, dict[str, Any]] = {
    "facenet": {"alpha": 0.9, "update": "sum", "reduction": "mean"},
    "mean": {"alpha": 0.5, "update": "mean", "reduction": "half_mean_of_sums"},
    "ema": {"alpha": 0.8, "update": "ema"},
    "angular": {"alpha": 1.0, "update": "mean", "variant": "angular", "reduction": "sum"},
    "git": COUNT | {"variant": "git", "term_weight": 0.7},
    "island": COUNT | {"variant": "island", "term_weight": 0.3},
    "read_after": COUNT
    | {"reduction": "half_mean_of_sums", "read": "after", "update_in_eval": True},
    "embedding": {"update": "gradient", "reduction": "mean_of_sums"},
    "in_eval": COUNT | {"update_in_eval": True},
    "keras_layer": COUNT | {"reduction": "mean_of_sums"},
}
PRESETS = {
    "wen2016": "in_eval",
    "encodets": "in_eval",
    "facenet": "facenet",
    "keras_layer": "keras_layer",
    "embedding": "embedding",
    "git": "git",
    "island": "island",
    "angular": "angular",
}


def started(layer: compat.CenterLoss, first: np.ndarray) -> compat.CenterLoss:
    layer.build((None,), (None, first.shape[1]))
    layer.centers.assign(first)
    return layer


def test_every_recorded_variant_is_here():
    assert {name.removeprefix("center_variant_") for name in stems("center_variant")} == {*VARIANTS}


@pytest.mark.parametrize("name", VARIANTS)
def test_steps(name: str):
    """Loss and centers of every step, and the gradient of some."""
    g = golden(f"center_variant_{name}")
    layer = started(compat.CenterLoss(4, **VARIANTS[name]), g["first"])
    twin = started(compat.CenterLoss(4, **VARIANTS[name] | {"update_in_eval": False}), g["first"])
    if name == "embedding":  # the optimizer moves the centers, by the gradient of the loss
        return run_embedding(layer, g)
    step = {True: autodiff.training_step(layer), False: evaluation_step(layer)}
    losses = []
    for i, (labels, x) in enumerate(zip(g["labels"], g["features"], strict=True)):
        losses.append(step[i < TRAIN](labels, x))
        close(layer.centers, g["centers"][i], np.abs(g["centers"][i]).max())
    close(ops.stack(losses), g["loss"], np.abs(g["loss"]).max())
    if "gradient" not in g:
        return None
    # The gradient of each step, by the centers that the loss of that step sees.
    before = np.concatenate([g["first"][None], g["centers"][:-1]])
    seen = g["centers"] if layer.read == "after" else before
    found, slopes = [], []
    for i in (0, 1, 3, 6):
        twin.centers.assign(seen[i])
        if name == "ema":
            taken = [[np.isin(g["labels"][:i], c).any(1)[:TRAIN].sum()] for c in range(4)]
            twin.steps.assign(taken)
        slope = autodiff.gradient(
            lambda p, t=g["labels"][i]: twin(t, p, training=False), g["features"][i]
        )
        found.append(slope)
        slopes.append(g["gradient"][i])
    close(np.stack(found), np.stack(slopes), np.abs(slopes).max())


def evaluation_step(layer: compat.CenterLoss) -> Any:
    return lambda labels, x: layer(labels, x, training=False)


def run_embedding(layer: compat.CenterLoss, g: dict[str, np.ndarray]) -> None:
    """Trained by Keras' own `fit` of a model that owns the layer."""
    model = Endpoint(layer)
    model.compile(keras.optimizers.SGD(0.2))
    for i in range(len(g["labels"])):
        batch = [g["features"][i], g["labels"][i]]
        run = model.train_on_batch if i < TRAIN else model.test_on_batch
        loss = run(batch)
        close(np.float32(loss if np.ndim(loss) == 0 else loss[0]), g["loss"][i], g["loss"][i])
        close(layer.centers, g["centers"][i], np.abs(g["centers"][i]).max())
        model.reset_metrics()
    labels, x = g["labels"][-1], g["features"][-1]
    slope = autodiff.gradient(lambda p: layer(labels, p, training=False), x)
    close(slope, g["gradient"][-1], np.abs(g["gradient"][-1]).max())


@keras.saving.register_keras_serializable("tests")
class Endpoint(keras.Model):
    """A model of features and labels that adds an old center loss."""

    def __init__(self, layer: Any):
        super().__init__()
        self.layer = layer

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        features, labels = inputs
        self.add_loss(self.layer(labels, features, training=bool(training)))
        return features

    def get_config(self) -> dict[str, Any]:
        return {"layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Endpoint":
        return cls(keras.saving.deserialize_keras_object(config["layer"]))


@pytest.mark.parametrize("name", ["ema", "read_after", "island", "git"])
def test_in_a_model_it_trains_evaluates_saves_and_resumes(name: str, tmp_path):
    g = golden(f"center_variant_{name}")
    model = Endpoint(started(compat.CenterLoss(4, **VARIANTS[name]), g["first"]))
    model.compile(keras.optimizers.SGD(0.0))

    def run(model: Any, steps: Any) -> None:
        for i in steps:
            batch = [g["features"][i], g["labels"][i]]
            model.reset_metrics()
            loss = (model.train_on_batch if i < TRAIN else model.test_on_batch)(batch)
            close(np.float32(loss if np.ndim(loss) == 0 else loss[0]), g["loss"][i], g["loss"][i])
            close(model.layer.centers, g["centers"][i], np.abs(g["centers"][i]).max())

    run(model, range(3))
    model.save(tmp_path / "model.keras")
    run(keras.saving.load_model(tmp_path / "model.keras"), range(3, len(g["loss"])))


@pytest.mark.parametrize("source", PRESETS)
def test_a_preset_is_a_recorded_variant(source: str):
    """With the factors of the record it is the layer that was held to it."""
    given = VARIANTS[PRESETS[source]]
    preset = compat.CenterLoss.preset(source, num_classes=4)
    assert not preset.update_in_eval
    own = {key: given[key] for key in ("alpha", "term_weight", "update_in_eval") if key in given}
    configs = [
        compat.CenterLoss.preset(source, num_classes=4, name="c", **own).get_config(),
        compat.CenterLoss(4, name="c", **given).get_config(),
    ]
    for config in configs:
        del config["centers_initializer"]
    assert configs[0] == configs[1]
    x = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]], "float32")
    assert np.isfinite(float(preset([0, 3], x, training=True)))
    changed = compat.CenterLoss.preset(source, num_classes=4, alpha=0.25, update_in_eval=True)
    assert (changed.alpha, changed.update_in_eval) == (0.25, True)


def test_presets_start_where_their_sources_do():
    for source in ("embedding", "keras_layer"):
        layer = compat.CenterLoss.preset(source, num_classes=50)
        layer.build((None,), (None, 20))
        start = ops.convert_to_numpy(layer.centers)
        assert 0.049 < np.abs(start).max() <= 0.05
        twin = compat.CenterLoss.from_config(layer.get_config())
        assert twin.get_config() == layer.get_config()


def test_unknown_and_useless_settings_are_refused():
    for settings, message in (
        ({"read": "during"}, r"`read` must be one of .*'after'"),
        ({"variant": "cubed"}, r"`variant` must be one of .*'island'"),
        ({"variant": "island", "update": "mean"}, "moves its centers by update='count'"),
        ({"update": "sum", "alpha": 1.5}, r"must lie in \[0, 1\]. Received: alpha=1.5"),
    ):
        with pytest.raises(ValueError, match=message):
            compat.CenterLoss(2, **settings)
    with pytest.raises(ValueError, match=r"`source` must be one of .*'facenet'"):
        compat.CenterLoss.preset("facent", num_classes=2)


@pytest.mark.parametrize("variant", ["ema", "angular", "git", "island"])
def test_singular_batches_and_bad_labels(variant: str):
    """Features and centers at zero, one sample, wrong ids: finite or said."""
    layer = compat.CenterLoss(3, **VARIANTS[variant])
    zeros = np.zeros((1, 2), "float32")
    for training_ in (True, False):
        assert np.isfinite(float(layer(np.array([1]), zeros, training=training_)))
    slope = autodiff.gradient(lambda p: layer(np.array([1]), p, training=False), zeros)
    assert np.isfinite(slope).all()
    assert np.isfinite(ops.convert_to_numpy(layer.centers)).all()
    for labels in ([3], [-1], [0.5]):
        with pytest.raises(ValueError, match="Class ids must"):
            layer(np.array(labels), zeros, training=True)
    found = [layer(y, zeros + 1, training=False) for y in ([2], [2.0], [[2]], [[0, 0, 1]])]
    assert len({float(value) for value in found}) == 1


def test_with_update_in_eval_centers_move_in_evaluate():
    """What TF1 did; see `validated_` in golden/center_fit.npz, whose evaluate moves them."""

    @keras.saving.register_keras_serializable("tests")
    class Old(keras.layers.Layer):
        def __init__(self, moves: bool):
            super().__init__()
            self.center = compat.CenterLoss(2, update_in_eval=moves)

        def build(self, shape: Any) -> None:
            self.center.build((None,), shape)

        def call(self, x: Any, training: bool | None = None) -> Any:
            labels = ops.zeros(ops.shape(x)[:1], dtype="int32")
            self.add_loss(self.center(labels, x, training=bool(training)))
            return x

    for moves in (True, False):
        model = keras.Sequential([keras.Input((2,)), Old(moves)])
        model.compile("sgd")
        model.evaluate(np.ones((4, 2), "float32"), verbose=0)
        assert (np.abs(ops.convert_to_numpy(model.layers[0].center.centers)).max() > 0) == moves
