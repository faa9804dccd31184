"""Names of TensorFlow: each is there, or says what to write; flags; layers of few operations."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import portable_losses.compat.tf1 as tf
from portable_losses.compat.tf1._absent import ADVICE, Absent

# The symbols that the losses and metrics of 247 public files of old code refer to.
NAMES = Path(__file__).with_name("symbols.txt").read_text(encoding="utf-8").split()
# Of those, what is not there.
WITHOUT = {
    "SparseTensor",
    "distributions.Normal",
    "estimator.EstimatorSpec",
    "estimator.export.PredictOutput",
    "python.estimator.canned.optimizers.get_optimizer_instance",
    "sparse.to_dense",
}


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def lookup(name: str) -> Any:
    found: Any = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_symbols_of_old_losses():
    assert len(NAMES) == 279
    for name in NAMES:
        if name not in WITHOUT:
            assert not isinstance(lookup(name), Absent), name
            continue
        with pytest.raises(NotImplementedError, match="has no counterpart here"):
            lookup(name)()


def test_what_is_absent_says_what_to_write():
    for name, advice in ADVICE.items():
        with pytest.raises(NotImplementedError) as caught:
            lookup(name)()
        assert name in str(caught.value) and advice in str(caught.value)
    with pytest.raises(AttributeError, match=r"no tf\.math\.reduce_sums\. Did you mean tf\.math"):
        tf.math.reduce_sums  # noqa: B018  # the look-up raises
    session = tf.Session()
    with pytest.raises(NotImplementedError, match=r"partial_run: use one session\.run"):
        session.partial_run_setup([], [])
    with pytest.raises(NotImplementedError, match="partial_run"):
        session.partial_run(None, [])


def test_flags_of_a_program(monkeypatch):
    tf.app.flags.DEFINE_string("test_dir", "logs", "where to write")
    tf.flags.DEFINE_integer("test_steps", 10, "how often")
    tf.flags.DEFINE_float("test_rate", None, "how far")
    tf.flags.DEFINE_boolean("test_fast", False, "whether")
    tf.flags.DEFINE_enum("test_kind", "a", ["a", "b"], "which")
    given = ["program.py", "--test_steps=3", "--test_rate", "0.5", "--test_fast", "file"]
    monkeypatch.setattr(sys, "argv", given)
    flags = tf.app.flags.FLAGS
    assert (flags.test_dir, flags.test_steps, flags.test_rate) == ("logs", 3, 0.5)
    assert flags.test_fast is True and flags.test_kind == "a"
    flags.test_dir = "elsewhere"
    assert tf.flags.FLAGS.test_dir == "elsewhere"
    with pytest.raises(AttributeError, match=r"no flag 'tset_dir'.*'test_dir'"):
        flags.tset_dir  # noqa: B018  # the look-up raises

    def main(argv: list[str]) -> str:
        return f"{argv} {flags.test_fast} {flags.test_kind}"

    with pytest.raises(SystemExit) as left:
        tf.app.run(main, ["program.py", "--notest_fast", "--test_kind=b", "--other=1"])
    assert left.value.code == "['program.py', '--other=1'] False b"


def test_layers_that_are_few_operations():
    x = tf.placeholder(tf.float32, [None, 2, 3])
    hidden = tf.layers.dense(x, 4, tf.nn.relu)
    hidden = tf.layers.dense(tf.layers.flatten(hidden), 5, use_bias=False)
    training = tf.placeholder(tf.bool, [])
    dropped = tf.layers.dropout(tf.ones_like(hidden), 0.25, training=training)
    start = tf.constant_initializer(0.5)
    rule = tf.contrib.slim.l2_regularizer(1.0)
    out = tf.contrib.slim.fully_connected(
        hidden, 3, scope="fc", weights_initializer=start, weights_regularizer=rule
    )
    assert [v.name for v in tf.trainable_variables()] == [
        "dense/kernel:0",
        "dense/bias:0",
        "dense_1/kernel:0",
        "fc/weights:0",
        "fc/biases:0",
    ]
    assert out.shape.as_list() == [None, 3] and hidden.shape.as_list() == [None, 5]
    (penalty,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    feed = {x: np.random.default_rng(1).normal(size=(20, 2, 3))}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        kernels = session.run(["dense/kernel:0", "dense_1/kernel:0"])
        found = session.run([hidden, out, penalty], feed)
        inner = np.maximum(feed[x] @ kernels[0], 0).reshape(20, 8) @ kernels[1]
        np.testing.assert_allclose(found[0], inner, rtol=1e-4, atol=1e-5)
        sums = np.maximum(0.5 * inner.sum(1, keepdims=True), 0)
        np.testing.assert_allclose(found[1], np.repeat(sums, 3, 1), rtol=1e-4, atol=1e-5)
        assert found[2] == pytest.approx(0.5 * 15 * 0.25)
        assert np.all(session.run(dropped, {**feed, training: False}) == 1)
        once, again = (session.run(dropped, {**feed, training: True}) for _ in range(2))
        assert set(np.round(once, 3).ravel()) == {0, np.float32(1.333)}
        assert not np.array_equal(once, again)  # drawn anew in each run
    with pytest.raises(ValueError, match=r"known number of features.*test_names\.py"):
        tf.layers.dense(tf.placeholder(tf.float32), 2)
