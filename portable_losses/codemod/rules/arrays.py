"""`weights * tf.square(x)`: TensorFlow made a tensor of an array or list, PyTorch does not."""

import re
from collections.abc import Callable

import libcst as cst

from portable_losses.codemod._context import MODULE, Context
from portable_losses.codemod.rules.metric_functions import parameters

OPERATIONS = {
    cst.Add: "add",
    cst.Subtract: "subtract",
    cst.Multiply: "multiply",
    cst.Divide: "divide",
}
# What people call an argument that is an array as often as a number.
ARRAY = re.compile(r"weights?(?:_|$)|prior|freq|cost|matrix|_mask|^mask|class_w|pos_w|anchors|^w$")


def apply(ctx: Context) -> None:
    for node in ctx.all(cst.BinaryOperation):
        name = OPERATIONS.get(type(node.operator))
        place = ctx.definition(node)
        if name is None or place == MODULE or place in ctx.graph:
            continue
        sides = (node.left, node.right)
        if not any(_is_array(ctx, side) for side in sides):
            continue
        if not any(_is_tensor(ctx, side) for side in sides):
            continue
        if "#" in ctx.module.code_for_node(node):
            continue
        text = f"{ctx.need('keras', 'ops')}.{name}"
        ctx.edit(node, _call(text))
        ctx.mark(node)


def _call(text: str) -> Callable[[cst.BinaryOperation], cst.Call]:
    def change(new: cst.BinaryOperation) -> cst.Call:
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        args = [cst.Arg(_bare(new.left), comma=comma), cst.Arg(_bare(new.right))]
        return cst.Call(cst.parse_expression(text), args, lpar=new.lpar, rpar=new.rpar)

    return change


def _bare(node: cst.BaseExpression) -> cst.BaseExpression:
    """Without brackets, which those of the call replace."""
    return node.with_changes(lpar=(), rpar=())


def _is_array(ctx: Context, node: cst.BaseExpression) -> bool:
    """An argument by its name, or a name that was given what NumPy made."""
    if not isinstance(node, cst.Name):
        return False
    value = ctx.assigned(node) or _rebound(ctx, node)
    if isinstance(value, cst.Call):
        return ctx.module.code_for_node(value.func).startswith(("np.", "numpy."))
    if isinstance(value, cst.List):
        return True
    return bool(ARRAY.search(node.value)) and _parameter(ctx, node) is not None


def _rebound(ctx: Context, name: cst.Name) -> cst.BaseExpression | None:
    """What an argument is made before it is used: `alpha = np.array(alpha)`."""
    for above in ctx.ancestors(name):
        if isinstance(above, cst.FunctionDef) and name.value in parameters(above):
            assigns = ctx.within(above, cst.Assign)
            given = [a for a in assigns if getattr(a.targets[0].target, "value", "") == name.value]
            return given[0].value if len(given) == 1 else None
    return None


def _parameter(ctx: Context, name: cst.Name) -> cst.Param | None:
    """The argument that a name is, without a default that is a number."""
    for above in ctx.ancestors(name):
        if isinstance(above, cst.FunctionDef):
            for param in (*above.params.params, *above.params.kwonly_params):
                if param.name.value == name.value:
                    plain = isinstance(param.default, cst.Integer | cst.Float)
                    return None if plain else param
    return None


def _is_tensor(ctx: Context, node: cst.BaseExpression) -> bool:
    """Made by an old operation, or by one from such, or from the targets and outputs."""
    if isinstance(node, cst.Call):
        return (ctx.symbol(node.func) or "").partition(".")[0] in ("K", "tf")
    if isinstance(node, cst.BinaryOperation):
        return _is_tensor(ctx, node.left) or _is_tensor(ctx, node.right)
    if isinstance(node, cst.UnaryOperation):
        return _is_tensor(ctx, node.expression)
    if isinstance(node, cst.Name):
        value = ctx.assigned(node)
        if value is None:
            return node.value in ("y_true", "y_pred")
        return isinstance(value, cst.Call | cst.BinaryOperation) and _is_tensor(ctx, value)
    return False
