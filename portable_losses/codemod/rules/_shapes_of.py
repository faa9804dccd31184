"""Which expressions of a function have the same shape, and which are numbers."""

from __future__ import annotations

import libcst as cst

from portable_losses.codemod._context import Context

# Entry by entry, with a finite gradient anywhere.
REGULAR = {
    "square", "abs", "sigmoid", "tanh", "softplus", "relu", "cast", "stop_gradient", "negative",
    "zeros_like", "ones_like", "maximum", "minimum", "add", "subtract", "multiply", "sub", "mul",
    "squared_difference", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
    "logical_and", "logical_or", "logical_not", "is_nan", "to_float", "binary_crossentropy",
    "sigmoid_cross_entropy_with_logits", "identity", "round", "sign", "clip_by_value", "clip",
}  # fmt: skip
PAIR = ("y_true", "y_pred")


class Shapes:
    """The key of a name's shape: two with the same key have the same. "flat:x" is x in one axis."""

    def __init__(self, ctx: Context, function: cst.FunctionDef) -> None:
        self.ctx, self.function = ctx, function
        self.shapes = {p.name.value: p.name.value for p in function.params.params}

    def is_number(self, node: cst.BaseExpression) -> bool:
        """A number, or a name that surely is one."""
        if isinstance(node, cst.Attribute | cst.SimpleString) or plain_number(node) is not None:
            return True
        if isinstance(node, cst.Call):
            return self.symbol_of(node) in ("K.epsilon", "K.floatx")
        if not isinstance(node, cst.Name):
            return False
        given = self.ctx.assigned(node)
        if given is not None:
            return plain_number(given) is not None
        function = self.function
        for parameter in (*function.params.params, *function.params.kwonly_params):
            if parameter.name.value == node.value and parameter.default is not None:
                return plain_number(parameter.default) is not None
        return False

    def symbol_of(self, node: cst.BaseExpression) -> str:
        if not isinstance(node, cst.Call):
            return ""
        return self.ctx.symbol(node.func) or ""

    def _shape(self, node: cst.BaseExpression) -> str | None:
        """The key of an expression's shape: "" of a number, None where it is not known."""
        if self.is_number(node):
            return ""
        if isinstance(node, cst.Name):
            return self.shapes.get(node.value)
        if isinstance(node, cst.UnaryOperation):
            return self._shape(node.expression)
        if isinstance(node, cst.BinaryOperation):
            return self._same([node.left, node.right])
        if isinstance(node, cst.Comparison):
            return self._same([node.left, *(c.comparator for c in node.comparisons)])
        if not isinstance(node, cst.Call) or not node.args:
            return None
        symbol, values = self.symbol_of(node), [arg.value for arg in node.args]
        last = symbol.rpartition(".")[2]
        ones = text_of(self.ctx, values[1]).strip("[](), ") if len(values) == 2 else ""
        if symbol == "K.flatten" or (symbol in ("K.reshape", "tf.reshape") and ones == "-1"):
            inner = self._shape(values[0])
            return f"flat:{inner.removeprefix('flat:')}" if inner else None
        if last == "cast":
            return self._shape(values[0])
        if last in REGULAR:
            return self._same(values)
        return None

    def _same(self, nodes: list[cst.BaseExpression]) -> str | None:
        keys = {self._shape(node) for node in nodes} - {""}
        if len(keys) > 1 and keys <= {*PAIR, "both"}:
            return "both"
        if len(keys) > 1 and keys <= {f"flat:{name}" for name in (*PAIR, "both")}:
            return "flat:both"
        return keys.pop() if len(keys) == 1 else None


def plain_number(node: cst.BaseExpression) -> float | None:
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inner = plain_number(node.expression)
        return None if inner is None else -inner
    if isinstance(node, cst.Integer | cst.Float):
        return float(node.evaluated_value)
    return None


def names_in(node: cst.CSTNode) -> list[cst.Name]:
    """The names that are read or bound in a node, no attributes or keywords."""
    if isinstance(node, cst.Name):
        return [node]
    if isinstance(node, cst.Attribute):
        return names_in(node.value)
    if isinstance(node, cst.Arg):
        return names_in(node.value)
    return [name for child in node.children for name in names_in(child)]


def text_of(ctx: Context, node: cst.CSTNode) -> str:
    return ctx.module.code_for_node(node)
