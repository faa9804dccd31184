"""What is asked whether it notices a fault, and which lines of the rules each of it runs.

Snippets and recorded calls compare text, in milliseconds. Another test of `tests/codemod` is run
only where what it rewrites comes out in another way.
"""

import contextlib
import functools
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from portable_losses import codemod
from portable_losses.codemod import rewrite, tables
from tests.codemod import test_mutation, test_snippets

TESTS = Path(test_snippets.__file__).parent
# Those of `test_calls.py` are asked one call at a time; the others rewrite little, or take long.
LEFT_OUT = ("test_calls", "test_mutation", "test_verify", "test_command")
# What snippets are asked for here already.
ASKED = "not becomes_after and not changes_nothing and not lines_of_windows"
PARTS = ("after", "findings", "definitions")


def modules() -> list[ModuleType]:
    return [m for name, m in sys.modules.items() if name.startswith(codemod.__name__)]


def clear_caches() -> None:
    """What a faulty function gave must not be remembered, nor what a whole one did."""
    for module in modules():
        for value in vars(module).values():
            ours = (getattr(value, "__module__", None) or "").startswith(codemod.__name__)
            if (
                ours
                and isinstance(value, functools._lru_cache_wrapper)
                and value.__module__ != tables.__name__
            ):
                value.cache_clear()


@dataclass(eq=False)
class Witness:
    name: str
    result: Callable[[], Any]  # what a fault may change
    expected: Any
    # Asked where the result is another one: whether a test fails for it.
    fails: Callable[[], bool] = lambda: True

    def notices(self) -> bool:
        try:
            same = self.result() == self.expected
        except Exception:
            return True
        return not same and self.fails()


class Witnesses:
    def __init__(self, files: set[str]) -> None:
        self.files = files
        self.of_line: dict[tuple[str, int], list[Witness]] = defaultdict(list)
        self.noticed: Counter[str] = Counter()
        self.all = [*_snippets(), *_calls(), *_tests()]
        for witness in self.all:
            for line in self._lines_of(witness):
                self.of_line[line].append(witness)

    def notice(self, file: str, lines: Iterable[int] | None) -> bool:
        asked = self.all
        if lines is not None:
            asked = list(dict.fromkeys(w for n in lines for w in self.of_line[file, n]))
        asked = sorted(asked, key=lambda witness: -self.noticed[witness.name])
        quick = [witness for witness in asked if not witness.name.startswith("test ")]
        for witness in (*quick, *(witness for witness in asked if witness not in quick)):
            if witness.notices():
                self.noticed[witness.name] += 1
                return True
        return False

    def _lines_of(self, witness: Witness) -> set[tuple[str, int]]:
        seen = set()

        def inside(frame: Any, event: str, arg: Any) -> Any:
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            return inside

        def enter(frame: Any, event: str, arg: Any) -> Any:
            return inside(frame, event, arg) if frame.f_code.co_filename in self.files else None

        clear_caches()  # or what is remembered would not be run
        sys.settrace(enter)
        try:
            if witness.result() != witness.expected:
                raise SystemExit(f"{witness.name} fails without a fault")
        finally:
            sys.settrace(None)
        return seen


def _snippets() -> Iterable[Witness]:
    """What a snippet's tests ask for: the text, and that a second rewrite changes nothing."""
    for name, snippet in test_snippets.SNIPPETS.items():
        source = functools.partial(_source, snippet)
        after, expected = snippet["after"], tuple(snippet[part] for part in PARTS)
        yield Witness(f"snippet {name}", functools.partial(_outcome, snippet), expected)
        yield Witness(f"again {name}", functools.partial(source, after, "native"), after)
        once = functools.partial(source, None, "compat")
        compat = once()
        # Without text of its own, all that is asked is that it stays.
        fails = functools.partial(_fails, snippet)
        yield Witness(f"compat {name}", once, compat, fails)
        yield Witness(f"compat again {name}", functools.partial(source, compat, "compat"), compat)


def _source(snippet: Mapping[str, str], text: str | None, target: str) -> str:
    return test_snippets.rewritten(snippet, text, target).source


def _fails(snippet: Mapping[str, str]) -> bool:
    compat = _source(snippet, None, "compat")
    return "compat" in snippet or _source(snippet, compat, "compat") != compat


def _outcome(snippet: Mapping[str, str]) -> tuple[str, ...]:
    result = test_snippets.rewritten(snippet)
    findings = "".join(f"{f.line} {f.severity} {f.rule}\n" for f in result.findings)
    definitions = "".join(f"{name} {word}\n" for name, word in result.definitions.items())
    return result.source, findings, definitions


def _calls() -> Iterable[Witness]:
    calls = test_mutation.Calls()
    every = {one[1]: one for of in calls.of.values() for one in of}
    for source, one in every.items():
        yield Witness(
            f"call {source.rpartition('return ')[2]}",
            lambda source=source: _text_and_findings(source),
            _text_and_findings(source),
            lambda one=one: not calls.is_right(*one),
        )


def _text_and_findings(source: str) -> tuple[Any, ...]:
    result = rewrite(source)
    return result.source, [(f.rule, f.severity) for f in result.findings]


class _Recorder:
    """What each test rewrites."""

    def __init__(self) -> None:
        self.given: dict[str, list[tuple[Any, ...]]] = defaultdict(list)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        def see(frame: Any, event: str, arg: Any) -> None:
            if event == "call" and frame.f_code is rewrite.__code__:
                values = frame.f_locals
                given = (values["source"], values["target"], values["elsewhere"])
                if given not in self.given[item.nodeid]:
                    self.given[item.nodeid].append(given)

        sys.setprofile(see)
        yield
        sys.setprofile(None)


def _tests() -> Iterable[Witness]:
    files = [str(p) for p in sorted(TESTS.glob("test_*.py")) if p.stem not in LEFT_OUT]
    recorder = _Recorder()
    if _pytest("-k", ASKED, *files, plugins=[recorder]):
        raise SystemExit("the tests of the codemod fail without a fault")
    for name, given in recorder.given.items():
        yield Witness(
            f"test {name}",
            lambda given=given: [_result(one) for one in given],
            [_result(one) for one in given],
            lambda name=name: _pytest(str(TESTS.parent.parent / name)) != 0,
        )


def _pytest(*args: str, plugins: Iterable[Any] = ()) -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *args], list(plugins)))


def _result(given: tuple[Any, ...]) -> Any:
    source, target, elsewhere = given
    try:
        return rewrite(source, target=target, elsewhere=elsewhere)
    except ValueError as error:
        return str(error)
