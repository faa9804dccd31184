"""What tensors say of themselves: `x.get_shape()[1].value`, `x.get_shape().as_list()`,
`x.shape.ndims`, `x.dtype.base_dtype`."""

import libcst as cst

from portable_losses.codemod._context import Context

NAMES = ("get_shape", "as_list", "value", "ndims", "rank", "base_dtype")


def apply(ctx: Context) -> None:
    # Where no old name is used the shape may be one of another library.
    places = {ref.definition for ref in ctx.references if ref.symbol[:2] in ("K.", "tf")}
    for node in (*ctx.all(cst.Call), *ctx.all(cst.Attribute)):
        if ctx.definition(node) in places - ctx.graph:
            _one(ctx, node)


def _one(ctx: Context, node: cst.Call | cst.Attribute) -> None:
    name = node.attr.value if isinstance(node, cst.Attribute) else ""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        name = node.func.attr.value
    if name not in NAMES:
        return
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and not node.args:
        value = node.func.value
        if name == "get_shape":
            ctx.edit(node, _shape)
            ctx.mark(node)
        elif name == "as_list" and _is_shape(value):
            ctx.edit(node, lambda new: _wrap("list", new.func.value))
            ctx.mark(node)
    elif isinstance(node, cst.Attribute):
        if name == "value" and isinstance(node.value, cst.Subscript):
            if _is_shape(node.value.value):
                ctx.edit(node, lambda new: new.value)
                ctx.mark(node)
        elif name == "base_dtype" and isinstance(node.value, cst.Attribute):
            if node.value.attr.value == "dtype":
                ctx.edit(node, lambda new: new.value)
                ctx.mark(node)
        elif name in ("ndims", "rank") and _is_shape(node.value):
            ctx.edit(node, lambda new: _wrap("len", new.value))
            ctx.mark(node)


def _is_shape(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        return node.func.attr.value == "get_shape"
    return isinstance(node, cst.Attribute) and node.attr.value == "shape"


def _shape(new: cst.Call) -> cst.BaseExpression:
    assert isinstance(new.func, cst.Attribute)
    return new.func.with_changes(attr=cst.Name("shape"))


def _wrap(function: str, value: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.Name(function), [cst.Arg(value)])
