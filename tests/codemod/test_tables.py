"""The tables beside what Keras and compat have: argument names, order, and that the names exist."""

import importlib
import inspect
import re
from types import ModuleType

import keras
import libcst as cst
import pytest
from keras import ops

from portable_losses.codemod import _calls, _names, tables
from portable_losses.codemod.rules.graph import kind_of

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


def test_names_of_tensorflow_have_the_class_of_what_compat_has():
    """A name in `tf_compat.tsv` is of class X or G if compat.tf1 has it, G if that works on a graph
    alone; of class T or D if it has not."""
    wrong = [(row.symbol, row.kind) for row in COMPAT if row.kind != class_of(row.symbol)]
    assert not wrong and len(COMPAT) > 300
    assert not any(
        (row.parameters, row.new, row.when, row.silent, row.note) != NOTHING for row in COMPAT
    )


COMPAT = [
    row for rows in tables.calls().values() for row in rows if row.kind in ("X", "G", "T", "D")
]
NOTHING = (None, "", (), "", "")
# Modules of compat.tf1 whose functions need no graph, and those that have nothing else.
PLAIN = (
    "arrays checks dtypes flags images indexing initializers linalg loops math nn random "
    "reductions regularizers sampled segments shapes sizes tape tensor_array windows"
).split()
GRAPH = (
    "config control gradients graph layers moving optimizers scatter scopes session sources "
    "variables summary train"
).split()
ELSEWHERE = {
    "tf.Assert": "G",  # with tf.control_dependencies alone
    "tf.IndexedSlices": "X", "tf.Variable": "X", "tf.case": "X", "tf.executing_eagerly": "X",
    "tf.is_variable_initialized": "X", "tf.tuple": "X",
    "tf.control_flow_ops.with_dependencies": "G",
    "tf.contrib.layers.xavier_initializer": "G",  # for variables alone
    "tf.app.*": "X", "tf.flags.*": "X", "tf.estimator.ModeKeys": "X", "tf.concat_v2": "X",
    "tf.contrib.losses.metric_learning.*": "G", "tf.contrib.metrics.*": "G", "tf.losses.*": "G",
    "tf.metrics.*": "G", "tf.python.ops.metrics_impl.*": "G",
    # What no graph has to do with.
    "tf.SparseTensor": "D", "tf.contrib.learn.*": "D", "tf.estimator.*": "D", "tf.examples.*": "D",
    "tf.gfile.*": "D", "tf.python_io.*": "D",
}  # fmt: skip


def class_of(symbol):
    if symbol in ELSEWHERE:
        return ELSEWHERE[symbol]
    if symbol.startswith("tf.logging."):
        return "X"
    try:
        found = reach(
            symbol.removeprefix("tf."), importlib.import_module("portable_losses.compat.tf1")
        )
    except AttributeError:
        return "T"
    module = found.__module__.rpartition(".")[2].removeprefix("_")
    return "X" if module in PLAIN else "G" if module in GRAPH else "T"


def test_what_compat_has_is_in_the_tables():
    tf1 = importlib.import_module("portable_losses.compat.tf1")
    unknown, count = set(), 0
    for name in names_of(tf1):
        symbol = _names.refold(f"tf.{name}")
        kinds = {kind_of(s) for s in _names.spellings(symbol)}
        count += 1
        known = kinds & {"R", "S", "X", "G"} or symbol.rpartition(".")[0] in tables.calls()
        if symbol.startswith("tf.") and not known:
            unknown.add(symbol)
    # Types of values, and what has a rule of its own.
    dtypes = {name for name, found in vars(tf1).items() if type(found).__name__ == "DType"}
    spelled = {f"tf.{name}" for name in dtypes} | {f"tf.dtypes.{name}" for name in dtypes}
    assert unknown - spelled == {
        "tf.DType", "tf.dtypes.DType", "tf.GraphLoss", "tf.ModuleType", "tf.Tensor", "tf.VERSION",
        "tf.function", "tf.missing", "tf.newaxis",
    } and count > 700  # fmt: skip


def names_of(module, depth=2):
    for name, found in sorted(vars(module).items()):
        if name.startswith("_") or name in ("python", "compat", "keras"):
            continue
        if isinstance(found, ModuleType):
            if depth and "Namespace" in type(found).__name__:
                yield from (f"{name}.{inner}" for inner in names_of(found, depth - 1))
        elif type(found).__name__ != "Absent" and getattr(found, "__module__", "") != "typing":
            yield name


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
