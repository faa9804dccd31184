"""Results whose size depends on values: a session gives TF1's; a traced step pads them with what
is no id, and nothing that takes ids sees the padding. Expected numbers are TensorFlow 1.15.5's."""

from typing import Any

import keras
import numpy as np
import pytest

import portable_losses.compat.tf1 as tf
from portable_losses import _backend, training
from portable_losses.compat.tf1 import _indexing, _tensors

IDS = np.array([3, 1, 1, 3, 4, 3], "int32")


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def test_a_session_gives_the_sizes_of_tf1():
    ids = tf.placeholder(tf.int32, [6])
    distinct, position, count = tf.unique_with_counts(ids)
    assert distinct.shape.as_list() == count.shape.as_list() == [None]
    assert position.shape.as_list() == [6]
    total = tf.unsorted_segment_sum(tf.ones([6, 2]), position, tf.size(distinct))
    mean = tf.reduce_mean(tf.cast(count, tf.float32))
    with tf.Session() as session:
        found = session.run([distinct, position, count, total, mean], {ids: IDS})
        np.testing.assert_array_equal(found[0], [3, 1, 4])
        np.testing.assert_array_equal(found[1], [0, 1, 1, 0, 2, 0])
        np.testing.assert_array_equal(found[2], [3, 2, 1])
        np.testing.assert_array_equal(found[3], [[3, 3], [2, 2], [1, 1]])
        assert found[4] == 2.0
        other = session.run(distinct, {ids: [0, 0, 0, 0, 0, 2]})
        np.testing.assert_array_equal(other, [0, 2])


def scattered(labels: Any, features: Any) -> Any:
    distinct, position, _ = tf.unique_with_counts(labels)
    mean = tf.unsorted_segment_mean(features, position, tf.size(distinct))
    updates = []
    for kind in ("add", "sub", "update", "mul", "div", "max", "min"):
        start = tf.constant_initializer(2.0)
        table = tf.get_variable(kind, [5, 2], tf.float32, start, trainable=False)
        updates.append(getattr(tf, f"scatter_{kind}")(table, distinct, mean))
    steps = tf.get_variable("steps", [5], tf.int32, tf.zeros_initializer(), trainable=False)
    updates.append(tf.scatter_add(steps, distinct, 1))
    return tf.reduce_sum(features), updates


def test_scatters_in_fit_are_those_of_a_session():
    features = np.arange(1, 13, dtype="float32").reshape(6, 2)
    ids, x = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, 2])
    fetches = scattered(ids, x)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(fetches, {ids: IDS, x: features})
        expected = {v.name: session.run(v) for v in tf.global_variables()}
    np.testing.assert_array_equal(expected["steps:0"], [0, 1, 0, 1, 1])
    np.testing.assert_allclose(expected["add:0"][:, 0], [2, 6, 2, 2 + 19 / 3, 11], rtol=1e-6)
    loss = tf.GraphLoss(scattered)
    same = keras.layers.Dense(2, kernel_initializer="identity")
    model = training.LossModel(keras.Sequential([keras.Input((2,)), same]), loss)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=keras.backend.backend() == "jax")
    model.fit(features, IDS, batch_size=6, epochs=1, shuffle=False, verbose=0)
    for name, weight in loss.tf1_variables.items():
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(weight), expected[name], rtol=1e-6, err_msg=name
        )


def taken(ids: Any, table: Any) -> list[Any]:
    """What functions of tensors make of padded ids."""
    distinct, _, count = tf.unique_with_counts(ids)
    ones = tf.ones_like(count)
    rows = tf.expand_dims(distinct, 1)
    return [
        tf.reduce_sum(tf.gather(table, distinct), 0),
        tf.reduce_sum(tf.gather(tf.transpose(table), distinct, axis=1), 1),
        tf.reduce_sum(tf.nn.embedding_lookup(table, distinct), 0),
        tf.reduce_sum(tf.gather_nd(table, rows), 0),
        tf.scatter_nd(rows, ones, [5]),
        tf.tensor_scatter_nd_add(tf.zeros([5]), rows, tf.ones_like(count, tf.float32)),
        tf.tensor_scatter_nd_update(tf.zeros([5]), rows, tf.ones_like(count, tf.float32)),
        tf.unsorted_segment_sum(ones, distinct, 5),
        tf.unsorted_segment_prod(ones + 1, distinct, 5),
        tf.maximum(tf.unsorted_segment_max(ones, distinct, 5), 0),
        tf.reduce_sum(tf.one_hot(distinct, 5), 0),
    ]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_padding_is_no_id(dtype: str):
    table = np.array([[2.0**k, -(3.0**k)] for k in range(5)], "float32")

    def function(held: Any, ids: Any, table: Any) -> Any:
        found = taken(ids, table)
        slope = _backend.value_and_gradient(lambda x: tf.reduce_sum(taken(ids, x)[0]), [table])[1]
        return (found, slope), []

    ids, rows = (
        keras.ops.convert_to_tensor(IDS, _backend.canonical_dtype(dtype)),
        keras.ops.convert_to_tensor(table),
    )
    (found, (slope,)), _ = _backend.compiled(function)([], ids, rows)
    total, there = table[[3, 1, 4]].sum(axis=0), [0, 1, 0, 1, 1]
    expected = [total] * 4 + [there] * 4 + [[1, 2, 1, 2, 2], there, there]
    for i, (value, right) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(value), right, err_msg=str(i))
    slope = keras.ops.convert_to_numpy(slope)
    np.testing.assert_array_equal(slope, np.repeat(np.array(there)[:, None], 2, axis=1))


def test_what_pads():
    """Where nothing is traced, as on PyTorch, too."""
    found = _indexing._first_seen(keras.ops.convert_to_tensor(IDS))
    distinct, position, count = map(keras.ops.convert_to_numpy, found)
    np.testing.assert_array_equal(distinct, [3, 1, 4] + [_tensors.NO_ID] * 3)
    np.testing.assert_array_equal(position, [0, 1, 1, 0, 2, 0])
    np.testing.assert_array_equal(count, [3, 2, 1, 0, 0, 0])
    found = _indexing._first_seen(keras.ops.convert_to_tensor(IDS.astype("float32")))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(found[0]), [3, 1, 4, 3, 3, 3])
    narrow = _indexing._first_seen(keras.ops.convert_to_tensor(IDS, "uint8"))  # as int32
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(narrow[0]), distinct)


def test_rows_of_integers():
    """Neither a variable of integers nor a constant one is taken for a shape."""
    steps = tf.get_variable("steps", [5], tf.int32, tf.zeros_initializer(), trainable=False)
    ids = tf.placeholder(tf.int32, [3])
    found = [tf.gather(tf.assign_add(steps, [0, 1, 2, 3, 4]), ids), tf.gather(steps, ids)]
    found.append(tf.gather(tf.constant([5, 6, 7, 8]), ids))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value, right in zip(
            [session.run(x, {ids: [3, 1, 1]}) for x in found],
            [[3, 1, 1], [3, 1, 1], [8, 6, 6]],
            strict=True,
        ):
            np.testing.assert_array_equal(value, right)


def test_a_scatter_out_of_range_raises():
    table = tf.get_variable("table", [5], tf.float32, tf.zeros_initializer())
    ids = tf.placeholder(tf.int32, [None])
    update = tf.scatter_add(table, tf.unique(ids)[0], 1.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(ValueError, match="index 5 is not in"):
            session.run(update, {ids: [5, 5]})
