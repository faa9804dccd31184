"""What one file of a run makes known to another: functions that make variables of TensorFlow 1."""

import json
from pathlib import Path

import pytest

from portable_losses.codemod import _run
from tests.codemod.test_snippets import SNIPPETS

TRAIN = """\
from tensorflow import keras
from tensorflow.keras import backend as K

import joint


def weighted(labels, logits):
    return 2.0 * joint.center_loss(K.argmax(labels), logits)


def plain(labels, logits):
    return K.mean(K.square(labels - logits))


def compiled(model):
    model.compile(keras.optimizers.Adam(lr=0.1), loss=joint.total, metrics=["accuracy"])
    return model
"""


@pytest.fixture
def outcomes(tmp_path):
    (tmp_path / "joint.py").write_text(SNIPPETS["joint_loss"]["before"])
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "named.py").write_text(
        "from tensorflow import keras\nfrom joint import total\n\n\ndef compiled(model):\n"
        "    model.compile(keras.optimizers.Adam(), loss=total)\n    return model\n"
    )
    paths = sorted(tmp_path.glob("*.py"))
    return {o.path.rpartition("/")[2]: o for o in _run.migrate_files(paths, _run.Options(), jobs=1)}


def test_a_call_in_another_file_stays_in_the_graph_and_is_reported(outcomes):
    train = outcomes["train.py"]
    assert "return 2.0 * joint.center_loss(K.argmax(labels), logits)" in train.new
    assert "return ops.mean(ops.square(labels - logits))" in train.new
    assert train.definitions["weighted"] == "flagged" and train.definitions["plain"] == "native"
    assert [(f.line, f.rule) for f in train.findings if f.rule == "other file"] == [
        (8, "other file")
    ]


def test_a_compile_in_another_file_takes_the_class_that_was_put_beside(outcomes):
    train, named = outcomes["train.py"].new, outcomes["named.py"].new
    assert "    model = LossModel(model, joint.TotalLoss())\n" in train
    assert 'model.compile(keras.optimizers.Adam(learning_rate=0.1), metrics=["accuracy"])' in train
    assert "from joint import TotalLoss\n" in named
    assert "    model = LossModel(model, TotalLoss())\n    model.compile(" in named


def test_alone_a_file_knows_nothing_of_others(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(TRAIN)
    (outcome,) = _run.migrate_files([path], _run.Options(), jobs=1)
    assert "LossModel" not in outcome.new


CENTER = """\
import tensorflow as tf


def center_loss(labels, features):
    centers = tf.get_variable("centers", [5, 2], trainable=False)
    return tf.reduce_sum(tf.square(features - tf.gather(centers, labels)))
"""
PLAIN = "def center_loss(labels, features):\n    return features - labels\n"
USE = """\
import tensorflow as tf
{}


def loss(labels, features):
    return tf.reduce_mean(features) + {}(labels, features)
"""


def calls_a_maker(folder, path, statement, call="center_loss", **more):
    """Whether the file at `path` is told that what it imports makes variables."""
    for name, text in {path: USE.format(statement, call), **more}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    paths = sorted([*folder.rglob("*.py"), *folder.rglob("*.ipynb")])
    outcomes = {Path(o.path): o for o in _run.migrate_files(paths, _run.Options(), jobs=1)}
    outcome = outcomes[folder / path]
    assert not any(o.error for o in outcomes.values())
    found = any(finding.rule == "other file" for finding in outcome.findings)
    assert outcome.definitions["loss"] == ("flagged" if found else "native")
    return found


@pytest.mark.parametrize("init", [True, False], ids=["__init__", "no __init__"])
@pytest.mark.parametrize(
    "path, statement, call",
    [
        ("train.py", "from package.losses.center import center_loss", "center_loss"),
        ("train.py", "from package.losses.center import center_loss as f", "f"),
        ("train.py", "import package.losses.center", "package.losses.center.center_loss"),
        ("train.py", "from package.losses import center", "center.center_loss"),
        ("scripts/train.py", "from package.losses import center as c", "c.center_loss"),
        ("package/train.py", "from losses.center import center_loss", "center_loss"),
        ("package/train.py", "from .losses.center import center_loss", "center_loss"),
        ("package/train.py", "from .losses import center", "center.center_loss"),
        ("package/losses/train.py", "from center import center_loss", "center_loss"),
        ("package/losses/train.py", "from .center import center_loss", "center_loss"),
        ("package/losses/train.py", "from . import center", "center.center_loss"),
        ("package/losses/__init__.py", "from .center import center_loss", "center_loss"),
        ("package/other/train.py", "from ..losses.center import center_loss", "center_loss"),
        ("package/other/train.py", "from ..losses import center", "center.center_loss"),
    ],
)
def test_a_module_is_found_by_the_name_that_is_written(tmp_path, init, path, statement, call):
    more = {"package/losses/center.py": CENTER}
    if init:
        more |= {"package/__init__.py": "", "package/other/__init__.py": ""}
    assert calls_a_maker(tmp_path, path, statement, call, **more)


@pytest.mark.parametrize(
    "path, statement",
    [
        ("package/losses/train.py", "from ..center import center_loss"),
        ("package/train.py", "from .center import center_loss"),
        ("package/train.py", "from package.center import center_loss"),
        ("package/losses/train.py", "from other.center import center_loss"),
        ("package/losses/train.py", "from .center import another as center_loss"),
    ],
)
def test_another_module_is_not_taken_for_it(tmp_path, path, statement):
    assert not calls_a_maker(tmp_path, path, statement, **{"package/losses/center.py": CENTER})


def test_of_modules_with_one_name_the_nearest_counts(tmp_path):
    both = {"a/center.py": CENTER, "b/center.py": PLAIN}
    line = "from center import center_loss"
    assert calls_a_maker(tmp_path / "1", "a/train.py", line, **both)
    assert not calls_a_maker(tmp_path / "2", "b/train.py", line, **both)
    assert calls_a_maker(tmp_path / "3", "b/train.py", "from a.center import center_loss", **both)
    # `sys.path` was changed: what is under one folder with it.
    both = {"a/lib/center.py": CENTER, "b/lib/center.py": PLAIN}
    assert calls_a_maker(tmp_path / "4", "a/scripts/train.py", line, **both)
    assert not calls_a_maker(tmp_path / "5", "b/scripts/train.py", line, **both)


def test_a_package_has_what_its_init_has(tmp_path):
    init = {"package/losses/__init__.py": CENTER}
    for path, line in {
        "train.py": "from package.losses import center_loss",
        "package/train.py": "from .losses import center_loss",
        "package/losses/train.py": "from . import center_loss",
        "package/losses/deep/train.py": "from .. import center_loss",
    }.items():
        assert calls_a_maker(tmp_path / path[:-3], path, line, **init)
    line = "from . import center_loss"
    assert not calls_a_maker(tmp_path / "0", "package/train.py", line, **init)


@pytest.mark.parametrize("imported", ["center_loss", "*", "center_loss as f"])
def test_a_package_passes_on_what_it_imports(tmp_path, imported):
    more = {
        "package/losses/center.py": CENTER,
        "package/losses/__init__.py": f"from .center import {imported}\n",
        "package/__init__.py": f"from .losses import {imported.rpartition(' ')[2]}\n",
    }
    name = "f" if imported.endswith("f") else "center_loss"
    assert calls_a_maker(tmp_path, "train.py", f"from package import {name}", name, **more)
    more["package/__init__.py"] = "from .losses import center\n"
    assert not calls_a_maker(tmp_path, "train.py", f"from package import {name}", name, **more)


def test_notebooks_import_and_are_imported(tmp_path):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {"metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    text = json.dumps({**notebook, "cells": [{**cell, "source": CENTER}]})
    line = "from center import center_loss"
    assert calls_a_maker(tmp_path, "train.py", line, **{"center.ipynb": text})
    (tmp_path / "center.ipynb").unlink()
    use = json.dumps({**notebook, "cells": [{**cell, "source": USE.format(line, "center_loss")}]})
    (tmp_path / "use.ipynb").write_text(use)
    assert calls_a_maker(tmp_path, "train.py", line, **{"center.py": CENTER})
    outcomes = _run.migrate_files(sorted(tmp_path.iterdir()), _run.Options(), jobs=1)
    assert [(f.rule, f.cell, f.line) for o in outcomes for f in o.findings if f.cell] == [
        ("other file", 1, 6)
    ]
