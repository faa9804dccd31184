"""`portable-losses migrate`: the rewrite for files, folders and notebooks.

Exit statuses are those of ruff and black: 0 if all went well (with `--check`: and nothing is to be
changed), 1 if `--check` found something to change or `--verify` other numbers, 2 if a file could
not be read, parsed or written, or the command line is wrong.
"""

import argparse
import difflib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from portable_losses.codemod import _files
from portable_losses.codemod._result import CHECK, NOTE, STOP

if TYPE_CHECKING:
    from portable_losses.codemod import _run

WOULD_CHANGE = DIFFERS = 1
ERROR = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="files (.py, .ipynb), folders, or - for stdin"
    )
    parser.add_argument(
        "--target",
        choices=("native", "compat"),
        default="native",
        help="native: keras.ops where the numbers stay, compat for the rest (default); compat: "
        "change imports alone",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="change the files (default: a diff)")
    mode.add_argument("--check", action="store_true", help="exit with 1 if a file would change")
    parser.add_argument("--json", action="store_true", help="the report as JSON, a line per file")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a report to read")
    parser.add_argument(
        "--notes", action="store_true", help="show notes too, not just what to read"
    )
    parser.add_argument(
        "--python2", action="store_true", help="convert Python 2 first (lib2to3 or fissix)"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="run old losses and metrics, and their rewrites, on inputs and compare values and "
        "gradients; exit with 1 if any differ, and do not write their file",
    )
    parser.add_argument(
        "--oracle",
        action="append",
        default=[],
        metavar="PYTHON",
        help="with --verify: a Python that has TensorFlow 1.15 or TensorFlow 2.15, whose numbers "
        "are then the measure (may be given twice)",
    )
    parser.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="processes (default: one per core)"
    )


Outcomes = Iterable["_run.Outcome"]


def run(
    arguments: argparse.Namespace,
    track: Callable[[Outcomes, int], Outcomes] = lambda o, total: o,
    backends: Sequence[str] = (),
) -> int:
    """Run the command and return its exit status. `track` may show how far it has come; `backends`
    are those that are installed."""
    from portable_losses.codemod import _html, _run  # late: the help needs no libcst

    if arguments.oracle and not arguments.verify:
        print("portable-losses: --oracle goes with --verify", file=sys.stderr)
        return ERROR
    write_now = arguments.write and not arguments.verify
    options = _run.Options(arguments.target, write_now, arguments.python2)
    if "-" in arguments.paths:
        if len(arguments.paths) > 1 or arguments.write:
            print("portable-losses: - stands alone, and without --write", file=sys.stderr)
            return ERROR
        outcomes: Outcomes = [_from_stdin(options)]
    else:
        paths = list(_files.find([Path(path) for path in arguments.paths]))
        found = _run.migrate_files(paths, options, arguments.jobs or _run.processors())
        outcomes = track(found, len(paths))
    if arguments.verify:
        try:
            outcomes = _verified(outcomes, arguments, backends)
        except _run.VerifyError as error:
            print(f"portable-losses: {error}", file=sys.stderr)
            return ERROR
    html = _html.Report(arguments.html) if arguments.html else None
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        _count(counts, outcome)
        _show(outcome, arguments)
        if html:
            html.add(outcome)
    if html:
        try:
            html.write(counts)
        except OSError as error:
            print(f"portable-losses: {arguments.html}: {error.strerror}", file=sys.stderr)
            counts["errors"] += 1
    _summary(counts, arguments)
    if counts["errors"]:
        return ERROR
    if counts["verified differs"]:
        return DIFFERS
    return WOULD_CHANGE if arguments.check and counts["changed"] else 0


def _verified(
    outcomes: Outcomes, arguments: argparse.Namespace, backends: Sequence[str]
) -> Iterator["_run.Outcome"]:
    """The outcomes with their verdicts; files without a definition that differs are written."""
    from portable_losses.codemod import _run

    def tell(message: str) -> None:
        if sys.stderr.isatty():
            print(f"verifying, {message}", file=sys.stderr)

    found = _run.verify(outcomes, backends, arguments.oracle, tell)
    ready = [arguments.write and o.changed and not o.differs for o in found]
    return (_run.write(o) if write else o for o, write in zip(found, ready, strict=True))


def _from_stdin(options: "_run.Options") -> "_run.Outcome":
    from portable_losses.codemod import _run

    raw = sys.stdin.buffer.read()
    try:
        text = _files.decode(raw, "-")
        path = "stdin.ipynb" if raw.lstrip().startswith(b"{") else "-"
        result = _run.migrate_text(text.source, path, options)
    except _files.FileError as error:
        return _run.Outcome("-", error=str(error))
    except ValueError as error:
        return _run.Outcome("-", error=f"-: {error}")
    changed = result.source != text.source
    old, new = (text.source, result.source) if changed else ("", "")
    return _run.Outcome(
        "-", changed, False, "", old, new, result.changes, result.findings, result.definitions
    )


def _count(counts: Counter[str], outcome: "_run.Outcome") -> None:
    counts["files"] += 1
    counts["errors"] += bool(outcome.error)
    counts["changed"] += outcome.changed
    counts["written"] += outcome.written
    counts.update(finding.severity for finding in outcome.findings)
    counts.update(f"definitions {word}" for word in outcome.definitions.values())
    counts.update(f"verified {verdict.status}" for verdict in outcome.verified)


def _show(outcome: "_run.Outcome", arguments: argparse.Namespace) -> None:
    if outcome.error:
        print(f"portable-losses: {outcome.error}", file=sys.stderr)
    if arguments.json:
        report = asdict(outcome)
        del report["old"], report["new"]
        print(json.dumps(report), flush=True)
        return
    if outcome.changed and arguments.check:
        print(f"would change {outcome.path}")
    elif outcome.written:
        print(f"changed {outcome.path}")
    elif outcome.changed and not arguments.write:
        sys.stdout.writelines(diff(outcome))
    elif outcome.changed:
        print(f"not changed, since it differs: {outcome.path}")
    for finding in outcome.findings:
        if finding.severity != NOTE or arguments.notes:
            where = f"{outcome.path}:{finding.place}"
            print(
                f"{where}: {finding.severity} [{finding.rule}] {finding.message}", file=sys.stderr
            )
    for verdict in outcome.verified:
        print(f"{outcome.path}:{verdict.place}: verify {verdict}", file=sys.stderr)


def diff(outcome: "_run.Outcome") -> Iterator[str]:
    """A patch, as `patch -p0` and `git apply -p0` take it."""
    before, after = (text.splitlines(keepends=True) for text in (outcome.old, outcome.new))
    for line in difflib.unified_diff(before, after, outcome.path, outcome.path):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _summary(counts: Counter[str], arguments: argparse.Namespace) -> None:
    verb = "changed" if arguments.write else "would change"
    number = counts["written"] if arguments.write else counts["changed"]
    parts = [f"{counts['files']} file{'s' * (counts['files'] != 1)}: {number} {verb}"]
    if counts["errors"]:
        parts.append(f"{counts['errors']} could not be read or written")
    kinds = [(word, counts[f"definitions {word}"]) for word in ("native", "compat", "flagged")]
    if any(number for _, number in kinds):
        words = {"native": "native", "compat": "through compat", "flagged": "to be read"}
        inner = ", ".join(f"{number} {words[word]}" for word, number in kinds if number)
        parts.append(f"functions and classes: {inner}")
    marks = [f"{counts[s]} {s}" for s in (STOP, CHECK, NOTE) if counts[s]]
    if marks:
        parts.append(f"findings: {', '.join(marks)}")
    if arguments.verify:
        agree, differ, left = (counts[f"verified {s}"] for s in ("agrees", "differs", "not run"))
        parts.append(f"verified: {agree} agree, {differ} differ, {left} not run")
    print("; ".join(parts) + ".", file=sys.stderr)
