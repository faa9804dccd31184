"""What `portable-losses migrate` makes of the files, and the jobs that prove it."""

import ast
import collections
import dataclasses
import re
from pathlib import Path
from typing import Any

from portable_losses.codemod import ParseError, Result, rewrite
from portable_losses.codemod._python2 import to_python3
from portable_losses.codemod._result import NOTE, STOP
from portable_losses.codemod.verify.definitions import Definition, cut, definitions, parse

from .results import read, write

# What is not native in the source of a definition with the imports that it needs.
ELSEWHERE = re.compile(
    r"^\s*(?:from|import) (?:tensorflow|portable_losses\.compat import (?:tf1|K|keras2))\b", re.M
)


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
        stops = [finding.line for finding in result.findings if finding.severity == STOP]
        row["stops"], row["stopped"] = len(stops), 0
        before, after = definitions(parse(text), plain=False), parse(result.source)
        for job, definition in zip(of_file[file], before, strict=True):
            layer = result.layers.get(definition.name)
            source = cut(after, definition.name, definition.number)
            if layer is not None:
                source = cut(after, layer.name, 1)
            row["definitions"][job["key"]] = _word(definition, result, source)
            row["stopped"] += _touches(definition, stops)
            if source is not None and job["key"] in jobs:
                place = work / "sources" / "rewritten" / f"{job['place']}.py"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(source, encoding="utf-8")
                more = {} if layer is None else {"layer": dataclasses.asdict(layer)}
                todo.append(jobs[job["key"]] | {"source": str(place), "trusted": False} | more)
    write(work / "migrated.json", rows)
    write(work / "jobs_rewritten.json", todo)
    print(f"{len(rows)} files; {len(todo)} rewritten definitions to compare")


def _word(definition: Definition, result: Result, source: str | None) -> str:
    """What became of a definition with all that it needs: the worst of it."""
    lines = [finding.line for finding in result.findings if finding.severity != NOTE]
    if _touches(definition, lines):
        stops = [finding.line for finding in result.findings if finding.severity == STOP]
        runs = source is not None and not _touches(definition, stops)
        return "read" if runs and not ELSEWHERE.search(source or "") else "flagged"
    names = {node.name for node in ast.parse(definition.old).body if hasattr(node, "name")}
    words = {result.definitions.get(name) for name in names}
    return next((word for word in ("compat", "native") if word in words), "unchanged")


def _touches(definition: Definition, lines: list[int]) -> bool:
    return any(first <= line <= last for line in lines for first, last in definition.spans)


def _rewritten(text: str) -> Result:
    try:
        return rewrite(text)
    except ParseError:
        return rewrite(to_python3(text))
