"""Names of Keras that moved, or that were reached through TensorFlow."""

import libcst as cst

from portable_losses.codemod import _names
from portable_losses.codemod._context import Context, Reference
from portable_losses.codemod._moved import moved
from portable_losses.codemod._result import CHECK, STOP


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.node in ctx.done or _names.root(ref.symbol) != "keras" or ctx.is_import(ref):
            continue
        if ctx.target == "compat":
            _keep(ctx, ref)
            continue
        new, note = moved(ref.symbol)
        if not new or new.startswith("="):
            ctx.find(ref.node, "gone", f"`{ref.symbol}` is {note or 'gone from Keras 3'}.", STOP)
            ctx.settle(ref, "same")
            continue
        _place(ctx, ref, new)
        if new == "keras.metrics.binary_accuracy" and ref.call and not _averaged(ctx, ref.call):
            ctx.find(
                ref.node,
                "binary_accuracy",
                "Keras 2 gave one value per sample, the mean over the last axis; Keras 3 gives one "
                "per entry. Write `ops.mean(keras.metrics.binary_accuracy(...), axis=-1)`.",
                CHECK,
            )


def _averaged(ctx: Context, call: cst.Call) -> bool:
    """Whether a mean stands around a call, in which one over the last axis makes no difference."""
    outer = ctx.parent(ctx.parent(call))
    name = outer.func if isinstance(outer, cst.Call) else None
    last = name.attr.value if isinstance(name, cst.Attribute) else getattr(name, "value", "")
    return last in ("mean", "reduce_mean")


def _keep(ctx: Context, ref: Reference) -> None:
    """compat.keras2 has the old names; only what was reached through TensorFlow is written anew."""
    ctx.outcomes[ref.definition].add("compat")
    origin = ctx.names.binding_symbol(ref.bindings[0]) if ref.bindings else None
    if origin is None or _names.root(origin) == "keras":
        ctx.settle(ref, "same")
        return
    keras2 = ctx.need("portable_losses.compat", "keras2")
    text = keras2 + ref.symbol.removeprefix("keras")
    ctx.edit(ref.node, lambda node: cst.parse_expression(text))
    ctx.settle(ref, "native")


def _place(ctx: Context, ref: Reference, new: str) -> None:
    """Write the new name through the import that the code has, or through `keras`."""
    parts = ctx.names.chains[ref.node].parts
    binding = ref.bindings[0] if ref.bindings else None
    origin = ctx.names.binding_symbol(binding) if binding else None
    if origin is None:  # from a star import
        ctx.settle(ref, "same")
        return
    if origin == ref.symbol and len(parts) == 1:  # the import itself says where it is
        ctx.settle(ref, "same")
        return
    base = moved(origin)[0] if _names.root(origin) == "keras" else ""
    if base and new.startswith(f"{base}."):
        text = f"{parts[0]}{new[len(base) :]}"
        outcome = "same"
    else:
        text = f"{ctx.need('', 'keras')}{new.removeprefix('keras')}"
        outcome = "native" if not text.startswith(f"{parts[0]}.") else "same"
    if text != ".".join(parts):
        ctx.edit(ref.node, lambda node: cst.parse_expression(text))
    ctx.settle(ref, outcome)
    if text != ".".join(parts):
        ctx.outcomes[ref.definition].add("native")
