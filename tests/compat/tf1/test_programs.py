"""Whole TF1 programs against golden figures of TensorFlow 1.15.5: losses, gradients by the features,
variables after each run, in training and in evaluation; in sessions and as `GraphLoss`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.compat.tf1.operations import provide
from tests.oracles import tf1_programs

GOLDEN = Path(__file__).parents[2] / "oracles" / "golden"
tf = provide()


def golden(name: str, program: Any) -> dict[str, np.ndarray]:
    archive = np.load(GOLDEN / f"{name}.npz")
    prefix = f"{program.__name__}/"
    return {k.removeprefix(prefix): archive[k] for k in archive.files if k.startswith(prefix)}


TRAINING = np.load(GOLDEN / "programs.npz")["training"]


def close(actual: Any, expected: np.ndarray, what: str) -> None:
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6 * scale, err_msg=what)


@pytest.mark.parametrize("program", tf1_programs.PROGRAMS, ids=lambda p: p.__name__)
def test_in_a_session(program: Any):
    expected = golden("programs", program)
    batches = list(zip(expected.pop("labels"), expected.pop("features"), TRAINING, strict=True))
    found = tf1_programs.run(tf, program, batches)
    assert set(found) == set(expected)
    for key, values in expected.items():
        close(np.stack(found[key]), values, key)


@pytest.mark.parametrize("program", tf1_programs.READS_AND_WRITES, ids=lambda p: p.__name__)
def test_reads_and_writes(program: Any):
    expected = golden("programs_reads_and_writes", program)
    found = tf1_programs.fetch_three_times(tf, program)
    assert set(found) == set(expected)
    for key, values in expected.items():
        close(np.stack(found[key]), values, key)
