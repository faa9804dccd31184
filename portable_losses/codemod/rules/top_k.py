"""`tf.nn.top_k(x).values`: `ops.top_k` gives a plain tuple."""

import libcst as cst

from portable_losses.codemod._context import Context

PLACES = {"values": "0", "indices": "1"}


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ctx.symbol(ref.node) != "tf.nn.top_k" or ref.definition in ctx.graph:
            continue
        above = ctx.parent(ref.call)
        if isinstance(above, cst.Attribute) and above.attr.value in PLACES:
            ctx.edit(above, _indexed)
        elif isinstance(above, cst.Assign) and isinstance(above.targets[0].target, cst.Name):
            for use in ctx.uses(above.targets[0].target.value, above):
                part = ctx.parent(use)
                if isinstance(part, cst.Attribute) and part.attr.value in PLACES:
                    ctx.edit(part, _indexed)


def _indexed(new: cst.Attribute) -> cst.Subscript:
    index = cst.Index(cst.Integer(PLACES[new.attr.value]))
    return cst.Subscript(new.value, [cst.SubscriptElement(index)])
