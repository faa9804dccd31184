"""Our losses against the figures recorded from TensorFlow Similarity, both in float32."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from portable_losses import losses, miners
from tests import autodiff

RECORDED = sorted((Path(__file__).parent / "golden").glob("tfsim_*.npz"))
NAME = re.compile(r"tfsim_(.*)_\d")
VIEWS = {"simclr", "barlow_twins"}
# The peer adds up both halves of SimCLR, ours takes their mean.
FACTORS = {"simclr": 2.0}


def load(path):
    with np.load(path, allow_pickle=False) as file:
        recorded = {key: file[key] for key in file.files}
    return {**recorded, "settings": json.loads(str(recorded["settings"]))}


def ours(name, settings):
    """Our loss, and how many times it the peer's is."""
    settings = dict(settings)
    if name == "triplet_easy_positive":
        distance = settings.pop("distance")
        plain = losses.TripletBatchAll(**settings, average="all", distance=distance)
        return losses.Mined(plain, miners.BatchEasyHard("easy", "hard", distance=distance))
    if name == "multi_similarity":
        miner = miners.MultiSimilarity(settings.pop("epsilon"))
        return losses.Mined(losses.MultiSimilarity(**settings), miner)
    function = getattr(losses, name)
    if name == "barlow_twins":
        settings["epsilon"] = 1e-12  # the peer has none

    def loss(labels, x):
        if name in VIEWS:
            half = x.shape[0] // 2
            labels, x = labels[:half], ops.stack([x[:half], x[half:]], axis=1)
            labels = ops.arange(half)
        return FACTORS.get(name, 1.0) * ops.mean(function(labels, x, **settings))

    return loss


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_loss(path):
    recorded, name = load(path), NAME.fullmatch(path.stem).group(1)
    loss, labels, x = ours(name, recorded["settings"]), recorded["labels"], recorded["embeddings"]
    slopes = autodiff.gradients(lambda x, labels: loss(labels, x), x, labels)
    for i, batch in enumerate(recorded["batches"]):
        value, what = float(loss(labels[i], x[i])), f"{name} of {batch}"
        np.testing.assert_allclose(value, recorded["loss"][i], rtol=1e-5, atol=2e-6, err_msg=what)
        slope = recorded["gradient"][i]
        atol = 5e-6 * max(1, np.abs(slope).max())
        np.testing.assert_allclose(slopes[i], slope, rtol=2e-5, atol=atol, err_msg=what)


def test_every_file_says_what_made_it():
    assert RECORDED
    for path in RECORDED:
        made_by = json.loads(str(load(path)["versions"]))
        assert made_by["tensorflow-similarity"] == "0.17.1"
        assert made_by["tensorflow"] == "2.15.1"
