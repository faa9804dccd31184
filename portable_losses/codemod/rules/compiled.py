"""`model.compile(loss=f)` where `f` makes variables: Keras 3 tracks none of a function, so that the
model is wrapped in a `LossModel` that owns the loss."""

from collections.abc import Callable

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK
from portable_losses.codemod.rules.graph import makes_variables


def apply(ctx: Context) -> None:
    makers = makes_variables(ctx) | ctx.losses.keys()
    if not makers and not ctx.elsewhere:
        return
    for call in ctx.all(cst.Call):
        func = call.func
        if not (isinstance(func, cst.Attribute) and func.attr.value == "compile"):
            continue
        place, arg = _loss(call)
        if arg is None:
            continue
        inner = arg.value.func if isinstance(arg.value, cst.Call) else arg.value
        chain = ctx.names.chains.get(inner)
        if chain is not None and ".".join(chain.parts) in makers:
            name = chain.parts[0]
        elif chain is not None and ctx.maker(chain):
            name = ""
        else:
            if any(c.parts[0] in makers or ctx.maker(c) for c in ctx.chains_within(arg)):
                _left(ctx, call, "one of the losses")
            continue
        if not _wrap(ctx, call, place, arg.value, name):
            _left(ctx, call, f"`{ctx.module.code_for_node(arg.value)}`")


def _loss(call: cst.Call) -> tuple[int, cst.Arg | None]:
    for place, arg in enumerate(call.args):
        if arg.keyword.value == "loss" if arg.keyword else place == 1:
            return place, arg
    return 0, None


def _left(ctx: Context, call: cst.Call, what: str) -> None:
    ctx.find(
        call,
        "compile",
        f"{what} makes variables, which `compile` neither tracks nor saves. Write `model = "
        "portable_losses.training.LossModel(model, portable_losses.compat.tf1.GraphLoss(loss))` "
        "before, and "
        "compile without it.",
        CHECK,
    )


def _wrap(ctx: Context, call: cst.Call, place: int, loss: cst.BaseExpression, name: str) -> bool:
    line = ctx.parent(ctx.parent(call))
    owner = call.func.value if isinstance(call.func, cst.Attribute) else None
    keywords = {arg.keyword.value for arg in call.args if arg.keyword}
    if (
        not isinstance(ctx.parent(call), cst.Expr)
        or not isinstance(line, cst.SimpleStatementLine)
        or len(line.body) != 1
        or not isinstance(owner, cst.Name)
        or keywords & {"loss_weights", "sample_weight_mode", "target_tensors"}
        or any(arg.keyword is None and n > 1 for n, arg in enumerate(call.args))
    ):
        return False
    model = ctx.need("portable_losses.training", "LossModel")
    if beside := _beside(ctx, loss, name):
        made, text = f"{beside}()", f"`{beside}`"
    else:
        graph_loss = ctx.need("portable_losses.compat.tf1", "GraphLoss")
        made = f"{graph_loss}({ctx.module.code_for_node(loss)})"
        text = "`compat.tf1.GraphLoss`, which keeps the variables of the old function"
    start = cst.parse_statement(f"{owner.value} = {model}({owner.value}, {made})")
    ctx.edit(call, _without(place))
    ctx.edit(line, _before(start))
    ctx.find(
        call,
        "compile",
        f"The loss makes variables, and Keras 3 would neither track nor save them: the model is "
        f"wrapped in a `LossModel` with {text}, and compiled without a loss. `model.model` is the "
        "one from before.",
        CHECK,
    )
    ctx.mark(call)
    return True


def _beside(ctx: Context, loss: cst.BaseExpression, name: str) -> str:
    """The class that stands beside the loss, as it is written here."""
    if name:
        return ctx.losses.get(name, "") if isinstance(loss, cst.Name) else ""
    chain = ctx.names.chains.get(loss)
    found = ctx.maker(chain) if chain else None
    if chain is None or not found or not found[1]:
        return ""
    module, _, made = found[1].rpartition(".")
    if len(chain.parts) > 1:
        return ".".join([*chain.parts[:-1], made])
    scope = chain.scope.find(chain.parts[0])
    binding = scope.bindings[chain.parts[0]][0] if scope else None
    relative = getattr(binding.statement, "relative", ()) if binding else ()
    return "" if relative else ctx.need(module, made)


def _without(place: int) -> Callable[[cst.Call], cst.Call]:
    def change(new: cst.Call) -> cst.Call:
        args = [arg for n, arg in enumerate(new.args) if n != place]
        if place:  # the line breaks stay
            comma, after = new.args[place].comma, new.args[place].whitespace_after_arg
            args[place - 1] = args[place - 1].with_changes(comma=comma, whitespace_after_arg=after)
        return new.with_changes(args=args)

    return change


def _before(start: cst.BaseStatement) -> Callable[[cst.SimpleStatementLine], object]:
    def change(new: cst.SimpleStatementLine) -> object:
        first = start.with_changes(leading_lines=new.leading_lines)
        return cst.FlattenSentinel([first, new.with_changes(leading_lines=[])])

    return change
