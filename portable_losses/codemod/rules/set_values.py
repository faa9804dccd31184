"""`K.batch_set_value([(v, value) for v in variables])`: an assignment for each."""

from collections.abc import Sequence

import libcst as cst

from portable_losses.codemod._context import Context, Reference


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.symbol != "K.batch_set_value" or ref.definition in ctx.graph:
            continue
        statement = ctx.parent(ref.call)
        line = ctx.parent(statement)
        if not isinstance(statement, cst.Expr) or not isinstance(line, cst.SimpleStatementLine):
            continue
        if len(line.body) > 1 or not _is_loop(ref):
            continue
        ctx.edit(line, _loop)
        ctx.settle(ref, "native")


def _is_loop(ref: Reference) -> bool:
    """Whether it is given pairs for the variables of one loop, without conditions."""
    args: Sequence[cst.Arg] = ref.call.args if ref.call else []
    if len(args) != 1 or args[0].star or not isinstance(args[0].value, cst.ListComp):
        return False
    pairs = args[0].value
    each, loop = pairs.elt, pairs.for_in
    if loop.ifs or loop.inner_for_in or loop.asynchronous or not isinstance(loop.target, cst.Name):
        return False
    if not isinstance(each, cst.Tuple) or len(each.elements) != 2:
        return False
    first, second = each.elements
    same = isinstance(first.value, cst.Name) and first.value.value == loop.target.value
    return same and isinstance(second, cst.Element)


def _loop(line: cst.SimpleStatementLine) -> cst.For:
    statement = line.body[0]
    assert isinstance(statement, cst.Expr) and isinstance(statement.value, cst.Call)
    pairs = statement.value.args[0].value
    assert isinstance(pairs, cst.ListComp) and isinstance(pairs.elt, cst.Tuple)
    variable, value = (element.value for element in pairs.elt.elements)
    assign = cst.Call(cst.Attribute(variable, cst.Name("assign")), [cst.Arg(value)])
    body = cst.SimpleStatementLine([cst.Expr(assign)], trailing_whitespace=line.trailing_whitespace)
    return cst.For(
        pairs.for_in.target,
        pairs.for_in.iter,
        cst.IndentedBlock([body]),
        leading_lines=line.leading_lines,
    )
