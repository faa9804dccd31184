"""The README: its Python runs, and the two commands that do everything are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
ALL = "python -m pip install nox && python -m nox"


def test_there_is_code():
    assert BLOCKS


@pytest.mark.parametrize("code", BLOCKS, ids=[f"block {n}" for n in range(1, len(BLOCKS) + 1)])
def test_python_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_the_commands_are_there_and_ci_runs_the_second():
    assert {f"{ALL} -s demo", ALL} <= set(README.splitlines())
    assert ALL in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
