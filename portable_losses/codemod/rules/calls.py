"""Every other use of `K` and `tf`: by the tables, or through `portable_losses.compat`."""

from collections.abc import Callable

import libcst as cst

from portable_losses.codemod import _calls, _conditions, _names, tables
from portable_losses.codemod._context import Context, Edit, Reference
from portable_losses.codemod._result import CHECK, NOTE, STOP
from portable_losses.codemod.rules import cross_entropy
from portable_losses.codemod.rules.graph import kind_of

# A guard that changes nothing where ids are in range is no news.
GUARDED = {
    "S5": "written out, with Keras 2's epsilon of 1e-7.",
    "S7": "written out, with Keras 2's epsilon.",
    "S15": "gives int32.",
    "S8": "the argument is an integer; compat cuts the mean as before.",
}

# What `keras.backend` has in Keras 3 alone.
KERAS3 = ("K.standardize_dtype", "K.result_type")


def apply(ctx: Context) -> None:
    unknown: set[str] = set()
    for ref in ctx.references:
        if ref.node in ctx.done or ctx.is_import(ref):
            continue
        if ref.symbol in KERAS3:
            ctx.settle(ref, "same")
        elif _names.root(ref.symbol) in ("K", "tf"):
            _one(ctx, ref, unknown)


def _one(ctx: Context, ref: Reference, unknown: set[str]) -> None:
    symbol = ctx.symbol(ref.node) or ref.symbol
    rows = tables.calls().get(symbol, [])
    if ref.definition in ctx.graph:
        through_compat(ctx, ref, unknown)
    elif ref.call is not None:
        _call(ctx, ref, ref.call, rows, unknown)
    else:
        _bare(ctx, ref, rows, unknown)


def _call(
    ctx: Context, ref: Reference, call: cst.Call, rows: list[tables.Row], unknown: set[str]
) -> None:
    for row in rows:
        bound = _calls.bind(row, call.args)
        if bound is None or not _conditions.hold(row.when, bound, ctx, ref):
            continue
        _say(ctx, ref, row, bound)
        if not row.new:
            break
        for parameter in row.parameters or ():
            if parameter.ids and parameter.name in bound:
                if may_be_label(bound[parameter.name].value):
                    message = f"`{ref.symbol}`: the labels are cast back to int32."
                    ctx.silent(ref.node, "S3", message)
        ctx.edit(call, _rendered(ctx, row, ctx.parent(call)))
        ctx.settle(ref, "native")
        return
    else:
        if rows:
            ctx.find(ref.node, "compat", f"`{ref.symbol}` in this form runs through compat.")
    through_compat(ctx, ref, unknown)


def _bare(ctx: Context, ref: Reference, rows: list[tables.Row], unknown: set[str]) -> None:
    """A function that is handed on: only where the new one takes the same arguments."""
    if len(rows) == 1 and rows[0].new and not rows[0].when and _same_signature(rows[0]):
        (row,) = rows
        ctx.edit(ref.node, lambda node: _calls.function(row, _namer(ctx)))
        ctx.settle(ref, "native")
    else:
        through_compat(ctx, ref, unknown)


def _same_signature(row: tables.Row) -> bool:
    if not row.parameters or not _calls.is_simple(row):
        return bool(row.parameters == () and row.new.endswith("()"))
    return not any(p.written or p.ids for p in row.parameters)


def _rendered(ctx: Context, row: tables.Row, parent: cst.CSTNode | None) -> Edit:
    names = _namer(ctx)
    for name in ("ops", "keras"):  # asked for now, while imports are still being collected
        if f"{name}." in row.new:
            names(name)
    if any(p.ids for p in row.parameters or ()):
        names("ops")

    def change(updated: cst.Call) -> cst.BaseExpression:
        return _calls.in_place_of(
            _calls.render(row, updated, names, _as_ids(names, ctx.quote), ctx.quote), parent
        )

    return change


def _as_ids(names: Callable[[str], str], quote: str) -> Callable[[cst.Arg], cst.Arg]:
    """An index that may be a label goes back to integers: Keras 3 made floats of it (S3)."""

    def guard(arg: cst.Arg) -> cst.Arg:
        if not may_be_label(arg.value):
            return arg
        cast = cst.parse_expression(f"{names('ops')}.cast(x, {quote}int32{quote})")
        assert isinstance(cast, cst.Call)
        first = cast.args[0].with_changes(value=arg.value)
        return arg.with_changes(value=cast.with_changes(args=[first, *cast.args[1:]]))

    return guard


LABELS = ("y_true", "y", "labels", "label", "target", "targets", "ground_truth", "gt", "true")


def may_be_label(node: cst.BaseExpression) -> bool:
    """A label as it came, or only reshaped."""
    while isinstance(node, cst.Call):
        name = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
        if name not in ("reshape", "flatten", "squeeze", "expand_dims") or not node.args:
            return False
        node = node.args[0].value
    while isinstance(node, cst.Subscript):
        node = node.value
    return isinstance(node, cst.Name) and node.value in LABELS


def is_labels(ctx: Context, node: cst.BaseExpression) -> bool:
    """Labels, or what is made of nothing but them."""
    chains = [ctx.names.chains[node]] if node in ctx.names.chains else ctx.chains_within(node)
    names = [c.parts[0] for c in chains if ctx.symbol(c.node) is None]
    surely = _conditions.dtype_of(node, ctx) == "float"
    return not surely and bool(names) and all(name in LABELS and name != "y" for name in names)


def _say(ctx: Context, ref: Reference, row: tables.Row, bound: dict[str, cst.Arg]) -> None:
    symbol = ctx.symbol(ref.node) or ref.symbol
    if row.note:
        text = row.note.removeprefix("check: ")
        ctx.find(ref.node, "note", f"`{ref.symbol}`: {text}.", NOTE if text == row.note else CHECK)
    if row.silent in ("S5", "S6") and not cross_entropy.is_computed(ctx, bound["output"].value):
        ctx.silent(ref.node, "S6", f"`{ref.symbol}`: cross-entropy of probabilities.", CHECK)
    if row.silent == "S5" and not row.new:
        text = f"`{ref.symbol}`: runs through compat.K, with Keras 2's epsilon."
        ctx.silent(ref.node, "S5", text)
    elif row.silent in GUARDED:
        ctx.silent(ref.node, row.silent, f"`{ref.symbol}`: {GUARDED[row.silent]}")
    elif symbol.rpartition(".")[2] in ("mean", "reduce_mean") and is_labels(
        ctx, next(iter(bound.values())).value
    ):
        message = (
            f"`{ref.symbol}` of labels: Keras 2 cut it if they are integers. Cast them before."
        )
        ctx.silent(ref.node, "S8", message, CHECK)
    elif row.silent == "S14" and row.new:
        written = [p for p in row.parameters or () if p.written and p.name not in bound]
        for parameter in written:
            ctx.silent(
                ref.node,
                "S14",
                f"`{ref.symbol}`: its default, {parameter.name}={parameter.default}, is "
                "written out.",
            )


def through_compat(ctx: Context, ref: Reference, unknown: set[str]) -> None:
    """Keep the old call, and let the name mean `portable_losses.compat`; or TensorFlow, where
    compat does not have it."""
    root = _names.root(ref.symbol)
    symbol = ctx.symbol(ref.node) or ref.symbol
    known = (
        root == "K"
        or (symbol in tables.calls() and kind_of(symbol) not in ("T", "D"))
        or symbol.rpartition(".")[0] in tables.calls()
        or kind_of(symbol) in ("X", "G")
        or symbol in ("tf.newaxis", "tf.Tensor")
        or symbol.removeprefix("tf.").removeprefix("dtypes.").partition(".")[0] in DTYPES
    )
    if not known or ref.symbol in ("tf", "K"):
        key = f"{ref.definition} {ref.symbol}"  # each definition that needs it is to be read
        if key not in unknown and root == "tf":
            unknown.add(key)
            if kind_of(symbol) in ("T", "D"):
                message = f"`{ref.symbol}` went with TensorFlow 1: write it anew."
                ctx.find(ref.node, "tensorflow 1", message, STOP)
            else:
                message = f"`{ref.symbol}` stays TensorFlow's: the code runs on that backend only."
                ctx.find(ref.node, "tensorflow", message, CHECK)
        ctx.settle(ref, "kept" if root == "tf" else "compat")
        return
    ctx.settle(ref, "compat")
    ctx.compat.append(ref)


DTYPES = (
    "float16", "float32", "float64", "bfloat16", "half", "double", "int8", "int16", "int32",
    "int64", "uint8", "uint16", "uint32", "uint64", "bool",
)  # fmt: skip


def _namer(ctx: Context) -> Callable[[str], str]:
    def name(what: str) -> str:
        return ctx.need("keras", "ops") if what == "ops" else ctx.need("", "keras")

    return name
