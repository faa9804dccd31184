"""The old `keras.backend` in use: its names, tensors, variables, and what it refuses."""

import re
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import _backend
from portable_losses.compat import K, keras2
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


def test_what_failed_on_a_cpu(rng):
    x = rng.normal(size=(2, 7, 3)).astype("float32")
    depthwise = rng.normal(size=(3, 3, 2)).astype("float32")
    pointwise = rng.normal(size=(1, 6, 4)).astype("float32")
    kernel = np.einsum("wcm,cmo->wco", depthwise, pointwise[0].reshape(3, 2, 4))
    for told in ((1, "valid"), (2, "same"), (1, "same", "channels_last", 2)):
        ours = numbers(K.separable_conv1d(x, depthwise, pointwise, *told))
        np.testing.assert_allclose(ours, numbers(K.conv1d(x, kernel, *told)), rtol=1e-4, atol=1e-5)
    first = numbers(
        K.separable_conv1d(x.transpose(0, 2, 1), depthwise, pointwise, 1, "same", "channels_first")
    )
    last = numbers(K.separable_conv1d(x, depthwise, pointwise, 1, "same"))
    np.testing.assert_allclose(first, last.transpose(0, 2, 1), rtol=1e-5)
    x = rng.normal(size=(2, 4, 5, 3)).astype("float32")
    statistics = rng.uniform(0.5, 1.5, size=(4, 3)).astype("float32")
    last = numbers(K.batch_normalization(x, *statistics))
    first = numbers(K.batch_normalization(x.transpose(0, 3, 1, 2), *statistics, axis=1))
    np.testing.assert_allclose(first, last.transpose(0, 3, 1, 2), rtol=1e-5)
    x = rng.normal(size=(1, 3, 2, 2, 2)).astype("float32")
    found = numbers(K.bias_add(x, [1.0, 2.0, 3.0], "channels_first"))
    np.testing.assert_allclose(
        found - x, np.ones_like(x) * np.arange(1, 4)[:, None, None, None], rtol=1e-5
    )


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
    for models in (keras2, keras):
        model = models.Sequential([keras.Input((1,)), Noisy()])
        assert float(model(x)[0, 0]) == 1.0 and float(model(x, training=True)[0, 0]) == 2.0
        model.compile(loss="mse")
        assert model.predict(x, verbose=0) == 1.0 and model.evaluate(x, x, verbose=0) == 0.0
        if (
            models is keras2
            or autodiff.BACKEND != "jax"
            or not keras.__version__.startswith("3.6.")
        ):
            assert model.fit(x, x, verbose=0).history["loss"] == [
                1.0
            ]  # or see docs/compat-keras2.md
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
