"""Prepare the jobs, choose those of the new side, migrate, and report.

python -m corpus prepare CORPUS WORK    # cut the files of CORPUS into definitions
python -m corpus choose WORK            # what runs on an old side has to run on the new one
python -m corpus migrate CORPUS WORK    # rewrite the files; jobs for what they became
python -m corpus report WORK            # tables, as Markdown
"""

import argparse
import re
from pathlib import Path
from typing import Any

from portable_losses.codemod.verify.definitions import definitions, parse

from .report import report
from .results import read, results, write

# Packages that come with the old frameworks alone: code that needs one is not counted.
BOUND = re.compile(r"^\s*(from|import) (tensorflow_addons|tensorflow_probability)\b", re.MULTILINE)


def prepare(corpus: Path, work: Path) -> None:
    """Cut the definitions out of the files; one job for each, and the sources for either side."""
    jobs, unread = [], []
    for path in sorted(corpus.rglob("*.py")):
        file = str(path.relative_to(corpus))
        try:
            module = parse(path.read_bytes().decode("utf-8", "replace"))
        except ValueError as error:
            unread.append({"file": file, "reason": str(error)})
            continue
        for definition in definitions(module, plain=False):
            number = definition.number
            key = f"{file[:-3]}::{definition.name}" + (f"#{number}" if number > 1 else "")
            job = {
                "key": key,
                "file": file,
                "kind": path.parent.name,
                "name": definition.name,
                "methods": definition.methods,
                "trusted": True,
            }
            place = key.replace("/", "__").replace("::", "___")
            for side, text in (("old", definition.old), ("new", definition.compat)):
                source = work / "sources" / side / f"{place}.py"
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(text, encoding="utf-8")
            job["source"] = str(work / "sources" / "old" / f"{place}.py")
            job["place"] = place
            jobs.append(job)
    write(work / "jobs.json", jobs)
    write(work / "unread.json", unread)
    for side in ("graph", "eager"):
        folder = work / "records" / side
        folder.mkdir(parents=True, exist_ok=True)
        write(
            work / f"jobs_{side}.json",
            [job | {"record": str(folder / f"{job['place']}.npz")} for job in jobs],
        )
    print(f"{len(jobs)} definitions; {len(unread)} files do not parse")


def choose(work: Path) -> None:
    """The jobs of the new side: what runs on an old side, TF1's graph first for TF1 code."""
    found = {side: results(work, side) for side in ("graph", "eager")}
    jobs: list[dict[str, Any]] = []
    bound = 0
    for job in read(work / "jobs.json"):
        order = ("graph", "eager") if job["kind"].startswith("tf1") else ("eager", "graph")
        for side in order:
            if found[side].get(job["key"], {}).get("runs"):
                if BOUND.search(Path(job["source"]).read_text(encoding="utf-8")):
                    bound += 1
                    break
                record = work / "records" / side / f"{job['place']}.npz"
                source = work / "sources" / "new" / f"{job['place']}.py"
                jobs.append(job | {"record": str(record), "source": str(source), "side": side})
                break
    write(work / "jobs_new.json", jobs)
    print(f"{len(jobs)} definitions run on an old side; {bound} more need a package bound to it")


def _migrate(*folders: Path) -> None:
    from .migrate import migrate  # needs libcst

    migrate(*folders)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("prepare", "choose", "migrate", "report"))
    parser.add_argument("folders", nargs="+", type=Path)
    args = parser.parse_args()
    commands: dict[str, Any] = {
        "prepare": prepare,
        "choose": choose,
        "migrate": _migrate,
        "report": report,
    }
    commands[args.command](*args.folders)
