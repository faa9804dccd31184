"""`add_loss`: Keras 3 sums a vector (S11), takes no `inputs`, and a model takes no tensor."""

import libcst as cst

from portable_losses.codemod._calls import closed
from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK, STOP
from portable_losses.codemod.rules.keras2 import has_loss_tensors

SCALARS = ("mean", "sum", "reduce_mean", "reduce_sum", "l2_loss", "max", "reduce_max")


def apply(ctx: Context) -> None:
    for call in ctx.all(cst.Call):
        if not isinstance(call.func, cst.Attribute):
            continue
        name, owner = call.func.attr.value, call.func.value
        if name == "add_loss" and call.args:
            _add_loss(ctx, call, owner)
        elif name == "add_metric" and not has_loss_tensors(ctx, call):
            ctx.find(
                call,
                "add_metric",
                "`add_metric` is gone: make a `keras.metrics.Mean` in `__init__` and call its "
                "`update_state` in `call`.",
                STOP,
            )


def _add_loss(ctx: Context, call: cst.Call, owner: cst.BaseExpression) -> None:
    if any(arg.keyword and arg.keyword.value == "inputs" for arg in call.args):
        ctx.edit(call, _without_inputs)
        ctx.mark(call)
    if has_loss_tensors(ctx, call):
        return
    if not (isinstance(owner, cst.Name) and owner.value == "self"):
        ctx.find(
            call,
            "add_loss",
            "A functional model takes no loss tensor in Keras 3: put the term into a layer whose "
            "`call` does `self.add_loss(value)` and returns its input.",
            STOP,
        )
        return
    value: cst.BaseExpression | None = call.args[0].value
    if isinstance(value, cst.Name):
        value = ctx.assigned(value)
    if not _is_scalar(ctx, value):
        ctx.silent(
            call, "S11", "Write the mean if this is not one number, `ops.mean(value)`.", CHECK
        )


def _is_scalar(ctx: Context, value: cst.BaseExpression | None) -> bool:
    if isinstance(value, cst.BinaryOperation):
        sides = (value.left, value.right)
        known = [side for side in sides if isinstance(side, cst.Call | cst.BinaryOperation)]
        return bool(known) and all(_is_scalar(ctx, side) for side in known)
    if not isinstance(value, cst.Call):
        return False
    name = (ctx.symbol(value.func) or "").rpartition(".")[2]
    axis = any(a.keyword and a.keyword.value in ("axis", "reduction_indices") for a in value.args)
    return name in SCALARS and not axis and len([a for a in value.args if not a.keyword]) == 1


def _without_inputs(new: cst.Call) -> cst.Call:
    args = [a for a in new.args if not (a.keyword and a.keyword.value == "inputs")]
    return new.with_changes(args=closed(args, new.args))
