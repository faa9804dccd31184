"""Faults in the statements of the rules, one at a time, and which of them no test notices.

python -m mutation              # all
python -m mutation top_k _calls # these rules, or modules beside them

Exit code 1 if a fault is not noticed that `tests/codemod/harmless_faults.txt` does not name, or if
one that it names is.
"""

import __future__

import argparse
import ast
import contextlib
import copy
import importlib
import inspect
import pkgutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT))  # for `tests`; at the end, so that an installed package is what is asked

# E402: what follows is found by that path.
from portable_losses import codemod  # noqa: E402
from portable_losses.codemod import rules  # noqa: E402

from .asked import Witnesses, clear_caches, modules  # noqa: E402
from .faults import Fault, faults, of_constants  # noqa: E402

BESIDE = ("_calls", "_conditions", "_scope", "_imports", "_context", "_formula", "_moved")
HARMLESS = ROOT / "tests" / "codemod" / "harmless_faults.txt"
SECONDS = 20  # for one fault: a loop that it makes endless


@dataclass(frozen=True)
class Place:
    """Where a fault is put: a function, or a module's constant."""

    module: ModuleType
    name: str
    fault: Fault
    tree: ast.FunctionDef | None = None
    function: FunctionType | None = None
    around: ast.ClassDef | None = None

    @property
    def key(self) -> str:
        return f"{self.module.__name__.rpartition('.')[2]} {self.name}: {self.fault}"

    def __str__(self) -> str:
        path = Path(self.module.__file__ or "")
        line = self.fault.lines[0]
        written = path.read_text().splitlines()[line - 1].strip()
        where = f"portable_losses/codemod/{path.relative_to(Path(codemod.__file__).parent)}"
        return f"{where}:{line}: {written}\n    {self.key}"

    @contextlib.contextmanager
    def faulty(self) -> Iterator[None]:
        self.fault.put()
        put: list[tuple[Any, str, Any]] = []
        try:
            if self.function and self.tree:
                code = _code(self.module, self.tree, self.around)
                put = [(self.function, "__code__", self.function.__code__)]
                self.function.__code__ = code
            else:
                put = self._constant()
            clear_caches()
            yield
        finally:
            self.fault.take_out()
            for owner, name, value in put:
                setattr(owner, name, value)
            clear_caches()

    def _constant(self) -> list[tuple[Any, str, Any]]:
        """Another collection, in each module that has it."""
        tree = ast.fix_missing_locations(ast.Expression(copy.deepcopy(self.fault.new)))
        new = eval(compile(tree, "fault", "eval"), vars(self.module))
        old = getattr(self.module, self.name)
        new = type(old)(new)
        put = [(m, n, old) for m in modules() for n, v in vars(m).items() if v is old]
        for module, name, _ in put:
            setattr(module, name, new)
        return put


def _code(module: ModuleType, tree: ast.FunctionDef, around: ast.ClassDef | None) -> CodeType:
    """The code of a function, made as it is made in its module."""
    made: Any = copy.copy(tree)
    made.decorator_list = []
    if around:
        made = ast.ClassDef(around.name, around.bases, around.keywords, [made], [])
    scope = dict(vars(module))
    file = module.__file__ or ""
    made = ast.fix_missing_locations(ast.Module([made], []))
    # So that an annotation is only text.
    flags = __future__.annotations.compiler_flag
    exec(compile(made, file, "exec", flags, dont_inherit=True), scope)
    found = vars(scope[around.name])[tree.name] if around else scope[tree.name]
    code: CodeType = found.__code__
    return code


def places(module: ModuleType) -> Iterator[Place]:
    tree = ast.parse(Path(module.__file__ or "").read_text())
    for name, fault in of_constants(tree):
        if isinstance(getattr(module, name), tuple | list | set | dict):
            yield Place(module, name, fault)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield from _of(module, node.name, getattr(module, node.name), node)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    found = vars(getattr(module, node.name))[inner.name]
                    yield from _of(module, f"{node.name}.{inner.name}", found, inner, node)


def _of(
    module: ModuleType,
    name: str,
    found: Any,
    tree: ast.FunctionDef,
    around: ast.ClassDef | None = None,
) -> Iterator[Place]:
    found = found.fget if isinstance(found, property) else inspect.unwrap(found)
    for fault in faults(tree):
        yield Place(module, name, fault, tree, found, around)


def harmless() -> dict[str, str]:
    """Faults that change nothing that matters, and why."""
    lines = HARMLESS.read_text().splitlines() if HARMLESS.exists() else []
    found, why = {}, ""
    for line in lines:
        if line.startswith("# "):
            why = line[2:]
        elif line:
            found[line] = why
    return found


def _too_long(*_: object) -> None:
    raise TimeoutError


def main() -> int:
    names = [found.name for found in pkgutil.iter_modules(rules.__path__)]
    parser = argparse.ArgumentParser(prog="mutation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rules", nargs="*", metavar="RULE", help="one or more, else all")
    wanted = parser.parse_args().rules or [*names, *BESIDE]
    if unknown := set(wanted) - {*names, *BESIDE}:
        parser.error(f"no rule {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = [
        importlib.import_module(f"{rules.__name__ if n in names else codemod.__name__}.{n}")
        for n in wanted
    ]
    witnesses = Witnesses({module.__file__ or "" for module in chosen})
    known, left, unused = harmless(), 0, 0
    signal.signal(signal.SIGALRM, _too_long)
    for module in chosen:
        started, count, found, used = time.perf_counter(), 0, [], set()
        for place in places(module):
            count += 1
            # A constant is read where its name is, which may be in another module.
            lines = place.fault.lines if place.function else None
            with place.faulty():
                signal.alarm(SECONDS)
                try:
                    noticed = witnesses.notice(module.__file__ or "", lines)
                except TimeoutError:
                    noticed = True
                finally:
                    signal.alarm(0)
            if not noticed and place.key in known:
                used.add(place.key)
            elif not noticed:
                found.append(str(place))
        short = module.__name__.rpartition(".")[2]
        stale = [key for key in known if key.startswith(f"{short} ") and key not in used]
        took = time.perf_counter() - started
        print(
            f"{short}: {count} faults, {len(found)} not noticed, {len(used)} harmless, {took:.0f} s"
        )
        print("".join(f"{text}\n" for text in found), end="")
        print("".join(f"noticed or gone, but called harmless: {key}\n" for key in stale), end="")
        sys.stdout.flush()
        left, unused = left + len(found), unused + len(stale)
    return 1 if left or unused else 0


if __name__ == "__main__":
    raise SystemExit(main())
