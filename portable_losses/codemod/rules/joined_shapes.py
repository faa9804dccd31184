"""`tf.concat([tf.shape(x)[:-1], [1]], axis=0)`: in keras.ops a shape is a tuple."""

import libcst as cst

from portable_losses.codemod import _conditions
from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.call is None or ref.definition in ctx.graph:
            continue
        if _conditions.joins_shapes(ctx, ref.call):
            ctx.edit(ref.call, _sum)
            ctx.settle(ref, "native")


def _sum(new: cst.Call) -> cst.BaseExpression:
    parts = cst.ensure_type(new.args[0].value, cst.List | cst.Tuple).elements
    total, *rest = [_tuple(part.value) for part in parts]
    for part in rest:
        total = cst.BinaryOperation(total, cst.Add(), part)
    return total


def _tuple(part: cst.BaseExpression) -> cst.BaseExpression:
    if not isinstance(part, cst.List | cst.Tuple):
        return part
    elements = list(part.elements)
    if len(elements) == 1:
        elements = [elements[0].with_changes(comma=cst.Comma())]
    return cst.Tuple(elements, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
