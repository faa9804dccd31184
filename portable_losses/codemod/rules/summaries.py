"""`tf.summary.scalar(...)` as a statement in a function: TF1 kept it for whoever merged and wrote
the summaries. Where the module does not do that, it goes; the numbers are the same without it."""

import libcst as cst

from portable_losses.codemod._context import MODULE, Context, Reference

KINDS = ("scalar", "histogram", "image", "audio", "text")
# What would run or write them.
READERS = ("tf.Session", "tf.InteractiveSession", "tf.train.MonitoredTrainingSession")


def may_go(ctx: Context, ref: Reference) -> bool:
    """Whether it is a statement of its own, after another one, and nothing here reads it."""
    line = _line(ctx, ref)
    if line is None or ref.definition == MODULE or _are_read(ctx):
        return False
    block = ctx.parent(line)
    return isinstance(block, cst.IndentedBlock) and block.body[0] is not line


def is_summary(symbol: str) -> bool:
    return symbol.startswith("tf.summary.") and symbol.removeprefix("tf.summary.") in KINDS


def _line(ctx: Context, ref: Reference) -> cst.SimpleStatementLine | None:
    statement = ctx.parent(ref.call)
    line = ctx.parent(statement)
    if isinstance(statement, cst.Expr) and isinstance(line, cst.SimpleStatementLine):
        return line if len(line.body) == 1 else None
    return None


def _are_read(ctx: Context) -> bool:
    symbols = [ctx.symbol(ref.node) or ref.symbol for ref in ctx.references]
    return any(
        symbol in READERS or (symbol.startswith("tf.summary.") and not is_summary(symbol))
        for symbol in symbols
    )


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        symbol = ctx.symbol(ref.node) or ref.symbol
        if not is_summary(symbol) or ref.definition in ctx.graph or not may_go(ctx, ref):
            continue
        line = _line(ctx, ref)
        assert line is not None
        ctx.find(
            ref.node,
            "summary",
            f"`{ref.symbol}` is dropped: what writes TF1's summaries is gone. To see the value in "
            "`fit`, make a metric of it.",
        )
        ctx.edit(line, lambda node: cst.RemoveFromParent())
        for inner in ctx.references_within(line):
            ctx.settle(inner, "native")
