"""What goes wrong in TF1 code is told in its terms: the node and the line that made it, on each
backend, in a session, in a branch and a loop, in a gradient, and in `GraphLoss`."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import portable_losses.compat.tf1 as tf
from portable_losses import training


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def run(fetches: Any, feed_dict: Any = None) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed_dict)


def placeholders() -> tuple[Any, Any]:
    return tf.placeholder(tf.float32, [None, 2], "x"), tf.placeholder(tf.float32, name="y")


def missing_feed() -> Any:
    x, y = placeholders()
    run(x + y, {y: 1.0})


def wrong_shape() -> Any:
    x, _ = placeholders()
    run(x, {x: np.zeros((2, 3))})


def text_fed() -> Any:
    x, _ = placeholders()
    run(x, {x: "one"})


def fractions_fed() -> Any:
    ids = tf.placeholder(tf.int32, [None], "x")
    run(ids, {ids: [0.5]})


def ragged_fed() -> Any:
    x, _ = placeholders()
    run(x, {x: [[1.0, 2.0], [3.0]]})


def mismatch_when_built() -> Any:
    placeholders()
    tf.matmul(tf.ones([4, 2]), tf.ones([3, 2]), name="product")


def mismatch_when_run() -> Any:
    x, y = placeholders()
    product = tf.matmul(x, y, name="product")
    run(product, {x: np.ones((1, 2)), y: np.ones((3, 2))})


def mismatch_in_a_branch() -> Any:
    x, y = placeholders()
    p = tf.placeholder(tf.bool, [])
    found = tf.cond(p, lambda: tf.add(x, y, name="product"), lambda: x)
    run(found, {x: np.ones((1, 2)), y: np.ones((1, 3)), p: True})


def mismatch_in_a_loop() -> Any:
    x, y = placeholders()
    turns = tf.map_fn(lambda row: tf.add(row, y, name="product"), x)
    run(turns, {x: np.ones((1, 2)), y: np.ones(3)})


def mismatch_in_a_gradient() -> Any:
    x, y = placeholders()
    w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    loss = tf.reduce_sum(tf.add(x * w, y, name="product"))
    run(tf.gradients(loss, w), {x: np.ones((1, 2)), y: np.ones((1, 3))})


def uninitialized() -> Any:
    v = tf.get_variable("product", [2])
    with tf.Session() as session:
        session.run(tf.square(v))


def uninitialized_in_an_update() -> Any:
    v = tf.get_variable("product", [2])
    with tf.Session() as session:
        session.run(tf.scatter_add(v, [0], [1.0]))


def value_that_does_not_fit() -> Any:
    v = tf.get_variable("product", [2], initializer=tf.zeros_initializer())
    v.load([1.0, 2.0, 3.0], tf.Session())


def row_that_is_not_there() -> Any:
    v = tf.get_variable("table", [2, 1], initializer=tf.zeros_initializer())
    return run(tf.gather(v, [5], name="product"))


def loss_in_keras() -> Any:
    def loss(labels: Any, features: Any) -> Any:
        return tf.reduce_sum(tf.add(features, labels, name="product"), axis=1)

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model = training.LossModel(network, tf.GraphLoss(loss, label_shape=(2,), label_dtype="float32"))
    model.compile("sgd")
    model.fit(np.ones((4, 2)), np.ones((4, 3), "float32"), verbose=0)


def of_another_graph() -> Any:
    x, _ = placeholders()
    with tf.Graph().as_default():
        x + tf.placeholder(tf.float32, [2])


def no_floats() -> Any:
    ids = tf.placeholder(tf.int32, [None], "x")
    tf.gradients(tf.reduce_sum(tf.to_float(ids)), ids)


# Each with the text of the line that is to be named, and the node.
WRONG: dict[Callable[[], Any], tuple[str, str]] = {
    missing_feed: ("[None, 2]", "x"),
    wrong_shape: ("[None, 2]", "x"),
    text_fed: ("[None, 2]", "x"),
    fractions_fed: ("tf.placeholder", "x"),
    ragged_fed: ("[None, 2]", "x"),
    mismatch_when_built: ("tf.matmul", "product"),
    mismatch_when_run: ("tf.matmul", "product"),
    mismatch_in_a_branch: ("tf.add", "product"),
    mismatch_in_a_loop: ("tf.add", "product"),
    mismatch_in_a_gradient: ("tf.add", "product"),
    uninitialized: ("tf.get_variable", "product"),
    uninitialized_in_an_update: ("tf.get_variable", "product"),
    value_that_does_not_fit: ("tf.get_variable", "product"),
    row_that_is_not_there: ("tf.gather", "product"),
    loss_in_keras: ("tf.add", "product"),
    of_another_graph: ("x + tf.placeholder", "Placeholder"),
    no_floats: ("tf.placeholder", "x"),
}


def line_of(function: Callable[..., Any], text: str) -> int:
    for made_in in (function, placeholders):
        lines, first = inspect.getsourcelines(made_in)
        for i, line in enumerate(lines):
            if text in line:
                return first + i
    raise AssertionError(text)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda f: f.__name__)
def test_errors_name_the_node_and_the_line(wrong: Callable[[], Any]):
    text, node = WRONG[wrong]
    if wrong is row_that_is_not_there and keras.backend.backend() == "jax":
        assert np.isnan(found := wrong()).all() and found.shape == (1, 1)  # a run that is compiled
        return
    with pytest.raises(Exception) as caught:
        wrong()
    said = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert f"{__file__}:{line_of(wrong, text)}" in said, said
    assert re.search(rf"['/ ]{node}\b", said), said


def test_names_that_are_not_there():
    """Python's own traceback has the line; the message says what there is."""
    x, _ = placeholders()
    graph = tf.get_default_graph()
    tf.get_variable("centers", [2], initializer=tf.zeros_initializer())
    for wrong, message in {
        lambda: tf.reduce_sums(x): r"no tf.reduce_sums\. Did you mean tf.reduce_sum.*keras\.ops",
        lambda: tf.nn.softmaxx(x): r"no tf.nn.softmaxx\. Did you mean tf.nn.softmax",
        lambda: tf.contrib.slim.batch_norms(x): r"no tf.contrib.slim.batch_norms",
        lambda: graph.get_tensor_by_name("center:0"): r"'center', does not exist.*'centers'",
        lambda: graph.get_operation_by_name("center"): r"'center'.*not in the graph.*'centers'",
        lambda: tf.Session().run("center:0"): r"'center', does not exist.*'centers'",
        lambda: tf.Session().run(x, {"xx:0": 1.0}): r"Cannot interpret feed_dict key.*'x'",
    }.items():
        with pytest.raises((AttributeError, KeyError, ValueError, TypeError), match=message):
            wrong()
