"""Whole TF1 programs against golden figures of TensorFlow 1.15.5: losses, gradients by the
features, variables after each run, in training and evaluation; in sessions and as `GraphLoss`."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import portable_losses.compat.tf1 as tf
from portable_losses import _backend, training
from tests.oracles import tf1_programs

GOLDEN = Path(__file__).parents[2] / "oracles" / "golden"


def golden(name: str, program: Any) -> dict[str, np.ndarray]:
    archive = np.load(GOLDEN / f"{name}.npz")
    prefix = f"{program.__name__}/"
    return {k.removeprefix(prefix): archive[k] for k in archive.files if k.startswith(prefix)}


TRAINING = np.load(GOLDEN / "programs.npz")["training"]


@pytest.fixture(autouse=True)
def traced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch runs a program some times before it traces it; here it runs what it traced alone."""
    monkeypatch.setattr(_backend._module, "RUNS_BEFORE_TRACE", 0, raising=False)


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


# One of each wiring, and of each kind of update.
IN_FIT = ("under_the_loss", "returned", "collected", "read_after", "moving_average", "trained")
IN_FIT += ("per_sample", "bias_corrected")


@pytest.mark.parametrize("name", IN_FIT)
def test_in_fit(name: str):
    """The features are rows of an Embedding, each used once: a step tells their gradient."""
    program = getattr(tf1_programs, name)
    expected = golden("programs", program)
    labels, features = expected.pop("labels"), expected.pop("features")
    steps, samples, size = features.shape

    def function(labels: Any, features: Any) -> Any:
        return program(tf, labels, features)

    # What the caller ran besides the loss it did not run in evaluation; what hangs on the loss ran.
    hangs = tf1_programs.PROGRAMS[program] is None
    loss = tf.GraphLoss(function, update_in_eval=hangs, reduction="sum", name=name)
    table = keras.layers.Embedding(steps * samples, size)
    network = keras.Sequential([keras.Input((), dtype="int32"), table])
    table.set_weights([features.reshape(-1, size)])
    model = training.LossModel(network, loss)
    # As users have it for one; for all, XLA would take its time on TensorFlow.
    compiled = "auto" if name == "under_the_loss" else keras.backend.backend() == "jax"
    model.compile(keras.optimizers.SGD(tf1_programs.RATE), jit_compile=compiled)
    for step in range(steps):
        rows, ids = np.arange(samples, dtype="int32") + step * samples, labels[step]
        if TRAINING[step]:
            history = model.fit(rows, ids, batch_size=samples, shuffle=False, verbose=0)
            found = history.history["loss"][0]
            slope = (features[step] - table.get_weights()[0][rows]) / tf1_programs.RATE
            scale = np.abs(features[step]).max() / tf1_programs.RATE  # of the rounding
            np.testing.assert_allclose(
                slope, expected["gradient"][step], rtol=1e-5, atol=1e-6 * max(1, scale)
            )
        else:
            found = model.evaluate(rows, ids, batch_size=samples, verbose=0)
        close(found, expected["loss"][step].sum(), f"loss {step}")
        assert {f"variable_{v.removesuffix(':0')}" for v in loss.tf1_variables} == {
            key for key in expected if key.startswith("variable_")
        }
        for variable, weight in loss.tf1_variables.items():
            values = expected[f"variable_{variable.removesuffix(':0')}"][step]
            close(keras.ops.convert_to_numpy(weight), values, f"{variable} {step}")


def trained() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "programs_training.npz"))


def test_optimizers():
    expected = {k.removeprefix("optimizers/"): v for k, v in trained().items() if "optim" in k}
    found = tf1_programs.train_by_each_optimizer(tf)
    assert set(found) == set(expected)  # the names of their variables too
    for key, values in expected.items():
        close(np.stack(found[key]), values, key)


def test_moving_averages_and_rates():
    expected = {k.removeprefix("averages/"): v for k, v in trained().items() if "averages" in k}
    found = tf1_programs.follow_by_averages(tf)
    assert set(found) == set(expected)
    for key, values in expected.items():
        close(np.stack(found[key]), values, key)
