"""`x.numpy()` is TensorFlow's and PyTorch's: `ops.convert_to_numpy(x)` is everyone's."""

import libcst as cst

from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    if not ctx.references or "torch" in ctx.names.all_names:
        return
    for call in ctx.all(cst.Call):
        func = call.func
        if not isinstance(func, cst.Attribute) or func.attr.value != "numpy" or call.args:
            continue
        if ctx.definition(call) in ctx.graph:
            continue
        text = f"{ctx.need('keras', 'ops')}.convert_to_numpy"

        def change(new: cst.Call, text: str = text) -> cst.Call:
            assert isinstance(new.func, cst.Attribute)
            return new.with_changes(func=cst.parse_expression(text), args=[cst.Arg(new.func.value)])

        ctx.edit(call, change)
        ctx.mark(call)
