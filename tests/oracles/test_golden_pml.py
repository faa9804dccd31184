"""Our losses, in float32, against the figures recorded from pytorch-metric-learning in float64."""

import json
import math
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from portable_losses._catalogue import CATALOGUE
from tests import autodiff

GOLDEN = Path(__file__).parent / "golden"
RECORDED = sorted(GOLDEN.glob("pml_*.npz"))
BOUNDARIES = GOLDEN / "pml_boundaries_0.npz"
MEMORY = [path for path in RECORDED if path.stem.startswith("pml_memory_")]
NAME = re.compile(r"pml_(.*)_(\d|one_sample)")
CLASSES = {entry.name: getattr(losses, entry.cls) for entry in CATALOGUE if not entry.metric}
CLASSES["triplet_mined"] = CLASSES["triplet_batch_all"]  # with the peer's miner
# Where we differ on purpose, by loss and batch.
DIFFERENT = {
    ("supcon", "one_class"): "the peer is 0 without a pair of different classes",
    ("generalized_lifted_structure", "one_class"): "the peer draws together what has no rival",
    ("ranked_list", "duplicates"): "the peer gives no weight to negatives at distance 0",
    ("histogram", "ordinary"): "the peer leaves out pairs of samples that both have no positive",
}
# The peer adds 1e-5 to each weight of a row; all others hold to 1e-5.
TOLERANCE = {"ranked_list": 2e-4}
# Two samples are equally far: the peer's miner takes one of them, and ours shares the gradient.
# Distances on the edge of a bin, which those of the peer miss by a rounding.
TIES = {
    ("triplet_hard", "duplicates"),
    ("triplet_hard", "opposite"),
    ("fast_ap", "opposite"),
}


def load(path):
    with np.load(path, allow_pickle=False) as file:
        recorded = {key: file[key] for key in file.files}
    return {**recorded, "settings": json.loads(str(recorded["settings"]))}


def assert_close(actual, expected, what, rtol=1e-5):
    """To `rtol`, and to 1e-6 of the largest figure there is: float32 leaves that much of a sum."""
    known = np.isfinite(expected)
    assert np.all(np.isfinite(actual)), what  # also where the peer's is not
    atol = 1e-6 * max(1, np.max(np.abs(expected[known]), initial=0))
    atol *= rtol / 1e-5
    np.testing.assert_allclose(actual[known], expected[known], rtol=rtol, atol=atol, err_msg=what)


def figures(scalars, recorded):
    """Gradients by embeddings and weights of the mean of `scalars`, which are functions of labels,
    embeddings and weights; and as `loss` the value of each. One program for all batches."""
    parts = {key: recorded[key] for key in ("embeddings", "weights") if key in recorded}
    count = len(recorded["labels"])
    if "weights" in parts:
        parts["weights"] = np.stack([parts["weights"]] * count)
    # The gradient by a factor before a scalar is the scalar.
    parts["factors"] = np.full((count, len(scalars)), 1 / len(scalars), "float32")
    shapes = {key: part.shape[1:] for key, part in parts.items()}

    def split(x):
        start = 0
        for key, shape in shapes.items():
            yield key, x[..., start : start + math.prod(shape)]
            start += math.prod(shape)

    def total(x, labels):
        given = {key: ops.reshape(part, shapes[key]) for key, part in split(x)}
        factors = given.pop("factors")
        values = [scalar(labels, **given) for scalar in scalars]
        return sum(factors[i] * value for i, value in enumerate(values))

    x = np.concatenate([part.reshape(count, -1) for part in parts.values()], axis=1)
    found = dict(split(autodiff.gradients(total, x, recorded["labels"])))
    found = {key: part.reshape(parts[key].shape) for key, part in found.items()}
    names = {"embeddings": "gradient", "weights": "weights_gradient", "factors": "loss"}
    return {names[key]: part for key, part in found.items()}


def proxies_of(name, embeddings, weights):
    """The proxies of a batch, if any: the peer's instance loss classifies by the batch itself."""
    return embeddings if name == "instance_loss" else weights


def in_views(name, labels, embeddings):
    """What the loss takes: where it is of views, rows 2i and 2i + 1 are those of sample i."""
    if name not in ("simclr", "vicreg"):
        return labels, embeddings
    samples = embeddings.shape[0] // 2
    return ops.arange(samples), ops.reshape(embeddings, (samples, 2, -1))


def of_function(name, recorded):
    """The mean of the pure function's values."""
    name = "triplet_batch_all" if name == "triplet_mined" else name
    function, settings = getattr(losses, name), recorded["settings"]

    def scalar(labels, embeddings, weights=None):
        labels, embeddings = in_views(name, labels, embeddings)
        proxies = proxies_of(name, embeddings, weights)
        given = () if proxies is None else (proxies,)
        return ops.mean(function(labels, embeddings, *given, **settings))

    return scalar


def of_class(name, recorded):
    """The class with its reduction, on the same proxies."""
    cls, settings = CLASSES[name], recorded["settings"]
    if "num_classes" not in recorded:
        loss = cls(**settings)
        return lambda labels, embeddings: loss(*in_views(name, labels, embeddings))
    loss = cls(int(recorded["num_classes"]), recorded["embeddings"].shape[-1], **settings)
    (variable,) = loss.trainable_variables

    def scalar(labels, embeddings, weights=None):
        proxies = proxies_of(name, embeddings, weights)
        with keras.StatelessScope(state_mapping=[(variable, proxies)]):
            return loss(labels, embeddings, training=False)

    return scalar


def through_normalisation(gradient, weights):
    """The gradient by `weights`, of one by the rows that they have at length 1."""
    length = np.linalg.norm(weights, axis=-1, keepdims=True)
    units = weights / length
    return (gradient - np.sum(gradient * units, axis=-1, keepdims=True) * units) / length


PLAIN = [path for path in RECORDED if path not in (*MEMORY, BOUNDARIES)]


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_loss(path):
    recorded = load(path)
    name, which = NAME.fullmatch(path.stem).groups()
    if name == "instance_loss":
        ranks = [np.unique(labels, return_inverse=True)[1] for labels in recorded["labels"]]
        recorded.update(labels=np.int32(ranks), num_classes=len(ranks[0]))
    if name == "p2sgrad":
        by_units = recorded["weights_gradient"]
        recorded["weights_gradient"] = through_normalisation(by_units, recorded["weights"])
    scalars = [of_function(name, recorded)]
    if which == "1" or not recorded["settings"]:  # the default settings would say less
        scalars.append(of_class(name, recorded))
    found = figures(scalars, recorded)
    recorded["loss"] = np.stack([recorded["loss"]] * len(scalars), axis=1)
    for i, batch in enumerate(recorded["batches"]):
        for key, actual in found.items():
            if key == "gradient" and (name, batch) in TIES:
                continue
            if (name, batch) not in DIFFERENT:
                rtol = TOLERANCE.get(name, 1e-5)
                assert_close(actual[i], recorded[key][i], f"{key} of {batch}", rtol)
            elif key == "loss":
                assert not np.allclose(actual[i], recorded[key][i])


@pytest.mark.parametrize("path", MEMORY, ids=lambda path: path.stem)
def test_memory(path):
    recorded = load(path)
    settings = recorded["settings"]
    name = settings["loss"].pop("name")
    inner = CLASSES[name](**settings["loss"])
    dim = recorded["embeddings"].shape[-1]
    loss = losses.CrossBatchMemory(inner, settings["memory_size"], embedding_dim=dim)
    train, values, states = autodiff.training_step(loss), [], []
    for step in zip(recorded["labels"], recorded["embeddings"], strict=True):
        states.append([ops.convert_to_numpy(variable) for variable in loss.variables])
        values.append(float(train(*step)))
    assert_close(np.array(values), recorded["loss"], "loss")

    def scalar(x, labels, *state):
        with keras.StatelessScope(state_mapping=list(zip(loss.variables, state, strict=True))):
            return loss(labels, x, training=False)

    states = map(np.stack, zip(*states, strict=True))
    found = autodiff.gradients(scalar, recorded["embeddings"], recorded["labels"], *states)
    assert_close(found, recorded["gradient"], "gradient")


@pytest.mark.parametrize("block_size", [None, 4])
def test_boundaries_of_classes(block_size):
    recorded = load(BOUNDARIES)
    inner = losses.MarginLoss(**recorded["settings"], block_size=block_size)
    boundaries = recorded["boundaries"]
    loss = losses.TrainedSettings(inner, "beta", num_classes=len(boundaries))
    size = recorded["embeddings"][0].size

    def scalar(x, labels):  # the gradient by a factor before a scalar is the scalar
        embeddings = ops.reshape(x[:size], recorded["embeddings"].shape[1:])
        given = [(loss.beta, ops.expand_dims(x[size:-1], 1))]
        with keras.StatelessScope(state_mapping=given):
            return x[-1] * loss(labels, embeddings, training=False)

    count = len(recorded["labels"])
    parts = [recorded["embeddings"].reshape(count, size), np.tile(boundaries, (count, 1))]
    found = autodiff.gradients(
        scalar, np.concatenate([*parts, np.ones((count, 1), "float32")], 1), recorded["labels"]
    )
    assert_close(found[:, -1], recorded["loss"], "loss")
    assert_close(found[:, :size].reshape(recorded["gradient"].shape), recorded["gradient"], "x")
    assert_close(found[:, size:-1], recorded["boundaries_gradient"], "boundaries")


def test_the_peer_has_no_gradient_on_a_proxy():
    """What the README says of ArcFace: one that has it is worth a new recording."""
    for path in GOLDEN.glob("pml_*arcface_[01].npz"):
        recorded = load(path)
        on_proxies = list(recorded["batches"]).index("on_proxies")
        bad = ~np.isfinite(recorded["gradient"][on_proxies])
        assert bad.any(axis=1).tolist() == [True, True, False, False, False, False]


def test_every_file_says_what_made_it():
    assert RECORDED
    for path in RECORDED:
        made_by = json.loads(str(load(path)["versions"]))
        assert made_by["pytorch-metric-learning"] == "2.9.0"
        assert made_by["torch"].startswith("2.13.0")
