"""`rows = K.batch_flatten(f(x))`: its size is asked of `f(x)`, which gets the name first."""

import functools

import libcst as cst

from portable_losses.codemod import _conditions
from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.symbol != "K.batch_flatten" or ref.call is None or ref.definition in ctx.graph:
            continue
        assign = ctx.parent(ref.call)
        line = ctx.parent(assign)
        if not isinstance(assign, cst.Assign) or not isinstance(line, cst.SimpleStatementLine):
            continue
        target = assign.targets[0].target
        if len(assign.targets) > 1 or len(line.body) > 1 or not isinstance(target, cst.Name):
            continue
        if len(ref.call.args) != 1 or _conditions.is_simple(ref.call.args[0].value, ctx):
            continue
        ops = ctx.need("keras", "ops")
        name = target.value
        text = f"{name} = {ops}.reshape({name}, ({ops}.shape({name})[0], -1))"
        after = cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine)
        ctx.edit(ref.call, lambda new: new.args[0].value)
        ctx.edit(line, functools.partial(_followed, after))
        ctx.settle(ref, "native")


def _followed(
    after: cst.BaseStatement, new: cst.SimpleStatementLine
) -> cst.FlattenSentinel[cst.BaseStatement]:
    return cst.FlattenSentinel([new, after])
