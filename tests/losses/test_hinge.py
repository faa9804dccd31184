"""Hinge losses: what the contract suite does not say."""

import numpy as np
import pytest
from keras import ops

from portable_losses.losses import Hinge, categorical_hinge, hinge, squared_hinge
from tests import autodiff


def numbers(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("function", [hinge, squared_hinge])
@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8", "float32"])
def test_labels_zero_and_one_mean_minus_one_and_one(function, dtype, rng):
    y_true = rng.integers(0, 2, (4, 3))
    y_pred = rng.normal(size=(4, 3)).astype("float32")
    expected = numbers(function(2.0 * y_true - 1, y_pred))
    np.testing.assert_array_equal(numbers(function(y_true.astype(dtype), y_pred)), expected)


@pytest.mark.parametrize("function", [hinge, squared_hinge])
def test_a_batch_is_the_sum_of_its_parts(function):
    y_true, y_pred = np.array([[0.0], [1.0], [-1.0]]), np.array([[0.5], [0.5], [0.5]])
    alone = [numbers(function(y_true[i : i + 1], y_pred[i : i + 1]))[0] for i in range(3)]
    np.testing.assert_array_equal(numbers(function(y_true, y_pred)), alone)


def test_wrong_classes_that_tie_share_the_gradient():
    y_true = np.array([[0, 1, 0, 0]], "float32")
    for function in (categorical_hinge, autodiff.compiled(categorical_hinge)):
        slope = autodiff.gradient(
            lambda p, f=function: ops.sum(f(ops.convert_to_tensor(y_true), p)),
            np.array([[2, 0, 2, 1]], "float32"),
        )
        np.testing.assert_allclose(slope, [[0.5, -1, 0.5, 0]], rtol=1e-6)


def test_the_true_class_takes_part_with_a_score_of_zero():
    # All wrong scores lie below 0: the margin is measured from 0.
    assert float(categorical_hinge([[0.0, 1.0]], [[-5.0, 0.25]])[0]) == 0.75


def test_flat_scores_are_samples():
    loss = Hinge(reduction="none")([1.0, 0.0], [0.5, 0.5], sample_weight=[1.0, 2.0])
    np.testing.assert_array_equal(numbers(loss), [0.5, 3.0])


@pytest.mark.parametrize("function", [hinge, squared_hinge, categorical_hinge])
def test_ids_against_rows_are_explained(function):
    with pytest.raises(ValueError, match=r"one_hot\(y_true, 10\)"):
        function(np.zeros(10000), np.zeros((10000, 10), "float32"))
