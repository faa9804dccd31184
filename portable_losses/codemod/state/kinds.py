"""What is surely known of an expression's value in a function that was read."""

import re

import libcst as cst

from portable_losses.codemod.state.reading import ELEMENTWISE, Read

# What gives one number of any tensor, where no axis is said.
_WHOLE = re.compile(r"(?:tf\.reduce_|K\.)(?:mean|sum|max|min|prod|logsumexp)$")
_ROWS = ("tf.nn.softmax_cross_entropy_with_logits", "tf.nn.softmax_cross_entropy_with_logits_v2",
         "tf.nn.sparse_softmax_cross_entropy_with_logits", "K.categorical_crossentropy",
         "K.sparse_categorical_crossentropy")  # fmt: skip


def kind_of(read: Read, node: cst.BaseExpression | None, place: int) -> str:
    """Whether an expression of the function is surely "one" number, or surely one for each of the
    "rows" of a batch; "" where that is not sure."""
    if isinstance(node, cst.Integer | cst.Float):
        return "one"
    if isinstance(node, cst.BinaryOperation):
        return _together(read, [node.left, node.right], place)
    if isinstance(node, cst.UnaryOperation):
        return kind_of(read, node.expression, place)
    if isinstance(node, cst.Name):
        if node.value in read.settings and not read.assigned_at(node.value):
            return "one"
        before = [at for at in read.assigned_at(node.value) if at < place]
        if not before:
            given = read.ctx.assigned(node)
            return "one" if isinstance(given, _NUMBER) else ""
        first = _first_of_inner(read, node.value, before[-1])
        return first or kind_of(read, read.value_at(node.value, before[-1]), before[-1])
    if isinstance(node, cst.Subscript):
        inner = read.is_inner(node.value)
        return "one" if inner is not None and inner.maker.is_loss else ""
    if isinstance(node, cst.Call):
        inner = read.is_inner(node)
        if inner is not None:
            return "one" if inner.maker.is_loss else ""
        symbol = read.ctx.symbol(node.func) or ""
        args = [arg for arg in node.args if not (arg.keyword and arg.keyword.value == "name")]
        if symbol in _ROWS:
            return "rows"
        if _WHOLE.match(symbol) or symbol == "tf.nn.l2_loss":
            if len(args) == 1:
                return "one"
            named = not args[1].keyword or args[1].keyword.value == "axis"
            last = (
                len(args) == 2 and named and read.code(args[1].value) in ("1", "-1", "[1]", "[-1]")
            )
            return "rows" if last else ""
        if ELEMENTWISE.search(symbol) or symbol in _ALIKE:
            return _together(read, [arg.value for arg in args], place)
    return ""


def _first_of_inner(read: Read, name: str, place: int) -> str:
    """Whether a name is the value of an inner loss, `loss, _ = center_loss(...)`."""
    for inner in read.inner:
        if inner.maker.is_loss and read.place(inner.call) == place and inner.handles:
            return "" if name in inner.handles else "one"
    return ""


_ALIKE = ("tf.identity", "tf.log", "tf.sqrt", "tf.exp", "tf.abs", "tf.square", "tf.nn.relu",
          "K.sqrt", "K.log", "K.exp", "K.square", "K.relu")  # fmt: skip


def _together(read: Read, nodes: list[cst.BaseExpression], place: int) -> str:
    kinds = {kind_of(read, node, place) for node in nodes}
    return "" if "" in kinds or not kinds else "rows" if "rows" in kinds else "one"


def lost_constants(function: cst.FunctionDef) -> list[cst.BinaryOperation]:
    """Sums such as `1 - x + 1e-8`: TensorFlow 1 adds the constants of a graph first, where float32
    has no room for the small one."""
    visitor = _Sums()
    function.body.visit(visitor)
    return visitor.found


class _Sums(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[cst.BinaryOperation] = []

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> None:
        inner = node.left
        signs = cst.Add | cst.Subtract
        if not isinstance(node.operator, signs) or not isinstance(inner, cst.BinaryOperation):
            return
        numbers = [n for n in (node.right, inner.left, inner.right) if isinstance(n, _NUMBER)]
        if isinstance(inner.operator, signs) and node.right in numbers and len(numbers) == 2:
            small, large = (abs(float(n.evaluated_value)) for n in numbers)
            if 0 < small < 2.0**-25 * large:
                self.found.append(node)


_NUMBER = cst.Integer | cst.Float
