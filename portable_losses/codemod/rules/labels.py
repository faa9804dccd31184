"""What Keras does to `y_true` before a loss or metric class sees it (S1, S2, S4)."""

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK
from portable_losses.codemod.rules.metric_functions import (
    guard,
    is_metric,
    meeting,
    meets_elementwise,
    parameters,
    uses_old_names,
)
from portable_losses.codemod.rules.reset_states import metric_classes


def apply(ctx: Context) -> None:
    metrics = metric_classes(ctx)
    for function in ctx.all(cst.FunctionDef):
        takes = parameters(function)
        if ctx.definition(function) in ctx.graph or not uses_old_names(ctx, function):
            continue
        if function.name.value == "update_state" and ctx.definition(function) in metrics:
            if len(takes) > 2:
                _update_state(ctx, function, *takes[1:3])
        elif not {"y_true", "y_pred"} <= set(takes) or is_metric(ctx, function):
            continue
        elif meets_elementwise(ctx, function):
            message = f"`{function.name.value}` broadcasts its targets: the numbers stay for those "
            ctx.silent(function, "S4", f"{message}of the outputs' shape; give it no others.")


def _update_state(ctx: Context, function: cst.FunctionDef, y_true: str, y_pred: str) -> None:
    ctx.silent(function, "S2", "`update_state` gets the targets as they are.")
    how = meeting(ctx, function)
    if how == "entries":
        guard(ctx, function, y_true, y_pred, cast=False)
    elif how == "other":
        message = "`update_state` meets its targets with something else of the outputs."
        ctx.silent(function, "S1", f"{message} Check the shapes.", CHECK)
