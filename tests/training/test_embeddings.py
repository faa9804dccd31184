"""Batches of classes, and the figures of embeddings after an epoch."""

import keras
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from portable_losses import losses, training
from portable_losses.training import PKBatches, embedding_report

SIZES = [9, 3, 7, 2, 12, 5]  # samples of each class
Y = np.random.default_rng(0).permutation(np.repeat(np.arange(10, 16), SIZES))
N, DIM = len(Y), 3
X = np.random.default_rng(1).normal(size=(N, DIM)).astype("float32")


def batches(**settings):
    return PKBatches(
        X, Y, **{"classes_per_batch": 4, "samples_per_class": 3, "seed": 5, **settings}
    )


# Batches ------------------------------------------------------------------------------------


def test_a_batch_has_p_classes_of_k_samples():
    found = batches(batches_per_epoch=30)
    assert len(found) == 30
    rows = []
    for i in range(len(found)):
        x, y = found[i]
        labels, counts = np.unique(y, return_counts=True)
        assert len(labels) == 4 and (counts == 3).all()
        np.testing.assert_array_equal(x, X[found.rows(i)])
        np.testing.assert_array_equal(y, Y[found.rows(i)])
        for label in labels:
            own = found.rows(i)[y == label]
            most = -(-3 // SIZES[label - 10])  # a class of two gives one of them twice
            assert np.unique(own, return_counts=True)[1].max() == most
        rows.append(found.rows(i))
    seen = np.bincount(Y[np.concatenate(rows)])[10:] // 3
    assert seen.max() - seen.min() <= 1  # classes are seen as often as one another
    for k in range(6):  # and samples of a class, up to one that the batch had already
        counts = np.bincount(np.concatenate(rows), minlength=N)[Y == 10 + k]
        assert counts.max() - counts.min() <= 2


def test_batches_depend_on_seed_and_epoch():
    def epochs(**settings):
        found, rows = batches(**settings), []
        for _ in range(3):
            rows.append([found.rows(i).tolist() for i in range(len(found))])
            found.on_epoch_end()
        return rows

    first = epochs()
    assert epochs() == first and epochs(seed=6) != first
    assert first[0] != first[1] != first[2]
    assert epochs(seed=None) != epochs(seed=None)


def test_an_epoch_has_as_many_samples_as_there_are():
    assert len(batches()) == N // 12
    assert len(PKBatches(X, Y, 6, 100)) == 1


@pytest.mark.parametrize(
    "labels", [Y[:, None], np.eye(6, dtype=int)[Y - 10], np.array([f"class {y}" for y in Y])]
)
def test_labels_in_other_forms(labels):
    found = PKBatches(X, labels, 4, 3, seed=5)
    np.testing.assert_array_equal(found.rows(0), batches().rows(0))
    np.testing.assert_array_equal(found[0][1], labels[found.rows(0)])


def test_data_in_other_forms():
    class Samples:
        def __getitem__(self, i):
            return {"a": X[i], "b": float(i)}

    expected = batches().rows(1)
    by_function, _ = PKBatches(lambda rows: X[rows] + 1, Y, 4, 3, seed=5)[1]
    np.testing.assert_array_equal(by_function, X[expected] + 1)
    by_sample, _ = PKBatches(Samples(), Y, 4, 3, seed=5)[1]
    np.testing.assert_array_equal(by_sample["a"], X[expected])
    np.testing.assert_array_equal(by_sample["b"], expected)
    both, targets = PKBatches({"a": X, "b": [X, Y]}, Y, 4, 3, seed=5, targets=X[:, 0])[1]
    np.testing.assert_array_equal(both["b"][1], Y[expected])
    np.testing.assert_array_equal(targets, X[expected, 0])
    tensor, _ = PKBatches(keras.ops.convert_to_tensor(X), Y, 4, 3, seed=5)[1]
    np.testing.assert_array_equal(tensor, X[expected])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"classes_per_batch": 7}, "at most the number of classes"),
        ({"classes_per_batch": 0}, "`classes_per_batch` must be a positive integer"),
        ({"samples_per_class": 2.0}, "`samples_per_class` must be a positive integer"),
        ({"batches_per_epoch": 0}, "`batches_per_epoch` must be a positive integer"),
        ({"x": X[1:]}, "`x` must have a sample for each label"),
        ({"x": {"a": X[1:]}}, "`x` must have a sample for each label"),
        ({"targets": X[1:]}, "`targets` must have a sample for each label"),
        ({"y": Y[:, None, None]}, "Labels must be ids"),
        ({"y": np.ones((N, 3))}, "must be one-hot"),
    ],
)
def test_what_makes_no_batches(change, text):
    settings = {"x": X, "y": Y, "classes_per_batch": 4, "samples_per_class": 3}
    with pytest.raises(ValueError, match=text):
        PKBatches(**{**settings, **change})


def test_no_batch_beyond_the_last():
    with pytest.raises(IndexError, match="There are 3 batches"):
        batches()[3]


# Figures ------------------------------------------------------------------------------------

METRICS = {"euclidean": "euclidean", "squared_euclidean": "sqeuclidean", "cosine": "cosine"}


@pytest.mark.parametrize("distance", METRICS)
def test_figures_are_those_of_all_pairs_and_triplets(distance):
    found = embedding_report(Y, X, k=(1, 2, 5), margin=0.3, distance=distance)
    nearest = NearestNeighbors(n_neighbors=6, metric=METRICS[distance], algorithm="brute").fit(X)
    d, rows = nearest.kneighbors(X)
    assert (rows[:, 0] == np.arange(N)).all()
    for k in (1, 2, 5):
        hits = [(Y[row[1 : k + 1]] == y).any() for row, y in zip(rows, Y, strict=True)]
        np.testing.assert_allclose(found[f"recall@{k}"], np.mean(hits))
    d = np.zeros((N, N))
    nearest = NearestNeighbors(n_neighbors=N, metric=METRICS[distance], algorithm="brute").fit(X)
    for i, (far, row) in enumerate(zip(*nearest.kneighbors(X), strict=True)):
        d[i, row] = far
    same = (Y[:, None] == Y) & ~np.eye(N, dtype=bool)
    other = Y[:, None] != Y
    np.testing.assert_allclose(found["positive_distance"], d[same].mean(), rtol=1e-5)
    np.testing.assert_allclose(found["negative_distance"], d[other].mean(), rtol=1e-5)
    triplets = [
        d[i, p] - d[i, n] + 0.3 > 0
        for i in range(N)
        for p in np.flatnonzero(same[i])
        for n in np.flatnonzero(other[i])
    ]
    np.testing.assert_allclose(found["active_triplets"], np.mean(triplets))


def test_figures_do_not_depend_on_blocks(monkeypatch):
    expected = embedding_report(Y, X)
    monkeypatch.setattr("portable_losses.training._monitor.BLOCK", 7)
    found = embedding_report(Y, X)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12)


def test_figures_of_degenerate_sets():
    alone = embedding_report(np.arange(3), np.ones((3, 2)))
    assert (
        alone["negative_distance"] == 0
        and np.isnan([alone["recall@1"], alone["positive_distance"]]).all()
    )
    one_class = embedding_report([1, 1, 1], np.zeros((3, 2)), distance="cosine")
    assert one_class["recall@1"] == 1 and np.isnan(one_class["active_triplets"])
    # A collapsed network is no good one: of equally near samples the first is taken.
    assert embedding_report([0, 1, 0, 1], np.zeros((4, 2)))["recall@1"] == 0.25


def test_in_fit_with_batches_of_classes():
    network = keras.Sequential([keras.Input((DIM,)), keras.layers.Dense(2)])
    network.compile(keras.optimizers.SGD(0.0), loss=losses.TripletHard())
    seen = []

    class Later(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["val_recall@1"])

    found = batches()
    stop = keras.callbacks.EarlyStopping("val_recall@1", mode="max", patience=2)
    monitor = training.EmbeddingMonitor(X, Y, k=(1, 3), margin=0.5, batch_size=8)
    history = network.fit(found, epochs=9, callbacks=[monitor, Later(), stop], verbose=0).history
    assert len(history["loss"]) == len(seen) == 3  # nothing got better
    assert found.epoch >= 3 and len(set(history["loss"])) == 3
    report = embedding_report(Y, network.predict(X, verbose=0), k=(1, 3), margin=0.5)
    for name, value in report.items():
        np.testing.assert_allclose(history[f"val_{name}"][-1], value, rtol=1e-6)
    assert seen[0] == history["val_recall@1"][0]


def test_one_output_of_several():
    inputs = keras.Input((DIM,))
    outputs = {
        "features": keras.layers.Dense(2)(inputs),
        "class": keras.layers.Dense(6, name="class")(inputs),
    }
    model = training.LossModel(
        keras.Model(inputs, outputs), {"features": losses.SupCon(), "class": None}
    )
    model.model.get_layer("class").trainable = False  # no loss, no gradient
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"Say which of them"):
        model.fit(X, Y, callbacks=[training.EmbeddingMonitor(X, Y)], verbose=0)
    monitor = training.EmbeddingMonitor(X, Y, output="features", prefix="all_")
    history = model.fit(batches(), callbacks=[monitor], verbose=0).history
    assert 0 <= history["all_recall@1"][0] <= 1


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"k": (0,)}, "`k` must be a positive integer"),
        ({"margin": -1.0}, "`margin` must be at least 0"),
        ({"distance": "L2"}, "`distance` must be one of"),
        ({"y_pred": X[1:]}, "a label for each"),
    ],
)
def test_what_has_no_figures(settings, text):
    with pytest.raises(ValueError, match=text):
        embedding_report(**{"y_true": Y, "y_pred": X, **settings})
