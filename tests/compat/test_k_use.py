"""The old `keras.backend` in use: in models, in `fit`, with variables, and what it refuses."""

import re
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import _backend
from portable_losses.compat import K
from portable_losses.compat._dispatch import Deferred
from tests import autodiff
from tests.compat.test_k import FIGURES, INDEX, flat
from tests.oracles import keras2_calls as calls

PAGE = Path(__file__).parent.parent.parent / "docs" / "compat-k.md"
# Keras 2.15 fails in these on a CPU, by the way that it calls TensorFlow.
WORKS_NOW = {"separable_conv1d"}


def numbers(x):
    return ops.convert_to_numpy(x)


# Names --------------------------------------------------------------------------------------


def test_every_name_of_keras_2_is_there_and_documented():
    names = [str(name) for name in FIGURES["names"]]
    assert len(names) == 148
    assert set(names) <= set(K.__all__)
    assert all(hasattr(K, name) for name in K.__all__)
    page = PAGE.read_text(encoding="utf-8")
    assert set(K.__all__) - set(re.findall(r"`(\w+)`", page)) == set()


def test_names_of_before_and_elsewhere():
    assert K._EPSILON == K._epsilon() == K.epsilon() and K._FLOATX == "float32"
    with pytest.raises(AttributeError, match=r"`K\.tf` is not in .*compat\.tf1"):
        _ = K.tf
    with pytest.raises(AttributeError, match=r"see keras\.ops"):
        _ = K.nothing
    with pytest.raises(NotImplementedError, match=r"keras\.utils\.set_random_seed"):
        K.experimental.enable_tf_random_generator()
    assert K.symbolic(len) is len
    assert K.backend() == keras.backend.backend()


REFUSED = [
    (name, row, told["label"])
    for name, rows in calls.TABLE.items()
    for row, told in zip(rows, INDEX[name], strict=True)
    if "error" in told and name not in WORKS_NOW
]


@pytest.mark.parametrize(("name", "row"), [r[:2] for r in REFUSED], ids=[r[2] for r in REFUSED])
def test_what_keras_2_refused_is_refused(name, row):
    with pytest.raises(ValueError, match=r".{20,}"):
        row.run(K, *map(ops.convert_to_tensor, row.tensors))


def test_settings():
    try:
        K.set_floatx(SimpleNamespace(name="float16", as_numpy_dtype=np.float16))
        assert K.floatx() == keras.config.floatx() == "float16"
        assert K.cast_to_floatx([1.0]).dtype == np.float16
    finally:
        K.set_floatx("float32")
    try:
        K.set_image_dim_ordering("th")
        assert K.image_data_format() == "channels_first" and K.image_dim_ordering() == "th"
    finally:
        K.set_image_dim_ordering("tf")
    assert K.image_data_format() == "channels_last"
    with pytest.raises(ValueError, match="'th' or 'tf'"):
        K.set_image_dim_ordering("channels_last")
    with pytest.raises(ValueError, match="data_format"):
        K.bias_add(np.ones((1, 2, 2), "float32"), np.ones(2), "NHWC")


# Tensors ------------------------------------------------------------------------------------


def test_dtypes_of_any_kind():
    x = ops.convert_to_tensor([1.5, -0.5])
    tf_like = SimpleNamespace(name="int32", as_numpy_dtype=np.int32)
    ref = SimpleNamespace(name="int32_ref", as_numpy_dtype=np.int32, base_dtype=tf_like)
    for dtype in ("int32", np.int32, np.dtype("int32"), tf_like, ref, "int", int):
        assert K.dtype(K.cast(x, dtype)) == "int32"
    assert K.dtype(K._to_tensor(0.5, x.dtype)) == "float32"
    with pytest.raises(ValueError, match="dtype"):
        K.cast(x, "float17")


def test_operands_of_several_kinds():
    x, ids = ops.convert_to_tensor([1.0, 4.0]), ops.convert_to_tensor([1, 2], "int32")
    wide = np.array([2.0, 2.0])
    assert K.dtype(K.maximum(x, wide)) == K.dtype(K.pow(wide, x)) == "float32"
    assert numbers(K.maximum(ids, 2.0)).tolist() == [2, 2]
    with pytest.raises(ValueError, match="no whole number"):
        K.maximum(ids, 1.5)
    assert numbers(K.equal(ids, x)).tolist() == [True, False]  # Keras 2 raised
    variable = K.variable([0.0, 5.0])
    assert numbers(K.minimum(variable, x)).tolist() == [0.0, 4.0]
    assert numbers(K.concatenate([x, wide, [7]])).tolist() == [1.0, 4.0, 2.0, 2.0, 7.0]
    assert numbers(K.dot(np.eye(2), K.reshape(variable, (2, 1)))).ravel().tolist() == [0.0, 5.0]


def test_a_shape_is_computed_with():
    x = ops.convert_to_tensor(np.zeros((2, 3, 4), "float32"))
    shape = K.shape(x)
    assert shape[0] == 2 and shape[1:] == (3, 4) and shape[-1] * 2.0 == 8.0
    assert shape + 1 == 1 + shape == (3, 4, 5) and shape * [1, 2, 3] == (2, 6, 12)
    assert shape // 2 == (1, 1, 2) and shape - np.array([1, 1, 1]) == (1, 2, 3)
    assert shape[:2] % 2 == (0, 1)
    with pytest.raises(ValueError, match="entry by entry"):
        shape.__add__([1, 2])

    def idioms(x):
        rows = K.concatenate([K.shape(x)[:1], [-1]])
        return [
            K.reshape(x, rows),
            K.reshape(x, K.stack([K.shape(x)[0], 12])),
            K.reshape(x, (-1, K.prod(K.shape(x)[1:]))),
            K.tile(x[:, :1, :1], K.shape(x)),
            K.cast(K.arange(K.shape(x)[1]), "float32") / K.cast(K.shape(x)[0], "float32"),
            K.slice(x, (0, 1, 0), (-1, 2, K.shape(x)[2] - 1)),
        ]

    found = autodiff.compiled(idioms)(x)
    assert [tuple(y.shape) for y in found] == [(2, 12)] * 3 + [(4, 3, 4), (3,), (2, 2, 3)]


def test_indices():
    x = ops.convert_to_tensor([[0.0, 2.0], [3.0, 0.0]])
    assert numbers(K.where(K.greater(x, 1.0))).tolist() == [[0, 1], [1, 0]]
    assert numbers(K.where(x > 1.0, x, -1.0)).tolist() == [[-1.0, 2.0], [3.0, -1.0]]
    with pytest.raises(ValueError, match="mask"):
        K.where(x > 1.0, x)
    with pytest.raises(ValueError, match="must be integers"):
        K.gather(x, x)
    with pytest.raises(ValueError, match="takes integers"):
        K.one_hot(x, 3)


def test_ids_out_of_range_in_a_compiled_step():
    if autodiff.BACKEND == "torch" and not autodiff.TRACES:
        pytest.skip("nothing is traced")
    table, ids = np.ones((3, 2), "float32"), np.array([0, 3, -1], "int32")
    p = np.full((3, 2), 0.5, "float32")

    def step(table, ids, p):
        found = K.gather(table, ids), K.gather(K.cast(table, "int32"), ids)
        return *found, K.sparse_categorical_crossentropy(ids, p)

    given = [ops.convert_to_tensor(x) for x in (table, ids, p)]
    rows, whole, loss = map(numbers, autodiff.compiled(step)(*given))
    assert np.isnan(rows[:, 0]).tolist() == [False, True, True]
    assert whole[:, 0].tolist() == [1, 0, 0]
    assert np.isnan(loss).tolist() == [False, True, True]


def test_a_condition_of_rank_1_chooses_rows_where_it_fits_no_other_way():
    rows = K.switch(np.array([True, False]), np.ones((2, 3), "float32"), np.zeros((2, 3)))
    assert numbers(rows).tolist() == [[1.0] * 3, [0.0] * 3]


def test_sparse_tensors():
    dense = np.array([[0.0, 1.0], [2.0, 0.0]], "float32")
    if autodiff.BACKEND == "tensorflow":
        import tensorflow as tf

        sparse = tf.sparse.from_dense(dense)
    elif autodiff.BACKEND == "jax":
        from jax.experimental.sparse import BCOO

        sparse = BCOO.fromdense(dense)
    else:
        import torch

        sparse = torch.tensor(dense).to_sparse()
    assert K.is_sparse(sparse) and not K.is_sparse(ops.convert_to_tensor(dense))
    assert numbers(K.to_dense(sparse)).tolist() == K.eval(sparse).tolist() == dense.tolist()
    assert numbers(K.dot(sparse, dense)).tolist() == (dense @ dense).tolist()
    assert K.is_sparse(keras.KerasTensor((2, 2), sparse=True))


def test_no_logits_are_kept():
    function = autodiff.compiled(lambda x: K.binary_crossentropy(K.round(x), K.sigmoid(x)))
    function(ops.convert_to_tensor([0.25, 1.0]))
    assert not _backend._logits
    with pytest.warns(UserWarning, match="Leave from_logits out"):
        K.binary_crossentropy([[1.0, 0.0]], K.softmax([[1.0, 2.0]]), from_logits=True)


def test_printing(capfd):
    x = ops.convert_to_tensor(np.arange(10, dtype="float32"))
    assert numbers(K.print_tensor(x, "x =")).tolist() == list(range(10))
    if autodiff.BACKEND != "torch":  # dynamo does not print
        function = autodiff.compiled(lambda x: K.print_tensor(x, "again"))
        function(x), function(x + 1)
    told = capfd.readouterr().out
    assert re.search(r"x = \[0\.? +1\.? +2\.? \.\.\. +7\.? +8\.? +9\.?\]", told)
    assert told.count("again") == 2 * (autodiff.BACKEND != "torch")


# Models -------------------------------------------------------------------------------------


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
    calls = []
    x = Later(lambda: calls.append(1) or ops.convert_to_tensor([4.0, -1.0]))
    y = K.switch(K.greater(x, 0.0), K.sqrt(x), lambda: x * 0.0 if False else K.zeros_like(x))
    assert isinstance(y, Later) and calls == []
    assert numbers(y.compute()).tolist() == [2.0, 0.0] and calls
    assert K.shape(x).compute() == (2,)
    assert numbers(K.concatenate([x, [1.0]]).compute()).tolist() == [4.0, -1.0, 1.0]
    assert K.gradients(x, "w") == ["gradients", "w"]
    assert K.function([x], [x]) == ["function", [x], [x], None]
    assert K.update(x, 2.0) == ["assign", 2.0]


# What is kept -------------------------------------------------------------------------------


def test_variables():
    v = K.variable([1.0, 2.0], name="scope/v", constraint=keras.constraints.NonNeg())
    assert isinstance(v, keras.Variable) and K.is_tensor(v) and v.constraint is not None
    assert K.update_add(K.update(v, [3, 4]), 1.0) is v
    assert K.batch_get_value([v])[0].tolist() == [4.0, 5.0]
    with pytest.raises(ValueError, match="Only a variable"):
        K.update_add(ops.ones((2,)), 1.0)
    with pytest.raises(ValueError, match="write a layer"):
        K.update(v, keras.Input((2,)))
    for made in (K.zeros((2,)), K.ones(2), K.eye(2), K.random_normal_variable((2,), 0, 1)):
        assert isinstance(made, keras.Variable)
    uniform = K.get_value(K.random_uniform_variable((100,), 2.0, 3.0, seed=1))
    assert uniform.min() >= 2.0 and uniform.max() < 3.0


def test_a_variable_made_in_a_compiled_step_is_a_tensor():
    if autodiff.BACKEND == "torch" and not autodiff.TRACES:
        pytest.skip("nothing is traced")

    def step(x):
        made = K.variable([1.0, 2.0]) * K.ones((2,))
        assert not isinstance(made, keras.Variable)
        return x + made

    assert numbers(autodiff.compiled(step)(ops.ones((2,)))).tolist() == [2.0, 3.0]


@keras.saving.register_keras_serializable("test_k_use")
class Noisy(keras.layers.Layer):
    def call(self, x):
        return K.in_train_phase(lambda: x * 2.0, x)


def test_learning_phase():
    x = ops.ones((1, 1))
    assert float(Noisy()(x)[0, 0]) == 1.0 and float(Noisy()(x, training=True)[0, 0]) == 2.0
    model = keras.Sequential([keras.Input((1,)), Noisy()])
    model.compile(loss="mse")
    assert model.predict(x, verbose=0) == 1.0 and model.evaluate(x, x, verbose=0) == 0.0
    assert model.train_on_batch(x, x) == 1.0
    with K.learning_phase_scope(1):
        assert K.learning_phase() == 1 and K.in_test_phase(1.0, 2.0) == 2.0
    K.set_learning_phase(1)
    K.clear_session()
    assert K.learning_phase() == 0
    with pytest.raises(ValueError, match="0 or 1"):
        K.set_learning_phase(2)


def test_names_and_sessions():
    K.reset_uids()
    assert [K.get_uid("a"), K.get_uid("a"), K.get_uid("b")] == [1, 2, 1]
    K.clear_session()
    assert K.get_uid("a") == 1
    with K.name_scope("one/two"):
        assert K.variable(1.0) is not None
    K.manual_variable_initialization(True)


# Random numbers -----------------------------------------------------------------------------


def test_random_numbers():
    keras.utils.set_random_seed(7)
    normal = numbers(K.random_normal((4000,), mean=1.0, stddev=2.0))
    assert (
        normal.dtype == np.float32 and abs(normal.mean() - 1) < 0.2 and abs(normal.std() - 2) < 0.2
    )
    cut = numbers(K.truncated_normal((4000,), 1.0, 0.5))
    assert np.abs(cut - 1).max() <= 1.0 and abs(cut.std() - 0.44) < 0.03
    uniform = numbers(K.random_uniform([4000], -1.0, 3.0, seed=2))
    assert uniform.min() >= -1 and uniform.max() < 3 and abs(uniform.mean() - 1) < 0.1
    whole = numbers(K.random_uniform((100,), 2, 5, dtype="int32"))
    assert set(whole) == {2, 3, 4}
    hits = numbers(K.random_bernoulli((4000,), 0.3, dtype="int32"))
    assert set(hits) == {0, 1} and abs(hits.mean() - 0.3) < 0.05
    with pytest.deprecated_call():
        assert tuple(K.random_binomial((3,), 1.0).shape) == (3,)
    kept = numbers(K.dropout(np.ones((1000, 2), "float32"), 0.25, noise_shape=(1000, 1), seed=3))
    assert np.allclose(np.unique(kept), [0, 4 / 3]) and np.array_equal(kept[:, 0], kept[:, 1])
    assert abs((kept == 0).mean() - 0.25) < 0.05
    twice = [numbers(K.random_normal((3,))) for _ in range(2)]
    assert not np.array_equal(*twice)


def test_beams_are_searched_outside_of_a_compiled_step():
    p = np.full((1, 3, 3), 1 / 3, "float32")
    paths, scores = K.ctc_decode(p, [3], greedy=False, beam_width=5, top_paths=2)
    assert len(paths) == 2 and tuple(scores.shape) == (1, 2) and flat(paths)[0].shape == (1, 3)
    if autodiff.BACKEND == "jax":
        with pytest.raises(ValueError, match="outside of"):
            autodiff.compiled(lambda p: K.ctc_decode(p, np.array([3]), greedy=False))(p)
