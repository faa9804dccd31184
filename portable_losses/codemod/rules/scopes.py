"""`with tf.variable_scope("a"):` around operations alone, which only names them."""

import functools

import libcst as cst

from portable_losses.codemod import tables
from portable_losses.codemod._context import MODULE, Context, Reference
from portable_losses.codemod.rules import summaries

# Methods of a tensor, which make nothing.
METHODS = ("get_shape", "as_list")


def only_names(ctx: Context, ref: Reference) -> bool:
    """Whether all that stands in the scope is known, and nothing of it may make a variable."""
    item = ctx.parent(ref.call)
    block = ctx.parent(item)
    if ref.definition == MODULE or not isinstance(item, cst.WithItem) or item.asname:
        return False
    if not isinstance(block, cst.With) or ref.call is None or not _is_name(ref.call):
        return False
    inner = [c for c in ctx.within(block, cst.Call) if c is not ref.call]
    return all(_makes_nothing(ctx, call) for call in inner)


def _is_name(call: cst.Call) -> bool:
    """Whether it is given a name that `keras.name_scope` takes, and nothing else."""
    if len(call.args) != 1 or call.args[0].keyword or call.args[0].star:
        return False
    value = call.args[0].value
    return isinstance(value, cst.SimpleString) and "/" not in value.raw_value


def _makes_nothing(ctx: Context, call: cst.Call) -> bool:
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in METHODS:
        return True
    if any(
        ref.call is call
        and summaries.is_summary(ctx.symbol(ref.node) or "")
        and summaries.may_go(ctx, ref)
        for ref in ctx.references
    ):
        return True
    rows = tables.calls().get(ctx.symbol(call.func) or "", [])
    return any(row.new for row in rows)


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ctx.symbol(ref.node) != "tf.variable_scope" or ref.definition in ctx.graph:
            continue
        if only_names(ctx, ref):
            keras = cst.Name(ctx.need("", "keras"))
            ctx.edit(ref.node, functools.partial(_name_scope, keras))
            ctx.settle(ref, "native")


def _name_scope(keras: cst.Name, old: cst.BaseExpression) -> cst.BaseExpression:
    return cst.Attribute(keras, cst.Name("name_scope"))
