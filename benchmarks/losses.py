"""Ours beside Keras' own, in one run: `python -m benchmarks.losses`, with KERAS_BACKEND set.

For every loss that Keras has too: the time of value and gradient of one batch, compiled where the
backend's trainer compiles (not on PyTorch), the median of many, and the ratio ours / Keras'. The
two take turns, so that a busy machine slows both.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from portable_losses import losses
from portable_losses._catalogue import CATALOGUE
from tests import autodiff

IDS = {"SparseCategoricalCrossentropy"}
PROBABILITIES = {"CategoricalCrossentropy", "BinaryCrossentropy", "KLDivergence", "Poisson"} | IDS


def batch(name: str, n: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y_pred = rng.normal(size=(n, d))
    if name in PROBABILITIES:
        y_pred = np.exp(y_pred) / np.exp(y_pred).sum(axis=1, keepdims=True)
    y_true = rng.integers(0, d, n) if name in IDS else rng.random((n, d))
    return y_true.astype("int32" if name in IDS else "float32"), y_pred.astype("float32")


def measure(functions: list[Callable[[], Any]], repeats: int) -> list[float]:
    """Median milliseconds of each."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        for _ in range(3):
            function()
    for _ in range(repeats):
        for function, found in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            found.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(found) for found in times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    print(
        f"{keras.backend.backend()}, keras {keras.__version__}: value and gradient of a batch ",
        end="",
    )
    print(f"of {arguments.batch} x {arguments.dim}, median of {arguments.repeats}, milliseconds")
    print(f"{'loss':34}{'ours':>9}{'keras':>9}{'ratio':>8}")
    ratios = []
    for entry in CATALOGUE:
        peer = getattr(keras.losses, entry.cls, None)
        if peer is None or entry.metric or entry.stateful or entry.family == "embedding":
            continue
        rng = np.random.default_rng(0)
        y_true, y_pred = batch(entry.cls, arguments.batch, arguments.dim, rng)
        steps = [
            autodiff.timed_step(loss, y_true, y_pred)
            for loss in (getattr(losses, entry.cls)(), peer())
        ]
        ours, theirs = measure(steps, arguments.repeats)
        ratios.append(ours / theirs)
        print(f"{entry.cls:34}{ours:9.3f}{theirs:9.3f}{ours / theirs:8.2f}")
    print(f"{'geometric mean':52}{statistics.geometric_mean(ratios):8.2f}")


if __name__ == "__main__":
    main()
