"""`rewrite`: old source in, new source and a report out."""

import ast
import dataclasses
import difflib
import functools
import re
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import libcst as cst

from portable_losses.codemod import _imports, tables
from portable_losses.codemod._context import MODULE, Context
from portable_losses.codemod._lines import Lines
from portable_losses.codemod._result import NOTE, Change, Finding, Result
from portable_losses.codemod._scope import Names
from portable_losses.codemod._tree import rebuilt
from portable_losses.codemod.rules import IMPORTS, RULES
from portable_losses.codemod.rules.graph import makes_variables
from portable_losses.codemod.state import layers

TARGETS = ("native", "compat")
OLD = re.compile(r"tensorflow|keras")
# The order of what a definition is called, if several apply.
OUTCOMES = ("flagged", "compat", "native")


class ParseError(ValueError):
    """The source is no Python 3. `line` says where that shows."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def rewrite(
    source: str,
    *,
    path: str | None = None,
    target: str = "native",
    elsewhere: Mapping[str, Mapping[str, str]] | None = None,
    called: Collection[str] = (),
) -> Result:
    """Rewrite TensorFlow 1 and Keras 2 code as Keras 3 code.

    `target="native"` writes `keras.ops` and names of Keras 3 and of this library where the numbers
    stay the same, and leaves the rest to `portable_losses.compat`. `target="compat"` changes
    imports alone. What is not touched keeps every byte; what comes out is not changed by a second
    rewrite.

    `elsewhere` gives `Result.makers` of other modules by the names under which this one would
    import them, `losses`, `package.losses` or `.losses`: what calls such a function builds a graph
    too, and a model compiled with one is wrapped. `called` are functions that other modules call:
    one that makes variables stays as it is for them, with a layer beside it.

    Raises:
        ParseError: if the source is no Python 3.
        ValueError: for another target.

    Examples:
        >>> old = "from keras import backend as K\\n\\nloss = lambda t, p: K.mean(K.abs(t - p))\\n"
        >>> print(rewrite(old).source, end="")
        from keras import ops
        <BLANKLINE>
        loss = lambda t, p: ops.mean(ops.abs(t - p))
    """
    if target not in TARGETS:
        raise ValueError(f"`target` must be one of {TARGETS}. Received: {target!r}.")
    others = {module.rpartition(".")[2] for module in elsewhere or ()}
    if not OLD.search(source) and not any(name in source for name in others):
        return Result(source, False)
    plain = functools.partial(_rewritten, path=path, target=target, elsewhere=elsewhere or {})
    if target == "native" and layers.VARIABLES.search(source):
        tree, module = _parse(source, path)
        lines = Lines(source, module, tree)
        found = layers.rewritten(
            lambda: _context(module, source, target, elsewhere or {}),
            lambda ctx: _apply(ctx, lines),
            plain,
            called,
        )
        if found is not None:
            ctx, result = found
            findings = sorted({*ctx.findings(lines), *result.findings})
            ctx.edits.clear()
            changes = _changes(source, result.source)
            return dataclasses.replace(result, changes=changes, findings=findings)
    return plain(source, {})


def _context(
    module: cst.Module, source: str, target: str, elsewhere: Mapping[str, Mapping[str, str]]
) -> Context:
    stars = {
        root: frozenset(s.split(".")[1] for s in tables.calls() if s.startswith(f"{root}."))
        for root in ("K", "tf")
    }
    return Context(source, module, target, Names(module, stars), elsewhere)


def _rewritten(
    source: str,
    losses: dict[str, str],
    path: str | None,
    target: str,
    elsewhere: Mapping[str, Mapping[str, str]],
) -> Result:
    """By the rules; `losses` are functions that a class stands for already, by name."""
    tree, module = _parse(source, path)
    ctx = _context(module, source, target, elsewhere)
    ctx.losses |= losses
    for rule in RULES if target == "native" else IMPORTS:
        rule.apply(ctx)
    _imports.apply(ctx)
    lines = Lines(source, module, tree)
    new = _apply(ctx, lines)
    findings = ctx.findings(lines)
    changes = _changes(source, new) if new != source else []
    ctx.edits.clear()  # they hold the context, and it them: a tree that only a search would free
    makers = {name: ctx.losses.get(name, "") for name in sorted(makes_variables(ctx))}
    return Result(new, new != source, changes, findings, _status(ctx), makers)


def _parse(source: str, path: str | None) -> tuple[ast.Module, cst.Module]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Python's own parser first: nested too deeply, LibCST's would end the process.
            tree = ast.parse(source)
        return tree, cst.parse_module(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError, cst.ParserSyntaxError) as error:
        line = getattr(error, "lineno", None) or getattr(error, "raw_line", None) or 1
        why = getattr(error, "msg", None) or getattr(error, "message", None) or error
        where = f"{path}, line" if path else "Line"
        raise ParseError(f"{where} {line}: not Python 3 ({why}).", line) from None


def _apply(ctx: Context, lines: Lines) -> str:
    if not ctx.edits:
        return ctx.source
    paths = set(ctx.edits)
    for node in ctx.edits:
        paths.update(ctx.ancestors(node))
    edits = ctx.edits

    def change(old: Any, new: Any) -> Any:
        for edit in edits.get(old, ()):
            if isinstance(new, cst.FlattenSentinel):
                # Others were put around it; see `Context.edit`.
                *before, last = new
                result = edit(last)
                if isinstance(result, cst.RemovalSentinel):
                    after: list[Any] = []
                else:
                    after = [*result] if isinstance(result, cst.FlattenSentinel) else [result]
                new = cst.FlattenSentinel([*before, *after])
            elif isinstance(new, cst.CSTNode):
                new = edit(new)
        return new

    return lines.code(rebuilt(ctx.module, paths, change))


def _status(ctx: Context) -> dict[str, str]:
    names = [ctx.definition(n) for n in (*ctx.all(cst.FunctionDef), *ctx.all(cst.ClassDef))]
    flagged = {ctx.definition(node) for node, *_, severity in ctx.found if severity != NOTE}
    found = {}
    for name in dict.fromkeys([*names, MODULE]):
        outcomes = ctx.outcomes.get(name, set()) | ({"flagged"} if name in flagged else set())
        word = next((w for w in OUTCOMES if w in outcomes), "unchanged")
        if name != MODULE or word != "unchanged":
            found[name] = word
    return found


def _changes(old: str, new: str) -> list[Change]:
    before, after = old.splitlines(), new.splitlines()
    matcher = difflib.SequenceMatcher(None, before, after)
    return [
        Change(i1 + 1, "\n".join(before[i1:i2]), "\n".join(after[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


__all__ = ["Change", "Finding", "ParseError", "Result", "rewrite"]
