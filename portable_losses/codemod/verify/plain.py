"""Which statements of a module may be run: definitions, imports and plain constants."""

import ast
from collections.abc import Iterable

# Calls that only compute, by the last part of their name, of Python and of modules that are
# imported: `np.array([1.0])`, `K.epsilon()`, `tf.constant(2)`.
PURE = frozenset(
    "abs bool complex dict float frozenset int len list max min pow range round set slice sorted"
    " str sum tuple zip enumerate reversed"
    " array asarray arange linspace ones zeros eye full ones_like zeros_like reshape transpose"
    " constant convert_to_tensor Variable variable cast to_float epsilon floatx image_data_format"
    " float16 float32 float64 int8 int16 int32 int64 uint8 bool_ log exp sqrt square mean prod"
    " power log2 log10 concatenate stack tile repeat expand_dims namedtuple partial TypeVar"
    " LooseVersion parse_version split startswith copy diag".split()
)
NODES = (
    ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp,
    ast.BinOp, ast.BoolOp, ast.Compare, ast.Subscript, ast.Slice, ast.IfExp, ast.Starred,
    ast.JoinedStr, ast.FormattedValue, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
    ast.comprehension, ast.keyword, ast.expr_context, ast.operator, ast.unaryop, ast.boolop,
    ast.cmpop,
)  # fmt: skip


def is_plain(statement: ast.stmt) -> bool:
    """Whether running the statement defines, imports or computes a constant, and does no more."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Expr():
            return isinstance(statement.value, ast.Constant)
        case ast.Assign():
            return all(map(_is_name, statement.targets)) and is_constant(statement.value)
        case ast.AnnAssign():
            value = statement.value
            return _is_name(statement.target) and (value is None or is_constant(value))
        case ast.AugAssign():
            return _is_name(statement.target) and is_constant(statement.value)
        case ast.If():
            return is_constant(statement.test) and _all(statement.body, statement.orelse)
        case ast.Try():
            bodies = [handler.body for handler in statement.handlers]
            return _all(statement.body, statement.orelse, statement.finalbody, *bodies)
    return False


def _all(*bodies: Iterable[ast.stmt]) -> bool:
    return all(is_plain(statement) for body in bodies for statement in body)


def _is_name(target: ast.expr) -> bool:
    return all(isinstance(n, ast.Name | ast.Tuple | ast.expr_context) for n in ast.walk(target))


def is_constant(node: ast.AST) -> bool:
    """Whether an expression is made of literals, names and calls that only compute."""
    if isinstance(node, ast.Lambda):  # a definition
        return True
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).split(".")[-1]
        return name in PURE and all(map(is_constant, ast.iter_child_nodes(node)))
    return isinstance(node, NODES) and all(map(is_constant, ast.iter_child_nodes(node)))
