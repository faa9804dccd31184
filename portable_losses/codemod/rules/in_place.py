"""`y_pred /= total` on an argument: a new tensor in TensorFlow and JAX, but PyTorch writes into the
caller's."""

import functools

import libcst as cst

from portable_losses.codemod._context import Context

OPERATORS = {
    cst.AddAssign: cst.Add,
    cst.SubtractAssign: cst.Subtract,
    cst.MultiplyAssign: cst.Multiply,
    cst.DivideAssign: cst.Divide,
    cst.PowerAssign: cst.Power,
}


def apply(ctx: Context) -> None:
    places = {r.definition for r in ctx.references if r.symbol.partition(".")[0] in ("K", "tf")}
    for node in ctx.all(cst.AugAssign):
        kind = OPERATORS.get(type(node.operator))
        function = ctx.function(node)
        if kind is None or function is None or not isinstance(node.target, cst.Name):
            continue
        if ctx.definition(node) not in places - ctx.graph:
            continue
        if not _from_caller(ctx, node.target.value, function):
            continue
        ctx.edit(node, functools.partial(_assigned, kind()))
        ctx.find(
            node,
            "in place",
            f"`{node.target.value}` is an argument: written as an assignment, since PyTorch would "
            "change the caller's tensor. y_pred = [0.2, 0.2], divided by its sum in place, left "
            "[0.5, 0.5] for the next metric.",
        )
        ctx.mark(node)


def _from_caller(ctx: Context, name: str, function: cst.FunctionDef) -> bool:
    """Whether a name may still hold what the caller gave, or what hides behind it."""
    names = {
        param.name.value for param in (*function.params.params, *function.params.kwonly_params)
    }
    if name in names:
        return True
    for assign in ctx.within(function, cst.Assign):
        if any(getattr(target.target, "value", None) == name for target in assign.targets):
            value = assign.value
            # A cast to the same dtype, a reshape or an identity may be the same memory.
            while isinstance(value, cst.Call) and value.args:
                last = (ctx.symbol(value.func) or "").rpartition(".")[2]
                if last not in ("cast", "reshape", "flatten", "identity", "convert_to_tensor"):
                    break
                value = value.args[0].value
            if isinstance(value, cst.Name) and value.value in names:
                return True
    return False


def _assigned(operator: cst.BaseBinaryOp, new: cst.AugAssign) -> cst.Assign:
    assert isinstance(new.target, cst.Name)
    right = new.value
    if isinstance(right, cst.BinaryOperation | cst.Comparison | cst.BooleanOperation | cst.IfExp):
        if not right.lpar:
            right = right.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    value = cst.BinaryOperation(new.target, operator, right)
    return cst.Assign([cst.AssignTarget(new.target)], value, semicolon=new.semicolon)
