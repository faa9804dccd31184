"""Properties that hold for any input, found by hypothesis."""

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from keras import ops

from portable_losses import _backend, _numerics, losses
from portable_losses._inputs import as_class_ids
from portable_losses._reduction import reduce
from tests import autodiff
from tests.contract.checks import REDUCTIONS, reduced
from tests.references.center import center_update

# JAX compiles every new shape: few examples there, the same ones each time.
examples = 12 if autodiff.BACKEND == "jax" else 40
quick = settings(max_examples=examples, deadline=None, derandomize=True)
numbers = st.floats(-1e4, 1e4, width=32)
weights = st.floats(0, 10, width=32)


def to_numpy(x):
    return ops.convert_to_numpy(x)


@quick
@given(data=st.data(), reduction=st.sampled_from(REDUCTIONS))
def test_reductions_are_keras_definition(data, reduction):
    shape = data.draw(array_shapes(min_dims=1, max_dims=3, max_side=4))
    values = data.draw(arrays("float32", shape, elements=numbers))
    rank = data.draw(st.integers(1, len(shape)))
    weight = data.draw(st.none() | arrays("float32", shape[:rank], elements=weights))
    mask = data.draw(st.none() | arrays("bool", shape[: data.draw(st.integers(1, len(shape)))]))

    def of(values):
        return reduce(ops.convert_to_tensor(values), weight, mask, reduction)

    found = to_numpy(autodiff.once(of, values))
    full = (
        None
        if mask is None
        else np.broadcast_to(mask.reshape(mask.shape + (1,) * (len(shape) - mask.ndim)), shape)
    )
    expected = reduced(values.astype("float64"), weight, full, reduction)
    scale = np.abs(values).sum() * (1 if weight is None else max(1, weight.max()))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * max(scale, 1))


def test_where_all_weights_are_0_the_gradient_of_every_reduction_is_0():
    x, nothing = np.array([1.0, -2.0, 3.0], "float32"), np.zeros(3, "float32")

    def total(x):
        found = [ops.sum(reduce(ops.square(x), nothing, None, r)) for r in REDUCTIONS]
        return sum(k * value for k, value in enumerate(found, 1))  # none cancels another

    np.testing.assert_array_equal(autodiff.gradient(total, x), np.zeros(3))


@quick
@given(data=st.data(), rule=st.sampled_from(["count", "sum", "mean"]), alpha=st.floats(0, 1))
def test_centers_move_as_the_paper_says(data, rule, alpha):
    n, classes, dim = (data.draw(st.integers(1, top)) for top in (12, 5, 3))
    labels = data.draw(arrays("int32", n, elements=st.integers(0, classes - 1)))
    small = st.floats(-10, 10, width=32)
    x = data.draw(arrays("float32", (n, dim), elements=small))
    start = data.draw(arrays("float32", (classes, dim), elements=small))
    loss = losses.CenterLoss(classes, dim, alpha=alpha, update=rule)
    loss.centers.assign(start)
    autodiff.training_step(loss)(labels, x)
    expected = center_update(labels, x, start, alpha, rule)
    np.testing.assert_allclose(to_numpy(loss.centers), expected, rtol=1e-5, atol=1e-4)


@quick
@given(data=st.data())
def test_rows_add_up(data):
    n, rows, dim = (data.draw(st.integers(1, 6)) for _ in range(3))
    ids = data.draw(arrays("int32", n, elements=st.integers(0, rows - 1)))
    added = data.draw(arrays("float32", (n, dim), elements=st.floats(-10, 10, width=32)))
    variable = keras.Variable(np.ones((rows, dim), "float32"), trainable=False)
    _backend.add_rows(variable, ops.convert_to_tensor(ids), ops.convert_to_tensor(added))
    expected = np.ones((rows, dim))
    for row, value in zip(ids, added, strict=True):
        expected[row] += value
    np.testing.assert_allclose(to_numpy(variable), expected, rtol=1e-5, atol=1e-4)


@quick
@given(ids=arrays("int32", st.integers(1, 8), elements=st.integers(0, 5)))
def test_all_forms_of_labels_say_the_same(ids):
    forms = [ids, ids[:, None], ids.astype("float32"), np.eye(6, dtype="float32")[ids]]
    for found, valid in autodiff.once(lambda *forms: [as_class_ids(y, 6) for y in forms], *forms):
        np.testing.assert_array_equal(to_numpy(found), ids)
        assert to_numpy(valid).all()


SAFE = [
    _numerics.absolute,
    _numerics.positive_part,
    _numerics.sqrt,
    _numerics.norm,
    _numerics.log,
    _numerics.normalize,
    _numerics.log_softmax,
    lambda x: _numerics.divide(ops.ones_like(x), ops.where(x * x < 1e-15, 0 * x, x)),
    lambda x: _numerics.clip(x, 0.0, 1.0),
]


def all_safe(x):
    """Each function of a row of its own, so that each has a gradient of its own; one program."""
    return ops.concatenate([ops.reshape(f(row), (-1,)) for f, row in zip(SAFE, x, strict=True)])


safe_program = autodiff.values_and_slope(lambda _, x: all_safe(x))


@quick
@given(
    x=arrays("float32", (3, 4), elements=st.sampled_from([0.0, -0.0, 1e-30, 1e-8, 1.0, -3.0, 1e20]))
)
def test_safe_functions_are_finite_in_value_and_gradient(x):
    rows = np.stack([x] * len(SAFE))
    assert np.isfinite(to_numpy(all_safe(ops.convert_to_tensor(rows)))).all()
    values, slopes = safe_program(np.zeros(()), rows)
    assert np.isfinite(to_numpy(values)).all()
    for number, slope in enumerate(slopes):
        assert np.isfinite(to_numpy(slope)).all(), SAFE[number]
