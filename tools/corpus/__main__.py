"""Prepare the files, and report.

    python -m corpus prepare CORPUS WORK [NAME ...]
    python -m corpus choose WORK
    python -m corpus report WORK
"""

import argparse
import collections
import csv
import json
import sys
from pathlib import Path

from .definitions import definitions

BACKENDS = ("tensorflow", "jax", "torch")


def prepare(corpus: Path, work: Path) -> None:
    """Cut the definitions out of the files; one job for each, and the sources for either side."""
    jobs, unread = [], []
    for path in sorted(corpus.rglob("*.py")):
        file = str(path.relative_to(corpus))
        try:
            found = list(definitions(path))
        except SyntaxError as error:
            unread.append({"file": file, "reason": f"SyntaxError: {error.msg}"})
            continue
        seen: collections.Counter[str] = collections.Counter()
        for definition in found:
            seen[definition.name] += 1
            number = seen[definition.name]
            key = f"{file[:-3]}::{definition.name}" + (f"#{number}" if number > 1 else "")
            job = {
                "key": key,
                "file": file,
                "kind": path.parent.name,
                "name": definition.name,
                "methods": definition.methods,
            }
            place = key.replace("/", "__").replace("::", "___")
            for side in ("old", "new"):
                source = work / "sources" / side / f"{place}.py"
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(getattr(definition, side), encoding="utf-8")
            job["source"] = str(work / "sources" / "old" / f"{place}.py")
            job["place"] = place
            jobs.append(job)
    _write(work / "jobs.json", jobs)
    _write(work / "unread.json", unread)
    for side in ("graph", "eager"):
        folder = work / "records" / side
        folder.mkdir(parents=True, exist_ok=True)
        _write(
            work / f"jobs_{side}.json",
            [job | {"record": str(folder / f"{job['place']}.npz")} for job in jobs],
        )
    print(f"{len(jobs)} definitions; {len(unread)} files do not parse")


def choose(work: Path) -> None:
    """The jobs of the new side: what runs on an old side, TF1's graph first for TF1 code."""
    found = {side: _results(work, side) for side in ("graph", "eager")}
    jobs = []
    for job in _read(work / "jobs.json"):
        order = ("graph", "eager") if job["kind"].startswith("tf1") else ("eager", "graph")
        for side in order:
            if found[side].get(job["key"], {}).get("runs"):
                record = work / "records" / side / f"{job['place']}.npz"
                source = work / "sources" / "new" / f"{job['place']}.py"
                jobs.append(job | {"record": str(record), "source": str(source), "side": side})
                break
    _write(work / "jobs_new.json", jobs)
    print(f"{len(jobs)} definitions run on an old side")


def _read(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")


def _results(work: Path, name: str) -> dict[str, dict]:
    path = work / f"results_{name}.jsonl"
    if not path.exists():
        return {}
    return {r["key"]: r for r in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("prepare", "choose"))
    parser.add_argument("folders", nargs="+", type=Path)
    args = parser.parse_args()
    {"prepare": prepare, "choose": choose}[args.command](*args.folders)
