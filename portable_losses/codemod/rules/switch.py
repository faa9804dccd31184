"""`K.switch(condition, x, y)` of tensors: `ops.where`, where all have one shape or the condition is
one number. Else a condition got axes behind its own, which `ops.where` gives it before them."""

import functools

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod.rules._shapes_of import Shapes

TOTALS = (
    "K.sum", "K.mean", "K.max", "K.min", "K.all", "K.any", "tf.reduce_sum", "tf.reduce_mean",
    "tf.reduce_max", "tf.reduce_min", "tf.reduce_all", "tf.reduce_any", "tf.size",
)  # fmt: skip


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.symbol != "K.switch" or ref.call is None or ref.definition in ctx.graph:
            continue
        function = ctx.function(ref.node)
        args = ref.call.args
        if function is None or len(args) != 3 or any(arg.keyword or arg.star for arg in args):
            continue
        shapes = _Once(ctx, function)
        condition, *rest = (shapes.key(arg.value) for arg in args)
        if condition is None or None in rest:
            continue
        if condition and {*rest} - {"", condition}:
            continue
        where = cst.Attribute(cst.Name(ctx.need("keras", "ops")), cst.Name("where"))
        ctx.edit(ref.call, functools.partial(_where, where))
        ctx.settle(ref, "native")


class _Once(Shapes):
    """Of names that are given a value once."""

    def __init__(self, ctx: Context, function: cst.FunctionDef) -> None:
        super().__init__(ctx, function)
        targets = [t.target for a in ctx.within(function, cst.Assign) for t in a.targets]
        targets += [again.target for again in ctx.within(function, cst.AugAssign)]
        for target in targets:
            for name in ctx.words(target):
                self.shapes.pop(name, None)

    def key(self, node: cst.BaseExpression) -> str | None:
        return self._shape(node)

    def _shape(self, node: cst.BaseExpression) -> str | None:
        if isinstance(node, cst.Call) and len(node.args) == 1:
            symbol = self.symbol_of(node)
            if symbol in TOTALS:
                return ""
            if symbol in ("tf.constant", "K.constant") and self.is_number(node.args[0].value):
                return ""
        if isinstance(node, cst.Name) and (given := self.ctx.assigned(node)) is not None:
            return self._shape(given)
        return super()._shape(node)

    def _same(self, nodes: list[cst.BaseExpression]) -> str | None:
        return "" if all(self._shape(node) == "" for node in nodes) else super()._same(nodes)


def _where(function: cst.BaseExpression, new: cst.Call) -> cst.Call:
    return new.with_changes(func=function)
