"""One call, from its old form to its new one, by a row of the tables."""

import functools
from collections.abc import Callable, Mapping, Sequence

import libcst as cst

from portable_losses.codemod.tables import Parameter, Row

Args = Mapping[str, cst.Arg]
NO_SPACE = cst.SimpleWhitespace("")
EQUAL = cst.AssignEqual(whitespace_before=NO_SPACE, whitespace_after=NO_SPACE)


def bind(row: Row, args: Sequence[cst.Arg]) -> dict[str, cst.Arg] | None:
    """The arguments of a call by parameter; None if they do not fit the old signature."""
    if row.parameters is None:
        return {}
    by_name = {name: p.name for p in row.parameters for name in p.names}
    found: dict[str, cst.Arg] = {}
    for position, arg in enumerate(args):
        if arg.star:
            return None
        if arg.keyword is None:
            if position >= len(row.parameters):
                return None
            name: str | None = row.parameters[position].name
        else:
            name = by_name.get(arg.keyword.value)
        if name is None or name in found:
            return None
        found[name] = arg
    required = {p.name for p in row.parameters if p.default is None}
    return found if required <= found.keys() else None


def is_simple(row: Row) -> bool:
    """Whether the new call takes the old arguments as they are, one by one."""
    found = _simple(row)
    return found is not None and not found[1]


@functools.cache
def _template(text: str) -> cst.BaseExpression:
    return cst.parse_expression(text)


@functools.cache
def _simple(row: Row) -> tuple[tuple[tuple[str, str], ...], tuple[cst.Arg, ...]] | None:
    """`(new name, old name)` of each argument, in the order of the new function, with "" for what
    is always added by name; and that."""
    template = _template(row.new)
    if row.parameters is None or not isinstance(template, cst.Call):
        return None
    old = {p.name for p in row.parameters}
    if row.new.partition(".")[0] in old:  # a method of an argument
        return None
    pairs, added = [], []
    for arg in template.args:
        if isinstance(arg.value, cst.Name) and arg.value.value in old:
            pairs.append((arg.keyword.value if arg.keyword else arg.value.value, arg.value.value))
        elif arg.keyword and isinstance(arg.value, cst.Name | cst.Integer):
            pairs.append((arg.keyword.value, ""))
            added.append(arg)
        else:
            return None
    return tuple(pairs), tuple(added)


def render(
    row: Row,
    call: cst.Call,
    names: Callable[[str], str],
    ids: Callable[[cst.Arg], cst.Arg],
    quote: str,
) -> cst.BaseExpression:
    """The new form of a call that `bind` accepted.

    `names` gives the local name of `ops` or `keras`; `ids` guards an index; `quote` is the
    module's own.
    """
    if row.parameters is None:
        return call.with_changes(func=function(row, names))
    bound = bind(row, call.args)
    assert bound is not None
    guarded = {p.name: ids(bound[p.name]) for p in row.parameters if p.ids and p.name in bound}
    if found := _simple(row):
        args = _arguments(row, call.args, *found, bound, guarded, quote)
        return call.with_changes(func=function(row, names), args=args)
    fill = _Fill(row.parameters, {**bound, **guarded}, names, quote)
    result = _template(row.new).visit(fill)
    assert isinstance(result, cst.BaseExpression)
    return result


def function(row: Row, names: Callable[[str], str]) -> cst.BaseExpression:
    """The new function itself, without a call."""
    root, dot, rest = row.new.partition("(")[0].partition(".")
    return _dotted(f"{names(root) if root in ('ops', 'keras') else root}{dot}{rest}")


@functools.cache
def _dotted(text: str) -> cst.BaseExpression:
    return cst.parse_expression(text)


def _arguments(
    row: Row,
    args: Sequence[cst.Arg],
    pairs: Sequence[tuple[str, str]],
    added: Sequence[cst.Arg],
    bound: Args,
    guarded: Args,
    quote: str,
) -> list[cst.Arg]:
    """The arguments in the user's order and layout: renamed, dropped, and added."""
    assert row.parameters is not None
    new_name = {old: new for new, old in pairs if old}
    order = [old for _, old in pairs]
    old_name = {id(arg): name for name, arg in bound.items()}
    result: list[cst.Arg] = []
    in_place = True  # as long as each argument keeps its position it needs no name
    for arg in args:
        name = old_name[id(arg)]
        if name not in new_name:
            continue
        position = len(result)
        in_place = (
            in_place and arg.keyword is None and position < len(order) and order[position] == name
        )
        value = guarded.get(name, arg)
        if in_place:
            result.append(value)
        else:
            equal = arg.equal if isinstance(arg.equal, cst.AssignEqual) else EQUAL
            result.append(value.with_changes(keyword=cst.Name(new_name[name]), equal=equal))
    result = closed(result, args)
    written = [
        cst.Arg(_default(p, quote), cst.Name(new_name[p.name]), equal=EQUAL)
        for p in row.parameters
        if p.written and p.name not in bound
    ]
    for extra in (*written, *added):
        if result:
            # The new last argument takes the layout before the closing bracket.
            before = result[-1]
            extra = extra.with_changes(
                comma=before.comma, whitespace_after_arg=before.whitespace_after_arg
            )
            result[-1] = _with_comma(before, result[:-1])
        result.append(extra)
    return result


def closed(args: list[cst.Arg], old: Sequence[cst.Arg]) -> list[cst.Arg]:
    """What is left of `old`, with what stood before its closing bracket."""
    if args:
        last = old[-1]
        args[-1] = args[-1].with_changes(
            comma=last.comma, whitespace_after_arg=last.whitespace_after_arg
        )
    return args


def _default(parameter: Parameter, quote: str) -> cst.BaseExpression:
    return cst.parse_expression((parameter.default or "").replace("'", quote))


def _with_comma(arg: cst.Arg, before: Sequence[cst.Arg]) -> cst.Arg:
    """With the comma that stands between the others."""
    plain = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    comma = before[-1].comma if before and isinstance(before[-1].comma, cst.Comma) else plain
    return arg.with_changes(comma=comma, whitespace_after_arg=NO_SPACE)


class _Fill(cst.CSTTransformer):
    """A template with the arguments in place of the parameters' names."""

    def __init__(
        self,
        parameters: Sequence[Parameter],
        bound: Args,
        names: Callable[[str], str],
        quote: str,
    ) -> None:
        super().__init__()
        self.parameters = {p.name: p for p in parameters}
        self.bound, self.names, self.quote = bound, names, quote

    def leave_Arg(
        self, original_node: cst.Arg, updated_node: cst.Arg
    ) -> cst.Arg | cst.RemovalSentinel:
        value = original_node.value
        if isinstance(value, cst.Name) and value.value in self.parameters:
            name = value.value
            if name in self.bound:
                return updated_node.with_changes(value=self.bound[name].value)
            parameter = self.parameters[name]
            if original_node.keyword and not parameter.written:
                return cst.RemoveFromParent()
            return updated_node.with_changes(value=_default(parameter, self.quote))
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if not updated_node.args or len(updated_node.args) == len(original_node.args):
            return updated_node
        last = updated_node.args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(args=[*updated_node.args[:-1], last])

    def visit_Arg_keyword(self, node: cst.Arg) -> None:
        self._keyword = True

    def leave_Arg_keyword(self, node: cst.Arg) -> None:
        self._keyword = False

    _keyword = False

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        return updated_node.with_changes(value=original_node.value.replace('"', self.quote))

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.Attribute:
        value = updated_node.value
        if isinstance(value, cst.Integer):  # `1.shape` is no Python
            value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return updated_node.with_changes(attr=original_node.attr, value=value)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        name = original_node.value
        if self._keyword:
            return updated_node
        if name in self.parameters:
            if name in self.bound:
                return atom(self.bound[name].value)
            return _default(self.parameters[name], self.quote)
        if name in ("ops", "keras"):
            return cst.Name(self.names(name))
        return updated_node


_ATOMS = (
    cst.Name,
    cst.Attribute,
    cst.Call,
    cst.Subscript,
    cst.Integer,
    cst.Float,
    cst.SimpleString,
    cst.List,
    cst.Dict,
    cst.Set,
    cst.ListComp,
)


def atom(node: cst.BaseExpression) -> cst.BaseExpression:
    """In brackets, unless it is one thing already."""
    if isinstance(node, _ATOMS) or getattr(node, "lpar", None):
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def in_place_of(node: cst.BaseExpression, parent: cst.CSTNode | None) -> cst.BaseExpression:
    """`node` where a call stood: in brackets if what is around it could take it apart."""
    if isinstance(
        parent,
        cst.Arg | cst.Assign | cst.Return | cst.Expr | cst.Element | cst.Index | cst.AnnAssign,
    ):
        return node
    return atom(node)
