"""`portable-losses demo --legacy`: an old program gives here what it gave on TensorFlow 1.15.5."""

import io
import json

import keras
import numpy as np
import pytest
from rich.console import Console

from portable_losses import _demo_legacy, cli

# One process for all of them: what they share takes seconds to make.
pytestmark = pytest.mark.xdist_group("demo_legacy")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder, printed = tmp_path_factory.mktemp("legacy"), io.StringIO()
    figures = _demo_legacy.run(folder, console=Console(file=printed, width=80))
    return figures, printed.getvalue(), folder


def test_the_figures_are_those_of_tensorflow_1(ran):
    figures, printed, _ = ran
    assert figures["same"] and "The figures are the same." in printed
    np.testing.assert_allclose(figures["loss"], figures["loss_recorded"], rtol=1e-5)
    assert figures["largest_difference_of_centers"] < 1e-5
    assert figures["test_images_told_otherwise"] == 0 and figures["test_accuracy"] > 0.9


def test_what_is_shown_and_written(ran):
    figures, printed, folder = ran
    assert max(map(len, printed.splitlines())) < 300
    assert "+    model = LossModel(model, JointLoss())" in printed
    assert "line 11, check: `center_loss` is `compat.CenterLoss(" in printed
    assert "[" not in printed.split("Losses within")[1]  # no markup left
    assert (folder / "digits_tf1.py").read_text() == _demo_legacy.program()
    migrated = (folder / "digits_migrated.py").read_text()
    assert "import tensorflow" not in migrated and "import keras\n" in migrated
    saved = json.loads((folder / "legacy.json").read_text())
    assert saved == figures and saved["backend"] == keras.config.backend()


def test_a_program_with_another_loss_is_not_taken_for_the_same(monkeypatch, tmp_path):
    program = _demo_legacy.program().replace("ALPHA = 0.5 ", "ALPHA = 0.4 ")
    assert program != _demo_legacy.program()
    recorded = {**_demo_legacy.record()}
    for key in ("loss", "accuracy"):
        recorded[key] = recorded[key][:1]
    monkeypatch.setattr(_demo_legacy, "program", lambda: program)
    monkeypatch.setattr(_demo_legacy, "record", lambda: recorded)
    figures = _demo_legacy.run(tmp_path, console=Console(file=io.StringIO()))
    assert not figures["same"]


def test_the_exit_status_says_whether_they_are_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())
    command = ["demo", "--legacy", "--out", str(tmp_path)]
    for same, status in ((True, 0), (False, 1)):
        monkeypatch.setattr(_demo_legacy, "run", lambda out, same=same: {"same": same})
        assert cli.main(command) == status


@pytest.mark.parametrize(
    "options",
    [["--epochs", "30"], ["--seed", "0"], ["--model", "cnn"], ["--model", "mlp", "--seed", "3"]],
    ids=" ".join,
)
def test_options_of_the_other_demo_are_refused(options, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_demo_legacy, "run", lambda out: pytest.fail("it ran"))
    folder = tmp_path / "out"
    assert cli.main(["demo", "--legacy", "--out", str(folder), *options]) == 2
    named = ", ".join(options[::2])
    error = capsys.readouterr().err
    assert error.startswith(f"portable-losses: --legacy takes no {named}: network, epochs and")
    assert not folder.exists()
