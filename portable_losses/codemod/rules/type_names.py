"""Names that are no calls: dtypes, `tf.newaxis`, `tf.Tensor`."""

import functools
import re

import libcst as cst

from portable_losses.codemod._context import Context, Reference
from portable_losses.codemod.rules.calls import DTYPES

ALSO = {"half": "float16", "double": "float64"}
# As strings, which TensorFlow read and Keras 3 does not.
STRINGS = ALSO | {"float": "float32"}
WRITTEN = re.compile(rf"""["'](?:{"|".join(DTYPES)})["']""")


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.definition in ctx.graph:
            continue
        if ref.call is not None:
            _strings(ctx, ref, ref.call)
            continue
        symbol = ctx.symbol(ref.node) or ref.symbol
        name = symbol.removeprefix("tf.").removeprefix("dtypes.")
        if name in DTYPES and symbol.startswith("tf."):
            _dtype(ctx, ref, ALSO.get(name, name))
        elif symbol == "tf.newaxis":
            ctx.edit(ref.node, lambda node: cst.Name("None"))
            ctx.settle(ref, "native")
        elif symbol == "tf.Tensor":
            _tensor(ctx, ref)
    places = {ref.definition for ref in ctx.references if ref.symbol[:2] in ("K.", "tf")}
    for node in ctx.all(cst.Comparison):  # `x.dtype == "float32"`
        if ctx.definition(node) in places - ctx.graph:
            if WRITTEN.search(ctx.module.code_for_node(node)):
                _compare(ctx, node)
                ctx.mark(node)


def _strings(ctx: Context, ref: Reference, call: cst.Call) -> None:
    """`K.cast(x, "float")`."""
    if ctx.symbol(ref.node) not in ("K.cast", "tf.cast"):
        return
    for arg in call.args[1:]:
        if isinstance(arg.value, cst.SimpleString) and arg.value.raw_value in STRINGS:
            new = cst.SimpleString(f"{ctx.quote}{STRINGS[arg.value.raw_value]}{ctx.quote}")
            ctx.edit(arg.value, functools.partial(_put, new))


def _put(new: cst.BaseExpression, old: cst.BaseExpression) -> cst.BaseExpression:
    return new


def _dtype(ctx: Context, ref: Reference, name: str) -> None:
    parent = ctx.parent(ref.node)
    while isinstance(parent, cst.Element | cst.Tuple | cst.List | cst.Set | cst.ComparisonTarget):
        parent = ctx.parent(parent)
    if isinstance(parent, cst.Comparison):
        _compare(ctx, parent)
    quoted = f"{ctx.quote}{name}{ctx.quote}"
    ctx.edit(ref.node, lambda node: cst.SimpleString(quoted))
    ctx.settle(ref, "native")


def _compare(ctx: Context, comparison: cst.Comparison) -> None:
    """`x.dtype == tf.float32`: what PyTorch calls a dtype is no string."""
    sides = [comparison.left, *(target.comparator for target in comparison.comparisons)]
    for side in sides:
        if _is_dtype(ctx, side) and side not in ctx.edits:
            keras = ctx.need("", "keras")

            def change(node: cst.BaseExpression, keras: str = keras) -> cst.BaseExpression:
                if isinstance(node, cst.Attribute) and node.attr.value == "base_dtype":
                    node = node.value
                call = cst.parse_expression(f"{keras}.backend.standardize_dtype(x)")
                return call.with_changes(args=[cst.Arg(node)])

            ctx.edit(side, change)


def _is_dtype(ctx: Context, node: cst.BaseExpression) -> bool:
    """`x.dtype`, `x.dtype.base_dtype`, or the name of one."""
    given = ctx.assigned(node) if isinstance(node, cst.Name) else node
    return isinstance(given, cst.Attribute) and given.attr.value in ("dtype", "base_dtype")


def _tensor(ctx: Context, ref: Reference) -> None:
    """In an annotation; `isinstance(x, tf.Tensor)` becomes `ops.is_tensor(x)`."""
    arg = ctx.parent(ref.node)
    call = ctx.parent(arg)
    if isinstance(arg, cst.Arg) and isinstance(call, cst.Call):
        if getattr(call.func, "value", "") == "isinstance" and len(call.args) == 2:
            ops = ctx.need("keras", "ops")

            def change(node: cst.Call) -> cst.Call:
                first = node.args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)
                return node.with_changes(
                    func=cst.parse_expression(f"{ops}.is_tensor"), args=[first]
                )

            ctx.edit(call, change)
            ctx.settle(ref, "native")
        return
    if any(isinstance(node, cst.Annotation) for node in ctx.ancestors(ref.node)):
        keras = ctx.need("", "keras")
        ctx.edit(ref.node, lambda node: cst.parse_expression(f"{keras}.KerasTensor"))
        ctx.settle(ref, "native")
