"""The contract suite over the whole catalogue."""

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

from portable_losses import losses
from portable_losses._catalogue import CATALOGUE
from tests.autodiff import BACKEND
from tests.contract import cases, checks
from tests.contract.case import Case
from tests.contract.checks import Subject

ENTRIES = {entry.cls: entry for entry in CATALOGUE if not entry.metric}
CASES: dict[str, Case] = {
    name: case
    for module in pkgutil.iter_modules(cases.__path__, cases.__name__ + ".")
    for name, case in importlib.import_module(module.name).CASES.items()
}


def _subjects(first_only: bool = False) -> list[Any]:
    return [
        pytest.param(Subject(getattr(losses, name), case, settings), id=f"{name}-{number}")
        for name, case in sorted(CASES.items())
        for number, settings in enumerate(case.settings[: 1 if first_only else None])
    ]


every_setting = pytest.mark.parametrize("subject", _subjects())
one_setting = pytest.mark.parametrize("subject", _subjects(first_only=True))


def test_every_loss_of_the_catalogue_has_a_case():
    assert set(CASES) == set(ENTRIES)


@pytest.mark.parametrize("clause", checks.CLAUSES)
@every_setting
def test_clause(subject: Subject, clause: str, rng: np.random.Generator):
    checks.CLAUSES[clause](subject, rng)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="`value` compiles it elsewhere")
@one_setting
def test_xla(subject: Subject, rng: np.random.Generator):
    checks.xla(subject, rng)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@one_setting
def test_low_precision(subject: Subject, dtype: str, rng: np.random.Generator):
    checks.low_precision(subject, rng, dtype)


@one_setting
def test_degenerate(subject: Subject):
    if subject.case.degenerate:
        checks.degenerate(subject, subject.case.degenerate)


@pytest.mark.parametrize(
    ("subject", "kink"),
    [
        pytest.param(Subject(getattr(losses, name), case, case.settings[0]), kink, id=f"{name}-{n}")
        for name, case in sorted(CASES.items())
        for n, kink in enumerate(case.kinks)
    ],
)
def test_kink(subject: Subject, kink: Any):
    checks.kink(subject, *kink)


@one_setting
def test_fit_and_keras_file(subject: Subject, rng: np.random.Generator, tmp_path: Any):
    checks.keras_file(*checks.fit(subject, rng), tmp_path)


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(Subject(getattr(losses, name), case, case.settings[0]), id=name)
        for name, case in sorted(CASES.items())
        if ENTRIES[name].stateful
    ],
)
def test_untracked(subject: Subject, rng: np.random.Generator):
    checks.untracked(subject, rng)
