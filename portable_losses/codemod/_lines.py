"""Code and lines of a module. LibCST would go through all of it, node by node; here the statements
at the top that stay as they are keep their text, and the places of the others are Python's own."""

import ast
import contextlib
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import libcst as cst
from libcst._nodes.internal import CodegenState


class Lines:
    """Where the statements at the top of a module begin: the comments above them too."""

    def __init__(self, source: str, module: cst.Module, tree: ast.Module) -> None:
        self.module = module
        self.lines = io.StringIO(source, newline="").readlines()
        self.starts = [] if "\f" in source else _starts(module, tree, self.lines)
        self.places = {id(node): place for place, node in enumerate(module.body)}

    def code(self, new: cst.Module) -> str:
        """`new.code`, where `new` has statements of the old module."""
        state = _Code(new)
        for line in new.header:
            line._codegen(state)
        for node in new.body:
            place = self.places.get(id(node), -1)
            if 0 <= place < len(self.starts) - 1:
                start, end = self.starts[place : place + 2]
                state.tokens += self.lines[start - 1 : end - 1]
            else:
                node._codegen(state)
        for line in new.footer:
            line._codegen(state)
        if not new.has_trailing_newline:
            state.pop_trailing_newline()
        elif not state.tokens:
            state.add_token(new.default_newline)
        return "".join(state.tokens)

    def of(
        self, nodes: Iterable[cst.CSTNode], parents: Mapping[cst.CSTNode, cst.CSTNode]
    ) -> dict[cst.CSTNode, int]:
        """The first line of each node; that of the `def` or `class`, not of what stands above."""
        nodes = list(nodes)
        inside: dict[cst.CSTNode, set[int]] = defaultdict(set)
        for node in nodes:
            inside[self._top(node, parents)].add(id(_mark(node)))
        found: dict[int, int] = {}
        for top, marks in inside.items():
            line = 1 if top is self.module else self.starts[self.places[id(top)]]
            state, place = _Marks(self.module, marks), 0
            with contextlib.suppress(_AllFound):
                top._codegen(state)
            for mark, token in state.found.items():  # in the order of the code
                line += "".join(state.tokens[place:token]).count("\n")
                found[mark], place = line, token
        return {node: found.get(id(_mark(node)), 1) for node in nodes}

    def _top(self, node: cst.CSTNode, parents: Mapping[cst.CSTNode, cst.CSTNode]) -> cst.CSTNode:
        """The statement at the top that a node is in; the module, if their places are not known."""
        if not self.starts:
            return self.module
        while id(node) not in self.places:
            above = parents.get(node)
            if above is None:
                return self.module
            node = above
        return node


def _starts(module: cst.Module, tree: ast.Module, lines: list[str]) -> list[int]:
    """The lines, or none where LibCST and Python may see different statements."""
    starts, end, place = [], 0, 0
    for node in module.body:
        small = len(node.body) if isinstance(node, cst.SimpleStatementLine) else 1
        statements = tree.body[place : place + small]
        if len(statements) != small:
            return []
        place += small
        first, last = statements[0], statements[-1]
        line = first.lineno
        if isinstance(node, cst.FunctionDef | cst.ClassDef) and node.decorators:
            if not isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                return []
            line = first.decorator_list[0].lineno
            if not lines[line - 1].startswith("@"):
                return []
            line -= len(node.decorators[0].leading_lines)
        line -= len(node.leading_lines)
        if line <= end or (line > 1 and lines[line - 2].rstrip("\r\n").endswith("\\")):
            return []
        starts.append(line)
        end = last.end_lineno or line
    return starts if place == len(tree.body) else []


def _mark(node: cst.CSTNode) -> cst.CSTNode:
    if isinstance(node, cst.FunctionDef | cst.ClassDef):
        return node.name
    return node.decorator if isinstance(node, cst.Decorator) else node


class _Code(CodegenState):
    def __init__(self, module: cst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline)

    def record_syntactic_position(self, *args: Any, **named: Any) -> Any:
        return _NOTHING  # the inherited one makes a generator for each node, to do nothing


_NOTHING = contextlib.nullcontext()


class _AllFound(Exception):
    pass


class _Marks(_Code):
    """How many tokens there are before each node; to ask for a node itself takes longer."""

    def __init__(self, module: cst.Module, wanted: set[int]) -> None:
        super().__init__(module)
        self.wanted = wanted
        self.found: dict[int, int] = {}

    def before_codegen(self, node: cst.CSTNode) -> None:
        if id(node) in self.wanted:
            self.found[id(node)] = len(self.tokens)
            if len(self.found) == len(self.wanted):
                raise _AllFound
