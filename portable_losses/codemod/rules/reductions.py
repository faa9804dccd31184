"""`Reduction.NONE` and `reduction="auto"`: Keras 3 and compat take plain strings and None. What
TensorFlow 1 alone had stays an entry of `tf.losses.Reduction`."""

import dataclasses
import functools

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._moved import moved

VALUES = {
    "AUTO": "sum_over_batch_size",
    "SUM_OVER_BATCH_SIZE": "sum_over_batch_size",
    "SUM": "sum",
    "NONE": "",
}
OF_TF1 = ("MEAN", "SUM_BY_NONZERO_WEIGHTS", "SUM_OVER_NONZERO_WEIGHTS")


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        enum, _, value = ref.symbol.rpartition(".")
        is_enum = moved(enum)[0] == "=reduction"
        if is_enum and value in OF_TF1:
            ctx.compat.append(dataclasses.replace(ref, symbol=f"tf.losses.Reduction.{value}"))
            ctx.settle(ref, "compat")
        elif is_enum and value in VALUES:
            text = VALUES[value]
            new = f"{ctx.quote}{text}{ctx.quote}" if text else "None"
            made = cst.parse_expression(new)
            ctx.edit(ref.node, functools.partial(_put, made))
            ctx.settle(ref, "native")
        if ref.call is not None and ref.symbol.startswith("keras.losses."):
            for arg in ref.call.args:
                if arg.keyword and arg.keyword.value == "reduction":
                    _auto(ctx, arg.value)
    for function in ctx.all(cst.FunctionDef):
        for parameter in function.params.params if function.name.value == "__init__" else ():
            if parameter.name.value == "reduction" and parameter.default is not None:
                _auto(ctx, parameter.default)
    for call in ctx.all(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "__init__":
            for arg in call.args:
                if arg.keyword and arg.keyword.value == "reduction":
                    _auto(ctx, arg.value)


def _put(new: cst.BaseExpression, old: cst.BaseExpression) -> cst.BaseExpression:
    return new


def _auto(ctx: Context, value: cst.BaseExpression) -> None:
    if isinstance(value, cst.SimpleString) and value.raw_value == "auto":
        quote = value.quote
        new = cst.SimpleString(f"{quote}sum_over_batch_size{quote}")
        ctx.edit(value, lambda node: new)
        ctx.mark(value)
