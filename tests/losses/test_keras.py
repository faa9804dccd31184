"""Losses that Keras has too: what is the same, and a ledger of what differs.

The ledger shows Keras' figure beside ours. A line that goes red says that Keras has changed: then
the line, the docstring ("Where peers differ") and docs/losses/keras.md change with it.
"""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from portable_losses._catalogue import CATALOGUE
from tests import autodiff
from tests.autodiff import BACKEND

FAMILIES = {"crossentropy", "probabilistic", "regression", "hinge"}
SHARED = {e.name: e.cls for e in CATALOGUE if e.family in FAMILIES and "keras" in e.peers}
LOGIT_LOSSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")

measured = pytest.mark.skipif(
    tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15),
    reason="the figures are those of Keras 3.15",
)


def f32(*rows):
    return np.array(rows, "float32")


def numbers(x):
    return ops.convert_to_numpy(x)


def value_and_gradient(function, y_true, y_pred, **settings):
    y_pred = np.asarray(y_pred, "float32")
    value = numbers(function(y_true, y_pred, **settings))
    slope = autodiff.gradient(
        lambda p: ops.sum(function(ops.convert_to_tensor(y_true), p, **settings)), y_pred
    )
    return value, slope


def both(name, y_true, y_pred, **settings):
    """Keras' value and gradient, then ours."""
    keras_own = value_and_gradient(getattr(keras.losses, name), y_true, y_pred, **settings)
    return keras_own, value_and_gradient(getattr(losses, name), y_true, y_pred, **settings)


def ordinary(name, rng):
    """A batch `(5, 4)` that both should agree on."""
    y_true, y_pred = rng.normal(size=(2, 5, 4)).astype("float32")
    rows = [np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (y_true, y_pred)]
    ids = rng.integers(0, 4, 5).astype("int32")
    if name == "binary_crossentropy":
        return rng.integers(0, 2, (5, 4)).astype("float32"), rows[1]
    if name == "categorical_crossentropy":
        return rows
    if name == "sparse_categorical_crossentropy":
        return ids, rows[1]
    if name == "kl_divergence":
        return rows
    if name == "categorical_hinge":
        return np.eye(4, dtype="float32")[ids], y_pred
    if name in ("hinge", "squared_hinge"):
        return np.sign(y_true), y_pred
    if name in ("poisson", "mean_absolute_percentage_error", "mean_squared_logarithmic_error"):
        return np.abs(y_true) + 0.5, np.abs(y_pred) + 0.5
    return y_true, y_pred


SETTINGS = [(name, {}) for name in SHARED] + [
    ("binary_crossentropy", {"from_logits": True}),
    ("binary_crossentropy", {"label_smoothing": 0.2}),
    ("binary_crossentropy", {"axis": 0}),
    ("categorical_crossentropy", {"from_logits": True}),
    ("categorical_crossentropy", {"label_smoothing": 0.2}),
    ("sparse_categorical_crossentropy", {"from_logits": True}),
    # `measured`: on PyTorch older ones fail on labels that are a NumPy array
    pytest.param("sparse_categorical_crossentropy", {"ignore_class": 2}, marks=measured),
    ("cosine_similarity", {"axis": 0}),
    ("huber", {"delta": 0.3}),
]


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_value_and_gradient_are_those_of_keras_at_ordinary_points(name, settings, rng):
    (keras_value, keras_slope), (value, slope) = both(name, *ordinary(name, rng), **settings)
    # Keras lifts each true probability by 1e-7 in kl_divergence; the others round differently.
    np.testing.assert_allclose(value, keras_value, rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(slope, keras_slope, rtol=2e-5, atol=2e-6)


@measured
@pytest.mark.parametrize("name", SHARED.values())
def test_a_class_takes_the_arguments_of_keras_in_their_order(name):
    ours, theirs = (inspect.signature(getattr(home, name)) for home in (losses, keras.losses))
    assert list(ours.parameters) == list(theirs.parameters)
    for key in set(ours.parameters) - {"name"}:  # Keras' Huber is called "huber_loss"
        assert ours.parameters[key].default == theirs.parameters[key].default, key


@pytest.mark.parametrize("name", SHARED)
def test_names_of_keras_mean_ours(name):
    assert losses.get(name) is getattr(losses, name)
    assert type(losses.get(SHARED[name])) is getattr(losses, SHARED[name])


@pytest.mark.parametrize("short", ["mse", "mae", "mape", "msle", "bce", "kld"])
def test_short_names_of_keras_mean_ours(short):
    full = keras.losses.get(short).__name__
    assert losses.get(short) is losses.get(short.upper()) is getattr(losses, full)


def test_other_names_are_those_of_keras():
    assert losses.get("ctc") is keras.losses.ctc
    with pytest.raises(ValueError, match="Mse"):
        losses.get("Mse")


# Ledger -------------------------------------------------------------------------------------


@measured
@pytest.mark.parametrize(
    ("name", "slope"), [("mean_absolute_error", -0.5), ("mean_absolute_percentage_error", -50)]
)
def test_no_error_has_a_gradient_in_keras_on_jax(name, slope):
    theirs, ours = both(name, f32([1, 2]), f32([1, 2]))
    np.testing.assert_array_equal(np.abs(ours[1]), [[0, 0]])
    assert theirs[1][0, 0] == (slope if BACKEND == "jax" else 0)


@measured
def test_a_zero_vector_has_no_finite_gradient_in_keras():
    theirs, ours = both("cosine_similarity", f32([0.6, 0.8]), f32([0, 0]))
    np.testing.assert_array_equal(ours[1], [[0, 0]])
    if BACKEND == "tensorflow":
        np.testing.assert_allclose(theirs[1], [[-6e6, -8e6]], rtol=1e-5)
    else:
        assert np.isnan(theirs[1]).all()


@measured
def test_long_vectors_are_perpendicular_to_themselves_in_keras():
    theirs, ours = both("cosine_similarity", f32([1e20, 0]), f32([1e20, 1e20]))
    assert theirs[0] == 0
    np.testing.assert_allclose(ours[0], -np.sqrt(0.5), rtol=1e-6)


@measured
@pytest.mark.parametrize("name", ["hinge", "categorical_hinge"])
def test_a_margin_met_has_a_gradient_in_keras(name):
    theirs, ours = both(name, f32([0, 1, 0]), f32([-1, 1, -1] if name == "hinge" else [0, 1, 0]))
    np.testing.assert_array_equal(np.abs(ours[1]), [[0, 0, 0]])
    slope = 1 / 3 if name == "hinge" else 1
    share = 1 if BACKEND == "tensorflow" else 0.5
    np.testing.assert_allclose(theirs[1][0, 1], -slope * share, rtol=1e-6)


@measured
@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_the_loss_of_a_sample_depends_on_its_neighbours_in_keras(name):
    y_true, y_pred = f32([0], [1]), f32([2], [2])
    theirs, ours = both(name, y_true, y_pred)
    np.testing.assert_array_equal(ours[0], theirs[0])
    theirs, ours = both(name, np.append(y_true, f32([-1]), 0), np.append(y_pred, f32([0]), 0))
    power = 2 if name == "squared_hinge" else 1
    assert ours[0][0] == 3**power
    assert theirs[0][0] == 1


@measured
def test_a_sure_mistake_costs_two_prices_in_keras():
    theirs, ours = both("binary_crossentropy", f32([1], [0]), f32([0], [1]))
    np.testing.assert_allclose(theirs[0], [16.1181, 15.9424], rtol=1e-5)
    np.testing.assert_allclose(ours[0], [16.1181, 16.1181], rtol=1e-5)


@measured
@pytest.mark.parametrize(
    ("name", "y_true"),
    [
        ("binary_crossentropy", f32([1, 1])),
        ("categorical_crossentropy", f32([1, 0])),
        ("sparse_categorical_crossentropy", np.array([0])),
        ("kl_divergence", f32([1, 0])),
    ],
    ids=str,
)
def test_a_right_answer_is_not_free_in_keras(name, y_true):
    y_pred = f32([1, 1]) if name == "binary_crossentropy" else f32([1, 0])
    theirs, ours = both(name, y_true, y_pred)
    assert ours[0] == 0
    expected = 0 if name == "kl_divergence" else 1.1920929e-07
    np.testing.assert_allclose(theirs[0], expected, rtol=1e-5)


@measured
@pytest.mark.parametrize("name", LOGIT_LOSSES)
def test_the_gradient_at_epsilon_is_half_in_keras_on_jax(name):
    y_true = np.array([1]) if name.startswith("sparse") else f32([0, 1])
    theirs, ours = both(name, y_true, f32([1 - 1e-7, 1e-7]))
    np.testing.assert_allclose(ours[1][0, 1], -1e7, rtol=1e-5)
    np.testing.assert_allclose(theirs[1][0, 1], -5e6 if BACKEND == "jax" else -1e7, rtol=1e-5)


@measured
@pytest.mark.parametrize("name", LOGIT_LOSSES)
def test_a_row_without_probability_is_nan_in_keras(name):
    y_true = np.array([1]) if name.startswith("sparse") else f32([0, 1])
    theirs, ours = both(name, y_true, f32([0, 0]))
    np.testing.assert_allclose(ours[0], -np.log(1e-7), rtol=1e-6)
    np.testing.assert_array_equal(np.abs(ours[1]), [[0, 0]])
    if name.startswith("sparse") and BACKEND == "tensorflow":
        np.testing.assert_allclose(theirs[0], np.log(2), rtol=1e-6)
    else:
        assert np.isnan(theirs[0]).all()


@measured
@pytest.mark.parametrize("name", LOGIT_LOSSES)
def test_a_class_ruled_out_is_nan_in_keras(name):
    y_true = np.array([1]) if name.startswith("sparse") else f32([0, 1, 0])
    theirs, ours = both(name, y_true, f32([-np.inf, 1, 0]), from_logits=True)
    np.testing.assert_allclose(ours[0], np.log1p(np.exp(-1)), rtol=1e-6)
    np.testing.assert_allclose(ours[1], [[0, -0.26894143, 0.26894143]], rtol=1e-5)
    if name.startswith("sparse") and BACKEND != "jax":
        np.testing.assert_allclose(theirs[0], ours[0], rtol=1e-6)
    else:
        assert np.isnan(theirs[0]).all()


@measured
def test_rows_without_a_label_have_a_gradient_in_keras_on_tensorflow():
    theirs, ours = both(
        "categorical_crossentropy", f32([0, 0, 0]), f32([3, -1, 0]), from_logits=True
    )
    assert ours[0] == theirs[0] == 0
    np.testing.assert_array_equal(np.abs(ours[1]), [[0, 0, 0]])
    expected = [[0.93624, 0.01715, 0.04661]] if BACKEND == "tensorflow" else [[0, 0, 0]]
    np.testing.assert_allclose(np.abs(theirs[1]), expected, atol=1e-5)


@measured
def test_smoothing_counts_the_wrong_axis_in_keras():
    y_true = np.eye(3, dtype="float32")[[[0, 1, 2, 0]]].transpose(0, 2, 1)
    logits = np.zeros((1, 3, 4), "float32")
    theirs, ours = both(
        "categorical_crossentropy", y_true, logits, from_logits=True, axis=1, label_smoothing=0.3
    )
    np.testing.assert_allclose(ours[0], np.full((1, 4), np.log(3)), rtol=1e-6)
    # Smoothed labels sum to 0.7 + 3 · 0.3 / 4.
    np.testing.assert_allclose(theirs[0], np.full((1, 4), 0.925 * np.log(3)), rtol=1e-6)


@measured
def test_softmax_outputs_are_taken_back_to_logits_by_keras_on_tensorflow():
    def end_to_end(home):
        return value_and_gradient(
            lambda y, x: home.categorical_crossentropy(y, ops.softmax(x)),
            f32([0, 0, 1]),
            f32([100, 0, 0]),
        )

    value, slope = end_to_end(losses)
    np.testing.assert_allclose(value, -np.log(1e-7), rtol=1e-6)
    np.testing.assert_array_equal(np.abs(slope), [[0, 0, 0]])
    value, slope = end_to_end(keras.losses)
    tensorflow = BACKEND == "tensorflow"
    np.testing.assert_allclose(value, 100 if tensorflow else -np.log(1e-7), rtol=1e-6)
    np.testing.assert_array_equal(np.abs(slope), [[1, 0, 1] if tensorflow else [0, 0, 0]])


@measured
def test_an_id_out_of_range_costs_nothing_in_keras_on_jax():
    given = np.array([5]), f32([0, 1, 2])
    with pytest.raises(ValueError, match=r"must lie in \[0, 3\)"):
        losses.sparse_categorical_crossentropy(*given, from_logits=True)
    if BACKEND == "jax":
        logits = ops.convert_to_tensor(given[1])
        theirs = keras.losses.sparse_categorical_crossentropy(given[0], logits, from_logits=True)
        assert numbers(theirs) == 0


@measured
def test_true_probabilities_are_lifted_in_keras():
    y_true, y_pred = np.eye(1, 1000, dtype="float32"), np.full((1, 1000), 1e-3, "float32")
    theirs, ours = both("kl_divergence", y_true, y_pred)
    np.testing.assert_allclose(ours[0], np.log(1000), rtol=1e-6)
    np.testing.assert_allclose(theirs[0], np.log(1000) - 999e-7 * np.log(1e4), rtol=1e-6)
    theirs, ours = both("kl_divergence", f32([0, 1]), f32([1e-7, 0.5]))
    assert ours[1][0, 0] == 0
    np.testing.assert_allclose(theirs[1][0, 0], -0.5 if BACKEND == "jax" else -1, rtol=1e-5)


@measured
def test_a_prediction_of_zero_has_no_gradient_in_the_logarithmic_error_of_keras():
    theirs, ours = both("mean_squared_logarithmic_error", f32([1]), f32([0]))
    assert theirs[1] == 0
    np.testing.assert_allclose(ours[1], [[-2 * np.log(2)]], rtol=1e-6)


@measured
def test_squares_overflow_in_float16_in_keras():
    y_true, y_pred = np.zeros((1, 2), "float16"), np.array([[300, 0]], "float16")
    assert np.isinf(numbers(keras.losses.mean_squared_error(y_true, y_pred)))
    assert numbers(losses.mean_squared_error(y_true, y_pred)) == 45000


@measured
def test_float64_is_averaged_in_float32_in_keras():
    y_true, y_pred = np.zeros((1, 3)), np.array([[1 / 3, 2 / 3, 0.1]])
    exact = np.mean(y_pred**2)
    with autodiff.float64():
        theirs, ours = (
            float(numbers(home.mean_squared_error(y_true, y_pred))[0])
            for home in (keras.losses, losses)
        )
    assert ours == pytest.approx(exact, rel=1e-15)
    assert (theirs == pytest.approx(exact, rel=1e-15)) == (BACKEND == "tensorflow")


@measured
def test_targets_are_cut_to_integers_by_keras():
    assert numbers(keras.losses.mean_squared_error([1.5], [1])) == 0
    assert numbers(losses.mean_squared_error([1.5], [1])) == 0.25


@measured
def test_weights_of_flat_predictions_weigh_nothing_in_keras():
    given, weight = (np.zeros(2), np.array([1.0, 3.0])), np.array([1.0, 3.0])
    assert float(keras.losses.MeanSquaredError()(*given, sample_weight=weight)) == 10  # 5 · 2
    assert float(losses.MeanSquaredError()(*given, sample_weight=weight)) == 14  # (1 + 27) / 2


@measured
def test_shapes_are_broadcast_by_keras():
    y_true, y_pred = np.zeros(3, "float32"), np.ones((2, 3), "float32")
    assert numbers(keras.losses.mean_squared_error(y_true, y_pred)).shape == (2,)
    with pytest.raises(ValueError, match="never broadcast"):
        losses.mean_squared_error(y_true, y_pred)
