"""Graphs as TF1 built them: names, scopes, static shapes, feeds and fetches, branches and loops,
and errors that name the node. Names and messages are those of TensorFlow 1.15.5."""

from typing import Any

import keras
import numpy as np
import pytest

import portable_losses.compat.tf1 as tf
from portable_losses import compat
from tests import autodiff


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def run(fetches: Any, feed_dict: Any = None) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed_dict)


def test_names_of_operations():
    a = tf.placeholder(tf.float32, [None, 2])
    b = tf.placeholder(tf.float32, [None, 2], name="x")
    made = [a, b, a + b, a + 1.0, tf.add(a, b), tf.reduce_sum(a), tf.reduce_mean(a)]
    made += [tf.gather(a, [0]), a - b, a * b, a / b, -a, tf.square(a), tf.nn.l2_loss(a), a[0]]
    made += [tf.identity(a), tf.matmul(a, b, transpose_b=True), tf.reshape(a, [-1])]
    made += [tf.unique_with_counts(tf.zeros([3], tf.int32))[1], tf.subtract(a, b), a**2, a > b]
    assert [x.name for x in made] == (
        "Placeholder:0 x:0 add:0 add_1:0 Add_2:0 Sum:0 Mean:0 GatherV2:0 sub:0 mul:0 truediv:0 "
        "Neg:0 Square:0 L2Loss:0 strided_slice:0 Identity:0 MatMul:0 Reshape:0 UniqueWithCounts:1 "
        "Sub_1:0 pow:0 Greater:0"
    ).split()
    assert tf.no_op().name == "NoOp" and tf.group(a).name == "group_deps"
    graph = tf.get_default_graph()
    assert graph.get_tensor_by_name("Mean:0") is made[6]
    assert graph.get_operation_by_name("x") is b.op
    assert repr(b) == "<tf.Tensor 'x:0' shape=(?, 2) dtype=float32>"


def test_names_in_scopes():
    a = tf.placeholder(tf.float32, [2])

    def inside() -> list[str]:
        g = tf.get_variable("g", [2])
        return [(a + a).name, tf.Variable(1.0, name="q").name, g.name]

    with tf.name_scope("s"):
        assert inside() == ["s/add:0", "s/q:0", "g:0"]
    with tf.name_scope("s"):
        assert (a + a).name == "s_1/add:0"
    with tf.variable_scope("v"):
        assert inside() == ["v/add:0", "v/q:0", "v/g:0"]
    with tf.variable_scope("v", reuse=True) as scope:
        assert inside() == ["v_1/add:0", "v_1/q:0", "v/g:0"]
        assert (scope.name, scope.original_name_scope) == ("v", "v_1/")
    for expected in ("d/g:0", "d_1/g:0"):
        with tf.variable_scope(None, default_name="d"):
            assert tf.get_variable("g", [2]).name == expected
    with tf.name_scope("n"), tf.variable_scope("w"):
        assert inside() == ["n/w/add:0", "n/w/q:0", "w/g:0"]
    v = tf.Variable(1.0)
    made = [v, v.value(), v.initializer, v.assign(2.0), tf.assign_add(v, 1.0)]
    assert [x.name for x in made] == (
        "Variable:0 Variable/read:0 Variable/Assign Assign:0 AssignAdd:0".split()
    )


def test_variables_are_made_once_or_shared():
    def get(shape: Any = (2,), **scope: Any) -> Any:
        with tf.variable_scope("a", **scope):
            return tf.get_variable("centers", shape, trainable=False)

    first = get()
    with pytest.raises(ValueError, match=r"Variable a/centers already exists, disallowed.*AUTO_RE"):
        get()
    assert get(reuse=True) is first and get(reuse=tf.AUTO_REUSE) is first
    with pytest.raises(ValueError, match=r"a/centers, but specified shape \(3,\) and found shape"):
        get([3], reuse=tf.AUTO_REUSE)
    with tf.variable_scope("b", reuse=True), pytest.raises(ValueError, match=r"b/c does not exist"):
        tf.get_variable("c", [2])
    with pytest.raises(ValueError, match=r"Shape of a new variable \(d\) must be fully defined"):
        tf.get_variable("d")
    regularised = tf.get_variable("r", [2], regularizer=tf.nn.l2_loss)
    assert tf.global_variables() == [first, regularised]
    assert tf.trainable_variables() == [regularised]
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 1


def test_static_shapes():
    x = tf.placeholder(tf.float32, [None, 6])
    assert x.get_shape().as_list() == [None, 6] and x.shape[0].value is None
    assert x.shape[1] == 6 and x.shape[-1].value == 6 and x.shape.ndims == 2
    assert tf.reshape(x, [-1, 3]).shape.as_list() == [None, 3]
    assert tf.matmul(x, x, transpose_b=True).shape.as_list() == [None, None]
    assert tf.reduce_sum(x, axis=1).shape.as_list() == [None]
    assert tf.reshape(x, [tf.shape(x)[0], 2, 3]).shape.as_list() == [None, 2, 3]
    assert x[:, 1:3].shape.as_list() == [None, 2] and x[:, None].shape.as_list() == [None, 1, 6]
    assert tf.argmax(x, 1).dtype.is_integer and (x > 0).dtype == tf.bool
    unknown = tf.placeholder(tf.int32)
    assert unknown.shape.ndims is None and unknown.dtype == tf.int32
    unknown.set_shape([2, None])
    assert unknown.shape.as_list() == [2, None]
    doubled = tf.reshape(x, [tf.shape(x)[0] * 2, -1])
    assert run(doubled, {x: np.zeros((3, 6))}).shape == (6, 3)


def test_fetches_keep_their_structure():
    a = tf.constant(2.0)
    v = tf.get_variable("v", [2], initializer=tf.ones_initializer())
    fetches = {"sum": a + 1.0, "all": [(v, "v:0"), tf.no_op()], "op": "v"}
    found = run(fetches)
    assert found["sum"] == 3.0 and isinstance(found["sum"], np.float32)
    assert found["op"] is None and found["all"][1] is None
    np.testing.assert_array_equal(found["all"][0], [[1, 1], [1, 1]])


def test_feeds():
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    twice = 2.0 * x
    plus = twice + tf.placeholder_with_default(1.0, [], name="more")
    with tf.Session() as session:
        assert session.run(plus, {x: [[1, 2]]}).tolist() == [[3, 5]]
        assert session.run(plus, {"x:0": [[1, 2]], "more:0": 10}).tolist() == [[12, 14]]
        assert session.run(plus, {twice: [[7.0, 7.0]]}).tolist() == [[8, 8]]
        assert plus.eval({x: np.zeros((0, 2))}).shape == (0, 2)
        with pytest.raises(ValueError, match=r"feed a value for placeholder tensor 'x' with .*\?"):
            session.run(plus)
        with pytest.raises(ValueError, match=r"Cannot feed value of shape \(3,\) for Tensor 'x:0'"):
            session.run(plus, {x: np.zeros(3)})
        with pytest.raises(TypeError, match=r"Cannot interpret feed_dict key as Tensor: .*'y'"):
            session.run(plus, {"y:0": 1.0})
        with pytest.raises(TypeError, match=r"cannot be a tf\.Tensor object"):
            session.run(plus, {x: twice})
        with pytest.raises(ValueError, match=r"cannot be interpreted as a Tensor.*'y'"):
            session.run("y:0")
        with pytest.raises(TypeError, match="has invalid type"):
            session.run(3)
    with pytest.raises(RuntimeError, match="closed Session"):
        session.run(plus)
    with pytest.raises(ValueError, match="no default session is registered"):
        plus.eval()


def test_errors_name_the_node_and_the_line():
    v = tf.get_variable("centers", [2])
    with tf.Session() as session, pytest.raises(tf.errors.FailedPreconditionError) as caught:
        session.run(v + 1.0)
    assert "uninitialized value centers" in str(caught.value)
    assert f"{__file__}:" in str(caught.value) and 'tf.get_variable("centers"' in str(caught.value)
    with pytest.raises(Exception) as caught:  # each backend has its own
        tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]), name="product")
    assert any("'product'" in note and __file__ in note for note in caught.value.__notes__)
    with pytest.raises(TypeError, match="TF1 casts neither"):
        tf.placeholder(tf.float32, [2]) + tf.placeholder(tf.int32, [2])
    with tf.Graph().as_default(), pytest.raises(ValueError, match="from the same graph"):
        tf.identity(v) + tf.placeholder(tf.float32, [2])
    with pytest.raises(TypeError, match="Python asked whether it is true"):
        bool(v > 0)
    with pytest.raises(TypeError, match="iterating over"):
        list(v)
    with pytest.raises(NotImplementedError, match="NumPy asked for it"):
        np.sum(np.asarray(v))
    with pytest.raises(AttributeError, match=r"no tf.reduce_sums. Did you mean tf.reduce_sum"):
        tf.reduce_sums  # noqa: B018  # the look-up raises
    with pytest.raises(AttributeError, match=r"no tf\.train\.AdamOptimiser\. Did you mean"):
        tf.train.AdamOptimiser  # noqa: B018  # the look-up raises


def test_only_what_is_asked_for_runs_and_once():
    count = tf.get_variable("count", [], initializer=tf.zeros_initializer())
    add = tf.assign_add(count, 1.0)
    tf.assign_add(count, 100.0)
    with tf.control_dependencies([add]):
        first, second = tf.constant(1.0) + 0.0, tf.identity(count)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([first, second, add]) == [1.0, 1.0, 1.0]
        assert session.run(tf.constant(2.0)) == 2.0 and session.run(count) == 1.0
        assert session.run(tf.tuple([first, second])) == [1.0, 2.0]


def test_where_no_edge_says_reads_come_before_writes():
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    first, second = tf.assign_add(v, 1.0), tf.assign(v, v * 0.0 + 5.0)
    late = v + 0.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([late, second, first, v]) == [0.0, 5.0, 5.0, 5.0]


def test_resource_variables():
    """As TensorFlow 1.15 has it: gathering from the result of an update does not run it."""
    for use_resource, expected in ((False, [1.0, 3.0, 7.0]), (True, [0.0, 0.0, 0.0])):
        with tf.Graph().as_default(), tf.Session() as session:
            start = tf.zeros_initializer()
            v = tf.get_variable("v", [2], initializer=start, use_resource=use_resource)
            update = tf.scatter_add(v, [0], tf.gather(v, [0]) + 1.0)
            again = tf.gather(update, [0])
            session.run(tf.global_variables_initializer())
            assert [session.run(again)[0] for _ in range(3)] == expected


def test_sessions_have_values_of_their_own():
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    add = v.assign_add(1.0)
    with tf.Session() as one, tf.Session() as other:
        for session in (one, other):
            session.run(tf.global_variables_initializer())
        one.run(add)
        assert (one.run(v), other.run(v)) == (1.0, 0.0)
        v.load(7.0, other)
        assert other.run(add) == 8.0
    with tf.Session() as session:
        assert session.run(tf.report_uninitialized_variables()).tolist() == [b"v"]
        assert not session.run(tf.is_variable_initialized(v))


def test_rows_that_come_twice():
    start = np.arange(6, dtype="float32").reshape(3, 2)
    rows, values = [2, 0, 2], np.array([[1, 2], [3, 4], [5, 6]], "float32")
    expected = {
        "scatter_add": [[3, 5], [2, 3], [10, 13]],
        "scatter_sub": [[-3, -3], [2, 3], [-2, -3]],
        "scatter_update": [[3, 4], [2, 3], [5, 6]],
        "scatter_mul": [[0, 4], [2, 3], [20, 60]],
        "scatter_div": [[0, 0.25], [2, 3], [0.8, 5 / 12]],
        "scatter_max": [[3, 4], [2, 3], [5, 6]],
        "scatter_min": [[0, 1], [2, 3], [1, 2]],
    }
    made = {}
    for name in expected:
        v = tf.Variable(start)
        made[name] = getattr(tf, name)(v, rows, values)
    found = run(made)
    for name, table in expected.items():
        np.testing.assert_allclose(found[name], table, rtol=1e-6, err_msg=name)
    v = tf.Variable(start)
    with pytest.raises(ValueError, match=r"updates must have the shape of the indices and a row"):
        tf.scatter_sub(v, rows, np.ones((3, 3), "float32"))
    with pytest.raises(TypeError, match="changes a variable"):
        tf.scatter_sub(v + 0.0, rows, values)
    with pytest.raises(ValueError, match="does not fit the variable"):
        tf.assign(v, np.ones((2, 2), "float32"))


def test_rows_that_are_not_there():
    v = tf.Variable(np.ones((3, 2), "float32"))
    rows = tf.placeholder(tf.int32, [None, 1])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(tf.gather(v, rows), {rows: [[0], [2]]}).shape == (2, 1, 2)
        try:
            found = session.run(tf.gather(v, rows), {rows: [[0], [3], [-1]]})
        except Exception:  # as TF1 did on the CPU
            return
        assert np.isnan(found[1:]).all() and (found[0] == 1).all()


def test_branches_and_loops():
    p = tf.placeholder(tf.bool, [])
    x = tf.placeholder(tf.float32, [3])
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    inside: list[Any] = []

    def taken() -> Any:
        inside.append(v.assign_add(1.0) * x)
        return inside[0]

    chosen = tf.cond(p, taken, lambda: -x)
    slope = tf.gradients(tf.reduce_sum(chosen), x)
    turns, doubled = tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, a * 2.0), [0, x])
    squares = tf.map_fn(lambda e: e * e + v, x)
    sums = tf.scan(lambda a, e: a + e, x)
    last = tf.foldl(lambda a, e: a * 10.0 + e, x, tf.constant(0.0))
    by_scan = tf.gradients(sums[2] * last, x)
    which = tf.case([(x[0] > 5, lambda: tf.constant(1)), (x[0] > 0, lambda: tf.constant(2))],
                    default=lambda: tf.constant(3))  # fmt: skip
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        feed = {x: [1.0, 2.0, 3.0], p: True}
        assert session.run([chosen, slope], feed)[0].tolist() == [1, 2, 3]
        assert session.run(slope, {**feed, p: False})[0].tolist() == [-1, -1, -1]
        assert session.run(v) == 1.0
        found = session.run([turns, doubled, squares, sums, last, by_scan, which], feed)
        assert found[0] == 4 and found[1].tolist() == [16, 32, 48]
        assert found[2].tolist() == [2, 5, 10] and found[3].tolist() == [1, 3, 6]
        assert found[4] == 123 and found[6] == 2
        np.testing.assert_allclose(found[5][0], 123 + 6 * np.array([100, 10, 1]))
    with pytest.raises(tf.errors.InaccessibleTensorError, match="has no value outside of it"):
        run(inside[0], feed)


def test_gradients_of_loops():
    """Where the number of turns is known, or bounded; and where it is not, which JAX cannot."""
    x, n = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.int32, [])
    w = tf.get_variable("w", [], initializer=tf.constant_initializer(2.0))

    def turn(i: Any, a: Any) -> Any:
        return i + 1, a * w

    def loop(test: Any, **more: Any) -> Any:
        return tf.reduce_sum(tf.while_loop(test, turn, [0, x], **more)[1])

    known, cut = loop(lambda i, a: i < 4), loop(lambda i, a: i < 9, maximum_iterations=2)
    bound = loop(lambda i, a: i < n, maximum_iterations=5)
    by_value = loop(lambda i, a: tf.reduce_sum(a) < 40.0, maximum_iterations=7)
    free = loop(lambda i, a: i < n)
    slopes = [tf.gradients(total, [x, w]) for total in (known, cut, bound, by_value)]
    found = run(slopes, {x: [1.0, 2.0, 3.0], n: 3})
    for (by_x, by_w), turns in zip(found, (4, 2, 3, 3), strict=True):
        np.testing.assert_allclose(by_x, [2.0**turns] * 3)
        np.testing.assert_allclose(by_w, 6 * turns * 2.0 ** (turns - 1))
    last = tf.gradients(free, x)[0]
    if keras.backend.backend() == "jax":
        with pytest.raises(NotImplementedError, match=r"while.*test_graph.py:\d+.*maximum_iter"):
            run(last, {x: [1.0, 2.0, 3.0], n: 3})
    else:
        assert run(last, {x: [1.0, 2.0, 3.0], n: 3}).tolist() == [8, 8, 8]

    def eager(x: Any) -> Any:
        found = tf.while_loop(
            lambda i, a: i < 3, lambda i, a: (i + 1, a * x), [0, x], maximum_iterations=6
        )
        return tf.reduce_sum(found[1])

    tf.reset_default_graph()
    np.testing.assert_allclose(autodiff.gradient(eager, np.float32([2.0])), [32.0])


def test_random_numbers():
    tf.set_random_seed(3)
    drawn = tf.random_normal([4]), tf.random_uniform([4]), tf.truncated_normal([4], seed=5)
    both = [drawn[0], drawn[0] + 0.0]

    def twice() -> Any:
        with tf.Session() as session:
            return session.run([both, *drawn]), session.run([both, *drawn])

    first, second = twice()
    np.testing.assert_array_equal(*first[0])  # one draw, however often it is read
    assert not np.array_equal(first[0][0], second[0][0])
    again, _ = twice()
    for one, other in zip(first[1:], again[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    v = tf.get_variable("v", [500, 20], initializer=tf.random_normal_initializer(2.0, 0.5))
    w = tf.Variable(v.initialized_value() * 2.0)
    found, doubled = run([v, w])
    assert abs(found.mean() - 2) < 0.03 and abs(found.std() - 0.5) < 0.02
    np.testing.assert_array_equal(doubled, 2 * found)


def test_gradients_of_gradients():
    x = tf.placeholder(tf.float32, [2])
    w = tf.get_variable("w", [2], initializer=tf.constant_initializer([3.0, -1.0]))
    hidden = x * w
    loss = tf.reduce_sum(tf.square(hidden))
    by_x, by_w, by_hidden, nothing = tf.gradients(loss, [x, w, hidden, w + 1.0])
    assert nothing is None
    assert tf.gradients(tf.stop_gradient(loss), x) == [None]
    penalty = tf.gradients(tf.reduce_sum(tf.square(by_x)), [x, w])
    found = run([by_x, by_w, by_hidden, penalty], {x: [1.0, 2.0]})
    np.testing.assert_allclose(found[0], [18, 4])
    np.testing.assert_allclose(found[1], [6, -8])
    np.testing.assert_allclose(found[2], [6, -4])
    np.testing.assert_allclose(found[3], [[648, 16], [432, -64]])  # 8 x w^4, 16 x^2 w^3


def test_gradients_are_of_the_values_that_were_read():
    """In TF1 an alias shows the write; products, squares and gathered rows keep what they read."""
    rows = [1, 1, 0]
    v = tf.get_variable("v", [2, 1], initializer=tf.constant_initializer([3.0, 5.0]))
    gathered, square = tf.gather(v, rows), tf.square(v * 2.0)
    with tf.control_dependencies([gathered, square]):
        update = tf.assign(v, [[0.0], [0.0]])
    with tf.control_dependencies([update]):
        losses = [tf.reduce_sum(tf.square(tf.identity(gathered))), tf.reduce_sum(square)]
    slopes = [tf.gradients(loss, v)[0] for loss in losses]
    for fetch, expected in zip(slopes, ([[6.0], [20.0]], [[24.0], [40.0]]), strict=True):
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            _, found, left = session.run([update, fetch, v])
            assert found.tolist() == expected and not left.any()


def test_an_interactive_session():
    session = tf.InteractiveSession()
    v = tf.Variable([1.0, 2.0])
    v.initializer.run()
    assert v.eval().tolist() == [1.0, 2.0] and (v + 1.0).eval().tolist() == [2.0, 3.0]
    assert tf.get_default_session() is session
    session.close()
    assert tf.get_default_session() is None


def test_constants_meet_tensors():
    """In a loss of Keras' own, where no graph is built."""
    half = tf.constant([0.5, 1.0])
    tensor = keras.ops.convert_to_tensor([2.0, 4.0])
    assert keras.ops.convert_to_numpy(tensor * half + half * tensor).tolist() == [2.0, 8.0]
    assert not tf.get_default_graph().operations
    symbolic = keras.Input((2,))
    model = keras.Model(symbolic, tf.multiply(symbolic, half))
    assert keras.ops.convert_to_numpy(model(np.ones((1, 2)))).tolist() == [[0.5, 1.0]]
    with tf.Session() as session:
        assert session.run(half * 2.0).tolist() == [1.0, 2.0]
        assert half.eval().tolist() == [0.5, 1.0]
    with pytest.raises(ValueError, match="nothing computes both"):
        tf.multiply(symbolic, tf.placeholder(tf.float32, [2]))


def test_variables_of_keras_in_a_graph():
    weight = keras.Variable(np.array([1.0, 2.0], "float32"), name="weight")
    x = tf.placeholder(tf.float32, [2])
    total = tf.reduce_sum(tf.multiply(x, weight))
    with tf.Session() as session:
        assert session.run(total, {x: [1.0, 1.0]}) == 3.0
        session.run(tf.assign(weight, x), {x: [5.0, 6.0]})
        assert keras.ops.convert_to_numpy(weight).tolist() == [5.0, 6.0]
        call = total.function([x], [total, x * 2.0], [(weight, x)])
        tf.assign(weight, keras.ops.convert_to_tensor(weight) * 2.0)  # a tensor is a number
        found = call([np.array([1.0, 2.0])])
        assert found[0] == 17.0 and keras.ops.convert_to_numpy(weight).tolist() == [1.0, 2.0]


def test_operations_of_a_user():
    @compat.operation("tf.test_only_twice")
    def twice(x: Any) -> Any:
        return 2 * keras.ops.convert_to_tensor(x)

    node = twice(tf.placeholder(tf.float32, [None], name="p"))
    assert node.name == "test_only_twice:0" and node.shape.as_list() == [None]
    assert run(node, {"p:0": [1.0]}).tolist() == [2.0]


def test_shapes_that_depend_on_values():
    """Such a run is computed operation by operation where the backend cannot compile it."""
    x = tf.placeholder(tf.float32, [None])
    kept = tf.boolean_mask(x, x > 0)
    assert kept.shape.as_list() == [None]
    mean = tf.reduce_mean(kept)
    with tf.Session() as session:
        for values, expected in (([1.0, -1.0, 3.0], 2.0), ([5.0, -1.0, -3.0], 5.0)):
            assert session.run(mean, {x: values}) == expected


def test_prints_and_summaries(capsys: Any):
    x = tf.placeholder(tf.float32, [])
    shown = tf.Print(x, [x * 2.0], "twice: ")
    tf.summary.scalar("loss", x)
    merged = tf.summary.merge_all()
    writer = tf.summary.FileWriter("nowhere")
    config = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))
    config.gpu_options.allow_growth = True
    with tf.Session(config=config) as session, tf.device("/gpu:0"):
        assert session.run(shown, {x: 2.0}) == 2.0
        writer.add_summary(session.run(merged, {x: 3.0}), 1)
    assert capsys.readouterr().err == "twice: [4.0]\n"
    assert writer.events == [(1, {"loss": 3.0})]
    assert tf.compat.v1.Session is tf.Session and not tf.executing_eagerly()


def test_local_variables_of_metrics():
    y, x = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.float32, [3])
    area, update = tf.metrics.auc(y, x, updates_collections="updates")
    tf.metrics.precision(y, x)
    tf.metrics.mean(x)
    ids, scores = tf.placeholder(tf.int64, [3]), tf.placeholder(tf.float32, [3, 4])
    tf.metrics.mean_iou(ids, ids, 4)
    tf.metrics.recall_at_k(ids, scores, 2, class_id=1)
    for _ in range(2):
        share, moved = tf.metrics.precision_at_k(ids, scores, 1)
    tf.metrics.accuracy(ids, ids, name="a")
    assert [(v.name, v.shape.as_list()) for v in tf.local_variables()] == [
        ("auc/true_positives:0", [200]),
        ("auc/false_negatives:0", [200]),
        ("auc/true_negatives:0", [200]),
        ("auc/false_positives:0", [200]),
        ("precision/true_positives/count:0", []),
        ("precision/false_positives/count:0", []),
        ("mean/total:0", []),
        ("mean/count:0", []),
        ("mean_iou/total_confusion_matrix:0", [4, 4]),
        ("recall_at_2_class1/true_positive_at_2_class1:0", []),
        ("recall_at_2_class1/false_negative_at_2_class1:0", []),
        ("precision_at_1/true_positive_at_1:0", []),
        ("precision_at_1/false_positive_at_1:0", []),
        ("precision_at_1_1/true_positive_at_1:0", []),
        ("precision_at_1_1/false_positive_at_1:0", []),
        ("a/total:0", []),
        ("a/count:0", []),
    ]
    assert tf.get_collection("updates") == [update]
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        session.run(moved, {ids: [0, 1, 2], scores: np.eye(4)[[0, 2, 2]]})
        assert session.run(share) == pytest.approx(2 / 3)
        for _ in range(2):
            found = session.run(update, {y: [0.0, 1.0, 1.0], x: [0.5, 0.2, 0.8]})
            assert found == pytest.approx(0.5, abs=1e-4) == session.run(area)


def test_regularizers_of_variables():
    regularizer = tf.contrib.slim.l2_regularizer(0.5)
    start = tf.constant_initializer([1.0, -3.0])
    v = tf.get_variable("v", [2], initializer=start, regularizer=regularizer)
    (penalty,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    both = [penalty, tf.contrib.layers.l1_regularizer(0.25)(v)]
    assert run(both) == [2.5, 1.0]
    assert tf.contrib.layers.l2_regularizer(0.0)(v) is None
    with pytest.raises(ValueError, match="must be a float"):
        tf.contrib.layers.l2_regularizer(1)
    tf.get_default_graph().add_to_collections(["a", "b"], v)
    assert tf.get_collection("a") == tf.get_collection("b") == [v]
