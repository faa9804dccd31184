"""What a session keeps is its own: runs change tables where they are, and nobody else's arrays."""

from typing import Any

import keras
import numpy as np
import pytest

import portable_losses.compat.tf1 as tf

RUNS = 5  # more than PyTorch runs before it traces a program
ROWS = np.array([1, 0, 1], "int32")


def table(scale: float = 1.0) -> np.ndarray:
    """In memory as backends like it, so that they may take it for theirs."""
    room = np.zeros(8 * 16 * 4 + 64, "uint8")
    start = -room.ctypes.data % 64
    found = room[start : start + 8 * 16 * 4].view("float32").reshape(8, 16)
    found[:] = scale * np.arange(8 * 16).reshape(8, 16)
    return found


def moved(before: np.ndarray, times: int = 1) -> np.ndarray:
    found = before.copy()
    np.add.at(found, ROWS, times)
    return found


def test_nobody_elses_arrays_change():
    with tf.Graph().as_default() as graph:
        given = tf.placeholder(tf.float32, [8, 16])
        rows = tf.placeholder(tf.int32, [None])
        a = tf.Variable(tf.constant(table()), name="a")
        b = tf.Variable(a.initialized_value() * 1.0, name="b")
        both = tf.group(a.assign(given), b.assign(given))
        copied = a.assign(b)
        step = tf.scatter_add(a, rows, tf.ones([3, 16]))
        first, later = tf.Session(graph=graph), tf.Session(graph=graph)
        for session in (first, later):
            session.run(tf.global_variables_initializer())
        mine = table(2.0)
        kept = []
        for run in range(RUNS):
            first.run(both, {given: mine})
            kept.append(first.run(a))
            first.run(step.op, {rows: ROWS})
            found = first.run([a, b])
            np.testing.assert_array_equal(found[0], moved(table(2.0)), f"{run}: what is changed")
            np.testing.assert_array_equal(found[1], table(2.0), f"{run}: its twin")
            np.testing.assert_array_equal(mine, table(2.0), f"{run}: what was fed")
            first.run(copied.op)
            first.run(step.op, {rows: ROWS})
            np.testing.assert_array_equal(first.run(b), table(2.0), f"{run}: what was copied")
            a.load(mine, first)
            first.run(step.op, {rows: ROWS})
            np.testing.assert_array_equal(mine, table(2.0), f"{run}: what was loaded")
            kept.append(first.value_of(a))
        for found, right in zip(kept, [table(2.0), moved(table(2.0))] * RUNS, strict=True):
            np.testing.assert_array_equal(found, right, "what was fetched")
        first.run(both, {given: mine})
        mine[:] = -1.0
        np.testing.assert_array_equal(first.run(b), table(2.0), "an array that changes later")
        np.testing.assert_array_equal(later.run(a), table(), "another session")
        first.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(first.run(a), table(), "a constant")


def test_reads_come_when_they_came():
    """Before and after a write within one run, by its edges; and of several writes each."""
    with tf.Graph().as_default(), tf.Session() as session:
        rows = tf.placeholder(tf.int32, [None])
        v = tf.Variable(tf.constant(table()), name="v")
        before = v + 0.0
        some = tf.gather(v, rows)
        with tf.control_dependencies([before, some]):
            once = tf.scatter_add(v, rows, tf.ones([3, 16]))
        with tf.control_dependencies([once]):
            between = v * 1.0
        with tf.control_dependencies([between]):
            twice = tf.scatter_sub(v, rows, -tf.ones([3, 16]))
        session.run(tf.global_variables_initializer())
        for run in range(RUNS):
            found = session.run([before, some, between, twice], {rows: ROWS})
            right = [moved(table(), 2 * run + i) for i in range(3)]
            right.insert(1, right[0][ROWS])
            for i, (value, expected) in enumerate(zip(found, right, strict=True)):
                np.testing.assert_array_equal(value, expected, f"run {run}, fetch {i}")


def test_kinds_of_feeds():
    """Another size, dtype or kind of what is fed; sizes that are fetched are those of the run."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 2])
        fetches: dict[str, Any] = {"shape": tf.shape(x), "sums": [tf.reduce_sum(x), tf.size(x)]}
        for n in (3, 5, 3, 5, 3, 3):
            for given in (
                np.ones((n, 2), "float32"),
                np.ones((n, 2)),
                np.ones((2, n), "float32").T,
                [[1, 1]] * n,
                keras.ops.ones((n, 2)),
            ):
                found = session.run(fetches, {x: given})
                assert found["shape"].tolist() == [n, 2] and found["sums"] == [2 * n, 2 * n]
        still = np.ones((3, 2), "float32")
        still.flags.writeable = False
        assert session.run("Sum:0", {"Placeholder:0": still}) == 6
        with pytest.raises(ValueError, match="shape"):
            session.run(fetches, {x: np.ones((3, 3), "float32")})
        with pytest.raises(ValueError, match="twice"):
            session.run(fetches, {x: still, "Placeholder:0": still})


def test_an_index_out_of_range():
    if keras.backend.backend() == "jax":
        pytest.skip("JAX looks at no index in a program; docs/compat-tf1-operations.md")
    with tf.Graph().as_default(), tf.Session() as session:
        rows = tf.placeholder(tf.int32, [None])
        v = tf.Variable(tf.zeros([8, 16]))
        found = tf.reduce_sum(tf.gather(v, rows))
        session.run(tf.global_variables_initializer())
        for _ in range(RUNS):
            assert session.run(found, {rows: ROWS}) == 0
        with pytest.raises(Exception, match=r"8 is not in \[0, 8\)"):
            session.run(found, {rows: np.array([1, 0, 8], "int32")})
        assert session.run(found, {rows: ROWS}) == 0
