"""What a model or layer of Keras 2 did and one of Keras 3 does not: `Model` and `Layer` come from
`portable_losses.compat.keras2` then, which does it."""

import libcst as cst

from portable_losses.codemod._context import Context, Reference
from portable_losses.codemod._moved import moved

MODEL, LAYER = "keras.Model", "keras.layers.Layer"
MODELS = (MODEL, "keras.models.Model")


def through_keras2(ctx: Context, ref: Reference, new: str) -> None:
    text = ctx.need("portable_losses.compat", "keras2") + new.removeprefix("keras")
    ctx.edit(ref.node, lambda node: cst.parse_expression(text))
    ctx.settle(ref, "compat")


def has_loss_tensors(ctx: Context, call: cst.Call) -> bool:
    """Whether `model.add_loss(...)` is of a model that was made through `compat.keras2`."""
    made = _made(ctx, call)
    return any(_is_model(ref) and ref.call is made for ref in ctx.references)


def _is_model(ref: Reference) -> bool:
    return ref.call is not None and moved(ref.symbol)[0] in MODELS


def _made(ctx: Context, call: cst.Call) -> cst.BaseExpression | None:
    """What the owner of a method was given, `Model(...)` for `model.add_loss(...)`."""
    chain = ctx.names.chains.get(call.func)
    if chain is None or len(chain.parts) != 2 or chain.parts[0] == "self":
        return None
    return ctx.given(chain)


def apply(ctx: Context) -> None:
    made = set()
    for call in ctx.all(cst.Call):
        if isinstance(call.func, cst.Attribute):
            if call.func.attr.value in ("add_loss", "add_metric"):
                made.add(_made(ctx, call))
    for ref in ctx.references:
        if _is_model(ref) and ref.call in made:
            through_keras2(ctx, ref, MODEL)
            ctx.find(
                ref.node,
                "add_loss",
                "A model of Keras 3 takes no tensor in `add_loss` and `add_metric`. This one runs "
                "through compat.keras2, and does.",
            )
