"""Same name, same meaning: catalogue, public names, documentation and classes tell of the same
losses and metrics, none missing, none stray."""

import importlib
import re
from pathlib import Path

import keras
import pytest

import portable_losses
from portable_losses import losses
from portable_losses._catalogue import CATALOGUE
from portable_losses.losses import Loss, ProxyLoss, StatefulLoss
from portable_losses.losses._centered import CenteredLoss
from portable_losses.losses._tables import TableLoss

ROOT = Path(__file__).parent.parent
PAGES = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs").rglob("*.md"))
# What a module offers beside the entries of the catalogue.
BESIDE = {
    "losses": {"Loss", "ProxyLoss", "StatefulLoss", "as_loss", "get", "saved_factory"},
    "metrics": {"get"},
}
# The table of a class's rows is shared by proxies and centers, and there it ends.
ABSTRACT = {Loss, StatefulLoss, TableLoss, ProxyLoss, CenteredLoss}
# Ours alone: tests make subclasses too.
LOSSES = [
    cls
    for base in ABSTRACT
    for cls in base.__subclasses__()
    if cls.__module__.startswith("portable_losses.losses.") and cls not in ABSTRACT
]


def public(module):
    """The public names of a module that are not Keras' own."""
    module = importlib.import_module(f"portable_losses.{module}")
    given = {name: getattr(keras.metrics, name, None) for name in module.__all__}
    return {name for name in module.__all__ if getattr(module, name) is not given[name]}


def catalogued(metric):
    entries = [entry for entry in CATALOGUE if entry.metric == metric]
    return {name for entry in entries for name in (entry.cls, entry.name) if name}


@pytest.mark.parametrize("module", ["losses", "metrics"])
def test_public_names_are_those_of_the_catalogue(module):
    assert public(module) == catalogued(module == "metrics") | BESIDE[module]


@pytest.mark.parametrize("module", ["losses", "miners", "metrics", "training", "plot", "compat"])
def test_public_names_are_those_of_the_documentation(module):
    # Each stands in a page under docs/ as a line `::: portable_losses.losses.huber`.
    documented = re.findall(rf"^::: portable_losses\.{module}\.(\w+)$", PAGES, re.M)
    assert sorted(documented) == sorted(public(module))


def test_modules_are_public_names_of_the_package():
    for name in portable_losses.__all__:
        assert getattr(portable_losses, name).__name__ == f"portable_losses.{name}"
    with pytest.raises(AttributeError, match="nothing"):
        _ = portable_losses.nothing


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.cls)
def test_an_entry_tells_the_truth(entry):
    module = importlib.import_module(f"portable_losses.{'metrics' if entry.metric else 'losses'}")
    cls = getattr(module, entry.cls)
    assert isinstance(cls, type) and cls.__name__ == entry.cls
    if not entry.metric:
        assert issubclass(cls, StatefulLoss) == entry.stateful
    if entry.name:
        function = getattr(module, entry.name)
        assert function.__name__ == entry.name
        assert entry.stateful or cls.function is function
        for section in ("Args:", "Returns:", "Examples:"):
            assert section in function.__doc__, f"{entry.name} has no section {section}"


@pytest.mark.parametrize("cls", sorted(LOSSES, key=str), ids=lambda cls: cls.__name__)
def test_a_loss_is_final_and_one_step_from_its_base(cls):
    assert len(cls.__bases__) == 1 and set(cls.__bases__) <= ABSTRACT
    ours = [c for c in cls.__subclasses__() if c.__module__.startswith("portable_losses.")]
    assert ours == []


def test_every_loss_of_the_catalogue_is_among_them():
    assert {getattr(losses, e.cls) for e in CATALOGUE if not e.metric} <= set(LOSSES)
