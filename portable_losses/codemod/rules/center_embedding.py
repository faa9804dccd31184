"""A center loss of Keras code that has its centers in an `Embedding` and compares in a `Lambda`."""

from typing import Any

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._moved import moved


def apply(ctx: Context) -> None:
    layers: dict[str, list[Any]] = {"Lambda": [], "Embedding": []}
    for ref in ctx.references:
        name = moved(ref.symbol)[0].removeprefix("keras.layers.")
        if name in layers and ref.call is not None:
            layers[name].append(ref)
    places = {ref.definition for ref in layers["Embedding"]}
    for ref in layers["Lambda"]:
        first = ref.call.args[0].value if ref.call.args else None
        if ref.definition in places and isinstance(first, cst.Lambda) and _is_distance(ctx, first):
            ctx.find(
                ref.node,
                "center_loss",
                "This is a center loss whose centers an `Embedding` holds and the optimizer "
                "trains. It stays, with the same numbers; `portable_losses.losses.CenterLoss("
                'num_classes, update="gradient")` in a `LossModel` does it without the trick, and '
                '`compat.CenterLoss.preset("embedding", num_classes=...)` with its reduction.',
            )


def _is_distance(ctx: Context, function: cst.Lambda) -> bool:
    """Whether it sums the squares of `x[0] - x[1]`, a part of either at least."""
    symbols = {
        (ctx.symbol(c.func) or "").rpartition(".")[2] for c in ctx.within(function, cst.Call)
    }
    minus = [
        node
        for node in ctx.within(function, cst.BinaryOperation)
        if isinstance(node.operator, cst.Subtract)
        and isinstance(node.left, cst.Subscript)
        and isinstance(node.right, cst.Subscript)
    ]
    return (
        bool(minus) and bool(symbols & {"sum", "reduce_sum"}) and bool(symbols & {"square", "pow"})
    )
