"""The imports of the new source: which old ones stay, move or go, and which are added."""

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst

from portable_losses.codemod import _names
from portable_losses.codemod._context import Context
from portable_losses.codemod._moved import moved
from portable_losses.codemod._scope import Binding, parts_of

COMPAT = {"K": ("portable_losses.compat", "K"), "tf": ("portable_losses.compat", "tf1")}


@dataclass(frozen=True)
class New:
    """`from module import name as local`, or `import name as local` where `module` is empty."""

    module: str
    name: str
    local: str


def apply(ctx: Context) -> None:
    """Decide about every old import, and write the new ones."""
    fates: dict[Binding, New | None] = {}
    # Aliases first: what becomes of them is a use of the import behind them.
    for binding in sorted(ctx.names.scope_of, key=lambda b: b.value is None):
        if ctx.names.binding_symbol(binding) is not None:
            fate = _fate(ctx, binding)
            if binding.value is not None:
                _use(ctx, binding, fate)
            if not isinstance(fate, str):
                fates[binding] = fate
    _name_compat(ctx, fates)
    provided = {new for b, new in fates.items() if new and ctx.names.scope_of[b] is ctx.names.top}
    added = [
        New(module, name, local)
        for (module, name), local in ctx.imports.items()
        if local not in ctx.taken and New(module, name, local) not in provided
    ]
    _Statements(ctx, fates).write(added)


def _use(ctx: Context, alias: Binding, fate: New | str | None) -> None:
    assert alias.value is not None
    if alias.value.node in ctx.done:
        return
    symbol, origins = ctx.names.meaning(alias.value.node) or ("", [])
    stays = "same" if _names.root(symbol) == "keras" else "kept"
    for origin in origins:
        ctx.uses_of[origin].append(stays if fate == "stay" else "native")


def _fate(ctx: Context, binding: Binding) -> New | str | None:
    """ "stay", None for an import that goes, or the import that takes its place."""
    symbol = ctx.names.binding_symbol(binding) or ""
    root = _names.root(symbol)
    uses = ctx.uses_of.get(binding, [])
    if binding.value is not None:
        return _alias_fate(ctx, binding, symbol, uses)
    if symbol in ("tf", "K"):
        if "kept" in uses or "same" in uses:
            return "stay"
        if symbol == "tf" and not uses:
            return _unused(ctx, binding)
        if "compat" in uses:
            return New(*COMPAT[symbol], binding.name)
        if uses:
            return None
        return (
            "stay" if binding.module == "keras.backend" else New("keras", "backend", binding.name)
        )
    if root in ("tf", "K"):
        if not uses:
            return _unused(ctx, binding)
        return "stay" if "kept" in uses else None
    if binding.name in ctx.taken:
        uses = [*uses, "same"]
    if uses and "same" not in uses:
        return None
    if ctx.target == "compat":
        return _keras2_fate(binding, symbol)
    new = moved(symbol)[0]
    if not new or new.startswith("="):
        return "stay"
    if isinstance(binding.statement, cst.Import) and not (binding.alias and binding.alias.asname):
        wanted = New("", "keras", "keras")
        return "stay" if binding.alias and _dotted(binding.alias) == "keras" else wanted
    module, _, name = new.rpartition(".")
    if isinstance(binding.statement, cst.Import) and module:
        same = binding.module == new
        return "stay" if same else New("", new, binding.name)
    if binding.module == new:
        return "stay"
    return New(module, name, binding.name)


def _unused(ctx: Context, binding: Binding) -> str | None:
    """Nothing needs it; but a module that is left alone keeps what it exports."""
    read = any(chain.parts[0] == binding.name for chain in ctx.names.chains.values())
    return "stay" if read or not ctx.edits else None


def _keras2_fate(binding: Binding, symbol: str) -> New | str | None:
    """`portable_losses.compat.keras2`, where it has its own; else Keras 3."""
    new = in_keras2(symbol)
    module, _, name = new.rpartition(".")
    if isinstance(binding.statement, cst.Import) and not (binding.alias and binding.alias.asname):
        return New("portable_losses.compat", "keras2", "keras")
    return "stay" if binding.module == new else New(module, name, binding.name)


KERAS2 = "portable_losses.compat.keras2"


def in_keras2(symbol: str) -> str:
    """The place of an old Keras name for code that keeps its calls."""
    symbol = (
        f"keras.losses{symbol[16:]}" if f"{symbol}.".startswith("keras.objectives.") else symbol
    )
    new = symbol if symbol.startswith(OWN) else moved(symbol)[0] or symbol
    return KERAS2 + new[5:] if new == "keras" or new.startswith(OWN) else new


# What compat.keras2 does not take from Keras 3.
OWN = (
    "keras.losses",
    "keras.metrics",
    "keras.optimizers",
    "keras.models",
    "keras.Model",
    "keras.Sequential",
)


def _alias_fate(
    ctx: Context, binding: Binding, symbol: str, uses: Sequence[str]
) -> New | str | None:
    """`K = tf.keras.backend` is an import in disguise; `f = tf.square` is none."""
    if symbol in COMPAT:
        if "kept" in uses:
            return "stay"
        if symbol == "K" and "same" in uses:
            return New("keras", "backend", binding.name)
        return New(*COMPAT[symbol], binding.name) if "compat" in uses or not uses else None
    if _names.is_namespace(symbol):
        if uses and "same" not in uses and binding.name not in ctx.taken:
            return None
        new = in_keras2(symbol) if ctx.target == "compat" else moved(symbol)[0]
        module, _, name = new.rpartition(".")
        return New(module, name, binding.name)
    return "stay"


def _name_compat(ctx: Context, fates: dict[Binding, New | None]) -> None:
    """Every use that goes through compat gets the name that compat has in this module."""
    for binding, new in fates.items():  # what takes an old import's place serves other uses too
        late = binding.value is not None and not ctx.in_header(binding)
        if new and not late and (new.module, new.name) in COMPAT.values():
            ctx.imports.setdefault((new.module, new.name), new.local)
    for ref in ctx.compat:
        root = _names.root(ref.symbol)
        rest = ref.symbol[len(root) :]
        parts = ctx.names.chains[ref.node].parts
        wanted = New(*COMPAT[root], parts[0])
        direct = [fates.get(b) for b in ref.bindings if ctx.names.binding_symbol(b) == root]
        if direct and all(new == wanted for new in direct):
            name = parts[0]
        else:
            name = ctx.need(*COMPAT[root])
        text = f"{name}{rest}"
        if text != ".".join(parts):
            ctx.edit(ref.node, functools.partial(_parsed, text))


def _parsed(text: str, old: cst.BaseExpression) -> cst.BaseExpression:
    return cst.parse_expression(text)


def _dotted(alias: cst.ImportAlias) -> str:
    return ".".join(parts_of(alias.name) or ())


class _Statements:
    """Import statements and aliases, rewritten where they stand."""

    def __init__(self, ctx: Context, fates: dict[Binding, New | None]) -> None:
        self.ctx, self.fates = ctx, fates
        self.statements: dict[cst.CSTNode, list[Binding]] = defaultdict(list)
        for binding in ctx.names.scope_of:
            statement = binding.statement or ctx.names.assigns.get(binding)
            if statement is not None and binding in fates:
                self.statements[statement].append(binding)

    def write(self, added: list[New]) -> None:
        lines: dict[cst.CSTNode, list[cst.CSTNode]] = defaultdict(list)
        for statement in self.statements:
            line = self.ctx.parent(statement)
            if line is not None:
                lines[line].append(statement)
        anchor = self._anchor(lines)
        added = self._merge_tries(lines, added)
        for line, statements in lines.items():
            extra = added if line is anchor else []
            if line is anchor:
                added = []
            self._rewrite(line, statements, extra)
        if added:
            self._insert(added)
        for module, star in self.ctx.names.stars:  # last: before one that goes others were put
            self._star(module, star)

    def _merge_tries(
        self, lines: dict[cst.CSTNode, list[cst.CSTNode]], added: list[New]
    ) -> list[New]:
        """`try: from keras import ... except ImportError: from tensorflow.keras import ...`, whose
        two ways are one now, becomes that one. What is left of `added` comes back."""
        tries = [self.ctx.parent(self.ctx.parent(line)) for line in lines]
        for node in dict.fromkeys(tries):
            if not isinstance(node, cst.Try) or node.orelse or node.finalbody:
                continue
            ways = [node.body, *(handler.body for handler in node.handlers)]
            results = [self._results(way, lines) for way in ways]
            first = results[0]
            if first is None or any(r is None or not r <= first for r in results[1:]):
                continue
            if isinstance(self.ctx.parent(node), cst.Module):
                first, added = first | set(added), []
            made = statements_of(first)
            for way in ways:
                for line in way.body:
                    lines.pop(line)
            self.ctx.edit(node, functools.partial(_instead, made))
        return added

    def _results(
        self, way: cst.BaseSuite, lines: dict[cst.CSTNode, list[cst.CSTNode]]
    ) -> set[New] | None:
        """What a block of imports becomes, if all of it changes."""
        found: set[New] = set()
        for line in way.body:
            if line not in lines or not isinstance(line, cst.SimpleStatementLine):
                return None
            for small in line.body:
                bindings = self.statements.get(small, [])
                names = getattr(small, "names", ())
                if isinstance(names, cst.ImportStar) or len(bindings) != len(names):
                    return None
                found |= {new for b in bindings if (new := self.fates[b]) is not None}
        return found

    def _anchor(self, lines: Iterable[cst.CSTNode]) -> cst.CSTNode | None:
        """The first line of imports at the top of the module that changes anyway."""
        return next(
            (
                ln
                for ln in lines
                if isinstance(ln, cst.SimpleStatementLine)
                and isinstance(self.ctx.parent(ln), cst.Module)
                and all(isinstance(s, cst.Import | cst.ImportFrom) for s in ln.body)
            ),
            None,
        )

    def _rewrite(self, line: cst.CSTNode, statements: list[cst.CSTNode], extra: list[New]) -> None:
        kept: list[int] = []
        news: list[New] = []
        edits: dict[int, cst.BaseSmallStatement] = {}
        assert isinstance(line, cst.SimpleStatementLine)
        for place, small in enumerate(line.body):
            if small not in statements:
                kept.append(place)
                continue
            bindings = self.statements[small]
            news += [new for b in bindings if (new := self.fates[b]) is not None]
            if isinstance(small, cst.Import | cst.ImportFrom):
                gone = {b.alias for b in bindings}
                names: Any = small.names
                left = [a for a in names if a not in gone]
                if left:
                    edits[place] = small.with_changes(names=_last_without_comma(left))
                    kept.append(place)
                elif same := self._same_shape(small, bindings, extra):
                    edits[place] = same
                    kept.append(place)
                    news = [n for n in news if n not in {self.fates[b] for b in bindings}]
        made = statements_of([*extra, *news])
        if not made and not kept:
            self._remove(line)
            return

        def change(updated: cst.SimpleStatementLine) -> object:
            body = [edits.get(place, updated.body[place]) for place in kept]
            body = [
                b.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) if b is body[-1] else b
                for b in body
            ]
            old = [updated.with_changes(body=body)] if body else []
            result = [*made, *old]
            first = result[0].with_changes(leading_lines=updated.leading_lines)
            if len(result) > 1 and old:
                result[-1] = result[-1].with_changes(leading_lines=[])
            if not old:
                last = result[-1].with_changes(trailing_whitespace=updated.trailing_whitespace)
                result[-1] = last
                first = result[0].with_changes(leading_lines=updated.leading_lines)
            result[0] = first
            return cst.FlattenSentinel(result)

        self.ctx.edit(line, change)

    def _remove(self, line: cst.SimpleStatementLine) -> None:
        """Take a line away; the comments above it go to the next one. A block keeps a `pass`."""
        block = self.ctx.parent(line)
        body = list(getattr(block, "body", ()))
        place = body.index(line)
        lines = [empty for empty in line.leading_lines if empty.comment]
        if len(body) > place + 1:
            if lines:
                self.ctx.edit(body[place + 1], lambda new: _with_lines(new, lines))
            self.ctx.edit(line, lambda new: cst.RemoveFromParent())
        elif lines or (isinstance(block, cst.IndentedBlock) and len(body) == 1):
            self.ctx.edit(line, lambda new: new.with_changes(body=[cst.Pass()]))
        else:
            self.ctx.edit(line, lambda new: cst.RemoveFromParent())

    def _same_shape(
        self, small: cst.Import | cst.ImportFrom, bindings: list[Binding], extra: list[New]
    ) -> cst.BaseSmallStatement | None:
        """The statement with another module alone, where all its names moved together."""
        news = [self.fates[b] for b in bindings]
        if not isinstance(small, cst.ImportFrom) or any(new is None for new in news):
            return None
        modules = {new.module for new in news if new}
        names = [_dotted(b.alias) for b in bindings if b.alias]
        if len(modules) != 1 or "" in modules or [n.name for n in news if n] != names:
            return None
        module = cst.parse_expression(modules.pop())
        merged = [new for new in extra if new.module == ".".join(parts_of(module) or ())]
        old_names: Any = small.names
        aliases = list(old_names)
        for new in merged:
            extra.remove(new)
            aliases[-1] = aliases[-1].with_changes(
                comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            )
            aliases.append(_alias(new))
        return small.with_changes(module=module, names=aliases, relative=())

    def _star(self, module: str, star: cst.ImportFrom) -> None:
        root = _names.root(module)
        if root == "keras":
            new = moved(module)[0]
            assert star.module is not None
            if new and not new.startswith("=") and new != ".".join(parts_of(star.module) or ()):
                self.ctx.edit(
                    star, lambda node: node.with_changes(module=cst.parse_expression(new))
                )
                self.ctx.mark(star)
        elif root not in self.ctx.stars_kept:
            used = [ref for ref in self.ctx.references if not ref.bindings]
            line = self.ctx.parent(star)
            if any(_names.root(ref.symbol) == root for ref in used):
                assert isinstance(line, cst.SimpleStatementLine)
                self._remove(line)

    def _insert(self, added: list[New]) -> None:
        """After the docstring and `from __future__`, where no import of the module changes."""
        body = self.ctx.module.body
        place = 0
        for place, statement in enumerate(body):
            small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
            docstring = (
                place == 0
                and isinstance(small, cst.Expr)
                and isinstance(small.value, cst.SimpleString | cst.ConcatenatedString)
            )
            future = isinstance(small, cst.ImportFrom) and getattr(small.module, "value", "") == (
                "__future__"
            )
            if not (docstring or future):
                break
        made = statements_of(added)
        target = body[place]

        def change(new: Any) -> object:
            lines = new.leading_lines
            first = made[0].with_changes(
                leading_lines=[ln for ln in lines if ln.comment is None][:1]
            )
            rest = [*made[1:]]
            return cst.FlattenSentinel([first, *rest, new])

        if isinstance(target, cst.CSTNode):
            self.ctx.edit(target, change)


def _instead(made: list[cst.SimpleStatementLine], old: cst.Try) -> object:
    if not made:
        return cst.RemoveFromParent()
    return cst.FlattenSentinel([made[0].with_changes(leading_lines=old.leading_lines), *made[1:]])


def _with_lines(new: Any, lines: list[cst.EmptyLine]) -> Any:
    if isinstance(new, cst.FlattenSentinel):
        first, *rest = new
        return cst.FlattenSentinel([_with_lines(first, lines), *rest])
    return new.with_changes(leading_lines=[*lines, *new.leading_lines])


def _last_without_comma(aliases: Sequence[cst.ImportAlias]) -> list[cst.ImportAlias]:
    return [*aliases[:-1], aliases[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]


def _alias(new: New) -> cst.ImportAlias:
    asname = f" as {new.local}" if new.local != new.name else ""
    made = cst.parse_statement(f"from m import {new.name}{asname}")
    assert isinstance(made, cst.SimpleStatementLine) and isinstance(made.body[0], cst.ImportFrom)
    names: Any = made.body[0].names
    alias: cst.ImportAlias = names[0]
    return alias


def statements_of(news: Iterable[New]) -> list[cst.SimpleStatementLine]:
    """One line for each module, `import` before `from`, each in the order of the alphabet."""
    plain = sorted({n for n in news if not n.module}, key=lambda n: n.name)
    modules: dict[str, set[New]] = defaultdict(set)
    for new in news:
        if new.module:
            modules[new.module].add(new)
    lines = [f"import {n.name}" + (f" as {n.local}" if n.local != n.name else "") for n in plain]
    for module in sorted(modules):
        names = sorted(modules[module], key=lambda n: (n.name.lower(), n.local))
        if same := ", ".join(n.name for n in names if n.local == n.name):
            lines.append(f"from {module} import {same}")
        lines += [f"from {module} import {n.name} as {n.local}" for n in names if n.local != n.name]
    made = [cst.parse_statement(line) for line in lines]
    return [line for line in made if isinstance(line, cst.SimpleStatementLine)]
