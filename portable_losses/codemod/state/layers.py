"""Functions of TensorFlow 1 that make variables, as layers that own them.

The layer is written first, with its formula as it was; what is left of TensorFlow in it is then
rewritten as in any other code. Where that does not make all of it native, the function stays.
"""

import ast
import difflib
import functools
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import cast

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK, NOTE, STOP, Finding, Layer, Result
from portable_losses.codemod.rules import center_loss
from portable_losses.codemod.state.centers import call_of, known_layer, put
from portable_losses.codemod.state.inner import Maker
from portable_losses.codemod.state.reading import Read
from portable_losses.codemod.state.text import RUNS, Written, written
from portable_losses.codemod.state.weights import NEW, Unsure
from portable_losses.codemod.verify.definitions import cut

VARIABLES = re.compile(
    r"\bget_variable\b|\bVariable\(|\bK(?:eras)?\.(?:variable|zeros|ones)\(|\bvariable\("
)
_OLD = re.compile(
    r"^\s*(?:from|import) (?:tensorflow\b|portable_losses\.compat import .*\b(?:tf1|K|keras2)\b"
    r"|portable_losses\.compat\.(?:tf1|K|keras2)\b)",
    re.M,
)
Once = Callable[[str, dict[str, str]], Result]
Make = Callable[[], Context]
Code = Callable[[Context], str]


@dataclass
class Plan:
    """A function and the class for it; `beside` where the function stays for those that call it."""

    function: cst.FunctionDef
    new: Written
    layer: Layer | None  # None where it needs none, and stays a function
    needs: frozenset[str] = frozenset()  # inputs whose shape has to be known
    inner: frozenset[str] = frozenset()  # functions that it calls as inner layers
    left: frozenset[str] = frozenset()  # those of them whose update it leaves alone
    beside: bool = False
    compiled: bool = False  # what uses it is `compile` alone, which takes the class

    @property
    def name(self) -> str:
        return self.function.name.value

    def can_compile(self) -> bool:
        """Whether `compile` may be given an object of the class, made without settings."""
        if self.layer is None:
            return False
        params = self.function.params.params
        needed = [p for p in params if p.name.value in self.layer.settings and p.default is None]
        return self.new.node is not None and self.new.is_loss and not needed

    def is_dropped(self, ctx: Context) -> bool:
        """Whether each call in this file leaves the updates that are returned alone."""
        returned = self.layer.returned if self.layer is not None else ()
        moves = [place for place, (what, _) in enumerate(returned) if what == "moves"]
        return bool(moves) and all(center_loss.is_dropped(ctx, self.name, p) for p in moves)

    def tell(self) -> None:
        what = f"`{self.name}` is `{self.new.name}` now"
        if self.beside:
            what = f"`{self.name}` stays for what calls it; beside it stands `{self.new.name}`"
        if self.new.node is not None and self.layer is not None:
            message = f"{what}{self.new.use}"
            self.new.findings.insert(0, (self.function, "variables", message, NOTE))


def rewritten(
    make: Make, code: Code, once: Once, called: Collection[str]
) -> tuple[Context, Result] | None:
    """The result for a source with functions that became layers, and the context that has what is
    to be said of it; None where there is none. `called` are functions that other files call: these
    stay, with a class beside."""
    refused: set[str] = set()
    while True:
        ctx = make()
        plans = _plans(ctx, called, refused)
        if not plans:
            return None
        for plan in plans:
            _put(ctx, plan)
        _import(ctx, plans)
        _forget(ctx, plans)
        ctx.found += [finding for plan in plans for finding in plan.new.findings]
        first = code(ctx)
        losses = {plan.name: plan.new.name for plan in plans if plan.compiled}
        result = once(first, losses)
        stopped = {f.line for f in result.findings if f.severity == STOP}
        tree = ast.parse(result.source)
        before = {node.name: node for node in ast.parse(first).body if hasattr(node, "name")}
        bad = {p.name for p in plans if not _is_native(p, tree, before, stopped)}
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        left = losses.keys() & named  # no model could be wrapped
        called = {*called, *left}
        if not bad and not left:
            return ctx, _merged(ctx, plans, result, first)
        refused |= bad


def _is_native(
    plan: Plan, tree: ast.Module, before: dict[str, ast.stmt], stopped: set[int]
) -> bool:
    source = cut(tree, plan.new.name, 1)
    node = before[plan.new.name]
    lines = range(node.lineno, (node.end_lineno or 0) + 1)
    return source is not None and not _OLD.search(source) and not stopped & set(lines)


def _plans(ctx: Context, called: Collection[str], refused: Collection[str]) -> list[Plan]:
    """The functions that can become layers: those first that the others call."""
    doubtful = [
        function
        for function in ctx.all(cst.FunctionDef)
        if isinstance(ctx.parent(function), cst.Module) and function.name.value not in refused
    ]
    never: set[str] = set()
    while True:
        plans = _found(ctx, doubtful, never)
        left = {name for plan in plans.values() for name in plan.left}
        left |= {plan.name for plan in plans.values() if plan.is_dropped(ctx)}
        if left <= never:
            break
        never |= left
    _stay(ctx, plans, called)
    for plan in plans.values():
        plan.tell()
    return list(plans.values())


def _found(
    ctx: Context, functions: list[cst.FunctionDef], never: Collection[str]
) -> dict[str, Plan]:
    """The plans; `never` are functions whose updates a caller leaves alone."""
    plans: dict[str, Plan] = {}
    growing = True
    while growing:
        growing = False
        for function in functions:
            if function.name.value in plans:
                continue
            plan = _plan(ctx, function, plans, never)
            if plan is not None:
                plans[plan.name] = plan
                growing = True
    return plans


def _plan(
    ctx: Context, function: cst.FunctionDef, plans: Mapping[str, Plan], never: Collection[str]
) -> Plan | None:
    symbols = {ctx.symbol(call.func) for call in ctx.within(function, cst.Call)}
    names = {chain.parts[0] for chain in ctx.chains_within(function)}
    if not symbols & set(NEW) and not names & plans.keys():
        return None
    known = known_layer(ctx, function)
    if known is not None:
        made = Written(known.factory, is_loss=True)
        return Plan(function, made, call_of(ctx, known))
    makers = {
        name: Maker(plan.function, plan.layer, plan.new.is_loss, plan.needs)
        for name, plan in plans.items()
        if plan.layer is not None
    }
    try:
        read = Read(ctx, function, makers, function.name.value in never)
        read.all()
        taken = {plan.new.name for plan in plans.values()}
        name = _name_of(ctx, function.name.value, taken)
        new, layer = written(read, name)
        if new.is_loss and not name.endswith("Loss"):
            new, layer = written(read, _name_of(ctx, f"{function.name.value}_loss", taken))
    except Unsure:
        return None
    needs = frozenset(name for name, _ in read.axes)
    inner = frozenset(inner.maker.function.name.value for inner in read.inner)
    left = frozenset(one.maker.function.name.value for one in read.inner if one.runs == "never")
    if any(one.runs in RUNS and one.maker.function.name.value in never for one in read.inner):
        return None  # one caller runs the update, and another does not
    return Plan(function, new, layer, needs, inner, left)


def _stay(ctx: Context, plans: dict[str, Plan], called: Collection[str]) -> None:
    """Which functions stay: those that are used by what stays itself, and is no `compile`."""
    names = [f.name.value for f in ctx.all(cst.FunctionDef)]
    for plan in plans.values():
        plan.beside = plan.layer is not None and (plan.name in called or names.count(plan.name) > 1)
    growing = True
    while growing:
        growing = False
        for plan in plans.values():
            gone = [p.function for p in plans.values() if not p.beside]
            uses = [
                node
                for node in _uses(ctx, plan.function)
                if not any(ctx.is_within(node, function) for function in gone)
            ]
            plan.compiled = bool(uses) and not plan.beside and plan.can_compile()
            plan.compiled &= all(_is_compiled(ctx, node) for node in uses)
            if uses and not plan.compiled and not plan.beside and plan.layer is not None:
                plan.beside = growing = True
    # The rules of center losses put layers beside such functions, and beside what calls them.
    left = {plan.name for plan in plans.values() if plan.new.node is None and plan.beside}
    for name in [plan.name for plan in plans.values() if plan.name in left or plan.inner & left]:
        del plans[name]


def _uses(ctx: Context, function: cst.FunctionDef) -> list[cst.CSTNode]:
    """Where a function is used, outside of itself."""
    return [
        chain.node
        for chain in ctx.names.chains.values()
        if chain.parts[0] == function.name.value and not ctx.is_within(chain.node, function)
    ]


def _is_compiled(ctx: Context, node: cst.CSTNode) -> bool:
    """Whether it stands in `model.compile(loss=...)`."""
    arg = ctx.parent(node)
    call = ctx.parent(arg)
    func = call.func if isinstance(call, cst.Call) else None
    return (
        isinstance(arg, cst.Arg)
        and isinstance(func, cst.Attribute)
        and func.attr.value == "compile"
        and (arg.keyword is None or arg.keyword.value == "loss")
    )


def _name_of(ctx: Context, name: str, taken: Collection[str]) -> str:
    words = [word for word in name.split("_") if word]
    if len(words) > 1 and words[0] in ("get", "cal", "calc", "compute", "make", "build", "add"):
        words = words[1:]
    new = "".join(word[:1].upper() + word[1:] for word in words)
    if new in ("Loss", "Metric", "Layer"):
        new = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    for candidate in (new, f"{new}Layer", f"{new}Layer2"):
        if candidate != name and candidate not in taken and ctx.names.is_free(candidate):
            return candidate
    raise Unsure("a name for the layer")


def _put(ctx: Context, plan: Plan) -> None:
    if plan.new.node is None:
        if not plan.beside:
            put(ctx, plan.function)
        return
    made = plan.new.node.with_changes(leading_lines=plan.function.leading_lines)
    if not plan.beside:
        ctx.edit(plan.function, lambda old: made)
        return
    blank = [cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)]
    apart = plan.new.node.with_changes(leading_lines=blank)
    ctx.edit(plan.function, lambda old: cst.FlattenSentinel([old, apart]))


def _import(ctx: Context, plans: list[Plan]) -> None:
    """What the layers need, before the first import."""
    for need in sorted({need for plan in plans for need in plan.new.needs}):
        ctx.need(*need)
    lines = []
    for module, name in sorted(ctx.imports):
        local = ctx.need(module, name)
        bound = [b for b in ctx.names.top.bindings.get(local, ()) if b.module]
        if not bound:
            alias = "" if local == name else f" as {local}"
            lines.append(
                f"from {module} import {name}{alias}" if module else f"import {name}{alias}"
            )
    made = [cst.parse_statement(line, ctx.module.config_for_parsing) for line in lines]
    for statement in ctx.module.body if made else ():
        small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        future = isinstance(small, cst.ImportFrom) and getattr(small.module, "value", "") == (
            "__future__"
        )
        if isinstance(small, cst.Import | cst.ImportFrom) and not future:
            above = statement.leading_lines
            first = made[0].with_changes(leading_lines=above)
            ctx.edit(statement, functools.partial(_after, [first, *made[1:]]))
            return
    if made:
        raise AssertionError("code with old names has an import")


def _after(lines: list[cst.BaseStatement], old: cst.BaseStatement) -> object:
    return cst.FlattenSentinel([*lines, old.with_changes(leading_lines=[])])


def _forget(ctx: Context, plans: list[Plan]) -> None:
    """Take away imports that nothing but what is gone has used."""
    gone = [plan.function for plan in plans if not plan.beside]
    left = " ".join(ctx.module.code_for_node(p.new.node) for p in plans if p.new.node)
    for name, bindings in ctx.names.top.bindings.items():
        alias = bindings[0].value is not None and bindings[0].value.node in ctx.names.chains
        old = alias and ctx.names.binding_symbol(bindings[0])
        statement = bindings[0].statement or (ctx.names.assigns.get(bindings[0]) if old else None)
        line = ctx.parent(statement)
        if len(bindings) != 1 or statement is None or not isinstance(ctx.parent(line), cst.Module):
            continue
        uses = [c.node for c in ctx.names.chains.values() if c.parts[0] == name]
        inside = all(any(ctx.is_within(node, f) for f in gone) for node in uses)
        if not uses or not inside or re.search(rf"\b{name}\b", left):
            continue
        single = len(getattr(statement, "names", getattr(statement, "targets", ()))) == 1
        if single and len(getattr(line, "body", ())) == 1:
            ctx.edit(cast(cst.CSTNode, line), lambda old: cst.RemoveFromParent())


def _merged(ctx: Context, plans: list[Plan], result: Result, first: str) -> Result:
    """The result of the second step, told of the source as it was."""
    lines = _lines(ctx.source, first)
    spans = {plan.name: plan for plan in plans if plan.beside}
    layers = {plan.new.name: plan for plan in plans}
    findings = []
    for finding in result.findings:
        told = any(f"`{name}` " in finding.message for name in spans)
        if not (finding.rule in ("get_variable", "center_loss") and told):
            findings.append(
                Finding(lines(finding.line), finding.rule, finding.message, finding.severity)
            )
    definitions: dict[str, str] = {}
    for name, word in result.definitions.items():
        if name in layers:
            plan = layers[name]
            checks = [n for n, _, _, grade in ctx.found if grade == CHECK]
            flagged = any(n is plan.function or ctx.is_within(n, plan.function) for n in checks)
            word = "flagged" if flagged else "native" if word == "unchanged" else word
            name = plan.name
            if plan.beside:
                continue
        if name in spans and word == "flagged" and not _is_told(ctx, spans[name], findings):
            word = "compat"
        definitions[name] = word
    makers = {name: word or spans[name].new.name if name in spans else word
              for name, word in result.makers.items()}  # fmt: skip
    gone = {plan.name: plan.layer for plan in plans if plan.layer and not plan.beside}
    return Result(result.source, True, [], findings, definitions, makers, gone)


def _is_told(ctx: Context, plan: Plan, findings: list[Finding]) -> bool:
    """Whether something is left that a reader has to look at in a function that stays."""
    own = any(
        grade != NOTE and (node is plan.function or ctx.is_within(node, plan.function))
        for node, *_, grade in ctx.found
    )
    (span,) = (
        range(node.lineno, (node.end_lineno or 0) + 1)
        for node in ast.parse(ctx.source).body
        if getattr(node, "name", "") == plan.name
    )
    return own or any(f.severity != NOTE and f.line in span for f in findings)


def _lines(old: str, new: str) -> Callable[[int], int]:
    """Which line of the old source a line of the new one is, or stands for."""
    before, after = old.splitlines(), new.splitlines()
    found: dict[int, int] = {}
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        for step in range(j2 - j1):
            found[j1 + step + 1] = min(i1 + step, max(i2 - 1, i1)) + 1
    return lambda line: found.get(line, line)
