"""`@tf.function`: Keras compiles what it trains, and the decorator knows one backend."""

import libcst as cst

from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ctx.symbol(ref.node) not in ("tf.function", "K.symbolic"):
            continue
        above = ctx.parent(ref.call or ref.node)
        if isinstance(above, cst.Decorator):
            ctx.edit(above, lambda node: cst.RemoveFromParent())
            ctx.find(above, "tf.function", "The decorator is dropped: `fit` compiles the loss.")
            ctx.settle(ref, "native")
