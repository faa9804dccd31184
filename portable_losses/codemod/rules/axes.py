"""`K.mean(x, axis=range(1, 3))`: Keras 3 takes a tuple."""

import libcst as cst

from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.call is None or ref.definition in ctx.graph or ref.symbol[:2] not in ("K.", "tf"):
            continue
        for place, arg in enumerate(ref.call.args):
            if (arg.keyword.value == "axis") if arg.keyword else (place == 1):
                _one(ctx, arg.value)


def _one(ctx: Context, axis: cst.BaseExpression) -> None:
    value = ctx.assigned(axis) if isinstance(axis, cst.Name) else axis
    if not isinstance(value, cst.Call) or getattr(value.func, "value", "") != "range":
        return
    if value not in ctx.edits:
        ctx.edit(value, lambda new: cst.Call(cst.Name("tuple"), [cst.Arg(new)]))
        ctx.mark(value)
