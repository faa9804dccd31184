"""Which functions build a TF1 graph. They run through `portable_losses.compat.tf1` as a whole, with
every function they call and all that call them: a tensor of a graph is no tensor of Keras 3."""

import libcst as cst

from portable_losses.codemod import tables
from portable_losses.codemod._context import MODULE, Context, Reference
from portable_losses.codemod._result import CHECK
from portable_losses.codemod.rules import graph_losses, scopes, summaries

# Their functions get tensors of a loop, and such a tensor is one of a graph too.
LOOPS = (
    "tf.scan", "tf.foldl", "tf.foldr", "tf.while_loop", "tf.case", "tf.vectorized_map",
    "K.foldl", "K.foldr", "K.rnn",
)  # fmt: skip
SESSIONS = ("tf.Session", "tf.InteractiveSession", "tf.train.MonitoredTrainingSession")
# Settings of the device or of eager execution: they add nothing to a graph.
SETTINGS = (
    "tf.ConfigProto", "tf.GPUOptions", "tf.enable_eager_execution",
    "tf.contrib.eager.enable_eager_execution",
)  # fmt: skip


def kind_of(symbol: str) -> str:
    """The class of a name without a native form, by itself or by its namespace; else ""."""
    rows = tables.calls()
    parts = symbol.split(".")
    if symbol in rows:
        return rows[symbol][0].kind
    for end in range(len(parts) - 1, 1, -1):
        if found := rows.get(".".join([*parts[:end], "*"])):
            return found[0].kind
    return ""


def is_graph(symbol: str) -> bool:
    return kind_of(symbol) in ("G", "T")


def builds(ctx: Context, ref: Reference) -> bool:
    """Whether a use makes a function a part of a graph."""
    symbol = ctx.symbol(ref.node) or ref.symbol
    if symbol == "tf.variable_scope" and scopes.only_names(ctx, ref):
        return False
    if summaries.is_summary(symbol) and summaries.may_go(ctx, ref):
        return False
    if symbol.startswith("tf.losses."):
        return not graph_losses.is_alone(ctx, ref)
    if symbol in SETTINGS or (symbol == "tf.Session" and _is_setting(ctx, ref)):
        return False
    return is_graph(symbol) or is_graph(symbol.rpartition(".")[0]) or symbol in LOOPS


def _is_setting(ctx: Context, ref: Reference) -> bool:
    """Whether a session is made for `K.set_session` alone, which gives Keras its settings."""
    call = ctx.parent(ctx.parent(ref.call))
    return isinstance(call, cst.Call) and ctx.symbol(call.func) == "K.set_session"


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        symbol = ctx.symbol(ref.node) or ref.symbol
        if builds(ctx, ref):
            ctx.graph.add(ref.definition)
        if symbol in SESSIONS and ref.call:
            ctx.find(
                ref.node,
                "session",
                "The loop around `sess.run` stays and runs the graph through compat.tf1. In "
                "Keras 3 it is `model.compile(optimizer, loss)` and `model.fit(x, y, epochs=..., "
                "batch_size=...)`; a loss with variables goes into "
                "`portable_losses.training.LossModel(network, {output: loss})` first.",
                CHECK,
            )
        elif symbol == "tf.get_variable" and ref.definition != MODULE:
            ctx.find(
                ref.node,
                "get_variable",
                f"`{ref.definition}` makes a variable. It runs through compat.tf1; in a Keras 3 "
                f"model wrap it once, `layer = compat.tf1.GraphLoss({ref.definition})`, which "
                "tracks, trains and saves the variable.",
                CHECK,
            )
        elif symbol in ("tf.py_func", "tf.py_function", "tf.numpy_function"):
            text = "Python called on tensors does not compile: write it with keras.ops."
            ctx.find(ref.node, "python function", text, CHECK)
    for chain in ctx.names.chains.values():  # rewritten before
        scope = chain.scope.find(chain.parts[0])
        for binding in scope.bindings[chain.parts[0]] if scope else ():
            if (binding.module or "").startswith("portable_losses.compat.tf1"):
                ctx.graph.add(ctx.definition(chain.node))
    _from_other_files(ctx)
    if ctx.target == "compat":
        ctx.graph |= {ref.definition for ref in ctx.references}
    _spread(ctx)


def _from_other_files(ctx: Context) -> None:
    for chain in ctx.names.chains.values() if ctx.elsewhere else ():
        above = ctx.parent(chain.node)
        if not isinstance(above, cst.Call) or above.func is not chain.node:
            continue
        if made := ctx.maker(chain):
            place = ctx.definition(chain.node)
            if place != MODULE:
                ctx.graph.add(place)
            beside = f" Beside it stands `{made[1]}`." if made[1] else ""
            ctx.find(
                chain.node,
                "other file",
                f"`{made[0]}` of another file makes variables of TensorFlow 1: what calls it runs "
                f"through compat.tf1 with it.{beside}",
                CHECK,
            )


def _spread(ctx: Context) -> None:
    """A function that a graph uses works on the graph's tensors too, and so does one that goes on
    with what a function with a graph returned."""
    top = set(ctx.names.top.bindings)
    tops = {ctx.definition(node) for node in (*ctx.all(cst.FunctionDef), *ctx.all(cst.ClassDef))}
    calls = []
    for chain in ctx.names.chains.values():
        name = chain.parts[0]
        if name in top and chain.scope.find(name) is ctx.names.top:
            place = ctx.definition(chain.node)
            calls.append((place, name))
            above = ctx.parent(chain.node)
            called = isinstance(above, cst.Call) and above.func is chain.node
            if called and place != MODULE and name in tops and not name[:1].isupper():
                calls.append((name, place))
    growing = bool(ctx.graph)
    while growing:
        reached = {called for caller, called in calls if caller in ctx.graph and called in tops}
        growing = not reached <= ctx.graph
        ctx.graph |= reached


def makes_variables(ctx: Context) -> set[str]:
    """The functions at the top that make a variable of TF1, by themselves or by what they call."""
    tops = {f.name.value for f in ctx.all(cst.FunctionDef)}
    found = {
        ref.definition
        for ref in ctx.references
        if (ctx.symbol(ref.node) or ref.symbol) in ("tf.get_variable", "tf.Variable")
        and ref.definition in tops & ctx.graph
    }
    found |= {
        ctx.definition(chain.node)
        for chain in (ctx.names.chains.values() if ctx.elsewhere else ())
        if isinstance(ctx.parent(chain.node), cst.Call) and ctx.maker(chain)
    } & (tops & ctx.graph)
    while True:
        more = {
            ctx.definition(chain.node)
            for chain in ctx.names.chains.values()
            if chain.parts[0] in found and isinstance(ctx.parent(chain.node), cst.Call)
        }
        more = (more & tops & ctx.graph) - found
        if not more:
            return found
        found |= more
