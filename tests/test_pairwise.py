"""Anchors against references: the numbers, who belongs together, and what is refused."""

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import _pairwise
from portable_losses._distances import DISTANCES, ROW_DISTANCES, require_distance
from portable_losses._numerics import where
from portable_losses._pairwise import cosine, dot, euclidean, masks, pairs, squared_euclidean
from tests import autodiff


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def by_loops(function, x, y):
    return np.array([[function(a, b) for b in y] for a in x])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (dot, lambda a, b: a @ b),
        (cosine, lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)),
        (squared_euclidean, lambda a, b: ((a - b) ** 2).sum()),
        (euclidean, lambda a, b: np.linalg.norm(a - b)),
        (DISTANCES["manhattan"], lambda a, b: np.abs(a - b).sum()),
        (DISTANCES[1.5], lambda a, b: (np.abs(a - b) ** 1.5).sum() ** (1 / 1.5)),
        (DISTANCES[3], lambda a, b: (np.abs(a - b) ** 3).sum() ** (1 / 3)),
        (DISTANCES["snr"], lambda a, b: np.var(a - b) / np.var(a)),
    ],
    ids=["dot", "cosine", "squared_euclidean", "euclidean", "manhattan", "l1.5", "l3", "snr"],
)
def test_value_and_gradients(ours, theirs, rng):
    both = rng.normal(size=(5, 19)).astype("float32")  # more coordinates than are taken at a time
    weights = rng.normal(size=(2, 3))

    def total(both):
        return ops.sum(ours(both[:2], both[2:]) * ops.cast(weights, "float32"))

    found = ours(*map(ops.convert_to_tensor, (both[:2], both[2:])))
    exact = both.astype("float64")
    expected = by_loops(theirs, exact[:2], exact[2:])
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-5, atol=1e-6)
    step = 1e-6 * np.eye(both.size).reshape(-1, *both.shape)
    slopes = [
        (weights * (by_loops(theirs, *np.split(exact + d, [2])))).sum()
        - (weights * (by_loops(theirs, *np.split(exact - d, [2])))).sum()
        for d in step
    ]
    expected = np.reshape(slopes, both.shape) / 2e-6
    np.testing.assert_allclose(autodiff.gradient(total, both), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["dot", "squared_euclidean", "euclidean", "snr"])
def test_of_a_batch_with_itself(name, rng):
    """A way of its own, with a gradient of its own: compiled too, and with a second derivative."""
    function = {"dot": dot, **DISTANCES}[name]
    x, weights = (rng.normal(size=shape).astype("float32") for shape in ((7, 5), (7, 7)))
    weights = ops.convert_to_tensor(weights)

    def own(x):
        return ops.sum(function(x, x) * weights)

    def apart(x):
        return ops.sum(function(x, x + 0) * weights)

    values = (numbers(f(ops.convert_to_tensor(x))) for f in (own, apart))
    np.testing.assert_allclose(*values, rtol=1e-5)
    expected = autodiff.gradient(apart, x)
    for found in (autodiff.gradient(own, x), autodiff.compiled_gradient(own, x)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    found, expected = (autodiff.gradient_of_slope(f, x) for f in (own, apart))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("otherwise", [0.0, 1.0, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_where(dtype, otherwise, rng):
    """Of as many numbers as PyTorch takes by their bits: as they are, or nothing of them."""
    with autodiff.float64():
        x, mask = rng.normal(size=(128, 128)), rng.random((128, 128)) < 0.5
        x = ops.cast(ops.convert_to_tensor(np.where(mask, x, np.nan)), dtype)
        found = where(ops.convert_to_tensor(mask), x, otherwise)
        assert keras.backend.standardize_dtype(found.dtype) == dtype
        exact = np.where(mask, numbers(ops.cast(x, "float64")), otherwise)
        np.testing.assert_array_equal(numbers(ops.cast(found, "float64")), exact)

        def total(x):
            return ops.sum(ops.square(where(ops.convert_to_tensor(mask), x)))

        x = np.where(mask, exact, np.nan)
        np.testing.assert_allclose(autodiff.gradient(total, x), np.where(mask, 2 * exact, 0))


def test_near_vectors_keep_their_distance(rng):
    x = rng.normal(size=(3, 8)).astype("float32") + 100
    y = x + rng.uniform(0.5, 1, size=(3, 8)).astype("float32") * 1e-3
    expected = by_loops(lambda a, b: np.linalg.norm(a - b), *(z.astype("float64") for z in (x, y)))
    found = numbers(euclidean(*map(ops.convert_to_tensor, (x, y))))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    slope = autodiff.gradient(lambda p: ops.sum(euclidean(p, p)), np.stack([x[0], x[0]]))
    np.testing.assert_array_equal(slope, 0 * slope)  # at equal vectors, where it has none


@pytest.mark.parametrize("distance", [*DISTANCES, 3], ids=str)
def test_row_by_row_is_the_diagonal_of_all_pairs(distance, rng):
    """Of more rows than some distances take at a time, where equal ones are among them."""
    x, y = rng.normal(size=(2, 11, 3)).astype("float32")
    y[4], x[7] = x[4], 1
    own = np.eye(11, dtype=bool)

    def of_rows(x, y):
        return ops.sum(ROW_DISTANCES[distance](x, y))

    def of_pairs(x, y):
        found = DISTANCES[distance](x, y)
        return ops.sum(ops.where(own, found, ops.zeros_like(found)))

    both = np.concatenate([x, y], axis=1)
    found, expected = (
        autodiff.gradient(lambda b, f=f: f(b[:, :3], b[:, 3:]) + ops.sum(b[:, 3:]), both)
        for f in (of_rows, of_pairs)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    pairs = map(ops.convert_to_tensor, (x, y))
    found = numbers(DISTANCES[distance](*pairs))
    x, y = (ops.convert_to_tensor(z) for z in (np.repeat(x, 11, axis=0), np.tile(y, (11, 1))))
    expected = np.reshape(numbers(ROW_DISTANCES[distance](x, y)), (11, 11))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("distance", [0.5, float("inf"), float("nan"), True, "l2", None, [2]])
def test_what_is_no_distance(distance):
    with pytest.raises(ValueError, match=r"`distance` must be one of .* or a finite number p >= 1"):
        require_distance(distance)


def test_masks():
    ids = np.array([0, 1, 0, 2])
    x, counted = np.ones((4, 2), "float32"), np.array([True, True, True, False])
    positive, negative = map(numbers, masks(pairs(ids, x, mask=counted)))
    same = ids[:, None] == ids
    exists = counted[None] & ~np.eye(4, dtype=bool)
    np.testing.assert_array_equal(positive, same & exists)
    np.testing.assert_array_equal(negative, ~same & exists)

    ref_ids, refs = np.array([[0], [2], [1]]), np.ones((3, 2), "float32")
    same = ids[:, None] == ref_ids[:, 0]
    for ref_mask in (None, np.array([True, False, True]), np.eye(4, 3, dtype=bool)):
        found = masks(pairs(ids, x, ref_ids, refs, ref_mask, counted))
        exists = np.broadcast_to(True if ref_mask is None else ref_mask, (4, 3))
        np.testing.assert_array_equal(numbers(found[0]), same & exists)
        np.testing.assert_array_equal(numbers(found[1]), ~same & exists)


def test_labels_may_say_which_pairs_belong_together(rng):
    x, together = np.ones((4, 2), "float32"), rng.random((4, 4)) < 0.5
    positive, negative = map(numbers, masks(pairs(together, x)))
    others = ~np.eye(4, dtype=bool)
    np.testing.assert_array_equal(positive, together & others)
    np.testing.assert_array_equal(negative, ~together & others)
    together, refs = together[:, :1], x[:1]  # a column, of one reference: a mask, and no ids
    positive, negative = map(numbers, masks(pairs(together, x, None, refs)))
    np.testing.assert_array_equal(positive, together)
    np.testing.assert_array_equal(negative, ~together)
    ids = np.array([[True], [False], [True], [True]])  # of two classes
    np.testing.assert_array_equal(numbers(masks(pairs(ids, x))[0]), (ids == ids.T) & others)


def test_all_forms_of_labels_say_the_same():
    ids = np.array([0, 2, 1])
    for form in (ids, ids[:, None], ids.astype("uint8"), ids.astype("float32"), np.eye(3)[ids]):
        assert numbers(_pairwise.as_ids(form)).tolist() == ids.tolist()
    large = np.array([2**24, 2**24 + 1], "int32")
    positive, _ = masks(pairs(large, np.ones((2, 1), "float32")))
    assert not numbers(positive).any()


X = np.ones((3, 2), "float32")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0, 1, 2], X[0]), "Embeddings must have shape (N, d)"),
        (([0, 1], X), "one label per sample"),
        (([[[0]]] * 3, X), "ids of shape (N,) or (N, 1), or one-hot rows"),
        (([[1, 1]] * 3, X), "must be one-hot"),
        (
            (np.eye(3, 4, dtype=bool), X),
            "cast them to int32. Received: labels of shape (3, 4), M=3",
        ),
        ((np.eye(2, 3, dtype=bool), X), "one label per sample"),
        ((np.eye(3, dtype=bool), X, [0, 1, 2], X), "Received: ref_labels and ref_embeddings"),
        (([0, 1, 2], X, np.eye(3, dtype=bool), X), "where ids are needed"),
        (([0, 1, 2], X, [0, 1]), "must be given together"),
        (([0, 1, 2], X, None, None, [True]), "Received: ref_mask."),
        (([0, 1, 2], X, [0], X[:1, :1]), "References must have shape (M, d)"),
        (([0, 1, 2], X, [0], X), "one label per sample"),
        (([0, 1, 2], X, [0, 1], X[:2], [True]), "`ref_mask` must have shape (2,) or (3, 2)"),
        (([0, 1, 2], X, None, None, None, [True]), "`mask` must have shape (3,)"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, text):
    with pytest.raises(ValueError) as caught:
        pairs(*arguments)
    assert text in str(caught.value) and "Received" in str(caught.value)
