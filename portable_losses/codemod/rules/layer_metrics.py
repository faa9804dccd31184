"""Metrics of Keras 2 with state, written as layers that count by `add_update` in `__call__` (S12).

A module's layers of that kind become metrics together, or stay: they are built on one another.
"""

import functools
import re
from dataclasses import dataclass, field

import libcst as cst
import libcst.matchers as m

from portable_losses.codemod._context import Context
from portable_losses.codemod._moved import moved
from portable_losses.codemod.rules.keras2 import LAYER
from portable_losses.codemod.rules.metric_functions import guard, parameters

FOUND = "layer metrics"  # the key of `Context.memo` that has their names
# What a layer may define and a metric has no use for, or has for something else.
OTHER = {
    "build", "call", "compute_output_shape", "get_config", "from_config", "result", "update_state",
    "reset_state", "add_weight", "variables", "metrics", "dtype", "__getattribute__",
}  # fmt: skip
ZERO = re.compile(r"0(\.0*)?")


@dataclass
class Parts:
    """What a metric consists of."""

    node: cst.ClassDef
    call: cst.FunctionDef
    dropped: list[cst.CSTNode] = field(default_factory=list)
    counter: str = ""
    update: cst.CSTNode | None = None  # the statement that adds to the counter
    added: str = ""
    inner: dict[str, cst.Call] = field(default_factory=dict)  # metrics it asks, by attribute


def apply(ctx: Context) -> None:
    if "add_update" not in ctx.source or "weighted_metrics" in ctx.source:
        return
    classes = {node.name.value: node for node in ctx.all(cst.ClassDef)}
    if len(classes) != len(ctx.all(cst.ClassDef)):
        return
    for root, base in _roots(ctx):
        family = {root.name.value}
        for name, node in classes.items():  # in their order, a base before what it is the base of
            if any(getattr(b.value, "value", "") in family for b in node.bases):
                family.add(name)
        members = [classes[name] for name in family]
        if any(_methods(node).keys() & OTHER or len(node.bases) != 1 for node in members):
            continue
        if not _is_stateful(ctx, root) or ctx.definition(root) in ctx.graph:
            continue
        heads = [node for node in members if "__call__" not in _methods(node)]
        if heads not in ([], [root]):
            continue
        parts = [_parts(ctx, node, family) for node in members if node not in heads]
        known = [part for part in parts if part is not None]
        if not known or len(known) != len(parts):
            continue
        ctx.memo[FOUND] = ctx.memo.get(FOUND, set()) | family
        metric = cst.parse_expression(f"{ctx.need('', 'keras')}.metrics.Metric")
        ctx.edit(base, functools.partial(_instead, metric))
        for ref in ctx.references:
            if ref.node is base:
                ctx.settle(ref, "native")
        (stateful,) = _given(ctx, _methods(root)["__init__"], "stateful")
        ctx.edit(ctx.parent(stateful), lambda new: cst.RemoveFromParent())
        ctx.mark(root)
        for part in known:
            _rewrite(ctx, part)


def _instead(node: cst.BaseExpression, _: cst.BaseExpression) -> cst.BaseExpression:
    return node


def _roots(ctx: Context) -> list[tuple[cst.ClassDef, cst.BaseExpression]]:
    return [
        (node, node.bases[0].value)
        for node in ctx.all(cst.ClassDef)
        if node.bases and moved(ctx.symbol(node.bases[0].value) or "")[0] == LAYER
    ]


def _methods(node: cst.ClassDef) -> dict[str, cst.FunctionDef]:
    return {n.name.value: n for n in node.body.body if isinstance(n, cst.FunctionDef)}


def _lines(function: cst.FunctionDef) -> list[cst.BaseSmallStatement] | None:
    """The statements of a function without branches, each on its line, and without docstring."""
    found = []
    for line in function.body.body:
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            return None
        if not m.matches(line.body[0], m.Expr(m.SimpleString() | m.ConcatenatedString())):
            found.append(line.body[0])
    return found


def _attribute(node: cst.CSTNode) -> str:
    """`tp` for `self.tp`, or ""."""
    if m.matches(node, m.Attribute(m.Name("self"))):
        assert isinstance(node, cst.Attribute)
        return node.attr.value
    return ""


def _given(ctx: Context, function: cst.FunctionDef, attribute: str) -> list[cst.Assign]:
    return [
        assign
        for assign in ctx.within(function, cst.Assign)
        if any(_attribute(target.target) == attribute for target in assign.targets)
    ]


def _is_stateful(ctx: Context, root: cst.ClassDef) -> bool:
    """Whether Keras 2 took the layer for a metric with state, and did not average its batches."""
    init = _methods(root).get("__init__")
    given = _given(ctx, init, "stateful") if init else []
    return [ctx.module.code_for_node(a.value) for a in given] == ["True"]


def _parts(ctx: Context, node: cst.ClassDef, family: set[str]) -> Parts | None:
    methods = _methods(node)
    call, init, reset = (methods.get(n) for n in ("__call__", "__init__", "reset_states"))
    lines = _lines(call) if call else None
    if call is None or init is None or reset is None or not lines:
        return None
    given = call.params
    if len(parameters(call)) != 3 or given.kwonly_params or given.star_kwarg or call.decorators:
        return None
    found = Parts(node, call)
    if not isinstance(lines[-1], cst.Return) or not _sort(ctx, found, lines):
        return None
    state = {found.counter} if found.counter else set(found.inner)
    if _reset(ctx, reset) != state or bool(found.counter) == bool(found.inner):
        return None
    for name in state:
        given = _given(ctx, init, name)
        if len(given) != 1 or not isinstance(given[0].value, cst.Call):
            return None
        made = given[0].value
        if found.counter and not _is_counter(ctx, made):
            return None
        if found.inner and getattr(made.func, "value", "") not in family:
            return None
    if found.counter and not _is_total(ctx, found, lines):
        return None
    return found if _is_whole(ctx, found) else None


def _words(ctx: Context, lines: list[cst.BaseSmallStatement]) -> set[str]:
    return {w for line in lines for w in re.findall(r"\w+", ctx.module.code_for_node(line))}


def _sort(ctx: Context, found: Parts, lines: list[cst.BaseSmallStatement]) -> bool:
    """Say of each statement what it is to the metric; False where one is not known."""
    updates: dict[str, cst.CSTNode] = {}
    asked, noted = set(), set()
    for line in lines:
        value = getattr(line, "value", None)
        if isinstance(line, cst.Assign) and isinstance(value, cst.Call):
            symbol, args = ctx.symbol(value.func), value.args
            target = line.targets[0].target
            if symbol == "K.update_add" and isinstance(target, cst.Name) and len(args) == 2:
                if found.update or not isinstance(args[1].value, cst.Name):
                    return False
                found.counter, found.update = _attribute(args[0].value), line
                found.added = args[1].value.value
                updates[target.value] = line
            elif (name := _attribute(value.func)) and isinstance(target, cst.Name):
                given = [ctx.module.code_for_node(arg.value) for arg in args]
                if given == parameters(found.call)[1:]:
                    found.inner[name] = value
                    asked.add(name)
        elif isinstance(line, cst.Expr):
            if not m.matches(value, m.Call(m.Attribute(m.Name("self"), m.Name("add_update")))):
                return False
            assert isinstance(value, cst.Call)
            first = value.args[0].value if value.args else None
            if isinstance(first, cst.Name) and updates.pop(first.value, None):
                found.dropped.append(line)
            elif m.matches(first, m.Attribute(m.Attribute(m.Name("self")), m.Name("updates"))):
                assert isinstance(first, cst.Attribute)
                noted.add(_attribute(first.value))
                found.dropped.append(line)
            else:
                return False
    if updates or asked != noted:
        return False
    # What is asked for the inner metrics' results has no use for the batch.
    if found.inner:
        calls = {ctx.parent(call) for call in found.inner.values()}
        rest = [line for line in lines if line not in calls and line not in found.dropped]
        return not _words(ctx, rest) & set(parameters(found.call)[1:])
    return bool(found.counter)


def _is_total(ctx: Context, found: Parts, lines: list[cst.BaseSmallStatement]) -> bool:
    """Whether what is returned is the counter with this batch: what it had before, and the sum."""
    text = [ctx.module.code_for_node(line) for line in lines]
    before = [
        i for i, t in enumerate(text) if re.fullmatch(rf"\w+ = self\.{found.counter} \* 1", t)
    ]
    if len(before) != 1 or found.update not in lines[before[0] :]:
        return False
    old, new = text[before[0]].partition(" ")[0], found.added
    if text[-1] not in (f"return {new} + {old}", f"return {old} + {new}"):
        return False
    found.dropped += [lines[before[0]], lines[-1]]
    # Each is given once; the counter is read and moved once, and what it had is used once.
    given = [sum(bool(re.match(rf"{name} = ", t)) for t in text) for name in (old, new)]
    uses = [
        sum(len(re.findall(rf"\b{n}\b", t)) for t in text) for n in (f"self.{found.counter}", old)
    ]
    return given == [1, 1] and uses == [2, 2]


def _is_counter(ctx: Context, made: cst.Call) -> bool:
    if ctx.symbol(made.func) != "K.variable" or not made.args or made.args[0].keyword:
        return False
    named = [arg.keyword.value if arg.keyword else "" for arg in made.args[1:]]
    return named in ([], ["dtype"]) and bool(
        ZERO.fullmatch(ctx.module.code_for_node(made.args[0].value))
    )


def _reset(ctx: Context, reset: cst.FunctionDef) -> set[str]:
    """The attributes that go back to zero; none, if anything else happens."""
    found = set()
    for line in _lines(reset) or []:
        call = line.value if isinstance(line, cst.Expr) else None
        if not isinstance(call, cst.Call):
            return set()
        args = [ctx.module.code_for_node(arg.value) for arg in call.args]
        if ctx.symbol(call.func) == "K.set_value" and len(args) == 2 and ZERO.fullmatch(args[1]):
            found.add(_attribute(call.args[0].value))
        elif m.matches(call.func, m.Attribute(attr=m.Name("reset_states"))) and not args:
            assert isinstance(call.func, cst.Attribute)
            found.add(_attribute(call.func.value))
        else:
            return set()
    return found


def _is_whole(ctx: Context, part: Parts) -> bool:
    """Whether all that it adds as updates is known."""
    calls = [
        call
        for call in ctx.within(part.node, cst.Call)
        if m.matches(call.func, m.Attribute(attr=m.Name("add_update")))
    ]
    return all(ctx.parent(call) in part.dropped for call in calls)


def _rewrite(ctx: Context, part: Parts) -> None:
    _, y_true, y_pred = parameters(part.call)
    if part.counter:
        guard(ctx, part.call, y_true, y_pred)
        _count(ctx, part)
    for call in part.inner.values():
        ctx.edit(call, lambda new: cst.Call(cst.Attribute(new.func, cst.Name("result"))))
    for line in part.dropped:
        ctx.edit(ctx.parent(line), lambda new: cst.RemoveFromParent())
    config = ctx.module.config_for_parsing
    taken = f"self, {y_true}, {y_pred}, sample_weight=None"  # `compile` hands on all of them
    if part.counter:
        ops = ctx.need("keras", "ops")
        body = f"return {ops}.convert_to_tensor(self.{part.counter})"
        made = f"def result(self):\n    {body}\n"
    else:
        lines = [f"    self.{name}.update_state({y_true}, {y_pred})\n" for name in part.inner]
        made = f"def update_state({taken}):\n{''.join(lines)}"
    (other,) = cst.parse_module(made, config=config).body

    def change(new: cst.FunctionDef) -> cst.FlattenSentinel[cst.BaseStatement]:
        space = [cst.EmptyLine(indent=False)]
        if part.counter:
            counting = new.with_changes(name=cst.Name("update_state"), params=_taken(taken))
            return cst.FlattenSentinel([counting, other.with_changes(leading_lines=space)])
        alone = [new.params.params[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
        result = new.with_changes(
            name=cst.Name("result"),
            params=new.params.with_changes(params=alone),
            leading_lines=space,
        )
        above = other.with_changes(leading_lines=new.leading_lines)
        return cst.FlattenSentinel([above, result])

    ctx.edit(part.call, change)
    message = (
        "The layer became a metric: `add_update` and `__call__` are `update_state` and `result`. "
        "As before it counts without sample weights."
    )
    ctx.silent(part.call, "S12", message)
    ctx.mark(part.node)


def _taken(text: str) -> cst.Parameters:
    statement = cst.parse_statement(f"def f({text}): pass")
    assert isinstance(statement, cst.FunctionDef)
    return statement.params


def _count(ctx: Context, part: Parts) -> None:
    (assign,) = _given(ctx, _methods(part.node)["__init__"], part.counter)
    for ref in ctx.references_within(part.node):
        if ref.call is assign.value or ctx.parent(ref.call) is part.update:
            ctx.settle(ref, "native")

    def weight(new: cst.Call) -> cst.Call:
        quoted = f"{ctx.quote}{part.counter}{ctx.quote}"
        zeros = f"{ctx.quote}zeros{ctx.quote}"
        made = cst.parse_expression(
            f"self.add_weight(name={quoted}, shape=(), initializer={zeros})"
        )
        assert isinstance(made, cst.Call)
        if len(new.args) == 1:
            return made
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        last = made.args[-1].with_changes(comma=comma)
        return made.with_changes(args=[*made.args[:-1], last, new.args[1]])

    ctx.edit(assign.value, weight)
    assert part.update is not None
    text = f"self.{part.counter}.assign_add({part.added})"
    ctx.edit(part.update, lambda new: cst.Expr(cst.parse_expression(text)))
