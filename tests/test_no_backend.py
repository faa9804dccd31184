"""`import portable_losses` loads neither Keras nor a backend; a missing backend is explained; the
backends that only infer are enough for values. Each question is put to a fresh interpreter."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

BACKENDS = ("tensorflow", "jax", "torch")
HEAVY = ("keras", *BACKENDS)
VALUES = """
from portable_losses import losses
values = losses.center_loss([0, 1], [[1.0, 2.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]])
print([float(value) for value in values])
"""


def run(code, backend, folder):
    """`code` in a process of its own, away from the tree and from the user's keras.json."""
    environment = os.environ | {"KERAS_BACKEND": backend, "KERAS_HOME": str(folder)}
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def loaded(code, folder):
    """Which of Keras and the backends `code` loads."""
    report = f"; import sys, json; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    result = run(code + report, os.environ.get("KERAS_BACKEND", "tensorflow"), folder)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "import portable_losses; portable_losses.__version__; dir(portable_losses)",
        "import portable_losses.cli",
        "import portable_losses._catalogue",
        "import portable_losses._environment",
    ],
)
def test_nothing_heavy_is_loaded(code, tmp_path):
    assert loaded(code, tmp_path) == []


def test_the_meter_sees_what_is_loaded(tmp_path):
    found = loaded("from portable_losses import losses", tmp_path)
    assert "keras" in found and set(found) & set(BACKENDS)


@pytest.mark.parametrize("module", ["losses", "metrics", "training", "compat"])
def test_a_missing_backend_is_explained(module, tmp_path):
    missing = next((b for b in BACKENDS if not importlib.util.find_spec(b)), "pytorch")
    result = run(f"from portable_losses import {module}", missing, tmp_path)
    assert result.returncode == 1
    error = result.stderr.splitlines()[-1]
    assert error.startswith("ImportError: Keras could not import its backend")
    assert repr(missing) in error and "KERAS_BACKEND" in error
    extra = missing if missing in BACKENDS else "jax"
    assert f"pip install 'portable-losses[{extra}]'" in error


@pytest.mark.parametrize("backend", ["numpy", "openvino"])
def test_values_where_keras_only_infers(backend, tmp_path):
    alone = run("import keras", backend, tmp_path)
    if alone.returncode:
        reason = alone.stderr.splitlines()[-1]
        pytest.skip(f"Keras itself cannot load its {backend} backend here: {reason}")
    result = run(VALUES, backend, tmp_path)
    assert result.stdout.splitlines()[-1:] == ["[2.5, 0.0]"], result.stderr
