"""The main job in few epochs: same seed, same figures; what it prints and what it writes."""

import io
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from matplotlib import image
from rich.console import Console

from portable_losses import _demo

# One process for all of them: what they share takes seconds to make.
pytestmark = pytest.mark.xdist_group("demo")

OPTIONS = {"model": "mlp", "epochs": 5, "seed": 0}
COMMAND = [sys.executable, "-P", "-m", "portable_losses.cli", "demo"]


def run(folder):
    """What the demo returns, and what it prints where there is no terminal."""
    printed = io.StringIO()
    return _demo.run(folder, console=Console(file=printed, width=80), **OPTIONS), printed.getvalue()


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, *run(folder)


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


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_the_logits_are_linear_in_two_features(kind):
    network = _demo.network(kind)
    found = network.predict(_demo.digits().x_test[:3], verbose=0)
    assert found["features"].shape == (3, 2)
    kernel, bias = network.get_layer("logits").get_weights()
    np.testing.assert_allclose(found["logits"], found["features"] @ kernel + bias, atol=1e-5)


def test_what_is_written(once):
    folder, record, _ = once
    assert json.loads((folder / "results.json").read_text()) == record
    assert {key: record[key] for key in OPTIONS} == OPTIONS and record["test_images"] == 599
    for result in record["results"]:
        assert 0.3 < result["accuracy"] <= 1 and result["seconds"] > 0
        ratio = result["within_class_distance"] / result["between_class_distance"]
        assert result["within_over_between"] == pytest.approx(ratio)

    pixels = image.imread(folder / "embeddings.png")[..., :3]
    assert pixels.shape == (780, 1440, 3)
    assert (folder / "embeddings.png").stat().st_size < 300_000
    colored = np.ptp(pixels, axis=-1) > 0.2
    assert colored[:, :720].sum() > 1000 and colored[:, 720:].sum() > 1000


def test_what_is_printed_in_a_log(once):
    folder, record, printed = once
    assert "\x1b" not in printed and "\r" not in printed
    for result in record["results"]:
        assert f"{result['loss']:<22} epoch   5/5  loss" in printed
        assert f"│ {result['loss']:<21} │    {result['accuracy']:.1%} │" in printed
    assert f"weight {_demo.WEIGHT}, alpha {_demo.ALPHA}. 5 epochs, seed 0, " in printed
    for name in ("embeddings.png", "results.json"):
        assert f"Wrote {folder / name}\n" in printed


def test_center_loss_draws_the_classes_together(once):
    alone, center = once[1]["results"]
    assert (alone["loss"], center["loss"]) == ("softmax alone", "softmax + center loss")
    assert center["within_over_between"] < alone["within_over_between"]


def test_the_command_with_the_same_seed_gives_the_same_figures(once, tmp_path):
    """In a process of its own, from end to end."""
    folder = tmp_path / "a" / "b"
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    found = subprocess.run(
        [*COMMAND, *options, "--out", str(folder)], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert "softmax + center loss" in found.stdout and "\x1b" not in found.stdout
    record = json.loads((folder / "results.json").read_text())
    assert record["backend"] == keras.config.backend()
    assert without_seconds(record) == without_seconds(once[1])
    assert (folder / "embeddings.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_another_seed_other_figures(once):
    options = {"center_weight": 0.0, "kind": "mlp", "epochs": 5, "report": lambda *_: None}
    other = _demo.train(_demo.digits(), seed=1, **options)
    assert other.within != once[1]["results"][0]["within_class_distance"]


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
