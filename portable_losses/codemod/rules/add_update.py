"""`self.add_update((variable, value))` is an assignment in training (S12)."""

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._moved import moved
from portable_losses.codemod._result import CHECK, STOP
from portable_losses.codemod._scope import bound
from portable_losses.codemod.rules.keras2 import LAYER, through_keras2
from portable_losses.codemod.rules.layer_metrics import FOUND

ASSIGN = {
    "K.update": "assign",
    "tf.assign": "assign",
    "K.update_add": "assign_add",
    "tf.assign_add": "assign_add",
    "K.update_sub": "assign_sub",
    "tf.assign_sub": "assign_sub",
}
# How an update is written, and the method that does it now.
Update = tuple[cst.BaseExpression, str]


def apply(ctx: Context) -> None:
    for call in ctx.all(cst.Call):
        if not (isinstance(call.func, cst.Attribute) and call.func.attr.value == "add_update"):
            continue
        if ctx.definition(call) in ctx.memo.get(FOUND, ()):
            continue
        methods = _methods(ctx, call.args[0].value) if call.args else None
        statement = ctx.parent(ctx.parent(call))
        function = ctx.function(call)
        last = function.body.body[-1] if function else None
        if (
            methods is None
            or function is None
            or function.name.value != "call"
            or not isinstance(ctx.parent(ctx.parent(function)), cst.ClassDef)
            or not isinstance(ctx.parent(call), cst.Expr)
            or not isinstance(statement, cst.SimpleStatementLine)
            or len(statement.body) != 1
            or not isinstance(last, cst.SimpleStatementLine)
            or not isinstance(last.body[-1], cst.Return)
            or statement not in function.body.body
            or _rebound(ctx, call, function)
        ):
            text = "in `call`, compute the loss first, then `if training: variable.assign(value)`."
            if _through_keras2(ctx, call):
                text = f"runs through compat.keras2.layers.Layer, in training. Better: {text}"
                ctx.silent(call, "S12", f"`add_update` {text}", CHECK)
            else:
                ctx.silent(call, "S12", f"`add_update`: {text}", STOP)
            continue
        for ref in ctx.references:
            if ref.symbol in ASSIGN and call in ctx.ancestors(ref.node):
                ctx.settle(ref, "native")
        _restructure(ctx, function, statement, last, methods)
        message = (
            "`add_update` became an assignment in training, after the loss was computed. Where it "
            "was dropped (tf.keras 2) the variable begins to move."
        )
        ctx.silent(call, "S12", message)
        ctx.mark(call)


def _through_keras2(ctx: Context, call: cst.Call) -> bool:
    """Give the layer around an update the base that has `add_update`, if its base is Keras' own."""
    owner = next((n for n in ctx.ancestors(call) if isinstance(n, cst.ClassDef)), None)
    bases = [base.value for base in owner.bases] if owner else []
    for ref in ctx.references:
        if ref.node in bases and moved(ref.symbol)[0] == LAYER:
            through_keras2(ctx, ref, LAYER)
            return True
    return False


def _methods(ctx: Context, node: cst.BaseExpression) -> list[str] | None:
    """The method of each update; None if one is written in a way that is not known."""
    if isinstance(node, cst.List):
        inner = [_methods(ctx, element.value) for element in node.elements]
        if any(methods is None for methods in inner):
            return None
        return [method for methods in inner for method in methods or ()]
    if isinstance(node, cst.Tuple) and len(node.elements) == 2:
        return ["assign"]
    if isinstance(node, cst.Call) and len(node.args) == 2:
        method = ASSIGN.get(ctx.symbol(node.func) or "")
        return [method] if method else None
    return None


def _operands(node: cst.BaseExpression) -> list[tuple[cst.BaseExpression, cst.BaseExpression]]:
    if isinstance(node, cst.List):
        return [pair for element in node.elements for pair in _operands(element.value)]
    parts = node.elements if isinstance(node, cst.Tuple) else getattr(node, "args", ())
    first, second = (part.value for part in parts)
    return [(first, second)]


def _rebound(ctx: Context, call: cst.Call, function: cst.FunctionDef) -> bool:
    """Whether a name in the update gets another value after it."""
    nodes = list(ctx.names.parents)
    inside = {c.parts[0] for c in ctx.chains_within(call)}
    later = nodes[nodes.index(call) :]
    return any(
        inside & {name for target in _targets(node) for name in bound(target)}
        for node in later
        if ctx.is_within(node, function)
    )


def _targets(node: cst.CSTNode) -> list[cst.BaseExpression]:
    if isinstance(node, cst.Assign):
        return [target.target for target in node.targets]
    if isinstance(node, cst.AugAssign | cst.AnnAssign | cst.NamedExpr | cst.For):
        return [node.target]
    return [node.name] if isinstance(node, cst.AsName) else []


def _restructure(
    ctx: Context,
    function: cst.FunctionDef,
    statement: cst.SimpleStatementLine,
    last: cst.SimpleStatementLine,
    methods: list[str],
) -> None:
    kept: list[cst.BaseStatement] = []

    def take(new: cst.SimpleStatementLine) -> cst.RemovalSentinel:
        expression = new.body[0]
        assert isinstance(expression, cst.Expr) and isinstance(expression.value, cst.Call)
        pairs = _operands(expression.value.args[0].value)
        for method, (variable, value) in zip(methods, pairs, strict=True):
            call = cst.Call(cst.Attribute(variable, cst.Name(method)), [cst.Arg(value)])
            kept.append(cst.SimpleStatementLine([cst.Expr(call)]))
        kept[0] = kept[0].with_changes(leading_lines=new.leading_lines)
        return cst.RemoveFromParent()

    def put(new: cst.SimpleStatementLine) -> cst.FlattenSentinel[cst.BaseStatement]:
        moves = cst.If(cst.Name("training"), cst.IndentedBlock(kept))
        returned = new.body[-1]
        assert isinstance(returned, cst.Return)
        value = returned.value
        if value is None or isinstance(value, cst.Name):
            return cst.FlattenSentinel([moves, new])
        # What is returned is computed before the variable moves.
        result = cst.Assign([cst.AssignTarget(cst.Name("result"))], value)
        before = cst.SimpleStatementLine([*new.body[:-1], result], leading_lines=new.leading_lines)
        after = cst.SimpleStatementLine(
            [returned.with_changes(value=cst.Name("result"))],
            trailing_whitespace=new.trailing_whitespace,
        )
        return cst.FlattenSentinel([before, moves, after])

    ctx.edit(statement, take)
    ctx.edit(last, put)
    names = [
        param.name.value for param in (*function.params.params, *function.params.kwonly_params)
    ]
    if "training" not in names and function not in ctx.edits:
        ctx.edit(function, _with_training)


def _with_training(new: cst.FunctionDef) -> cst.FunctionDef:
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    added = cst.Param(cst.Name("training"), default=cst.Name("None"), equal=equal)
    params = new.params.with_changes(params=[*new.params.params, added])
    return new.with_changes(params=params)
