"""The Python in README and documentation runs, and the README's commands are those of CI."""

import ast
import re
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parent.parent
OTHERS = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
ALL = "python -m pip install nox && python -m nox"


def blocks(path):
    """The blocks of Python of a page, less those for another backend than the active one."""
    found = re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
    return [code for code in found if not imported(code) & OTHERS]


def imported(code):
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import)]
    return {alias.name for node in nodes for alias in node.names}


PAGES = [path for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if blocks(path)]


def test_the_pages_with_code_are_found():
    assert {"README.md", "state.md"} <= {path.name for path in PAGES}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}  # a page is read from top to bottom
    for code in blocks(path):
        exec(compile(code, str(path), "exec"), names)


def test_the_commands_are_there_and_ci_runs_the_second():
    assert {f"{ALL} -s demo", ALL} <= set((ROOT / "README.md").read_text().splitlines())
    assert ALL in (ROOT / ".ci" / "run").read_text().splitlines()
