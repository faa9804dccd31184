"""Our miners against the pairs that those of pytorch-metric-learning chose, and what its losses
made of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from portable_losses import losses, miners
from tests import autodiff
from tests.references.miners import distance_weights

PATH = Path(__file__).parent / "golden" / "miners_pml.npz"
with np.load(PATH, allow_pickle=False) as file:
    RECORDED = {key: file[key] for key in file.files}
CONFIGS = json.loads(str(RECORDED["configs"]))
LOSSES = {
    "multi_similarity": losses.MultiSimilarity(),
    "circle": losses.Circle(gamma=4.0),
    "contrastive_labels": losses.ContrastiveLabels(2.5, 0.3, power=1, average="nonzero"),
    "triplet_batch_all": losses.TripletBatchAll(0.5),
}


def made(config):
    return getattr(miners, config["miner"])(**config["settings"])


def test_masks():
    """Of HDC up to the mirror image of a pair, which is as far, and of which the peer takes any."""
    found = []
    for config in CONFIGS:
        miner = made(config)
        found.append(
            [np.stack([ops.convert_to_numpy(m) for m in miner(y, x)]) for y, x in batches()]
        )
    for k, config in enumerate(CONFIGS):
        actual, expected = np.stack(found[k]), RECORDED[f"{k}_masks"]
        assert (actual.sum(axis=(2, 3)) == expected.sum(axis=(2, 3))).all(), config
        if config["miner"] == "HDC":
            actual, expected = (m | m.swapaxes(2, 3) for m in (actual, expected))
        np.testing.assert_array_equal(actual, expected, err_msg=str(config))


def batches():
    return zip(RECORDED["labels"], RECORDED["embeddings"], strict=True)


COMPOSED = [k for k, c in enumerate(CONFIGS) if f"{k}_circle" in RECORDED and c["miner"] != "HDC"]


@pytest.mark.parametrize("k", COMPOSED, ids=lambda k: f"{CONFIGS[k]['miner']}-{k}")
def test_losses_of_the_pairs(k):
    names = [name for name in LOSSES if f"{k}_{name}" in RECORDED]
    mined = [losses.Mined(LOSSES[name], made(CONFIGS[k])) for name in names]

    def total(x, labels):  # the gradient by a factor is the loss; each loss has a copy of its own
        return sum(x[i, 0, -1] * loss(labels, x[i, :, :-1]) for i, loss in enumerate(mined))

    x = np.repeat(RECORDED["embeddings"][:, None], len(names), axis=1)
    x = np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)
    found = autodiff.gradients(total, x, RECORDED["labels"])
    for i, name in enumerate(names):
        expected = RECORDED[f"{k}_{name}"], RECORDED[f"{k}_{name}_gradient"]
        for actual, wanted in zip((found[:, i, 0, -1], found[:, i, :, :-1]), expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=2e-5, atol=2e-6, err_msg=name)


def test_weights_of_the_draw():
    for (y, x), expected in zip(batches(), RECORDED["weights"], strict=True):
        np.testing.assert_allclose(distance_weights(y, x), expected, rtol=1e-6, atol=1e-9)
        d = np.linalg.norm(units(x)[:, None] - units(x), axis=-1).astype("float32")
        found = np.exp(ops.convert_to_numpy(miners.DistanceWeighted().log_weights(d, x.shape[1])))
        found = np.where(expected > 0, found, 0)
        total = found.sum(axis=1, keepdims=True)
        found = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        # Without a draw a negative counts as often as it would be drawn for all positives.
        same = y[:, None] == y
        weights = ops.convert_to_numpy(miners.DistanceWeighted(draw=False).weights(y, x))
        number = same.sum(axis=1, keepdims=True) - 1
        np.testing.assert_allclose(weights * ~same, number * expected, rtol=1e-4, atol=1e-6)


def test_weights_of_a_histogram():
    """Of pairs that are as far as one another some lie on an edge, but for rounding."""
    miner = miners.UniformHistogram(**json.loads(str(RECORDED["histogram"])), draw=False)
    for (y, x), expected in zip(batches(), RECORDED["histogram_weights"], strict=True):
        found = ops.convert_to_numpy(miner.weights(y, x))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def units(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_the_file_says_what_made_it():
    made_by = json.loads(str(RECORDED["versions"]))
    assert made_by["pytorch-metric-learning"] == "2.9.0"
