"""The conditions of the tables' rows: what can be said of an argument from the source alone.

| condition | the argument |
|---|---|
| `has:x`, `no:x` | is given, is not |
| `none:x`, `value:x` | is `None`; is something else |
| `true:x`, `false:x` | is `True`; is `False` or not given |
| `is:x=1` | is that number or string, written out |
| `int:x` | is a number without a point |
| `vector:x` | surely has one axis: `tf.ones([n])` |
| `unit:x` | is 1, or not given |
| `ones:x` | is 1, or a list of nothing else |
| `string:x` | is a string |
| `scope:x` | is a string without a slash, which names of Keras have not |
| `notnumber:x` | is no plain number |
| `simple:x` | costs little to be written twice: a name, a number, a part of a named tensor |
| `single:x` | is no list |
| `sizes:x` | is a list of sizes: none is -1, for "the rest", and none a tensor |
| `rank:x` | is the rank of `indices`, from where these were last given a value |
| `tensors:x` | is no list of shapes, or of lists of numbers |
| `float:x` | shows no sign of integers; for the division, is surely a float |
| `kept:x` | (an axis) is given, where `keepdims` may be true: all axes Keras drops on PyTorch |
| `shape` | the call's value is used as a tuple only |
| `read` | the call's value is an operand, or a name of which that is all: a variable is only read |
| `epsilon` | the module leaves Keras' epsilon what it is |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from portable_losses.codemod import tables

if TYPE_CHECKING:
    from portable_losses.codemod._context import Context, Reference

# What gives integers or booleans from anything, and what passes its first argument's dtype on.
_INTEGERS = {
    "K.argmax", "K.argmin", "tf.argmax", "tf.argmin", "K.shape", "tf.shape", "tf.size", "tf.range",
    "K.arange", "tf.to_int32", "tf.to_int64", "K.int_shape", "K.ndim", "tf.rank",
}  # fmt: skip
_SAME = {
    "abs", "reshape", "flatten", "squeeze", "expand_dims", "sum", "reduce_sum", "max", "min",
    "reduce_max", "reduce_min", "transpose", "tile", "square", "stop_gradient", "identity",
    "concatenate", "concat", "stack", "gather", "clip", "clip_by_value", "maximum", "minimum",
}  # fmt: skip
_FLOATS = {
    "mean", "reduce_mean", "exp", "log", "sqrt", "sigmoid", "softmax", "to_float", "epsilon",
    "l2_loss", "log_softmax", "tanh", "reduce_logsumexp", "rsqrt", "norm",
}  # fmt: skip


def hold(
    row_when: tuple[str, ...], bound: dict[str, cst.Arg], ctx: Context, ref: Reference
) -> bool:
    return all(_holds(condition, bound, ctx, ref) for condition in row_when)


def _holds(condition: str, bound: dict[str, cst.Arg], ctx: Context, ref: Reference) -> bool:
    what, _, name = condition.partition(":")
    if what == "shape":
        return used_as_tuple(ctx, ref.node if ref.call is None else ref.call)
    if what == "read":
        return ref.call is not None and only_read(ctx, ref.call)
    if what == "epsilon":
        return "set_epsilon" not in ctx.source
    name, _, wanted = name.partition("=")
    value = bound[name].value if name in bound else None
    match what:
        case "has":
            return value is not None
        case "no":
            return value is None
        case "none":
            return _is_name(value, "None")
        case "value":
            return value is not None and not _is_name(value, "None")
        case "kept":
            keepdims = bound["keepdims"].value if "keepdims" in bound else None
            dropped = keepdims is None or _is_name(keepdims, "False")
            dropped = dropped or _never_given(keepdims, "False", ctx)
            return dropped or not (value is None or _may_be_none(value, ctx))
        case "true":
            return _is_name(value, "True")
        case "false":
            return value is None or _is_name(value, "False")
        case "is":
            return value is not None and _written(value, ctx) == wanted
        case "int":
            return _is_integer(value)
        case "vector":
            return _is_vector(value, ctx)
        case "unit":
            return value is None or _written(value, ctx) == "1"
        case "ones":
            parts = value.elements if isinstance(value, cst.List | cst.Tuple) else ()
            plain = [part.value for part in parts] or [value]
            return all(isinstance(one, cst.Integer) and one.value == "1" for one in plain)
        case "string":
            return isinstance(value, cst.SimpleString)
        case "scope":
            return isinstance(value, cst.SimpleString) and "/" not in value.raw_value
        case "notnumber":
            return not _is_integer(value)
        case "simple":
            return value is not None and is_simple(value, ctx)
        case "single":
            return not isinstance(value, cst.List | cst.Tuple)
        case "sizes":
            assert value is not None
            parts = value.elements if isinstance(value, cst.List | cst.Tuple) else ()
            return bool(parts) and all(_is_size(part.value, ctx) for part in parts)
        case "rank":
            return value is not None and _is_rank(value, bound["indices"].value, ctx)
        case "tensors":
            parts = value.elements if isinstance(value, cst.List | cst.Tuple) else ()
            return not any(_is_shape(part.value, ctx) for part in parts)
        case "float":
            assert value is not None
            kind = dtype_of(value, ctx)
            surely = ref.symbol in ("tf.div", "tf.fill")
            return kind == "float" if surely else kind != "int"
    raise AssertionError(f"unknown condition {condition!r}")


def _is_vector(value: cst.BaseExpression | None, ctx: Context) -> bool:
    if not isinstance(value, cst.Call) or not value.args:
        return False
    shape = value.args[0].value
    one = isinstance(shape, cst.List | cst.Tuple) and len(shape.elements) == 1
    return one and ctx.symbol(value.func) in ("tf.ones", "tf.zeros", "tf.fill")


def _is_shape(value: cst.BaseExpression, ctx: Context) -> bool:
    while isinstance(value, cst.Subscript):
        value = value.value
    if isinstance(value, cst.Call):
        return ctx.symbol(value.func) in ("tf.shape", "K.shape")
    return isinstance(value, cst.List | cst.Tuple)


def _is_name(value: cst.BaseExpression | None, name: str) -> bool:
    return isinstance(value, cst.Name) and value.value == name


def _written(value: cst.BaseExpression, ctx: Context) -> str:
    """A string without its quotes, 1.0 as 1."""
    if isinstance(value, cst.SimpleString):
        return str(value.raw_value)
    text = ctx.module.code_for_node(value)
    return text.removesuffix(".0").removesuffix(".")


def _is_size(value: cst.BaseExpression, ctx: Context) -> bool:
    """A number that is not negative, or what names and numbers are reckoned to."""
    if isinstance(value, cst.BinaryOperation):
        return _is_size(value.left, ctx) and _is_size(value.right, ctx)
    if isinstance(value, cst.Name):
        given = ctx.assigned(value)
        return given is None or _is_size(given, ctx)
    return isinstance(value, cst.Integer | cst.Attribute)


def _is_rank(value: cst.BaseExpression, indices: cst.BaseExpression, ctx: Context) -> bool:
    """`indices.shape.rank`, or a name that was given it after `indices` got its last value."""
    of = ctx.module.code_for_node(indices)
    texts = (f"{of}.shape.rank", f"{of}.shape.ndims", f"len({of}.shape)", f"K.ndim({of})")
    function = ctx.function(value)
    if not isinstance(value, cst.Name) or function is None:
        return ctx.module.code_for_node(value) in texts
    line = next((a for a in ctx.ancestors(value) if isinstance(a, cst.SimpleStatementLine)), None)
    current = False
    for assign in ctx.within(function, cst.Assign):
        if ctx.is_within(assign, line):
            break
        names = [ctx.module.code_for_node(target.target) for target in assign.targets]
        if value.value in names:
            current = ctx.module.code_for_node(assign.value) in texts
        elif of in names:
            current = False
    return current


def _may_be_none(value: cst.BaseExpression, ctx: Context) -> bool:
    """Whether it is `None`, or the name of one: a variable, or an argument with that default."""
    if not isinstance(value, cst.Name) or _is_name(value, "None"):
        return _is_name(value, "None")
    for node in ctx.ancestors(value):
        if isinstance(node, cst.FunctionDef | cst.Lambda):
            for parameter in (*node.params.params, *node.params.kwonly_params):
                if parameter.name.value == value.value:
                    return _is_name(parameter.default, "None")
    chain = ctx.names.chains.get(value)
    given = (
        [ctx.names.assigns.get(b) for b in ctx.names.bindings(value.value, value)] if chain else []
    )
    return any(_is_name(assign.value, "None") for assign in given if assign)


def _never_given(value: cst.BaseExpression | None, default: str, ctx: Context) -> bool:
    """Whether it is an argument with that default of a function of this file alone, `_mean`, which
    no call gives."""
    function = ctx.function(value) if isinstance(value, cst.Name) else None
    if function is None or not isinstance(ctx.parent(function), cst.Module):
        return False
    name, given = function.name.value, cst.ensure_type(value, cst.Name).value
    places = [p.name.value for p in function.params.params]
    if not name.startswith("_") or given not in places:
        return False
    place = places.index(given)
    if not _is_name(function.params.params[place].default, default):
        return False
    uses = [c.node for c in ctx.names.chains.values() if c.parts[0] == name]
    for use in uses:
        call = ctx.parent(use)
        if not isinstance(call, cst.Call) or call.func is not use or len(call.args) > place:
            return False
        if any(arg.star or (arg.keyword and arg.keyword.value == given) for arg in call.args):
            return False
    return not any(
        given in ctx.words(target.target)
        for assign in ctx.within(function, cst.Assign)
        for target in assign.targets
    )


def _is_integer(value: cst.BaseExpression | None) -> bool:
    if isinstance(value, cst.UnaryOperation):
        value = value.expression
    return isinstance(value, cst.Integer)


def is_simple(value: cst.BaseExpression, ctx: Context) -> bool:
    if isinstance(value, cst.Subscript) and not ctx.within(value, cst.Call):
        value = value.value
    while isinstance(value, cst.Attribute):
        value = value.value
    return isinstance(value, cst.Name | cst.Integer | cst.Float)


def dtype_of(node: cst.BaseExpression, ctx: Context, depth: int = 0) -> str | None:
    """ "float", "int" (booleans are no integers here), or None where the source does not say."""
    if isinstance(node, cst.Float):
        return "float"
    if isinstance(node, cst.Integer):
        return "int"
    if isinstance(node, cst.UnaryOperation):
        return dtype_of(node.expression, ctx, depth)
    if isinstance(node, cst.BinaryOperation):
        sides = (node.left, node.right)
        kinds = {dtype_of(side, ctx, depth) for side in sides}
        if "float" in kinds or isinstance(node.operator, cst.Divide):
            return "float"
        # A plain number takes the tensor's dtype: two of them say nothing.
        plain = all(isinstance(side, cst.Integer) for side in sides)
        return "int" if kinds == {"int"} and not plain else None
    if isinstance(node, cst.Name) and depth < 9:  # names may be given to each other
        value = ctx.assigned(node)
        return dtype_of(value, ctx, depth + 1) if value is not None else None
    if isinstance(node, cst.Call):
        return _dtype_of_call(node, ctx, depth)
    return None


def _dtype_of_call(node: cst.Call, ctx: Context, depth: int) -> str | None:
    symbol = ctx.symbol(node.func) or ""
    last = symbol.rpartition(".")[2]
    if symbol in ("K.cast", "tf.cast") and len(node.args) > 1:
        return _dtype_named(node.args[1].value, ctx)
    if symbol in _INTEGERS:
        return "int"
    if last in _FLOATS:
        return "float"
    if last in _SAME and node.args:
        return dtype_of(node.args[0].value, ctx, depth)
    return None


def _dtype_named(node: cst.BaseExpression, ctx: Context) -> str | None:
    text = node.raw_value if isinstance(node, cst.SimpleString) else ""
    if not text:
        text = (ctx.symbol(node) or "").rpartition(".")[2]
    if isinstance(node, cst.Call):
        text = (ctx.symbol(node.func) or "").rpartition(".")[2]
    if text.startswith(("int", "uint")):
        return "int"
    return "float" if text.startswith(("float", "bfloat")) else None


# Calls that take a shape as their second argument, or first.
_TAKE_SHAPES = {
    "tf.reshape", "K.reshape", "tf.broadcast_to", "tf.zeros", "tf.ones", "tf.fill", "tf.tile",
    "K.zeros", "K.ones", "len", "K.random_normal", "K.random_uniform", "tf.random_normal",
    "tf.random_uniform", "tf.truncated_normal", "tf.random.normal", "tf.random.uniform",
    "tf.scatter_nd",
}  # fmt: skip
_CASTS = ("tf.cast", "K.cast", "tf.to_float")


def used_as_tuple(ctx: Context, node: cst.CSTNode, depth: int = 0) -> bool:
    """Whether a shape is only indexed by one number, cast, or handed on as a shape, alone or with
    others: no arithmetic."""
    parent = ctx.parent(node)
    if isinstance(parent, cst.Subscript) and parent.value is node:
        if len(parent.slice) == 1 and isinstance(parent.slice[0].slice, cst.Slice):
            return used_as_tuple(ctx, parent, depth)  # the rest of a tuple is one as well
        return len(parent.slice) == 1
    if isinstance(parent, cst.Arg):
        call = ctx.parent(parent)
        if isinstance(call, cst.Call):
            name = ctx.symbol(call.func) or getattr(call.func, "value", "")
            return name in _TAKE_SHAPES or (name in _CASTS and call.args[0] is parent)
    if isinstance(parent, cst.Element) and is_shape_part(node, ctx):
        call = ctx.parent(ctx.parent(ctx.parent(parent)))
        return isinstance(call, cst.Call) and joins_shapes(ctx, call)
    if isinstance(parent, cst.Assign) and depth == 0:
        target = parent.targets[0].target
        if len(parent.targets) == 1 and isinstance(target, cst.Name):
            uses = ctx.uses(target.value, parent)
            return bool(uses) and all(used_as_tuple(ctx, use, 1) for use in uses)
    return False


def joins_shapes(ctx: Context, call: cst.Call) -> bool:
    """Whether it is `tf.concat([tf.shape(x)[:-1], [1]], axis=0)`, used as a shape."""
    if ctx.symbol(call.func) not in ("tf.concat", "K.concatenate") or len(call.args) != 2:
        return False
    given = {arg.keyword.value if arg.keyword else "": arg.value for arg in call.args}
    values, axis = call.args[0].value, given.get("axis", call.args[1].value)
    if not isinstance(values, cst.List | cst.Tuple) or call.args[0].keyword:
        return False
    if not isinstance(axis, cst.Integer) or axis.value != "0":
        return False
    parts = [element.value for element in values.elements]
    shapes = [part for part in parts if is_shape_part(part, ctx)]
    lists = [part for part in parts if isinstance(part, cst.List | cst.Tuple)]
    return len(shapes) + len(lists) == len(parts) and bool(shapes) and used_as_tuple(ctx, call)


def is_shape_part(node: cst.CSTNode, ctx: Context) -> bool:
    """`tf.shape(x)`, or a slice of it."""
    if isinstance(node, cst.Subscript):
        if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Slice):
            return False
        node = node.value
    return isinstance(node, cst.Call) and ctx.symbol(node.func) in ("tf.shape", "K.shape")


def only_read(ctx: Context, node: cst.CSTNode, depth: int = 0) -> bool:
    """Whether what a call gives, or a name, is an operand or an argument of an operation; or is
    given to one name of which that is true."""
    parent = ctx.parent(node)
    if isinstance(parent, cst.BinaryOperation | cst.UnaryOperation | cst.Comparison):
        return True
    if isinstance(parent, cst.Arg):
        call = ctx.parent(parent)
        symbol = ctx.symbol(call.func) if isinstance(call, cst.Call) else None
        rows = tables.calls().get(symbol or "", [])
        return symbol != "K.set_value" and any(row.new for row in rows)
    function = ctx.function(node)
    if not isinstance(parent, cst.Assign) or depth or function is None:
        return False
    target = parent.targets[0].target
    if len(parent.targets) > 1 or not isinstance(target, cst.Name):
        return False
    uses = [c for c in ctx.chains_within(function) if c.parts[0] == target.value]
    assigns = [
        a
        for a in ctx.within(function, cst.Assign)
        for t in a.targets
        if target.value in ctx.words(t.target)
    ]
    again = [a for a in ctx.within(function, cst.AugAssign) if target.value in ctx.words(a.target)]
    return (
        len(assigns) == 1
        and not again
        and bool(uses)
        and all(len(c.parts) == 1 and only_read(ctx, c.node, 1) for c in uses)
    )
