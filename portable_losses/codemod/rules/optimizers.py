"""`lr=` is `learning_rate=`, and `decay=`, which Keras 3 ignores, is a schedule (S9)."""

import libcst as cst

from portable_losses.codemod._calls import EQUAL, NO_SPACE
from portable_losses.codemod._context import Context
from portable_losses.codemod._moved import moved
from portable_losses.codemod._result import CHECK

DEFAULTS = {"SGD": "0.01", "Adam": "0.001", "RMSprop": "0.001", "Adamax": "0.002", "Nadam": "0.002"}


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        symbol = moved(ref.symbol)[0]
        if ref.call is not None and symbol.startswith("keras.optimizers."):
            if symbol.count(".") == 2:
                _optimizer(ctx, ref.call, symbol.rpartition(".")[2])
    for node in list(ctx.names.chains):
        if isinstance(node, cst.Attribute) and node.attr.value == "lr":
            owner = ctx.names.chains[node].parts[-2]
            if owner in ("optimizer", "opt", "optim"):
                ctx.edit(node, lambda new: new.with_changes(attr=cst.Name("learning_rate")))
                ctx.mark(node)


def _optimizer(ctx: Context, call: cst.Call, name: str) -> None:
    by_name = {arg.keyword.value: arg for arg in call.args if arg.keyword}
    decay = by_name.get("decay")
    rate = by_name.get("lr") or by_name.get("learning_rate")
    epsilon = by_name.get("epsilon")
    useless = []
    if epsilon and getattr(epsilon.value, "value", "") == "None":
        useless.append("epsilon")  # Keras 2 took its own default for it
    schedule = None
    if decay:
        if isinstance(decay.value, cst.Integer | cst.Float) and not decay.value.evaluated_value:
            useless.append("decay")
        elif rate or (call.args and call.args[0].keyword is None) or name in DEFAULTS:
            schedule = f"{ctx.need('', 'keras')}.optimizers.schedules.InverseTimeDecay"
            useless.append("decay")
            ctx.silent(call, "S9", "`decay` became an `InverseTimeDecay` of the same rates.")
        else:
            ctx.silent(call, "S9", "`decay` without a rate is left; write a schedule.", CHECK)
    if not (useless or "lr" in by_name):
        return

    def change(new: cst.Call) -> cst.Call:
        args: list[cst.Arg] = []
        given = False
        removed = next(
            (a.value for a in new.args if a.keyword and a.keyword.value == "decay"), None
        )
        for place, arg in enumerate(new.args):
            keyword = arg.keyword.value if arg.keyword else None
            if keyword in useless:
                continue
            if keyword in ("lr", "learning_rate") or (keyword is None and place == 0):
                given = True
                if keyword:
                    arg = arg.with_changes(keyword=cst.Name("learning_rate"))
                if schedule and removed is not None:
                    arg = arg.with_changes(value=_schedule(schedule, arg.value, removed))
            args.append(arg)
        if schedule and removed is not None and not given:
            value = _schedule(schedule, cst.parse_expression(DEFAULTS[name]), removed)
            rate = cst.Arg(value, cst.Name("learning_rate"), equal=EQUAL)
            if args:
                rate = rate.with_changes(
                    comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
                )
            args.insert(0, rate)
        if (
            args
            and args[-1].comma is not cst.MaybeSentinel.DEFAULT
            and new.args[-1].comma is (cst.MaybeSentinel.DEFAULT)
        ):
            args[-1] = args[-1].with_changes(
                comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=NO_SPACE
            )
        return new.with_changes(args=args)

    ctx.edit(call, change)
    ctx.mark(call)


def _schedule(name: str, rate: cst.BaseExpression, decay: cst.BaseExpression) -> cst.BaseExpression:
    call = cst.parse_expression(f"{name}(rate, 1, decay)")
    assert isinstance(call, cst.Call)
    first, steps, last = call.args
    return call.with_changes(
        args=[first.with_changes(value=rate), steps, last.with_changes(value=decay)]
    )
