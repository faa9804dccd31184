"""Losses that are sums over pairs, with weights of the pairs; and miners that weigh."""

import inspect
import json

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, miners
from portable_losses._catalogue import CATALOGUE
from portable_losses._pairwise import pairs
from tests import autodiff
from tests.references import miners as reference

N, M, DIM = 5, 4, 3
FUNCTIONS = [
    cls.function
    for cls in (getattr(losses, e.cls) for e in CATALOGUE if not (e.metric or e.stateful))
    if "ref_weights" in inspect.signature(cls.function).parameters
]
Y = np.array([0, 1, 0, 2, 1], "int32")
REF_Y = np.array([0, 1, 2, 0], "int32")
# A reference may be there three times, or not at all; and the third anchor has none.
TIMES = np.array([[1, 2, 0, 3], [2, 1, 1, 0], [0, 0, 0, 0], [1, 1, 3, 2], [0, 3, 1, 1]])


def numbers(x):
    return ops.convert_to_numpy(x)


def repeated(x, copies):
    return ops.concatenate([x] * copies, axis=0)


def test_a_pair_of_a_weight_is_as_many_pairs(rng):
    """Values, and gradients by both sides, are those of references that are there several times;
    and of several of which each has a share."""
    assert len(FUNCTIONS) == 11
    x, ref_x = (rng.normal(size=(k, DIM)).astype("float32") for k in (N, M))
    there = np.concatenate([k < TIMES for k in range(3)], axis=1)
    shares = np.concatenate([0.25 * TIMES, 0.75 * TIMES], axis=1).astype("float32")
    ways = (
        (1, {"ref_weights": TIMES.astype("float32")}),
        (2, {"ref_weights": shares}),
        (3, {"ref_mask": there}),
    )

    def scalar(function, copies, given):
        def of(xs):
            refs = repeated(xs[1], copies)
            labels = np.tile(REF_Y, copies)
            values = function(Y, xs[0], ref_labels=labels, ref_embeddings=refs, **given)
            return ops.sum(
                values * ops.convert_to_tensor(np.arange(1.0, N + 1, dtype="float32"))
            ), values

        return of

    todo = [scalar(function, *way) for function in FUNCTIONS for way in ways]
    found = autodiff.values_and_gradients(todo, [[x, ref_x]] * len(todo))
    found = [[numbers(values), *map(numbers, slopes)] for values, slopes in found]
    for i, function in enumerate(FUNCTIONS):
        by_weight, by_shares, expected = found[3 * i : 3 * i + 3]
        assert np.abs(expected[1]).max() > 0 and np.abs(expected[2]).max() > 0
        for actual in (by_weight, by_shares):
            for a, b in zip(actual, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=function.__name__)


def test_blocks_of_anchors_and_weights_for_all_anchors(rng):
    x, ref_x = (rng.normal(size=(k, DIM)).astype("float32") for k in (N, M))
    refs = {"ref_labels": REF_Y, "ref_embeddings": ref_x}
    for function in (losses.contrastive_labels, losses.margin_loss):
        whole = numbers(function(Y, x, **refs, ref_weights=TIMES))
        blocks = function(Y, x, **refs, ref_weights=TIMES, block_size=2)
        np.testing.assert_allclose(numbers(blocks), whole, rtol=1e-5, atol=1e-6)
        for_all = numbers(function(Y, x, **refs, ref_weights=TIMES[0]))
        each = function(Y, x, **refs, ref_weights=np.tile(TIMES[0], (N, 1)))
        np.testing.assert_allclose(for_all, numbers(each), rtol=1e-6)
    beta = np.linspace(0.8, 1.4, N)  # a row of an anchor beside its weights
    whole = losses.margin_loss(Y, x, **refs, beta=beta, ref_weights=TIMES)
    blocks = losses.margin_loss(Y, x, **refs, beta=beta, ref_weights=TIMES, block_size=2)
    np.testing.assert_allclose(numbers(blocks), numbers(whole), rtol=1e-5, atol=1e-6)


def test_distance_weights_are_the_draws_of_the_paper_on_average(rng):
    y, x = np.array([0, 1, 0, 2, 1, 0, 3], "int32"), rng.normal(size=(7, 4)).astype("float32")
    miner = miners.DistanceWeighted(draw=False)
    found = numbers(miner.weights(y, x))
    same = (y[:, None] == y) & ~np.eye(7, dtype=bool)
    expected = reference.distance_weights(y, x)
    has = expected.any(axis=1, keepdims=True)
    expected = expected * same.sum(axis=1, keepdims=True) + (same & has)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    blocks = miner.weights_of(pairs(y, x), block_size=3)
    np.testing.assert_allclose(numbers(blocks), found, rtol=1e-5, atol=1e-6)

    d = np.linalg.norm(x[:, None] - x, axis=-1)
    cost = np.where(same, d, np.maximum(1.0 - d, 0)) ** 2
    sides = [(expected * kind * cost).sum() / (expected * kind).sum() for kind in (same, ~same)]
    loss = losses.Mined(losses.ContrastiveLabels(margin=1.0), miner)
    np.testing.assert_allclose(float(loss(y, x)), sum(sides), rtol=1e-4)

    plain = losses.contrastive_labels
    given = {"ref_labels": y, "ref_embeddings": x, "ref_weights": found}
    refs = autodiff.gradient(lambda p: ops.mean(plain(y, p, **{**given, "ref_embeddings": p})), x)
    slope = autodiff.gradient(lambda p: loss(y, p), x)  # the weights have none
    np.testing.assert_allclose(slope, refs, rtol=1e-4, atol=1e-6)


def test_a_weighing_miner_in_fit(rng):
    y, x = np.arange(12) % 3, rng.normal(size=(12, 4)).astype("float32")
    loss = losses.Mined(losses.MarginLoss(), miners.DistanceWeighted(draw=False), block_size=5)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
    loss = keras.saving.deserialize_keras_object(config)
    assert not loss.settings["miner"].settings["draw"] and loss.settings["miner"].weighs
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    network.compile(keras.optimizers.SGD(0.1), loss=loss)
    expected = float(loss(y, numbers(network(x))))
    history = network.fit(x, y, batch_size=12, epochs=5, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(history[0], expected, rtol=1e-5)
    assert history[-1] < history[0]


class Halves(miners.Miner):
    """One of a user: all pairs, those of two classes by half."""

    def __init__(self):
        self.settings, self.weighs = {}, True

    def mine(self, found, positive, negative, seed):
        return positive, negative

    def weigh(self, found, positive, negative):
        return ops.where(negative, 0.5, 1.0)


def test_a_miner_of_a_user_and_one_without_weights(rng):
    x = rng.normal(size=(N, DIM)).astype("float32")
    same, own = Y[:, None] == Y, np.eye(N, dtype=bool)
    expected = np.where(own, 0, np.where(same, 1.0, 0.5))
    np.testing.assert_array_equal(numbers(Halves().weights(Y, x)), expected)
    found = losses.mined(Y, x, loss=losses.NTXent(), miner=Halves())
    plain = losses.ntxent(Y, x, ref_weights=expected)
    np.testing.assert_allclose(numbers(found), numbers(plain), rtol=1e-6)
    masks = np.logical_or(*map(numbers, miners.BatchHard()(Y, x)))
    np.testing.assert_array_equal(numbers(miners.BatchHard().weights(Y, x)), masks)


WEIGHING = miners.DistanceWeighted(draw=False)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: losses.Mined(losses.SmoothAP(), WEIGHING), "has `ref_weights`"),
        (lambda: losses.RandomlyMined(losses.SupCon(), WEIGHING), "does not draw: use Mined"),
        (lambda: losses.nca(Y, np.eye(N), ref_weights=np.ones((N, 2))), "`ref_weights` must have"),
        (lambda: losses.nca(Y, np.eye(N), ref_weights=-np.ones(N)), "must be at least 0"),
    ],
)
def test_errors(make, text):
    with pytest.raises(ValueError, match=text):
        make()
