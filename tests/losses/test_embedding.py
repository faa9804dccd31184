"""The protocol that every loss of embeddings keeps, whatever its formula."""

import functools
import inspect

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from portable_losses._catalogue import CATALOGUE
from portable_losses._pairwise import PROTOCOL
from tests import autodiff
from tests.autodiff import BACKEND
from tests.contract.checks import derivative
from tests.references import embedding as reference

CLASSES = [getattr(losses, e.cls) for e in CATALOGUE if not (e.metric or e.stateful)]
TAKES = {cls: set(inspect.signature(cls.function).parameters) for cls in CLASSES}
# A loss around another one is tried around one.
AROUND = {
    losses.Mined: {"loss": losses.SupCon(), "miner": "BatchEasyHard"},
    losses.Matryoshka: {"loss": losses.SupCon(), "dims": [1, 3]},
}


def function_of(cls):
    if cls not in AROUND:
        return cls.function
    return functools.update_wrapper(functools.partial(cls.function, **AROUND[cls]), cls.function)


every_embedding_loss = pytest.mark.parametrize(
    "function",
    [function_of(cls) for cls in CLASSES if set(PROTOCOL) <= TAKES[cls]],
    ids=lambda function: function.__name__,
)
VIEWS = {losses.simclr, losses.clip, losses.siglip, losses.in_batch_negatives}
in_blocks = pytest.mark.parametrize(
    "function",
    [function_of(cls) for cls in CLASSES if "block_size" in TAKES[cls]],
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


@in_blocks
def test_blocks_of_anchors_give_the_same(function, batch, rng):
    y, x = batch
    if function in VIEWS:
        x = rng.normal(size=(N, 2, DIM)).astype("float32")
        more = {"mask": np.array([True, True, False, True, True, True])}
    else:
        ref_y, ref_x = rng.integers(0, 3, 5), rng.normal(size=(5, DIM)).astype("float32")
        more = {"ref_labels": ref_y, "ref_embeddings": ref_x, "ref_mask": rng.random((N, 5)) < 0.7}
    given = [{}, more, {}][: 2 if function in VIEWS else 3]

    def all_of(x, **settings):  # one program
        x = ops.reshape(x, (N, *shape))
        return sum(function(y, x, **arguments, **settings) for arguments in given)

    shape, x = x.shape[1:], x.reshape(N, -1)
    assert_same(*(figures(lambda p, b=b: all_of(p, block_size=b), x) for b in (4, None)))


@pytest.mark.skipif(BACKEND == "tensorflow", reason="it does not say what it allocates")
def test_memory(rng):
    """Of blocks; and that no triplet loss has an entry for each triplet."""
    n = 512
    y, x = rng.integers(0, 8, n).astype("int32"), rng.normal(size=(n, 8)).astype("float32")
    pairs = 4 * n * n
    for cls in (losses.TripletSemiHard, losses.TripletBatchAll, losses.NTXent):
        assert autodiff.bytes_for_gradient(cls(), y, x) < 40 * pairs
    for cls in (losses.NTXent, losses.SupCon):
        assert autodiff.bytes_for_gradient(cls(), y, x) > pairs
        assert autodiff.bytes_for_gradient(cls(block_size=16), y, x) < pairs


@pytest.mark.parametrize("settings", [{}, {"gamma": 4.0, "margin": 0.2}], ids=str)
def test_weights_of_circle_may_be_constant(settings, batch):
    y, x = batch
    found = autodiff.gradient(lambda p: ops.sum(losses.circle(y, p, **settings)), x)
    x = x.astype("float64")
    expected = derivative(lambda p: reference.circle(y, p, **settings, weights=x).sum(), x)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.skipif(not hasattr(keras.losses, "Circle"), reason="this Keras has none")
@pytest.mark.parametrize("y", [[0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 1, 0], [0] * N], ids=str)
def test_circle_is_that_of_keras(y, batch):
    y, x = np.array(y, "int32"), batch[1]
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    ours, theirs = (
        autodiff.gradient(lambda p, loss=loss: loss(y, p), x)
        for loss in (losses.Circle(constant_weights=False), keras.losses.Circle())
    )
    # Ours is by what goes into the normalisation, so that nothing of it points outwards.
    theirs = theirs - np.sum(theirs * x, axis=1, keepdims=True) * x
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    values = (losses.Circle()(y, x), keras.losses.Circle()(y, x))
    np.testing.assert_allclose(*map(ops.convert_to_numpy, values), rtol=1e-5)


def test_views_may_be_a_tuple(rng):
    x = rng.normal(size=(N, 2, DIM)).astype("float32")
    y = np.arange(N)
    whole, parts = (losses.CLIP()(y, given) for given in (x, (x[:, 0], x[:, 1])))
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (parts, whole)), rtol=1e-6)


@pytest.mark.parametrize(
    ("y_pred", "text"),
    [
        (np.ones((N, DIM), "float32"), "two embeddings of each sample"),
        (np.ones((N, 3, DIM), "float32"), "two embeddings of each sample"),
        ((np.ones((N, DIM)), np.ones((N - 1, DIM))), "the same shape"),
    ],
)
def test_what_is_no_pair_of_views(y_pred, text):
    with pytest.raises(ValueError, match=text):
        losses.clip(np.arange(N), y_pred)


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("SupCon", {"block_size": 0}, "`block_size` must be a positive integer"),
        ("NTXent", {"temperature": 0.0}, "`temperature` must be greater than 0"),
        ("Circle", {"gamma": 0.0}, "`gamma` must be greater than 0"),
        ("Circle", {"margin": 1.0}, "`margin` must lie strictly between"),
        ("LiftedStructure", {"margin": -1.0}, "`margin` must be at least 0"),
        ("ContrastiveLabels", {"power": 3}, "`power` must be one of"),
        ("ContrastiveLabels", {"average": "some"}, "`average` must be one of"),
        ("TripletSemiHard", {"margin": -0.1}, "`margin` must be at least 0"),
        ("TripletSemiHard", {"distance": "L2"}, "`distance` must be one of"),
        ("TripletHard", {"singletons": "pull"}, "`singletons` must be one of"),
        ("TripletBatchAll", {"triplets": "easy"}, "`triplets` must be one of"),
        ("TripletBatchAll", {"average": None}, "`average` must be one of"),
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
