"""Find the losses and metrics of a file of old code; cut each out with what it needs.

What it needs: the functions, constants and imports of the module that it names, directly or
through others. Statements that only do something (training, printing) are never taken.
"""

import ast
import builtins
import collections
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from portable_losses.codemod._python2 import to_python3
from portable_losses.codemod.verify.plain import is_plain

NAME = re.compile(
    r"loss|metric|dice|iou|jaccard|tversky|focal|entropy|accuracy|precision|recall|f1|f2|fbeta|auc"
    r"|mse|mae|rmse|psnr|ssim|triplet|contrast|center|margin|kl|wasserstein|specific|sensitiv|coef"
    r"|hinge|quantile|huber|objective",
    re.IGNORECASE,
)
TRUE = re.compile(r"y_?(true|truth|actual)|labels?$|targets?$|ground_?truth|^gt$", re.IGNORECASE)
PRED = re.compile(r"y_?(pred|prob|hat)|pred|logits?$|features?$|embeddings?$|^pr$", re.IGNORECASE)
CALLS = ("__call__", "call", "loss", "compute_loss", "forward", "compute")
# Whole programs: they have such names too, and load images or train.
PROGRAM = re.compile(r"^_?(test|main|train|load|read|plot|evaluate|get_.*(batch|data|model))")
FRAMEWORKS = ("tensorflow", "keras")
Named = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Definition:
    """A definition of a file: its name, the how many-th of that name, whether a class, the line,
    its source with old imports and with imports that go through compat, and the first and last
    lines of all that this source holds."""

    name: str
    number: int
    is_class: bool
    methods: tuple[str, ...]
    line: int
    old: str
    compat: str
    spans: tuple[tuple[int, int], ...]


def parse(text: str) -> ast.Module:
    """The syntax tree; Python 2 is read as Python 3 where there is a converter.

    Raises:
        ValueError: if it is neither, of which SyntaxError is one.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except SyntaxError:
            return ast.parse(to_python3(text))


def definitions(module: ast.Module, plain: bool = True) -> Iterator[Definition]:
    """Every loss and metric at the top of the module; of what they need, the plain statements
    alone, unless told to take others too."""
    table = _names(module)
    for node, number in _numbered(module):
        methods = _loss_methods(node) if isinstance(node, ast.ClassDef) else ()
        if not (methods if isinstance(node, ast.ClassDef) else _is_loss(node)):
            continue
        needed = _needed(module, node, table)
        if not any(_uses_framework(statement) for statement in needed):
            continue  # NumPy alone
        yield Definition(
            node.name,
            number,
            isinstance(node, ast.ClassDef),
            methods,
            node.lineno,
            _text(needed, plain, lambda s: [ast.unparse(s)]),
            _text(needed, plain, _redirected),
            tuple((statement.lineno, statement.end_lineno or 0) for statement in needed),
        )


def cut(module: ast.Module, name: str, number: int, plain: bool = True) -> str | None:
    """The `number`-th definition of that name with what it needs, as it is; None if there is
    none."""
    for node, count in _numbered(module):
        if (node.name, count) == (name, number):
            needed = _needed(module, node, _names(module))
            return _text(needed, plain, lambda s: [ast.unparse(s)])
    return None


def _numbered(module: ast.Module) -> Iterator[tuple[Named, int]]:
    seen: collections.Counter[str] = collections.Counter()
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            seen[node.name] += 1
            yield node, seen[node.name]


def _text(needed: list[ast.stmt], plain: bool, lines: Callable[[ast.stmt], list[str]]) -> str:
    found = []
    for statement in needed:
        if plain and not is_plain(statement):
            names = _bound(statement)
            if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
                stored = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
                names = {n.id for n in stored if isinstance(n.ctx, ast.Store)}  # not of `K.x = f`
            found += [
                f"{name} = _not_computed({name!r}, {statement.lineno})" for name in sorted(names)
            ]
        else:
            found.append(_lenient(statement, *lines(statement)))
    return "\n".join(found) + "\n"


def _is_loss(node: ast.FunctionDef) -> bool:
    if PROGRAM.search(node.name):
        return False
    names = [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
    pair = any(TRUE.search(n) for n in names) and any(PRED.search(n) for n in names)
    return bool(NAME.search(node.name)) or pair


def _loss_methods(node: ast.ClassDef) -> tuple[str, ...]:
    """Methods to call, the most telling first; none if the class is no loss and no metric."""
    bases = " ".join(map(ast.unparse, node.bases))
    found = {f.name: f for f in node.body if isinstance(f, ast.FunctionDef)}
    if re.search(r"Loss|Metric", bases) or (NAME.search(node.name) and "Layer" in bases):
        return tuple(name for name in CALLS if name in found) or ("call",)
    return tuple(
        n for n in CALLS if n in found and _is_loss(found[n]) and len(found[n].args.args) > 2
    )


def _names(module: ast.Module) -> dict[str, list[ast.stmt]]:
    """The statements at the top of the module that bind each name."""
    table: dict[str, list[ast.stmt]] = {}
    for statement in module.body:
        for name in _bound(statement):
            table.setdefault(name, []).append(statement)
    return table


def _bound(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
            return {statement.name}
        case ast.Import() | ast.ImportFrom():
            return {(a.asname or a.name).split(".")[0] for a in statement.names}
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        case ast.Try():
            return {n for s in (*statement.body, *statement.orelse) for n in _bound(s)} | {
                n for handler in statement.handlers for s in handler.body for n in _bound(s)
            }
        case ast.If() if "__name__" not in ast.unparse(statement.test):
            return {n for s in (*statement.body, *statement.orelse) for n in _bound(s)}
    return set()


def _used(statement: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}


def _needed(module: ast.Module, node: Named, table: dict[str, list[ast.stmt]]) -> list[ast.stmt]:
    """`node` and what it needs, in the module's order."""
    taken = {id(node)}
    todo: list[ast.stmt] = [node]
    names: set[str] = set()
    while todo:
        for name in _used(todo.pop()) - names:
            names.add(name)
            for statement in table.get(name, ()):
                if id(statement) not in taken:
                    taken.add(id(statement))
                    todo.append(statement)
    for statement in module.body:  # a name from nowhere may come from a star
        stars = isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if future or (stars and any(n not in table and not hasattr(builtins, n) for n in names)):
            taken.add(id(statement))
    # A name bound again below the definition (a second one of the same name) is the module's last
    # word for callers, but not what this definition is.
    rest = [s for s in module.body if id(s) in taken]
    return [s for s in rest if s is node or node.name not in _bound(s)] if node in rest else rest


def _uses_framework(statement: ast.stmt) -> bool:
    return any(name.split(".")[0] in FRAMEWORKS for name in _imported(statement))


def _imported(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


def _lenient(statement: ast.stmt, *lines: str) -> str:
    """A star import may fail: nobody knows whether the definition needs it."""
    text = "\n".join(lines)
    if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
        return f"try:\n    {text}\nexcept ImportError:\n    pass"
    return text


def _redirected(statement: ast.stmt) -> list[str]:
    """Lines of the statement with every import of TensorFlow and Keras sent through compat."""
    tree = _Redirect().visit(ast.parse(ast.unparse(statement)))
    return [ast.unparse(ast.fix_missing_locations(s)) for s in tree.body]


class _Redirect(ast.NodeTransformer):
    """`import tensorflow as tf` becomes `tf = _compat("tf1", "")`, and so on; `replay` has
    `_compat`, which gives what the import statement would."""

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        lines: list[ast.stmt] = []
        for alias in node.names:
            if alias.name.split(".")[0] not in FRAMEWORKS:
                lines.append(ast.Import([alias]))
            elif alias.asname:
                lines.append(_assign(alias.asname, *_place(alias.name)))
            else:  # `import tensorflow.keras.backend` binds `tensorflow`
                root = alias.name.split(".")[0]
                lines.append(_assign(root, *_place(root)))
        return lines

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        if node.level or not node.module or node.module.split(".")[0] not in FRAMEWORKS:
            return node
        if node.names[0].name == "*":
            where, path = _place(node.module)
            call = f"globals().update(_compat_all({where!r}, {path!r}))"
            return ast.parse(call).body
        return [
            _assign(alias.asname or alias.name, *_place(f"{node.module}.{alias.name}"))
            for alias in node.names
        ]


def _place(name: str) -> tuple[str, str]:
    """The module of compat, and the path in it, that stand for an old dotted name."""
    parts = name.split(".")
    if parts[0] == "tensorflow":
        parts = parts[1:]
        while parts[:1] in (["compat"], ["python"]) and len(parts) > 1:
            if parts[0] == "python" and parts[1] != "keras":
                break
            parts = parts[2:] if parts[0] == "compat" and parts[1] in ("v1", "v2") else parts[1:]
        if parts[:1] != ["keras"]:
            return "tf1", ".".join(parts)
    parts = parts[1:]
    if parts[:1] == ["backend"]:
        parts = parts[2:] if parts[1:2] == ["tensorflow_backend"] else parts[1:]
        return "K", ".".join(parts)
    if parts[:1] == ["engine"] and len(parts) == 3:  # keras.engine.topology.Layer
        parts = ["layers", parts[2]]
    return "keras2", ".".join(parts)


def _assign(name: str, where: str, path: str) -> ast.stmt:
    return ast.parse(f"{name} = _compat({where!r}, {path!r})").body[0]
