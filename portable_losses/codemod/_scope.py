"""Which names of a module mean what: imports, aliases, and locals that hide them.

One pass collects the scopes with what is bound in them, and every dotted name that is read. What a
name means is asked afterwards, when all bindings are known.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from portable_losses.codemod import _names

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


class Names(cst.CSTVisitor):
    """The scopes and chains of a module, and `symbol(node)`: what an expression means."""

    def __init__(self, module: cst.Module, star_names: dict[str, frozenset[str]]):
        super().__init__()
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
        self._definitions: list[str] = []
        self._above: list[cst.CSTNode] = []
        self._star_names = star_names
        self._visitors: dict[type, Callable[[Any], bool | None] | None] = {}
        self._symbols: dict[cst.CSTNode, tuple[str, list[Binding]] | None] = {}
        module.visit(self)

    # LibCST's own `on_visit` and its like look up and ask more than is needed here; half of a
    # rewrite's time is spent going through nodes.

    def on_visit(self, node: Any) -> bool:
        if self._above:
            self.parents[node] = self._above[-1]
        self._above.append(node)
        kind = type(node)
        if kind in DEFINITIONS:
            self._definitions.append(node.name.value)
        if (same := self.of_kind.get(kind)) is not None:
            same.append(node)
            self.definition_of[node] = self._definitions[0] if self._definitions else MODULE
        if kind not in self._visitors:
            self._visitors[kind] = getattr(self, f"visit_{kind.__name__}", None)
        visit = self._visitors[kind]
        return visit is None or visit(node) is not False

    def on_visit_attribute(self, node: cst.CSTNode, attribute: str) -> None:
        pass

    def on_leave_attribute(self, original_node: cst.CSTNode, attribute: str) -> None:
        pass

    @contextlib.contextmanager
    def _below(self, node: cst.CSTNode) -> Iterator[None]:
        """A node that is passed by hand, so that what is in it knows its parents."""
        self.parents[node] = self._above[-1]
        self._above.append(node)
        yield
        self._above.pop()

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if type(original_node) in DEFINITIONS:
            self._definitions.pop()
        self._above.pop()

    # What is asked -------------------------------------------------------------------------

    def symbol(self, node: cst.CSTNode) -> str | None:
        found = self.meaning(node)
        return found[0] if found else None

    def meaning(self, node: cst.CSTNode) -> tuple[str, list[Binding]] | None:
        """The symbol of a chain and the bindings through which it was reached."""
        chain = self.chains.get(node)
        if chain is None:
            return None
        if node not in self._symbols:
            self._symbols[node] = None  # a name that is defined by itself means nothing
            self._symbols[node] = self._resolve(chain)
        return self._symbols[node]

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

    def _inside(self, kind: str, *nodes: cst.CSTNode | None, names: Iterable[str] = ()) -> None:
        outer, self.scope = self.scope, Scope(kind, self.scope)
        for name in names:
            self._bind(name)
        for node in nodes:
            if node is not None:
                node.visit(self)
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

    def visit_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            dotted = ".".join(parts_of(alias.name) or ())
            name = alias.asname.name if alias.asname else None
            if isinstance(name, cst.Name):
                bound, module = name.value, dotted
            else:
                bound = module = dotted.partition(".")[0]
            symbol = _names.fold(dotted)
            self._bind(bound, symbol=symbol, module=module, statement=node, alias=alias)
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        base = ".".join(parts_of(node.module) or ()) if node.module else ""
        if node.relative:
            base = "." * len(node.relative) + base
        if isinstance(node.names, cst.ImportStar):
            if symbol := _names.fold(base):
                self.stars.append((symbol, node))
            return False
        for alias in node.names:
            name = alias.asname.name if alias.asname else alias.name
            if isinstance(name, cst.Name):
                module = f"{base}.{'.'.join(parts_of(alias.name) or ())}"
                symbol = _names.fold(module)
                self._bind(name.value, symbol=symbol, module=module, statement=node, alias=alias)
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self._bind(node.name.value)
        for decorator in node.decorators:
            decorator.visit(self)
        self._outer_parts(node.params)
        if node.returns:
            node.returns.visit(self)
        self._inside("function", node.body, names=_parameters(node.params))
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        self._outer_parts(node.params)
        self._inside("function", node.body, names=_parameters(node.params))
        return False

    def _outer_parts(self, params: cst.Parameters) -> None:
        """Defaults and annotations belong to the scope around the function."""
        with self._below(params):
            for param in _params(params):
                with self._below(param):
                    for part in (param.default, param.annotation):
                        if part is not None:
                            part.visit(self)

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        self._bind(node.name.value)
        for part in (*node.decorators, *node.bases, *node.keywords):
            part.visit(self)
        self._inside("class", node.body)
        return False

    def _comprehension(self, node: cst.BaseComp) -> bool:
        # The first iterable is evaluated outside; a name it shares with a target is rare enough.
        self._inside("comprehension", *node.children)
        return False

    visit_GeneratorExp = visit_ListComp = visit_SetComp = visit_DictComp = _comprehension

    def visit_CompFor(self, node: cst.CompFor) -> bool:
        self._targets(node.target)
        return True

    def visit_Assign(self, node: cst.Assign) -> bool:
        node.value.visit(self)
        value = self.chains.get(node.value)
        for target in node.targets:
            if isinstance(target.target, cst.Name):
                alone = value if len(node.targets) == 1 else None
                binding = self._bind(target.target.value, value=alone)
                self.assigns[binding] = node
            else:
                with self._below(target):
                    self._targets(target.target)
        return False

    def visit_AnnAssign(self, node: cst.AnnAssign) -> bool:
        node.annotation.visit(self)
        if node.value:
            node.value.visit(self)
        self._targets(node.target)
        return False

    def visit_AugAssign(self, node: cst.AugAssign) -> bool:
        node.value.visit(self)
        self._targets(node.target)
        return False

    def visit_NamedExpr(self, node: cst.NamedExpr) -> bool:
        node.value.visit(self)
        self._targets(node.target)
        return False

    def visit_For(self, node: cst.For) -> bool:
        self._targets(node.target)
        return True

    def visit_AsName(self, node: cst.AsName) -> bool:
        self._targets(node.name)
        return False

    def visit_Del(self, node: cst.Del) -> bool:
        self._targets(node.target)
        return False

    def visit_MatchAs(self, node: cst.MatchAs) -> bool:
        if node.name:
            self._bind(node.name.value)
        return True

    def visit_MatchStar(self, node: cst.MatchStar) -> bool:
        if node.name:
            self._bind(node.name.value)
        return False

    def visit_MatchMapping(self, node: cst.MatchMapping) -> bool:
        if node.rest:
            self._bind(node.rest.value)
        return True

    def visit_Global(self, node: cst.Global) -> bool:
        for item in node.names:
            self.scope.elsewhere[item.name.value] = "global"
        return False

    def visit_Nonlocal(self, node: cst.Nonlocal) -> bool:
        for item in node.names:
            self.scope.elsewhere[item.name.value] = "nonlocal"
        return False

    def _targets(self, node: cst.BaseExpression) -> None:
        if isinstance(node, cst.Name):
            self._bind(node.value)
        elif isinstance(node, cst.Tuple | cst.List):
            with self._below(node):
                for element in node.elements:
                    with self._below(element):
                        self._targets(element.value)
        else:  # x.attribute, x[index]: read, not bound
            node.visit(self)

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        parts = parts_of(node)
        if parts:
            self._read(node, parts)
        else:
            node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> bool:
        self._read(node, (node.value,))
        return False

    def _read(self, node: cst.BaseExpression, parts: tuple[str, ...]) -> None:
        self.all_names.add(parts[0])
        self.chains[node] = Chain(node, parts, self.scope)
        self.definition_of[node] = self._definitions[0] if self._definitions else MODULE


def _params(params: cst.Parameters) -> Iterator[cst.Param]:
    yield from (*params.posonly_params, *params.params, *params.kwonly_params)
    for star in (params.star_arg, params.star_kwarg):
        if isinstance(star, cst.Param):
            yield star


def _parameters(params: cst.Parameters) -> Iterator[str]:
    return (param.name.value for param in _params(params))
