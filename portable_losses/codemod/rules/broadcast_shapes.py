"""`tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(y))`: the shape of their sum."""

import functools

import libcst as cst

from portable_losses.codemod._context import Context, Reference

SHAPES = ("tf.shape", "K.shape")


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.symbol != "tf.broadcast_dynamic_shape" or ref.call is None:
            continue
        if ref.definition in ctx.graph or len(ref.call.args) != 2:
            continue
        inner = [_shape(ctx, arg) for arg in ref.call.args]
        if None in inner:
            continue
        ops = ctx.need("keras", "ops")
        ctx.edit(ref.call, functools.partial(_sum, ops))
        for one in (ref, *inner):
            assert one is not None
            ctx.settle(one, "native")


def _shape(ctx: Context, arg: cst.Arg) -> Reference | None:
    """The use of `tf.shape` that an argument is."""
    call = arg.value
    if not isinstance(call, cst.Call) or ctx.symbol(call.func) not in SHAPES:
        return None
    if len(call.args) != 1 or call.args[0].star:
        return None
    return next((ref for ref in ctx.references_within(call) if ref.call is call), None)


def _sum(ops: str, new: cst.Call) -> cst.BaseExpression:
    x, y = (cst.ensure_type(arg.value, cst.Call).args[0].value for arg in new.args)
    call = cst.ensure_type(cst.parse_expression(f"{ops}.shape({ops}.add(x, y))"), cst.Call)
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    add = cst.ensure_type(call.args[0].value, cst.Call)
    return call.with_changes(
        args=[cst.Arg(add.with_changes(args=[cst.Arg(x, comma=comma), cst.Arg(y)]))]
    )
