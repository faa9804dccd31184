"""`compile(loss=focal_loss(2.0))`: a closure, which a saved model cannot find again. Where a
factory makes the same of the same arguments, the model keeps these, by `saved_factory`."""

import re
from collections.abc import Iterator

import libcst as cst

from portable_losses.codemod._conditions import only_read
from portable_losses.codemod._context import Context
from portable_losses.codemod._tree import children
from portable_losses.codemod.rules.metric_functions import LOSS, METRIC
from portable_losses.codemod.rules.state import VARIABLES

# What a loss or metric calls its first two arguments.
TRUE = re.compile(r"true|label|target|truth|actual|^gt|^y_?t?$|^t$")
PRED = re.compile(r"pred|output|logit|prob|score|embed|hat|^y_?p$|^p$")
# Arguments that are no values but tensors of a batch, layers or models.
TENSOR = re.compile(
    r"(?<!from_)logit|^labels?(?!_smooth)|^y_?(true|pred)|^(in|out)puts?|^(layer|tensor|model|network)"
)
# What arguments that are arrays, lists and dicts are asked for.
OF_VALUES = {"shape", "ndim", "size", "dtype", "astype", "T", "get", "items", "keys", "values"}
# A part of a model, which is no value.
OF_MODELS = {"input", "inputs", "output", "outputs", "layers"}


def apply(ctx: Context) -> None:
    old = any(ref.symbol.partition(".")[0] in ("K", "tf") for ref in ctx.references)
    made: dict[str, cst.FunctionDef] = {}
    for function in ctx.all(cst.FunctionDef):
        if not isinstance(ctx.parent(function), cst.Module) or function.asynchronous:
            continue
        if not (closures := _closures(ctx, function)):
            continue
        named = LOSS.search(function.name.value) or METRIC.search(function.name.value)
        are_losses = all(_is_loss(closure, bool(named)) for closure in closures)
        if old and are_losses and not function.decorators and _is_repeatable(ctx, function):
            _decorate(ctx, function)
        else:
            made[function.name.value] = function
    _compiled(ctx, made)


def _decorate(ctx: Context, function: cst.FunctionDef) -> None:
    name = ctx.need("portable_losses.losses", "saved_factory")
    ctx.edit(function, lambda new: new.with_changes(decorators=[cst.Decorator(cst.Name(name))]))
    ctx.mark(function)
    ctx.find(
        function,
        "factory",
        f"A saved model now finds what `{function.name.value}` makes, by its arguments. It is "
        "called as before, with the same numbers.",
    )


def _compiled(ctx: Context, makers: dict[str, cst.FunctionDef]) -> None:
    for call in ctx.all(cst.Call):
        if not (isinstance(call.func, cst.Attribute) and call.func.attr.value == "compile"):
            continue
        for arg in call.args:
            made = arg.value
            name = getattr(getattr(made, "func", None), "value", "")
            if not isinstance(made, cst.Call) or name not in makers:
                continue
            names = [param.name.value for param in makers[name].params.params]
            given = [
                f"{a.keyword.value if a.keyword else names[place]}="
                f"{ctx.module.code_for_node(a.value)}"
                for place, a in enumerate(made.args)
                if not a.star and (a.keyword or place < len(names))
            ]
            ctx.find(
                made,
                "factory",
                f"`{name}` makes a closure: it trains, but a saved model cannot find it again. "
                + (
                    "Load it by `load_model(path, compile=False)`, and compile it anew."
                    if makers[name] in ctx.tracked
                    else f"`portable_losses.losses.as_loss({', '.join([name, *given])})` saves "
                    "with its settings."
                ),
            )


def _own(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """What runs when a function is called, without the functions that it defines."""
    for child in children(node):
        yield child
        if not isinstance(child, cst.FunctionDef | cst.Lambda | cst.ClassDef):
            yield from _own(child)


def _closures(ctx: Context, function: cst.FunctionDef) -> list[cst.FunctionDef | cst.Lambda]:
    """The functions that it returns, if it returns nothing else."""
    if "lambda" not in ctx.source and not ctx.within(function, cst.FunctionDef):
        return []
    own = list(_own(function.body))
    inner = {f.name.value: f for f in own if isinstance(f, cst.FunctionDef)}
    found: list[cst.FunctionDef | cst.Lambda] = []
    for node in own:
        if isinstance(node, cst.Yield | cst.Await):
            return []
        if isinstance(node, cst.Return):
            value = node.value
            closure = inner.get(value.value) if isinstance(value, cst.Name) else value
            if not isinstance(closure, cst.FunctionDef | cst.Lambda):
                return []
            found.append(closure)
    return found


def _is_loss(function: cst.FunctionDef | cst.Lambda, named: bool) -> bool:
    names = [param.name.value.lower() for param in function.params.params]
    rest = (*function.params.params[2:], *function.params.kwonly_params)
    if len(names) < 2 or any(param.default is None for param in rest):
        return False
    true, pred = names[:2]
    pairs = ((true, pred), (pred, true))
    return named or any(TRUE.search(one) and PRED.search(other) for one, other in pairs)


def _is_repeatable(ctx: Context, function: cst.FunctionDef) -> bool:
    """Whether another call with the same arguments makes the same, and these are values."""
    name = function.name.value
    if name in ctx.graph | ctx.losses.keys() | ctx.centers.keys() or ctx.edits.get(function):
        return False
    if function in ctx.tracked:  # it is handed a variable
        return False
    own = set(_own(function.body))
    for ref in ctx.references_within(function):
        if ref.node not in own:
            continue
        symbol = ctx.symbol(ref.node) or ref.symbol
        if "random" in symbol or (symbol in VARIABLES and not _is_constant(ctx, ref.call)):
            return False
        if symbol.startswith(("keras.layers.", "keras.models.")) and "Pool" not in symbol:
            return False
    parameters = {p.name.value for p in (*function.params.params, *function.params.kwonly_params)}
    if any(map(TENSOR.search, parameters)):
        return False
    for chain in ctx.chains_within(function):
        first, *rest = chain.parts
        if "random" in rest or (first in parameters and not _is_value(ctx, chain.node, rest)):
            return False
    if any(isinstance(node, cst.Nonlocal | cst.Global) for node in _all(function.body)):
        return False
    return all(_are_values(ctx, call) for call in ctx.all(cst.Call) if _calls(call, name))


def _all(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for child in children(node):
        yield child
        yield from _all(child)


def _is_constant(ctx: Context, call: cst.Call | None) -> bool:
    return call is not None and only_read(ctx, call)


def _is_value(ctx: Context, node: cst.BaseExpression, rest: list[str]) -> bool:
    """Whether a parameter is used as a number, an array or a dict is."""
    above = ctx.parent(node)
    called = isinstance(above, cst.Call) and above.func is node
    return rest[0] in OF_VALUES if rest else not called


def _calls(call: cst.Call, name: str) -> bool:
    return isinstance(call.func, cst.Name) and call.func.value == name


def _are_values(ctx: Context, call: cst.Call) -> bool:
    return not any(_is_no_value(ctx, arg.value, 3) for arg in call.args)


def _is_no_value(ctx: Context, node: cst.BaseExpression, depth: int) -> bool:
    """Whether it surely is, or has, a variable, a model, a layer's tensor or a function."""
    if isinstance(node, cst.Attribute):
        return node.attr.value in OF_MODELS
    if isinstance(node, cst.Lambda):
        return True
    if isinstance(node, cst.Name):
        given = ctx.assigned(node)
        return given is not None and depth > 0 and _is_no_value(ctx, given, depth - 1)
    if isinstance(node, cst.Call):
        symbol = ctx.symbol(node.func) or ""
        return isinstance(node.func, cst.Call) or symbol.startswith("keras.") or symbol in VARIABLES
    if isinstance(node, cst.List | cst.Tuple):
        return any(_is_no_value(ctx, element.value, depth) for element in node.elements)
    return False
