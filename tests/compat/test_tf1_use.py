"""The operations of `portable_losses.compat.tf1` in use: in models, in `fit`, compiled, in a graph;
and what they refuse."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses.compat import K
from portable_losses.compat import tf1 as tf
from tests import autodiff


@pytest.fixture(autouse=True)
def _a_graph_of_its_own():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def numbers(x):
    return np.asarray(ops.convert_to_numpy(x))


# Dtypes.


def test_dtypes_are_names_that_are_objects():
    assert tf.float32 == "float32" and tf.float32.name == "float32" and tf.float32 != tf.int32
    assert tf.float32 == np.float32 and tf.float32 != np.float64
    assert tf.float32 == ops.zeros(()).dtype and tf.int32 != ops.zeros(()).dtype
    assert tf.float32.as_numpy_dtype is np.float32 and np.zeros(2, tf.int64).dtype == np.int64
    assert tf.float32.is_floating and tf.uint8.is_integer and tf.uint8.is_unsigned
    assert tf.uint8.max == 255 and tf.int32.min == -(2**31) and tf.float32.size == 4
    assert tf.as_dtype(np.int32) is tf.int32 and tf.dtypes.float16 == tf.half
    assert {tf.bool: 1}["bool"] == 1
    with pytest.raises(TypeError, match="Cannot convert"):
        tf.as_dtype("float31")


def test_tensors_are_known_as_such():
    assert isinstance(ops.zeros(2), tf.Tensor) and isinstance(keras.Input((2,)), tf.Tensor)
    assert not isinstance(np.zeros(2), tf.Tensor) and tf.is_tensor(ops.zeros(2))


def test_numbers_take_the_dtype_of_the_tensor():
    half = ops.ones((2,), dtype="float16")
    for found in (half * 1, tf.multiply(half, 2.5), tf.add(1, half), tf.maximum(half, [0, 3])):
        assert keras.backend.standardize_dtype(found.dtype) == "float16"
    # Two tensors of different dtypes, an error in TF, are promoted.
    mixed = tf.multiply(ops.ones((2,), dtype="int32"), ops.ones((2,)) * 0.5)
    np.testing.assert_array_equal(numbers(mixed), [0.5, 0.5])


def test_arguments_in_the_order_of_tf2():
    x = ops.convert_to_tensor(np.arange(6, dtype="float32").reshape(2, 3))
    assert numbers(tf.argmax(x, 1, tf.int32)).tolist() == [2, 2]
    assert numbers(tf.boolean_mask(x, [True, False, True], 1)).tolist() == [[0, 2], [3, 5]]
    assert numbers(tf.gather(x, [2], None, 1)).tolist() == [[2], [5]]
    assert numbers(tf.nn.moments(x, [1], None, True)[0]).shape == (2, 1)
    labels, logits = ops.one_hot([0, 1], 3), x
    found = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
    named = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    np.testing.assert_array_equal(numbers(found), numbers(named))
    assert float(tf.nn.l2_loss(t=x)) == 27.5
    with pytest.raises(TypeError, match="by name"):
        tf.gather(x, [0], 1)


# Shapes in a program.


def through_shapes(x):
    n, d = tf.shape(x)[0], tf.shape(x)[1]
    rest = tf.concat([tf.shape(x)[:-1], [d // 2, 2]], axis=0)
    pieces = [
        tf.reshape(x, [n, -1]),
        tf.reshape(x, rest),
        tf.reshape(x, tf.stack([tf.reduce_prod(tf.shape(x)), 1])),
        tf.reshape(x, [tf.cast(n, tf.int32) * tf.size(x[0])]),
        tf.zeros(tf.shape(x)),
        tf.ones([n, tf.maximum(d, 2)]),
        tf.fill(tf.expand_dims(n, 0), 2.0),
        tf.cast(tf.range(n), tf.float32),
        tf.tile(x[:1], [n, 1]),
        tf.broadcast_to(x[:1], tf.shape(x)),
        tf.one_hot(tf.range(n), d),
        tf.eye(tf.to_int32(n)),
        tf.cast(tf.shape(x), tf.float32),
        tf.slice(x, [0, 1], [n, tf.subtract(d, 1)]),
        tf.gather(x, tf.range(n // 2)),
        tf.divide(tf.reduce_sum(x), tf.cast(tf.size(x), tf.float32)),
    ]
    return sum(tf.reduce_sum(piece) * (i + 1) for i, piece in enumerate(pieces))


def test_shapes_compile():
    x = np.arange(8, dtype="float32").reshape(2, 4)
    expected = [28, 28, 28, 28, 0, 8, 4, 1, 12, 12, 2, 2, 6, 24, 6, 3.5]
    expected = sum(value * (i + 1) for i, value in enumerate(expected))
    for function in (through_shapes, autodiff.compiled(through_shapes)):
        np.testing.assert_allclose(numbers(function(ops.convert_to_tensor(x))), expected)


# The idiom of center loss.


def center_step(labels, features):
    _, index, count = tf.unique_with_counts(labels)
    times = tf.reshape(tf.gather(count, index), [-1, 1])
    return features / tf.cast(1 + times, tf.float32), count


@pytest.mark.parametrize(
    "labels", [[3, 1, 3, 2, 1, 3], [0, 0, 0, 0, 0, 0], [5, 4, 3, 2, 1, 0], [-1, 7, -1, 7, 2, 2]]
)
def test_counts_of_labels_compile(labels):
    labels = np.array(labels, "int32")
    times = np.array([(labels == label).sum() for label in labels])
    compiled = autodiff.compiled(center_step, xla=True)
    features = ops.ones((6, 2))
    steps, count = compiled(ops.convert_to_tensor(labels), features)
    expected = np.repeat(1.0 / (1 + times[:, None]), 2, axis=1)
    np.testing.assert_allclose(numbers(steps), expected, rtol=1e-6)
    found = numbers(count)
    distinct = list(dict.fromkeys(labels.tolist()))
    np.testing.assert_array_equal(found[: len(distinct)], [np.sum(labels == d) for d in distinct])
    assert found[len(distinct) :].sum() == 0
    values, index, _ = autodiff.compiled(tf.unique_with_counts)(ops.convert_to_tensor(labels))
    np.testing.assert_array_equal(numbers(tf.gather(values, index)), labels)
    np.testing.assert_array_equal(numbers(values)[: len(distinct)], distinct)


def test_a_session_does_not_pad():
    labels = tf.placeholder(tf.int32, [None])
    values, index, count = tf.unique_with_counts(labels)
    gathered, total = tf.gather(count, index), tf.reduce_sum(1 / count)
    with tf.Session() as session:
        feed = {labels: [7, 1, 7, 7]}
        found = session.run([values, index, count], feed)
        for actual, expected in zip(found, ([7, 1], [0, 1, 0, 0], [3, 1]), strict=True):
            np.testing.assert_array_equal(actual, expected)
        np.testing.assert_array_equal(session.run(gathered, feed), [3, 1, 3, 3])
        np.testing.assert_allclose(session.run(total, feed), 4 / 3, rtol=1e-6)


# Models.


def test_a_model_of_operations_is_saved(tmp_path):
    inputs = keras.Input((4,))
    x = tf.nn.l2_normalize(keras.layers.Dense(6)(inputs), dim=1)
    x = tf.reshape(x, [tf.shape(x)[0], 3, 2])
    x = tf.cast(tf.greater(x, 0.1), tf.float32) * x
    x = tf.concat([x, tf.zeros_like(x)], axis=-1)
    outputs = tf.reduce_sum(tf.squeeze(tf.expand_dims(x, 1), [1]), axis=[1], keep_dims=True)
    model = keras.Model(inputs, outputs)
    assert model.output_shape == (None, 1, 4)
    batch = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    before = model.predict(batch, verbose=0)
    model.save(tmp_path / "model.keras")
    after = keras.models.load_model(tmp_path / "model.keras").predict(batch, verbose=0)
    assert np.any(before != 0)
    np.testing.assert_allclose(before, after, rtol=1e-6)


@tf.function
def focal_with_margin(y_true, y_pred):
    """A loss as TF2 code writes it."""
    y_pred = tf.clip_by_value(y_pred, 1e-7, 1.0 - 1e-7)
    ids = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
    one_hot = tf.one_hot(ids, tf.shape(y_pred)[-1])
    rows = tf.stack([tf.range(tf.shape(y_pred)[0]), ids], axis=1)
    own = tf.gather_nd(y_pred, rows)
    focal = -tf.pow(1.0 - own, 2.0) * tf.math.log(own)
    rest = tf.reduce_max(tf.where(tf.equal(one_hot, 1.0), tf.zeros_like(y_pred), y_pred), axis=1)
    return tf.reduce_mean(focal + 0.1 * tf.nn.relu(0.2 + rest - own))


def test_a_loss_trains():
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(1)
    y = random.integers(0, 3, 60)
    x = (np.eye(3)[y] + random.normal(scale=0.2, size=(60, 3))).astype("float32")
    model = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.5), loss=focal_with_margin)
    first = model.evaluate(x, y, verbose=0)
    probabilities = np.clip(model.predict(x, verbose=0), 1e-7, 1 - 1e-7)
    own = probabilities[np.arange(60), y]
    others = np.where(np.eye(3)[y] == 1, 0, probabilities).max(axis=1)
    focal = -((1 - own) ** 2) * np.log(own) + 0.1 * np.maximum(0.2 + others - own, 0)
    batches = np.split(focal, [32])
    by_hand = np.average([batch.mean() for batch in batches], weights=[32, 28])
    np.testing.assert_allclose(first, by_hand, rtol=1e-5)
    model.fit(x, y, epochs=20, verbose=0, batch_size=20)
    assert model.evaluate(x, y, verbose=0) < 0.5 * first


def test_losses_of_tf1_train():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])

    def loss(y_true, y_pred):
        return tf.losses.huber_loss(y_true, y_pred, weights=2.0, delta=0.5)

    model.compile(keras.optimizers.SGD(0.1), loss=loss)
    x = np.random.default_rng(2).normal(size=(40, 2)).astype("float32")
    losses = model.fit(x, x @ [[2.0], [-1.0]], epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]


# A graph.


def test_losses_and_metrics_in_a_graph():
    labels, scores = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None])
    called = tf.cast(scores > 0.5, tf.int32)
    loss = tf.losses.mean_squared_error(tf.to_float(labels), scores)
    other = tf.losses.absolute_difference(tf.to_float(labels), scores, weights=0.5)
    assert tf.losses.get_losses() == [loss, other]
    total = tf.losses.get_total_loss(add_regularization_losses=False)
    accuracy, update = tf.metrics.accuracy(labels, called)
    precision, moved = tf.metrics.precision(labels, called, updates_collections="updates")
    assert tf.get_collection("updates") == [moved]
    _, other_update = tf.contrib.metrics.streaming_accuracy(called, labels)
    share = tf.contrib.metrics.accuracy(called, labels)
    pairs = tf.contrib.metrics.accuracy(called, labels[:, None])
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        feeds = [
            {labels: [1, 0, 1, 1], scores: [0.9, 0.2, 0.3, 0.6]},
            {labels: [0, 0, 1, 0], scores: [0.1, 0.8, 0.7, 0.4]},
        ]
        error = np.array([0.1, 0.2, 0.7, 0.4])
        found = session.run([loss, total], feeds[0])
        expected = np.mean(error**2)
        np.testing.assert_allclose(found, [expected, expected + 0.5 * error.mean()], rtol=1e-5)
        assert [session.run([update, moved], feed) for feed in feeds] == [
            [0.75, 1.0],
            [0.75, 0.75],
        ]
        assert session.run([accuracy, precision]) == [0.75, 0.75]
        assert session.run([other_update, share, pairs], feeds[0]) == [0.75, 0.75, 0.5]


# What cannot be held to figures: numbers drawn, and signs of vectors.


def test_random_numbers_have_their_distribution():
    drawn = numbers(tf.random_normal([2000], mean=3.0, stddev=0.5, seed=1))
    assert abs(drawn.mean() - 3.0) < 0.05 and abs(drawn.std() - 0.5) < 0.05
    drawn = numbers(tf.truncated_normal([500], seed=1))
    assert np.abs(drawn).max() <= 2.0 and drawn.std() > 0.7
    drawn = numbers(tf.random.uniform([500], 2, 5, tf.int32, seed=1))
    assert set(drawn) == {2, 3, 4}
    drawn = numbers(tf.random_uniform([500], -1.0, 1.0, seed=1))
    assert -1 <= drawn.min() < -0.9 and 0.9 < drawn.max() < 1
    assert sorted(numbers(tf.random_shuffle(ops.arange(5), seed=1))) == [0, 1, 2, 3, 4]
    drawn = numbers(tf.random.categorical([[-50.0, 0.0, -50.0]], 4, seed=1))
    np.testing.assert_array_equal(drawn, [[1, 1, 1, 1]])
    x = np.arange(20, dtype="float32").reshape(4, 5)
    crop = numbers(tf.random_crop(x, [2, 3], seed=3))
    np.testing.assert_array_equal(np.diff(crop, axis=1), 1)
    np.testing.assert_array_equal(np.diff(crop, axis=0), 5)


def test_sampled_classes():
    """Against draws by the definition: classes one by one until there are enough distinct ones."""
    p = np.log((np.arange(8) + 2) / (np.arange(8) + 1)) / np.log(9)
    random, hits, expected = np.random.default_rng(1), np.zeros(8), []
    for _ in range(1000):
        tries, found = 0, set()
        while len(found) < 3:
            tries, _ = tries + 1, found.add(random.choice(8, p=p))
        hits[list(found)] += 1 / 1000
        expected.append(-np.expm1(tries * np.log1p(-p)))
    tf.set_random_seed(2)
    given = tf.placeholder(tf.int64, [None, 1])
    sampled = tf.nn.log_uniform_candidate_sampler(given, 1, 3, True, 8)
    with tf.Session() as session:
        drawn = [session.run(sampled, {given: [[0], [7]]}) for _ in range(400)]
    ids, true, own = (np.stack(x) for x in zip(*drawn, strict=True))
    true = true[:, :, 0]
    assert all(len(set(row)) == 3 for row in ids)
    counts = np.bincount(ids.ravel(), minlength=8) / 400
    np.testing.assert_allclose(counts, hits, atol=0.09)
    np.testing.assert_allclose(true.mean(0), np.mean(expected, 0)[[0, 7]], atol=0.04)
    assert np.all((own == true[:, :1])[ids == 0])
    tf.reset_default_graph()
    ids, true, own = tf.random.uniform_candidate_sampler([[1, 2]], 2, 50, False, 5)
    assert set(numbers(ids)) <= set(range(5)) and numbers(own).tolist() == [10.0] * 50
    assert numbers(true).tolist() == [[10.0, 10.0]]
    ids, true, _ = tf.nn.fixed_unigram_candidate_sampler(
        [[1]], 1, 64, False, 3, unigrams=[1, 3], num_reserved_ids=1
    )
    assert set(numbers(ids)) == {1, 2} and numbers(true).tolist() == [[16.0]]
    with pytest.raises(ValueError, match="must be a matrix"):
        tf.nn.uniform_candidate_sampler([1, 2], 1, 5, False, 5)


def test_sampled_softmax_trains_in_a_session():
    """Rows of the table that are neither true nor drawn stay as they are."""
    tf.set_random_seed(1)
    table = tf.get_variable("table", [50, 4], initializer=tf.random_normal_initializer())
    biases = tf.get_variable("biases", [50], initializer=tf.zeros_initializer())
    labels, x = tf.placeholder(tf.int64, [None, 1]), tf.placeholder(tf.float32, [None, 4])
    cost = tf.reduce_mean(tf.nn.sampled_softmax_loss(table, biases, labels, x, 5, 50))
    step = tf.train.GradientDescentOptimizer(0.5).minimize(cost)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(table)
        feed = {labels: [[30], [40]], x: np.eye(4)[:2]}
        _, first = session.run([step, cost], feed)
        changed = np.any(session.run(table) != before, axis=1)
        assert changed[[30, 40]].all() and 3 <= changed.sum() <= 7
        last = [session.run([step, cost], feed)[1] for _ in range(20)]
        assert last[-1] < first


def test_dropout():
    x = ops.ones((1000,))
    for found in (tf.nn.dropout(x, 0.25, seed=1), tf.nn.dropout(x, rate=0.75, seed=1)):
        found = numbers(found)
        assert set(found) == {0.0, 4.0} and 0.2 < (found > 0).mean() < 0.3


def test_decompositions_put_together_again():
    x = np.random.default_rng(3).normal(size=(2, 4, 3)).astype("float32")
    s, u, v = map(numbers, tf.svd(x))
    np.testing.assert_allclose(u * s[:, None] @ v.swapaxes(-1, -2), x, atol=1e-5)
    q, r = map(numbers, tf.linalg.qr(x))
    np.testing.assert_allclose(q @ r, x, atol=1e-5)
    square = x.swapaxes(-1, -2) @ x
    values, vectors = map(numbers, tf.self_adjoint_eig(square))
    rebuilt = vectors * values[:, None] @ vectors.swapaxes(-1, -2)
    np.testing.assert_allclose(rebuilt, square, atol=1e-4)


def test_gradients_are_clipped_together():
    tensors = [ops.convert_to_tensor([3.0, 0.0]), None, ops.convert_to_tensor([[4.0]])]
    (a, nothing, b), norm = tf.clip_by_global_norm(tensors, 1.0)
    assert nothing is None and float(norm) == 5.0
    np.testing.assert_allclose(numbers(a), [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(numbers(b), [[0.8]], rtol=1e-6)
    (same,), _ = tf.clip_by_global_norm([[1.0, 2.0]], 10.0)
    np.testing.assert_allclose(numbers(same), [1.0, 2.0], rtol=1e-6)
    (zero,), norm = tf.clip_by_global_norm([[0.0, 0.0]], 1.0)
    np.testing.assert_array_equal(numbers(zero), [0.0, 0.0])
    (bad,), _ = tf.clip_by_global_norm([[np.inf]], 1.0)
    assert np.isnan(numbers(bad)).all()


# Python around tensors.


def test_python_functions_run_eagerly():
    found = tf.py_func(
        lambda x: np.sort(x)[::-1].copy(), [ops.convert_to_tensor([1.0, 3.0])], tf.float32
    )
    np.testing.assert_array_equal(numbers(found), [3.0, 1.0])
    (found,) = tf.py_function(lambda x: tf.square(x), [[1.0, 3.0]], [tf.float32])
    np.testing.assert_array_equal(numbers(found), [1.0, 9.0])


def test_a_custom_gradient():
    @tf.custom_gradient
    def reversed_(x):
        return x + 0.0, lambda slope: -2.0 * slope

    slope = autodiff.gradient(lambda x: tf.reduce_sum(tf.square(reversed_(x))), np.float32([1, 3]))
    np.testing.assert_allclose(slope, [-4.0, -12.0])


def test_assertions_are_checked_where_values_are_seen(capsys):
    tf.assert_equal([1, 2], [1, 2])
    tf.debugging.assert_non_negative(ops.ones(2), message="fine")
    tf.print("seen:", ops.ones(2))
    assert "seen: [1. 1.]" in capsys.readouterr().err
    for wrong in (
        lambda: tf.assert_less(ops.ones(2), 1.0, message="too large"),
        lambda: tf.debugging.assert_positive([0.0]),
        lambda: tf.Assert(tf.reduce_all(tf.equal([1], [2])), [[1]]),
        lambda: tf.assert_rank([1.0], 2),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(ValueError, match="NaN or infinite"):
        tf.check_numerics([np.nan], "loss")


# What is refused.

MASK = np.array([True, False])
REFUSED = {
    "depends": (lambda x: tf.boolean_mask(x, x > 1), "tf.where"),
    "where": (lambda x: tf.where(x > 1), "tf.where"),
    "partition": (lambda x: tf.dynamic_partition(x, tf.to_int32(x), 2), "tf.where"),
    "python": (lambda x: tf.py_func(lambda v: v, [x], tf.float32), "run_eagerly"),
    "segments": (lambda x: tf.segment_sum(x, tf.to_int32(x)), "unsorted_segment_sum"),
    "bins": (lambda x: tf.bincount(tf.to_int32(x)), "maxlength"),
    "classes": (lambda x: tf.confusion_matrix(tf.to_int32(x), tf.to_int32(x)), "num_classes"),
}


@pytest.mark.skipif(autodiff.BACKEND == "torch", reason="Dynamo words errors itself")
@pytest.mark.parametrize("name", REFUSED)
def test_shapes_that_depend_on_values_do_not_compile(name):
    function, advice = REFUSED[name]
    function(ops.convert_to_tensor([0.0, 2.0]))
    with pytest.raises(Exception, match=advice):
        autodiff.compiled(function)(ops.convert_to_tensor([0.0, 2.0]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: tf.gather([1.0, 2.0], [2]), r"index 2 is not in \[0, 2\)"),
        (lambda: tf.gather([1.0, 2.0], [-1]), "index -1"),
        (lambda: tf.gather_nd(np.zeros((2, 2)), [[0, 2]]), "index 2"),
        (lambda: tf.nn.embedding_lookup(np.zeros((2, 2)), [5]), "index 5"),
        (lambda: tf.unsorted_segment_sum([1.0], [3], 2), "Segment id 3"),
        (
            lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[3], logits=[[1.0, 2.0]]),
            "index 3",
        ),
        (lambda: tf.reduce_sum([True]), "tf.cast"),
        (lambda: tf.reduce_all([1.0]), "tf.cast"),
        (lambda: tf.reduce_sum([1.0], keepdims=True, keep_dims=True), "keep_dims"),
        (lambda: tf.squeeze(np.zeros((2, 1)), [0]), "size 1"),
        (lambda: tf.split(np.zeros(3), 2), "equal parts"),
        (lambda: tf.concat(1, [np.zeros(2)]), "values first"),
        (lambda: tf.matmul([1.0], [1.0]), "matrices"),
        (lambda: tf.nn.softmax_cross_entropy_with_logits(logits=[1.0]), "by name"),
        (lambda: tf.nn.dropout([1.0]), "keep_prob"),
        (lambda: tf.losses.mean_squared_error([1.0], [[1.0]]), "incompatible"),
        (
            lambda: tf.losses.mean_squared_error(np.zeros((2, 3)), np.zeros((2, 3)), [1.0, 2.0]),
            "broadcast",
        ),
        (lambda: tf.losses.mean_squared_error([1.0], [1.0], reduction="all"), "Reduction"),
        (lambda: tf.losses.mean_squared_error([1.0], [1.0], wieghts=2.0), "wieghts"),
        (lambda: tf.losses.cosine_distance([1.0], [1.0]), "axis"),
        (lambda: tf.metrics.accuracy([1], [1]), "keras.metrics"),
        (
            lambda: tf.contrib.losses.metric_learning.triplet_semihard_loss([[1]], [[1.0]]),
            r"\(N,\)",
        ),
        (lambda: tf.zeros(tf.shape(keras.Input((2,)))), "zeros_like"),
        (lambda: tf.nn.learned_unigram_candidate_sampler(), "fixed_unigram"),
        (lambda: tf.contrib.losses.metric_learning.cluster_loss(), "triplet_semihard_loss"),
        (lambda: tf.math.no_such_thing, "tf.math.no_such_thing"),
    ],
)
def test_mistakes_are_named(wrong, message):
    with pytest.raises(
        (ValueError, TypeError, RuntimeError, NotImplementedError, AttributeError), match=message
    ):
        wrong()


@pytest.mark.skipif(
    not autodiff.TRACES, reason="PyTorch traces with Keras 3.15 and later: here labels are checked"
)
def test_a_label_out_of_range_is_nan_where_it_cannot_be_seen():
    function = autodiff.compiled(tf.nn.sparse_softmax_cross_entropy_with_logits)
    logits = ops.convert_to_tensor([[1.0, 2.0], [1.0, 2.0]])
    found = numbers(function(labels=ops.convert_to_tensor([2, 1]), logits=logits))
    assert np.isnan(found[0]) and np.isfinite(found[1])


def test_writes_leave_alone_what_they_are_given():
    x = ops.zeros((3, 2))
    found = tf.tensor_scatter_nd_update(x, [[1]], [[4.0, 5.0]])
    np.testing.assert_array_equal(numbers(found), [[0, 0], [4, 5], [0, 0]])
    np.testing.assert_array_equal(numbers(x), np.zeros((3, 2)))
    once = tf.TensorArray(tf.float32, size=2).write(0, 1.0)
    twice = once.write(1, 2.0)
    assert numbers(once.stack()).tolist() == [1, 0] and numbers(twice.stack()).tolist() == [1, 2]


def test_loops_over_tensors_are_computed_at_once():
    x = ops.convert_to_tensor(np.arange(6, dtype="float32").reshape(3, 2))
    by_index = tf.map_fn(lambda i: tf.reduce_sum(x[i]), tf.range(3), dtype=tf.float32)
    np.testing.assert_array_equal(ops.convert_to_numpy(by_index), [1, 5, 9])
    found = tf.scan(lambda a, b: a + b, x, reverse=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(found), [[6, 9], [6, 8], [4, 5]])
    found = tf.foldr(lambda a, b: a - b, x, tf.zeros(2))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), [-6, -9])
    assert int(tf.while_loop(lambda i: i < 5, lambda i: i + 1, [ops.convert_to_tensor(0)])) == 5


def test_constants_and_dtypes_of_a_compiled_function():
    def function(x):
        sides = tf.constant([[-1], [0], [1]], tf.float32)
        turned = tf.transpose(sides, [1, 0]) + tf.constant(2.0, shape=[1, 3])
        return tf.matmul(x * K.constant(0.5, dtype=tf.float32), sides) + tf.reduce_sum(turned)

    x = ops.convert_to_tensor(np.array([[1.0, 2.0, 4.0]], "float32"))
    assert numbers(autodiff.compiled(function)(x)).tolist() == numbers(function(x)).tolist()
    assert numbers(function(x)).tolist() == [[7.5]]
