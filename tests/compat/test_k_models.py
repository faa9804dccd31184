"""The old `keras.backend` in models, in `fit` and in graphs."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses.compat import K, tf1
from portable_losses.compat._dispatch import Deferred
from tests import autodiff
from tests.compat.test_k import differences, flat, program, recorded
from tests.oracles import keras2_calls as calls

SHAPE_ALONE = {"shape"}
TAKES_FUNCTIONS = {"map_fn", "foldl", "foldr", "rnn"}


def numbers(x):
    return ops.convert_to_numpy(x)


def first_rows(takes_functions):
    """The first row with tensors of each function, and figures for it."""
    for name, rows in sorted(calls.TABLE.items()):
        for row, figures in zip(rows, recorded(name), strict=True):
            if figures is not None and row.tensors and not row.eager and name not in SHAPE_ALONE:
                if takes_functions == (name in TAKES_FUNCTIONS):
                    yield row, figures[0]
                break


@pytest.mark.parametrize("takes_functions", [False, True])
def test_every_function_takes_tensors_of_a_model(takes_functions):
    rows = list(first_rows(takes_functions))
    inputs = [
        [keras.Input(batch_shape=x.shape, dtype=x.dtype.name) for x in row.tensors]
        for row, _ in rows
    ]
    outputs = [flat(row.run(K, *given)) for (row, _), given in zip(rows, inputs, strict=True)]
    for (row, expected), found in zip(rows, outputs, strict=True):
        assert [tuple(x.shape) for x in found] == [x.shape for x in expected], row.label
    model = keras.Model(*([x for part in parts for x in part] for parts in (inputs, outputs)))
    if not takes_functions:  # a function is not saved
        assert len(rows) > 80
        model = keras.Model.from_config(model.get_config())
    run = program(lambda *tensors: keras.tree.flatten(model(list(tensors))))
    found = iter(map(numbers, run(*(ops.convert_to_tensor(x) for r, _ in rows for x in r.tensors))))
    wrong = []
    for row, expected in rows:
        wrong += differences(row.label, [next(found) for _ in expected], expected)
    assert not wrong, "\n".join(wrong)


def model_of_old_functions():
    x = keras.Input((6,), name="x")
    y = K.reshape(x, (K.shape(x)[0], 2, 3))
    y = K.concatenate([y, K.square(y)], axis=1)
    y = K.l2_normalize(K.relu(y - 0.25, alpha=0.1), axis=[1, 2])
    y = K.batch_dot(y, K.permute_dimensions(y, (0, 2, 1)))
    y = K.switch(K.greater(y, 0.0), lambda: K.sqrt(y), K.zeros_like(y))
    y = K.stack([K.clip(y, None, 0.8), K.cast(K.argmax(y), K.floatx())[..., None] * y], axis=1)
    return keras.Model(x, [K.sum(y, axis=(1, 2)), K.mean(y, keepdims=True)])


def test_a_model_of_them_saves_and_loads(tmp_path, rng):
    x = rng.normal(size=(5, 6)).astype("float32")
    model = model_of_old_functions()
    assert model.output_shape[0] == (None, 4)
    first, second = model.predict(x, verbose=0)
    y = x.reshape(5, 2, 3)
    y = np.concatenate([y, y * y], axis=1) - 0.25
    y = np.where(y > 0, y, 0.1 * y)
    y = y / np.sqrt(np.sum(y * y, axis=(1, 2), keepdims=True))
    y = y @ y.transpose(0, 2, 1)
    y = np.where(y > 0, np.sqrt(np.maximum(y, 0)), 0)
    y = np.stack([np.minimum(y, 0.8), np.argmax(y, -1)[..., None] * y], axis=1)
    np.testing.assert_allclose(first, y.sum(axis=(1, 2)), rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(again.predict(x, verbose=0), (first, second), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def old_loss(y_true, y_pred):
    """A bit of everything that losses use, with what is made within the step."""
    weights = K.variable([1.0, 2.0, 0.5]) + K.zeros((3,))
    p = K.clip(K.softmax(y_pred), K.epsilon(), 1 - K.epsilon())
    focal = -K.sum(y_true * K.pow(1 - p, 2.0) * K.log(p) * weights, axis=-1)
    hit = K.cast(K.equal(K.argmax(y_true), K.argmax(y_pred)), K.floatx())
    distance = K.sqrt(K.sum(K.square(K.l2_normalize(y_pred, -1) - y_true), axis=-1) + K.epsilon())
    rows = K.cast(K.shape(y_pred)[0], K.floatx())
    sharp = K.switch(distance > 1.0, lambda: distance, lambda: K.square(distance))
    entropy = K.binary_crossentropy(y_true, K.sigmoid(y_pred))
    flat = K.flatten(K.dot(K.transpose(y_true), p)) / rows
    return focal + 0.1 * (1 - hit) + sharp + K.mean(entropy, axis=-1) + K.max(flat)


def test_a_loss_of_them_is_fitted(rng):
    x = rng.normal(size=(24, 4)).astype("float32")
    y = np.eye(3, dtype="float32")[np.argmax(x[:, :3], axis=1)]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, kernel_initializer="ones")])
    jit = autodiff.BACKEND != "torch"
    model.compile(keras.optimizers.Adam(0.05), loss=old_loss, jit_compile=jit)
    given = [ops.convert_to_tensor(v) for v in (y, model.predict(x, verbose=0))]
    expected = float(ops.mean(old_loss(*given)))
    losses = model.fit(x, y, batch_size=24, epochs=8, verbose=0).history["loss"]
    assert losses[0] == pytest.approx(expected, rel=1e-5)
    assert losses[-1] < 0.9 * losses[0]
    compiled = autodiff.compiled(lambda t, p: ops.mean(old_loss(t, p)))
    logits = ops.convert_to_tensor(x[:, :3])
    plain = float(ops.mean(old_loss(ops.convert_to_tensor(y), logits)))
    assert float(compiled(ops.convert_to_tensor(y), logits)) == pytest.approx(plain, rel=1e-5)


def test_ignored_classes_do_not_count_in_the_mean():
    def loss(t, p):
        return K.sparse_categorical_crossentropy(t, p, ignore_class=2)

    p = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.25, 0.75, 0.0]], "float32")
    found = (
        keras.losses.LossFunctionWrapper(loss)
        if hasattr(keras.losses, "LossFunctionWrapper")
        else None
    )
    values = numbers(loss(np.array([0, 2, 2], "int32"), p))
    np.testing.assert_allclose(values, [np.log(2), 0.0, 0.0], rtol=1e-5)
    if found is not None:
        value = float(found(np.array([0, 2, 2], "int32"), ops.convert_to_tensor(p)))
        assert value == pytest.approx(np.log(2), rel=1e-5)


def test_functions_of_a_model():
    x = keras.Input((2,))
    dropped = keras.layers.Dropout(0.5)(x)
    total = K.sum(x)
    f = K.function([x, K.learning_phase()], [dropped, total])
    ones = np.ones((50, 2))
    output, number = f([ones, 0])
    assert isinstance(output, np.ndarray) and output.tolist() == ones.tolist()
    assert isinstance(number, float) and number == 100.0
    assert set(np.unique(f([ones, 1])[0])) == {0.0, 2.0}
    assert K.function(x, total)(ones) == 100.0
    count = K.variable(1.0)
    assert K.function([x], [total], updates=[(count, total)])([ones]) == [100.0]
    assert K.get_value(count) == 100.0
    with pytest.raises(ValueError, match="2 inputs are expected"):
        f([ones])
    with pytest.raises(ValueError, match="session"):
        K.function([x], [total], feed_dict={})
    with pytest.raises(ValueError, match="pairs"):
        K.function([x], [total], updates=[total])


def test_placeholders():
    x = K.placeholder((None, 3), name="rows")
    assert K.is_keras_tensor(x) and K.int_shape(x) == (None, 3) and K.dtype(x) == "float32"
    assert K.int_shape(K.placeholder(ndim=2, dtype="int32")) == (None, None)
    assert K.function([x], [x * 2])([[[1, 2, 3]]])[0].tolist() == [[2.0, 4.0, 6.0]]
    with pytest.raises(ValueError, match="`shape`"):
        K.placeholder()
    with pytest.raises(ValueError, match="pad"):
        K.placeholder((None, 2), ragged=True)
    with pytest.raises(ValueError, match="takes a tensor"):
        K.is_keras_tensor([1.0])
    assert not K.is_keras_tensor(K.variable(1.0))
    with pytest.raises(ValueError, match="has no value yet"):
        K.get_value(x)


def test_gradients_say_what_to_do():
    for loss in (keras.Input((2,)), ops.convert_to_tensor(1.0)):
        with pytest.raises(ValueError, match=r"jax\.grad.*compat\.tf1"):
            K.gradients(loss, [])


class Later(Deferred):
    """A value that is computed when it is asked for."""

    def __init__(self, compute):
        self.compute = compute

    def defer(self, function, args, kwargs):
        def now(x):
            return x.compute() if isinstance(x, Later) else x

        def compute():
            return function(*keras.tree.map_structure(now, args), **kwargs)

        return Later(compute)

    def gradients(self, variables):
        return ["gradients", variables]

    def function(self, inputs, outputs, updates):
        return ["function", inputs, outputs, updates]

    def assign(self, value):
        return ["assign", value]


def test_values_of_a_graph_are_deferred():
    seen = []
    x = Later(lambda: seen.append(1) or ops.convert_to_tensor([4.0, -1.0]))
    y = K.switch(K.greater(x, 0.0), K.sqrt(x), lambda: x * 0.0 if False else K.zeros_like(x))
    assert isinstance(y, Later) and seen == []
    assert numbers(y.compute()).tolist() == [2.0, 0.0] and seen
    assert K.shape(x).compute() == (2,)
    assert numbers(K.concatenate([x, [1.0]]).compute()).tolist() == [4.0, -1.0, 1.0]
    assert K.gradients(x, "w") == ["gradients", "w"]
    assert K.function([x], [x]) == ["function", [x], [x], None]
    assert K.update(x, 2.0) == ["assign", 2.0]


def test_in_a_graph_of_tf1(capfd):
    given = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, 6.0]], "float32")
    with tf1.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf1.float32, [None, 3])
        w = tf1.Variable([1.0, 2.0, 3.0])
        loss = K.sum(K.square(x) * w)
        session.run(tf1.global_variables_initializer())

        def run(node):
            return session.run(node, {x: given})

        by_w, by_x = run(K.gradients(loss, [w, x]))
        np.testing.assert_allclose(by_w, [17, 29, 45])
        np.testing.assert_allclose(by_x, 2 * given * [1, 2, 3])
        assert K.int_shape(x) == (None, 3) and K.is_tensor(x) and not K.is_keras_tensor(x)
        rows = K.reshape(x, K.concatenate([K.shape(x)[:1], [1, 3]], axis=0))
        chosen = K.switch(K.sum(x) > 0.0, lambda: x * 2.0, lambda: x * 3.0)
        twice = K.tile(x, [K.shape(x)[0], 1])
        found = run([rows, chosen, twice, K.arange(K.shape(x)[1]), K.cast(x, tf1.int32)])
        assert [part.shape for part in found] == [(2, 1, 3), (2, 3), (4, 3), (3,), (2, 3)]
        np.testing.assert_allclose(found[1], 2 * given)
        plain = K.function([x], [K.sum(x), K.maximum(x, K.variable([1.0, 1.0, 1.0]))])
        total, most = plain([given])
        assert total == 17 and np.array_equal(most, np.maximum(given, 1))
        assert (
            run(K.update_add(w, [1.0, 1.0, 1.0])).tolist() == K.get_value(w).tolist() == [2, 3, 4]
        )
        K.set_value(w, [0.0, 0.0, 1.0])
        assert K.batch_get_value([w])[0].tolist() == [0, 0, 1] and run(loss) == 45
        run(K.moving_average_update(w, K.mean(x, axis=0), 0.5))
        np.testing.assert_allclose(K.eval(w), [1.25, 0.75, 2.75])
        noise, dropped = K.random_normal((3,)), K.dropout(x, 0.5)
        assert not np.array_equal(run(noise), run(noise))
        assert set(np.unique(run(dropped) / given)) <= {0.0, 2.0}
        capfd.readouterr()
        assert run(K.print_tensor(K.sum(x), "sum")) == 17 and K.get_session() is session
        assert capfd.readouterr().out.split() == ["sum", "17.0"] or autodiff.BACKEND == "tensorflow"


def test_the_session_is_that_of_tf1():
    tf1.reset_default_graph()
    x = tf1.Variable(1.0)
    try:
        assert K.get_session() is K.get_session()
        K.set_value(x, 3.0)
        assert K.get_value(x) == 3.0 and K.batch_get_value([x, x]) == [3.0, 3.0]
        given = tf1.Session()
        K.set_session(given)
        assert K.get_session() is given
        with tf1.Session() as opened:
            assert K.get_session() is opened
        tf1.reset_default_graph()  # another graph has another session, as in Keras 2
        assert K.get_session() is K.get_session() is not given
        assert K.get_session([x]).graph is x.graph
    finally:
        K.clear_session()
        tf1.reset_default_graph()
