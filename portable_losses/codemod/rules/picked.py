"""`tf.gather_nd(logits, indices)`, where `indices` are a range beside labels: one entry of each
row, which `ops.take_along_axis` picks."""

import functools

import libcst as cst

from portable_losses.codemod._context import Context, Reference

RANGES = ("range", "tf.range", "K.arange")


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.call is None or ref.definition in ctx.graph:
            continue
        if ref.symbol == "tf.gather_nd":
            _one(ctx, ref, ref.call)
        elif ref.symbol == "tf.Variable" and _is_argument(ctx, ref.call):
            # A range that is never assigned to needs no variable.
            if len(ref.call.args) == 1 and _name(ctx, ref.call.args[0].value) in RANGES:
                ops = ctx.need("keras", "ops")
                ctx.edit(ref.call, functools.partial(_arange, ops))
                ctx.settle(ref, "native")


def _one(ctx: Context, ref: Reference, call: cst.Call) -> None:
    if len(call.args) != 2 or any(arg.star or arg.keyword for arg in call.args):
        return
    labels = _labels(ctx, call.args[1].value)
    if labels is None or _is_changed(ctx, call):
        return
    ops = ctx.need("keras", "ops")
    text = f"{ops}.squeeze({ops}.take_along_axis(x, {labels}, axis=1), axis=1)"

    def change(new: cst.Call) -> cst.BaseExpression:
        outer = cst.ensure_type(cst.parse_expression(text), cst.Call)
        inner = cst.ensure_type(outer.args[0].value, cst.Call)
        args = [inner.args[0].with_changes(value=new.args[0].value), *inner.args[1:]]
        inner = inner.with_changes(args=args)
        return outer.with_changes(args=[outer.args[0].with_changes(value=inner), outer.args[1]])

    ctx.edit(call, change)
    ctx.settle(ref, "native")


def _labels(ctx: Context, indices: cst.BaseExpression) -> str | None:
    """The labels, as a column, of indices `tf.concat([range, labels], 1)`, both columns by
    `tf.expand_dims`, or `tf.stack([range, labels], axis=1)`."""
    made = ctx.assigned(indices) if isinstance(indices, cst.Name) else indices
    if not isinstance(made, cst.Call) or len(made.args) != 2:
        return None
    parts, axis = (arg.value for arg in made.args)
    name = _name(ctx, made)
    if not isinstance(parts, cst.List) or len(parts.elements) != 2 or _text(ctx, axis) != "1":
        return None
    rows, labels = (element.value for element in parts.elements)
    if name == "tf.stack" and _is_range(ctx, rows) and isinstance(labels, cst.Name):
        return f"{ctx.need('keras', 'ops')}.expand_dims({labels.value}, 1)"
    if name != "tf.concat" or not isinstance(labels, cst.Name):
        return None
    inner = _column(ctx, rows)
    if inner is not None and _is_range(ctx, inner) and _column(ctx, labels) is not None:
        return labels.value
    return None


def _is_changed(ctx: Context, call: cst.Call) -> bool:
    """Whether a name that the indices are made of got another value before they are used."""
    indices, function = call.args[1].value, ctx.function(call)
    made = ctx.assigned(indices) if isinstance(indices, cst.Name) else None
    if made is None or function is None:
        return made is not None  # at the top of a module nobody counts
    words, seen = ctx.words(made), False
    if any(_text(ctx, a.target) in words for a in ctx.within(function, cst.AugAssign)):
        return True
    for assign in ctx.within(function, cst.Assign):
        if ctx.is_within(call, assign):
            return False
        if seen and any(_text(ctx, target.target) in words for target in assign.targets):
            return True
        seen = seen or assign.value is made
    return False


def _column(ctx: Context, node: cst.BaseExpression) -> cst.BaseExpression | None:
    """What `tf.expand_dims(x, 1)` makes a column of."""
    made = ctx.assigned(node) if isinstance(node, cst.Name) else node
    if isinstance(made, cst.Call) and _name(ctx, made) in ("tf.expand_dims", "K.expand_dims"):
        if len(made.args) == 2 and _text(ctx, made.args[1].value) in ("1", "-1"):
            return made.args[0].value
    return None


def _is_range(ctx: Context, node: cst.BaseExpression) -> bool:
    made = ctx.assigned(node) if isinstance(node, cst.Name) else node
    if _name(ctx, made) == "tf.Variable" and isinstance(made, cst.Call) and len(made.args) == 1:
        made = made.args[0].value
    return _name(ctx, made) in RANGES and isinstance(made, cst.Call) and len(made.args) == 1


def _is_argument(ctx: Context, call: cst.Call) -> bool:
    above = ctx.parent(call)
    outer = ctx.parent(above) if isinstance(above, cst.Arg) else None
    return isinstance(outer, cst.Call) and _name(ctx, outer) == "tf.expand_dims"


def _name(ctx: Context, node: cst.BaseExpression | None) -> str:
    if not isinstance(node, cst.Call):
        return ""
    return ctx.symbol(node.func) or _text(ctx, node.func)


def _text(ctx: Context, node: cst.CSTNode) -> str:
    return ctx.module.code_for_node(node)


def _arange(ops: str, new: cst.Call) -> cst.Call:
    inner = cst.ensure_type(new.args[0].value, cst.Call)
    return inner.with_changes(func=cst.parse_expression(f"{ops}.arange"))
