"""Small changes of code: nodes in place of others, long lines, blocks put together."""

import re
from typing import Any

import libcst as cst

WIDTH = 100


class Put(cst.CSTTransformer):
    """Nodes in place of others."""

    def __init__(self, new: dict[cst.CSTNode, Any]) -> None:
        super().__init__()
        self.new = new

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        if original_node in self.new:
            return self.new[original_node]
        return super().on_leave(original_node, updated_node)


class Words(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_Name(self, node: cst.Name) -> None:
        self.found.add(node.value)


def atom(text: str) -> str:
    return text if re.fullmatch(r"[\w.]+|[\w.]+\([^()]*\)", text) else f"({text})"


def parts(value: cst.BaseExpression) -> list[cst.BaseExpression]:
    if isinstance(value, cst.Tuple | cst.List):
        return [element.value for element in value.elements]
    return [value]


def together(statements: list[Any]) -> list[Any]:
    """One `if training:` for those that follow one another."""
    made: list[Any] = []
    for statement in statements:
        before = made[-1] if made else None
        if isinstance(statement, cst.If) and isinstance(before, cst.If) and before.orelse is None:
            tests = [getattr(node.test, "value", "") for node in (before, statement)]
            if tests == ["training", "training"]:
                body = [*before.body.body, *statement.body.body]
                made[-1] = before.with_changes(body=before.body.with_changes(body=body))
                continue
        made.append(statement)
    return made


def without_blank(lines: Any) -> list[Any]:
    return [line for line in lines if line.comment is not None]


def fold(line: str, tab: str) -> list[str]:
    """A call that is too long for a line, its arguments on lines of their own."""
    end = line.rfind(")")
    if len(line) <= WIDTH or end < 0:
        return [line]
    start, depth = end, 0
    for place in range(end, -1, -1):
        depth += {")": 1, "(": -1}.get(line[place], 0)
        if depth == 0:
            start = place
            break
    space = line[: len(line) - len(line.lstrip())]
    inner, parts, depth = line[start + 1 : end], [""], 0
    for sign in inner:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    parts = [part.strip() for part in parts if part.strip()]
    whole = f"{space}{tab}{', '.join(parts)}"
    if len(whole) <= WIDTH and not line.lstrip().startswith("self."):
        return [line[: start + 1], whole, f"{space}{line[end:]}"]
    comma = "," * (len(parts) > 1)
    lines = [folded for part in parts for folded in fold(f"{space}{tab}{part}{comma}", tab)]
    return [line[: start + 1], *lines, f"{space}{line[end:]}"]
