"""`compat.keras2` against golden figures of Keras 2.15: losses, metrics, optimizers, names."""

import inspect
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses.compat.keras2 import losses, metrics, optimizers
from tests import autodiff

GOLDEN = Path(__file__).parents[1] / "oracles" / "golden"
RECORDS = {
    name: dict(np.load(GOLDEN / f"keras2_{name}.npz"))
    for name in ("losses", "metrics", "optimizers")
}
SETTINGS = {name: json.loads(str(record["settings"])) for name, record in RECORDS.items()}
OLD_KERAS = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 10)
REDUCTIONS = (losses.Reduction.AUTO, losses.Reduction.SUM, losses.Reduction.NONE)


def weights(seed: int) -> np.ndarray:
    return np.random.RandomState(1000 + seed).uniform(size=6).astype("float32")


@pytest.mark.parametrize("name", SETTINGS["losses"])
def test_a_loss_by_reduction_with_weights_and_its_gradient(name: str):
    g, (_, cases) = RECORDS["losses"], SETTINGS["losses"][name]
    y_true, y_pred = g[f"{name}_y_true"], g[f"{name}_y_pred"]
    seed = list(SETTINGS["losses"]).index(name)
    weight = ops.convert_to_tensor(weights(seed))
    for i, settings in enumerate(cases):
        x = 4 * y_pred - 2 if settings.get("from_logits") else y_pred
        recorded = [
            (reduction, f"{name}_{i}_{reduction}{end}", given)
            for reduction in REDUCTIONS
            for end, given in (("", None), ("_weighted", weight))
            if f"{name}_{i}_{reduction}{end}" in g
        ]
        assert len(recorded) == (3 if settings.get("axis") == 0 else 6)
        made = [getattr(losses, name)(reduction=r, **settings) for r, _, _ in recorded]

        def all_of(y, p, made=made, recorded=recorded):
            return [f(y, p, w) for f, (_, _, w) in zip(made, recorded, strict=True)]

        # Keras' trainer for torch compiles nothing, and its losses are no one graph for Dynamo.
        run = all_of if autodiff.BACKEND == "torch" else autodiff.compiled(all_of)
        values = run(ops.convert_to_tensor(y_true), ops.convert_to_tensor(x))
        for (_, key, _), value in zip(recorded, values, strict=True):
            assert tuple(value.shape) == g[key].shape, key
            np.testing.assert_allclose(
                ops.convert_to_numpy(value), g[key], rtol=1e-5, atol=1e-6, err_msg=key
            )
        if OLD_KERAS and settings.get("ignore_class"):
            continue  # its gradient is NaN there
        slope = g[f"{name}_{i}_gradient"]
        found = autodiff.gradient(lambda p, f=made[0]: f(y_true, p), x)
        np.testing.assert_allclose(found, slope, rtol=1e-4, atol=1e-6 * np.abs(slope).max())


@pytest.mark.parametrize("name", SETTINGS["metrics"])
def test_a_metric_over_three_batches(name: str):
    g, (kind, settings) = RECORDS["metrics"], SETTINGS["metrics"][name]
    number, metric = list(SETTINGS["metrics"]).index(name), getattr(metrics, name)(**settings)
    for run in ("plain", "weighted"):
        if f"{name}_{run}" not in g:
            continue
        for i in range(3):
            y_true, y_pred = g[f"{name}_y_true_{i}"], g[f"{name}_y_pred_{i}"]
            more = {"sample_weight": weights(number + i)} if run == "weighted" else {}
            metric.update_state(*((y_pred,) if kind == "values" else (y_true, y_pred)), **more)
            found = ops.convert_to_numpy(metric.result())
            expected = g[f"{name}_{run}"][i]
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        metric.reset_states()
        assert all(not ops.convert_to_numpy(v).any() for v in metric.variables)
    twin = type(metric).from_config(metric.get_config())
    assert twin.get_config() == metric.get_config()


@pytest.mark.parametrize("name", SETTINGS["optimizers"])
def test_an_optimizer_with_lr_and_decay(name: str):
    g, settings = RECORDS["optimizers"], SETTINGS["optimizers"][name]
    make = getattr(optimizers.legacy, name)
    optimizer = make(lr=float(g["rate"]), decay=float(g["decay"]), **settings)
    half = len(g[name]) // 2
    variable = keras.Variable(g["first"])
    steepness = ops.convert_to_tensor(g["steepness"])
    optimizer.build([variable])
    for i, expected in enumerate(g[name]):
        optimizer.apply([steepness * ops.convert_to_tensor(variable)], [variable])
        np.testing.assert_allclose(ops.convert_to_numpy(variable), expected, rtol=1e-5, atol=3e-6)
        if i == half:  # saved and loaded: it goes on where it was
            values = [ops.convert_to_numpy(v) for v in optimizer.variables]
            optimizer = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
            optimizer.build([variable])
            for new, value in zip(optimizer.variables, values, strict=True):
                new.assign(value)


@pytest.mark.parametrize("of", ["losses", "metrics"])
def test_every_public_name_of_keras_2_15(of: str):
    """Classes have the recorded signature, functions the recorded name."""
    module = {"losses": losses, "metrics": metrics}[of]
    free = {"Metric", "MeanMetricWrapper", "SparseTopKCategoricalAccuracy"}  # checked below
    recorded = json.loads(str(RECORDS[of]["names"]))
    assert len(recorded) > 45
    for name, said in recorded.items():
        found = getattr(module, name)
        assert name in dir(module)
        if isinstance(said, str):
            assert found.__name__ == said, name
        elif name not in free and not (OLD_KERAS and name.startswith("SparseCategoricalC")):
            parameters = inspect.signature(found).parameters.values()
            have = [[p.name, None if p.default is p.empty else repr(p.default)] for p in parameters]
            assert have == said, name
            assert found.__doc__
    if of == "metrics":
        assert metrics.SparseTopKCategoricalAccuracy(3, "name", "float32").k == 3
        assert metrics.MeanMetricWrapper(losses.mse, "m", "float32").name == "m"


def test_strings():
    """As `compile` takes them: short and long, lower and upper, functions and classes."""
    for short, long in {
        "mse": "mean_squared_error",
        "MSE": "mean_squared_error",
        "mae": "mean_absolute_error",
        "MAPE": "mean_absolute_percentage_error",
        "msle": "mean_squared_logarithmic_error",
        "kld": "kl_divergence",
        "KLD": "kl_divergence",
        "kullback_leibler_divergence": "kl_divergence",
        "bce": "binary_crossentropy",
        "BCE": "binary_crossentropy",
        "logcosh": "log_cosh",
        "cosine_proximity": "cosine_similarity",
        "poisson": "poisson",
    }.items():
        assert losses.get(short).__name__ == metrics.get(short).__name__ == long
    for name in losses.CLASSES:
        assert type(losses.get(name)) is getattr(losses, name)
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert losses.get(None) is None
    assert isinstance(losses.get("Dice"), keras.losses.Dice)  # newer than Keras 2
    # The loss is minus the cosine, the metric of the same name the cosine.
    pair = np.array([[1.0, 2.0]]), np.array([[2.0, 4.0]], "float32")
    assert float(losses.get("cosine_proximity")(*pair)[0]) == pytest.approx(-1)
    assert float(metrics.get("cosine_proximity")(*pair)[0]) == pytest.approx(1)
    with pytest.raises(ValueError, match="no_such_loss"):
        losses.get("no_such_loss")


def test_configs_as_keras_2_wrote_them():
    config = {"reduction": "auto", "name": "h", "delta": 0.5, "fn": "huber"}
    loss = losses.deserialize({"class_name": "Huber", "config": config})
    assert loss.get_config() == {"reduction": "sum_over_batch_size", "name": "h", "delta": 0.5}
    for made in (loss, losses.LossFunctionWrapper(losses.mse), losses.Poisson(reduction="none")):
        twin = losses.deserialize(losses.serialize(made))
        assert type(twin) is type(made) and twin.get_config() == made.get_config()
    config = {"name": "mse", "dtype": "float32", "fn": "mean_squared_error"}
    metric = metrics.deserialize({"class_name": "MeanMetricWrapper", "config": config})
    assert metric.name == "mse" and metric.fn is losses.mean_squared_error
    twin = metrics.deserialize(metrics.serialize(metric))
    assert type(twin) is metrics.MeanMetricWrapper and twin.fn is metric.fn


def test_bad_arguments_are_said():
    with pytest.raises(ValueError, match=r"`reduction` must be one of .*'auto'.*Received: 'men'"):
        losses.MeanSquaredError(reduction="men")
    with pytest.raises(TypeError, match=r"Huber\(delta=1.0, reduction='auto'.*'gamma'"):
        losses.Huber(gamma=1.0)
    with pytest.raises(ValueError, match="`lr` is the old name of `learning_rate`"):
        optimizers.Adam(0.1, lr=0.2)
    with pytest.raises(ValueError, match=r"optimizers\.legacy\.Nadam"):
        optimizers.Nadam(lr=0.1, decay=0.004)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    with pytest.raises(ValueError, match="for a learning rate that is a number"):
        optimizers.SGD(schedule, decay=0.1)
    assert losses.Huber(threshold=0.3).get_config()["delta"] == 0.3
    optimizer = optimizers.Adam(lr=0.25, epsilon=None)
    optimizer.lr = 0.125
    assert float(optimizer.learning_rate) == float(optimizer.lr) == 0.125
    assert optimizers.SGD().get_config()["learning_rate"] == pytest.approx(0.01)
    assert type(optimizers.get("rmsprop")) is optimizers.RMSprop
