"""`y_pred /= total` on an argument: a new tensor in TensorFlow and JAX, but PyTorch writes into the
caller's; or into what it kept for a gradient, which then fails."""

import functools

import libcst as cst

from portable_losses.codemod._calls import atom
from portable_losses.codemod._context import Context
from portable_losses.codemod._scope import bound

OPERATORS = {
    cst.AddAssign: cst.Add,
    cst.SubtractAssign: cst.Subtract,
    cst.MultiplyAssign: cst.Multiply,
    cst.DivideAssign: cst.Divide,
    cst.PowerAssign: cst.Power,
    cst.FloorDivideAssign: cst.FloorDivide,
    cst.ModuloAssign: cst.Modulo,
    cst.BitAndAssign: cst.BitAnd,
    cst.BitOrAssign: cst.BitOr,
    cst.BitXorAssign: cst.BitXor,
}
# What gives the memory that it was given, or a part of it: a cast to the same dtype does too.
VIEWS = (
    "cast", "reshape", "flatten", "batch_flatten", "identity", "convert_to_tensor", "squeeze",
    "expand_dims", "transpose", "permute_dimensions", "stop_gradient", "split", "unstack",
)  # fmt: skip
# Whose value PyTorch keeps for the gradient.
KEPT = (
    "exp", "sqrt", "sigmoid", "softmax", "log_softmax", "tanh", "relu", "rsqrt", "prod",
    "reduce_prod", "max", "reduce_max", "min", "reduce_min", "std", "reduce_std", "cumprod",
    "logsumexp", "reduce_logsumexp", "norm", "pow", "reciprocal",
)  # fmt: skip


def apply(ctx: Context) -> None:
    places = {r.definition for r in ctx.references if r.symbol.partition(".")[0] in ("K", "tf")}
    for node in ctx.all(cst.AugAssign):
        kind = OPERATORS.get(type(node.operator))
        function = ctx.function(node)
        if kind is None or function is None or not isinstance(node.target, cst.Name):
            continue
        if ctx.definition(node) not in places - ctx.graph:
            continue
        if _from_caller(ctx, node.target.value, function):
            message = (
                f"`{node.target.value}` is an argument, or a part of one: written as an "
                "assignment, since PyTorch would change the caller's tensor. y_pred = [0.2, 0.2], "
                "divided by its sum in place, left [0.5, 0.5] for the next metric."
            )
        elif _is_kept(ctx, node.target.value, function):
            message = (
                f"`{node.target.value}` is written as an assignment: PyTorch takes no gradient "
                "where it is changed in place."
            )
        else:
            continue
        ctx.edit(node, functools.partial(_assigned, kind()))
        ctx.find(node, "in place", message)
        ctx.mark(node)


def _from_caller(ctx: Context, name: str, function: cst.FunctionDef) -> bool:
    """Whether a name may still hold what the caller gave, or what hides behind it."""
    given = {
        param.name.value for param in (*function.params.params, *function.params.kwonly_params)
    }
    names = [name]  # and those whose memory it may be
    for one in names:
        if one in given:
            return True
        for assign in ctx.within(function, cst.Assign):
            if any(one in bound(target.target) for target in assign.targets):
                names += [n for n in _shown(ctx, assign.value) if n not in names]
    return False


def _is_kept(ctx: Context, name: str, function: cst.FunctionDef) -> bool:
    return any(
        name in bound(target.target) and _operation(ctx, assign.value) in KEPT
        for assign in ctx.within(function, cst.Assign)
        for target in assign.targets
    )


def _operation(ctx: Context, value: cst.BaseExpression) -> str:
    symbol = ctx.symbol(value.func) if isinstance(value, cst.Call) else None
    return (symbol or "").rpartition(".")[2]


def _shown(ctx: Context, value: cst.BaseExpression) -> list[str]:
    """The name whose memory a value may be."""
    while True:
        if isinstance(value, cst.Subscript):
            value = value.value
        elif isinstance(value, cst.Call) and value.args:
            if _operation(ctx, value) not in VIEWS:
                return []
            value = value.args[0].value
        else:
            return [value.value] if isinstance(value, cst.Name) else []


def _assigned(operator: cst.BaseBinaryOp, new: cst.AugAssign) -> cst.Assign:
    assert isinstance(new.target, cst.Name)
    right = new.value
    if not isinstance(right, cst.UnaryOperation) or isinstance(right.operator, cst.Not):
        right = atom(right)
    value = cst.BinaryOperation(new.target, operator, right)
    return cst.Assign([cst.AssignTarget(new.target)], value, semicolon=new.semicolon)
