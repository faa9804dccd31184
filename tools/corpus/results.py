"""The files of a working folder: jobs as JSON, results as a line of JSON for each definition."""

import json
from pathlib import Path
from typing import Any


def read(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))


def write(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")


def results(work: Path, name: str) -> dict[str, dict[str, Any]]:
    """The results of a side or a backend by definition."""
    path = work / f"results_{name}.jsonl"
    if not path.exists():
        return {}
    return {r["key"]: r for r in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
