"""`alpha = K.variable(0.)`, which a loss reads and a callback sets: on JAX a compiled step keeps
the value that it had then. The model becomes a `StateModel`, which gives each step the variable."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import libcst as cst

from portable_losses.codemod._context import Context, Reference
from portable_losses.codemod._result import CHECK, NOTE
from portable_losses.codemod._scope import Chain, Scope
from portable_losses.codemod.rules.metric_functions import parameters
from portable_losses.codemod.rules.state import VARIABLES

SETTERS = ("K.set_value", "K.batch_set_value")
# What old code ran, if at all, beside the loss.
UPDATES = (
    "K.update", "K.update_add", "K.update_sub", "K.moving_average_update",
    "tf.assign", "tf.assign_add", "tf.assign_sub",
)  # fmt: skip
BATCH = re.compile(r"on_(train_)?batch_(begin|end)$")
# What is the same of the model and of the StateModel around it.
SAME = {
    "compile", "fit", "fit_generator", "evaluate", "evaluate_generator", "predict",
    "predict_generator", "predict_on_batch", "train_on_batch", "test_on_batch", "layers",
    "get_layer", "summary", "stop_training", "optimizer",
}  # fmt: skip
FROZEN = (
    "On JAX a compiled step keeps the value that it had when it was compiled: losses of three "
    "epochs that Keras 2 gave as 1, 2, 3 came out as 1, 1, 1, without an error."
)


@dataclass(eq=False)
class Variable:
    """`names` has what it is called, and where: it is handed to functions under names of theirs."""

    name: str
    ref: Reference
    names: dict[Scope, str]
    uses: list[Chain]
    functions: list[cst.FunctionDef] = field(default_factory=list)  # that it is handed to

    def seen(self, scope: Scope) -> str:
        """What it is called in a scope, or ""."""
        return next((n for s, n in self.names.items() if scope.find(n) is s), "")


def apply(ctx: Context) -> None:
    _in_classes(ctx)
    variables = [v for v in _variables(ctx) if _is_set(ctx, v)]
    if not variables:
        return
    tracked: set[Variable] = set()
    for call in ctx.all(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "compile":
            read = [v for v in variables if _reads(ctx, call, v, set())]
            if read and all(_may_be_made(ctx, v) for v in read) and _wrap(ctx, call, read):
                tracked |= {*read}
    for variable in variables:
        ctx.tracked |= {variable.ref.node, *variable.functions}
        if variable in tracked:
            _make(ctx, variable)
        elif _in_a_loss(ctx, variable):
            ctx.find(
                variable.ref.node,
                "variable",
                f"`{variable.name}` is set while a loss reads it, and no model tracks it. {FROZEN} "
                "Make it `keras.Variable(value, trainable=False)`, and before `compile` write "
                f"`model = portable_losses.training.StateModel(model, [{variable.name}])`.",
                CHECK,
            )
        else:
            ctx.tracked.discard(variable.ref.node)
    if tracked:
        _between_batches(ctx)


# Which variables ------------------------------------------------------------------------------


def _variables(ctx: Context) -> Iterator[Variable]:
    for ref in ctx.references:
        symbol = ctx.symbol(ref.node) or ref.symbol
        if symbol not in VARIABLES or ref.call is None or ref.definition in ctx.graph:
            continue
        name, scope = _name(ctx, ref.call), ctx.names.chains[ref.node].scope
        if scope.kind in ("module", "function") and len(scope.bindings.get(name, ())) == 1:
            found = Variable(name, ref, {scope: name}, _uses(ctx, name, scope))
            _follow(ctx, found, found.uses)
            yield found


def _uses(ctx: Context, name: str, scope: Scope) -> list[Chain]:
    chains = ctx.names.chains.values()
    return [c for c in chains if c.parts[0] == name and c.scope.find(name) is scope]


def _follow(ctx: Context, variable: Variable, uses: list[Chain]) -> None:
    """Into the functions of the file that it is handed to."""
    for chain in uses:
        arg = ctx.parent(chain.node)
        call = ctx.parent(arg)
        if not isinstance(arg, cst.Arg) or not isinstance(call, cst.Call):
            continue
        function = _function(ctx, call)
        name = _parameter(function, call, arg) if function else ""
        if function is None or not name:
            continue
        for inner in ctx.chains_within(function):
            scope = inner.scope.find(name)
            if inner.parts[0] == name and scope and scope.kind == "function":
                if scope not in variable.names and len(scope.bindings[name]) == 1:
                    variable.names[scope] = name
                    variable.functions += [function]
                    more = _uses(ctx, name, scope)
                    variable.uses += more
                    _follow(ctx, variable, more)


def _function(ctx: Context, call: cst.Call) -> cst.FunctionDef | None:
    """The function at the top that is called."""
    found = [
        f
        for f in ctx.all(cst.FunctionDef)
        if isinstance(call.func, cst.Name) and f.name.value == call.func.value
    ]
    return found[0] if len(found) == 1 and isinstance(ctx.parent(found[0]), cst.Module) else None


def _parameter(function: cst.FunctionDef, call: cst.Call, arg: cst.Arg) -> str:
    """The parameter that an argument is given to."""
    names = parameters(function)
    if arg.keyword:
        return arg.keyword.value if arg.keyword.value in names else ""
    place = list(call.args).index(arg)
    starred = any(a.star for a in call.args[: place + 1])
    return names[place] if place < len(names) and not starred else ""


def _name(ctx: Context, value: cst.Call) -> str:
    """The name that a value is given to, alone or as one of several."""
    above = ctx.parent(value)
    place = -1
    if isinstance(above, cst.Element):
        values = ctx.parent(above)
        if isinstance(values, cst.Tuple):
            place = list(values.elements).index(above)
        above = ctx.parent(values)
    if not isinstance(above, cst.Assign) or len(above.targets) > 1:
        return ""
    target: cst.BaseExpression = above.targets[0].target
    if place >= 0 and isinstance(target, cst.Tuple) and place < len(target.elements):
        target = target.elements[place].value
    return target.value if isinstance(target, cst.Name) else ""


def _is_set(ctx: Context, variable: Variable) -> bool:
    """Whether it is given values, here or by what it is handed to; and not by the loss itself."""
    found = False
    for chain in variable.uses:
        above = ctx.parent(chain.node)
        call = ctx.parent(above) if isinstance(above, cst.Arg) else above
        if not isinstance(call, cst.Call):
            continue
        symbol = ctx.symbol(call.func) or ""
        sets = symbol in SETTERS or (call.func is chain.node and chain.parts[-1] == "assign")
        if symbol in UPDATES or (sets and _is_loss(ctx.function(call))):
            return False
        handed = isinstance(above, cst.Arg) and not symbol and _text(ctx, call.func)[:1].isupper()
        found |= sets or (handed and _sets_anything(ctx))
    return found


def _is_loss(function: cst.FunctionDef | None) -> bool:
    return function is not None and len({"y_true", "y_pred"} & {*parameters(function)}) == 2


def _sets_anything(ctx: Context) -> bool:
    return any(ref.symbol in SETTERS for ref in ctx.references) or ".assign(" in ctx.source


def _text(ctx: Context, node: cst.CSTNode) -> str:
    return ctx.module.code_for_node(node).rpartition(".")[2]


def _reads(ctx: Context, node: cst.CSTNode, variable: Variable, seen: set[cst.CSTNode]) -> bool:
    """Whether code reads the variable, by itself or by the functions and values that it names."""
    if node in seen:
        return False
    seen.add(node)
    for chain in ctx.chains_within(node):
        if chain in variable.uses:
            return True
        name = chain.parts[0]
        functions = [f for f in ctx.all(cst.FunctionDef) if f.name.value == name]
        parts = functions if len(functions) == 1 else []
        if (given := ctx.given(chain)) is not None:
            parts = [ctx.parent(given) or given]
        if any(_reads(ctx, part, variable, seen) for part in parts):
            return True
    return False


def _in_a_loss(ctx: Context, variable: Variable) -> bool:
    return any(
        _is_loss(function) and _reads(ctx, function, variable, set())
        for function in ctx.all(cst.FunctionDef)
    ) or any(
        isinstance(call.func, cst.Attribute)
        and call.func.attr.value == "compile"
        and _reads(ctx, call, variable, set())
        for call in ctx.all(cst.Call)
    )


def _in_classes(ctx: Context) -> None:
    """`self.alpha = K.variable(...)` of a loss, or of a class that has one: nothing tracks it."""
    for ref in ctx.references:
        symbol = ctx.symbol(ref.node) or ref.symbol
        if symbol not in VARIABLES or ref.definition in ctx.graph or not _sets_anything(ctx):
            continue
        owner = ctx.parent(ctx.parent(ctx.function(ref.node)))
        assign = ctx.parent(ref.call)
        if not isinstance(owner, cst.ClassDef) or not isinstance(assign, cst.Assign):
            continue
        attribute = assign.targets[0].target
        if isinstance(attribute, cst.Attribute) and _has_loss(ctx, owner, attribute.attr.value):
            name = ctx.module.code_for_node(attribute)
            ctx.find(
                ref.node,
                "variable",
                f"`{name}` is set while a loss reads it, and no model tracks it. {FROZEN} "
                "Make it `keras.Variable(value, trainable=False)`, and before `compile` write "
                f"`model = portable_losses.training.StateModel(model, [{name}])`.",
                CHECK,
            )


def _has_loss(ctx: Context, owner: cst.ClassDef, name: str) -> bool:
    """Whether the class is a loss of Keras, or a loss in it reads the attribute."""
    bases = [ctx.symbol(base.value) or ctx.module.code_for_node(base.value) for base in owner.bases]
    if bases not in ([], ["object"]):  # a layer or a metric tracks its own
        return any(base.startswith("keras.losses.") for base in bases)
    return any(
        chain.parts[1:2] == (name,)
        for function in ctx.within(owner, cst.FunctionDef)
        if _is_loss(function)
        for chain in ctx.chains_within(function)
    )


# What becomes of them -------------------------------------------------------------------------


def _may_be_made(ctx: Context, variable: Variable) -> bool:
    """Whether `keras.Variable` can be written for it."""
    call = variable.ref.call
    symbol = ctx.symbol(variable.ref.node)
    if call is None or symbol not in ("K.variable", "tf.Variable") or not call.args:
        return False
    first, *rest = call.args
    value = first.keyword is None or first.keyword.value in ("value", "initial_value")
    given = {arg.keyword.value if arg.keyword else "" for arg in rest}
    typed = symbol == "K.variable" or "dtype" in given or isinstance(first.value, cst.Float)
    return value and not first.star and typed and given <= {"dtype", "name", "trainable"}


def _make(ctx: Context, variable: Variable) -> None:
    call = variable.ref.call
    assert call is not None
    keras = ctx.need("", "keras")
    quoted = f"{ctx.quote}{variable.name}{ctx.quote}"
    ctx.settle(variable.ref, "native")

    def change(new: cst.Call) -> cst.Call:
        value = new.args[0].value
        given = {a.keyword.value: a.value for a in new.args[1:] if a.keyword}
        text = f"{keras}.Variable(x, trainable=False, name={quoted})"
        if isinstance(value, cst.Integer) and "dtype" not in given:
            value = cst.Float(f"{value.value}.0")
        if "dtype" not in given and not isinstance(value, cst.Float):
            text = text.replace("x,", f"x, dtype={keras}.config.floatx(),")
        elif "dtype" in given:
            text = text.replace("x,", "x, dtype=d,")
        made = cst.ensure_type(cst.parse_expression(text), cst.Call)
        filled = {"name": given.get("name"), "dtype": given.get("dtype")}
        args = [made.args[0].with_changes(value=value)]
        for arg in made.args[1:]:
            old = filled.get(arg.keyword.value) if arg.keyword else None
            args.append(arg.with_changes(value=old) if old is not None else arg)
        return made.with_changes(args=args)

    ctx.edit(call, change)
    _convert(ctx, variable)


def _convert(ctx: Context, variable: Variable) -> None:
    """An operation takes a tensor; not each of them takes a variable, on each backend."""
    for chain in variable.uses:
        arg = ctx.parent(chain.node)
        call = ctx.parent(arg) if isinstance(arg, cst.Arg) else None
        symbol = ctx.symbol(call.func) if isinstance(call, cst.Call) else None
        if symbol and symbol.startswith(("K.", "tf.")) and not symbol.endswith("_value"):
            ops = ctx.need("keras", "ops")
            ctx.edit(chain.node, partial(_of, f"{ops}.convert_to_tensor"))


def _of(function: str, value: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.parse_expression(function), [cst.Arg(value)])


def _wrap(ctx: Context, call: cst.Call, read: list[Variable]) -> bool:
    """`model = StateModel(model, [alpha])` before `model.compile(...)`, where that can stand."""
    line = ctx.parent(ctx.parent(call))
    chain = ctx.names.chains.get(call.func)
    if (
        chain is None
        or not isinstance(ctx.parent(call), cst.Expr)
        or not isinstance(line, cst.SimpleStatementLine)
        or len(line.body) != 1
        or not all(_is_always(ctx, v, chain.scope) for v in read)
    ):
        return False
    own = chain.scope.kind == "module" or chain.scope.find(chain.parts[0]) is chain.scope
    if len(chain.parts) == 2 and not own:
        return False  # a name of the module, which would become one of the function
    name = ".".join(chain.parts[:-1])
    model = ctx.need("portable_losses.training", "StateModel")
    names = ", ".join(v.seen(chain.scope) for v in read)
    start = cst.parse_statement(f"{name} = {model}({name}, [{names}])")

    def change(new: cst.SimpleStatementLine) -> cst.FlattenSentinel[cst.BaseStatement]:
        first = start.with_changes(leading_lines=new.leading_lines)
        return cst.FlattenSentinel([first, new.with_changes(leading_lines=[])])

    ctx.edit(line, change)
    ctx.mark(call)
    ctx.find(
        call,
        "variable",
        f"The loss reads {names}, which old code set from outside. {FROZEN} A `StateModel` now "
        f"gives each step the value. `{name}.model` is the model from before, for files `.h5` too.",
        NOTE if _is_used_as_before(ctx, chain) else CHECK,
    )
    return True


def _is_always(ctx: Context, variable: Variable, scope: Scope) -> bool:
    """Whether what a name means there is a variable in each call of the function."""
    name = variable.seen(scope)
    owner = scope.find(name) if name else None
    if owner is None or owner is ctx.names.chains[variable.ref.node].scope:
        return owner is not None
    uses = [use.node for use in variable.uses]
    for function in ctx.all(cst.FunctionDef):
        inside = [c for c in ctx.chains_within(function) if c.scope.find(name) is owner]
        if not inside or not isinstance(ctx.parent(function), cst.Module):
            continue
        own = [p for p in function.params.params if p.name.value == name]
        calls = [c for c in ctx.all(cst.Call) if _function(ctx, c) is function]
        given = [
            any(a.value in uses and _parameter(function, c, a) == name for a in c.args)
            for c in calls
        ]
        return bool(own) and own[0].default is None and all(given)
    return False


def _is_used_as_before(ctx: Context, compiled: Chain) -> bool:
    """Whether all that is done with the model does the same with a `StateModel`."""
    owner = compiled.parts[:-1]
    scope = compiled.scope.find(owner[0])
    if (
        scope is None
        or len(owner) > 1
        or any(b not in ctx.names.assigns for b in scope.bindings[owner[0]])
    ):
        return False  # others know it too, and go on with the model from before
    for chain in ctx.names.chains.values():
        if chain.parts[: len(owner)] == owner and chain.scope.find(owner[0]) is scope:
            if chain.parts[len(owner) : len(owner) + 1] not in {(name,) for name in SAME}:
                return False
    return True


def _between_batches(ctx: Context) -> None:
    for function in ctx.all(cst.FunctionDef):
        if not BATCH.match(function.name.value):
            continue
        for ref in ctx.references_within(function):
            if ref.symbol in SETTERS:
                ctx.find(
                    ref.node,
                    "variable",
                    "A value that is set between batches is lost on JAX, which keeps the state of "
                    "an epoch to itself. Write `self.model.sync()` before.",
                    CHECK,
                )
