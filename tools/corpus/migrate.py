"""What `portable-losses migrate` makes of the files, and the jobs that prove it."""

import collections
from pathlib import Path
from typing import Any

from portable_losses.codemod import ParseError, Result, rewrite
from portable_losses.codemod._python2 import to_python3
from portable_losses.codemod._result import STOP
from portable_losses.codemod.verify.definitions import cut, parse

from .results import read, write


def migrate(corpus: Path, work: Path) -> None:
    """Rewrite every file; a job for each rewritten definition whose old form runs somewhere."""
    jobs = {job["key"]: job for job in read(work / "jobs_new.json")}
    of_file = collections.defaultdict(list)
    for job in read(work / "jobs.json"):
        of_file[job["file"]].append(job)
    rows, todo = [], []
    for path in sorted(corpus.rglob("*.py")):
        file = str(path.relative_to(corpus))
        text = path.read_bytes().decode("utf-8", "replace").lstrip("\ufeff")
        row: dict[str, Any] = {"file": file, "definitions": {}}
        rows.append(row)
        try:
            result = _rewritten(text)
            row["again"] = rewrite(result.source).changed
        except ValueError as error:
            row["unread"] = str(error)
            continue
        except Exception as error:
            row["crash"] = f"{type(error).__name__}: {error}"
            continue
        row["stops"] = sum(finding.severity == STOP for finding in result.findings)
        module = parse(result.source)
        for job in of_file[file]:
            row["definitions"][job["key"]] = result.definitions.get(job["name"], "unchanged")
            number = int(job["key"].partition("#")[2] or 1)
            source = cut(module, job["name"], number)
            if source is not None and job["key"] in jobs:
                place = work / "sources" / "rewritten" / f"{job['place']}.py"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(source, encoding="utf-8")
                todo.append(jobs[job["key"]] | {"source": str(place), "trusted": False})
    write(work / "migrated.json", rows)
    write(work / "jobs_rewritten.json", todo)
    print(f"{len(rows)} files; {len(todo)} rewritten definitions to compare")


def _rewritten(text: str) -> Result:
    try:
        return rewrite(text)
    except ParseError:
        return rewrite(to_python3(text))
