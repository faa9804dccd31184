"""`tf.losses.mean_squared_error(labels, predictions)`, which put the loss into a collection of the
graph too. Where the module asks no collection it is the mean that it returns."""

from portable_losses.codemod import _calls, _conditions, tables
from portable_losses.codemod._context import Context, Reference

READERS = ("tf.get_collection", "tf.get_collection_ref", "tf.GraphKeys.LOSSES", "tf.losses.get_")


def is_alone(ctx: Context, ref: Reference) -> bool:
    """Whether a loss of TF1 has a row of the tables, and nothing here asks for its collection."""
    symbol = ctx.symbol(ref.node) or ref.symbol
    if not symbol.startswith("tf.losses.") or ref.call is None:
        return False
    if any((ctx.symbol(r.node) or r.symbol).startswith(READERS) for r in ctx.references):
        return False
    for row in tables.calls().get(symbol, []):
        bound = _calls.bind(row, ref.call.args)
        if bound is not None and _conditions.hold(row.when, bound, ctx, ref):
            return True
    return False
