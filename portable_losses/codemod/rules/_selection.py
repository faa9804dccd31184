"""What a function does with the parts that it cuts out of tensors; the reading behind `masked`."""

from __future__ import annotations

import math
from dataclasses import replace

import libcst as cst

from portable_losses.codemod import _conditions
from portable_losses.codemod._context import Context, Reference
from portable_losses.codemod.rules._masks import Filler, Line, Part, Plan, Unsure
from portable_losses.codemod.rules._shapes_of import (
    PAIR,
    REGULAR,
    Shapes,
    names_in,
    plain_number,
    text_of,
)
from portable_losses.codemod.rules.calls import is_labels

VALUES = {
    "square": lambda x: x * x, "abs": abs, "negative": lambda x: -x, "log": math.log,
    "sqrt": math.sqrt, "stop_gradient": lambda x: x, "identity": lambda x: x,
    "relu": lambda x: max(x, 0.0), "exp": math.exp,
}  # fmt: skip
POSITIVE = ("log", "sqrt", "pow")  # of a positive number alone
TOTALS = {
    "K.mean": "mean", "K.sum": "sum", "tf.reduce_mean": "mean", "tf.reduce_sum": "sum",
    "tf.size": "size",
}  # fmt: skip
CUTS = ("tf.boolean_mask", "tf.dynamic_partition", "tf.where")
KEEPING = ("tf.boolean_mask", "tf.gather_nd", "tf.gather", "K.gather")
BOTH = {*PAIR, "both"}
SAME = "`y_true` and `y_pred` have as many entries; with another number it raises"


def read(ctx: Context, function: cst.FunctionDef) -> Plan:
    """How the function is written with masks. Raises Unsure where that is not sure."""
    reader = _Reader(ctx, function)
    try:
        reader.read()
    except Unsure:  # parts of one axis may get another one
        reader = _Reader(ctx, function, flatten=True)
        reader.read()
    return reader.plan


class _Reader(Shapes):
    def __init__(self, ctx: Context, function: cst.FunctionDef, flatten: bool = False) -> None:
        super().__init__(ctx, function)
        self.plan, self.flatten = Plan(function), flatten
        self.parts: dict[str, Part] = {}
        self.values: dict[cst.CSTNode, Part | None] = {}
        self.is_flat, self.count = False, 0
        # `tf.dynamic_partition`: the data, how many parts, the shape that the data is brought to
        self.lists: dict[str, tuple[str, int, str]] = {}
        self.indices: set[str] = set()  # `name = tf.where(m)`; now the name is the mask's
        self.made: dict[str, tuple[str, set[str]]] = {}  # a mask's text -> its name, and of what
        self.refs = {r.call: r for r in ctx.references_within(function) if r.call is not None}

    def read(self) -> None:
        self._body(self.function.body)

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
            names = {n.value for t in small.targets for n in names_in(t.target)}
            if names & self._known() or self._value(small.value) is not None:
                raise Unsure
            for name in names:
                self.shapes.pop(name, None)
        elif isinstance(small, cst.Return | cst.Expr):
            if small.value is not None and self._value(small.value) is not None:
                raise Unsure
        elif (
            isinstance(small, cst.AugAssign | cst.AnnAssign)
            or {n.value for n in names_in(small)} & self._known()
        ):
            raise Unsure

    def _known(self) -> set[str]:
        return {*self.parts, *self.lists, *self.indices}

    # Assignments --------------------------------------------------------------------------------

    def _assign(self, name: str, value: cst.BaseExpression) -> None:
        shape = self._shape(value)
        self._fresh(name)
        self.indices.discard(name)
        mask = self._indices(value)
        part = None if mask else self._cut(name, value) or self._moved(name, value)
        if mask:
            shape = self._shape(mask)
            self.indices.add(name)
        elif part is None and not self._taken(name, value):
            part = self._value(value)
        if part is None:
            self.parts.pop(name, None)
        else:
            self.parts[name] = part
        self.count += 1
        self.shapes[name] = shape or f"#{self.count}"
        self.made = {k: v for k, v in self.made.items() if name not in v[1]}

    def _fresh(self, name: str) -> None:
        """A mask that others still need must not get another value under its name."""
        used = {mask for part in self.parts.values() for mask in part.masks}
        if name in used | {data for data, *_ in self.lists.values()}:
            raise Unsure
        self.lists.pop(name, None)

    def _unused(self) -> str:
        """A name for a cut that the old code gave none."""
        used = {mask for part in self.parts.values() for mask in part.masks}
        used |= {line.name for line in self.plan.before.get(self.line, ())}
        names = ("kept", *(f"kept_{number}" for number in range(2, 9)))
        for name in names:
            if f"{name}_mask" not in used and self.ctx.names.is_free(name):
                return name
        raise Unsure

    def _mask(self, name: str) -> str:
        """The name of the mask that goes with a name."""
        mask = f"{name}_mask"
        free = self.ctx.names.is_free(mask)
        others = {m for n, part in self.parts.items() if n != name for m in part.masks}
        if not free or mask in others:
            raise Unsure
        return mask

    def _indices(self, value: cst.BaseExpression) -> cst.BaseExpression | None:
        """The mask of `tf.where(m)`, or of `tf.where(m)[:, 0]` where that has one axis."""
        column = isinstance(value, cst.Subscript) and text_of(self.ctx, value).endswith("[:, 0]")
        where = value.value if isinstance(value, cst.Subscript) and column else value
        ref = self.refs.get(where)
        if ref is None or ref.call is None or ref.symbol != "tf.where" or len(ref.call.args) > 1:
            return None
        mask = ref.call.args[0].value
        if self._value(mask) or (column and not str(self._shape(mask)).startswith("flat:")):
            raise Unsure
        self.plan.masks[value] = mask
        self.plan.settled.append(ref)
        return mask

    def _cut(self, name: str, value: cst.BaseExpression) -> Part | None:
        """`name = tf.boolean_mask(x, m)`, `tf.gather_nd(x, tf.where(m))`, `parts[1]`."""
        if isinstance(value, cst.Subscript) and isinstance(value.value, cst.Name):
            if value.value.value in self.lists:
                return self._one_of(name, value)
        ref = self.refs.get(value)
        if ref is None or ref.call is None:
            return None
        if ref.symbol in KEEPING:
            number, own = self._masked(name, ref)
            self.plan.filled[ref.call] = ("", replace(own, number=number))
            return Part((own.mask,), float(number), flat=self.is_flat)
        return None

    def _masked(self, name: str, ref: Reference) -> tuple[str, Filler]:
        """What stands for the entries that are cut, and the mask, of `tf.boolean_mask(x, m)` or
        `tf.gather_nd(x, tf.where(m))`."""
        args = cst.ensure_type(ref.call, cst.Call).args
        if len(args) < 2 or any(a.keyword or a.star for a in args[:2]):
            raise Unsure
        if any(not a.keyword or a.keyword.value != "name" for a in args[2:]):
            raise Unsure
        x, mask = args[0].value, args[1].value
        named = isinstance(mask, cst.Name) and mask.value in self.indices
        if ref.symbol != "tf.boolean_mask" and not named:
            if (mask := self._indices(mask)) is None:
                raise Unsure
        data, under = self._value(x), None if named else self._value(mask)
        among = data.masks if data else ()
        if under and not set(under.masks) <= set(among):
            raise Unsure
        flat, shape, self.is_flat = False, "", data.flat if data else False
        if data is None:
            keys = self._shape(x), self._shape(mask)
            self.is_flat = self.flatten or str(keys[1]).startswith("flat:")
            flat = self.flatten and not str(keys[1]).startswith("flat:")
            shape = "(-1,)" if flat and not str(keys[0]).startswith("flat:") else ""
            if self._differ(*keys):
                self.plan.assumes, shape = SAME, "like"
        self.plan.settled.append(ref)
        number = self._number(x, mask)
        text = f"{text_of(self.ctx, mask)} {flat}"
        if isinstance(mask, cst.Name) and not flat and data is None:
            own = mask.value
        elif text not in self.made or data is not None:
            own = self._mask(name)
            line = Line(own, "", mask, flat=flat, among=among)
            self.plan.before.setdefault(self.line, []).append(line)
            names = {one.value for one in names_in(mask)} | {own}
            self.made = {k: v for k, v in self.made.items() if own not in v[1]}
            if name not in names:
                self.made[text] = own, names
        else:
            own = self.made[text][0]
        return number, Filler(own, "1", mask, _like(own) if shape == "like" else shape)

    def _differ(self, x: str | None, mask: str | None) -> bool:
        """Whether the shapes may differ; not in another way than that of targets and outputs."""
        if x is None or mask is None:
            raise Unsure
        if x != mask and not {x.removeprefix("flat:"), mask.removeprefix("flat:")} <= BOTH:
            raise Unsure
        return x != mask

    def _number(self, x: cst.BaseExpression, mask: cst.BaseExpression) -> str:
        """What stands for the entries that are cut: 1, or what `x < 0` holds for too."""
        if isinstance(mask, cst.Comparison) and len(mask.comparisons) == 1:
            compared = mask.comparisons[0]
            bound = plain_number(compared.comparator)
            if bound is not None and text_of(self.ctx, mask.left) == text_of(self.ctx, x):
                if isinstance(compared.operator, cst.LessThan | cst.LessThanEqual):
                    return f"{bound - 1:g}"
                if isinstance(compared.operator, cst.GreaterThan | cst.GreaterThanEqual):
                    return f"{bound + 1:g}"
        return "1"

    def _one_of(self, name: str, value: cst.Subscript) -> Part:
        data, count, shape = self.lists[cst.ensure_type(value.value, cst.Name).value]
        index = value.slice[0].slice if len(value.slice) == 1 else None
        place = plain_number(index.value) if isinstance(index, cst.Index) else None
        if place is None or not 0 <= place < count or data in self._known():
            raise Unsure
        own, labels = self._mask(name), text_of(self.ctx, value.value)
        text = f"{{ops}}.equal({labels}, {int(place)})"
        self.plan.before.setdefault(self.line, []).append(Line(own, text, value))
        self.plan.filled[value] = (data, Filler(own, "1", value, shape))
        return Part((own,), 1.0, flat=True)

    def _taken(self, name: str, value: cst.BaseExpression) -> bool:
        """`parts = tf.dynamic_partition(x, m, 2)`."""
        ref = self.refs.get(value)
        if ref is None or ref.call is None:
            return False
        args = ref.call.args
        if ref.symbol == "tf.dynamic_partition" and len(args) == 3:
            x, labels, count = (arg.value for arg in args)
            number = plain_number(count)
            if not isinstance(x, cst.Name) or number is None or any(a.keyword for a in args):
                raise Unsure
            if self._value(x) is not None or self._value(labels) is not None:
                raise Unsure
            shape = "(-1,)"
            if self._differ(self._shape(x), self._shape(labels)):
                self.plan.assumes, shape = SAME, _like(name)
            self.plan.partitions.append(value)
            self.plan.settled.append(ref)
            self.lists[name] = (x.value, int(number), shape)
            return True
        return False

    def _moved(self, name: str, value: cst.BaseExpression) -> Part | None:
        """`name = tf.expand_dims(part, 0)`: the mask does the same."""
        symbol = self.symbol_of(value)
        if symbol not in ("tf.expand_dims", "K.expand_dims") or not isinstance(value, cst.Call):
            return None
        inner = value.args[0].value
        part = self._value(inner)
        if part is None:
            return None
        if len(value.args) != 2 or not part.flat or len(part.masks) != 1:
            raise Unsure
        axis = text_of(self.ctx, value.args[1].value)
        if axis not in ("0", "1", "-1") or not isinstance(inner, cst.Name):
            raise Unsure
        own = self._mask(name)
        text = f"{{ops}}.expand_dims({part.masks[0]}, {axis})"
        self.plan.before.setdefault(self.line, []).append(Line(own, text, value))
        return Part((own,), part.at, spread=True)

    # Values -------------------------------------------------------------------------------------

    def _value(self, node: cst.BaseExpression) -> Part | None:
        """The part that an expression is; None for what is made without one."""
        if node not in self.values:
            self.values[node] = self._found(node)
        return self.values[node]

    def _found(self, node: cst.BaseExpression) -> Part | None:
        known = any(name.value in self._known() for name in names_in(node))
        if not known and not any(self._cuts(call) for call in self._calls(node)):
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
        if isinstance(node, cst.Call):
            return self._called(node)
        if isinstance(node, cst.Subscript) and self.symbol_of(node.value) in (
            "tf.shape",
            "K.shape",
        ):
            self._length(node)
            return None
        raise Unsure

    def _calls(self, node: cst.BaseExpression) -> list[cst.Call]:
        own = [node] if isinstance(node, cst.Call) else []
        return [*own, *self.ctx.within(node, cst.Call)]

    def _cuts(self, call: cst.Call) -> bool:
        symbol = self.symbol_of(call)
        return symbol in CUTS and (symbol != "tf.where" or len(call.args) == 1)

    def _binary(self, node: cst.BinaryOperation) -> Part | None:
        left, right = self._value(node.left), self._value(node.right)
        if left is None and right is None:
            return None
        at = [
            part.at if part else plain_number(side)
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
        if not found:
            return None
        for node in nodes:
            if self._value(node) is None and not self.is_number(node):
                raise Unsure
        masks = tuple(dict.fromkeys(mask for part in found for mask in part.masks))
        spread = all(part.spread for part in found)
        if len(masks) > 1 and not spread:
            raise Unsure  # two cuts that met in order, not entry by entry
        return Part(masks, None, all(part.flat for part in found), spread)

    def _called(self, node: cst.Call) -> Part | None:
        symbol = self.symbol_of(node)
        last = symbol.rpartition(".")[2]
        values = [arg.value for arg in node.args if not arg.star]
        if len(values) != len(node.args) or symbol.partition(".")[0] not in ("K", "tf"):
            raise Unsure
        if symbol in TOTALS and len(values) == 1:
            self._total(node, TOTALS[symbol], values[0])
            return None
        if last not in REGULAR and last not in (*POSITIVE, "exp"):
            raise Unsure
        first = self._value(values[0])
        at = first.at if first is not None else None
        if last in POSITIVE and (at is None or at <= 0):
            raise Unsure
        if last == "exp" and (at is None or at > 10):
            raise Unsure
        given = values[:1] if last == "cast" else values
        joined = self._joined(given)
        if joined is None:
            return None
        if len(given) == 1 and at is not None and last in VALUES:
            return replace(joined, at=VALUES[last](at))
        return replace(joined, at=1.0 if last == "pow" and at == 1.0 else None)

    def _length(self, node: cst.Subscript) -> None:
        """`tf.shape(part)[0]`, a count."""
        call = cst.ensure_type(node.value, cst.Call)
        part = self._value(call.args[0].value) if len(call.args) == 1 else None
        if part is None or part.spread or not text_of(self.ctx, node).endswith("[0]"):
            raise Unsure
        self.plan.reduced[node] = (part.masks[0], "size")
        self.plan.settled.append(self.refs[call])

    def _of_floats(self, kind: str, value: cst.BaseExpression) -> None:
        """TensorFlow cut the mean of integers, which labels may be."""
        integers = _conditions.dtype_of(value, self.ctx) == "int" or is_labels(self.ctx, value)
        if kind == "mean" and integers:
            raise Unsure

    def _total(self, node: cst.Call, kind: str, value: cst.BaseExpression) -> None:
        """A sum, mean or count of a part: a number."""
        inline = self.refs.get(value)
        if inline is not None and inline.symbol in KEEPING:
            _, own = self._masked(self._unused(), inline)
            self.plan.filled[value] = ("", replace(own, number=""))
            self.plan.reduced[node] = (own.mask, kind)
            self.plan.settled.append(self.refs[node])
            self._of_floats(kind, value.args[0].value)
            return
        part = self._value(value)
        if part is None:
            return
        self._of_floats(kind, value)
        mask = part.masks[0]
        if len(part.masks) > 1:
            mask = "both"
            if not self.ctx.names.is_free(mask) or len(part.masks) > 2:
                raise Unsure
            text = f"{{ops}}.logical_and({', '.join(part.masks)})"
            lines = self.plan.before.setdefault(self.line, [])
            if any(line.name == mask and line.text != text for line in lines):
                raise Unsure
            if not any(line.name == mask for line in lines):
                lines.append(Line(mask, text, node))
        self.plan.reduced[node] = (mask, kind)
        self.plan.settled.append(self.refs[node])


def _like(mask: str) -> str:
    """The shape of a mask: an error where there are more entries, or fewer, than it has."""
    return f"{{ops}}.shape({mask})"
