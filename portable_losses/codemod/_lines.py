"""The lines of a few nodes. LibCST's own provider places all of them, which takes longer than all
the rest of a rewrite."""

import contextlib
from collections.abc import Iterable
from typing import Any

import libcst as cst
from libcst._nodes.internal import CodegenState


def lines_of(module: cst.Module, nodes: Iterable[cst.CSTNode]) -> dict[cst.CSTNode, int]:
    """The first line of each node; that of the `def` or `class`, not of what stands above it."""
    marks = {node: _mark(node) for node in nodes}
    state = _Lines(module, {id(mark) for mark in marks.values()})
    module._codegen(state)
    lines, place, line = {}, 0, 1
    for mark, token in state.found.items():  # in the order of the code
        line += "".join(state.tokens[place:token]).count("\n")
        lines[mark], place = line, token
    return {node: lines.get(id(mark), 1) for node, mark in marks.items()}


def _mark(node: cst.CSTNode) -> cst.CSTNode:
    if isinstance(node, cst.FunctionDef | cst.ClassDef):
        return node.name
    return node.decorator if isinstance(node, cst.Decorator) else node


def code_of(module: cst.Module) -> str:
    """`module.code`, in less time."""
    state = _Code(module)
    module._codegen(state)
    return "".join(state.tokens)


class _Code(CodegenState):
    def __init__(self, module: cst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline)

    def record_syntactic_position(self, *args: Any, **named: Any) -> Any:
        return _NOTHING  # the inherited one makes a generator for each node, to do nothing


_NOTHING = contextlib.nullcontext()


class _Lines(_Code):
    """How many tokens there are before each node; to ask for a node itself takes longer."""

    def __init__(self, module: cst.Module, wanted: set[int]) -> None:
        super().__init__(module)
        self.wanted = wanted
        self.found: dict[int, int] = {}

    def before_codegen(self, node: cst.CSTNode) -> None:
        if id(node) in self.wanted:
            self.found[id(node)] = len(self.tokens)
