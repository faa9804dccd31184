"""`tf.flags`, `tf.app.flags` and `tf.app.run`: settings of a program from its command line."""

import argparse
import sys
from collections.abc import Callable
from typing import Any


class Flags:
    """`tf.flags.FLAGS`: the values, read from the command line when one is first asked for."""

    def __init__(self) -> None:
        self.__dict__["_defined"] = {}
        self.__dict__["_values"] = None
        self.__dict__["_rest"] = []

    def _define(self, name: str, default: Any, help: str | None, kind: Callable[..., Any]) -> None:
        self._defined[name] = (default, help, kind)
        self.__dict__["_values"] = None

    def __call__(self, argv: list[str], known_only: bool = False) -> list[str]:
        """Read the values from a command line; returns what is no flag of the program."""
        parser = argparse.ArgumentParser(allow_abbrev=False)
        for name, (default, help, kind) in self._defined.items():
            parser.add_argument(f"--{name}", f"-{name}", default=default, help=help, type=kind)
        found, rest = parser.parse_known_args([self._plain(x) for x in argv[1:]])
        self.__dict__["_values"] = vars(found)
        self.__dict__["_rest"] = [argv[0], *rest]
        return list(self._rest)

    def _plain(self, argument: str) -> str:
        """`--fast` and `--nofast` of a flag that is true or false, with its value."""
        name = argument.lstrip("-")
        for flag, value in ((name, True), (name.removeprefix("no"), False)):
            if argument[:1] == "-" and flag in self and self._defined[flag][2] is _boolean:
                return f"--{flag}={value}"
        return argument

    def _read(self) -> dict[str, Any]:
        if self._values is None:
            self(sys.argv)
        return dict(self._values)

    def flag_values_dict(self) -> dict[str, Any]:
        return self._read()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self._read()
        if name not in found:
            raise AttributeError(
                f"There is no flag {name!r}. The program defines {sorted(found)}; "
                f"tf.flags.DEFINE_string({name!r}, default, help) and its like define one."
            )
        return found[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self.__getattr__(name)
        self._values[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._defined

    def __iter__(self) -> Any:
        return iter(self._defined)


def _boolean(x: str) -> bool:
    if x.lower() in ("true", "t", "1", "yes", "y"):
        return True
    if x.lower() in ("false", "f", "0", "no", "n"):
        return False
    raise argparse.ArgumentTypeError(f"a flag that is true or false was given {x!r}")


def _list(x: str) -> list[str]:
    return [part.strip() for part in x.split(",")] if x else []


FLAGS = Flags()


def _definer(kind: Callable[..., Any]) -> Callable[..., None]:
    def define(name: str, default: Any = None, help: str | None = None, **_: Any) -> None:
        given = kind(default) if kind is _list and isinstance(default, str) else default
        FLAGS._define(name, given, help, kind)

    return define


DEFINE_string = _definer(str)
DEFINE_integer = _definer(int)
DEFINE_float = _definer(float)
DEFINE_boolean = DEFINE_bool = _definer(_boolean)
DEFINE_list = _definer(_list)


def DEFINE_enum(
    name: str, default: Any = None, enum_values: Any = (), help: str | None = None, **_: Any
) -> None:
    """`tf.flags.DEFINE_enum`: one of several strings."""

    def kind(x: str) -> str:
        if x not in enum_values:
            raise argparse.ArgumentTypeError(f"{x!r} is not one of {list(enum_values)}")
        return x

    FLAGS._define(name, default, help, kind)


def mark_flag_as_required(flag_name: str) -> None:
    """`tf.flags.mark_flag_as_required`: accepted; a flag that is not given is None."""


def run(main: Any = None, argv: list[str] | None = None) -> None:
    """`tf.app.run`: read the flags, run `main(argv)` and leave the program."""
    rest = FLAGS(argv or sys.argv)
    sys.exit((main or sys.modules["__main__"].main)(rest))
