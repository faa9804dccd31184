"""`tf.split(x, [4, 1, n], axis=-1)`, by sizes: `ops.split` takes the places of the cuts."""

import functools

import libcst as cst

from portable_losses.codemod import _calls
from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ctx.symbol(ref.node) != "tf.split" or ref.call is None or ref.definition in ctx.graph:
            continue
        names = [arg.keyword.value if arg.keyword else "" for arg in ref.call.args]
        if len(names) not in (2, 3) or names[:2] != ["", ""] or any(a.star for a in ref.call.args):
            continue
        places = _places(ref.call.args[1].value)
        if places is None or set(names[2:]) - {"", "axis"}:
            continue
        new = _calls.atom(cst.Attribute(cst.Name(ctx.need("keras", "ops")), cst.Name("split")))
        ctx.edit(ref.call, functools.partial(_at, new, places))
        ctx.settle(ref, "native")


def _places(sizes: cst.BaseExpression) -> list[int] | None:
    """Where the parts end; of the last one the size need not be known."""
    if not isinstance(sizes, cst.List | cst.Tuple) or len(sizes.elements) < 2:
        return None
    total, places = 0, []
    for element in sizes.elements[:-1]:
        if not isinstance(element.value, cst.Integer):
            return None
        total += element.value.evaluated_value
        places.append(total)
    return places


def _at(function: cst.BaseExpression, places: list[int], new: cst.Call) -> cst.Call:
    given = cst.parse_expression(str(places))
    args = [new.args[0], new.args[1].with_changes(value=given), *new.args[2:]]
    return new.with_changes(func=function, args=args)
