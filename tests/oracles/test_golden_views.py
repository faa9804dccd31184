"""Our losses of views, pairs and triplets, in float32, against the figures recorded from OpenCLIP,
sentence-transformers and lightly in float64."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from portable_losses import losses, training
from tests import autodiff

RECORDED = sorted((Path(__file__).parent / "golden").glob("views_*.npz"))
DINO = [path for path in RECORDED if path.stem.startswith("views_dino_")]
FACTORS = {"contrastive": 2.0}  # the peer has half of it
NAME = re.compile(r"views_(.*?)(_of_\w+)?_\d")


def load(path):
    with np.load(path, allow_pickle=False) as file:
        recorded = {key: file[key] for key in file.files}
    return {**recorded, "settings": json.loads(str(recorded["settings"]))}


def figures(function, settings, labels, x, *given):
    """The mean of the values of each batch, and its gradient: one program for all batches."""

    def scalar(row, labels, *given):  # the gradient by a factor before a scalar is the scalar
        batch = ops.reshape(row[:-1], x.shape[1:])
        return row[-1] * ops.mean(function(labels, batch, *given, **settings))

    rows = np.concatenate([x.reshape(len(x), -1), np.ones_like(x[:, :1, 0, 0])], axis=1)
    found = autodiff.gradients(scalar, rows, labels, *given)
    return found[:, -1], found[:, :-1].reshape(x.shape)


def ours(name, settings):
    """Our function and its settings."""
    if name == "matryoshka":
        settings = dict(settings)
        settings["loss"] = losses.InBatchNegatives(settings.pop("temperature"))
    return getattr(losses, name), settings


def assert_close(actual, expected, what):
    """To 1e-5, and to 1e-6 of the largest figure there is: float32 leaves that much of a sum."""
    atol = 1e-6 * max(1, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=atol, err_msg=what)


@pytest.mark.parametrize("path", [p for p in RECORDED if p not in DINO], ids=lambda p: p.stem)
def test_loss(path):
    recorded, name = load(path), NAME.fullmatch(path.stem).group(1)
    given = recorded["labels"], recorded["embeddings"]
    value, slope = figures(*ours(name, recorded["settings"]), *given)
    factor = FACTORS.get(name, 1.0)
    for i, batch in enumerate(recorded["batches"]):
        assert_close(value[i], factor * recorded["loss"][i], f"loss of {batch}")
        assert_close(slope[i], factor * recorded["gradient"][i], f"gradient of {batch}")
    if name == "simsiam":  # of which BYOL is a multiple
        value, slope = figures(losses.byol, {}, *given)
        assert_close(value, 4 + 4 * recorded["loss"], "loss of byol")
        assert_close(slope, 4 * recorded["gradient"], "gradient of byol")


def temperatures(settings, epochs):
    """The teacher's temperature of each epoch, and what else is a setting of ours."""
    settings = dict(settings)
    first, count = (settings.pop(f"warmup_teacher_temp{end}") for end in ("", "_epochs"))
    last = settings["teacher_temperature"]
    rising = np.linspace(first, last, count)
    return np.append(rising, [last] * (epochs - count)).astype("float32"), settings


@pytest.mark.parametrize("path", DINO, ids=lambda path: path.stem)
def test_dino(path):
    recorded = load(path)
    given, settings = temperatures(recorded["settings"], len(recorded["loss"]))
    centers = np.concatenate([0 * recorded["center"][:1], recorded["center"][:-1]])

    student = settings["student_temperature"]

    def function(labels, x, center, temperature):
        return losses.dino(
            labels, x, center, student_temperature=student, teacher_temperature=temperature
        )

    inputs = recorded["labels"], recorded["embeddings"], centers.astype("float32"), given
    value, slope = figures(function, {}, *inputs)
    assert_close(value, recorded["loss"], "loss")
    assert_close(slope, recorded["gradient"], "gradient")

    loss = losses.DINO(recorded["center"].shape[1], **settings)
    warmup = {key: x for key, x in recorded["settings"].items() if key.startswith("warmup")}
    callback, step = training.TeacherTemperature(loss, **warmup), autodiff.training_step(loss)
    for epoch, given in enumerate(zip(recorded["labels"], recorded["embeddings"], strict=True)):
        callback.on_epoch_begin(epoch)
        assert_close(float(step(*given)), recorded["loss"][epoch], f"loss of the class, {epoch}")
        center = ops.convert_to_numpy(loss.center)
        assert_close(center, recorded["center"][epoch], f"center after {epoch}")


def test_every_file_says_what_made_it():
    assert RECORDED and DINO
    for path in RECORDED:
        made_by = json.loads(str(load(path)["versions"]))
        assert made_by["open-clip-torch"] == "3.3.0"
        assert made_by["sentence-transformers"] == "6.2.0"
        assert made_by["lightly"] == "1.6.0"
        assert made_by["torch"].startswith("2.13.0")
