"""Cross-entropies: what the contract suite does not say."""

import numpy as np
import pytest
from keras import ops

from portable_losses.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from tests import autodiff
from tests.references import crossentropy as reference


def numbers(x):
    return ops.convert_to_numpy(x)


class TestBinary:
    LOGITS = np.array([[-100], [-20], [-1], [0], [1], [20], [100]], "float32")

    @pytest.mark.parametrize("label", [0.0, 0.3, 1.0])
    def test_logits_are_exact_in_both_tails(self, label):
        y_true = np.full((7, 1), label, "float32")
        x, y = self.LOGITS.astype("float64")[:, 0], y_true.astype("float64")[:, 0]

        def softplus(t):
            return np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t)))

        actual = numbers(binary_crossentropy(y_true, self.LOGITS, from_logits=True))
        expected = y * softplus(-x) + (1 - y) * softplus(x)
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-42)
        slope = autodiff.gradient(
            lambda p: ops.sum(binary_crossentropy(y_true, p, from_logits=True)), self.LOGITS
        )
        expected = (1 - y) / (1 + np.exp(-x)) - y / (1 + np.exp(x))
        np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-6, atol=1e-42)

    def test_flat_predictions_are_samples(self):
        y_true, y_pred, weight = [1.0, 0.0], [0.5, 0.25], [1.0, 0.0]
        loss = BinaryCrossentropy(reduction="none")(y_true, y_pred, sample_weight=weight)
        np.testing.assert_allclose(numbers(loss), [np.log(2), 0], rtol=1e-6)

    @pytest.mark.parametrize("dtype", ["bool", "int32", "uint8", "float64"])
    def test_labels_of_any_dtype(self, dtype):
        y_true = np.array([[1, 0]]).astype(dtype)
        actual = numbers(binary_crossentropy(y_true, np.array([[0.5, 0.5]], "float32")))
        np.testing.assert_allclose(actual, [np.log(2)], rtol=1e-6)


class TestCategorical:
    def test_without_a_label_value_and_gradient_are_zero(self):
        y_true = np.array([[0, 0, 0], [0, 1, 0]], "float32")
        logits = np.array([[3, -1, 0], [0, 0, 0]], "float32")
        slope = autodiff.gradient(
            lambda x: ops.sum(categorical_crossentropy(y_true, x, from_logits=True)), logits
        )
        np.testing.assert_array_equal(np.abs(slope[0]), [0, 0, 0])
        np.testing.assert_allclose(slope[1], [1 / 3, -2 / 3, 1 / 3], rtol=1e-6)

    def test_logits_may_be_far_apart(self):
        logits = np.array([[1e4, -1e4, 0]], "float32")
        for column, expected in enumerate((0, 2e4, 1e4)):
            y_true = np.eye(3, dtype="float32")[[column]]
            assert numbers(categorical_crossentropy(y_true, logits, from_logits=True)) == expected

    def test_smoothing_of_one_forgets_the_label(self, rng):
        logits = rng.normal(size=(4, 3)).astype("float32")
        values = [
            numbers(
                categorical_crossentropy(
                    np.eye(3, dtype="float32")[[c] * 4],
                    logits,
                    from_logits=True,
                    label_smoothing=1.0,
                )
            )
            for c in range(3)
        ]
        np.testing.assert_allclose(values[1], values[0], rtol=1e-6)
        np.testing.assert_allclose(values[2], values[0], rtol=1e-6)

    def test_one_class_is_refused(self):
        with pytest.raises(ValueError, match="use `binary_crossentropy`"):
            categorical_crossentropy(np.ones((3, 1)), np.ones((3, 1)))


class TestSparse:
    @pytest.mark.parametrize("from_logits", [False, True])
    def test_it_is_the_dense_one_of_one_hot_labels(self, from_logits, rng):
        ids = rng.integers(0, 4, (5, 3))
        y_pred = rng.uniform(0.1, 1, (5, 3, 4)).astype("float32")
        dense = categorical_crossentropy(
            np.eye(4, dtype="float32")[ids], y_pred, from_logits=from_logits
        )
        sparse = sparse_categorical_crossentropy(ids, y_pred, from_logits=from_logits)
        np.testing.assert_allclose(numbers(sparse), numbers(dense), rtol=1e-6)

    @pytest.mark.parametrize(
        ("true", "pred", "axis"),
        [
            ((5,), (5, 4), -1),
            ((5, 1), (5, 4), -1),
            ((5, 1), (5, 4), 1),
            ((4,), (4, 4), -1),  # ids, though there are as many as classes
            ((5, 4), (5, 4, 4), -1),
            ((5, 3, 1), (5, 3, 4), -1),
            ((5, 3, 2), (5, 3, 2, 4), -1),
            ((5, 3, 2), (5, 4, 3, 2), 1),
            ((5, 1, 3, 2), (5, 4, 3, 2), 1),
        ],
        ids=str,
    )
    def test_shapes(self, true, pred, axis, rng):
        y_true = rng.integers(0, 4, true)
        y_pred = rng.normal(size=pred).astype("float32")
        expected = reference.sparse_categorical_crossentropy(y_true, y_pred, True, axis=axis)
        settings = {"from_logits": True, "axis": axis}
        for found in (
            sparse_categorical_crossentropy(y_true, y_pred, **settings),
            SparseCategoricalCrossentropy(reduction="none", **settings)(y_true, y_pred),
            autodiff.compiled(lambda y, p: sparse_categorical_crossentropy(y, p, **settings))(
                ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
            ),
        ):
            np.testing.assert_allclose(numbers(found), expected, rtol=1e-5)

    @pytest.mark.parametrize(
        ("true", "pred"),
        [((3,), (5, 4)), ((5, 3), (5, 4)), ((5,), (5, 3, 4)), ((3, 5), (5, 3, 4))],
        ids=str,
    )
    def test_other_shapes_are_refused(self, true, pred):
        with pytest.raises(ValueError, match="one class id per position"):
            sparse_categorical_crossentropy(np.zeros(true, "int32"), np.ones(pred, "float32"))

    def test_one_hot_labels_are_refused_by_name(self):
        with pytest.raises(ValueError, match="use `categorical_crossentropy`"):
            sparse_categorical_crossentropy(np.eye(3), np.full((3, 3), 1 / 3))

    @pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int64", "float32"])
    def test_ids_of_any_dtype_among_many_classes(self, dtype):
        logits = np.zeros((2, 300), "float32")
        loss = sparse_categorical_crossentropy(
            np.array([0, 127]).astype(dtype), logits, from_logits=True
        )
        np.testing.assert_allclose(numbers(loss), np.log([300, 300]), rtol=1e-6)

    def test_a_fraction_is_refused(self):
        with pytest.raises(ValueError, match="whole numbers"):
            sparse_categorical_crossentropy(np.array([0.5]), np.ones((1, 2), "float32"))

    def test_an_id_out_of_range_is_nan_where_it_cannot_be_seen(self):
        function = autodiff.compiled(
            lambda y, p: sparse_categorical_crossentropy(y, p, from_logits=True)
        )
        logits = ops.zeros((2, 3))
        try:
            values = numbers(function(ops.convert_to_tensor([3, 1]), logits))
        except ValueError as error:  # PyTorch runs its captured graph eagerly, and sees it
            assert "must lie in [0, 3)" in str(error)
        else:
            assert np.isnan(values[0])
            np.testing.assert_allclose(values[1], np.log(3), rtol=1e-6)


class TestIgnoredClass:
    LABELS = np.array([0, 1, -1, 1])
    LOGITS = np.array([[0, 1], [2, 0], [np.nan, 1], [0, 0]], "float32")
    VALUES = np.array([np.log1p(np.e), np.log1p(np.exp(2)), 0, np.log(2)])

    @pytest.mark.parametrize(("dtype", "ignored"), [("int32", -1), ("float32", -1), ("uint8", 255)])
    def test_value_and_gradient_are_zero_there_whatever_stands_there(self, dtype, ignored):
        labels = self.LABELS.astype(dtype)

        def function(x):
            return sparse_categorical_crossentropy(
                labels, x, from_logits=True, ignore_class=ignored
            )

        np.testing.assert_allclose(numbers(function(self.LOGITS)), self.VALUES, rtol=1e-6)
        slope = autodiff.gradient(lambda x: ops.sum(function(x)), self.LOGITS)
        np.testing.assert_array_equal(np.abs(slope[2]), [0, 0])
        assert np.isfinite(slope).all()

    def test_bytes_are_not_minus_one(self):
        logits = np.zeros((1, 256), "float32")
        loss = sparse_categorical_crossentropy(
            np.array([255], "uint8"), logits, from_logits=True, ignore_class=-1
        )
        np.testing.assert_allclose(numbers(loss), [np.log(256)], rtol=1e-6)

    @pytest.mark.parametrize("column", [False, True])
    def test_a_mean_is_over_the_others(self, column):
        loss = SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        labels = self.LABELS[:, None] if column else self.LABELS
        np.testing.assert_allclose(
            float(loss(labels, self.LOGITS)), self.VALUES.sum() / 3, rtol=1e-6
        )
        weight = np.array([1.0, 2.0, 5.0, 0.0])
        expected = (self.VALUES * weight).sum() / 3
        actual = float(loss(labels, self.LOGITS, sample_weight=weight))
        np.testing.assert_allclose(actual, expected, rtol=1e-6)
        loss.reduction = "sum"
        np.testing.assert_allclose(float(loss(labels, self.LOGITS)), self.VALUES.sum(), rtol=1e-6)

    def test_it_joins_the_mask_of_the_predictions(self):
        loss = SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        y_pred = ops.convert_to_tensor(self.LOGITS)
        y_pred._keras_mask = ops.convert_to_tensor([True, False, True, True])
        expected = (self.VALUES[0] + self.VALUES[3]) / 2
        np.testing.assert_allclose(float(loss(self.LABELS, y_pred)), expected, rtol=1e-6)

    def test_where_all_are_ignored_the_loss_is_zero(self):
        loss = SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)
        labels, logits = np.array([1, 1]), np.ones((2, 2), "float32")
        assert float(loss(labels, logits)) == 0
        np.testing.assert_array_equal(autodiff.gradient(lambda x: loss(labels, x), logits), 0)


@pytest.mark.parametrize("function", [binary_crossentropy, categorical_crossentropy])
def test_ids_against_rows_are_explained(function):
    with pytest.raises(ValueError, match=r"one_hot\(y_true, 10\).*sparse_categorical_crossentropy"):
        function(np.zeros(10000), np.zeros((10000, 10), "float32"))


@pytest.mark.parametrize("smoothing", [-0.1, 1.5])
@pytest.mark.parametrize(
    "make",
    [
        BinaryCrossentropy,
        CategoricalCrossentropy,
        lambda **s: binary_crossentropy([[1.0]], [[0.5]], **s),
        lambda **s: categorical_crossentropy([[1.0, 0.0]], [[0.5, 0.5]], **s),
    ],
)
def test_smoothing_outside_of_its_range_is_refused(make, smoothing):
    with pytest.raises(ValueError, match=r"`label_smoothing` must lie in \[0, 1\]"):
        make(label_smoothing=smoothing)
