"""What the rules of a rewrite share: the module, what its names mean, and the edits so far."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import libcst as cst

from portable_losses.codemod import _names, tables
from portable_losses.codemod._lines import Lines
from portable_losses.codemod._result import NOTE, Finding
from portable_losses.codemod._scope import DEFINITIONS, Binding, Chain, Names
from portable_losses.codemod._scope import MODULE as MODULE

Edit = Callable[[Any], Any]


@dataclass(eq=False)
class Reference:
    """One use of an old name. `call` is set where it is called."""

    node: cst.BaseExpression
    symbol: str
    bindings: list[Binding]
    call: cst.Call | None
    definition: str


@dataclass
class Context:
    """One module under a rewrite.

    A rule reads `references` and `functions`, puts functions from the updated node to the new one
    into `edits`, and says what it did by `find`.
    """

    source: str
    module: cst.Module
    target: str
    names: Names
    elsewhere: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    edits: dict[cst.CSTNode, list[Edit]] = field(default_factory=lambda: defaultdict(list))
    found: list[tuple[cst.CSTNode, str, str, str]] = field(default_factory=list)
    outcomes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    # (module, name) -> local name: what the new code imports.
    imports: dict[tuple[str, str], str] = field(default_factory=dict)
    # What became of each use of an import: "native", "compat" or "kept".
    uses_of: dict[Binding, list[str]] = field(default_factory=lambda: defaultdict(list))
    references: list[Reference] = field(default_factory=list)
    graph: set[str] = field(default_factory=set)
    compat: list[Reference] = field(default_factory=list)
    done: set[cst.CSTNode] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    _spelled: dict[str, str] = field(default_factory=dict)
    _by_definition: dict[type, dict[str, list[Any]]] = field(default_factory=dict)
    stars_kept: set[str] = field(default_factory=set)  # roots whose star import is still needed
    losses: dict[str, str] = field(default_factory=dict)  # functions that got a class, by name
    centers: dict[str, Any] = field(default_factory=dict)  # center losses that got a layer, by name
    # The variables of losses that are seen to, and the functions that they are handed to.
    tracked: set[cst.CSTNode] = field(default_factory=set)
    memo: dict[str, set[str]] = field(default_factory=dict)  # what `compile` is given, by keyword
    quote: str = '"'

    def __post_init__(self) -> None:
        self.quote = '"' if self.source.count('"') >= self.source.count("'") else "'"
        for chain in self.names.chains.values():
            if meaning := self.names.meaning(chain.node):
                symbol, bindings = meaning
                parent = self.parent(chain.node)
                call = parent if isinstance(parent, cst.Call) else None
                if call is not None and call.func is not chain.node:
                    call = None
                place = self.definition(chain.node)
                self.references.append(Reference(chain.node, symbol, bindings, call, place))

    # Where ----------------------------------------------------------------------------------

    def parent(self, node: cst.CSTNode | None) -> cst.CSTNode | None:
        return self.names.parents.get(node) if node is not None else None

    def ancestors(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        found: list[cst.CSTNode] = []
        parent = self.names.parents.get
        above = parent(node)
        while above is not None:
            found.append(above)
            above = parent(above)
        return found

    def definition(self, node: cst.CSTNode) -> str:
        """The outermost function or class around a node."""
        if node in self.names.definition_of:
            return self.names.definition_of[node]
        outer, above = MODULE, cast(Any, node)
        while above is not None:
            if type(above) in DEFINITIONS:
                outer = above.name.value
            above = self.names.parents.get(above)
        return outer

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The innermost function around a node."""
        for above in self.ancestors(node):
            if isinstance(above, cst.FunctionDef):
                return above
        return None

    def all(self, kind: type) -> list[Any]:
        """The nodes of one of the kinds that are kept apart, in their order."""
        return self.names.of_kind[kind]

    def within(self, outer: cst.CSTNode, kind: type) -> list[Any]:
        """Those inside of `outer`."""
        near = self._near(kind).get(self.definition(outer), ())
        return [node for node in near if self.is_within(node, outer)]

    def chains_within(self, outer: cst.CSTNode) -> list[Chain]:
        near = self._near(Chain).get(self.definition(outer), ())
        return [chain for chain in near if self.is_within(chain.node, outer)]

    def references_within(self, outer: cst.CSTNode) -> list[Reference]:
        near = self._near(Reference).get(self.definition(outer), ())
        return [ref for ref in near if self.is_within(ref.node, outer)]

    def _near(self, kind: type) -> dict[str, list[Any]]:
        """What there is of a kind, by the definition it stands in."""
        if kind not in self._by_definition:
            found: dict[str, list[Any]] = defaultdict(list)
            if kind is Chain:
                for chain in self.names.chains.values():
                    found[self.definition(chain.node)].append(chain)
            elif kind is Reference:
                for ref in self.references:
                    found[ref.definition].append(ref)
            else:
                for node in self.all(kind):
                    found[self.definition(node)].append(node)
            self._by_definition[kind] = found
        return self._by_definition[kind]

    def words(self, outer: cst.CSTNode) -> set[str]:
        """The names that are read or bound inside of `outer`."""
        code = self.module.code_for_node(outer)
        return set(re.findall(r"[^\W\d]\w*", code))

    def is_within(self, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
        whole, part = self.names.spans.get(outer), self.names.spans.get(node)
        if whole and part:
            return whole[0] < part[0] <= whole[1]
        return any(above is outer for above in self.ancestors(node))

    # What it means --------------------------------------------------------------------------

    def symbol(self, node: cst.CSTNode) -> str | None:
        """The old name that an expression is, under the spelling that the tables have."""
        symbol = self.names.symbol(node)
        if symbol is None:
            return None
        if symbol not in self._spelled:
            known = tables.calls()
            self._spelled[symbol] = next(
                (s for s in _names.spellings(symbol) if s in known), symbol
            )
        return self._spelled[symbol]

    def maker(self, chain: Chain) -> tuple[str, str] | None:
        """The function of another file, which makes variables, that a chain is; and the dotted
        name of the class beside it, or ""."""
        scope = chain.scope.find(chain.parts[0])
        for binding in scope.bindings[chain.parts[0]] if scope else ():
            dotted = ".".join([binding.module or "", *chain.parts[1:]]).lstrip(".")
            module, _, name = dotted.rpartition(".")
            module = "." * len(getattr(binding.statement, "relative", ())) + module
            made = self.elsewhere.get(module, {})
            if name in made:
                return name, f"{module}.{made[name]}" if made[name] else ""
        return None

    def is_import(self, ref: Reference) -> bool:
        """Whether a use is the right side of an alias that is an import in disguise."""
        return _names.is_namespace(ref.symbol) and any(
            binding.value is not None and binding.value.node is ref.node
            for binding in self.names.scope_of
        )

    def assigned(self, name: cst.Name) -> cst.BaseExpression | None:
        """What a name was given, if that happened once and in one assignment."""
        chain = self.names.chains.get(name)
        return self.given(chain) if chain else None

    def given(self, chain: Chain) -> cst.BaseExpression | None:
        """What the first name of a chain was given, `model` of `model.fit`, if that is sure."""
        name = chain.parts[0]
        scope = chain.scope.find(name)
        if scope is None or len(scope.bindings[name]) != 1:
            return None
        assign = self.names.assigns.get(scope.bindings[name][0])
        return assign.value if assign else None

    def uses(self, name: str, assign: cst.Assign) -> list[cst.CSTNode]:
        """The reads of a name in the scope where `assign` gives it its only value; else none."""
        for binding, statement in self.names.assigns.items():
            if statement is assign and binding.name == name:
                scope = self.names.scope_of[binding]
                if len(scope.bindings[name]) != 1:
                    return []
                chains = self.names.chains.values()
                return [
                    self.names.name_in(chain)
                    for chain in chains
                    if chain.parts[0] == name and chain.scope.find(name) is scope
                ]
        return []

    # What becomes of it -----------------------------------------------------------------------

    def edit(self, node: cst.CSTNode, change: Edit) -> None:
        self.edits[node].append(change)

    def find(self, node: cst.CSTNode, rule: str, message: str, severity: str = NOTE) -> None:
        self.found.append((node, rule, message, severity))

    def silent(self, node: cst.CSTNode, rule: str, message: str, severity: str = NOTE) -> None:
        """A finding about a silent change, with what was measured."""
        _, differs = tables.silent()[rule]
        self.find(node, rule, f"{message} What differs: {differs}.", severity)

    def settle(self, ref: Reference, outcome: str) -> None:
        """Say what became of a use, so that its import can stay, change or go."""
        if ref.node in self.done:
            return
        self.done.add(ref.node)
        self.outcomes[ref.definition].add(outcome)
        for binding in ref.bindings:
            self.uses_of[binding].append(outcome)
        if not ref.bindings and outcome == "kept":
            self.stars_kept.add(_names.root(ref.symbol))

    def mark(self, node: cst.CSTNode, outcome: str = "native") -> None:
        """An edit that is no use of an import."""
        self.outcomes[self.definition(node)].add(outcome)

    def findings(self, where: Lines) -> list[Finding]:
        lines = where.of((node for node, *_ in self.found), self.names.parents)
        found = {Finding(lines[node], rule, why, grade) for node, rule, why, grade in self.found}
        return sorted(found)

    # What it needs --------------------------------------------------------------------------

    def need(self, module: str, name: str, preferred: str | None = None) -> str:
        """The local name of something the new code imports: `need("keras", "ops")`."""
        key = (module, name)
        if key not in self.imports:
            self.imports[key] = self._existing(module, name) or self._free(preferred or name)
        return self.imports[key]

    def _existing(self, module: str, name: str) -> str | None:
        wanted = f"{module}.{name}" if module else name
        for local, bindings in self.names.top.bindings.items():
            if len(bindings) != 1:
                continue
            (binding,) = bindings
            if wanted == "keras" and binding.value is not None and self.in_header(binding):
                if self.names.binding_symbol(binding) == "keras":
                    self.taken.add(local)
                    return local
            if binding.module is not None and not self._in_block(binding):
                same = binding.module == wanted
                if same or (wanted == "keras" and binding.symbol == "keras"):
                    self.taken.add(local)
                    return local
        return None

    def in_header(self, binding: Binding) -> bool:
        """Whether an alias, which becomes an import, stands before all that may need it."""
        line = self.parent(self.names.assigns.get(binding))
        for statement in self.module.body:
            if statement is line:
                return True
            small = (
                statement.body if isinstance(statement, cst.SimpleStatementLine) else [statement]
            )
            for one in small:
                plain = isinstance(one, cst.Import | cst.ImportFrom | cst.Try)
                plain |= isinstance(one, cst.Expr) and isinstance(one.value, cst.SimpleString)
                plain |= isinstance(one, cst.Assign) and isinstance(one.value, cst.Attribute)
                if not plain:
                    return False
        return False

    def _in_block(self, binding: Binding) -> bool:
        """Whether an import stands under an `if` or `try`, and may not have happened."""
        line = self.parent(binding.statement)
        return not isinstance(self.parent(line), cst.Module)

    def _free(self, name: str) -> str:
        used = set(self.imports.values())
        for candidate in (
            name,
            f"keras_{name}" if name == "ops" else f"{name}_",
            f"portable_{name}",
        ):
            if self.names.is_free(candidate) and candidate not in used:
                return candidate
        number = 2
        while not self.names.is_free(f"{name}_{number}"):
            number += 1
        return f"{name}_{number}"
