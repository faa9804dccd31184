"""Variables that no layer owns: made in a function, where nothing tracks or saves them (S13)."""

import libcst as cst

from portable_losses.codemod._conditions import only_read
from portable_losses.codemod._context import MODULE, Context
from portable_losses.codemod._result import CHECK

VARIABLES = ("K.variable", "K.zeros", "K.ones", "tf.Variable")


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        symbol = ctx.symbol(ref.node) or ref.symbol
        if symbol not in VARIABLES or ref.call is None or ref.definition == MODULE:
            continue
        if ref.node in ctx.tracked:
            continue
        if ctx.target == "compat" or ref.definition in ctx.graph:
            continue
        function = ctx.function(ref.node)
        if function is None or function.name.value in ("__init__", "build"):
            continue
        if not isinstance(ctx.parent(ref.call), cst.Assign):
            continue
        if symbol != "tf.Variable" and only_read(ctx, ref.call):
            ctx.find(ref.node, "S13", f"`{ref.symbol}`: it is only read, and becomes a constant.")
        else:
            ctx.silent(
                ref.node,
                "S13",
                f"`{ref.symbol}` makes a variable that no layer owns. If it is only read, write "
                "`ops.zeros`; if it is state, it belongs into a layer or metric, or "
                "`portable_losses.losses.StatefulLoss`. An update of it never ran in `fit`.",
                CHECK,
            )
