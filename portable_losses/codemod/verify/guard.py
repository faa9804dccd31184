"""What a definition may import and use while it is run. No sandbox: it keeps accidents out.

Runs on Python 3.7 too.
"""

from __future__ import annotations

import builtins
from typing import Any

# Modules that compute. Any other import gives a stub.
ALLOWED = frozenset(
    "tensorflow keras numpy portable_losses tensorflow_addons math cmath numbers fractions decimal"
    " functools itertools operator collections abc typing typing_extensions types enum dataclasses"
    " copy re string warnings random statistics six __future__".split()
)
# Functions of Python that reach outside, or run text.
FORBIDDEN = ("open", "exec", "eval", "compile", "input", "breakpoint", "exit", "quit", "help")


class NotAvailable(Exception):
    """A definition uses what is not there while it is verified."""


class Stub:
    """Stands for what is not imported or not computed. It may be named; using it is an error."""

    __all__ = ()  # `from it import *` gives nothing

    def __init__(self, why: str) -> None:
        self.__dict__["_why"] = why

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub(self._why)

    def _use(self, *args: Any, **named: Any) -> Any:
        raise NotAvailable(self._why)


for _name in (
    "call getitem setitem iter len bool contains enter mro_entries float int index array"
    " add radd sub rsub mul rmul truediv rtruediv pow rpow neg lt gt le ge setattr"
).split():
    setattr(Stub, f"__{_name}__", Stub._use)


def module_not_imported(name: str) -> Stub:
    return Stub(f"needs `{name}`, which is not imported here")


def not_computed(name: str, line: int) -> Stub:
    """For a name that the module computes: its code is not run."""
    return Stub(f"needs `{name}`, which line {line} computes: code of the module is not run")


def _import(
    name: str, scope: Any = None, local: Any = None, names: Any = (), level: int = 0
) -> Any:
    if level:
        return module_not_imported("." * level + name)
    if name.split(".")[0] not in ALLOWED:
        return module_not_imported(name)
    return __import__(name, scope, local, names or (), 0)


def namespace() -> dict[str, Any]:
    """What a guarded definition finds in place of Python's own names, and our stubs."""
    own = dict(vars(builtins))
    for name in FORBIDDEN:
        own[name] = Stub(f"needs `{name}`, which is not given to it here")
    own["__import__"] = _import
    return {"__builtins__": own, "_not_computed": not_computed}
