"""The table of other libraries' names: all of them are in it, and what it says is ours is there."""

import functools
import json
import re
from pathlib import Path

import keras
import pytest

import portable_losses

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
NAMES = json.loads((ROOT / "tests" / "oracles" / "peer_names.json").read_text(encoding="utf-8"))
TITLES = {
    "TensorFlow Addons": "tensorflow_addons",
    "TensorFlow Similarity": "tensorflow_similarity",
    "pytorch-metric-learning": "pytorch_metric_learning",
    "sentence-transformers": "sentence_transformers",
    "OpenCLIP": "open_clip",
    "lightly": "lightly",
}


def tables():
    """The rows of each table, by the peer's module."""
    found = {}
    for part in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        package = TITLES[part.split("\n")[0]]
        for table in re.split(r"^### ", part, flags=re.M)[1:]:
            module = f"{package}.{table.split(chr(10))[0].replace(' ', '_')}"
            lines = [line for line in table.split("\n") if line.startswith("| `")]
            found[module] = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return found


TABLES = tables()
OURS = sorted(set(re.findall(r"`((?:losses|miners|metrics|training|keras)\.[\w.]+)`", PAGE)))


@pytest.mark.parametrize("module", NAMES)
def test_every_name_of_a_peer_has_its_row(module):
    assert sorted(row[0].strip("`") for row in TABLES[module]) == sorted(NAMES[module])
    for row in TABLES[module]:
        assert len(row) == 3 and row[1], row


def test_there_are_no_other_tables():
    assert set(TABLES) == set(NAMES)


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_is_there(name):
    first, *rest = name.split(".")
    start = keras if first == "keras" else getattr(portable_losses, first)
    functools.reduce(getattr, rest, start)


def test_a_setting_of_ours_is_one():
    from portable_losses._pairwise import DISTANCES

    assert set(re.findall(r'`distance="(\w+)"`', PAGE)) <= set(DISTANCES)
