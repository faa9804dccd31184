"""What Keras does to `y_true` before a loss or metric sees it (S2, S4)."""

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod.rules.metric_functions import (
    is_metric,
    meets_elementwise,
    parameters,
    uses_old_names,
)
from portable_losses.codemod.rules.reset_states import metric_classes


def apply(ctx: Context) -> None:
    metrics = metric_classes(ctx)
    for function in ctx.all(cst.FunctionDef):
        takes = parameters(function)
        if len(takes) < 2 or ctx.definition(function) in ctx.graph:
            continue
        if not ({"y_true", "y_pred"} <= set(takes) and uses_old_names(ctx, function)):
            continue
        if function.name.value == "update_state" and ctx.definition(function) in metrics:
            ctx.silent(function, "S2", "`update_state` gets the targets as they are.")
        elif not is_metric(ctx, function) and meets_elementwise(ctx, function):
            message = f"`{function.name.value}` broadcasts its targets."
            ctx.silent(function, "S4", f"{message} Hand it targets of the outputs' shape.")
