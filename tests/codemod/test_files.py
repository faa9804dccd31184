"""Files on disk: written in one step or left as they were, with their bytes, modes and links."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from portable_losses.codemod import _files, _run

OLD = "import tensorflow as tf\n\n\ndef f(x):\n    return tf.log(x)\n"
NEW = "from keras import ops\n\n\ndef f(x):\n    return ops.log(x)\n"
WRITE = _run.Options(write=True)


def migrate(path, options=WRITE):
    return _run.migrate_file(path, options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "loss.py"
    path.write_bytes(OLD.encode())
    return path


def test_written_in_place_with_its_mode(file):
    file.chmod(0o751)
    outcome = migrate(file)
    assert outcome.written and not outcome.error
    assert file.read_bytes() == NEW.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o751
    assert names(file.parent) == ["loss.py"]


def test_nothing_is_written_unless_asked(file):
    outcome = migrate(file, _run.Options())
    assert outcome.changed and not outcome.written and file.read_bytes() == OLD.encode()


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (b"\xef\xbb\xbf", "utf-8"),
        ("# -*- coding: latin-1 -*-\n# \xe9\xe4\n".encode("latin-1"), "latin-1"),
        ("# \u00e9 \u4e2d\n".encode(), "utf-8"),
        (b"\xef\xbb\xbf# coding: utf-8\n", "utf-8"),
        (b"#!/usr/bin/env python\n", "utf-8"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encoding_marks_and_line_ends_stay(tmp_path, head, encoding, end):
    path = tmp_path / "loss.py"
    lines = head.replace(b"\n", end.encode())
    path.write_bytes(lines + OLD.replace("\n", end).encode(encoding))
    assert migrate(path).written
    assert path.read_bytes() == lines + NEW.replace("\n", end).encode(encoding)


def test_a_file_that_changed_meanwhile_is_refused(file):
    text = _files.read(file)
    file.write_text("something else\n")
    with pytest.raises(_files.FileError, match="has changed since it was read"):
        _files.write(file, text, NEW)
    assert file.read_text() == "something else\n" and names(file.parent) == ["loss.py"]


def test_a_link_stays_a_link(file):
    link = file.parent / "link.py"
    link.symlink_to(file.name)
    assert migrate(link).written
    assert link.is_symlink() and file.read_bytes() == NEW.encode()


def test_a_read_only_file_or_folder_stays(file, monkeypatch):
    file.chmod(0o444)
    # Root may write anywhere, so that the system's answer is given here.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    outcome = migrate(file)
    assert "is read-only" in outcome.error and file.read_bytes() == OLD.encode()
    monkeypatch.undo()

    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_files.tempfile, "mkstemp", refuse)
    file.chmod(0o644)
    outcome = migrate(file)
    assert "cannot be written: Permission denied" in outcome.error
    assert file.read_bytes() == OLD.encode() and names(file.parent) == ["loss.py"]


@pytest.mark.parametrize("step", ["replace", "fsync", "chmod"])
def test_what_fails_half_way_leaves_the_file(file, monkeypatch, step):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    outcome = migrate(file)
    assert "No space left on device" in outcome.error and not outcome.written
    assert file.read_bytes() == OLD.encode() and names(file.parent) == ["loss.py"]


def test_a_character_that_the_encoding_lacks(tmp_path, monkeypatch):
    path = tmp_path / "loss.py"
    path.write_bytes(b"# coding: latin-1\n" + OLD.encode())
    text = _files.read(path)
    with pytest.raises(_files.FileError, match="cannot be written as"):
        _files.write(path, text, "# \u4e2d\n")
    assert path.read_bytes().endswith(OLD.encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"import keras\ndef f(:\n", "Line 2: not Python 3"),
        (b"import keras\nprint 'x'\n", "not Python 3"),
        (b"# coding: nonsense\nimport keras\n", "cannot be decoded"),
        (b"import keras\n# \xff\xfe\n", "cannot be decoded"),
        (b"import keras\nx = '\x00'\n", "not Python 3"),
        (b"import keras\nx = " + b"(" * 3000 + b")" * 3000 + b"\n", "not Python 3"),
    ],
)
def test_what_cannot_be_read_is_named_and_left(tmp_path, content, message):
    path = tmp_path / "loss.py"
    path.write_bytes(content)
    outcome = migrate(path)
    assert str(path) in outcome.error and message in outcome.error
    assert path.read_bytes() == content


def test_python_2_on_request(tmp_path):
    if sys.version_info >= (3, 13):
        pytest.importorskip("fissix")
    path = tmp_path / "loss.py"
    path.write_text("import tensorflow as tf\nprint 'x', tf.log(1.0)\n")
    assert migrate(path, _run.Options(write=True, python2=True)).written
    assert path.read_text() == "from keras import ops\nprint('x', ops.log(1.0))\n"


def test_python_2_without_a_converter(tmp_path, monkeypatch):
    path = tmp_path / "loss.py"
    path.write_text("import keras\nprint 'x'\n")
    for name in ("fissix", "lib2to3"):
        monkeypatch.setitem(sys.modules, f"{name}.refactor", None)
    assert "pip install fissix" in migrate(path, _run.Options(python2=True)).error


def test_what_a_folder_holds(tmp_path):
    for name in (
        "a.py", "b.ipynb", "c.txt", "sub/d.py", ".git/e.py", "venv/f.py", "my_env/g.py",
        "node_modules/h.py", "x.egg-info/i.py", "__pycache__/j.py", "sub/.hidden/k.py",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "my_env" / "pyvenv.cfg").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "z.py").symlink_to("a.py")
    found = [
        path.relative_to(tmp_path).as_posix() for path in _files.find([tmp_path, tmp_path / "a.py"])
    ]
    assert found == ["a.py", "b.ipynb", "sub/d.py"]
    assert list(_files.find([tmp_path / "venv" / "f.py"])) == [tmp_path / "venv" / "f.py"]
    assert list(_files.find([tmp_path / "nothing"])) == [tmp_path / "nothing"]
    assert "nothing: no such file or folder" in migrate(tmp_path / "nothing").error


# Notebooks --------------------------------------------------------------------------------------


def notebook(*cells, **layout):
    body = {
        "cells": [
            {"cell_type": kind, "metadata": {"a": 1.50}, "source": source, "outputs": ["tf.log"]}
            for kind, source in cells
        ],
        "nbformat": 4,
        "metadata": {"source": "not this \u00e9"},
    }
    return json.dumps(body, **layout)


CELLS = (
    ("markdown", ["# `tf.log`\n"]),
    (
        "code",
        ["%matplotlib inline\n", "import tensorflow as tf\n", "!pip install keras\n", "tf.log?"],
    ),
    ("code", "%%bash\ntf.log(x)"),
    ("code", ["def f(x):\n", "    %time y = 1\n", "    return tf.log(x)  # \u00e9"]),
    ("code", []),
    ("code", ["f(1)\n", "\n", "# end"]),
)


@pytest.mark.parametrize("layout", [{"indent": 1}, {"indent": 1, "ensure_ascii": False}, {}])
def test_a_notebook_keeps_all_but_its_old_code(tmp_path, layout):
    old = notebook(*CELLS, **layout)
    path = tmp_path / "n.ipynb"
    path.write_text(old, encoding="utf-8")
    assert migrate(path).written
    new = path.read_text(encoding="utf-8")
    lines = list(CELLS[1][1])
    lines[1] = "from keras import ops\n"
    code = ["def f(x):\n", "    %time y = 1\n", "    return ops.log(x)  # \u00e9"]
    assert new == notebook(
        CELLS[0], ("code", lines), CELLS[2], ("code", code), *CELLS[4:], **layout
    )
    assert not migrate(path).changed


def test_a_notebook_whose_first_cell_has_no_import(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(
        notebook(("code", ["x = 1\n"]), ("code", ["import tensorflow as tf\n", "tf.log(1.0)"]))
    )
    assert migrate(path).written
    cells = [cell["source"] for cell in json.loads(path.read_text())["cells"]]
    assert cells == [["x = 1\n"], ["from keras import ops\n", "ops.log(1.0)"]]


def test_lines_of_a_notebook_are_those_of_its_cells(tmp_path):
    path = tmp_path / "n.ipynb"
    cells = [
        ("markdown", "# t"),
        ("code", ["%matplotlib inline\n", "from keras import backend as K\n"]),
        ("code", "x = 1"),
        ("code", ["\n", "a = K.exp(x)\n", "y = K.argmax(x)"]),
    ]
    path.write_text(notebook(*cells))
    outcome = migrate(path)
    assert [(f.rule, f.place) for f in outcome.findings] == [("S14", "cell 4:3")]
    assert [(c.cell, c.line, c.old) for c in outcome.changes] == [
        (2, 2, "from keras import backend as K"),
        (4, 2, "a = K.exp(x)\ny = K.argmax(x)"),
    ]


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', '{"cells": [{}]}'])
def test_what_is_no_notebook_is_named(tmp_path, text):
    path = tmp_path / "n.ipynb"
    path.write_text(text)
    assert "not a notebook" in migrate(path).error and path.read_text() == text


def test_paths_are_plain_paths():
    assert isinstance(_files.read(Path(__file__)).source, str)
