"""What ran, what agrees and why the rest does not, as Markdown; no text of the files."""

import collections
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import migrated
from .results import read, results

BACKENDS = ("tensorflow", "jax", "torch")
Result = dict[str, Any]

# Why a definition does not run, by the message; the first pattern that matches.
REASONS = (
    (r"No module named|relative import|compat\.keras2 has no (src|engine)", "{missing}"),
    (r"process ended|more time than is given", "takes too long, or ends the process"),
    (r"depends on values|data-dependent output", "the shape of a result depends on values"),
    (r"TracerBool|Data-dependent branching|as a Python `?bool", "Python's `if` on a tensor"),
    (
        r"only integers, slices|Concretization|static integers|TracerInteger",
        "a size that is traced",
    ),
    (r"object has no attribute '(get_shape|as_list|rank|ndims)'", "asks a tensor for `{0}`"),
    (r"compat\.(\w+) has no ([\w.]+)", "`compat.{0}` has no `{1}`"),
    (r"module '(?:portable_losses\.)?([\w.]+)' has no attribute '(\w+)'", "`{0}` has no `{1}`"),
    (r"(tf\.[\w.]+) is not among", "`{0}` is missing"),
    (r"^\w+: (Could not convert )?<tf\.Tensor '", "a node of a graph updates a `K.variable`"),
    (r"not an element of this graph", "the session is that of another graph"),
    (r"Segment id|has shape .* expected", "a size is the number of distinct values"),
    (r"numpy\(\) on Tensor that requires grad|ndarray attribute", "a NumPy array meets a tensor"),
    (r"Observed exception", "an error is raised while Dynamo traces"),
    (r"marked as skipped|Failed to|sourceless|fake tensor", "Dynamo does not trace an operation"),
    (r"specialized integer", "a size is a value of a tensor"),
    (r"'retval_' has dtype", "branches of an `if` have different dtypes"),
    (r"in-place operation", "`/=` and the like write into the caller's tensor"),
    (r"'(\w+)' object has no attribute '(\w+)'", "`{0}` has no attribute `{1}`"),
)


def report(work: Path) -> None:
    """Print the tables."""
    found = {backend: results(work, backend) for backend in BACKENDS}
    found = {backend: r for backend, r in found.items() if r}
    tables = [*_lines(work, found)] if found else []
    print("\n".join([*tables, "", *migrated.lines(work, BACKENDS)]))
    rewritten = {backend: results(work, f"rewritten_{backend}") for backend in BACKENDS}
    if any(rewritten.values()):
        print("\n".join(_reasons("rewrites that fail or differ", rewritten)))


def _reasons(title: str, found: dict[str, dict[str, Result]]) -> Iterator[str]:
    """How many results of each backend have which reason."""
    found = {backend: r for backend, r in found.items() if r}
    table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for backend, rs in found.items():
        table_of = (reason(result) or underived(result) for result in rs.values())
        for why in filter(None, table_of):
            table[why][backend] += 1
    yield f"| {title} | " + " | ".join(found) + " |"
    yield "|---|" + "--:|" * len(found)
    for why, counter in sorted(table.items(), key=lambda i: (-max(i[1].values()), i[0])):
        yield f"| {why} | " + " | ".join(str(counter[b]) for b in found) + " |"


def _lines(work: Path, found: dict[str, dict[str, Result]]) -> Iterator[str]:
    jobs, chosen = read(work / "jobs.json"), read(work / "jobs_new.json")
    kinds = sorted({job["kind"] for job in jobs})
    yield "| kind | definitions | run there | " + " | ".join(found) + " |"
    yield "|---|--:|--:|" + "--:|" * len(found)
    for kind in [*kinds, None]:
        here = [j for j in jobs if kind in (None, j["kind"])]
        run = [j["key"] for j in chosen if kind in (None, j["kind"])]
        cells = [_share([r for k in run if (r := rs.get(k))], len(run)) for rs in found.values()]
        name = kind or "all"
        yield f"| {name} | {len(here)} | {len(run)} | " + " | ".join(cells) + " |"
    yield ""
    yield "| of those that run there | " + " | ".join(found) + " |"
    yield "|---|" + "--:|" * len(found)
    run = [job["key"] for job in chosen]
    for name, test in MEASURES.items():
        counts = [sum(test(r) for k in run if (r := rs.get(k))) for rs in found.values()]
        yield f"| {name} | " + " | ".join(map(str, counts)) + " |"
    yield ""
    for title, test in TABLES.items():
        table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for backend, rs in found.items():
            for key in run:
                if (why := test(rs.get(key, {"error": "not run"}))) is not None:
                    table[why][backend] += 1
        yield f"| {title} | " + " | ".join(found) + " |"
        yield "|---|" + "--:|" * len(found)
        for why, counter in sorted(table.items(), key=lambda i: (-max(i[1].values()), i[0])):
            yield f"| {why} | " + " | ".join(str(counter[b]) for b in found) + " |"
        yield ""
    yield "| definition | why | where |"
    yield "|---|---|---|"
    for key in run:
        whys = {
            b: why for b, rs in found.items() if (why := reason(rs.get(key, {"error": "not run"})))
        }
        for why in sorted(set(whys.values())):
            where = [b for b in whys if whys[b] == why]
            file, name = key.split("/", 1)[1].split("::")
            yield f"| `{name}` of `{file}` | {why} | {', '.join(where)} |"


def executes(result: Result) -> bool:
    return bool(result.get("executes"))


def agrees(result: Result) -> bool:
    return executes(result) and not result["value"]


MEASURES: dict[str, Callable[[Result], bool]] = {
    "execute": executes,
    "of these through a graph, not on tensors": lambda r: r.get("road") == "graph",
    "same numbers": agrees,
    "gradient compared": lambda r: "gradient" in r,
    "same gradient": lambda r: r.get("gradient") == "",
    "compiled by the backend's tracer": lambda r: "compiled" in r,
    "same numbers when compiled": lambda r: r.get("compiled") == "",
}


def _share(found: list[Result], of: int) -> str:
    same = sum(map(agrees, found))
    return f"{sum(map(executes, found))} / {same} ({100 * same / of:.0f} %)" if of else "0"


def reason(result: Result) -> str | None:
    """Why a definition fails, in a few words; None if it agrees."""
    if agrees(result):
        return None
    if executes(result):
        return _words(result["value"])
    error = result["error"]
    return _words(error if isinstance(error, str) else f"{error['type']}: {error['text']}")


def untraced(result: Result) -> str | None:
    """Why a definition that agrees does not when it is compiled."""
    return _words(result["compiled"]) if agrees(result) and result.get("compiled") else None


def underived(result: Result) -> str | None:
    """Why a definition that agrees has another gradient, or none."""
    return _words(result["gradient"]) if agrees(result) and result.get("gradient") else None


TABLES = {
    "does not execute, or differs": reason,
    "has another gradient, or none": underived,
    "is not compiled": untraced,
}


def _words(text: str) -> str:
    for pattern, words in REASONS:
        if match := re.search(pattern, text):
            if words == "{missing}":
                module = re.search(r"No module named '([\w]+)", text)
                return f"needs `{module[1]}`" if module else "needs another module of its project"
            return words.format(*match.groups())
    return "other: " + re.sub(r"[|`]", "", text)[:80]
