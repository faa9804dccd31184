"""`add_weight("name", (2, 3))`: Keras 3 takes the shape first, and names by keyword."""

import libcst as cst

from portable_losses.codemod._calls import EQUAL
from portable_losses.codemod._context import Context

ORDER = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")


def apply(ctx: Context) -> None:
    for node in ctx.all(cst.Call):
        if not isinstance(node.func, cst.Attribute):
            continue
        name = node.func.attr.value
        first = node.args[0] if node.args else None
        if name == "add_variable":
            ctx.edit(node, _renamed)
            ctx.mark(node)
        if name not in ("add_weight", "add_variable") or first is None or first.keyword:
            continue
        places = [arg for arg in node.args if not arg.keyword and arg.star != "**"]
        if len(places) > len(ORDER) or any(arg.star == "*" for arg in places):
            continue
        has_shape = any(arg.keyword and arg.keyword.value == "shape" for arg in node.args)
        if has_shape or isinstance(first.value, cst.SimpleString | cst.FormattedString):
            ctx.edit(node, _named)
            ctx.mark(node)


def _renamed(new: cst.Call) -> cst.Call:
    assert isinstance(new.func, cst.Attribute)
    return new.with_changes(func=new.func.with_changes(attr=cst.Name("add_weight")))


def _named(new: cst.Call) -> cst.Call:
    args = [
        arg.with_changes(keyword=cst.Name(ORDER[place]), equal=EQUAL)
        if arg.keyword is None and not arg.star
        else arg
        for place, arg in enumerate(new.args)
    ]
    return new.with_changes(args=args)
