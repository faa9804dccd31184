"""Our losses against the figures recorded from TensorFlow Addons, both in float32."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from portable_losses import losses
from tests import autodiff

RECORDED = sorted((Path(__file__).parent / "golden").glob("tfa_*.npz"))
NAME = re.compile(r"tfa_(.*)_\d")
HALF = 4  # of N-pairs: as many anchors, then as many positives
# Where we differ on purpose, by loss and batch.
DIFFERENT = {
    ("triplet_semi_hard", "one_class"): "the peer takes the anchor itself for its negative",
    ("triplet_hard", "one_class"): "the peer takes the farthest sample for a negative",
}
# The nearest negative is there twice: the peer shares the gradient, ours gives it to one.
TIES = {("triplet_semi_hard", "duplicates")}


def load(path):
    with np.load(path, allow_pickle=False) as file:
        recorded = {key: file[key] for key in file.files}
    return {**recorded, "settings": json.loads(str(recorded["settings"]))}


def mean(name, settings):
    function = getattr(losses, name)

    def scalar(x, labels):
        given = dict(settings)
        if name == "npairs_multilabel":  # each its label and the next one too, of four in a circle
            labels = ops.one_hot(labels % 4, 4) + ops.one_hot((labels + 1) % 4, 4)
        if name.startswith("npairs"):
            given.update(ref_labels=labels[HALF:], ref_embeddings=x[HALF:])
            labels, x = labels[:HALF], x[:HALF]
        return ops.mean(function(labels, x, **given))

    return scalar


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_loss(path):
    recorded, name = load(path), NAME.fullmatch(path.stem).group(1)
    scalar, labels, x = mean(name, recorded["settings"]), recorded["labels"], recorded["embeddings"]
    if name.startswith("npairs"):  # whose peer reads the labels of the anchors alone
        labels[:, HALF:] = labels[:, :HALF]
    slopes = autodiff.gradients(scalar, x, labels)
    assert np.isfinite(slopes).all()
    for i, batch in enumerate(recorded["batches"]):
        value, expected = float(scalar(x[i], labels[i])), recorded["loss"][i]
        what = f"{name} of {batch}"
        assert np.isfinite(value), what  # also where the peer's is not
        if (name, batch) in DIFFERENT:
            assert not np.isclose(value, expected), what
            continue
        if not np.isfinite(expected):
            continue
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6, err_msg=what)
        if (name, batch) not in TIES:
            slope = recorded["gradient"][i]
            atol = 2e-6 * max(1, np.abs(slope).max())
            np.testing.assert_allclose(slopes[i], slope, rtol=1e-5, atol=atol, err_msg=what)


def test_where_the_peer_is_not_a_number():
    """What the README says: one that is finite there is worth a new recording."""
    found = set()
    for path in RECORDED:
        recorded = load(path)
        bad = ~np.isfinite(recorded["loss"])
        found |= {(NAME.fullmatch(path.stem).group(1), b) for b in recorded["batches"][bad]}
    assert found == {
        ("triplet_semi_hard", "all_distinct"),
        ("lifted_structure", "all_distinct"),
        ("lifted_structure", "one_class"),
    }


def test_every_file_says_what_made_it():
    assert RECORDED
    for path in RECORDED:
        made_by = json.loads(str(load(path)["versions"]))
        assert made_by["tensorflow-addons"] == "0.23.0"
        assert made_by["tensorflow"] == "2.15.1"
