"""`tf.TensorArray` on tensors, its shapes, and what it refuses. Its figures in graphs are in
`test_functions.py`."""

import keras
import numpy as np
import pytest
from keras import ops

import portable_losses.compat.tf1 as tf
from portable_losses.training import LossModel
from tests import autodiff

X = np.arange(8, dtype="float32").reshape(4, 2) / 4 - 0.5


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def squares(x):
    """Σ of the squares of what lies above, entry by entry, as a loss of tensors."""

    def turn(i, sums):
        return i + 1, sums.write(i, tf.reduce_sum(tf.square(x[:, 0] - rows.read(i)[0])))

    rows = tf.TensorArray(tf.float32, 4).unstack(x)
    sums = tf.TensorArray(tf.float32, 4)
    _, sums = tf.while_loop(lambda i, _: i < 4, turn, [0, sums], maximum_iterations=4)
    return sums.stack()


def test_tensors_at_once_and_compiled():
    column = X[:, 0]
    expected = np.square(column[:, None] - column).sum(1)
    # Dynamo cannot trace a loop whose end is a tensor's value.
    run = squares if autodiff.BACKEND == "torch" else autodiff.compiled(squares)
    found = run(ops.convert_to_tensor(X))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, 1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(squares(ops.convert_to_tensor(X))), expected)
    slope = autodiff.gradient(lambda x: ops.sum(squares(x)), X)
    expected = np.stack([4 * (4 * column - column.sum()), np.zeros(4)], 1)
    np.testing.assert_allclose(slope, expected, 1e-5, 1e-6)


def test_by_python_ints():
    whole = tf.TensorArray(tf.float32, 2)
    first = whole.write(0, [1.0, 2.0])
    both = first.write(1, [3.0, 4.0])
    np.testing.assert_array_equal(ops.convert_to_numpy(both.stack()), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(ops.convert_to_numpy(both.concat()), [1, 2, 3, 4])
    # The array that was written to is as it was.
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"entry 1 .* not been written"):
        first.read(1)
    other = first.write(1, [5.0, 6.0]).read(1)
    np.testing.assert_array_equal(ops.convert_to_numpy(other), [5, 6])
    grown = tf.TensorArray(tf.int32, 0, dynamic_size=True).write(2, 7).write(0, 5)
    assert ops.convert_to_numpy(grown.stack()).tolist() == [5, 0, 7]
    assert int(ops.convert_to_numpy(grown.size())) == 3
    empty = tf.TensorArray(tf.float32, 2, element_shape=[3])
    assert ops.convert_to_numpy(empty.read(1)).tolist() == [0, 0, 0]


def test_shapes_of_nodes():
    x = tf.placeholder(tf.float32, [None, 3])
    entries = tf.TensorArray(tf.float32, 5)
    _, entries = tf.while_loop(
        lambda i, _: i < 5,
        lambda i, e: (i + 1, e.write(i, x * tf.cast(i, tf.float32))),
        [0, entries],
    )
    assert entries.stack().shape.as_list() == [5, None, 3]
    with tf.Session() as session:
        found = session.run(entries.concat(), {x: np.ones((2, 3))})
        assert found.shape == (10, 3) and found[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        assert session.run(entries.read(2), {x: np.ones((1, 3))}).tolist() == [[2, 2, 2]]


def test_a_branch_that_does_not_write():
    x = tf.placeholder_with_default(np.float32([1, -2, 3]), [3])
    kept = tf.TensorArray(tf.float32, 3, element_shape=[])

    def turn(i, kept):
        return i + 1, tf.cond(x[i] > 0, lambda: kept.write(i, x[i]), lambda: kept)

    _, kept = tf.while_loop(lambda i, _: i < 3, turn, [0, kept])
    with tf.Session() as session:
        assert session.run(kept.stack()).tolist() == [1, 0, 3]


def test_in_a_loss_of_a_model():
    def loss(labels, features):
        size = features.get_shape().as_list()[1]
        parts = tf.TensorArray(tf.float32, size)

        def turn(i, parts):
            return i + 1, parts.write(i, tf.reduce_mean(tf.square(features[:, i])))

        _, parts = tf.while_loop(lambda i, _: i < size, turn, [0, parts])
        return tf.reduce_sum(parts.stack())

    made = tf.GraphLoss(loss)
    labels = np.zeros(4, "int32")
    found = made(labels, X, training=True)
    np.testing.assert_allclose(ops.convert_to_numpy(found), np.square(X).mean(0).sum(), 1e-6)
    slope = autodiff.gradient(lambda x: ops.sum(made(labels, x, training=True)), X)
    np.testing.assert_allclose(slope, X / 2, 1e-5)


def test_an_empty_tensor_is_no_array():
    empty = tf.placeholder_with_default(np.zeros((0,), "float32"), [0])
    _, found = tf.while_loop(lambda i, _: i < 3, lambda i, e: (i + 1, e * 2.0), [0, empty])
    with tf.Session() as session:
        assert session.run(found).shape == (0,)


def test_of_as_many_entries_as_samples_in_fit():
    def loss(labels, features):
        size = tf.shape(features)[0]
        parts = tf.TensorArray(tf.float32, size)

        def turn(i, parts):
            return i + 1, parts.write(i, tf.reduce_sum(tf.square(features[i] - labels[i])))

        _, parts = tf.while_loop(lambda i, _: i < size, turn, [tf.constant(0), parts])
        return parts.stack()

    made = tf.GraphLoss(loss, label_shape=(2,), label_dtype="float32")
    inputs = keras.Input((2,))
    dense = keras.layers.Dense(2, kernel_initializer="ones", use_bias=False)
    model = LossModel(keras.Model(inputs, dense(inputs)), made)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(X[:3], np.zeros((3, 2)), batch_size=2, epochs=1, shuffle=False, verbose=0)
    kernel = np.ones((2, 2))
    for batch in (X[:2], X[2:3]):
        kernel -= 0.1 * 2 * batch.T @ (batch @ kernel) / len(batch)
    np.testing.assert_allclose(ops.convert_to_numpy(dense.kernel), kernel, 1e-5)


def test_what_is_wrong_is_named():
    entries = tf.TensorArray(tf.float32, 2).write(0, 1.0)
    invalid = tf.errors.InvalidArgumentError
    with pytest.raises(invalid, match=r"index 2 .* size is 2"):
        entries.write(2, 1.0)
    with pytest.raises(invalid, match=r"entry 0 .* already been written"):
        entries.write(0, 1.0)
    with pytest.raises(ValueError, match=r"dtype is float32, .* int32. Use tf.cast"):
        entries.write(1, ops.convert_to_tensor(np.int32(1)))
    with pytest.raises(ValueError, match=r"needs a `size`"):
        tf.TensorArray(tf.float32)
    grows = tf.TensorArray(tf.float32, 0, dynamic_size=True)
    tf.placeholder(tf.float32)  # a graph is being built
    with pytest.raises(ValueError, match="grows in a loop"):
        tf.while_loop(lambda i, _: i < 2, lambda i, g: (i + 1, g.write(i, 1.0)), [0, grows])
    unread = tf.TensorArray(tf.float32, 2)
    _, found = tf.while_loop(
        lambda i, _: i < 2, lambda i, e: (i + 1, e.write(i, e.read(i) + 1.0)), [0, unread]
    )
    with tf.Session() as session, pytest.raises(invalid, match="give element_shape"):
        session.run(found.stack())
