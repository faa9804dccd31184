"""What a function does with the parts that it cuts out of tensors; the reading behind `masked`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import libcst as cst

from portable_losses.codemod import _conditions
from portable_losses.codemod._context import Context, Reference

# Entry by entry, with a finite gradient anywhere.
REGULAR = {
    "square", "abs", "sigmoid", "tanh", "softplus", "relu", "cast", "stop_gradient", "negative",
    "zeros_like", "ones_like", "maximum", "minimum", "add", "subtract", "multiply", "sub", "mul",
    "squared_difference", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
    "logical_and", "logical_or", "logical_not", "is_nan", "to_float", "binary_crossentropy",
    "sigmoid_cross_entropy_with_logits", "identity", "round", "sign", "clip_by_value", "clip",
}  # fmt: skip
VALUES = {
    "square": lambda x: x * x, "abs": abs, "negative": lambda x: -x, "log": math.log,
    "sqrt": math.sqrt, "stop_gradient": lambda x: x, "identity": lambda x: x, "relu": abs,
}  # fmt: skip
POSITIVE = ("log", "sqrt", "pow")  # of a positive number alone
TOTALS = {
    "K.mean": "mean", "K.sum": "sum", "tf.reduce_mean": "mean", "tf.reduce_sum": "sum",
    "tf.size": "size",
}  # fmt: skip
PAIR = ("y_true", "y_pred")


class Unsure(Exception):
    """Something that no mask is sure to do as well."""


@dataclass(frozen=True)
class Part:
    """A value of which only the entries under `masks` were there. `at`: what the others are now,
    where that is known. `rows`: it has one axis more than the masks."""

    masks: tuple[str, ...]
    at: float | None = None
    rows: bool = False
    flat: bool = False


@dataclass(frozen=True)
class Filler:
    mask: str
    number: str
    moved: cst.CSTNode
    flat: bool = False
    rows: bool = False


@dataclass(frozen=True)
class Line:
    """`name = text`, or what became of `node`; "and" the masks of what was cut before."""

    name: str
    text: str
    node: cst.CSTNode
    flat: bool = False
    among: tuple[str, ...] = ()


@dataclass
class Plan:
    function: cst.FunctionDef
    filled: dict[cst.CSTNode, tuple[str, Filler]] = field(default_factory=dict)
    bare: dict[cst.CSTNode, str] = field(default_factory=dict)
    reduced: dict[cst.CSTNode, tuple[str, str]] = field(default_factory=dict)
    before: dict[cst.CSTNode, list[Line]] = field(default_factory=dict)
    settled: list[Reference] = field(default_factory=list)
    assumes: str = ""


def read(ctx: Context, function: cst.FunctionDef) -> Plan:
    """How the function is written with masks. Raises Unsure where that is not sure."""
    return _Reader(ctx, function).plan


class _Reader:
    def __init__(self, ctx: Context, function: cst.FunctionDef) -> None:
        self.ctx, self.plan = ctx, Plan(function)
        self.parts: dict[str, Part] = {}
        self.indices: dict[str, str] = {}  # `i = tf.where(m)[:, 0]` -> the mask's name
        self.lists: dict[str, tuple[str, int]] = {}  # `tf.dynamic_partition`: data, number
        # Which shape a name has: two with the same key have the same. "flat:x" is x in one axis.
        self.shapes = {p.name.value: p.name.value for p in function.params.params}
        self.refs = {r.call: r for r in ctx.references_within(function) if r.call is not None}
        self._body(function.body)

    def _body(self, body: cst.BaseSuite) -> None:
        if not isinstance(body, cst.IndentedBlock):
            raise Unsure
        for statement in body.body:
            if isinstance(statement, cst.With):
                self._body(statement.body)
            elif not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
                raise Unsure
            else:
                self.line = statement
                self._statement(statement.body[0])

    def _statement(self, small: cst.BaseSmallStatement) -> None:
        if isinstance(small, cst.Assign):
            target = small.targets[0].target
            if len(small.targets) == 1 and isinstance(target, cst.Name):
                self._assign(target.value, small.value)
                return
            names = {n.value for t in small.targets for n in _names(t.target)}
            if names & self._known() or self._value(small.value) is not None:
                raise Unsure
            for name in names:
                self.shapes.pop(name, None)
        elif isinstance(small, cst.Return | cst.Expr):
            if small.value is not None and self._value(small.value) is not None:
                raise Unsure
        elif isinstance(small, cst.AugAssign) or {n.value for n in _names(small)} & self._known():
            raise Unsure

    def _known(self) -> set[str]:
        return {*self.parts, *self.indices, *self.lists}

    # Assignments --------------------------------------------------------------------------------

    def _assign(self, name: str, value: cst.BaseExpression) -> None:
        shape = self._shape(value)
        part = self._cut(name, value)
        if part is None:
            part = self._moved(name, value)
        if part is None and not self._taken(name, value):
            part = self._value(value)
            self._fresh(name)
            self.indices.pop(name, None)
            self.lists.pop(name, None)
        if part is None:
            self.parts.pop(name, None)
        else:
            self.parts[name] = part
        self.shapes.pop(name, None)
        if shape:
            self.shapes[name] = shape

    def _fresh(self, name: str) -> None:
        """A mask that others still need must not get another value under its name."""
        used = {mask for part in self.parts.values() for mask in part.masks}
        if name in used | set(self.indices.values()):
            raise Unsure

    def _mask(self, name: str) -> str:
        """The name of the mask that goes with a name."""
        mask = f"{name}_mask"
        free = self.ctx.names.is_free(mask)
        others = {m for n, part in self.parts.items() if n != name for m in part.masks}
        if not free or mask in others:
            raise Unsure
        return mask

    def _cut(self, name: str, value: cst.BaseExpression) -> Part | None:
        """`name = tf.boolean_mask(x, m)`, `tf.gather(x, i)`, `parts[1]`."""
        if isinstance(value, cst.Subscript) and isinstance(value.value, cst.Name):
            if value.value.value in self.lists:
                return self._one_of(name, value)
        ref = self.refs.get(value)
        if ref is None or ref.call is None:
            return None
        args = ref.call.args
        if ref.symbol == "tf.boolean_mask":
            if len(args) < 2 or any(a.keyword or a.star for a in args[:2]):
                raise Unsure
            if any(not a.keyword or a.keyword.value != "name" for a in args[2:]):
                raise Unsure
            return self._masked(name, ref, args[0].value, args[1].value)
        if ref.symbol in ("tf.gather", "K.gather") and len(args) == 2:
            x, index = args[0].value, args[1].value
            if isinstance(index, cst.Name) and index.value in self.indices:
                if not isinstance(x, cst.Name) or x.value in self._known() - {name}:
                    raise Unsure
                if args[0].keyword or args[1].keyword:
                    raise Unsure
                mask = self.indices[index.value]
                self.plan.filled[ref.call] = ("", Filler(mask, "1", index, rows=True))
                self.plan.settled.append(ref)
                return Part((mask,), 1.0, rows=True)
        return None

    def _masked(
        self, name: str, ref: Reference, x: cst.BaseExpression, mask: cst.BaseExpression
    ) -> Part:
        data, under = self._value(x), self._value(mask)
        among = data.masks if data else ()
        if data and data.rows or (under and not set(under.masks) <= set(among)):
            raise Unsure
        flat = data.flat if data else False
        make_flat = False
        if data is None:
            make_flat = self._meets(self._shape(x), self._shape(mask))
            flat = make_flat or str(self._shape(x)).startswith("flat:")
        own = self._mask(name)
        number = self._number(x, mask)
        assert ref.call is not None
        self.plan.before.setdefault(self.line, []).append(
            Line(own, "", mask, flat=make_flat, among=among)
        )
        self.plan.filled[ref.call] = ("", Filler(own, number, mask, flat=make_flat))
        self.plan.settled.append(ref)
        return Part((own,), float(number), flat=flat)

    def _meets(self, x: str | None, mask: str | None) -> bool:
        """Whether both must be made flat to meet; they may not have the same shape otherwise."""
        if x is None or mask is None:
            raise Unsure
        if x == mask:
            return False
        if {x.removeprefix("flat:"), mask.removeprefix("flat:")} != set(PAIR):
            raise Unsure
        self.plan.assumes = "`y_true` and `y_pred` have one shape"
        return not (x.startswith("flat:") and mask.startswith("flat:"))

    def _number(self, x: cst.BaseExpression, mask: cst.BaseExpression) -> str:
        """What stands for the entries that are cut: 1, or what `x < 0` holds for too."""
        if isinstance(mask, cst.Comparison) and len(mask.comparisons) == 1:
            compared = mask.comparisons[0]
            bound = _plain_number(compared.comparator)
            if bound is not None and _text(self.ctx, mask.left) == _text(self.ctx, x):
                if isinstance(compared.operator, cst.LessThan | cst.LessThanEqual):
                    return f"{bound - 1:g}"
                if isinstance(compared.operator, cst.GreaterThan | cst.GreaterThanEqual):
                    return f"{bound + 1:g}"
        return "1"

    def _one_of(self, name: str, value: cst.Subscript) -> Part:
        data, count = self.lists[cst.ensure_type(value.value, cst.Name).value]
        index = value.slice[0].slice if len(value.slice) == 1 else None
        place = _plain_number(index.value) if isinstance(index, cst.Index) else None
        if place is None or not 0 <= place < count or data in self._known():
            raise Unsure
        own, labels = self._mask(name), _text(self.ctx, value.value)
        text = f"{self.ctx.need('keras', 'ops')}.equal({labels}, {int(place)})"
        self.plan.before.setdefault(self.line, []).append(Line(own, text, value))
        self.plan.filled[value] = (data, Filler(own, "1", value, flat=True))
        return Part((own,), 1.0, flat=True)

    def _taken(self, name: str, value: cst.BaseExpression) -> bool:
        """`i = tf.where(m)[:, 0]` and `parts = tf.dynamic_partition(x, m, 2)`."""
        call = value.value if isinstance(value, cst.Subscript) else value
        ref = self.refs.get(call)
        if ref is None or ref.call is None:
            return False
        args = ref.call.args
        if ref.symbol == "tf.where" and len(args) == 1 and isinstance(value, cst.Subscript):
            if _text(self.ctx, value).replace(" ", "").endswith("[:,0]"):
                if self._value(args[0].value) is not None or not _of_column(self.ctx, args[0]):
                    raise Unsure
                self._fresh(name)
                self.plan.bare[value] = "condition"
                self.plan.settled.append(ref)
                self.plan.assumes = "the targets have the shape (batch, values)"
                self.indices[name] = name
                return True
        if ref.symbol == "tf.dynamic_partition" and len(args) == 3:
            x, labels, count = (arg.value for arg in args)
            number = _plain_number(count)
            if not isinstance(x, cst.Name) or number is None or any(a.keyword for a in args):
                raise Unsure
            if self._value(x) is not None or self._value(labels) is not None:
                raise Unsure
            self._meets(self._shape(x), self._shape(labels))
            self.plan.bare[value] = self.ctx.need("keras", "ops")
            self.plan.settled.append(ref)
            self.lists[name] = (x.value, int(number))
            return True
        return False

    def _moved(self, name: str, value: cst.BaseExpression) -> Part | None:
        """`name = tf.expand_dims(part, 0)`: the mask does the same."""
        symbol = self._symbol(value)
        if symbol not in ("tf.expand_dims", "K.expand_dims") or not isinstance(value, cst.Call):
            return None
        inner = value.args[0].value
        part = self._value(inner)
        if part is None:
            return None
        if len(value.args) != 2 or not part.flat or len(part.masks) != 1:
            raise Unsure
        axis = _text(self.ctx, value.args[1].value)
        if axis not in ("0", "1", "-1") or not isinstance(inner, cst.Name):
            raise Unsure
        own = self._mask(name)
        text = f"{self.ctx.need('keras', 'ops')}.expand_dims({part.masks[0]}, {axis})"
        self.plan.before.setdefault(self.line, []).append(Line(own, text, value))
        return Part((own,), part.at)

    # Values -------------------------------------------------------------------------------------

    def _value(self, node: cst.BaseExpression) -> Part | None:
        """The part that an expression is; None for what is made without one."""
        if not any(name.value in self._known() for name in _names(node)) and not any(
            call in self.refs and self.refs[call].symbol in ("tf.boolean_mask", "tf.where")
            for call in (node, *self.ctx.within(node, cst.Call))
            if isinstance(call, cst.Call) and (len(call.args) == 1 or self._symbol(call) != "tf.where")
        ):
            return None
        if isinstance(node, cst.Name) and node.value in self.parts:
            return self.parts[node.value]
        if isinstance(node, cst.UnaryOperation):
            part = self._value(node.expression)
            minus = isinstance(node.operator, cst.Minus)
            if part is None:
                return None
            return replace(part, at=-part.at if minus and part.at is not None else None)
        if isinstance(node, cst.BinaryOperation):
            return self._binary(node)
        if isinstance(node, cst.Comparison) and len(node.comparisons) == 1:
            return self._joined([node.left, node.comparisons[0].comparator])
        if isinstance(node, cst.Subscript):
            return self._sliced(node)
        if isinstance(node, cst.Call):
            return self._called(node)
        raise Unsure

    def _binary(self, node: cst.BinaryOperation) -> Part | None:
        left, right = self._value(node.left), self._value(node.right)
        if left is None and right is None:
            return None
        at = [
            part.at if part else _plain_number(side)
            for part, side in ((left, node.left), (right, node.right))
        ]
        joined = self._joined([node.left, node.right])
        assert joined is not None
        a, b = at
        match node.operator:
            case cst.Add():
                found = a + b if a is not None and b is not None else None
            case cst.Subtract():
                found = a - b if a is not None and b is not None else None
            case cst.Multiply():
                found = a * b if a is not None and b is not None else None
            case cst.Divide():
                if right is not None and not b:
                    raise Unsure
                found = a / b if a is not None and b else None
            case cst.Power():
                whole = right is None and b is not None and b >= 1 and b == int(b)
                if not whole and not (a is not None and a > 0):
                    raise Unsure
                found = a**b if a is not None and b is not None else None
            case _:
                raise Unsure
        return replace(joined, at=found)

    def _joined(self, nodes: list[cst.BaseExpression]) -> Part | None:
        """The part that an operation entry by entry makes of these."""
        found = [part for node in nodes if (part := self._value(node)) is not None]
        for node in nodes:
            if self._value(node) is None and not self._is_number(node):
                raise Unsure
        if not found:
            return None
        if len({part.rows for part in found}) > 1:
            raise Unsure
        masks = tuple(dict.fromkeys(mask for part in found for mask in part.masks))
        if found[0].rows and len(masks) > 1:
            raise Unsure
        if len(masks) > 1 and any(part.flat for part in found):
            raise Unsure  # two cuts that met in order, not entry by entry
        return Part(masks, None, found[0].rows, all(part.flat for part in found))

    def _is_number(self, node: cst.BaseExpression) -> bool:
        """A number, or a name that surely is one."""
        if isinstance(node, cst.Attribute | cst.SimpleString) or _plain_number(node) is not None:
            return True
        if isinstance(node, cst.Call):
            return self._symbol(node) in ("K.epsilon", "K.floatx")
        if not isinstance(node, cst.Name):
            return False
        given = self.ctx.assigned(node)
        if given is not None:
            return _plain_number(given) is not None
        function = self.plan.function
        for parameter in (*function.params.params, *function.params.kwonly_params):
            if parameter.name.value == node.value and parameter.default is not None:
                return _plain_number(parameter.default) is not None
        return False

    def _sliced(self, node: cst.Subscript) -> Part | None:
        part = self._value(node.value)
        if part is None or not part.rows or len(node.slice) != 2:
            raise Unsure
        first, second = (element.slice for element in node.slice)
        if not isinstance(first, cst.Slice) or first.lower or first.upper or first.step:
            raise Unsure
        if isinstance(second, cst.Slice):
            return part
        if not isinstance(second, cst.Index):
            raise Unsure
        return replace(part, rows=False)

    def _called(self, node: cst.Call) -> Part | None:
        symbol = self._symbol(node)
        last = symbol.rpartition(".")[2]
        values = [arg.value for arg in node.args if not arg.star]
        if len(values) != len(node.args) or symbol.partition(".")[0] not in ("K", "tf"):
            raise Unsure
        if symbol in TOTALS and len(values) == 1:
            return self._total(node, TOTALS[symbol], values[0])
        if symbol in TOTALS and TOTALS[symbol] != "size" and len(node.args) == 2:
            part = self._value(values[0])
            keyword = node.args[1].keyword
            if part is None or not part.rows or _text(self.ctx, values[1]) not in ("-1", "1"):
                raise Unsure
            if keyword is not None and keyword.value not in ("axis", "reduction_indices"):
                raise Unsure
            return replace(part, rows=False, at=part.at if TOTALS[symbol] == "mean" else None)
        if symbol == "K.categorical_crossentropy" and len(values) == 2:
            target, output = self._value(values[0]), self._value(values[1])
            if target is None or output is None or not output.rows or output.at != 1.0:
                raise Unsure
            if target.masks != output.masks or not target.rows:
                raise Unsure
            return Part(output.masks)
        if last not in REGULAR and last not in POSITIVE:
            raise Unsure
        if last in POSITIVE or last == "exp":
            part = self._value(values[0])
            if part is None or part.at is None or part.at <= 0:
                raise Unsure
        given = values[:1] if last == "cast" else values
        joined = self._joined(given)
        if joined is None:
            return None
        first = self._value(values[0])
        at = first.at if first is not None else None
        if len(given) == 1 and at is not None and last in VALUES:
            return replace(joined, at=VALUES[last](at))
        return replace(joined, at=1.0 if last == "pow" and at == 1.0 else None)

    def _total(self, node: cst.Call, kind: str, value: cst.BaseExpression) -> None:
        """A sum, mean or count of a part: a number."""
        inline = self.refs.get(value)
        if inline is not None and inline.symbol == "tf.boolean_mask":
            raise Unsure
        part = self._value(value)
        if part is None:
            return
        if part.rows or (kind == "mean" and _conditions.dtype_of(value, self.ctx) == "int"):
            raise Unsure
        mask = part.masks[0]
        if len(part.masks) > 1:
            ops = self.ctx.need("keras", "ops")
            mask = "both"
            if not self.ctx.names.is_free(mask) or len(part.masks) > 2:
                raise Unsure
            text = f"{ops}.logical_and({', '.join(part.masks)})"
            lines = self.plan.before.setdefault(self.line, [])
            if any(line.name == mask and line.text != text for line in lines):
                raise Unsure
            if not any(line.name == mask for line in lines):
                lines.append(Line(mask, text, node))
        self.plan.reduced[node] = (mask, kind)
        self.plan.settled.append(self.refs[node])

    def _symbol(self, node: cst.BaseExpression) -> str:
        if not isinstance(node, cst.Call):
            return ""
        return self.ctx.symbol(node.func) or ""

    # Shapes -------------------------------------------------------------------------------------

    def _shape(self, node: cst.BaseExpression) -> str | None:
        """The key of an expression's shape: "" of a number, None where it is not known."""
        if self._is_number(node):
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
        symbol, values = self._symbol(node), [arg.value for arg in node.args]
        last = symbol.rpartition(".")[2]
        ones = _text(self.ctx, values[1]).strip("[](), ") if len(values) == 2 else ""
        if symbol == "K.flatten" or (symbol in ("K.reshape", "tf.reshape") and ones == "-1"):
            inner = self._shape(values[0])
            return f"flat:{inner.removeprefix('flat:')}" if inner else None
        if last == "cast":
            return self._shape(values[0])
        if last in REGULAR - {"binary_crossentropy"}:
            return self._same(values)
        return None

    def _same(self, nodes: list[cst.BaseExpression]) -> str | None:
        keys = {self._shape(node) for node in nodes} - {""}
        return keys.pop() if len(keys) == 1 else None


def _of_column(ctx: Context, arg: cst.Arg) -> bool:
    """Whether a condition compares one column, `y[:, -1]`, so that it has one axis."""
    value, left = arg.value, None
    if isinstance(value, cst.Comparison):
        left = value.left
    elif isinstance(value, cst.Call) and value.args:
        if (ctx.symbol(value.func) or "").rpartition(".")[2] in REGULAR:
            left = value.args[0].value
    if not isinstance(left, cst.Subscript) or len(left.slice) != 2:
        return False
    first, second = (element.slice for element in left.slice)
    whole = isinstance(first, cst.Slice) and not (first.lower or first.upper or first.step)
    return whole and isinstance(second, cst.Index)


def _plain_number(node: cst.BaseExpression) -> float | None:
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inner = _plain_number(node.expression)
        return None if inner is None else -inner
    if isinstance(node, cst.Integer | cst.Float):
        return float(node.evaluated_value)
    return None


def _names(node: cst.CSTNode) -> list[cst.Name]:
    """The names that are read or bound in a node, no attributes or keywords."""
    if isinstance(node, cst.Name):
        return [node]
    if isinstance(node, cst.Attribute):
        return _names(node.value)
    if isinstance(node, cst.Arg):
        return _names(node.value)
    return [name for child in node.children for name in _names(child)]


def _text(ctx: Context, node: cst.CSTNode) -> str:
    return ctx.module.code_for_node(node)
