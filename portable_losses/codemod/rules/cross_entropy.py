"""Keras' own cross-entropies on probabilities: the epsilon (S5), and whether the logits behind a
softmax or sigmoid are found (S6)."""

import libcst as cst

from portable_losses.codemod._calls import EQUAL
from portable_losses.codemod._context import Context, Reference
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


# What TensorFlow looked through in the second argument.
ACTIVATIONS = {
    "K.categorical_crossentropy": ("softmax", "categorical_crossentropy"),
    "K.sparse_categorical_crossentropy": ("softmax", "sparse_categorical_crossentropy"),
    "K.binary_crossentropy": ("sigmoid", "binary_crossentropy"),
}


# What gives another tensor than it was given, in which TensorFlow found no softmax and no sigmoid.
COMPUTES = {
    "clip", "clip_by_value", "maximum", "minimum", "abs", "square", "sqrt", "pow", "exp", "log",
    "gather", "gather_nd", "boolean_mask", "where", "sum", "reduce_sum", "mean", "reduce_mean",
    "batch_flatten", "flatten", "transpose", "permute_dimensions", "concatenate", "concat", "stack",
    "divide", "div", "multiply", "add", "subtract", "round", "resize_images",
}  # fmt: skip


def is_computed(ctx: Context, node: cst.BaseExpression) -> bool:
    """Whether a tensor was surely changed since a model gave it: then TensorFlow saw probabilities
    too."""
    if isinstance(node, cst.BinaryOperation):
        return True
    if isinstance(node, cst.Subscript):  # of a list, `[0]` would be the tensor of a layer
        indices = [element.slice for element in node.slice]
        return len(indices) > 1 or isinstance(indices[0], cst.Slice)
    if isinstance(node, cst.Call):
        symbol = ctx.symbol(node.func) or ""
        root, _, last = symbol.partition(".")
        return root in ("K", "tf") and last.rpartition(".")[2] in COMPUTES
    return isinstance(node, cst.Name) and _is_rebound(ctx, node)


def _is_rebound(ctx: Context, name: cst.Name) -> bool:
    """Whether a name was given a computed tensor by a statement that always runs before, and never
    anything else."""
    function = ctx.function(name)
    if function is None:
        return False
    statements = list(function.body.body)
    before = [s for s in statements if ctx.is_within(name, s)]
    if not before:
        return False
    found = False
    for assign in ctx.within(function, cst.Assign):
        targets = [target.target for target in assign.targets]
        if not any(name.value in ctx.words(target) for target in targets):
            continue
        plain = len(targets) == 1 and isinstance(targets[0], cst.Name)
        if not plain or not is_computed(ctx, assign.value):
            return False
        line = ctx.parent(assign)
        found |= line in statements and statements.index(line) < statements.index(before[0])
    return found


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.symbol in ACTIVATIONS and ref.call and ref.definition not in ctx.graph:
            _of_activation(ctx, ref, ref.call, *ACTIVATIONS[ref.symbol])
        symbol = moved(ref.symbol)[0]
        binary = "binary" in symbol.lower()
        if ref.call is None or symbol not in FUNCTIONS + CLASSES or _from_logits(ref.call):
            continue
        if symbol in FUNCTIONS and _of_computed(ctx, ref.call):
            if binary:
                ctx.silent(ref.node, "S5", f"`{ref.symbol}`: near 0 and 1.")
            continue
        # In a function of the user's own it is part of a formula; as a class it is handed to fit.
        severity = CHECK if symbol in FUNCTIONS else NOTE
        ctx.silent(ref.node, "S6", f"`{ref.symbol}`: cross-entropy of probabilities.", severity)
        if binary:
            ctx.silent(ref.node, "S5", f"`{ref.symbol}`: near 0 and 1.")


def _of_computed(ctx: Context, call: cst.Call) -> bool:
    return any(
        is_computed(ctx, arg.value)
        for place, arg in enumerate(call.args)
        if (arg.keyword.value == "y_pred" if arg.keyword else place == 1)
    )


def _from_logits(call: cst.Call) -> bool:
    return any(
        arg.keyword is not None
        and arg.keyword.value == "from_logits"
        and getattr(arg.value, "value", "") != "False"
        for arg in call.args
    )


def _of_activation(ctx: Context, ref: Reference, call: cst.Call, activation: str, new: str) -> None:
    """`K.categorical_crossentropy(t, K.softmax(x))`, in which TensorFlow found x, of x itself."""
    if len(call.args) != 2 or any(arg.keyword or arg.star for arg in call.args):
        return
    inner = call.args[1].value
    if not isinstance(inner, cst.Call):
        return
    symbol = ctx.symbol(inner.func) or ""
    if symbol not in (f"K.{activation}", f"tf.nn.{activation}", f"tf.{activation}"):
        return
    axis = [ctx.module.code_for_node(arg.value) for arg in inner.args[1:]]
    if not inner.args or inner.args[0].star or any(text != "-1" for text in axis):
        return
    ops = ctx.need("keras", "ops")

    def change(updated: cst.Call) -> cst.Call:
        first, second = updated.args
        assert isinstance(second.value, cst.Call)
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        logits = second.with_changes(value=second.value.args[0].value, comma=comma)
        told = cst.Arg(cst.Name("True"), cst.Name("from_logits"), equal=EQUAL)
        function = cst.parse_expression(f"{ops}.{new}")
        return updated.with_changes(func=function, args=[first, logits, told])

    ctx.edit(call, change)
    ctx.settle(ref, "native")
    message = f"`{ref.symbol}` of a {activation}: of the logits, which TensorFlow found behind it."
    ctx.silent(ref.node, "S6", message)
