"""Arguments of layers and models that Keras 1 had, and its `merge`."""

from collections.abc import Callable

import libcst as cst

from portable_losses.codemod._calls import EQUAL
from portable_losses.codemod._context import Context, Reference
from portable_losses.codemod._moved import moved
from portable_losses.codemod._result import STOP

RENAMED = {
    "output_dim": "units",
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "input": "inputs",
    "output": "outputs",
}
# The new names that a layer takes, as far as they come from old ones.
TAKES = {
    "keras.layers.Dense": "units kernel_initializer kernel_regularizer bias_regularizer "
    "kernel_constraint bias_constraint use_bias",
    "keras.layers.Conv1D": "filters kernel_size padding strides kernel_initializer "
    "kernel_regularizer bias_regularizer kernel_constraint bias_constraint use_bias",
    "keras.layers.Conv2D": "filters padding strides data_format kernel_initializer "
    "kernel_regularizer bias_regularizer kernel_constraint bias_constraint use_bias",
    "keras.layers.MaxPooling1D": "padding",
    "keras.layers.MaxPooling2D": "padding data_format",
    "keras.layers.AveragePooling1D": "padding",
    "keras.layers.AveragePooling2D": "padding data_format",
    "keras.Model": "inputs outputs",
    "keras.models.Model": "inputs outputs",
}
MERGES = {
    "sum": "add",
    "mul": "multiply",
    "ave": "average",
    "max": "maximum",
    "concat": "concatenate",
}


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.call is None:
            continue
        if ref.symbol in ("keras.layers.merge", "keras.layers.core.merge"):
            _merge(ctx, ref, ref.call)
        takes = TAKES.get(moved(ref.symbol)[0], "").split()
        old = {arg.keyword.value for arg in ref.call.args if arg.keyword}
        names = {name: RENAMED[name] for name in old if RENAMED.get(name) in takes}
        if names:
            ctx.edit(ref.call, _renamed(names))
            ctx.mark(ref.call)


def _renamed(names: dict[str, str]) -> Callable[[cst.Call], cst.Call]:
    def change(new: cst.Call) -> cst.Call:
        args = [
            arg.with_changes(keyword=cst.Name(names[arg.keyword.value]))
            if arg.keyword and arg.keyword.value in names
            else arg
            for arg in new.args
        ]
        return new.with_changes(args=args)

    return change


def _merge(ctx: Context, ref: Reference, call: cst.Call) -> None:
    given = {arg.keyword.value: arg for arg in call.args if arg.keyword}
    by_place = [arg for arg in call.args if not arg.keyword]
    first = call.args[0] if by_place else given.get("inputs")
    mode = by_place[1] if len(by_place) > 1 else given.get("mode")
    text = "sum" if mode is None else getattr(mode.value, "raw_value", "")
    plain = set(given) <= {"inputs", "mode", "concat_axis", "name"}
    plain = plain and len(by_place) < 3 and not any(arg.star for arg in by_place)
    if first is None or text not in MERGES or not plain:
        ctx.find(
            ref.node,
            "merge",
            "`merge` of Keras 1 with this `mode` is gone: write `keras.layers.dot`, or a `Lambda` "
            "with `keras.ops`.",
            STOP,
        )
        return
    function = f"{ctx.need('', 'keras')}.layers.{MERGES[text]}"
    axis = given.get("concat_axis") if text == "concat" else None
    name = given.get("name")

    def change(new: cst.Call) -> cst.Call:
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        inputs = new.args[list(call.args).index(first)]
        args = [inputs.with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT)]
        for old, keyword in ((axis, "axis"), (name, "name")):
            if old is not None:
                value = new.args[list(call.args).index(old)].value
                args[-1] = args[-1].with_changes(comma=comma)
                args.append(cst.Arg(value, cst.Name(keyword), equal=EQUAL))
        args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return new.with_changes(func=cst.parse_expression(function), args=args)

    ctx.edit(call, change)
    ctx.settle(ref, "native")
