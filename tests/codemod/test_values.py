"""Rewritten code runs on the backend that is there, with the numbers of the old code."""

from pathlib import Path

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from portable_losses.codemod import rewrite
from tests.codemod.test_snippets import SNIPPETS

GOLDEN = Path(__file__).parent.parent / "oracles" / "golden"


def load(name, keep=None):
    """The names that a snippet defines after its rewrite; `keep` alone of its functions."""
    source = rewrite(SNIPPETS[name]["before"]).source
    if keep:
        head = "from portable_losses.compat import CenterLoss\n\n\n"
        source = head + source[source.index(f"def {keep}") :].split("\n\n\n")[0]
    scope = {"__name__": "snippet"}
    exec(compile(source, name, "exec"), scope)
    return scope


def number(x):
    return np.asarray(ops.convert_to_numpy(x))


def tensors(*arrays):
    return [ops.convert_to_tensor(array) for array in arrays]


def test_a_loss_factory(rng):
    y = rng.integers(0, 2, (5, 3)).astype("float32")
    p = rng.uniform(size=(5, 3)).astype("float32")
    p[0] = y[0]
    right = np.clip(np.where(y == 1, p, 1 - p), 1e-7, 1 - 1e-7)
    expected = -(0.25 * (1 - right) ** 2 * np.log(right)).sum(-1)
    found = load("focal_loss")["focal_loss"]()(*tensors(y, p))
    np.testing.assert_allclose(number(found), expected, rtol=1e-5, atol=1e-6)


def test_all_axes_are_kept_on_each_backend(rng):
    x = rng.uniform(size=(4, 3)).astype("float32")
    scope = load("kept_axes")
    (given,) = tensors(x)
    total = number(scope["total"](given, keepdims=True))
    assert total.shape == (1, 1)
    np.testing.assert_allclose(total, x.sum(keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(number(scope["of_largest"](given)), x / x.max(), rtol=1e-6)
    expected = (x / x.sum(-1, keepdims=True)).max()
    np.testing.assert_allclose(number(scope["of_rows"](given)), expected, rtol=1e-6)


def test_a_metric_has_the_figure_of_keras_2_for_targets_of_one_dimension(rng):
    recall = load("metric_function")["recall"]
    y, p = np.array([1, 0, 1, 1]), np.array([[0.9], [0.8], [0.2], [0.7]], "float32")
    expected = 2 / (3 + 1e-7)  # (B, B) would give 12 hits of 3
    for targets in (y, y[:, None], y.astype("float32")):
        np.testing.assert_allclose(number(recall(*tensors(targets, p))), expected, rtol=1e-6)
    wide = rng.uniform(size=(4, 4)).astype("float32")
    mask = (wide > 0.3).astype("int32")
    expected = (np.round(wide) * mask).sum() / (mask.sum() + 1e-7)
    np.testing.assert_allclose(number(recall(*tensors(mask, wide))), expected, rtol=1e-6)


def test_a_metric_class_counts_and_resets():
    metric = load("metric_class")["Hits"]()
    for _ in range(2):
        metric.update_state(
            *tensors(np.array([[1], [0], [1]]), np.array([[0.9], [0.8], [0.2]], "float32"))
        )
    assert float(metric.result()) == 2.0
    metric.reset_state()
    assert float(metric.result()) == 0.0


@pytest.mark.parametrize("columns", [(), (1,)])
def test_layers_that_count_are_metrics_with_the_numbers_of_tensorflow_1(columns):
    """0.6666667, 0.5 and, after a reset, 0.3333333: TensorFlow 1.15 on these batches."""
    metric = load("layer_metrics")["Recall"]()
    y = np.array([[1, 0, 1, 1], [1, 1, 0, 1]])
    p = np.array([[0.9, 0.8, 0.2, 0.7], [0.1, 0.6, 0.3, 0.4]], "float32")
    batches = [tensors(t.reshape(4, *columns), q[:, None]) for t, q in zip(y, p, strict=True)]
    found = [number(metric(*batch)) for batch in batches]
    metric.reset_state()
    found.append(number(metric(*batches[1])))
    np.testing.assert_allclose(found, [0.6666667, 0.5, 0.33333334], rtol=1e-6)


def test_layers_that_count_are_metrics_in_a_compiled_model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.compile(loss="mse", metrics=[load("layer_metrics")["Recall"]()])
    y = np.array([1, 0, 1, 1, 1, 1, 0, 1], "float32")[:, None]
    p = np.array([0.9, 0.8, 0.2, 0.7, 0.1, 0.6, 0.3, 0.4], "float32")[:, None]
    for _ in range(2):  # `evaluate` begins anew
        found = model.evaluate(p, y, batch_size=4, verbose=0, return_dict=True)
        np.testing.assert_allclose(found["recall"], 0.5, rtol=1e-6)


def test_an_update_moves_its_variable_in_training_alone_and_after_the_loss(rng):
    layer = load("add_update")["CenterLayer"]()
    x, y = (
        rng.normal(size=(6, 2)).astype("float32"),
        np.eye(10, dtype="float32")[[1, 1, 2, 3, 3, 3]],
    )
    features, labels = tensors(x, y)
    layer([features, labels], training=False)
    before = number(layer.centers)
    loss = number(layer([features, labels], training=True))
    np.testing.assert_allclose(loss, ((x - y @ before) ** 2).sum(1, keepdims=True), rtol=1e-5)
    step = y.T @ (y @ before - x) / (y.T.sum(1, keepdims=True) + 1)
    np.testing.assert_allclose(number(layer.centers), before - 0.5 * step, rtol=1e-5, atol=1e-6)
    moved = number(layer.centers)
    layer([features, labels], training=False)
    np.testing.assert_array_equal(number(layer.centers), moved)


def test_an_update_that_is_not_told_runs_through_compat_in_training_alone(rng):
    layer = load("add_update_of_old")["Running"]()
    layer.stateful = True
    (x,) = tensors(rng.normal(1.0, size=(6, 2)).astype("float32"))
    layer(x, training=False)
    assert number(layer.mean) == 0
    found = layer(x, training=True)
    np.testing.assert_array_equal(number(found), number(x))  # the mean from before
    np.testing.assert_allclose(number(layer.mean), 0.1 * number(x).mean(), rtol=1e-5)


def test_decay_is_the_schedule_it_was():
    sgd = load("optimizers")["sgd"]
    rate = sgd._learning_rate if not callable(sgd.learning_rate) else sgd.learning_rate
    for step in (0, 1, 1000):
        np.testing.assert_allclose(float(rate(step)), 0.1 / (1 + 1e-4 * step), rtol=1e-6)


@pytest.mark.parametrize("batch", ["duplicates", "one_sample"])
def test_the_layer_beside_a_tf1_center_loss_has_its_figures(batch):
    """Those recorded from TensorFlow 1.15, by the function that the snippet has."""
    make = load("center_loss_tf1", "make_center_loss")["make_center_loss"]
    with np.load(GOLDEN / f"center_steps_{batch}.npz") as golden:
        labels, features, centers = (golden[key] for key in ("labels", "features", "centers"))
        losses, alpha = golden["loss"], float(golden["alpha"])
    layer = make(alpha, centers.shape[1])
    for step in range(min(3, len(labels))):
        found = layer(*tensors(labels[step], features[step]), training=True)
        np.testing.assert_allclose(number(found), losses[step], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(number(layer.centers), centers[step], rtol=1e-5, atol=1e-6)


def test_the_share_that_is_kept_and_the_update_that_never_ran():
    """Four samples of two classes, figures by TensorFlow 1.15: facenet's rule, then no update."""
    features = np.array([[1.0, 2.0], [3.0, 1.0], [0.5, -1.0], [2.0, 2.0]], "float32")
    labels = np.array([0, 0, 1, 1])
    kept = load("center_loss_kept_share", "make_center_loss")["make_center_loss"](0.5, 2)
    still = load("center_loss_never_updated", "make_center_loss")["make_center_loss"](2)
    centers = np.zeros((2, 2))
    for _ in range(3):
        expected = ((features - centers[labels]) ** 2).mean()
        for layer, value in ((kept, expected), (still, (features**2).mean())):
            found = layer(*tensors(labels, features), training=True)
            np.testing.assert_allclose(number(found), value, rtol=1e-5)
        step = np.zeros_like(centers)
        np.add.at(step, labels, centers[labels] - features)
        centers = centers - 0.5 * step
        np.testing.assert_allclose(number(kept.centers), centers, rtol=1e-5)
    assert not number(still.centers).any()


# Any loss ---------------------------------------------------------------------------------------

X, Y = (np.random.default_rng(seed).uniform(0.1, 2.0, (3, 4)).astype("float32") for seed in (1, 2))


def where(a, b):
    return np.where(np.broadcast_to(a > b, X.shape), X, Y)


UNARY = {
    "K.abs({})": np.abs,
    "tf.square({})": np.square,
    "K.exp(-{})": lambda a: np.exp(-a),
    "tf.math.log(K.abs({}) + 3.0)": lambda a: np.log(np.abs(a) + 3),
    "K.clip({}, 0.2, None)": lambda a: np.maximum(a, 0.2),
    "tf.clip_by_value({}, -1.0, 1.0)": lambda a: np.clip(a, -1, 1),
    "K.sqrt({})": lambda a: np.sqrt(np.maximum(a, 0)),
    "tf.nn.relu({})": lambda a: np.maximum(a, 0),
    "-{}": np.negative,
    "K.tanh({})": np.tanh,
    "tf.cast({} > 0.5, tf.float32)": lambda a: (a > 0.5).astype("float32"),
    "tf.reduce_mean({}, 1, keep_dims=True)": lambda a: a.mean(1, keepdims=True),
    "K.expand_dims(K.sum({}, axis=-1))": lambda a: a.sum(-1)[:, None],
    "K.cumsum({})": lambda a: np.cumsum(a, 0),
}
BINARY = {
    "({} + {})": np.add,
    "({} - {})": np.subtract,
    "{} * {}": np.multiply,
    "K.maximum({}, {})": np.maximum,
    "tf.subtract({}, y={})": np.subtract,
    "tf.where({} > {}, x, y)": where,
    "(K.pow(K.abs({}) + 0.5, 2.0) - {})": lambda a, b: (np.abs(a) + 0.5) ** 2 - b,
}
TOP = {
    "K.mean({}, axis=-1)": lambda a: a.mean(-1),
    "tf.reduce_sum({}, reduction_indices=1)": lambda a: a.sum(1),
    "K.sum({})": np.sum,
    "tf.nn.l2_loss({})": lambda a: (a**2).sum() / 2,
    "K.max({}, 0)": lambda a: a.max(0),
}


def apply(choice, *parts):
    """The text of an old call and its value by NumPy."""
    form, function = choice
    return form.format(*(text for text, _ in parts)), function(*(value for _, value in parts))


def grow(inner):
    one = st.builds(apply, st.sampled_from(list(UNARY.items())), inner)
    return one | st.builds(apply, st.sampled_from(list(BINARY.items())), inner, inner)


LEAVES = st.sampled_from([("x", X), ("y", Y), ("(x - y)", X - Y), ("(x / y)", X / Y)])
TERMS = st.recursive(LEAVES, grow, max_leaves=5)
LOSSES = st.builds(apply, st.sampled_from(list(TOP.items())), TERMS)


@hypothesis.settings(max_examples=15, deadline=None, derandomize=True, database=None)
@hypothesis.given(LOSSES)
def test_any_loss_of_known_operations(loss):
    text, expected = loss
    head = "import tensorflow as tf\nfrom keras import backend as K\n\n\n"
    result = rewrite(f"{head}def loss(x, y):\n    return {text}\n")
    assert result.definitions == {"loss": "native"}
    assert rewrite(result.source).source == result.source
    scope = {}
    exec(result.source, scope)
    found = number(scope["loss"](*tensors(X, Y)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"


def test_reductions_of_tensorflow_1():
    """Of squared errors 1, 4, 9 with weights 1, 0, 2: as tf.losses reduced them."""
    names = "NONE SUM SUM_OVER_BATCH_SIZE MEAN SUM_BY_NONZERO_WEIGHTS SUM_OVER_NONZERO_WEIGHTS"
    calls = ", ".join(
        f"tf.losses.mean_squared_error(t, p, w, reduction=tf.losses.Reduction.{name})"
        for name in names.split()
    )
    scope = {}
    exec(
        rewrite(f"import tensorflow as tf\n\n\ndef f(t, p, w):\n    return {calls}\n").source, scope
    )
    t, p = np.zeros(3, "float32"), np.array([1, 2, 3], "float32")
    found = [number(x) for x in scope["f"](*tensors(t, p, np.array([1, 0, 2], "float32")))]
    for value, expected in zip(
        found, [[1, 0, 18], 19, 19 / 3, 19 / 3, 19 / 2, 19 / 2], strict=True
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_shapes_that_are_joined(rng):
    scope = load("joined_shapes")
    x, y = (rng.uniform(size=(2, 3)).astype("float32") for _ in range(2))
    feats = rng.uniform(size=(2, 3, 5, 1)).astype("float32")
    given, others, maps = tensors(x, y, feats)
    np.testing.assert_allclose(number(scope["with_a_last_axis"](given[:, :1], others)), x[:, :1])
    expected = x[..., None, None] * np.array([2.0, 3.0])
    np.testing.assert_allclose(number(scope["outer"](given, others)), expected, rtol=1e-6)
    expected = x[:, :2] / np.array([5.0, 3.0]) + 3.0
    np.testing.assert_allclose(number(scope["relative"](maps, given[:, :2])), expected, rtol=1e-6)


def test_parts_by_size(rng):
    x = rng.uniform(size=(2, 8)).astype("float32")
    expected = x[:, :4].sum() - (x[:, 4:5] * x[:, 5:]).sum()
    found = load("split")["parts"](*tensors(x), 3)
    np.testing.assert_allclose(number(found), expected, rtol=1e-5)


def test_a_switch_between_tensors(rng):
    scope = load("switch")
    x = rng.normal(size=(4, 3)).astype("float32")
    expected = np.where(np.abs(x) < 1, x**2 / 2, np.abs(x) - 0.5)
    np.testing.assert_allclose(number(scope["smooth"](*tensors(x))), expected, rtol=1e-5)
    np.testing.assert_allclose(number(scope["mean_if_any"](*tensors(x))), x.mean(), rtol=1e-5)
    y = np.abs(x)
    hits = (y * y).sum()
    expected = hits / (2 * y.sum() - hits)
    np.testing.assert_allclose(number(scope["iou"](*tensors(y, y))), expected, rtol=1e-5)
    np.testing.assert_allclose(number(scope["iou"](*tensors(0 * y, 0 * y))), 1.0)
