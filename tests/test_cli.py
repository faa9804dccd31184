"""The command line: what it prints where, its exit statuses, and which backend it takes."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

import keras
import pytest

import portable_losses
from portable_losses import _demo, _environment, cli
from portable_losses._catalogue import CATALOGUE

BACKEND = keras.config.backend()
COMMAND = [sys.executable, "-P", "-m", "portable_losses.cli"]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What the command sets for itself is gone after the test."""
    monkeypatch.setenv("KERAS_BACKEND", BACKEND)
    for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_DETERMINISTIC_OPS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        if not os.environ[name]:
            monkeypatch.delenv(name)


@pytest.fixture
def demo(monkeypatch, tmp_path):
    """`demo(*options)` gives the exit status, without training; `demo.calls` what would run."""

    def call(*options):
        return cli.main(["demo", "--out", str(tmp_path / "out"), *options])

    call.calls = []
    monkeypatch.setattr(_demo, "run", lambda out, **options: call.calls.append((out, options)))
    return call


def process(*arguments, **environ):
    return subprocess.run(
        [*COMMAND, *arguments], env=os.environ | environ, capture_output=True, text=True
    )


# The parser -------------------------------------------------------------------------------------


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"portable-losses {portable_losses.__version__}\n"


@pytest.mark.parametrize("command", [[], ["demo"], ["list"], ["doctor"]])
def test_help(command, capsys):
    assert cli.main([*command, "--help"]) == 0
    assert "usage: portable-losses" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: command"),
        (["train"], "invalid choice: 'train'"),
        (["demo", "--epochs", "0"], "--epochs: expected a whole number of at least 1"),
        (["demo", "--epochs", "-3"], "--epochs: expected a whole number of at least 1"),
        (["demo", "--epochs", "many"], "received 'many'"),
        (["demo", "--seed", "-1"], "--seed: expected a whole number from 0"),
        (["demo", "--seed", str(2**32)], "--seed: expected a whole number from 0"),
        (["demo", "--model", "rnn"], "--model: invalid choice: 'rnn'"),
        (["demo", "--backend", "pytorch"], "--backend: invalid choice: 'pytorch'"),
        (["list", "--family", "nope"], "--family: invalid choice: 'nope'"),
    ],
)
def test_what_cannot_be_asked_for(arguments, message, capsys):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err and not captured.out


# demo -------------------------------------------------------------------------------------------


def test_the_demo_is_run_as_asked(demo, tmp_path, capsys):
    assert demo("--epochs", "7", "--seed", "3", "--model", "mlp") == 0
    assert demo.calls == [(tmp_path / "out", {"model": "mlp", "epochs": 7, "seed": 3})]
    assert (tmp_path / "out").is_dir()
    expected = f"Backend: {BACKEND}, chosen by the environment variable KERAS_BACKEND.\n"
    assert capsys.readouterr().out == expected


def test_the_demo_without_options_is_the_one_that_the_help_states(demo, tmp_path, capsys):
    assert demo() == 0
    assert demo.calls == [(tmp_path / "out", {"model": "cnn", "epochs": 30, "seed": 0})]
    capsys.readouterr()
    cli.main(["demo", "--help"])
    stated = re.findall(r"\(?default:\s+(\w+)", capsys.readouterr().out)
    assert stated[-3:] == ["cnn", "30", "0"]


def test_backend_beats_the_environment(demo, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "pytorch")
    assert demo("--backend", BACKEND) == 0
    assert capsys.readouterr().out == f"Backend: {BACKEND}, chosen by --backend.\n"
    assert os.environ["KERAS_BACKEND"] == BACKEND


def test_an_installed_backend_is_taken_rather_than_failing(demo, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text('{"backend": "openvino"}')
    monkeypatch.setattr(_environment, "installed_backends", lambda: [BACKEND])
    assert demo() == 0
    assert capsys.readouterr().out.startswith(f"Backend: {BACKEND}, chosen by what is installed")


@pytest.mark.parametrize("name", ["pytorch", "numpy"])
def test_a_backend_that_cannot_train(demo, monkeypatch, name, capsys):
    monkeypatch.setenv("KERAS_BACKEND", name)
    assert demo() == 2 and not demo.calls
    error = capsys.readouterr().err
    assert repr(name) in error and "KERAS_BACKEND" in error and "--backend" in error


def test_a_backend_that_is_not_installed(demo, monkeypatch, capsys):
    absent = next(name for name in _environment.BACKENDS if name != BACKEND)
    monkeypatch.setattr(_environment, "installed_backends", lambda: [BACKEND])
    assert demo("--backend", absent) == 2 and not demo.calls
    error = capsys.readouterr().err
    assert f"Installed here: {BACKEND}" in error
    assert f"pip install 'portable-losses[{absent}]'" in error


def test_no_backend_is_installed(demo, monkeypatch, capsys):
    monkeypatch.setattr(_environment, "installed_backends", list)
    assert demo() == 2 and not demo.calls
    assert f"pip install 'portable-losses[{BACKEND}]'" in capsys.readouterr().err


def test_keras_already_runs_on_another_backend(demo, monkeypatch, capsys):
    other = next(name for name in _environment.BACKENDS if name != BACKEND)
    monkeypatch.setattr(_environment, "installed_backends", lambda: list(_environment.BACKENDS))
    assert demo("--backend", other) == 2 and not demo.calls
    assert f"Keras already runs on {BACKEND}" in capsys.readouterr().err


def test_missing_extras_are_named_in_one_line(demo, monkeypatch, capsys):
    monkeypatch.setattr(_environment, "missing", lambda extra: ["matplotlib", "rich"])
    assert demo() == 2 and not demo.calls
    (line,) = capsys.readouterr().err.splitlines()
    assert "matplotlib, rich: pip install 'portable-losses[demo]'" in line


def test_out_that_cannot_be_written(demo, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert demo("--out", str(out)) == 2 and not demo.calls
        assert f"cannot write to --out {out}" in capsys.readouterr().err


def test_interrupted(demo, monkeypatch, capsys):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(_demo, "run", interrupt)
    assert demo() == 130
    assert capsys.readouterr().err == "portable-losses: interrupted\n"


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for one process on Windows")
def test_control_c_while_training(tmp_path):
    options = ["demo", "--epochs", "10000", "--model", "mlp", "--out", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell starts what it runs in the background with Control-C ignored, and that is inherited.
    listen = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL)"
    listen = [sys.executable, "-c", f"{listen}; os.execv(sys.argv[1], sys.argv[1:])"]
    with subprocess.Popen([*listen, *COMMAND, *options], **pipes) as running:
        while "training and" not in (line := running.stdout.readline()):
            assert line, running.stderr.read()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert errors.splitlines()[-1] == "portable-losses: interrupted"
    assert not list(tmp_path.iterdir())


# list -------------------------------------------------------------------------------------------


def test_list_names_everything_in_columns(capsys):
    assert cli.main(["list"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["class", "function", "family", "kind", "paper"]
    assert len(lines) == len(CATALOGUE)
    for entry, line in zip(CATALOGUE, lines, strict=True):
        assert line.split()[:3] == [entry.cls, entry.name or "-", entry.family]
        assert line.endswith(entry.paper)


def test_list_a_family_as_json(capsys):
    assert cli.main(["list", "--family", "center", "--json"]) == 0
    expected = [asdict(entry) for entry in CATALOGUE if entry.family == "center"]
    assert json.loads(capsys.readouterr().out) == expected


def test_list_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["list"]) == 0
    printed = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert all(entry.cls in printed and (entry.name or "") in printed for entry in CATALOGUE)
    assert max(map(len, printed.splitlines())) <= 80


def test_list_where_names_cannot_be_written():
    found = process("list", PYTHONIOENCODING="ascii")
    assert found.returncode == 0 and not found.stderr


# doctor -----------------------------------------------------------------------------------------


@pytest.fixture
def doctor(monkeypatch, tmp_path, capsys):
    """`doctor(broken, **environ)` gives exit status, report and errors; `broken` fail to import."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    installed = {"jax": "0.10", "torch": "2.13", "keras": "3.15", "numpy": "2.4"}
    monkeypatch.setattr(_environment, "version", installed.get)
    monkeypatch.setattr(_environment, "missing", lambda extra: ["rich"] * (extra == "demo"))

    def call(*broken, chosen):
        monkeypatch.setenv("KERAS_BACKEND", chosen)
        monkeypatch.setattr(
            cli, "_import_error", lambda name: "why" if (name or chosen) in broken else ""
        )
        status = cli.main(["doctor"])
        captured = capsys.readouterr()
        report = {line[:16].strip(): line[17:] for line in captured.out.splitlines()}
        return status, report, captured.err

    return call


def test_doctor_finds_all_well(doctor, tmp_path):
    status, report, errors = doctor(chosen="jax")
    assert status == 0 and not errors
    assert report["jax"] == "0.10, works" and report["tensorflow"] == "not installed"
    assert report["KERAS_BACKEND"] == "jax"
    assert report["keras.json"] == f"{tmp_path / 'keras.json'}: backend not set"
    assert report["extra demo"] == "missing rich: pip install 'portable-losses[demo]'"
    assert report["extra plot"] == "installed"


def test_doctor_finds_the_chosen_backend_broken(doctor):
    status, report, errors = doctor("torch", chosen="torch")
    assert status == 1 and report["torch"] == "2.13, fails" and "* torch: why" in errors


def test_doctor_finds_another_backend_broken(doctor):
    status, _, errors = doctor("torch", chosen="jax")
    assert status == 0 and "* torch: why" in errors


def test_doctor_finds_the_chosen_backend_missing(doctor):
    status, report, errors = doctor("tensorflow", chosen="tensorflow")
    assert status == 1 and report["tensorflow"] == "not installed" and "* tensorflow: why" in errors


def test_doctor_on_a_backend_that_only_infers(doctor):
    assert doctor(chosen="numpy")[0] == 0


def test_doctor_from_end_to_end():
    found = process("doctor", KERAS_BACKEND="pytorch")
    assert found.returncode == 1
    assert f"keras            {keras.__version__}" in found.stdout
    assert ", works" in found.stdout
    assert "Keras could not import its backend 'pytorch'" in found.stderr
    assert "pip install 'portable-losses[jax]'" in found.stderr


# The environment --------------------------------------------------------------------------------


def test_a_folder_is_not_an_installed_package(monkeypatch, tmp_path):
    (tmp_path / "not_a_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.util.find_spec("not_a_package")
    assert not _environment.is_installed("not_a_package")
    assert not _environment.is_installed("absent.module")
    assert _environment.is_installed("keras")


@pytest.mark.parametrize(
    ("variable", "settings", "expected"),
    [
        ("jax", '{"backend": "torch"}', ("jax", "the environment variable KERAS_BACKEND")),
        ("", '{"backend": "torch"}', ("torch", "keras.json")),
        ("", "{}", ("tensorflow", "its default")),
        ("", '{"backend": 3}', ("tensorflow", "its default")),
        ("", "[]", ("tensorflow", "its default")),
        ("", "not JSON", ("tensorflow", "its default")),
        ("", None, ("tensorflow", "its default")),
    ],
)
def test_the_chosen_backend(monkeypatch, tmp_path, variable, settings, expected):
    monkeypatch.setenv("KERAS_BACKEND", variable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if settings is not None:
        (tmp_path / "keras.json").write_text(settings)
    assert _environment.chosen_backend() == expected


@pytest.mark.parametrize(
    ("installed", "remedy"),
    [
        (
            ["jax", "torch"],
            "Installed here: jax, torch. Set the environment variable KERAS_BACKEND",
        ),
        (["torch"], "torch is installed, but broken"),
        ([], "No backend is installed"),
    ],
)
def test_what_a_missing_backend_is_told(monkeypatch, installed, remedy):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr(_environment, "installed_backends", lambda: installed)
    text = _environment.explain("No module named 'torch'")
    assert "its backend 'torch', chosen by the environment variable KERAS_BACKEND" in text
    assert remedy in text and "pip install 'portable-losses[torch]'" in text


@pytest.mark.parametrize("backend", _environment.BACKENDS)
def test_a_backend_that_cannot_be_imported(backend, tmp_path):
    code = f"import sys; sys.modules[{backend!r}] = None; import portable_losses.losses"
    environ = os.environ | {"KERAS_BACKEND": backend, "KERAS_HOME": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environ, capture_output=True, text=True
    )
    last = found.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: Keras could not import its backend {backend!r}")
    assert f"pip install 'portable-losses[{backend}]'" in last


def test_extras_are_those_of_the_package():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    declared = project["project"]["optional-dependencies"]
    imported = {"scikit-learn": "sklearn"}
    for extra, packages in _environment.EXTRAS.items():
        assert tuple(imported.get(name, name) for name in declared[extra]) == packages
