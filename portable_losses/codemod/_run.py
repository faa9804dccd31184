"""One file from reading to writing, and many of them in several processes."""

import dataclasses
import functools
import multiprocessing
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portable_losses.codemod import _files
from portable_losses.codemod._engine import ParseError, rewrite
from portable_losses.codemod._notebook import rewrite_notebook
from portable_losses.codemod._python2 import to_python3
from portable_losses.codemod._result import Change, Finding, Result


@dataclass(frozen=True)
class Options:
    target: str = "native"
    write: bool = False
    python2: bool = False
    # What the other files of the run have that makes variables; see `rewrite`.
    elsewhere: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What happened to one file. `error` is set if it could not be done; it is as it was then."""

    path: str
    changed: bool = False
    written: bool = False
    error: str = ""
    old: str = ""
    new: str = ""
    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    definitions: dict[str, str] = field(default_factory=dict)


def migrate_text(source: str, path: str, options: Options) -> Result:
    """The result for a file's text, notebook or module.

    Raises:
        ValueError: if it is neither.
    """
    change = functools.partial(rewrite, target=options.target, elsewhere=options.elsewhere)
    if path.endswith(".ipynb"):
        return rewrite_notebook(source, change)
    try:
        return change(source)
    except ParseError:
        if not options.python2:
            raise
    return change(to_python3(source))


def migrate_file(path: Path, options: Options) -> Outcome:
    name = str(path)
    try:
        text = _files.read(path)
        result = migrate_text(text.source, name, options)
        changed = result.source != text.source
        if changed and options.write:
            _files.write(path, text, result.source)
    except _files.FileError as error:
        return Outcome(name, error=str(error))
    except (ValueError, RecursionError) as error:
        return Outcome(name, error=f"{name}: {error or 'nested too deeply'}")
    old, new = (text.source, result.source) if changed else ("", "")
    return Outcome(
        name,
        changed,
        changed and options.write,
        "",
        old,
        new,
        result.changes,
        result.findings,
        result.definitions,
    )


def migrate_files(paths: Sequence[Path], options: Options, jobs: int) -> Iterator[Outcome]:
    """The outcomes in the order of `paths`; at no time are there many of them in memory."""
    if len(paths) > 1:
        options = dataclasses.replace(options, elsewhere=makers(paths, options))
    one = functools.partial(migrate_file, options=options)
    jobs = min(jobs, len(paths) // 8 + 1)
    if jobs <= 1:
        yield from map(one, paths)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(one, paths, chunksize=8)


VARIABLES = re.compile(r"\bget_variable\b|\btf\.(?:\w+\.)*Variable\b")


def makers(paths: Sequence[Path], options: Options) -> dict[str, dict[str, str]]:
    """The functions that make variables of TensorFlow 1, by the modules' names without packages."""
    found: dict[str, dict[str, str]] = {}
    for path in paths:
        try:
            source = _files.read(path).source if path.suffix == ".py" else ""
            if VARIABLES.search(source):
                made = migrate_text(source, str(path), options).makers
                name = path.parent.name if path.stem == "__init__" else path.stem
                found.setdefault(name, {}).update(made)
        except (_files.FileError, ValueError, RecursionError):
            continue  # said when its turn comes
    return {name: made for name, made in found.items() if made}


def processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
