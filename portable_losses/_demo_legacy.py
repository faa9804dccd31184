"""The main job, second act: a program of TensorFlow 1 is migrated, trained here, and compared with
what it gave on TensorFlow 1.15.5.

The program and its record are in `_legacy/`; `tests/oracles/record_legacy_demo.py` made the record.
"""

import difflib
import io
import json
import types
import warnings
from importlib.resources import files
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sklearn.datasets import load_digits

from portable_losses.codemod import rewrite

CLASSES = 10
# The same steps in another order of additions: float32 has 7 digits, and 380 steps lose some.
TOLERANCE = 1e-4


def program() -> str:
    return (files("portable_losses") / "_legacy" / "digits_tf1.py.txt").read_text("utf-8")


def record() -> dict[str, Any]:
    """The losses, accuracies and centers of TensorFlow 1.15.5, and the weights it began with."""
    raw = (files("portable_losses") / "_legacy" / "digits_tf1.npz").read_bytes()
    with np.load(io.BytesIO(raw)) as saved:
        return dict(saved)


def train(source: str, recorded: dict[str, Any]) -> dict[str, Any]:
    """Run a migrated program on the active backend, from the recorded first weights."""
    module = types.ModuleType("digits_migrated")
    exec(compile(source, "digits_migrated.py", "exec"), module.__dict__)
    images, digits = load_digits(return_X_y=True)
    x = (images / 16).astype("float32")
    held = int(recorded["train"])
    with warnings.catch_warnings():  # Keras 3 takes `input_shape` of old layers, and says so
        warnings.filterwarnings("ignore", message="Do not pass an `input_shape`")
        model = module.build_model()
    for position, variable in enumerate(model.trainable_variables):
        variable.assign(recorded[f"start_{position}"])
    one_hot = np.eye(CLASSES, dtype="float32")[digits[:held]]
    history = module.train(model, x[:held], one_hot, len(recorded["loss"])).history
    (centers,) = (v for v in model.non_trainable_variables if v.path.endswith("centers"))
    return {
        "loss": np.asarray(history["loss"]),
        "accuracy": np.asarray(history["categorical_accuracy"]),
        "centers": keras.ops.convert_to_numpy(centers),
        "predicted": model.predict(x[held:], verbose=0).argmax(axis=1),
        "digits": digits[held:],
    }


def table(recorded: dict[str, Any], found: dict[str, Any], backend: str) -> Table:
    shown = Table()
    shown.add_column("epoch", justify="right")
    shown.add_column("loss,\nTensorFlow 1.15.5", justify="right")
    shown.add_column(f"loss,\n{backend}", justify="right")
    shown.add_column("relative\ndifference", justify="right")
    shown.add_column("accuracy,\nTensorFlow 1.15.5", justify="right")
    shown.add_column(f"accuracy,\n{backend}", justify="right")
    for epoch, (old, new) in enumerate(zip(recorded["loss"], found["loss"], strict=True)):
        shown.add_row(
            str(epoch + 1),
            f"{old:.6f}",
            f"{new:.6f}",
            f"{abs(new - old) / old:.0e}",
            f"{recorded['accuracy'][epoch]:.2%}",
            f"{found['accuracy'][epoch]:.2%}",
        )
    return shown


def _show_diff(console: Console, old: str, new: str) -> None:
    styles = {"+": "green", "-": "red", "@": "cyan"}
    names = ("digits_tf1.py", "digits_migrated.py")
    for line in difflib.unified_diff(old.splitlines(), new.splitlines(), *names, lineterm=""):
        style = "bold" if line.startswith(("---", "+++")) else styles.get(line[:1], "")
        console.print(line, style=style or None, soft_wrap=True, markup=False)


def run(out: str | Path, *, console: Console | None = None) -> dict[str, Any]:
    """Migrate, train, compare; write `digits_tf1.py`, `digits_migrated.py` and `legacy.json`.

    Args:
        out: The folder to write to; it must exist.
        console: Where to print; standard output if None.

    Returns:
        What `legacy.json` holds. `same` says whether all figures agree.
    """
    console = console or Console(highlight=False)
    backend, out = keras.config.backend(), Path(out)
    old, recorded = program(), record()
    console.print(
        "A program of TensorFlow 1: center loss by get_variable, scatter_sub and "
        "control_dependencies.\n",
        soft_wrap=True,
    )
    result = rewrite(old)
    _show_diff(console, old, result.source)
    for finding in result.findings:
        console.print(
            f"\n[yellow]line {finding.line}, {finding.severity}[/]: {escape(finding.message)}",
            soft_wrap=True,
        )
    (out / "digits_tf1.py").write_text(old, "utf-8")
    (out / "digits_migrated.py").write_text(result.source, "utf-8")
    epochs = len(recorded["loss"])
    console.print(f"\nTraining the migrated program on {backend}, {epochs} epochs.\n")
    found = train(result.source, recorded)
    console.print(table(recorded, found, backend))

    losses_apart = float(np.max(np.abs(found["loss"] / recorded["loss"] - 1)))
    centers_apart = float(np.max(np.abs(found["centers"] - recorded["centers"])))
    others = int(np.sum(found["predicted"] != recorded["predicted"]))
    accuracy = float(np.mean(found["predicted"] == found["digits"]))
    figures = {
        "backend": backend,
        "keras": keras.__version__,
        "recorded_on": json.loads(str(recorded["versions"])),
        "loss": [float(value) for value in found["loss"]],
        "loss_recorded": [float(value) for value in recorded["loss"]],
        "largest_relative_difference_of_losses": losses_apart,
        "largest_difference_of_centers": centers_apart,
        "test_accuracy": accuracy,
        "test_images": len(found["digits"]),
        "test_images_told_otherwise": others,
        "same": max(losses_apart, centers_apart) < TOLERANCE and others == 0,
    }
    console.print(
        f"Losses within {losses_apart:.0e} of TensorFlow 1.15.5, centers within "
        f"{centers_apart:.0e}; {others} of {len(found['digits'])} test images are told otherwise. "
        f"Test accuracy {accuracy:.1%}.\n"
        + ("The figures are the same." if figures["same"] else "The figures are NOT the same."),
        soft_wrap=True,
    )
    (out / "legacy.json").write_text(json.dumps(figures, indent=2) + "\n")
    for name in ("digits_tf1.py", "digits_migrated.py", "legacy.json"):
        console.print(f"Wrote {out / name}", soft_wrap=True, markup=False)
    return figures
