"""The main job on few images: same seed, same figures; what it prints and what it writes."""

import io
import json

import numpy as np
import pytest
from matplotlib import image
from rich.console import Console

from portable_losses import _demo


@pytest.fixture(scope="module")
def few():
    """100 images for training and 50 for the test."""
    data = _demo.digits()
    return _demo.Data(data.x_train[:100], data.y_train[:100], data.x_test[:50], data.y_test[:50])


def run(folder, data, **options):
    """What the demo returns, and what it prints where there is no terminal."""
    printed = io.StringIO()
    options = {"model": "mlp", "epochs": 1, "seed": 0, "data": data} | options
    return _demo.run(folder, console=Console(file=printed, width=80), **options), printed.getvalue()


def without_seconds(record):
    results = [{k: v for k, v in r.items() if k != "seconds"} for r in record["results"]]
    return record | {"results": results}


def test_the_split_is_stratified_and_always_the_same():
    data = _demo.digits()
    assert data.x_train.shape == (1198, 8, 8, 1) and data.x_test.shape == (599, 8, 8, 1)
    assert data.x_train.min() == 0 and data.x_train.max() == 1
    shares = np.bincount(data.y_train) / np.bincount(np.append(data.y_train, data.y_test))
    assert np.abs(shares - 2 / 3).max() < 0.01
    np.testing.assert_array_equal(data.y_test, _demo.digits().y_test)


def test_distances_by_hand():
    features = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 4.0], [1.0, 4.0]])
    means, within, between = _demo.distances(features, np.array([3, 3, 7, 7]))
    np.testing.assert_allclose(means, [[1, 0], [1, 4]])
    assert (within, between) == (0.5, 4.0)


@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_what_is_printed_and_written(few, tmp_path, model):
    record, printed = run(tmp_path, few, model=model)
    assert json.loads((tmp_path / "results.json").read_text()) == record
    assert (record["model"], record["epochs"], record["seed"]) == (model, 1, 0)
    alone, center = record["results"]
    assert (alone["loss"], center["loss"]) == ("softmax alone", "softmax + center loss")
    for result in record["results"]:
        assert 0 <= result["accuracy"] <= 1 and result["seconds"] > 0
        ratio = result["within_class_distance"] / result["between_class_distance"]
        assert result["within_over_between"] == pytest.approx(ratio)
        assert f"{result['accuracy']:.1%}" in printed

    assert "\x1b" not in printed and "\r" not in printed  # fit for a log
    assert "softmax + center loss  epoch   1/1" in printed
    assert f"weight {_demo.WEIGHT}, alpha {_demo.ALPHA}" in printed
    for name in ("embeddings.png", "results.json"):
        assert f"Wrote {tmp_path / name}\n" in printed

    pixels = image.imread(tmp_path / "embeddings.png")[..., :3]
    assert pixels.shape == (780, 1440, 3)
    assert (tmp_path / "embeddings.png").stat().st_size < 300_000
    colored = np.ptp(pixels, axis=-1) > 0.2
    assert colored[:, :720].sum() > 1000 and colored[:, 720:].sum() > 1000


def test_same_seed_same_figures(few, tmp_path):
    first, again, other = (run(tmp_path, few, seed=seed)[0] for seed in (1, 1, 2))
    assert without_seconds(first) == without_seconds(again)
    assert without_seconds(first) != without_seconds(other)


def test_center_loss_draws_the_classes_together(few, tmp_path):
    record, _ = run(tmp_path, few, epochs=20)
    alone, center = record["results"]
    assert center["within_over_between"] < 0.8 * alone["within_over_between"]


def test_the_picture_has_two_panels_with_centers():
    labels = np.repeat(np.arange(10), 3)
    features = np.random.default_rng(0).normal(size=(30, 2))
    results = [
        _demo.Result(name, 0.5, 1.0, 2.0, 3.0, features, features[::3], what)
        for name, what in (("softmax alone", "class means"), ("both", "learned centers"))
    ]
    left, right = _demo.picture(results, labels).axes
    assert left.get_title() == "Softmax alone\ntest accuracy 50.0%"
    assert right.get_xlabel() == "◆ learned centers"
    for axes in (left, right):
        assert len(axes.collections) == 11 and len(axes.texts) == 10


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (7, 7), (10, 10), (30, 10), (95, 10)])
def test_progress_in_a_log_is_at_most_ten_lines(epochs, lines):
    printed = io.StringIO()
    with _demo._progress(Console(file=printed), "softmax alone", epochs) as report:
        for epoch in range(1, epochs + 1):
            report(epoch, {"loss": 1.0, "logits_accuracy": 0.5})
    found = printed.getvalue().splitlines()
    assert len(found) == lines
    assert found[-1].split() == (
        f"softmax alone epoch {epochs}/{epochs} loss 1.000, training accuracy 50.0%".split()
    )


def test_progress_on_a_terminal_is_a_bar():
    printed = io.StringIO()
    console = Console(file=printed, force_terminal=True, width=120)
    with _demo._progress(console, "softmax alone", 2) as report:
        report(2, {"loss": 1.0, "logits_accuracy": 0.5})
    assert "2/2" in printed.getvalue() and "training accuracy 50.0%" in printed.getvalue()
