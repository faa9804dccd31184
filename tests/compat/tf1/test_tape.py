"""`tf.GradientTape`: of tensors on TensorFlow and PyTorch, of nodes everywhere."""

import keras
import numpy as np
import pytest
from keras import ops

import portable_losses.compat.tf1 as tf
from tests import autodiff

X = np.float32([[1, 2], [-3, 0.5]])
records = pytest.mark.skipif(autodiff.BACKEND == "jax", reason="JAX records nothing")


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def numbers(x):
    return ops.convert_to_numpy(ops.stop_gradient(x))


@records
def test_of_tensors_and_variables():
    x = ops.convert_to_tensor(X)
    w = keras.Variable(np.float32([2, -1]))
    unused = keras.Variable(np.float32([1, 1]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.square(x) * w)
    found = tape.gradient(y, {"x": x, "of": [w, unused]})
    np.testing.assert_allclose(numbers(found["x"]), 2 * X * [2, -1], 1e-6)
    np.testing.assert_allclose(numbers(found["of"][0]), np.square(X).sum(0), 1e-6)
    assert found["of"][1] is None
    with pytest.raises(RuntimeError):
        tape.gradient(y, x)  # once
    assert not getattr(x, "requires_grad", False)  # as it was


@records
def test_persistent_seeded_and_unconnected():
    x, other = ops.convert_to_tensor(X), ops.convert_to_tensor(X)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, other])
        y, z = tf.square(x), x * 3.0
    slope = tape.gradient(y, x, output_gradients=ops.convert_to_tensor(X))
    np.testing.assert_allclose(numbers(slope), 2 * X * X, 1e-6)
    np.testing.assert_allclose(numbers(tape.gradient([y, z], x)), 2 * X + 3, 1e-6)
    assert tape.gradient(z, other) is None
    zero = tape.gradient(z, [other], unconnected_gradients="zero")[0]
    np.testing.assert_array_equal(numbers(zero), np.zeros_like(X))
    w = keras.Variable(np.float32(2))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        y = ops.convert_to_tensor(w) * 2.0
    assert tape.gradient(y, w) is None


@records
def test_a_gradient_of_a_gradient():
    """As in a penalty on the gradient: a tape in what is differentiated."""
    x = ops.convert_to_tensor(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(x * x * x)
        slope = inner.gradient(y, x)
    np.testing.assert_allclose(numbers(outer.gradient(slope, x)), 6 * X, 1e-6)

    def penalty(w):
        x = ops.convert_to_tensor(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.square(x) * w)
        return tf.reduce_sum(tf.square(tape.gradient(y, x)))

    found = autodiff.gradient(penalty, np.float32([2, -1]))
    np.testing.assert_allclose(found, 8 * np.square(X).sum(0) * [2, -1], 1e-6)


def test_of_nodes():
    x = tf.placeholder(tf.float32, [None, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.square(x))
    (slope,) = tape.gradient(y, [x])
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(slope, {x: X}), 2 * X)


@pytest.mark.skipif(autodiff.BACKEND != "jax", reason="the others record")
def test_jax_says_what_to_write():
    x = ops.convert_to_tensor(X)
    with tf.GradientTape() as tape, pytest.raises(NotImplementedError, match=r"jax\.grad"):
        tape.watch(x)
    with pytest.raises(NotImplementedError, match="`compile`"):
        tape.gradient(ops.sum(x), x)
