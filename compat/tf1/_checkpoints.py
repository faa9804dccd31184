"""Saved variables: `.npz` files by TF1's names, and TF1's own checkpoints where TensorFlow is."""

import os
from typing import Any

import numpy as np

from portable_losses import _backend


def read_values(path: str) -> dict[str, Any]:
    """Arrays by name, without `:0`, of a `.npz` file or of the prefix of a TF1 checkpoint."""
    for file in (path, f"{path}.npz"):
        if file.endswith(".npz") and os.path.exists(file):
            with np.load(file, allow_pickle=False) as archive:
                return {name.removesuffix(":0"): archive[name] for name in archive.files}
    if os.path.exists(f"{path}.index") or os.path.exists(path):
        return _backend.read_checkpoint(path)
    raise ValueError(
        f"There is no saved file {path!r}: neither a .npz file nor a checkpoint ({path}.index)."
    )
