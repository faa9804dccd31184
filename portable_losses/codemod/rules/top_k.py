"""`tf.nn.top_k(x).values`: `ops.top_k` gives a plain tuple."""

import libcst as cst

from portable_losses.codemod._context import Context

PLACES = {"values": "0", "indices": "1"}


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ctx.symbol(ref.node) != "tf.nn.top_k" or ref.call is None:
            continue
        if ref.definition in ctx.graph:
            continue
        above = ctx.parent(ref.call)
        if isinstance(above, cst.Attribute) and above.attr.value in PLACES:
            ctx.edit(above, _indexed)
        elif isinstance(above, cst.Assign) and isinstance(above.targets[0].target, cst.Name):
            uses = ctx.uses(above.targets[0].target.value, above)
            for chain in list(ctx.names.chains.values()):
                if len(chain.parts) == 2 and chain.parts[1] in PLACES:
                    if ctx.names.name_in(chain) in uses:
                        ctx.edit(chain.node, _indexed)


def _indexed(new: cst.Attribute) -> cst.Subscript:
    index = cst.Index(cst.Integer(PLACES[new.attr.value]))
    return cst.Subscript(new.value, [cst.SubscriptElement(index)])
