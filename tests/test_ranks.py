"""Sorted rows: what losses of triplets ask of each backend, and of the backend without a name."""

import numpy as np
import pytest
from keras import ops

from portable_losses import _backend
from portable_losses._backend import _generic
from tests import autodiff

EACH = pytest.mark.parametrize("module", [_backend, _generic], ids=["backend", "generic"])


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def rows(rng):
    """Numbers with ties, both signs, zeros of both signs; and a row in which none is `among`."""
    x = rng.integers(-3, 4, (5, 9)).astype("float32") / 4
    x[0, :4] = [0.0, -0.0, 1e30, -1e30]
    among = rng.random((5, 9)) < 0.5
    among[4] = False
    return x, among


@EACH
@pytest.mark.parametrize("compiles", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("times", [1, 20], ids=["few", "many"])
def test_nearest_above(module, rows, times, compiles, rng):
    x, among = (np.tile(part, (1, times)) for part in rows)
    wanted = ~among & (rng.random(x.shape) < 0.7)
    wanted[1] = False
    function = autodiff.compiled(lambda *given: module.nearest_above(*given))
    find = function if compiles else module.nearest_above
    column, exists = map(numbers, find(*map(ops.convert_to_tensor, (x, among, wanted))))
    for i, j in zip(*np.nonzero(wanted), strict=True):
        above = x[i][among[i] & (x[i] > x[i, j])]
        assert exists[i, j] == bool(above.size)
        if above.size:
            assert among[i, column[i, j]] and x[i, column[i, j]] == above.min()


@EACH
def test_count_below(module, rows, rng):
    x, among = rows
    bounds = rng.permuted(x, axis=1) + np.float32(0.25) * (rng.random(x.shape) < 0.5)
    given = map(ops.convert_to_tensor, (x, among, bounds.astype("float32")))
    found = numbers(autodiff.compiled(module.count_below)(*given))
    expected = [[(x[i][among[i]] < bound).sum() for bound in row] for i, row in enumerate(bounds)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dim", [1, 16, 19])
def test_squared_distances(dim, rng):
    x, y = (rng.normal(size=(n, dim)).astype("float32") for n in (4, 3))
    y[1] = x[2]
    found = numbers(_backend.squared_distances(*map(ops.convert_to_tensor, (x, y))))
    expected = ((x[:, None].astype("float64") - y) ** 2).sum(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[2, 1] == 0
    x[3] = x[0]
    own = ops.convert_to_tensor(x)
    found = numbers(_backend.squared_distances(own, own))
    expected = ((x[:, None].astype("float64") - x) ** 2).sum(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[3, 0] == found[0, 3] == found[1, 1] == 0
