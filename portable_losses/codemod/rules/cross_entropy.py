"""Keras' own cross-entropies on probabilities: the epsilon (S5), and whether the logits behind a
softmax or sigmoid are found (S6)."""

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._moved import moved
from portable_losses.codemod._result import CHECK, NOTE

FUNCTIONS = (
    "keras.losses.binary_crossentropy",
    "keras.losses.categorical_crossentropy",
    "keras.losses.sparse_categorical_crossentropy",
)
CLASSES = (
    "keras.losses.BinaryCrossentropy",
    "keras.losses.CategoricalCrossentropy",
    "keras.losses.SparseCategoricalCrossentropy",
)


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        symbol = moved(ref.symbol)[0]
        if ref.call is None or symbol not in FUNCTIONS + CLASSES or _from_logits(ref.call):
            continue
        # In a function of the user's own it is part of a formula; as a class it is handed to fit.
        severity = CHECK if symbol in FUNCTIONS else NOTE
        ctx.silent(ref.node, "S6", f"`{ref.symbol}`: cross-entropy of probabilities.", severity)
        if "binary" in symbol.lower():
            ctx.silent(ref.node, "S5", f"`{ref.symbol}`: near 0 and 1.")


def _from_logits(call: cst.Call) -> bool:
    return any(
        arg.keyword is not None
        and arg.keyword.value == "from_logits"
        and getattr(arg.value, "value", "") != "False"
        for arg in call.args
    )
