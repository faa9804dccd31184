"""What a function computes, as nested tuples: names replaced by what they were given, in order.

("name", "x")  ("number", 2.0)  ("-", a, b)  ("call", "tf.gather", (args), {keywords})
("item", a, index)  ("attribute", a, "name")  ("text", "anything else")
"""

from typing import Any

import libcst as cst

from portable_losses.codemod._context import Context

Formula = tuple[Any, ...]
_OPERATORS = {cst.Add: "+", cst.Subtract: "-", cst.Multiply: "*", cst.Divide: "/", cst.Power: "**"}
_IN_PLACE = {
    cst.AddAssign: "+", cst.SubtractAssign: "-", cst.MultiplyAssign: "*", cst.DivideAssign: "/",
    cst.PowerAssign: "**",
}  # fmt: skip
# Functions that are operators.
_FUNCTIONS = {
    "tf.add": "+", "tf.subtract": "-", "tf.multiply": "*", "tf.divide": "/", "tf.div": "/",
    "tf.truediv": "/", "tf.pow": "**", "K.pow": "**", "tf.sub": "-", "tf.mul": "*",
}  # fmt: skip
# What changes neither value nor meaning here.
_TRANSPARENT = {
    "tf.cast", "K.cast", "tf.reshape", "K.reshape", "K.flatten", "tf.to_float", "tf.to_int32",
    "tf.to_int64", "tf.identity", "tf.convert_to_tensor", "tf.squeeze", "tf.expand_dims",
    "tf.constant", "tf.stop_gradient", "K.stop_gradient",
}  # fmt: skip


class Flow:
    """The assignments of a function, from top to bottom, blocks of `with` included."""

    def __init__(self, ctx: Context, function: cst.FunctionDef) -> None:
        self.ctx = ctx
        self.values: dict[str, Formula] = {}
        self.calls: list[Formula] = []
        self.returned: list[Formula] = []
        self.dependencies: list[Formula] = []
        self.straight = True  # no branches and loops, whose assignments may not happen
        self._block(function.body)

    def _block(self, body: cst.BaseSuite) -> None:
        for statement in body.body:
            if isinstance(statement, cst.SimpleStatementLine):
                for small in statement.body:
                    self._small(small)
            elif isinstance(statement, cst.With):
                for item in statement.items:
                    entered = self.formula(item.item)
                    if entered[:2] == ("call", "tf.control_dependencies"):
                        self.dependencies.append(entered)
                self._block(statement.body)
            elif not isinstance(statement, cst.FunctionDef):
                self.straight = False

    def _small(self, small: cst.BaseSmallStatement) -> None:
        if isinstance(small, cst.Assign) and len(small.targets) == 1:
            value = self.formula(small.value)
            target = small.targets[0].target
            if isinstance(target, cst.Name):
                self.values[target.value] = value
            elif isinstance(target, cst.Tuple):
                for place, element in enumerate(target.elements):
                    if isinstance(element.value, cst.Name):
                        self.values[element.value.value] = ("item", value, place)
        elif isinstance(small, cst.AugAssign) and isinstance(small.target, cst.Name):
            sign = _IN_PLACE.get(type(small.operator), "in place")
            before = self.formula(small.target)
            self.values[small.target.value] = (sign, before, self.formula(small.value))
        elif isinstance(small, cst.Return) and small.value is not None:
            parts = small.value.elements if isinstance(small.value, cst.Tuple) else ()
            values = [part.value for part in parts] or [small.value]
            self.returned = [self.formula(value) for value in values]
        elif isinstance(small, cst.Expr):
            self.formula(small.value)

    def formula(self, node: cst.BaseExpression) -> Formula:
        if isinstance(node, cst.Name):
            return self.values.get(node.value, ("name", node.value))
        if isinstance(node, cst.Integer | cst.Float):
            return ("number", float(node.evaluated_value))
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
            return ("-", ("number", 0.0), self.formula(node.expression))
        if isinstance(node, cst.BinaryOperation) and type(node.operator) in _OPERATORS:
            sign = _OPERATORS[type(node.operator)]
            return (sign, self.formula(node.left), self.formula(node.right))
        if isinstance(node, cst.Call):
            return self._call(node)
        if isinstance(node, cst.Subscript) and len(node.slice) == 1:
            index = node.slice[0].slice
            if isinstance(index, cst.Index) and isinstance(index.value, cst.Integer):
                return ("item", self.formula(node.value), index.value.evaluated_value)
        if isinstance(node, cst.List | cst.Tuple):
            return ("list", *(self.formula(element.value) for element in node.elements))
        return ("text", self.ctx.module.code_for_node(node).strip())

    def _call(self, node: cst.Call) -> Formula:
        symbol = self.ctx.symbol(node.func) or self.ctx.module.code_for_node(node.func)
        args = tuple(self.formula(arg.value) for arg in node.args if arg.keyword is None)
        keywords = {arg.keyword.value: self.formula(arg.value) for arg in node.args if arg.keyword}
        if symbol in _TRANSPARENT and args:
            return args[0]
        if symbol in _FUNCTIONS and len(args) == 2:
            return (_FUNCTIONS[symbol], *args)
        if symbol in ("tf.square", "K.square", "tf.squared_difference") and args:
            inner = args[0] if len(args) == 1 else ("-", *args[:2])
            return ("square", inner)
        found = ("call", symbol, args, tuple(sorted(keywords.items())))
        self.calls.append(found)
        return found


def factors(formula: Formula) -> tuple[list[Formula], list[Formula]]:
    """What a product multiplies, and what it divides by."""
    if formula[0] in ("*", "/"):
        up, down = factors(formula[1])
        up2, down2 = factors(formula[2])
        return (up + up2, down + down2) if formula[0] == "*" else (up + down2, down + up2)
    return [formula], []


def contains(formula: object, wanted: Formula) -> bool:
    if formula == wanted:
        return True
    return isinstance(formula, tuple) and any(contains(part, wanted) for part in formula)


def mentions(formula: object, symbol: str) -> bool:
    if isinstance(formula, tuple):
        if formula[:2] == ("call", symbol):
            return True
        return any(mentions(part, symbol) for part in formula)
    return False


def as_code(formula: Formula) -> str | None:
    """A name or number as source, None for more."""
    if formula[0] == "name":
        return str(formula[1])
    if formula[0] == "number":
        value: float = formula[1]
        return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    if formula[0] == "text":
        return str(formula[1])
    return None
