"""Where the statements of a module begin: a statement that stays takes its text from there."""

import ast

import libcst as cst
import pytest

from portable_losses.codemod import rewrite
from portable_losses.codemod._lines import Lines

SOURCES = {
    "comments": "# a\n\n# b\nx = 1\n# c\n  # d\ny = 2\n# e\n\n",
    "a block's last comment": "def f():\n  a\n  # in\n# out\n\n # odd\nb = 1\nc = 2\n",
    "decorators": "x\n# a\n@b\n# c\n@d\n# e\ndef f(): pass\n@a(\n 1)\nclass A: pass\ny\n",
    "several on a line": "a; b;\nif a: b; c\nelse: d\ne\n",
    "strings": "x = '''\n\n'''; y = 2\n'''a\n# b\n'''\nz\n",
    "brackets": "x\n(\n a\n).b()\n[1,\n2]\nasync def f(): pass\ny\n",
    "Windows": "a = 1\r\n# b\r\nc = 3\r\ndef f():\r\n  pass\r\nd",
    "old Macs": "a = 1\r# b\rc = 3\rd",
    "no end": "x = 1\ny = 2",
}
# Here the whole module is written anew.
ODD = {
    "a line that goes on": "x = 1\n\\\ny = 2\nz = 3\n",
    "the same before a decorator": "x\n\\\n\\\n@a\ndef f(): pass\nz\n",
    "a decorator in brackets": "@(\n  a)\ndef f(): pass\nb\n",
    "a form feed": "a = 1\n\x0c\nb = 1\nc\n",
}


@pytest.mark.parametrize("source", [*SOURCES.values(), *ODD.values()], ids=[*SOURCES, *ODD])
def test_the_statements_are_where_they_are_said_to_be(source):
    module = cst.parse_module(source)
    lines = Lines(source, module, ast.parse(source))
    assert bool(lines.starts) is (source in SOURCES.values())
    for place in range(len(lines.starts) - 1):
        text = "".join(lines.lines[lines.starts[place] - 1 : lines.starts[place + 1] - 1])
        alone = module.with_changes(header=(), body=[module.body[place]], footer=())
        assert text == alone.with_changes(has_trailing_newline=True).code
    assert lines.code(module) == module.code
    last = module.body[-1]
    assert lines.code(module.with_changes(body=[last])) == module.with_changes(body=[last]).code


@pytest.mark.parametrize("source", [*SOURCES.values(), *ODD.values()], ids=[*SOURCES, *ODD])
def test_what_is_around_a_change_keeps_every_byte(source):
    newline = "\r\n" if "\r\n" in source else "\r" if "\r" in source else "\n"
    old = newline.join(["from keras import backend as K", "loss = K.abs(x)", source])
    new = newline.join(["from keras import ops", "loss = ops.abs(x)", source])
    assert rewrite(old).source == cst.parse_module(new).code  # LibCST drops a lone backslash
