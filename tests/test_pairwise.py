"""Anchors against references: the numbers, who belongs together, and what is refused."""

import numpy as np
import pytest
from keras import ops

from portable_losses import _pairwise
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
    ],
    ids=["dot", "cosine", "squared_euclidean", "euclidean"],
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


def test_near_vectors_keep_their_distance(rng):
    x = rng.normal(size=(3, 8)).astype("float32") + 100
    y = x + rng.uniform(0.5, 1, size=(3, 8)).astype("float32") * 1e-3
    expected = by_loops(lambda a, b: np.linalg.norm(a - b), *(z.astype("float64") for z in (x, y)))
    found = numbers(euclidean(*map(ops.convert_to_tensor, (x, y))))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    slope = autodiff.gradient(lambda p: ops.sum(euclidean(p, p)), np.stack([x[0], x[0]]))
    np.testing.assert_array_equal(slope, 0 * slope)  # at equal vectors, where it has none


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
        (([0, 1, 2], X, [0, 1]), "must be given together"),
        (([0, 1, 2], X, None, None, [True]), "Received: ref_mask alone"),
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
