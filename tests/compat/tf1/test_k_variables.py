"""Variables of K in graphs of TF1. The figures are those of TensorFlow 1.15.5."""

import numpy as np
import pytest

from portable_losses.compat import K
from portable_losses.compat import tf1 as tf
from portable_losses.compat.keras2.layers import Layer


@pytest.fixture(autouse=True)
def _a_graph_of_its_own():
    with tf.Graph().as_default():
        yield
    K.set_session(None)


def runner(feed):
    session = K.get_session()
    return lambda fetches: session.run(fetches, feed)


def test_updates_run_when_they_are_fetched():
    v, w = K.variable(0, dtype="int32"), K.variable([1.0, 2.0])
    a, b = tf.placeholder(tf.int32, []), tf.placeholder(tf.float32, [2])
    total, times, up = v + a, v * 1, K.update_add(v, a)
    sub, new, one = K.update_sub(w, b), K.update(w, b * 2), K.update_add(v, 1)
    run = runner({a: 3, b: [10.0, 20.0]})
    found = [run(x) for x in (total, times, up, total, times, up, total)]
    assert found == [3, 0, 3, 6, 3, 6, 9]
    for fetch, left in ((sub, [-9, -18]), (w, [-9, -18]), (new, [20, 40]), (w, [20, 40])):
        assert run(fetch).tolist() == left
    K.set_value(v, 7)
    assert K.get_value(v) == 7 and run(total) == 10
    assert (run(one), run(v)) == (8, 8)
    with tf.control_dependencies([up]):
        after = tf.identity(v * 2)
    assert (run(after), run(after)) == (22, 28)
    assert run(K.moving_average_update(w, b, 0.5)).tolist() == [15, 30]


def test_an_expression_of_a_variable_is_a_node():
    v, w = K.variable(7, dtype="int32"), K.variable([20.0, 40.0])
    a, b = tf.placeholder(tf.int32, []), tf.placeholder(tf.float32, [2])
    expected = (
        (v * a, 21),
        (a * v, 21),
        (2 - v, -5),
        (w * b, [200, 800]),
        (-w, [-20, -40]),
        (w[0], 20),
        (w**2, [400, 1600]),
        (v > 2, True),
        (v >= a, True),
        (K.sum(w), 60),
        (K.square(w), [400, 1600]),
        (tf.gradients(tf.reduce_sum(w * b), w)[0], [10, 20]),
        (w * tf.constant([1.0, 2.0]), [20, 80]),
    )
    nodes, values = zip(*expected, strict=True)
    for found, value in zip(runner({a: 3, b: [10.0, 20.0]})(list(nodes)), values, strict=True):
        assert np.asarray(found).tolist() == value
    with pytest.raises(TypeError):
        v + b
    assert [x.keras for x in tf.global_variables()] == [v, w]
    step = tf.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_sum(w * b))
    run = runner({b: [10.0, 20.0]})
    run(tf.global_variables_initializer())
    run(step)
    assert K.get_value(w).tolist() == [15, 30]


def test_tensors_and_layers_compute_at_once():
    v = K.variable([1.0, 2.0])
    x = K.constant([3.0, 4.0])
    assert K.get_value(v * x).tolist() == [3, 8] and K.is_keras_tensor(v * x) is False

    class Shifted(Layer):
        def call(self, inputs):
            return inputs + K.sum(v * 2.0)

    assert K.get_value(Shifted()(x)).tolist() == [9, 10]


def test_the_session_is_that_of_the_graph():
    first = K.get_session()
    assert first is K.get_session() and first.graph is tf.get_default_graph()
    with tf.Graph().as_default() as other:
        assert K.get_session() is not first and K.get_session().graph is other
        score, update = tf.metrics.mean(tf.placeholder_with_default([1.0, 3.0], [2]))
        K.get_session().run(tf.local_variables_initializer())
        assert K.get_value(update) == K.get_value(score) == 2


class TruePositives(Layer):
    """A metric with state, as for Keras 2.0."""

    def __init__(self):
        super().__init__()
        self.stateful = True
        self.hits = K.variable(0, dtype="int32")

    def reset_states(self):
        K.set_value(self.hits, 0)

    def __call__(self, y_true, y_pred):
        hits = K.sum(K.cast(K.round(y_true), "int32") * K.cast(K.round(y_pred), "int32"))
        before = self.hits * 1
        self.add_update(K.update_add(self.hits, hits), inputs=[y_true, y_pred])
        return hits + before


def test_a_layer_keeps_its_updates():
    metric = TruePositives()
    y, p = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    now = metric(y, p)
    assert len(metric.updates) == 1
    run = runner({y: [1, 1, 0], p: [0.9, 0.2, 0.8]})
    assert [run(now), run(now)] == [1, 1]
    run(metric.updates)
    assert run(now) == 2
    metric.reset_states()
    assert run(now) == 1


def test_a_graph_loss_does_not_lose_an_update():
    seen = K.variable(0.0)

    def counted(y_true, y_pred):
        with tf.control_dependencies([K.update_add(seen, 1.0)]):
            return tf.reduce_sum(y_pred)

    with pytest.raises(ValueError, match=r"tf\.get_variable"):
        tf.GraphLoss(counted)([0], [[1.0]], training=True)
    weights = K.variable([2.0, 3.0])
    loss = tf.GraphLoss(lambda y_true, y_pred: tf.reduce_sum(y_pred * weights))
    assert float(loss([0], [[1.0, 1.0]], training=True)) == 5
