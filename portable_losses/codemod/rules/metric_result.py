"""`result` that returns a variable: TensorFlow and PyTorch take it for a tensor, JAX does not."""

from collections.abc import Callable

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod.rules.reset_states import metric_classes


def apply(ctx: Context) -> None:
    metrics = metric_classes(ctx)
    for function in ctx.all(cst.FunctionDef):
        if function.name.value != "result" or ctx.definition(function) not in metrics:
            continue
        for node in ctx.within(function, cst.Attribute):
            owner = getattr(node.value, "value", "")
            if isinstance(ctx.parent(node), cst.Return) and owner == "self":
                ops = ctx.need("keras", "ops")
                ctx.edit(node, _tensor(f"{ops}.convert_to_tensor"))
                ctx.mark(function)


def _tensor(text: str) -> Callable[[cst.BaseExpression], cst.Call]:
    return lambda new: cst.Call(cst.parse_expression(text), [cst.Arg(new)])
