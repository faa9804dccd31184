"""One file from reading to writing, and many of them in several processes."""

import contextlib
import functools
import gc
import multiprocessing
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from portable_losses.codemod import _files
from portable_losses.codemod._engine import ParseError, rewrite
from portable_losses.codemod._modules import Modules
from portable_losses.codemod._notebook import BREAKS, code_of, place_of, rewrite_notebook
from portable_losses.codemod._python2 import to_python3
from portable_losses.codemod._result import Change, Finding, Layer, Result
from portable_losses.codemod.verify import check

VerifyError = check.VerifyError


@dataclass(frozen=True)
class Options:
    target: str = "native"
    write: bool = False
    python2: bool = False
    # What the files of the run have that makes variables.
    modules: Modules = field(default_factory=Modules)
    # Those of them, by the file's path, that other files name: they stay for these.
    called: Mapping[str, Collection[str]] = field(default_factory=dict)


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
    verified: list[check.Verdict] = field(default_factory=list)
    layers: dict[str, Layer] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """Whether a definition was found to give other numbers than before."""
        return any(verdict.status == check.DIFFERS for verdict in self.verified)


def migrate_text(source: str, path: str, options: Options) -> Result:
    """The result for a file's text, notebook or module.

    Raises:
        ValueError: if it is neither.
    """
    elsewhere = options.modules.seen_from(Path(path))
    change = functools.partial(
        rewrite, target=options.target, elsewhere=elsewhere, called=options.called.get(path, ())
    )
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
    # A tree of a hundred thousand nodes is made and dropped: looking for cycles meanwhile takes a
    # tenth of the time.
    collects = gc.isenabled()
    gc.disable()
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
    except Exception as error:  # a fault of a rule must not stop the others
        return Outcome(name, error=f"{name}: a fault of ours: {type(error).__name__}: {error}")
    finally:
        if collects:
            gc.enable()
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
        layers=result.layers,
    )


def migrate_files(paths: Sequence[Path], options: Options, jobs: int) -> Iterator[Outcome]:
    """The outcomes in the order of `paths`; at no time are there many of them in memory."""
    jobs = min(jobs, len(paths) // 8 + 1)
    if jobs <= 1:
        yield from _all(paths, options, map)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from _all(paths, options, functools.partial(pool.imap, chunksize=8))


def _all(paths: Sequence[Path], options: Options, each: Any) -> Iterator[Outcome]:
    if len(paths) > 1:
        made = list(each(functools.partial(_makers, options=options), paths))
        called = _called(paths, made)
        options = replace(options, modules=_modules(paths, made), called=called)
    yield from each(functools.partial(migrate_file, options=options), paths)


def _called(paths: Sequence[Path], made: Sequence[Mapping[str, str]]) -> dict[str, frozenset[str]]:
    """What each file has that makes variables and that another file names."""
    names = {name for found in made for name in found}
    words: list[set[str]] = []
    for path in paths if names else ():
        text = ""
        with contextlib.suppress(_files.FileError):
            text = _files.read(path).source
        words.append(names.intersection(re.findall(r"\w+", text)))
    found = {}
    for n, path in enumerate(paths) if names else ():
        others = set().union(*words[:n], *words[n + 1 :])
        if here := others & made[n].keys():
            found[str(path)] = frozenset(here)
    return found


class _Everything(frozenset[str]):
    def __contains__(self, name: object) -> bool:
        return True


VARIABLES = re.compile(r"\bget_variable\b|\btf\.(?:\w+\.)*Variable\b")


def _modules(paths: Sequence[Path], made: list[Mapping[str, str]]) -> Modules:
    """Where such functions can be imported from: packages that import them too."""
    packages = [n for n, path in enumerate(paths) if path.name == "__init__.py"]
    while True:
        modules, grown = Modules.of(paths, made), False
        for n in packages if modules.made else ():
            with contextlib.suppress(_files.FileError, SyntaxError, ValueError, RecursionError):
                passed = modules.passed_on(paths[n], _files.read(paths[n]).source)
                grown |= not passed.keys() <= made[n].keys()
                made[n] = {**passed, **made[n]}
        if not grown:
            return modules


def _makers(path: Path, options: Options) -> Mapping[str, str]:
    """The functions of a file that make variables of TensorFlow 1."""
    try:
        source = _files.read(path).source
        options = replace(options, called={str(path): _Everything()})
        return migrate_text(source, str(path), options).makers if VARIABLES.search(source) else {}
    except Exception:  # said when its turn comes
        return {}


def verify(
    outcomes: Iterable[Outcome],
    backends: Sequence[str],
    oracles: Sequence[str],
    tell: Callable[[str], None],
) -> list[Outcome]:
    """The outcomes with a verdict on each loss and metric of the files that change.

    Raises:
        check.VerifyError: if nothing can be verified.
    """
    outcomes = list(outcomes)
    files = [(o.path, _code(o, o.old), _code(o, o.new)) for o in outcomes if o.changed]
    layers = {outcome.path: outcome.layers for outcome in outcomes if outcome.layers}
    found = check.verify(files, backends, oracles, tell=tell, layers=layers)
    for path, old, _ in files:
        if BREAKS.match(old):
            place = place_of(old)
            found[path] = [
                _in_cell(verdict, *place(verdict.line)) for verdict in found.get(path, [])
            ]
    return [replace(o, verified=found.get(o.path, [])) for o in outcomes]


def _code(outcome: Outcome, text: str) -> str:
    notebook = outcome.path.endswith(".ipynb") or (
        outcome.path == "-" and text.lstrip().startswith("{")
    )
    return code_of(text) if notebook else text


def _in_cell(verdict: check.Verdict, cell: int, line: int) -> check.Verdict:
    return replace(verdict, cell=cell, line=line)


def write(outcome: Outcome) -> Outcome:
    """Write what a rewrite gave, unless the file is another one by now."""
    try:
        text = _files.read(Path(outcome.path))
        if text.source != outcome.old:
            raise _files.FileError(f"{outcome.path}: has changed since it was read")
        _files.write(Path(outcome.path), text, outcome.new)
    except _files.FileError as error:
        return replace(outcome, changed=False, error=str(error), old="", new="")
    return replace(outcome, written=True)


def processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
