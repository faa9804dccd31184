"""`compile(loss=focal_loss(2.0))`: a closure, which a saved model cannot find again."""

import libcst as cst

from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    makers = {f.name.value: f for f in ctx.all(cst.FunctionDef) if _returns_a_function(ctx, f)}
    for call in ctx.all(cst.Call):
        if not (isinstance(call.func, cst.Attribute) and call.func.attr.value == "compile"):
            continue
        for arg in call.args:
            made = arg.value
            name = getattr(getattr(made, "func", None), "value", "")
            if not isinstance(made, cst.Call) or name not in makers:
                continue
            names = [param.name.value for param in makers[name].params.params]
            given = [
                f"{a.keyword.value if a.keyword else names[place]}="
                f"{ctx.module.code_for_node(a.value)}"
                for place, a in enumerate(made.args)
                if not a.star and (a.keyword or place < len(names))
            ]
            ctx.find(
                made,
                "factory",
                f"`{name}` makes a closure: it trains, but a saved model cannot find it again. "
                f"`portable_losses.losses.as_loss({', '.join([name, *given])})` saves with its "
                "settings.",
            )


def _returns_a_function(ctx: Context, function: cst.FunctionDef) -> bool:
    body = function.body.body
    last = body[-1] if body else None
    small = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else None
    if not isinstance(ctx.parent(function), cst.Module) or not isinstance(small, cst.Return):
        return False
    inner = {f.name.value for f in ctx.within(function, cst.FunctionDef)}
    return isinstance(small.value, cst.Lambda) or getattr(small.value, "value", "") in inner
