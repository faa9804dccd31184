"""`lr=` is `learning_rate=`, and `decay=`, which Keras 3 ignores, is a schedule (S9)."""

import libcst as cst

from portable_losses.codemod._calls import EQUAL, closed
from portable_losses.codemod._context import Context
from portable_losses.codemod._moved import moved
from portable_losses.codemod._result import CHECK

# How many arguments by place mean what they meant in each Keras 2: then came `decay` or `epsilon`.
BY_PLACE = {"SGD": 2, "RMSprop": 2, "Adagrad": 1, "Adadelta": 3, "Adam": 4, "Adamax": 4, "Nadam": 4}
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
    by_place = [arg for arg in call.args if not arg.keyword]
    stars = any(arg.star for arg in by_place)
    known = by_place or {"lr", "learning_rate"} & by_name.keys() or name in DEFAULTS
    if len(by_place) > BY_PLACE.get(name, len(by_place)):
        message = f"`{name}`: the last arguments by place are others in Keras 3. Give their names."
        ctx.find(call, "optimizer", message, CHECK)
    epsilon = by_name.get("epsilon")
    useless = []
    if epsilon and getattr(epsilon.value, "value", "") == "None":
        useless.append("epsilon")  # Keras 2 took its own default for it
    schedule = None
    if decay:
        if isinstance(decay.value, cst.Integer | cst.Float) and not decay.value.evaluated_value:
            useless.append("decay")
        elif known and not stars:
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
        values = {arg.keyword.value: arg.value for arg in new.args if arg.keyword}
        for place, arg in enumerate(new.args):
            keyword = arg.keyword.value if arg.keyword else ""
            if keyword in useless:
                continue
            if keyword in ("lr", "learning_rate") or (not keyword and place == 0):
                given = True
                if keyword:
                    arg = arg.with_changes(keyword=cst.Name("learning_rate"))
                if schedule:
                    made = _schedule(schedule, arg.value, values["decay"])
                    arg = arg.with_changes(value=made)
            args.append(arg)
        if schedule and not given:
            value = _schedule(schedule, cst.parse_expression(DEFAULTS[name]), values["decay"])
            args.insert(0, cst.Arg(value, cst.Name("learning_rate"), equal=EQUAL))
        return new.with_changes(args=closed(args, new.args))

    ctx.edit(call, change)
    ctx.mark(call)


def _schedule(name: str, rate: cst.BaseExpression, decay: cst.BaseExpression) -> cst.BaseExpression:
    call = cst.parse_expression(f"{name}(rate, 1, decay)")
    assert isinstance(call, cst.Call)
    first, steps, last = call.args
    return call.with_changes(
        args=[first.with_changes(value=rate), steps, last.with_changes(value=decay)]
    )
