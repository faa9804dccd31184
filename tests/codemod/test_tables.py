"""The tables beside what Keras and compat have: argument names, order, and that the names exist."""

import importlib
import inspect
import re

import keras
import libcst as cst
import pytest
from keras import ops

from portable_losses.codemod import _calls, tables

ROWS = [row for rows in tables.calls().values() for row in rows]


def reach(dotted, root):
    for name in dotted.split("."):
        root = getattr(root, name)
    return root


def test_the_new_functions_take_these_arguments_in_this_order():
    """An argument stays in its place if the template has it there, so the template's order must be
    the function's own."""
    faults, checked = [], 0
    for row in ROWS:
        found = _calls._simple(row) if row.new and row.parameters is not None else None
        if not found or not row.new.startswith("ops."):
            continue
        name = row.new.partition("(")[0].removeprefix("ops.")
        theirs = list(inspect.signature(getattr(ops, name)).parameters)
        ours = [new for new, _ in found[0]]
        moved = [new for place, new in enumerate(ours) if theirs.index(new) != place]
        # After the first that is out of place, the old function's places must differ too.
        old = [p.name for p in row.parameters]
        for new, parameter in found[0]:
            place = old.index(parameter) if parameter else -1
            if new in moved and ours.index(new) == place:
                faults.append(f"{row.symbol}: {ours}, keras.ops.{name}: {theirs}")
        checked += 1
    assert not faults and checked > 150, "\n".join(faults)


def test_every_name_of_keras_in_a_template_exists():
    missing = set()
    for row in ROWS:
        if not row.new or "(*)" in row.new:
            continue
        for node in _attributes(cst.parse_expression(row.new)):
            root, _, rest = node.partition(".")
            if root in ("ops", "keras"):
                try:
                    reach(rest, ops if root == "ops" else keras)
                except AttributeError:
                    missing.add(node)
    assert not missing, missing


def _attributes(node):
    found = []

    class Visitor(cst.CSTVisitor):
        def visit_Attribute(self, node):
            found.append(cst.Module([]).code_for_node(node))

    node.visit(Visitor())
    return found


def test_names_of_keras_moved_to_where_they_are():
    missing = []
    for new, _ in tables.moved().values():
        if new and not new.startswith("="):
            try:
                reach(new.removeprefix("keras."), keras)
            except AttributeError:
                missing.append(new)
    assert not missing, missing


def test_conditions_name_parameters_of_their_row():
    for row in ROWS:
        for condition in row.when:
            what, name = re.match(r"(\w+):?(\w*)", condition).groups()
            names = [p.name for p in row.parameters]
            assert name in names if name else what in ("shape", "epsilon", "read"), row


def test_what_the_table_sends_to_compat_is_there():
    try:
        tf1 = importlib.import_module("portable_losses.compat.tf1")
        K = importlib.import_module("portable_losses.compat.K")
    except ImportError as error:
        pytest.skip(f"not in this tree: {error}")
    missing = []
    for row in ROWS:
        root, _, name = row.symbol.partition(".")
        if row.kind in ("T", "D") or (row.new and (root == "tf" or not row.when)):
            continue
        try:
            reach(name.removesuffix(".*"), tf1 if root == "tf" else K)
        except AttributeError:
            missing.append(row.symbol)
    assert not missing, missing
