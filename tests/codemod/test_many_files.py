"""What one file of a run makes known to another: functions that make variables of TensorFlow 1."""

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
