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
from tests.references import margins

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
VIEWS |= {losses.cosent, losses.angle}
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


def assert_same(found, expected, function):
    """At a scale of 64, float32 leaves some of the digits of the largest figure to the smallest."""
    of_largest = 3e-7 if function is losses.tuplet_margin else 0
    for a, b in zip(found, expected, strict=True):
        atol = 2e-6 + of_largest * np.max(np.abs(b), initial=0)
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=atol)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_loss_that_takes_a_mask_gets_it(cls):
    assert ("mask" in TAKES[cls]) == cls.sees_others


@every_embedding_loss
def test_the_batch_is_its_own_reference(function, batch):
    y, x = batch
    others = ~np.eye(N, dtype=bool)
    given = {"ref_labels": y, "ref_mask": others}
    found = figures(lambda p: function(y, p, ref_embeddings=p, **given), x)
    assert_same(found, figures(lambda p: function(y, p), x), function)


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
        found = figures(lambda p, many=many: function(y, p, **many), x)
        assert_same(found, expected, function)


@every_embedding_loss
def test_samples_that_do_not_count_are_not_there(function, batch):
    y, x = batch
    counted = np.array([True, True, True, False, True, False])
    expected = figures(lambda p: function(y[counted], p), x[counted])
    x[~counted] = np.nan
    values, slope = figures(lambda p: function(y, p, mask=counted), x)
    assert_same((values[counted], slope[counted]), expected, function)
    assert not values[~counted].any() and not slope[~counted].any()


@pytest.mark.skipif(BACKEND != "jax", reason="vmap is JAX's")
def test_vmap(batch, rng):
    """Of many batches at once, every loss of embeddings gives what it gives of each."""
    y, x = batch
    functions = [
        cls.function
        for cls in CLASSES
        if set(PROTOCOL) <= TAKES[cls] and "loss" not in TAKES[cls]  # nor one around another
    ]
    many = np.stack([x, rng.normal(size=x.shape).astype("float32")])
    found = autodiff.mapped(lambda p: [function(y, p) for function in functions], many)
    for function, values in zip(functions, found, strict=True):
        expected = ops.convert_to_numpy(function(y, many[1]))
        np.testing.assert_allclose(
            values[1], expected, rtol=1e-5, atol=1e-6, err_msg=function.__name__
        )
    found = autodiff.mapped(special(4), many)  # in blocks, too
    np.testing.assert_allclose(found[1], special(None)(many[1]), rtol=1e-5)


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
    found, expected = (figures(lambda p, b=b: all_of(p, block_size=b), x) for b in (4, None))
    assert_same(found, expected, function)


def special(block_size):
    """The sum of losses of which something is special in blocks: an own loop, a number for each
    anchor, figures of the whole batch, references as anchors, two directions."""
    y = ops.convert_to_tensor(np.array([0, 1, 0, 2, 1, 0], "int32"))
    beta = ops.convert_to_tensor(np.linspace(0.5, 1.5, N).astype("float32"))
    several = {
        losses.triplet_semi_hard: {},
        losses.triplet_batch_all: {"distance": "manhattan"},
        losses.margin_loss: {"beta": beta},
        losses.intra_pair_variance: {},
        losses.lifted_structure: {"distance": "snr"},
        losses.clip: {},
    }

    def total(x):
        found = 0.0
        for function, settings in several.items():
            given = (x, ops.flip(x, axis=0)) if function in VIEWS else x
            found = found + ops.sum(function(y, given, block_size=block_size, **settings))
        return found

    return total


def test_blocks_compile(batch):
    """In one graph, and by XLA; with the gradient."""
    found = autodiff.compiled_gradient(special(4), batch[1])
    expected = autodiff.gradient(special(None), batch[1])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_blocks_have_a_second_derivative(batch):
    found, expected = (autodiff.gradient_of_slope(special(b), batch[1]) for b in (4, None))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.max(np.abs(expected)))


@in_blocks
def test_block_sizes_are_checked(function, batch):
    y, x = batch
    given = np.stack([x, x], axis=1) if function in VIEWS else x
    with pytest.raises(ValueError, match="`block_size` must be a positive integer"):
        function(y, given, block_size=0)


@pytest.mark.parametrize(
    "cls",
    [losses.SupCon, losses.NTXent, losses.TripletHard, losses.ContrastiveLabels, losses.Circle],
    ids=lambda cls: cls.__name__,
)
def test_labels_may_be_a_mask_of_pairs(cls, batch, rng):
    y, x = batch
    ref_y, ref_x = rng.integers(0, 3, 5), rng.normal(size=(5, DIM)).astype("float32")
    refs = {"ref_embeddings": ref_x, "mask": y < 2}
    blocks = [{}] + [{"block_size": 4}] * ("block_size" in TAKES[cls])
    function = cls.function

    def by_masks(p):
        first, second = y[:, None] == y, y[:, None] == ref_y
        return sum(function(first, p, **b) + function(second, p, **refs, **b) for b in blocks)

    def by_ids(p):
        found = function(y, p) + function(y, p, ref_labels=ref_y, **refs)
        return found * len(blocks)

    assert_same(figures(by_masks, x), figures(by_ids, x), function)
    weights = np.array([1, 1, 0, 2, 1, 1], "float32")
    values = (cls()(labels, x, sample_weight=weights) for labels in (y[:, None] == y, y))
    np.testing.assert_allclose(*map(ops.convert_to_numpy, values), rtol=1e-5)


def test_labels_of_views_may_be_a_mask_of_pairs(rng):
    x = rng.normal(size=(N, 2, DIM)).astype("float32")
    y = np.array([0, 1, 0, 2, 1, 0])
    together = (y[:, None] == y) & ~np.eye(N, dtype=bool)  # a sample's own views always are
    for cls in (losses.SimCLR, losses.CLIP):
        values = (cls()(labels, x) for labels in (together, y))
        np.testing.assert_allclose(*map(ops.convert_to_numpy, values), rtol=1e-5)
    # That i belongs to j says nothing of j and i: backwards, the mask is read by its columns.
    one_way = np.triu(together)
    forth, back = (
        losses.in_batch_negatives(m, v) for m, v in ((one_way, x), (one_way.T, x[:, ::-1]))
    )
    both = losses.clip(one_way, x, temperature=0.05)
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (both, (forth + back) / 2)), rtol=1e-5)


def test_a_mask_of_pairs_comes_through_training(rng):
    x = rng.normal(size=(N, DIM)).astype("float32")
    together = rng.random((N, N)) < 0.5
    model = keras.Sequential(
        [keras.Input((DIM,)), keras.layers.Dense(DIM, kernel_initializer="identity")]
    )
    model.compile("sgd", loss=losses.SupCon())
    expected = ops.convert_to_numpy(losses.SupCon()(together, x))
    np.testing.assert_allclose(model.train_on_batch(x, together), expected, rtol=1e-5)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="it does not say what it allocates")
def test_memory(rng):
    """Of blocks; and that no triplet loss has an entry for each triplet."""
    n = 512
    y, x = rng.integers(0, 8, n).astype("int32"), rng.normal(size=(n, 8)).astype("float32")
    pairs = 4 * n * n
    for cls in (losses.TripletSemiHard, losses.TripletBatchAll, losses.NTXent):
        assert autodiff.bytes_for_gradient(cls(), y, x) < 40 * pairs
    distance = losses.TripletHard(distance="manhattan")
    assert autodiff.bytes_for_gradient(distance, y, x) < 40 * pairs
    for cls in (losses.NTXent, losses.SupCon, losses.LiftedStructure, losses.TripletSemiHard):
        assert autodiff.bytes_for_gradient(cls(), y, x) > pairs
        assert autodiff.bytes_for_gradient(cls(block_size=16), y, x) < pairs


@pytest.mark.parametrize("settings", [{}, {"gamma": 4.0, "margin": 0.2}], ids=str)
def test_weights_of_circle_may_be_constant(settings, batch):
    y, x = batch
    found = autodiff.gradient(lambda p: ops.sum(losses.circle(y, p, **settings)), x)
    x = x.astype("float64")
    expected = derivative(lambda p: reference.circle(y, p, **settings, weights=x).sum(), x)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


def test_weights_of_ranked_list_may_be_constant(batch):
    y, x = batch
    settings = {"alpha": 2.0, "margin": 1.0, "positive_temperature": 1.0}
    found = autodiff.gradient(lambda p: ops.sum(losses.ranked_list(y, p, **settings)), x)
    x = x.astype("float64")
    expected = derivative(lambda p: margins.ranked_list(y, p, **settings, weights=x).sum(), x)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


def test_beta_of_margin_loss_may_differ_by_anchor(batch):
    y, x = batch
    of_class = np.array([0.8, 1.5, 2.0], "float32")
    found = ops.convert_to_numpy(losses.margin_loss(y, x, beta=of_class[y]))
    np.testing.assert_allclose(found, margins.margin_loss(y, x, beta=of_class[y]), rtol=1e-5)
    with pytest.raises(ValueError, match="one for each anchor"):
        losses.margin_loss(y, x, beta=of_class)


def test_npairs_of_several_labels(batch, rng):
    """Of one label each it is that of ids; labels may be weights."""
    y, x = batch
    one_hot = np.eye(3, dtype="float32")[y]
    by = ops.convert_to_numpy(losses.npairs_multilabel(one_hot, x))
    for labels in (y, y[:, None] == y):
        np.testing.assert_allclose(losses.npairs_multilabel(labels, x), by, rtol=1e-5)
    np.testing.assert_allclose(losses.npairs(y, x), by, rtol=1e-5)
    ref_x, ref_y = x[::-1].copy(), rng.integers(0, 2, (N, 3)).astype("float32")
    given = {"ref_labels": ref_y, "ref_embeddings": ref_x}
    found = ops.convert_to_numpy(losses.npairs_multilabel(one_hot, x, **given))
    np.testing.assert_allclose(losses.npairs_multilabel(3 * one_hot, x, **given), found, rtol=1e-5)
    with pytest.raises(ValueError, match="a column for each of those of y_true"):
        losses.npairs_multilabel(one_hot, x, ref_labels=ref_y[:, :2], ref_embeddings=ref_x)


def test_triplets_may_be_a_tuple(rng):
    x = rng.normal(size=(N, 3, DIM)).astype("float32")
    whole, parts = (
        losses.TripletMargin()(np.zeros(N), given) for given in (x, (*x.swapaxes(0, 1),))
    )
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (parts, whole)), rtol=1e-6)
    for wrong in (x[:, :2], x[:, 0], (x[:, 0], x[:, 1], x[:4, 2])):
        with pytest.raises(ValueError, match="anchors, positives and negatives"):
            losses.triplet_margin(np.zeros(N), wrong)


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
        ("PNLoss", {"negatives": "easy"}, "`negatives` must be one of"),
        ("PNLoss", {"margin": -1.0}, "`margin` must be at least 0"),
        ("MarginLoss", {"count": "all"}, "`count` must be one of"),
        ("MarginLoss", {"margin": -1.0}, "`margin` must be at least 0"),
        ("NCA", {"temperature": 0.0}, "`temperature` must be greater than 0"),
        ("NCA", {"objective": "log"}, "`objective` must be one of"),
        ("NCA", {"distance": 0.5}, "`distance` must be one of"),
        ("SoftNearestNeighbor", {"block_size": 0}, "`block_size` must be a positive integer"),
        ("Angular", {"alpha": 45.0}, "If these are degrees, 0.7854 is meant"),
        ("Angular", {"alpha": 0.0}, "`alpha` must be greater than 0"),
        ("GeneralizedLiftedStructure", {"singletons": "pull"}, "`singletons` must be one of"),
        ("TupletMargin", {"margin": 5.73}, "If these are degrees, 0.1000 is meant"),
        ("TupletMargin", {"scale": 0.0}, "`scale` must be greater than 0"),
        ("IntraPairVariance", {"negative_epsilon": -0.1}, "`negative_epsilon` must be at least 0"),
        ("SNRContrastive", {"zero_mean": -1.0}, "`zero_mean` must be at least 0"),
        ("RankedList", {"margin": 2.0}, "`alpha` must be at least 2.0"),
        ("RankedList", {"imbalance": 1.5}, "`imbalance` must lie in"),
        ("RankedList", {"negative_temperature": -1.0}, "`negative_temperature` must be at least 0"),
        ("ThresholdConsistentMargin", {"positive_margin": 2.0}, "`positive_margin` must lie in"),
        ("ThresholdConsistentMargin", {"negative_weight": -1.0}, "`negative_weight` must be at"),
        ("MultiSimilarity", {"alpha": 0.0}, "`alpha` must be greater than 0"),
        ("MultiSimilarity", {"beta": -1.0}, "`beta` must be greater than 0"),
    ],
)
def test_bad_settings(name, settings, text, batch):
    cls = getattr(losses, name)
    for action in (lambda: cls(**settings), lambda: cls.function(*batch, **settings)):
        with pytest.raises(ValueError, match=text):
            action()
