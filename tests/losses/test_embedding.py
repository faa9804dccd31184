"""The protocol that every loss of embeddings keeps, whatever its formula."""

import inspect

import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from portable_losses._catalogue import CATALOGUE
from portable_losses._pairwise import PROTOCOL
from tests import autodiff

CLASSES = [getattr(losses, e.cls) for e in CATALOGUE if not (e.metric or e.stateful)]
TAKES = {cls: set(inspect.signature(cls.function).parameters) for cls in CLASSES}
every_embedding_loss = pytest.mark.parametrize(
    "function",
    [cls.function for cls in CLASSES if set(PROTOCOL) <= TAKES[cls]],
    ids=lambda function: function.__name__,
)
N, DIM = 6, 3


@pytest.fixture
def batch(rng):
    return np.array([0, 1, 0, 2, 1, 0], "int32"), rng.normal(size=(N, DIM)).astype("float32")


def figures(function, x):
    """Values, and the gradient of their sum; in one program, where a value is the gradient by a
    factor of 1."""
    both = np.concatenate([np.ones((len(x), 1), x.dtype), x], axis=1)
    found = autodiff.gradient(lambda b: ops.sum(b[:, 0] * function(b[:, 1:])), both)
    return found[:, 0], found[:, 1:]


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_loss_that_takes_a_mask_gets_it(cls):
    assert ("mask" in TAKES[cls]) == cls.sees_others


@every_embedding_loss
def test_the_batch_is_its_own_reference(function, batch):
    y, x = batch
    others = ~np.eye(N, dtype=bool)
    given = {"ref_labels": y, "ref_mask": others}
    found = figures(lambda p: function(y, p, ref_embeddings=p, **given), x)
    assert_same(found, figures(lambda p: function(y, p), x))


@every_embedding_loss
def test_references_that_do_not_exist_are_not_there(function, batch, rng):
    y, x = batch
    ref_y, ref_x = rng.integers(0, 3, 4), rng.normal(size=(4, DIM)).astype("float32")
    there = np.array([True, False, True, False])
    few = {"ref_labels": ref_y[there], "ref_embeddings": ref_x[there]}
    expected = figures(lambda p: function(y, p, **few), x)
    ref_x[~there] = np.nan
    for mask in (there, np.broadcast_to(there, (N, 4))):
        many = {"ref_labels": ref_y, "ref_embeddings": ref_x, "ref_mask": mask}
        assert_same(figures(lambda p, many=many: function(y, p, **many), x), expected)


@every_embedding_loss
def test_samples_that_do_not_count_are_not_there(function, batch):
    y, x = batch
    counted = np.array([True, True, True, False, True, False])
    expected = figures(lambda p: function(y[counted], p), x[counted])
    x[~counted] = np.nan
    values, slope = figures(lambda p: function(y, p, mask=counted), x)
    assert_same((values[counted], slope[counted]), expected)
    assert not values[~counted].any() and not slope[~counted].any()


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("SupCon", {"temperature": 0.0}, "`temperature` must be greater than 0"),
        ("MultiSimilarity", {"alpha": 0.0}, "`alpha` must be greater than 0"),
        ("MultiSimilarity", {"beta": -1.0}, "`beta` must be greater than 0"),
    ],
)
def test_bad_settings(name, settings, text, batch):
    cls = getattr(losses, name)
    for action in (lambda: cls(**settings), lambda: cls.function(*batch, **settings)):
        with pytest.raises(ValueError, match=text):
            action()
