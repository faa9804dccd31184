"""The programs of `tests/compat/test_documents.py` in the spelling that their texts have, migrated,
and then held to the figures that the compat tests hold them to."""

import inspect
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses.codemod import rewrite
from tests import autodiff
from tests.codemod.test_snippets import SNIPPETS
from tests.compat import test_documents as documents
from tests.compat.test_center_loss import close, golden
from tests.compat.test_documents import digits as digits

# What the texts import; the file has the same names from `portable_losses.compat`.
OLD = {
    "import portable_losses.compat.tf1 as tf": "import tensorflow as tf",
    "from portable_losses.compat import K": "from tensorflow.keras import backend as K",
    "from portable_losses.compat import keras2 as keras": "from tensorflow import keras",
    "from portable_losses.compat.keras2 import layers": "from tensorflow.keras import layers",
    "from portable_losses.compat.keras2.losses import Loss, mean_squared_error": (
        "from tensorflow.keras.losses import Loss, mean_squared_error"
    ),
}
OLD_IMPORTS = ("import tensorflow", "from tensorflow")
# What is no matter of a rewrite but of Keras 3 itself, which `compat.keras2` makes up for.
KERAS3 = {
    "test_labels_that_are_not_one_hot_against_all_outputs": "S4: an error in Keras 3, reported",
    "test_one_hot_takes_no_floats": "those of Keras 3 are cast",
    "test_every_loss_by_class_function_and_string": "Keras 3 has other objects for some names",
}


def old_source():
    text = Path(documents.__file__).read_text(encoding="utf-8")
    for new, old in OLD.items():
        assert text.count(f"\n{new}\n") == 1, new
        text = text.replace(f"\n{new}\n", f"\n{old}\n")
    # Two lines that are no old code: a setting and a hint of `compat.keras2`.
    text = text.replace("keras.losses.Huber(threshold=", "keras.losses.Huber(delta=")
    return text.replace("Did you mean poisson", "possion")


@pytest.fixture(scope="module", params=["native", "compat"])
def migrated(request):
    old = old_source()
    if request.param == "native":  # arrays times tensors of PyTorch, which compat leaves alone
        old = old.replace('if K.backend() == "torch":', "if False:")
    source = rewrite(old, target=request.param).source
    assert not [line for line in source.split("\n") if line.startswith(OLD_IMPORTS)]
    scope = {"__name__": "document"}
    exec(compile(source, "document", "exec"), scope)
    return request.param, scope


if keras.__version__.startswith("3.6."):
    KERAS3 = {**KERAS3, "test_reductions_and_sample_weights": "its losses take no lists"}
NAMES = [name for name in vars(documents) if name.startswith("test_")]


@pytest.mark.parametrize("name", NAMES)
def test_a_migrated_document(migrated, name, request):
    target, scope = migrated
    if target == "native" and name in KERAS3:
        pytest.skip(KERAS3[name])
    function = scope[name]
    marks = {mark.name: mark.args for mark in getattr(function, "pytestmark", ())}
    names, rows = marks.get("parametrize", ((), ((),)))
    for row in rows:
        given = dict(zip(names, row, strict=True))
        for fixture in set(inspect.signature(function).parameters) - {*given}:
            given[fixture] = request.getfixturevalue(fixture)
        function(**given)


# The center loss of the fifth text ------------------------------------------------------------

JOINT = SNIPPETS["joint_loss"]["before"]


def joint(target, **constants):
    """The migrated module, with the constants of a recorded case."""
    text = JOINT
    for name, value in constants.items():
        text, found = re.subn(rf"^{name} = .*", f"{name} = {value}", text, flags=re.M)
        assert found == 1
    scope = {"__name__": "joint"}
    exec(compile(rewrite(text, target=target).source, "joint", "exec"), scope)
    return scope


@pytest.mark.parametrize("name", ["duplicates", "heavy_center", "one_class"])
def test_a_loss_around_a_center_loss_has_the_figures_of_tf1(name):
    g = golden(f"joint_steps_{name}")
    made = joint(
        "native", CLASSES=g["one_hot"].shape[-1], ALPHA=float(g["alpha"]), FACTOR=float(g["weight"])
    )
    loss = made["TotalLoss"](reduction=None)
    for step in range(3):
        labels, x = g["one_hot"][step], g["logits"][step]
        if step == 0:
            loss(labels, x, training=False)
            slope = autodiff.gradient(lambda p, t=labels: ops.sum(loss(t, p, training=False)), x)
            close(slope, g["gradient_of_sum"][step], np.abs(g["gradient_of_sum"][step]).max())
        close(loss(labels, x, training=True), g["loss"][step], np.abs(x).max())
        close(loss.center_loss.centers, g["centers"][step], np.abs(g["centers"][step]).max())


@pytest.mark.parametrize("target", ["native", "compat"])
def test_compile_and_fit_of_the_migrated_program_are_those_of_tf1(target):
    g = golden("center_fit")
    layers = keras.layers
    network = keras.Sequential(
        [keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(5)]
    )
    network.set_weights([g[f"initial_weight_{i}"] for i in range(4)])
    made = joint(target, CLASSES=5, ALPHA=float(g["alpha"]), FACTOR=float(g["weight"]))
    settings = json.loads(str(g["sgd_optimizer"]))
    model = made["compiled"](network, keras.optimizers.SGD(settings["learning_rate"]))
    epochs, steps = g["sgd_batch_loss"].shape
    size = len(g["train_x"]) // steps
    given = {"epochs": epochs, "batch_size": size, "shuffle": False, "verbose": 0}
    history = model.fit(g["train_x"], g["train_y"], **given).history
    close(np.asarray(history["loss"]), g["sgd_epoch_loss"])
    close(np.asarray(history["categorical_accuracy"]), g["sgd_epoch_accuracy"])
    (centers,) = [w for w in model.loss_fn.weights if w.name == "centers"]
    close(centers, g["sgd_centers"])
    for i, weight in enumerate(network.get_weights()):
        close(weight, g[f"sgd_weight_{i}"])
