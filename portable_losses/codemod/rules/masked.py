"""Parts that are cut out, `tf.boolean_mask(x, m)`, `tf.gather_nd(x, tf.where(m))` and
`tf.dynamic_partition(x, m, 2)[1]`, of which only sums, means and counts are used: a mask instead.

The entries that were cut out are 1, or what fulfils `x < 0`, so that no gradient is NaN there, and
the mask goes with them to the sum. A function is rewritten as a whole or, where the number of the
entries shows in another way, not at all.
"""

from collections.abc import Callable

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod.rules import _selection
from portable_losses.codemod.rules._masks import Filler, Line, Plan, Unsure
from portable_losses.codemod.rules._selection import CUTS


def apply(ctx: Context) -> None:
    functions = []
    for ref in ctx.references:
        if ref.symbol in CUTS and ref.call is not None and ref.definition not in ctx.graph:
            if ref.symbol != "tf.where" or len(ref.call.args) == 1:
                function = ctx.function(ref.node)
                if function is not None and function not in functions:
                    functions.append(function)
    for function in functions:
        try:
            plan = _selection.read(ctx, function)
        except Unsure:
            continue
        _write(ctx, plan)


def _write(ctx: Context, plan: Plan) -> None:
    ops = ctx.need("keras", "ops")
    masks: dict[cst.CSTNode, cst.BaseExpression] = {}  # what became of a mask that moves
    for node in plan.masks:
        ctx.edit(node, _mask_of)
    for node, (x, filler) in plan.filled.items():
        ctx.edit(node, _filled(ops, masks, node, x, filler))
    for node in plan.partitions:
        ctx.edit(node, lambda new: _labels(new, ops))
    for node, (mask, kind) in plan.reduced.items():
        ctx.edit(node, _reduced(ops, ctx.quote, mask, kind))
    for line, before in plan.before.items():
        ctx.edit(line, _with_lines(ops, before, masks))
    for ref in plan.settled:
        ctx.settle(ref, "native")
    if plan.assumes:
        ctx.find(
            plan.function,
            "masked",
            f"`{plan.function.name.value}` masks what it cut out: {plan.assumes}.",
        )


def _filled(
    ops: str,
    masks: dict[cst.CSTNode, cst.BaseExpression],
    given: cst.CSTNode,
    x: str,
    filler: Filler,
) -> Callable[[cst.BaseExpression], cst.BaseExpression]:
    def change(new: cst.BaseExpression) -> cst.BaseExpression:
        value: cst.BaseExpression = cst.parse_expression(x) if x else cst.Name(filler.mask)
        if isinstance(new, cst.Call) and isinstance(given, cst.Call):
            if len(new.args) > 1:
                masks[filler.moved] = new.args[1].value
            if not x:
                value = new.args[0].value
        if filler.shape:
            value = _call(f"{ops}.reshape(x, {filler.shape.format(ops=ops)})", value)
        if not filler.number:
            return value
        return _call(f"{ops}.where({filler.mask}, x, {filler.number})", value, place=1)

    return change


def _mask_of(new: cst.BaseExpression) -> cst.BaseExpression:
    """The mask of `tf.where(m)` or `tf.where(m)[:, 0]`."""
    where = new.value if isinstance(new, cst.Subscript) else new
    return cst.ensure_type(where, cst.Call).args[0].value


def _labels(new: cst.Call, ops: str) -> cst.BaseExpression:
    return _call(f"{ops}.reshape(x, (-1,))", new.args[1].value)


def _reduced(
    ops: str, quote: str, mask: str, kind: str
) -> Callable[[cst.Call], cst.BaseExpression]:
    def change(new: cst.Call) -> cst.BaseExpression:
        count = f"{ops}.sum({ops}.cast({mask}, {quote}int32{quote}))"
        if kind == "size":
            return cst.parse_expression(count)
        kept = _call(f"{ops}.where({mask}, x, 0)", new.args[0].value, place=1)
        total = _call(f"{ops}.sum(x)", kept)
        if kind == "sum":
            return total
        return _call(f"{ops}.divide(x, {count})", total)

    return change


def _call(text: str, value: cst.BaseExpression, place: int = 0) -> cst.Call:
    """A call with `value` as its argument at `place`."""
    call = cst.ensure_type(cst.parse_expression(text), cst.Call)
    args = list(call.args)
    args[place] = args[place].with_changes(value=value)
    return call.with_changes(args=args)


def _with_lines(
    ops: str, before: list[Line], masks: dict[cst.CSTNode, cst.BaseExpression]
) -> Callable[[cst.SimpleStatementLine], cst.FlattenSentinel[cst.BaseStatement]]:
    def change(new: cst.SimpleStatementLine) -> cst.FlattenSentinel[cst.BaseStatement]:
        lines: list[cst.SimpleStatementLine] = []
        for line in before:
            value = (
                cst.parse_expression(line.text.format(ops=ops)) if line.text else masks[line.node]
            )
            if line.flat:
                value = _call(f"{ops}.reshape(x, (-1,))", value)
            for mask in reversed(line.among):
                value = _call(f"{ops}.logical_and({mask}, x)", value, place=1)
            target = cst.AssignTarget(cst.Name(line.name))
            lines.append(cst.SimpleStatementLine([cst.Assign([target], value)]))
        first = lines[0].with_changes(leading_lines=new.leading_lines)
        return cst.FlattenSentinel([first, *lines[1:], new.with_changes(leading_lines=())])

    return change
