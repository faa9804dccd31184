"""Metrics as functions: Keras 2 made their targets (B, 1) and cast them, Keras 3 does not (S1)."""

import re

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK

RATIO = re.compile(
    r"precision|recall|f1|fbeta|f_score|fscore|f_measure|sensitivity|specificity|mcc|matthews|auc|iou|"
    r"jaccard|dice|tversky|kappa|(?:true|false)_?(?:positive|negative)"
)
METRIC = re.compile(
    rf"{RATIO.pattern}|acc(?:uracy)?(?:_|$)|metric|error_rate|top_?k|(?:^|_)r2(?:_|$)"
)
LOSS = re.compile(r"loss|crossentropy|cross_entropy")


def parameters(function: cst.FunctionDef) -> list[str]:
    return [param.name.value for param in function.params.params]


def uses_old_names(ctx: Context, function: cst.FunctionDef) -> bool:
    roots = {ref.symbol.partition(".")[0] for ref in ctx.references_within(function)}
    return bool(roots & {"K", "tf"})


def is_metric(ctx: Context, function: cst.FunctionDef) -> bool:
    """By its name, or since `compile(metrics=...)` has it."""
    name = function.name.value
    if name in _compiled(ctx, "metrics"):
        return True
    if name in _compiled(ctx, "loss") or LOSS.search(name.lower()):
        return False
    return bool(METRIC.search(name.lower()))


def _compiled(ctx: Context, keyword: str) -> set[str]:
    """The names in `compile(keyword=...)`."""
    if keyword in ctx.memo:
        return ctx.memo[keyword]
    found = ctx.memo[keyword] = set()
    for call in ctx.all(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "compile":
            for arg in call.args:
                if arg.keyword and arg.keyword.value == keyword:
                    found |= {chain.parts[0] for chain in ctx.chains_within(arg)}
    return found


def meets_elementwise(ctx: Context, function: cst.FunctionDef) -> bool:
    """Whether `y_true` and `y_pred` as they came are combined entry by entry."""
    return meeting(ctx, function) == "entries"


def meeting(ctx: Context, function: cst.FunctionDef) -> str:
    """How `y_true` and `y_pred` meet: "entries", "other" (`y_true` with something made of `y_pred`,
    an argmax for one), or ""."""
    first, second, *_ = (name for name in parameters(function) if name != "self")
    if _flattened(ctx, function, first):
        return ""
    alone = _flattened(ctx, function, second)
    chains = [c for c in ctx.chains_within(function) if c.parts[0] in (first, second)]
    found = ""
    nodes = [
        n for kind in (cst.BinaryOperation, cst.Comparison) for n in ctx.within(function, kind)
    ]
    for node in nodes + ctx.within(function, cst.Call):
        if _passes_on(ctx, node):
            continue
        inside = [c for c in chains if ctx.is_within(c.node, node)]
        direct = {c.parts[0] for c in inside if _directly(ctx, c.node, node)}
        if len(direct) == 2:
            return "other" if alone else "entries"
        if direct == {first} and second in {c.parts[0] for c in inside}:
            found = "other"
    return found


def _flattened(ctx: Context, function: cst.FunctionDef, name: str) -> bool:
    for assign in ctx.within(function, cst.Assign):
        target = assign.targets[0].target
        if isinstance(target, cst.Name) and target.value == name and _is_flat(ctx, assign.value):
            return True
    return False


def _is_flat(ctx: Context, node: cst.BaseExpression) -> bool:
    if not isinstance(node, cst.Call):
        return False
    symbol = ctx.symbol(node.func) or ""
    if symbol in ("K.flatten", "K.batch_flatten"):
        return True
    if symbol in ("K.reshape", "tf.reshape"):
        shape = node.args[-1].value  # to one dimension, and not to a column
        return not isinstance(shape, cst.List | cst.Tuple) or len(shape.elements) < 2
    return bool(node.args) and _is_flat(ctx, node.args[0].value)


def _directly(ctx: Context, name: cst.CSTNode, node: cst.CSTNode) -> bool:
    """Whether `name` is an operand of `node`, changed entry by entry at most."""
    above = ctx.parent(name)
    while above is not node:
        if isinstance(above, cst.Call):
            last = (ctx.symbol(above.func) or "").rpartition(".")[2]
            if last not in ENTRYWISE:
                return False
        elif not isinstance(
            above,
            cst.Arg
            | cst.BinaryOperation
            | cst.UnaryOperation
            | cst.Comparison
            | cst.ComparisonTarget,
        ):
            return False
        above = ctx.parent(above)
    return True


ENTRYWISE = (
    "round", "clip", "clip_by_value", "cast", "abs", "square", "log", "exp", "greater", "less",
    "equal", "multiply", "subtract", "add", "pow", "maximum", "minimum", "sigmoid", "greater_equal",
    "to_float",
)  # fmt: skip


def _passes_on(ctx: Context, node: cst.CSTNode) -> bool:
    """A call that hands both to another function, which looks after itself."""
    if not isinstance(node, cst.Call):
        return False
    symbol = ctx.symbol(node.func) or ""
    return symbol.rpartition(".")[2] not in ENTRYWISE or symbol.partition(".")[0] not in ("K", "tf")


def apply(ctx: Context) -> None:
    for function in ctx.all(cst.FunctionDef):
        names = parameters(function)
        if len(names) < 2 or not re.search("true|label|target|gt|^y$", names[0]):
            continue
        if ctx.definition(function) in ctx.graph or not is_metric(ctx, function):
            continue
        if not uses_old_names(ctx, function):
            continue
        if RATIO.search(function.name.value.lower()):
            ctx.silent(
                function, "S16", f"`{function.name.value}` is a ratio for each batch, as before."
            )
        how = meeting(ctx, function)
        if how == "entries":
            guard(ctx, function, names[0], names[1])
        elif how == "other":
            message = (
                f"`{function.name.value}` meets its targets with something else of the outputs."
            )
            ctx.silent(function, "S1", f"{message} Check the shapes.", CHECK)


def guard(
    ctx: Context, function: cst.FunctionDef, y_true: str, y_pred: str, cast: bool = True
) -> None:
    """Make the targets what Keras 2 made them; it cast those of functions alone."""
    message = f"`{function.name.value}` meets its targets entry by entry"
    if not isinstance(function.body, cst.IndentedBlock):
        ctx.silent(function, "S1", f"{message}: give it {y_true} of the shape of {y_pred}.", CHECK)
        return
    test = f"len({y_true}.shape) == 1 and len({y_pred}.shape) == 2"
    if test in ctx.module.code_for_node(function):  # rewritten before
        return
    body = function.body.body
    after_docstring = 1 if function.get_docstring() is not None else 0
    ops = ctx.need("keras", "ops")
    lines = f"if {test}:  # as Keras 2 did\n    {y_true} = {ops}.expand_dims({y_true}, -1)\n"
    if cast:
        lines += f"{y_true} = {ops}.cast({y_true}, {y_pred}.dtype)\n"
    made = cst.parse_module(lines, config=ctx.module.config_for_parsing).body

    def change(new: cst.BaseStatement) -> cst.FlattenSentinel[cst.BaseStatement]:
        return cst.FlattenSentinel([*made, new])

    ctx.edit(body[after_docstring], change)
    ctx.silent(function, "S1", f"{message}; they are made what Keras 2 made them.")
    ctx.mark(function)
