"""The command `portable-losses`: `demo`, `list`, `migrate` and `doctor`.

Neither Keras nor a backend is imported here: `demo` first decides which backend it will be.
"""

import argparse
import dataclasses
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from portable_losses import __version__, _environment
from portable_losses._catalogue import CATALOGUE, Entry
from portable_losses.codemod import command as migrate_command

FAILED, USAGE, INTERRUPTED = 1, 2, 130
# What of the demo may be chosen. The parser knows of none: `--legacy` has to see what was given.
DEMO: dict[str, Any] = {"model": "cnn", "epochs": 30, "seed": 0}


class UsageError(Exception):
    """What the user asked for cannot be done as asked: one message, exit status 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (that of the process if None) and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot write is no reason to stop.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        arguments = _parser().parse_args(argv)
        status: int = arguments.command(arguments)
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # argparse, which has said why
        return int(stop.code or 0)
    except UsageError as error:
        print(f"portable-losses: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("portable-losses: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `portable-losses list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="portable-losses",
        description="Losses and metrics for Keras 3 on TensorFlow, JAX and PyTorch.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser(
        "demo",
        help="train with and without center loss; print a table and draw the embeddings",
        description="Train a small network with two features on real images of digits, once with "
        "softmax alone and once with softmax and center loss. Print a table of both and write "
        "embeddings.png and results.json. With --legacy, migrate an old program instead.",
    )
    demo.set_defaults(command=_run_demo)
    demo.add_argument(
        "--backend",
        choices=_environment.BACKENDS,
        help="what Keras runs on (default: KERAS_BACKEND, keras.json, or what is installed)",
    )
    demo.add_argument(
        "--model", choices=("cnn", "mlp"), help=f"the network (default: {DEMO['model']})"
    )
    demo.add_argument("--epochs", type=_epochs, metavar="N", help=f"default: {DEMO['epochs']}")
    demo.add_argument(
        "--seed", type=_seed, metavar="N", help=f"same seed, same table (default: {DEMO['seed']})"
    )
    demo.add_argument(
        "--out", type=Path, default=Path("demo"), metavar="DIR", help="default: ./%(default)s"
    )
    demo.add_argument(
        "--legacy",
        action="store_true",
        help="instead: migrate a program of TensorFlow 1, train it, and compare with what it gave "
        "on TensorFlow 1.15.5; takes no --model, --epochs or --seed: they are the program's",
    )

    catalogue = commands.add_parser(
        "list", help="what losses and metrics there are", description="What there is."
    )
    catalogue.set_defaults(command=_run_list)
    families = sorted({entry.family for entry in CATALOGUE})
    catalogue.add_argument(
        "--family",
        choices=families,
        metavar="FAMILY",
        help=f"only this family: {', '.join(families)}",
    )
    catalogue.add_argument("--json", action="store_true", help="everything known, as JSON")

    migrate = commands.add_parser(
        "migrate",
        help="rewrite TensorFlow 1 and Keras 2 losses and metrics for Keras 3",
        description="Rewrite TensorFlow 1 and Keras 2 losses and metrics for Keras 3, print what "
        "would change, and say what a person has to read. Files stay as they are without --write.",
    )
    migrate.set_defaults(command=_run_migrate)
    migrate_command.add_arguments(migrate)

    doctor = commands.add_parser(
        "doctor",
        help="what is installed, whether it works, and what to do if not",
        description="What is installed, which backends work (each is tried), and what to do about "
        "problems. The exit status is 1 if Keras cannot run on the backend it would use.",
    )
    doctor.set_defaults(command=_run_doctor)
    return parser


def _whole_number(text: str, low: int, high: float, what: str) -> int:
    try:
        if low <= int(text) <= high:
            return int(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected {what}, received {text!r}")


def _epochs(text: str) -> int:
    return _whole_number(text, 1, float("inf"), "a whole number of at least 1")


def _seed(text: str) -> int:
    return _whole_number(text, 0, 2**32 - 1, "a whole number from 0 to 4294967295")


# demo ---------------------------------------------------------------------------------------


def _run_demo(arguments: argparse.Namespace) -> int:
    given = {name: getattr(arguments, name) for name in DEMO}
    given = {name: value for name, value in given.items() if value is not None}
    if arguments.legacy and given:
        raise UsageError(
            f"--legacy takes no {', '.join(f'--{name}' for name in given)}: network, epochs and "
            "first weights are those of the program that was recorded on TensorFlow 1.15.5. Leave "
            "--legacy away for the demo that has them"
        )
    extras = ("demo", "migrate") if arguments.legacy else ("demo",)
    if missing := sorted({name for extra in extras for name in _environment.missing(extra)}):
        raise UsageError(
            f"the demo needs {', '.join(missing)}: "
            f"pip install 'portable-losses[{','.join(extras)}]'"
        )
    name, why = _choose_backend(arguments.backend)
    _require_writable(arguments.out)
    os.environ["KERAS_BACKEND"] = name
    for variable, value in (
        ("TF_CPP_MIN_LOG_LEVEL", "3"),
        ("TF_DETERMINISTIC_OPS", "1"),  # same seed, same table
        ("OMP_NUM_THREADS", "1"),  # PyTorch's threads cost more than they save on a small network
    ):
        os.environ.setdefault(variable, value)
    print(f"Backend: {name}, chosen by {why}.", flush=True)

    try:
        if arguments.legacy:
            from portable_losses import _demo_legacy

            return 0 if _demo_legacy.run(arguments.out)["same"] else FAILED
        from portable_losses import _demo
    except ImportError as error:
        raise UsageError(str(error)) from error
    _demo.run(arguments.out, **(DEMO | given))
    return 0


def _choose_backend(asked: str | None) -> tuple[str, str]:
    """The backend of the demo, and what chose it: unless told, one that is installed."""
    name, why = _environment.chosen_backend()
    if asked:
        name, why = asked, "--backend"
    installed = _environment.installed_backends()
    if not installed:
        extra = name if name in _environment.BACKENDS else "jax"
        raise UsageError(
            f"no backend is installed; install one: pip install 'portable-losses[{extra}]'"
        )
    if name not in installed:
        if not asked and not os.environ.get("KERAS_BACKEND"):
            return installed[0], "what is installed; --backend or KERAS_BACKEND choose another"
        if name in _environment.BACKENDS:
            problem, remedy = "not installed", f", or pip install 'portable-losses[{name}]'"
        else:
            problem, remedy = f"none of {', '.join(_environment.BACKENDS)}", ""
        raise UsageError(
            f"the backend {name!r}, chosen by {why}, is {problem}. Installed here: "
            f"{', '.join(installed)}. Use --backend {installed[0]}{remedy}"
        )
    keras = sys.modules.get("keras")
    if keras is not None and keras.config.backend() != name:
        raise UsageError(
            f"Keras already runs on {keras.config.backend()} in this process; start another one "
            f"to use {name}"
        )
    return name, why


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"cannot write to --out {folder}: {error.strerror}") from None


# list ---------------------------------------------------------------------------------------


def _run_list(arguments: argparse.Namespace) -> int:
    entries = [entry for entry in CATALOGUE if arguments.family in (None, entry.family)]
    if arguments.json:
        print(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2))
    elif sys.stdout.isatty() and _environment.is_installed("rich"):
        _print_rich(entries)
    else:
        _print_plain(entries)
    return 0


def _kind(entry: Entry) -> str:
    return "metric" if entry.metric else "loss with state" if entry.stateful else "loss"


def _print_plain(entries: list[Entry]) -> None:
    """Columns, of which nothing is cut."""
    rows = [("class", "function", "family", "kind", "paper")]
    rows += [(e.cls, e.name or "-", e.family, _kind(e), e.paper) for e in entries]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _print_rich(entries: list[Entry]) -> None:
    """A table that a terminal of 80 columns can hold: two lines for each entry."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    table.add_column("class\nfunction", no_wrap=True)
    table.add_column("family\nkind", no_wrap=True)
    table.add_column("paper")
    for entry in entries:
        table.add_row(
            Text.assemble((entry.cls, "bold"), f"\n{entry.name or ''}"),
            Text(f"{entry.family}\n{_kind(entry)}"),
            Text(entry.paper),
        )
    Console(highlight=False).print(table)


# migrate ------------------------------------------------------------------------------------


def _run_migrate(arguments: argparse.Namespace) -> int:
    if "libcst" in _environment.missing("migrate"):
        raise UsageError("migrate needs libcst: pip install 'portable-losses[migrate]'")
    return migrate_command.run(arguments, _track, _environment.installed_backends())


def _track(outcomes: Iterable[Any], total: int) -> Iterable[Any]:
    """A bar on stderr, for many files on a terminal."""
    if total < 50 or not sys.stderr.isatty() or not _environment.is_installed("rich"):
        return outcomes
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(outcomes, "migrating", total=total, console=console, transient=True)


# doctor -------------------------------------------------------------------------------------


def _run_doctor(arguments: argparse.Namespace) -> int:
    def show(what: str, found: str) -> None:
        print(f"{what:<16} {found}", flush=True)

    chosen, why = _environment.chosen_backend()
    show("python", platform.python_version())
    show("portable_losses", __version__)
    show("keras", _environment.version("keras") or "not installed")
    problems = []
    for name in dict.fromkeys((*_environment.BACKENDS, chosen)):
        version = _environment.version(name)
        error = ""
        if version or name == chosen:
            error = _import_error(None if name == chosen else name)
        if version:
            version += ", fails" if error else ", works"
        show(name, version or "not installed")
        if error:
            problems.append(f"{name}: {error}")
    show("KERAS_BACKEND", os.environ.get("KERAS_BACKEND") or "not set")
    file = _environment.keras_json()
    show("keras.json", f"{file}: backend {_environment.keras_json_backend() or 'not set'}")
    show("in use", f"{chosen}, chosen by {why}")
    for extra in _environment.EXTRAS:
        missing = _environment.missing(extra)
        remedy = f"missing {', '.join(missing)}: pip install 'portable-losses[{extra}]'"
        show(f"extra {extra}", remedy if missing else "installed")
    if problems:
        print("\nProblems:", *problems, sep="\n* ", file=sys.stderr)
    return FAILED if any(problem.startswith(f"{chosen}:") for problem in problems) else 0


def _import_error(backend: str | None) -> str:
    """Why the library cannot be used on a backend (the chosen one if None); "" if it can."""
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if backend is not None:
        env["KERAS_BACKEND"] = backend
    code = "import portable_losses.training, keras; keras.ops.convert_to_numpy(keras.ops.ones(1))"
    tried = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=env,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if tried.returncode == 0:
        return ""
    lines = tried.stderr.strip().splitlines() or [f"ended with status {tried.returncode}"]
    return lines[-1].removeprefix("ImportError: ")


if __name__ == "__main__":
    sys.exit(main())
