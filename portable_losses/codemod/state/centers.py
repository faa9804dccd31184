"""A center loss that is a layer of this library, in the place of its function."""

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._formula import Flow, contains
from portable_losses.codemod._result import Layer
from portable_losses.codemod.rules.center_loss import (
    Centers,
    centers_of,
    is_known,
    recognise,
    report,
)


def known_layer(ctx: Context, function: cst.FunctionDef) -> Centers | None:
    """The layer that has all figures of a function, if there is one."""
    if not is_known(ctx, function):
        return None
    variant = recognise(ctx, function)
    found = centers_of(ctx, function, variant) if variant and variant.exact else None
    if found is not None:
        ctx.centers[function.name.value] = found
    return found


def put(ctx: Context, function: cst.FunctionDef) -> None:
    """Put it in the place of the function, which nothing calls."""
    variant = recognise(ctx, function)
    assert variant is not None
    report(ctx, function, variant, alone=True)


def call_of(ctx: Context, made: Centers) -> Layer:
    """How the layer is called for what the function returned."""
    flow, variant = Flow(ctx, made.function), made.variant
    returned, count = [], 0
    update = next(c for c in flow.calls if c[1] in ("tf.scatter_sub", "tf.scatter_add"))
    for value in flow.returned:
        if contains(value, update) and value[:1] != ("number",):
            returned.append(("moves", "centers"))
        elif value == update[2][0]:
            returned.append(("variable", "centers"))
        else:
            returned.append(("value", str(count)))
            count += 1
    return Layer(
        made.factory,
        tuple(param.name.value for param in made.function.params.params),
        made.settings,
        (variant.labels, variant.features),
        tuple(returned),
        ("centers",),
        True,
        variant.runs == "control dependency",
    )
