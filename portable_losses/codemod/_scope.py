"""Which names of a module mean what: imports, aliases, and locals that hide them.

One pass collects the scopes with what is bound in them, and every dotted name that is read. What a
name means is asked afterwards, when all bindings are known.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from portable_losses.codemod import _names
from portable_losses.codemod._tree import children

MODULE = "<module>"  # the definition that code outside of all others has
DEFINITIONS = {cst.FunctionDef, cst.ClassDef}
# The kinds of nodes that rules go through.
KINDS = (
    cst.Call, cst.FunctionDef, cst.ClassDef, cst.Assign, cst.AugAssign, cst.Attribute,
    cst.BinaryOperation, cst.Comparison,
)  # fmt: skip


@dataclass(eq=False)
class Binding:
    """One place where a name gets its meaning. `symbol` is set for imports, `value` for aliases."""

    name: str
    symbol: str | None = None
    module: str | None = None  # the dotted module that an import names
    statement: cst.Import | cst.ImportFrom | None = None
    alias: cst.ImportAlias | None = None
    value: "Chain | None" = None


@dataclass(eq=False)
class Scope:
    kind: str  # module, function, class, comprehension
    parent: "Scope | None" = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)  # name -> global or nonlocal

    def bind(self, binding: Binding) -> None:
        self.bindings.setdefault(binding.name, []).append(binding)

    def module(self) -> "Scope":
        return self if self.parent is None else self.parent.module()

    def find(self, name: str) -> "Scope | None":
        """The scope that gives a name its meaning, seen from here."""
        if self.elsewhere.get(name) == "global":
            scope: Scope | None = self.module()
        elif name in self.elsewhere:
            scope = self.parent
        else:
            scope = self
        first = True
        while scope is not None:
            # A class's names are seen in its own body alone.
            if name in scope.bindings and (first or scope.kind != "class"):
                return scope
            scope, first = scope.parent, False
        return None


@dataclass(eq=False)
class Chain:
    """A name with attributes, `tf.nn.relu`, as far as it goes without a call or an index."""

    node: cst.BaseExpression
    parts: tuple[str, ...]
    scope: Scope


def parts_of(node: cst.CSTNode) -> tuple[str, ...] | None:
    """`("tf", "nn", "relu")` for `tf.nn.relu`; None for what is more than names and dots."""
    found: list[str] = []
    while type(node) is cst.Attribute:
        found.append(node.attr.value)
        node = node.value
    if type(node) is not cst.Name:
        return None
    return (node.value, *reversed(found))


def bound(target: cst.BaseExpression) -> list[str]:
    """The names that an assignment to `target` gives a value."""
    if isinstance(target, cst.Tuple | cst.List):
        return [name for element in target.elements for name in bound(element.value)]
    return [target.value] if isinstance(target, cst.Name) else []


class Names:
    """The scopes and chains of a module, and `symbol(node)`: what an expression means."""

    def __init__(self, module: cst.Module, star_names: dict[str, frozenset[str]]):
        self.scope = self.top = Scope("module")
        self.chains: dict[cst.CSTNode, Chain] = {}
        self.all_names: set[str] = set()
        self.stars: list[tuple[str, cst.ImportFrom]] = []
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.assigns: dict[Binding, cst.Assign] = {}
        self.scope_of: dict[Binding, Scope] = {}
        self.of_kind: dict[type, list[Any]] = {kind: [] for kind in KINDS}
        # The outermost function or class around a node of these kinds, and around a chain.
        self.definition_of: dict[cst.CSTNode, str] = {}
        # Where a node begins and ends, counted in nodes.
        self.spans: dict[cst.CSTNode, tuple[int, int]] = {}
        self._count = 0
        self._definition = MODULE
        self._star_names = star_names
        self._symbols: dict[cst.CSTNode, tuple[str, list[Binding]] | None] = {}
        self._children(module)

    def _visit(self, node: Any, parent: cst.CSTNode) -> None:
        self.parents[node] = parent
        self._count += 1
        start, kind, outer = self._count, type(node), self._definition
        if outer is MODULE and kind in DEFINITIONS:
            self._definition = node.name.value
        if (same := self.of_kind.get(kind)) is not None:
            same.append(node)
            self.definition_of[node] = self._definition
        special = _SPECIAL.get(kind)
        if special is None:
            self._children(node)
        else:
            special(self, node)
        self._definition = outer
        self.spans[node] = (start, self._count)

    def _children(self, node: cst.CSTNode) -> None:
        for child in children(node):
            self._visit(child, node)

    # What is asked -------------------------------------------------------------------------

    def symbol(self, node: cst.CSTNode) -> str | None:
        found = self.meaning(node)
        return found[0] if found else None

    def meaning(self, node: cst.CSTNode) -> tuple[str, list[Binding]] | None:
        """The symbol of a chain and the bindings through which it was reached."""
        if (known := self._symbols.get(node)) is not None:
            return known
        chain = self.chains.get(node)
        if chain is None or node in self._symbols:
            return None
        self._symbols[node] = None  # a name that is defined by itself means nothing
        self._symbols[node] = found = self._resolve(chain)
        return found

    def name_in(self, chain: Chain) -> cst.CSTNode:
        """The first name of a chain, as a node whose parent can be asked for."""
        node: cst.CSTNode = chain.node
        while isinstance(node, cst.Attribute):
            inner = node.value
            self.parents.setdefault(inner, node)
            node = inner
        return node

    def binding_symbol(self, binding: Binding) -> str | None:
        """What the bound name alone means."""
        return self._of(binding, [])

    def is_free(self, name: str) -> bool:
        """Whether nothing in the module uses a name."""
        return name not in self.all_names

    def bindings(self, name: str, node: cst.CSTNode) -> list[Binding]:
        chain = self.chains[node]
        scope = chain.scope.find(name)
        return scope.bindings[name] if scope else []

    def _resolve(self, chain: Chain) -> tuple[str, list[Binding]] | None:
        name, *rest = chain.parts
        scope = chain.scope.find(name)
        if scope is None:
            return self._from_star(name, rest)
        found = scope.bindings[name]
        symbols = set()
        for binding in found:
            symbol = self._of(binding, rest)
            if symbol is None:
                return None
            symbols.add(symbol)
        if len(symbols) != 1:
            return None
        return symbols.pop(), found

    def _of(self, binding: Binding, rest: list[str]) -> str | None:
        if binding.module is not None:
            return _names.fold(".".join([binding.module, *rest]))
        if binding.value is not None:
            symbol = self.symbol(binding.value.node)
            return _names.refold(".".join([symbol, *rest])) if symbol else None
        return None

    def _from_star(self, name: str, rest: list[str]) -> tuple[str, list[Binding]] | None:
        for module, _ in reversed(self.stars):
            root = _names.root(module)
            if module in ("tf", "K"):
                known = name in self._star_names[module]
            else:
                # Old Keras modules do not say what they export, and so gave away K and tf too.
                if name in ("K", "tf"):
                    return (name if not rest else _names.refold(".".join([name, *rest]))), []
                known = root == "keras" and name[:1].isupper()
            if known:
                return _names.refold(".".join([module, name, *rest])), []
        return None

    # What is collected ---------------------------------------------------------------------

    @contextlib.contextmanager
    def _inside(self, kind: str) -> Iterator[None]:
        outer, self.scope = self.scope, Scope(kind, self.scope)
        yield
        self.scope = outer

    def _bind(self, name: str, **more: Any) -> Binding:
        self.all_names.add(name)
        scope = self.scope
        if scope.elsewhere.get(name) == "global":
            scope = scope.module()
        elif name in scope.elsewhere and scope.parent is not None:
            scope = scope.parent.find(name) or scope.parent
        binding = Binding(name, **more)
        scope.bind(binding)
        self.scope_of[binding] = scope
        return binding

    def _import(self, node: cst.Import) -> None:
        for alias in node.names:
            dotted = ".".join(parts_of(alias.name) or ())
            name = alias.asname.name if alias.asname else None
            if isinstance(name, cst.Name):
                bound, module = name.value, dotted
            else:
                bound = module = dotted.partition(".")[0]
            symbol = _names.fold(dotted)
            self._bind(bound, symbol=symbol, module=module, statement=node, alias=alias)

    def _import_from(self, node: cst.ImportFrom) -> None:
        base = ".".join(parts_of(node.module) or ()) if node.module else ""
        if node.relative:
            base = "." * len(node.relative) + base
        if isinstance(node.names, cst.ImportStar):
            if symbol := _names.fold(base):
                self.stars.append((symbol, node))
            return
        for alias in node.names:
            name = alias.asname.name if alias.asname else alias.name
            if isinstance(name, cst.Name):
                module = f"{base}.{'.'.join(parts_of(alias.name) or ())}"
                symbol = _names.fold(module)
                self._bind(name.value, symbol=symbol, module=module, statement=node, alias=alias)

    def _function(self, node: cst.FunctionDef) -> None:
        self._bind(node.name.value)
        for decorator in node.decorators:
            self._visit(decorator, node)
        self._body(node)

    def _body(self, node: cst.FunctionDef | cst.Lambda) -> None:
        # Defaults and annotations belong to the scope around the function.
        self.parents[node.params] = node
        params = list(_params(node.params))
        for param in params:
            self.parents[param] = node.params
            for part in (param.default, param.annotation):
                if part is not None:
                    self._visit(part, param)
        if isinstance(node, cst.FunctionDef) and node.returns:
            self._visit(node.returns, node)
        with self._inside("function"):
            for param in params:
                self._bind(param.name.value)
            self._visit(node.body, node)

    def _class(self, node: cst.ClassDef) -> None:
        self._bind(node.name.value)
        for part in (*node.decorators, *node.bases, *node.keywords):
            self._visit(part, node)
        with self._inside("class"):
            self._visit(node.body, node)

    def _comprehension(self, node: cst.BaseComp) -> None:
        # The first iterable is evaluated outside; a name it shares with a target is rare enough.
        with self._inside("comprehension"):
            self._children(node)

    def _loop(self, node: cst.CompFor | cst.For) -> None:
        self._targets(node.target, node)
        self._children(node)

    def _assign(self, node: cst.Assign) -> None:
        self._visit(node.value, node)
        value = self.chains.get(node.value)
        for target in node.targets:
            if isinstance(target.target, cst.Name):
                alone = value if len(node.targets) == 1 else None
                binding = self._bind(target.target.value, value=alone)
                self.assigns[binding] = node
            else:
                self.parents[target] = node
                self._targets(target.target, target)

    def _annotated(self, node: cst.AnnAssign) -> None:
        self._visit(node.annotation, node)
        if node.value:
            self._visit(node.value, node)
        self._targets(node.target, node)

    def _value_first(self, node: cst.AugAssign | cst.NamedExpr) -> None:
        self._visit(node.value, node)
        self._targets(node.target, node)

    def _as_name(self, node: cst.AsName) -> None:
        self._targets(node.name, node)

    def _del(self, node: cst.Del) -> None:
        self._targets(node.target, node)

    def _match(self, node: cst.MatchAs | cst.MatchStar | cst.MatchMapping) -> None:
        name = node.rest if isinstance(node, cst.MatchMapping) else node.name
        if name:
            self._bind(name.value)
        if not isinstance(node, cst.MatchStar):
            self._children(node)

    def _not_here(self, node: cst.Global | cst.Nonlocal) -> None:
        where = "global" if isinstance(node, cst.Global) else "nonlocal"
        for item in node.names:
            self.scope.elsewhere[item.name.value] = where

    def _targets(self, node: cst.BaseExpression, parent: cst.CSTNode) -> None:
        if isinstance(node, cst.Name):
            self._bind(node.value)
        elif isinstance(node, cst.Tuple | cst.List):
            self.parents[node] = parent
            for element in node.elements:
                self.parents[element] = node
                self._targets(element.value, element)
        else:  # x.attribute, x[index]: read, not bound
            self._visit(node, parent)

    def _arg(self, node: cst.Arg) -> None:
        self._visit(node.value, node)

    def _attribute(self, node: cst.Attribute) -> None:
        parts = parts_of(node)
        if parts:
            self._read(node, parts)
        else:
            self._visit(node.value, node)

    def _name(self, node: cst.Name) -> None:
        self._read(node, (node.value,))

    def _read(self, node: cst.BaseExpression, parts: tuple[str, ...]) -> None:
        self.all_names.add(parts[0])
        self.chains[node] = Chain(node, parts, self.scope)
        self.definition_of[node] = self._definition


# The nodes that bind or read names, or whose parts are seen in another order than they are written.
_SPECIAL: dict[type, Callable[[Names, Any], None]] = {
    cst.Import: Names._import,
    cst.ImportFrom: Names._import_from,
    cst.FunctionDef: Names._function,
    cst.Lambda: Names._body,
    cst.ClassDef: Names._class,
    cst.GeneratorExp: Names._comprehension,
    cst.ListComp: Names._comprehension,
    cst.SetComp: Names._comprehension,
    cst.DictComp: Names._comprehension,
    cst.CompFor: Names._loop,
    cst.For: Names._loop,
    cst.Assign: Names._assign,
    cst.AnnAssign: Names._annotated,
    cst.AugAssign: Names._value_first,
    cst.NamedExpr: Names._value_first,
    cst.AsName: Names._as_name,
    cst.Del: Names._del,
    cst.MatchAs: Names._match,
    cst.MatchStar: Names._match,
    cst.MatchMapping: Names._match,
    cst.Global: Names._not_here,
    cst.Nonlocal: Names._not_here,
    cst.Arg: Names._arg,
    cst.Attribute: Names._attribute,
    cst.Name: Names._name,
}


def _params(params: cst.Parameters) -> Iterator[cst.Param]:
    yield from (*params.posonly_params, *params.params, *params.kwonly_params)
    for star in (params.star_arg, params.star_kwarg):
        if isinstance(star, cst.Param):
            yield star
