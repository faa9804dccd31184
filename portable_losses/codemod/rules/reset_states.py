"""`Metric.reset_states`: Keras 3 calls `reset_state`, and never the old one (S10)."""

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK
from portable_losses.codemod.rules.layer_metrics import FOUND


def metric_classes(ctx: Context) -> set[str]:
    """The classes of a module that are metrics, by their bases."""
    found = set(ctx.memo.get(FOUND, ()))
    classes = ctx.all(cst.ClassDef)
    for _ in classes:
        before = len(found)
        for node in classes:
            for base in node.bases:
                symbol = ctx.symbol(base.value) or ""
                name = getattr(base.value, "value", "")
                if symbol.startswith("keras.metrics.") or name in found:
                    found.add(node.name.value)
        if len(found) == before:
            break
    return found


def apply(ctx: Context) -> None:
    metrics = metric_classes(ctx)
    for node in ctx.all(cst.ClassDef):
        if node.name.value not in metrics:
            continue
        methods = [n for n in node.body.body if isinstance(n, cst.FunctionDef)]
        if any(method.name.value == "reset_state" for method in methods):
            continue
        for method in methods:
            if method.name.value == "reset_states":
                ctx.edit(method, lambda new: new.with_changes(name=cst.Name("reset_state")))
                ctx.silent(method, "S10", "`reset_states` is called `reset_state` now.")
                ctx.mark(method)
    known = _variables(ctx, metrics)
    for call in ctx.all(cst.Call):
        func = call.func
        if not (isinstance(func, cst.Attribute) and func.attr.value == "reset_states"):
            continue
        inside = any(
            isinstance(above, cst.ClassDef) and above.name.value in metrics
            for above in ctx.ancestors(call)
        )
        if inside or ctx.module.code_for_node(func.value) in known:
            ctx.edit(call, _renamed)
            ctx.mark(call)
        else:
            ctx.find(
                call,
                "S10",
                "`reset_states()`: of a metric it is `reset_state()` in Keras 3, of a recurrent "
                "layer it stays.",
                CHECK,
            )


def _variables(ctx: Context, metrics: set[str]) -> set[str]:
    """The names and attributes that were given a metric."""
    found = set()
    for node in ctx.all(cst.Assign):
        if isinstance(node.value, cst.Call):
            symbol = ctx.symbol(node.value.func) or ""
            name = getattr(node.value.func, "value", "")
            if symbol.startswith("keras.metrics.") or name in metrics:
                found |= {ctx.module.code_for_node(t.target) for t in node.targets}
    return found


def _renamed(new: cst.Call) -> cst.Call:
    assert isinstance(new.func, cst.Attribute)
    return new.with_changes(func=new.func.with_changes(attr=cst.Name("reset_state")))
