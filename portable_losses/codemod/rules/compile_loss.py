"""A loss with variables in `compile(loss=...)`: Keras 3 tracks none of them, so the model has to
own the loss. (`compat.keras2` models do, so `--target compat` leaves it.)"""

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK, STOP

VARIABLES = ("tf.get_variable", "tf.Variable", "K.variable")


def apply(ctx: Context) -> None:
    makers = _makers(ctx)
    if not makers:
        return
    for call in ctx.all(cst.Call):
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "compile":
            continue
        position, loss = _loss(call)
        if loss is None or not _names(ctx, loss) & makers:
            continue
        owner, line = call.func.value, _line(ctx, call)
        if (
            isinstance(loss.value, cst.Name)
            and isinstance(owner, cst.Name)
            and line is not None
            and all(arg.keyword is not None for arg in call.args[position + 1 :])
        ):
            _wrap(ctx, call, owner.value, loss.value.value, position, line)
        else:
            found = ", ".join(sorted(_names(ctx, loss) & makers))
            ctx.find(
                call,
                "compile_loss",
                f"`{found}` makes variables, which `compile(loss=...)` would not track. Give the "
                "model its loss before: `model = portable_losses.training.LossModel(model, "
                "portable_losses.compat.tf1.GraphLoss(loss))`, and compile it without one.",
                STOP,
            )


def _makers(ctx: Context) -> set[str]:
    """Functions at the top of the file that make variables of a graph, or call one that does."""
    functions = {f.name.value for f in ctx.module.body if isinstance(f, cst.FunctionDef)}
    found = {
        ref.definition
        for ref in ctx.references
        if (ctx.symbol(ref.node) or ref.symbol) in VARIABLES and ref.definition in ctx.graph
    } & functions
    growing = bool(found)
    while growing:
        callers = {
            ctx.definition(chain.node)
            for chain in ctx.names.chains.values()
            if chain.parts[0] in found and chain.scope.find(chain.parts[0]) is ctx.names.top
        }
        # One that only compiles a model with it makes none.
        callers = {name for name in callers & functions if name in ctx.graph}
        growing = not callers <= found
        found |= callers
    return found


def _loss(call: cst.Call) -> tuple[int, cst.Arg | None]:
    """`compile(optimizer, loss)`: where the loss stands, and the argument."""
    for position, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and position > 1):
            break
        if arg.keyword is not None and arg.keyword.value == "loss":
            return position, arg
        if arg.keyword is None and position == 1:
            return position, arg
    return 0, None


def _names(ctx: Context, loss: cst.Arg) -> set[str]:
    return {chain.parts[0] for chain in ctx.chains_within(loss)}


def _line(ctx: Context, call: cst.Call) -> cst.SimpleStatementLine | None:
    """The line of a call that is a statement by itself."""
    statement = ctx.parent(call)
    line = ctx.parent(statement)
    if isinstance(statement, cst.Expr) and isinstance(line, cst.SimpleStatementLine):
        return line if len(line.body) == 1 else None
    return None


def _wrap(
    ctx: Context,
    call: cst.Call,
    model: str,
    loss: str,
    position: int,
    line: cst.SimpleStatementLine,
) -> None:
    wrapper = ctx.need("portable_losses.training", "LossModel")
    graph_loss = ctx.need("portable_losses.compat.tf1", "GraphLoss")
    text = f"{model} = {wrapper}({model}, {graph_loss}({loss}))\n"
    made = cst.parse_module(text, config=ctx.module.config_for_parsing).body[0]

    def without_loss(new: cst.Call) -> cst.Call:
        args = [arg for place, arg in enumerate(new.args) if place != position]
        if position:  # the line breaks stay
            comma = new.args[position].comma
            args[position - 1] = args[position - 1].with_changes(comma=comma)
        return new.with_changes(args=args)

    def with_model(new: cst.SimpleStatementLine) -> cst.FlattenSentinel[cst.BaseStatement]:
        first = made.with_changes(leading_lines=new.leading_lines)
        return cst.FlattenSentinel([first, new.with_changes(leading_lines=[])])

    ctx.edit(call, without_loss)
    ctx.edit(line, with_model)
    ctx.find(
        call,
        "compile_loss",
        f"`{loss}` makes variables. `{model}` owns them now: they are trained or moved, saved and "
        f"loaded with it, and are among its weights. The network alone is `{model}.model`.",
        CHECK,
    )
