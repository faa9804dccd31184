"""Accuracies, and the names that are Keras' own."""

import json

import keras
import numpy as np
import pytest
import sklearn.metrics
from keras import ops

from portable_losses import metrics
from tests import autodiff
from tests.references import metrics as reference

CLASSES = 5


@pytest.fixture
def batch(rng):
    """Ids and logits, about half of them right."""
    ids = rng.integers(0, CLASSES, 40).astype("int32")
    logits = rng.normal(size=(40, CLASSES)).astype("float32")
    logits[::2, :] += 5 * np.eye(CLASSES, dtype="float32")[ids[::2]]
    return ids, logits


def one_hot(ids):
    return np.eye(CLASSES, dtype="float32")[ids]


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def numbers(values):
    return ops.convert_to_numpy(values)


# Values -------------------------------------------------------------------------------------

LABELS = {
    "ids": lambda ids: ids,
    "int64": lambda ids: ids.astype("int64"),
    "floats": lambda ids: ids.astype("float32"),
    "column": lambda ids: ids[:, None],
    "column of floats": lambda ids: ids[:, None].astype("float32"),
    "one-hot": one_hot,
    "one-hot integers": lambda ids: one_hot(ids).astype("int32"),
    "one-hot booleans": lambda ids: one_hot(ids) == 1,
    "soft": lambda ids: 0.8 * one_hot(ids) + 0.04,
}


@pytest.mark.parametrize("kind", LABELS)
def test_value(batch, kind):
    ids, logits = batch
    expected = reference.categorical_accuracy(ids, logits)
    assert 0.4 < expected.mean() < 0.9
    labels = LABELS[kind](ids)
    for y_pred in (logits, softmax(logits)):
        values = metrics.categorical_accuracy(labels, y_pred)
        np.testing.assert_array_equal(numbers(values), expected)
    compiled = autodiff.compiled(metrics.categorical_accuracy)
    values = compiled(ops.convert_to_tensor(labels), ops.convert_to_tensor(logits))
    np.testing.assert_array_equal(numbers(values), expected)


@pytest.mark.parametrize("kind", LABELS)
def test_metric_agrees_with_sklearn(batch, kind, rng):
    ids, logits = batch
    weights = rng.uniform(0, 2, 40).astype("float32")
    best = logits.argmax(axis=-1)
    for weight in (None, weights, weights[:, None]):
        flat = None if weight is None else weight.ravel()
        metric, positives = metrics.CategoricalAccuracy(), metrics.CategoricalTruePositives()
        for half in (slice(0, 13), slice(13, 40)):
            part = None if weight is None else weight[half]
            for m in (metric, positives):
                m.update_state(LABELS[kind](ids)[half], logits[half], sample_weight=part)
        expected = sklearn.metrics.accuracy_score(ids, best, sample_weight=flat)
        assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
        count = sklearn.metrics.accuracy_score(ids, best, normalize=False, sample_weight=flat)
        assert float(positives.result()) == pytest.approx(float(count), rel=1e-5)


def test_keras_agrees(batch):
    ids, logits = batch
    ours = metrics.CategoricalAccuracy()
    for theirs, labels in (
        (keras.metrics.SparseCategoricalAccuracy(), ids),
        (keras.metrics.CategoricalAccuracy(), one_hot(ids)),
    ):
        ours.reset_state()
        ours.update_state(labels, logits)
        theirs.update_state(labels, logits)
        assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=1e-6)


def test_sequences(rng):
    ids = rng.integers(0, CLASSES, (4, 3)).astype("int32")
    logits = rng.normal(size=(4, 3, CLASSES)).astype("float32")
    logits += 2 * one_hot(ids)
    flat = reference.categorical_accuracy(ids.ravel(), logits.reshape(-1, CLASSES))
    expected = flat.reshape(4, 3)
    for labels in (ids, ids[..., None], one_hot(ids), ids.astype("float32")):
        values = numbers(metrics.categorical_accuracy(labels, logits))
        np.testing.assert_array_equal(values, expected)
    weights = np.array([1.0, 0.0, 2.0, 1.0], "float32")
    metric = metrics.CategoricalAccuracy()
    metric.update_state(ids, logits, sample_weight=weights)
    assert float(metric.result()) == pytest.approx(
        reference.weighted_mean(flat, np.repeat(weights, 3)), rel=1e-6
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_dtype_is_that_of_the_predictions(batch, dtype):
    ids, logits = batch
    half = ops.cast(ops.convert_to_tensor(logits), dtype)
    values = metrics.categorical_accuracy(ids, half)
    assert keras.backend.standardize_dtype(values.dtype) == dtype


def test_half_precision_counts_on():
    metric = metrics.CategoricalTruePositives(dtype="float16")
    for n in (2048, 1, 1, 1, 1):  # in float16, 2048 + 1 is 2048
        metric.update_state(np.zeros(n, "int32"), np.tile([1.0, 0.0], (n, 1)))
    assert float(metric.result()) == 2052
    assert keras.backend.standardize_dtype(metric.result().dtype) == "float16"


def test_ties_and_nan():
    y_pred = np.array([[1.0, 1.0], [1.0, 1.0], [np.nan, 1.0], [np.nan, 1.0]], "float32")
    values = metrics.categorical_accuracy([0, 1, 0, 1], y_pred)
    np.testing.assert_array_equal(numbers(values), [1, 0, 0, 0])


# Masks and weights --------------------------------------------------------------------------


def test_a_mask_on_the_predictions_counts(batch, rng):
    ids, logits = batch
    mask = rng.random(40) < 0.5
    values = reference.categorical_accuracy(ids, logits)
    weights = rng.uniform(0.5, 2, 40).astype("float32")
    for weight in (None, weights):
        y_pred = ops.convert_to_tensor(logits)
        y_pred._keras_mask = ops.convert_to_tensor(mask)
        counted = mask * (np.ones(40) if weight is None else weight)
        metric, positives = metrics.CategoricalAccuracy(), metrics.CategoricalTruePositives()
        for m in (metric, positives):
            m.update_state(ids, y_pred, sample_weight=weight)
        expected = reference.weighted_mean(values, counted)
        assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
        assert float(positives.result()) == pytest.approx((values * counted).sum(), rel=1e-5)


def test_a_mask_of_a_layer_counts_in_evaluate(rng):
    x = rng.normal(size=(6, 4, 3)).astype("float32")
    x[:, 2:] = 0
    ids = rng.integers(0, CLASSES, (6, 4))
    inputs = keras.Input((4, 3))
    outputs = keras.layers.Dense(CLASSES)(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, outputs)
    ours = metrics.CategoricalAccuracy(name="ours")
    model.compile(loss="mse", metrics=[ours, metrics.CategoricalTruePositives(name="count")])
    logs = model.evaluate(x, ids[..., None], verbose=0, return_dict=True)
    y_pred = model.predict(x, verbose=0)
    expected = [
        reference.categorical_accuracy(i[:2], p[:2]) for i, p in zip(ids, y_pred, strict=True)
    ]
    assert logs["ours"] == pytest.approx(np.mean(expected), rel=1e-6)
    assert logs["count"] == np.sum(expected)


def test_nothing_counted_is_zero(batch):
    metric = metrics.CategoricalAccuracy()
    assert float(metric.result()) == 0
    metric.update_state(*batch, sample_weight=np.zeros(40))
    assert float(metric.result()) == 0


# In training --------------------------------------------------------------------------------


def test_in_fit(batch):
    ids, logits = batch
    model = keras.Sequential([keras.Input((CLASSES,)), keras.layers.Identity()])
    positives = metrics.CategoricalTruePositives()
    accuracy = metrics.CategoricalAccuracy()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        "sgd",
        loss=loss,
        metrics=[positives, accuracy],
        weighted_metrics=[metrics.CategoricalTruePositives(name="weighted")],
    )
    weights = np.linspace(0, 2, 40, dtype="float32")
    history = model.fit(
        logits, ids, sample_weight=weights, batch_size=16, epochs=2, verbose=0
    ).history
    values = reference.categorical_accuracy(ids, logits)
    # Each epoch starts from 0.
    assert history["categorical_true_positives"] == [values.sum()] * 2
    assert history["categorical_accuracy"] == pytest.approx([values.mean()] * 2)
    assert history["weighted"] == pytest.approx([(values * weights).sum()] * 2, rel=1e-5)
    logs = model.evaluate(logits, ids, verbose=0, return_dict=True)
    assert logs["categorical_true_positives"] == values.sum()


def test_the_result_is_a_tensor_and_no_variable(batch):
    for metric in (metrics.CategoricalAccuracy(), metrics.CategoricalTruePositives()):
        metric.update_state(*batch)
        assert ops.is_tensor(metric.result())
        assert not isinstance(metric.result(), keras.Variable)
        before = float(metric.result())
        result = metric.result()
        metric.reset_state()
        assert float(result) == before
        assert float(metric.result()) == 0
        assert [float(v) for v in metric.variables] == [0] * len(metric.variables)


def test_a_keras_file_comes_back_with_the_metrics(batch, tmp_path):
    ids, logits = batch
    model = keras.Sequential([keras.Input((CLASSES,)), keras.layers.Identity()])
    model.compile(
        loss="mse",
        metrics=[  # Keras 3.6 on PyTorch builds with its AUC first alone
            metrics.AUC(name="auc", multi_label=True, num_labels=CLASSES),
            metrics.CategoricalTruePositives(name="hits"),
            metrics.CategoricalAccuracy(),
        ],
    )
    labels, y_pred = one_hot(ids), softmax(logits)
    expected = model.evaluate(y_pred, labels, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.evaluate(y_pred, labels, verbose=0, return_dict=True) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["CategoricalAccuracy", "CategoricalTruePositives"])
def test_config(name):
    metric = getattr(metrics, name)(name="mine", dtype="float64")
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(metric)))
    twin = keras.saving.deserialize_keras_object(saved)
    assert type(twin) is type(metric)
    assert twin.get_config() == metric.get_config()
    assert (twin.name, twin.dtype) == ("mine", "float64")


# Names --------------------------------------------------------------------------------------


def test_keras_metrics_are_here():
    theirs = {name for name in dir(keras.metrics) if not name.startswith("_")}
    ours = {"CategoricalAccuracy", "CategoricalTruePositives", "categorical_accuracy", "get"}
    assert theirs | ours == set(metrics.__all__)
    assert len(metrics.__all__) == len(set(metrics.__all__))
    for name in theirs - ours:
        assert getattr(metrics, name) is getattr(keras.metrics, name)
    for name in ours:
        assert getattr(metrics, name) is not getattr(keras.metrics, name, None)


def test_get():
    assert metrics.get("categorical_accuracy") is metrics.categorical_accuracy
    assert isinstance(metrics.get("CategoricalAccuracy"), metrics.CategoricalAccuracy)
    assert isinstance(metrics.get("AUC"), keras.metrics.AUC)
    assert isinstance(metrics.get("mse"), keras.metrics.MeanSquaredError)
    assert metrics.get(None) is None
    metric = metrics.CategoricalTruePositives(name="mine")
    assert metrics.get(metric) is metric
    twin = metrics.get(keras.saving.serialize_keras_object(metric))
    assert twin.get_config() == metric.get_config()
    short = {"class_name": "CategoricalTruePositives", "config": {"name": "mine"}}
    assert metrics.get(short).name == "mine"
    with pytest.raises(ValueError, match="Could not interpret metric"):
        metrics.get("no_such_metric")


# Refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y_true", "shape", "text"),
    [
        ([0.0, 3.5], (2, 5), r"Class ids must be whole numbers. Received: 3.5"),
        ([0, 5], (2, 5), r"Class ids must lie in \[0, 5\).*Received: 5"),
        ([0, -1], (2, 5), r"Class ids must lie in \[0, 5\).*Received: -1"),
        ([0, 1], (2, 1), r"two classes or more.*\(2, 1\).*BinaryAccuracy"),
        ([0, 1], (2,), r"two classes or more.*\(2,\)"),
        ([0, 1, 2], (2, 5), r"one entry for each sample.*y_true.shape=\(3,\)"),
        ([[0, 1, 2]], (1, 5), r"one entry for each sample.*y_true.shape=\(1, 3\)"),
    ],
)
def test_refused(y_true, shape, text):
    y_pred = np.zeros(shape, "float32")
    with pytest.raises(ValueError, match=text):
        metrics.categorical_accuracy(y_true, y_pred)
    with pytest.raises(ValueError, match=text):
        metrics.CategoricalTruePositives().update_state(y_true, y_pred)


def test_a_fraction_seen_only_in_a_trace_gives_nan():
    compiled = autodiff.compiled(metrics.categorical_accuracy)
    y_true = ops.convert_to_tensor([0.0, 3.5, 3.0])
    try:
        values = numbers(compiled(y_true, ops.convert_to_tensor(np.eye(3, 5, dtype="float32"))))
    except ValueError as error:  # where the values can be seen all the same
        assert "whole numbers" in str(error)
    else:
        np.testing.assert_array_equal(values, [1, np.nan, 0])


def test_weights_of_another_length_are_refused(batch):
    with pytest.raises(ValueError, match="`sample_weight` must have"):
        metrics.CategoricalAccuracy().update_state(*batch, sample_weight=np.ones(3))
