"""Notebooks: the code cells are rewritten as one module, and everything else keeps its bytes."""

import json
import re
from collections.abc import Callable
from typing import Any

from portable_losses.codemod._result import Change, Finding, Result

# `%magic`, `!command`, `?help` and `%%cell` magics are no Python: they travel as comments.
MAGIC = re.compile(r"^(\s*)([%!?].*|[\w.]+\?{1,2}\s*)$")
KEPT = "#portable_losses_magic "
BREAK = "#portable_losses_cell {}\n"
BREAKS = re.compile(r"^#portable_losses_cell (\d+)\n", re.M)


def rewrite_notebook(text: str, rewrite: Callable[[str], Result]) -> Result:
    """`rewrite` over the code of a notebook. The report counts cells and lines from 1.

    Raises:
        ValueError: if it is no notebook.
    """
    notebook, cells, source = _read(text)
    result = rewrite(source)
    lines = place_of(source)
    findings = [
        Finding(line, f.rule, f.message, f.severity, cell)
        for f in result.findings
        for cell, line in [lines(f.line)]
    ]
    if not result.changed:
        return Result(text, False, [], findings, result.definitions, result.makers, result.layers)
    head, *parts = BREAKS.split(result.source)
    new = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))
    spans = _sources(text, len(notebook["cells"]))
    for number, cell in reversed(cells):
        body = _show(new[number]).removesuffix("\n")
        if number == cells[0][0] and head:
            body = _show(head) + body
        if body != _text(cell).rstrip("\n"):
            start, end = spans[number]
            text = text[:start] + _dump(body, text[start:end]) + text[end:]
    changes = [
        Change(line, _unmarked(c.old), _unmarked(c.new), cell)
        for c in result.changes
        for cell, line in [lines(c.line)]
    ]
    return Result(text, True, changes, findings, result.definitions, result.makers, result.layers)


def code_of(text: str) -> str:
    """The code of a notebook as one module.

    Raises:
        ValueError: if it is no notebook.
    """
    return _read(text)[2]


def _read(text: str) -> tuple[dict[str, Any], list[tuple[int, dict[str, Any]]], str]:
    """The notebook, its code cells by their number, and their code with marks between them."""
    try:
        notebook = json.loads(text)
        cells = [
            (number, cell)
            for number, cell in enumerate(notebook["cells"])
            if cell["cell_type"] == "code" and not _text(cell).lstrip().startswith("%%")
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a notebook: {error}") from None
    source = "".join(
        BREAK.format(number) + _hide(_text(cell).rstrip("\n")) + "\n" for number, cell in cells
    )
    return notebook, cells, source


def _text(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return "".join(source) if isinstance(source, list) else str(source)


def _hide(code: str) -> str:
    lines = []
    for line in code.split("\n"):
        match = MAGIC.match(line)
        lines.append(f"{match[1]}pass;{KEPT}{match[2]}" if match else line)
    return "\n".join(lines)


def _show(code: str) -> str:
    return code.replace(f"pass;{KEPT}", "")


def place_of(source: str) -> Callable[[int], tuple[int, int]]:
    """The cell, and the line in it, of a line of the notebook's code."""
    marks = [
        (n, int(match[1]) + 1)
        for n, line in enumerate(source.split("\n"), 1)
        if (match := BREAKS.match(line + "\n"))
    ]

    def place(line: int) -> tuple[int, int]:
        mark, cell = max((m for m in marks if m[0] <= line), default=marks[0])
        return cell, max(1, line - mark)

    return place


def _unmarked(code: str) -> str:
    return "\n".join(x for x in _show(code).split("\n") if not BREAKS.match(x + "\n"))


def _sources(text: str, cells: int) -> dict[int, tuple[int, int]]:
    """Where the value of each cell's "source" stands in the JSON text."""
    decoder = json.JSONDecoder()
    found: dict[int, tuple[int, int]] = {}
    at = re.search(r'"cells"\s*:\s*\[', text)
    assert at is not None
    place = at.end()
    for number in range(cells):
        place = text.index("{", place)
        _, end = decoder.raw_decode(text, place)
        found[number] = _source_in(text, place, decoder)
        place = end
    return found


def _source_in(text: str, start: int, decoder: json.JSONDecoder) -> tuple[int, int]:
    place = start + 1
    while True:
        place = text.index('"', place)
        key, place = decoder.raw_decode(text, place)
        place = re.compile(r"\s*:\s*").match(text, place).end()  # type: ignore[union-attr]  # valid JSON
        _, end = decoder.raw_decode(text, place)
        if key == "source":
            return place, end
        place = end


def _dump(body: str, old: str) -> str:
    """JSON in the layout of the old value: a list of lines, or one string."""
    ascii_only = old.isascii() and "\\u" in old
    if not old.startswith("["):
        return json.dumps(body, ensure_ascii=ascii_only)
    items = [json.dumps(line, ensure_ascii=ascii_only) for line in body.splitlines(keepends=True)]
    layout = re.match(r"\[(\s*)", old)
    gap = layout[1] if layout else ""
    closing = re.search(r"(\s*)\]$", old)
    end = closing[1] if closing else ""
    between = "," + (gap or " ")
    return "[" + gap + between.join(items) + end + "]"
