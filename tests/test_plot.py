"""`plot.embeddings`: what is on the axes, and that nothing else is touched."""

import sys

import matplotlib
import numpy as np
import pytest
from keras import ops
from matplotlib import image, pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from portable_losses import plot

CENTERS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


@pytest.fixture
def sample(rng):
    labels = np.repeat([0, 1, 2], 20)
    return CENTERS[labels] + rng.normal(size=(60, 2)), labels


def drawn(collection):
    return np.asarray(collection.get_offsets())


def test_one_collection_for_each_class_then_the_centers(sample):
    features, labels = sample
    axes = plot.embeddings(features, labels, CENTERS, title="Three classes")
    assert isinstance(axes, Axes)
    *classes, centers = axes.collections
    assert len(classes) == 3
    for label, collection in enumerate(classes):
        np.testing.assert_allclose(drawn(collection), features[labels == label])
    np.testing.assert_allclose(drawn(centers), CENTERS)
    assert [text.get_text() for text in axes.texts] == ["0", "1", "2"]
    assert axes.get_title() == "Three classes" and axes.get_aspect() == 1
    assert axes.get_legend() is None


def test_a_center_has_the_color_of_its_class_and_a_white_edge(sample):
    *classes, centers = plot.embeddings(*sample, CENTERS).collections
    expected = [collection.get_facecolor()[0, :3] for collection in classes]
    np.testing.assert_allclose(centers.get_facecolor()[:, :3], expected)
    assert len(np.unique(expected, axis=0)) == 3
    np.testing.assert_allclose(centers.get_edgecolor(), [[1, 1, 1, 1]])


def test_without_centers_a_legend_names_the_classes(sample):
    axes = plot.embeddings(*sample, class_names=["ant", "bee", "cow"])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ant", "bee", "cow"]
    assert len(axes.collections) == 3 and not axes.texts


def test_only_classes_with_samples_are_drawn(sample):
    features, labels = sample
    kept = labels != 1
    axes = plot.embeddings(features[kept], labels[kept], CENTERS, class_names={0: "a", 2: "c"})
    assert len(axes.collections) == 3
    np.testing.assert_allclose(drawn(axes.collections[-1]), CENTERS[[0, 2]])
    assert [text.get_text() for text in axes.texts] == ["a", "c"]


@pytest.mark.parametrize("form", ["ids", "column", "float", "one-hot"])
def test_tensors_and_every_form_of_labels(sample, form):
    features, labels = sample
    forms = {
        "ids": labels,
        "column": labels[:, None],
        "float": labels.astype("float32"),
        "one-hot": np.eye(3)[labels],
    }
    given = (ops.convert_to_tensor(x.astype("float32")) for x in (features, forms[form], CENTERS))
    first = plot.embeddings(*given).collections[0]
    np.testing.assert_allclose(drawn(first), features[labels == 0], rtol=1e-6)


def test_more_classes_than_colors(rng):
    labels = np.arange(25)
    axes = plot.embeddings(rng.normal(size=(25, 2)), labels, rng.normal(size=(25, 2)))
    colors = [tuple(collection.get_facecolor()[0]) for collection in axes.collections[:-1]]
    assert len(set(colors)) == 25


def test_draws_on_the_given_axes_and_changes_no_state(sample):
    before = dict(matplotlib.rcParams), pyplot.get_fignums(), matplotlib.get_backend()
    figure = Figure()
    axes = figure.add_subplot()
    assert plot.embeddings(*sample, CENTERS, ax=axes) is axes
    plot.embeddings(*sample)
    assert (dict(matplotlib.rcParams), pyplot.get_fignums(), matplotlib.get_backend()) == before


def test_the_figure_can_be_saved(sample, tmp_path):
    path = tmp_path / "picture.png"
    plot.embeddings(*sample, CENTERS).figure.savefig(path)
    height, width, _ = image.imread(path).shape
    assert (height, width) == (400, 400)


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_samples(n, tmp_path):
    axes = plot.embeddings(np.zeros((n, 2)), np.zeros(n, "int32"), np.zeros((1, 2)))
    axes.figure.savefig(tmp_path / "picture.png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros((60, 3))}, r"Features must have shape \(N, 2\).*\(60, 3\)"),
        ({"labels": np.zeros(59, int)}, "one label per feature vector.*60 feature.*59 labels"),
        ({"labels": np.full(60, 0.5)}, "Labels must be class ids"),
        ({"labels": np.full(60, -1)}, "Labels must be class ids"),
        ({"labels": np.zeros((60, 2, 2))}, "Labels must be class ids"),
        ({"centers": CENTERS[:2]}, r"a row for each class .*is 2\).*\(2, 2\)"),
        ({"centers": np.zeros((3, 4))}, r"Centers must have shape \(C, 2\).*\(3, 4\)"),
        ({"class_names": ["one", "two"]}, r"name each class of \[0, 1, 2\]"),
    ],
)
def test_what_does_not_fit_is_refused(sample, change, message):
    features, labels = sample
    given = {"features": features, "labels": labels} | change
    with pytest.raises(ValueError, match=message):
        plot.embeddings(**given)


def test_without_matplotlib_the_extra_is_named(sample, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'portable-losses\[plot\]'"):
        plot.embeddings(*sample)
