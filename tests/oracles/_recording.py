"""What the recorders share: batches and figures as arrays, what made them, and the files.

Runs where they run, with NumPy alone beside the peers.
"""

import argparse
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES, DIM = 8, 4
# Of as many samples; each has one of its class beside it, and one of another.
PAIRED = [0, 0, 1, 1, 2, 2, 3, 3]
TWO_CLASSES = [0, 1, 0, 1, 1, 0, 1, 0]


def of_batches(
    settings: dict[str, Any],
    batches: Mapping[str, tuple[Any, Any]],
    differentiate: Callable[[Any, Any], tuple[Any, Any]],
    label_dtype: str = "int32",
) -> dict[str, Any]:
    """What a file holds: settings, labels and embeddings of batches, and the loss and gradient
    that `differentiate` gives of each."""
    labels = [np.array(y, label_dtype) for y, _ in batches.values()]
    embeddings = [np.asarray(x, "float32") for _, x in batches.values()]
    figures = map(differentiate, labels, embeddings)
    loss, gradient = map(np.stack, zip(*figures, strict=True))
    return {
        "settings": json.dumps(settings),
        "batches": np.array(list(batches)),
        "labels": np.stack(labels),
        "embeddings": np.stack(embeddings),
        "loss": loss,
        "gradient": gradient,
    }


def taped(loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Value and gradient of a loss of labels and embeddings, by TensorFlow."""
    import tensorflow as tf

    def differentiate(labels, embeddings):
        x = tf.constant(embeddings)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(tf.constant(labels), x)
        return value.numpy(), tape.gradient(value, x).numpy()

    return differentiate


def versions(*packages: str) -> str:
    """What made the figures, as JSON."""
    made_by = {name: metadata.version(name) for name in (*packages, "numpy")}
    return json.dumps({"python": platform.python_version(), **made_by}, sort_keys=True)


def write(
    about: str, packages: tuple[str, ...], files: Iterable[tuple[str, dict[str, Any]]]
) -> None:
    """The program of a recorder: each file into the folder that `--out` names."""
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    beside = Path(__file__).resolve().parent / "golden"
    parser.add_argument("--out", default=beside, type=Path, help="folder for the .npz files")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, recorded in files:
        path = folder / f"{name}.npz"
        np.savez_compressed(path, versions=versions(*packages), **recorded)
        print(f"{path.name}: {path.stat().st_size} bytes")
