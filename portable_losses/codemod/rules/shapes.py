"""What tensors say of themselves: `x.get_shape()[1].value`, `x.get_shape().as_list()`,
`x.shape.ndims`, `x.dtype.base_dtype`."""

import libcst as cst

from portable_losses.codemod._context import Context


def apply(ctx: Context) -> None:
    # Where no old name is used the shape may be one of another library.
    places = {ref.definition for ref in ctx.references if ref.symbol[:2] in ("K.", "tf")}
    for node in (*ctx.all(cst.Call), *ctx.all(cst.Attribute)):
        if ctx.definition(node) in places - ctx.graph:
            _one(ctx, node)


def _one(ctx: Context, node: cst.Call | cst.Attribute) -> None:
    if isinstance(node, cst.Call):
        if not isinstance(node.func, cst.Attribute) or node.args:
            return
        name = node.func.attr.value
        value = node.func.value
        if name == "get_shape":
            ctx.edit(node, _shape)
            ctx.mark(node)
        elif name == "as_list" and _is_shape(ctx, value, node.func):
            ctx.edit(node, lambda new: _wrap("list", new.func.value))
            ctx.mark(node)
    else:
        name = node.attr.value
        if name == "value" and isinstance(node.value, cst.Subscript):
            if _is_shape(ctx, node.value.value, node):
                ctx.edit(node, lambda new: new.value)
                ctx.mark(node)
        elif name == "base_dtype" and isinstance(node.value, cst.Attribute):
            if node.value.attr.value == "dtype" and node not in ctx.edits:
                ctx.edit(node, lambda new: new.value)
                ctx.mark(node)
        elif name in ("ndims", "rank") and _is_shape(ctx, node.value, node):
            ctx.edit(node, lambda new: _wrap("len", new.value))
            ctx.mark(node)


def _is_shape(ctx: Context, node: cst.BaseExpression, around: cst.BaseExpression) -> bool:
    """Whether it is a shape, or the name of one; `around` is the attribute that is read of it."""
    given: cst.BaseExpression | None = node
    if isinstance(node, cst.Name):
        chain = ctx.names.chains.get(node) or ctx.names.chains.get(around)
        given = ctx.given(chain) if chain else None
    if isinstance(given, cst.Call):
        given = given.func
        return isinstance(given, cst.Attribute) and given.attr.value == "get_shape"
    return isinstance(given, cst.Attribute) and given.attr.value == "shape"


def _shape(new: cst.Call) -> cst.BaseExpression:
    assert isinstance(new.func, cst.Attribute)
    return new.func.with_changes(attr=cst.Name("shape"))


def _wrap(function: str, value: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.Name(function), [cst.Arg(value)])
