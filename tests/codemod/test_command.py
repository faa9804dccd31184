"""`portable-losses migrate`: what it prints where, its exit statuses, and the reports."""

import io
import json
import os
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from portable_losses import _environment, cli
from portable_losses.codemod import _run

OLD = "import tensorflow as tf\n\n\ndef f(x):\n    return tf.log(x)\n"
NEW = "from keras import ops\n\n\ndef f(x):\n    return ops.log(x)\n"
PLAIN = "import numpy as np\n"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text(OLD)
    (tmp_path / "b.py").write_text(PLAIN)
    return tmp_path


def migrate(*arguments):
    return cli.main(["migrate", *map(str, arguments)])


def test_a_diff_that_patch_takes_and_no_change(tree, capsys):
    assert migrate("a.py", "b.py") == 0
    out, err = capsys.readouterr()
    assert out.startswith("--- a.py\n+++ a.py\n@@ ") and "\n+    return ops.log(x)\n" in out
    assert err == "2 files: 1 would change; functions and classes: 1 native.\n"
    assert (tree / "a.py").read_text() == OLD


def test_write(tree, capsys):
    assert migrate("--write", ".") == 0
    out, err = capsys.readouterr()
    assert out == "changed a.py\n" and "1 changed" in err
    assert (tree / "a.py").read_text() == NEW and (tree / "b.py").read_text() == PLAIN
    assert migrate("--write", ".") == 0 and capsys.readouterr().out == ""


def test_check(tree, capsys):
    assert migrate("--check", ".") == 1
    assert capsys.readouterr().out == "would change a.py\n"
    assert migrate("--check", "b.py") == 0
    (tree / "c.py").write_text("import keras\nprint 'x'\n")
    assert migrate("--check", ".") == 2


def test_one_bad_file_does_not_stop_the_others(tree, capsys):
    (tree / "aa.py").write_text("import keras\ndef f(:\n")
    assert migrate("--write", ".") == 2
    out, err = capsys.readouterr()
    assert out == "changed a.py\n"
    assert "portable-losses: aa.py: Line 2: not Python 3" in err
    assert "3 files: 1 changed; 1 could not be read or written" in err


def test_a_path_that_is_missing_does_not_stop_the_others(tree, capsys):
    assert migrate("--write", "nothing.py", "a.py", "no/folder") == 2
    out, err = capsys.readouterr()
    assert out == "changed a.py\n"
    for name in ("nothing.py", "no/folder"):
        assert f"portable-losses: {name}: no such file or folder\n" in err
    assert "3 files: 1 changed; 2 could not be read or written" in err


def test_a_fault_of_a_rule_does_not_stop_the_others(tree, monkeypatch, capsys):
    def fail(source, **options):
        raise KeyError("x") if "log" in source else ValueError("none")

    monkeypatch.setattr(_run, "rewrite", fail)
    assert migrate("a.py", "b.py") == 2
    err = capsys.readouterr().err
    assert "portable-losses: a.py: a fault of ours: KeyError: 'x'\n" in err
    assert "portable-losses: b.py: none\n" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.py"], "nothing.py: no such file or folder"),
        (["-", "a.py"], "- stands alone"),
        (["--write", "-"], "- stands alone"),
        ([], "required: PATH"),
        (["--write", "--check", "a.py"], "not allowed with"),
        (["--target", "numpy", "a.py"], "invalid choice: 'numpy'"),
        (["--html", "no/such/folder/r.html", "a.py"], "no/such/folder/r.html: No such file"),
    ],
)
def test_what_cannot_be_asked_for(tree, arguments, message, capsys):
    assert migrate(*arguments) == 2
    assert message in capsys.readouterr().err


def test_stdin(monkeypatch, capsys):
    for raw, status in ((OLD.encode(), 1), (PLAIN.encode(), 0), (b"import keras\n(\n", 2)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        assert migrate("--check", "-") == status
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(OLD.encode())))
    assert migrate("-") == 0
    assert capsys.readouterr().out.endswith("+    return ops.log(x)\n")


def test_target_compat(tree, capsys):
    assert migrate("--write", "--target", "compat", "a.py") == 0
    assert (tree / "a.py").read_text() == OLD.replace(
        "import tensorflow as tf", "from portable_losses.compat import tf1 as tf"
    )


def test_findings_on_stderr_and_notes_when_asked(tree, capsys):
    source = (
        "from keras import backend as K\nx = K.argmax(y)\nz = K.categorical_crossentropy(a, b)\n"
    )
    (tree / "a.py").write_text(source)
    assert migrate("a.py") == 0
    err = capsys.readouterr().err
    assert "\n1 file: 1 would change" in err
    assert "a.py:3: check [S6] " in err and "40.0 became 16.118" in err and "[S14]" not in err
    migrate("--notes", "a.py")
    assert "a.py:2: note [S14] `K.argmax`: its default, axis=-1, is written out." in (
        capsys.readouterr().err
    )


def test_json(tree, capsys):
    (tree / "c.py").write_text("import keras\n(\n")
    assert migrate("--json", ".") == 2
    a, b, c = map(json.loads, capsys.readouterr().out.splitlines())
    assert a["path"] == "a.py" and a["changed"] and not a["written"]
    assert a["definitions"] == {"f": "native"}
    assert a["changes"][0] == {
        "line": 1,
        "old": "import tensorflow as tf",
        "new": "from keras import ops",
        "cell": None,
    }
    assert not b["changed"] and c["error"].startswith("c.py: Line")


class Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self.links = [], []

    def handle_data(self, data):
        self.text.append(data)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]


def test_html_says_it_all_and_needs_nothing_else(tree, capsys):
    source = (
        "from keras import backend as K\n\n\ndef loss(a, b):\n"
        '    return K.categorical_crossentropy(a, b)  # <script>"&\n'
    )
    (tree / "c.py").write_text(source)
    (tree / "d.py").write_text("import keras\n(\n")
    assert migrate("--html", "report.html", ".") == 2
    page = (tree / "report.html").read_text(encoding="utf-8")
    parser = Parser()
    parser.feed(page)
    text = "".join(parser.text)
    assert "<script" not in page and not parser.links and "@import" not in page
    for part in ("a.py", "c.py", "d.py: Line", "S6", "40.0 became 16.118", "line 5", '<script>"&'):
        assert part in text
    assert "-    return tf.log(x)" in text and "+    return ops.log(x)" in text


def test_several_processes_give_the_same(tree, capsys):
    for number in range(24):
        (tree / f"n{number}.py").write_text(OLD if number % 2 else PLAIN)
    assert migrate("--jobs", "1", "--json", ".") == 0
    one = capsys.readouterr().out
    paths = sorted(tree.glob("*.py"))
    two = list(_run.migrate_files(paths, _run.Options(), jobs=2))
    assert [json.loads(line)["changed"] for line in one.splitlines()] == [o.changed for o in two]


def test_without_libcst_the_extra_is_named(tree, monkeypatch, capsys):
    monkeypatch.setattr(_environment, "missing", lambda extra: ["libcst"])
    assert migrate("a.py") == 2
    assert "pip install 'portable-losses[migrate]'" in capsys.readouterr().err


def test_the_import_names_the_extra_and_the_command_line_works_without():
    hide = "import sys; sys.modules['libcst'] = None\n"
    code = f"{hide}from portable_losses import cli, codemod\ncli.main(['list'])\ncodemod.rewrite"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ
    )
    assert "CenterLoss" in done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: portable_losses.codemod needs libcst: pip install 'portable-losses[migrate]'"
    )


def test_it_loads_neither_keras_nor_a_backend(tree):
    code = (
        "import sys\nfrom portable_losses import cli\ncli.main(['migrate', 'a.py'])\n"
        "print({'keras', 'tensorflow', 'jax', 'torch', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("set()\n"), done.stderr
