"""Functions of TensorFlow 1 that make variables, which the codemod makes layers of: the snippets
that have them, and how they are called. Runs on Python 3.7 too."""

import os
import re

import numpy as np

STEPS, SAMPLES, CLASSES, DIM = 3, 6, 4, 2
FOLDER = os.path.join(os.path.dirname(__file__), os.pardir, "codemod", "snippets")

# name: snippet, function, order of the arguments, settings, whether labels are ids
CASES = {
    "margin": ("layer_of_a_margin", "arcface_loss", "xy", {"num_classes": CLASSES}, True),
    "logits": ("layer_of_logits", "cosine_softmax", "xy", {"num_classes": CLASSES}, True),
    "logits_scaled": (
        "layer_of_logits", "cosine_softmax", "xy", {"num_classes": CLASSES, "scale": 3.0}, True,
    ),
    "centers": (
        "layer_of_centers", "git_loss", "xy", {"num_classes": CLASSES, "alpha": 0.7}, True,
    ),
    "two_variables": (
        "layer_of_two_variables", "unbiased_center_loss", "xy", {"num_classes": CLASSES}, True,
    ),
    "average": ("layer_of_averages", "offset_error", "yx", {"rate": 0.8}, False),
    "collected": ("layer_of_averages", "baseline", "yx", {}, False),
    "never": ("layer_never_moved", "center_penalty", "xy", {"num_classes": CLASSES}, True),
    "inner": ("layer_in_a_layer", "total", "yx", {}, "one-hot"),
    "beside": ("layer_beside", "drift", "yx", {}, True),
}  # fmt: skip


def before(snippet):
    """The old code of a snippet."""
    with open(os.path.join(FOLDER, snippet + ".txt"), encoding="utf-8") as file:
        return re.split(r"^=== \w+\n", file.read(), flags=re.M)[1]


def inputs(case):
    """Features and labels of each step: some classes twice, some not at all."""
    ids = CASES[case][4]
    random = np.random.RandomState(sorted(CASES).index(case))
    steps = []
    for _ in range(STEPS):
        dim = CLASSES if ids == "one-hot" else DIM
        x = random.normal(size=(SAMPLES, dim)).astype("float32")
        y = random.randint(0, CLASSES - 1, SAMPLES).astype("int32")
        if ids == "one-hot":
            y = np.eye(CLASSES, dtype="float32")[y]
        elif not ids:
            y = random.normal(size=(SAMPLES, dim)).astype("float32")
        steps.append((x, y))
    return steps
