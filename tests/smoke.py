"""What the wheel must do for a user who has nothing else of ours: run by `nox -s wheel`, in a
folder that is not the tree's, on backends that train and on those that only infer."""

# ruff: noqa: E402 - what `import portable_losses` loads is looked at before more is imported

import sys
from pathlib import Path

import portable_losses

assert "keras" not in sys.modules, "import portable_losses loaded Keras"
assert not (Path(portable_losses.__file__).parents[1] / "pyproject.toml").exists(), "the tree"

import keras

from portable_losses import compat, losses

loss = losses.CenterLoss(num_classes=2)
value = loss([0, 1], [[1.0, 2.0], [0.0, 1.0]], training=True)
assert float(value) == 1.5, value
assert compat.__name__ == "portable_losses.compat" and "compat" not in sys.modules
print(f"portable_losses {portable_losses.__version__} works on {keras.backend.backend()}")
