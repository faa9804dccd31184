"""Miners: their masks against the papers, pair by pair; and what a loss makes of them."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses, miners, training
from portable_losses._pairwise import pairs
from tests import autodiff
from tests.references import miners as reference

N, DIM = 8, 3
EASY_HARD = [
    {"positives": positives, "negatives": negatives}
    for positives in ("hard", "semi_hard", "easy", "all")
    for negatives in ("hard", "semi_hard", "easy", "all")
    if "semi_hard" not in (positives, negatives)
    or (positives != negatives and "all" not in (positives, negatives))
]
CONFIGS = [
    (miners.BatchHard, reference.batch_hard, {"distance": "squared_euclidean"}),
    *((miners.BatchEasyHard, reference.batch_easy_hard, settings) for settings in EASY_HARD),
    (
        miners.BatchEasyHard,
        reference.batch_easy_hard,
        {"positive_range": (0.5, 1.7), "negative_range": (0.9, 1.9), "distance": "cosine"},
    ),
    (miners.MultiSimilarity, reference.multi_similarity, {}),
    (miners.MultiSimilarity, reference.multi_similarity, {"epsilon": 0.6, "distance": "euclidean"}),
    (miners.PairMargin, reference.pair_margin, {"positive_margin": 1.1, "negative_margin": 2.1}),
    (miners.HDC, reference.hdc, {"fraction": 0.5}),
    *(
        (miners.TripletMargin, reference.triplet_margin, {"margin": 0.4, "triplets": kind})
        for kind in ("all", "hard", "semi_hard", "easy")
    ),
    (miners.Angular, reference.angular, {}),
    (miners.Angular, reference.angular, {"angle": 45.0}),
]
RANDOM = np.random.default_rng(0)
BATCHES = {
    "ordinary": ([0, 1, 0, 2, 1, 0, 2, 2], RANDOM.normal(size=(N, DIM))),
    "singletons": ([0, 1, 2, 3, 0, 4, 5, 0], RANDOM.normal(size=(N, DIM))),
    "one class": ([1] * N, RANDOM.normal(size=(N, DIM))),
    "all distinct": (range(N), RANDOM.normal(size=(N, DIM))),
}
CHOICES = [cls(**settings) for cls, _, settings in CONFIGS]


SOME = list({type(miner): miner for miner in CHOICES}.values())  # one of each class


def all_of(y, x, some=CHOICES, **given):
    """The masks of all miners, in one program."""
    return ops.stack([ops.stack(miner(y, x, **given)) for miner in some])


def as_batch(name):
    labels, x = BATCHES[name]
    return np.array(labels, "int32"), x.astype("float32")


@pytest.fixture(scope="module")
def program():
    # On PyTorch what Dynamo captures runs the same kernels, and tracing all of them takes long.
    return all_of if autodiff.BACKEND == "torch" else autodiff.compiled(all_of, xla=True)


@pytest.mark.skipif(autodiff.BACKEND != "torch", reason="all tests of masks are of a program")
@pytest.mark.parametrize("miner", SOME, ids=repr)
def test_one_graph(miner):
    y, x = map(ops.convert_to_tensor, as_batch("ordinary"))
    for found, expected in zip(autodiff.compiled(miner)(y, x), miner(y, x), strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (found, expected)))


def symmetric(miner, masks):
    """A pair and its mirror image are equally far, and which of the two HDC takes is rounding."""
    return masks | masks.swapaxes(1, 2) if isinstance(miner, miners.HDC) else masks


@pytest.mark.parametrize("name", BATCHES)
def test_masks_are_those_of_the_papers(name, program):
    y, x = as_batch(name)
    found = ops.convert_to_numpy(program(*map(ops.convert_to_tensor, (y, x))))
    for (_, choose, settings), miner, actual in zip(CONFIGS, CHOICES, found, strict=True):
        expected = np.stack(choose(y, x.astype("float64"), **settings))
        np.testing.assert_array_equal(
            symmetric(miner, actual), symmetric(miner, expected), err_msg=repr(miner)
        )
        assert actual.sum(axis=(1, 2)).tolist() == expected.sum(axis=(1, 2)).tolist()


def test_degenerate_batches(program):
    """All miners agree that a batch without pairs of a kind has none, and take no sample twice."""
    y, some = as_batch("ordinary")
    for x in (0 * some, np.full_like(some, 1e20), np.full_like(some, 1e-30), some[[0] * N]):
        found = ops.convert_to_numpy(program(*map(ops.convert_to_tensor, (y, x))))
        same = y[:, None] == y
        assert not (found[:, 0] & ~(same & ~np.eye(N, dtype=bool))).any()
        assert not (found[:, 1] & same).any()
        for miner, (positive, negative) in zip(CHOICES, found, strict=True):
            if isinstance(miner, miners.BatchHard):  # one of many that are equally far
                assert positive.sum(axis=1).tolist() == negative.sum(axis=1).tolist() == [1] * N


def test_samples_and_references_that_are_not_there():
    y, x = as_batch("ordinary")
    counted = np.array([True, True, False, True, True, True, False, True])
    few = ops.convert_to_numpy(all_of(y[counted], x[counted], SOME))
    x[~counted] = np.nan
    found = ops.convert_to_numpy(all_of(y, x, SOME, mask=counted))
    assert not found[..., ~counted, :].any() and not found[..., ~counted].any()
    np.testing.assert_array_equal(found[..., counted, :][..., counted], few)
    given = {"ref_labels": y, "ref_embeddings": x, "ref_mask": ~np.eye(N, dtype=bool) & counted}
    again = ops.convert_to_numpy(all_of(y, x, SOME, mask=counted, **given))
    np.testing.assert_array_equal(again, found)


def test_blocks_of_anchors_choose_the_same():
    y, x = as_batch("ordinary")
    found = pairs(y, x)
    for miner in (miner for miner in SOME if miner.row_wise):
        whole, blocks = miner.keep(found), miner.keep(found, block_size=3)
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (whole, blocks)))


# Losses -------------------------------------------------------------------------------------


def test_a_mined_loss_is_the_one_it_should_be():
    """Where a loss has its own miner, it is the plain one with ours."""
    y, x = as_batch("ordinary")
    whole = losses.TripletBatchAll(0.7, average="all")
    hard = losses.Mined(whole, miners.BatchHard())
    slopes = [autodiff.gradient(lambda p, f=f: f(y, p), x) for f in (hard, losses.TripletHard(0.7))]
    np.testing.assert_allclose(*slopes, rtol=1e-5, atol=1e-6)
    values = [float(loss(y, x)) for loss in (hard, losses.TripletHard(0.7))]
    np.testing.assert_allclose(*values, rtol=1e-5)


def test_a_miner_chooses_among_the_memory():
    y, x = as_batch("ordinary")
    inner = losses.Mined(losses.MultiSimilarity(beta=5.0), miners.BatchHard("cosine"))
    loss = losses.CrossBatchMemory(inner, memory_size=N, embedding_dim=DIM)
    loss(y, x, training=True)
    again, other = np.roll(y, 3), np.roll(x, 1, axis=0)
    value = float(loss(again, other, training=False))
    refs = {
        "ref_labels": np.concatenate([again, y]),
        "ref_embeddings": np.concatenate([other, x]),
        "ref_mask": np.concatenate([~np.eye(N, dtype=bool), np.ones((N, N), bool)], axis=1),
    }
    keep = np.logical_or(
        *map(ops.convert_to_numpy, miners.BatchHard("cosine")(again, other, **refs))
    )
    assert keep.sum() == 2 * N and keep[:, N:].any()
    refs["ref_mask"] = keep
    expected = np.mean(
        ops.convert_to_numpy(losses.multi_similarity(again, other, beta=5.0, **refs))
    )
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "miner", [*CHOICES, miners.DistanceWeighted(0.4, 1.3), miners.UniformHistogram(7)], ids=repr
)
def test_a_config_makes_the_same_miner(miner):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(miner)))
    twin = keras.saving.deserialize_keras_object(config)
    assert type(twin) is type(miner) and twin.settings == miner.settings
    assert twin.settings == miners.get(config).settings


def test_labels_that_are_a_mask_of_pairs():
    y, x = as_batch("ordinary")
    loss = losses.Mined(losses.MultiSimilarity(beta=5.0), miners.BatchHard("cosine"))
    np.testing.assert_allclose(float(loss(y[:, None] == y, x)), float(loss(y, x)), rtol=1e-6)


def test_loss_and_miner_of_one_name_stay_apart():
    loss = losses.Mined(losses.MultiSimilarity(), miners.MultiSimilarity(0.2))
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(twin.settings["loss"]) is losses.MultiSimilarity
    assert type(twin.settings["miner"]) is miners.MultiSimilarity


# The one that draws --------------------------------------------------------------------------


def test_draws_are_as_likely_as_the_paper_says():
    """2,000 anchors in one place draw one negative each."""
    rng, copies, others = np.random.default_rng(3), 2000, 6
    x = (rng.normal(size=5) + rng.normal(size=(others + 2, 5))).astype("float32")
    y = np.array([0, 0, *range(1, others + 1)], "int32")
    expected = reference.distance_weights(y, x)[0]
    assert np.sum(expected > 0) >= 4
    anchors = np.repeat(x[:1], copies, axis=0)
    given = {"ref_labels": y, "ref_embeddings": x, "ref_mask": np.arange(len(x)) > 0}
    positive, negative = miners.DistanceWeighted()(
        np.zeros(copies, "int32"), anchors, seed=5, **given
    )
    positive, negative = map(ops.convert_to_numpy, (positive, negative))
    assert (positive.sum(axis=1) == 1).all() and (negative.sum(axis=1) == 1).all()
    error = np.sqrt(expected * (1 - expected) / copies)
    assert (np.abs(negative.mean(axis=0) - expected) <= 4.5 * error).all()


def test_a_draw_is_without_repetition_and_by_seed():
    y, x = as_batch("ordinary")
    masks = [
        [ops.convert_to_numpy(m) for m in miners.DistanceWeighted()(y, x, seed=s)]
        for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(masks[0][1], masks[1][1])
    assert (masks[0][1] != masks[2][1]).any()
    positive, negative = masks[0]
    near = reference.distance_weights(y, x) > 0
    assert not (negative & ~near).any()
    wanted = np.minimum(positive.sum(axis=1), near.sum(axis=1))
    assert negative.sum(axis=1).tolist() == wanted.tolist()


def test_a_training_run_draws_anew_and_resumes(tmp_path):
    rng, size = np.random.default_rng(2), 24
    y, x = np.arange(size) % 4, (2 + rng.normal(size=(size, DIM))).astype("float32")

    def made():
        network = keras.Sequential([keras.Input((DIM,)), keras.layers.Dense(DIM)])
        network.set_weights([np.eye(DIM), np.zeros(DIM)])
        loss = losses.RandomlyMined(losses.ContrastiveLabels(), miners.DistanceWeighted(), seed=4)
        model = training.LossModel(network, loss)
        model.compile(keras.optimizers.SGD(0.0))  # the draw alone makes a difference
        return model

    def seen(model):
        whole = {"batch_size": size, "shuffle": False, "verbose": 0}
        return model.fit(x, y, epochs=3, **whole).history["loss"]

    model = made()
    first = seen(model)
    assert len(set(first)) == 3 and np.isfinite(first).all()
    np.testing.assert_allclose(seen(made()), first, rtol=1e-6)  # by the seed
    model.save(tmp_path / "model.keras")
    second = seen(model)
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(seen(resumed), second, rtol=1e-6)
    values = [model.evaluate(x, y, batch_size=size, verbose=0) for _ in range(2)]
    assert values[0] == values[1]


def test_a_histogram_is_drawn_from():
    """Of every bin as many as there are to be, or all, at random and by seed."""
    rng, size = np.random.default_rng(6), 40
    y, x = np.arange(size) % 4, rng.normal(size=(size, 2)).astype("float32")
    miner = miners.UniformHistogram(5, positives_per_bin=12, negatives_per_bin=100)

    def draws(y, x):
        return ops.stack([*miner(y, x, seed=1), *miner(y, x, seed=2)])

    # Dynamo cannot trace a draw of Keras.
    program = draws if autodiff.BACKEND == "torch" else autodiff.compiled(draws)
    drawn = ops.convert_to_numpy(program(*map(ops.convert_to_tensor, (y, x))))
    d, same = np.linalg.norm(x[:, None] - x, axis=-1), y[:, None] == y
    pairs_of = (same & ~np.eye(size, dtype=bool), ~same)
    for kind, mask, most in zip((0, 1), pairs_of, (12, 100), strict=True):
        edges = np.linspace(d[mask].min(), d[mask].max(), 6)
        edges[[0, -1]] = -np.inf, np.inf
        counts = np.histogram(d[mask], edges)[0]
        assert counts.min() < most < counts.max()
        first, second = drawn[kind], drawn[kind + 2]
        assert (first != second).any()
        for masks in (first, second):
            assert not (masks & ~mask).any()
            np.testing.assert_array_equal(
                np.histogram(d[masks], edges)[0], np.minimum(counts, most)
            )
        # No place in the batch is likelier than another: within 4.5 errors of the middle.
        fullest = mask & (np.digitize(d, edges) - 1 == counts.argmax())
        chosen, all_rows = (np.nonzero(some)[0] for some in (first & fullest, fullest))
        assert abs(chosen.mean() - all_rows.mean()) < 4.5 * all_rows.std() / np.sqrt(most)


def test_a_histogram_of_degenerate_batches():
    y, x = as_batch("ordinary")
    for miner in (miners.UniformHistogram(3, 1, 2), miners.UniformHistogram(3, 1, 2, draw=False)):
        for labels, points in ((y, 0 * x), (0 * y, x), (np.arange(N), x), (y, 1e20 * x)):
            found = ops.convert_to_numpy(miner.weights(labels, points, seed=0))
            assert np.isfinite(found).all() and (found >= 0).all()
            same = labels[:, None] == labels
            assert found.any() and not np.diagonal(found).any()
            if not points.any():  # one bin of each kind
                assert found[same].sum() == pytest.approx(1) and found[
                    ~same
                ].sum() == pytest.approx(2)


# Errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: miners.get("Hardest"), "A miner must be a `Miner` or one of the names"),
        (lambda: miners.BatchHard("L2"), "`distance` must be one of"),
        (lambda: miners.BatchEasyHard("middle"), "`positives` must be one of"),
        (lambda: miners.BatchEasyHard("semi_hard", "semi_hard"), "must be 'hard' or 'easy'"),
        (lambda: miners.BatchEasyHard("all", "semi_hard"), "must be 'hard' or 'easy'"),
        (lambda: miners.BatchEasyHard(positive_range=(2, 1)), "`positive_range` must be two"),
        (lambda: miners.MultiSimilarity(-0.1), "`epsilon` must be at least 0"),
        (lambda: miners.HDC(0.0), "`fraction` must be greater than 0"),
        (lambda: miners.HDC(1.5), "`fraction` must lie in"),
        (lambda: miners.TripletMargin(triplets="some"), "`triplets` must be one of"),
        (lambda: miners.Angular(90.0), "`angle` must lie strictly between"),
        (lambda: miners.DistanceWeighted(1.0, 0.9), "`farthest` must be greater than"),
        (lambda: losses.Mined(losses.CLIP(), "BatchHard"), "Mined takes a loss of embeddings"),
        (lambda: losses.Mined(losses.SupCon(), "DistanceWeighted"), "Use RandomlyMined"),
        (lambda: losses.Mined(losses.SupCon(), "HDC", block_size=4), "Leave `block_size` out"),
        (lambda: losses.RandomlyMined(losses.CenterLoss(3)), "RandomlyMined takes a loss"),
    ],
)
def test_errors(make, text):
    with pytest.raises(ValueError, match=text):
        make()
