"""`x.numpy()` is TensorFlow's and PyTorch's: `ops.convert_to_numpy(x)` is everyone's."""

import libcst as cst

from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    roots = {ref.symbol.partition(".")[0] for ref in ctx.references}
    if not roots & {"K", "tf", "keras"} or "torch" in ctx.names.all_names:
        return
    for call in ctx.all(cst.Call):
        func = call.func
        if not isinstance(func, cst.Attribute) or func.attr.value != "numpy" or call.args:
            continue
        if ctx.definition(call) in ctx.graph or not _is_tensor(ctx, func.value):
            continue
        text = f"{ctx.need('keras', 'ops')}.convert_to_numpy"

        def change(new: cst.Call, text: str = text) -> cst.Call:
            assert isinstance(new.func, cst.Attribute)
            return new.with_changes(func=cst.parse_expression(text), args=[cst.Arg(new.func.value)])

        ctx.edit(call, change)
        ctx.mark(call)


def _is_tensor(ctx: Context, node: cst.BaseExpression) -> bool:
    """Anything but what another library has under a name of its own, `np.x.numpy()`."""
    chain = ctx.names.chains.get(node)
    return chain is None or chain.parts[0] not in ("np", "numpy", "pd")
