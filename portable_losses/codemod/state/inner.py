"""Calls of functions that became layers, in one that becomes a layer too: its inner layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from portable_losses.codemod._result import Layer
from portable_losses.codemod.state.weights import Unsure

if TYPE_CHECKING:
    from portable_losses.codemod.state.reading import Read

# What gives something of the same shape.
_ALIKE = ("tf.nn.l2_normalize", "tf.cast", "tf.identity", "tf.to_float", "tf.nn.relu", "K.cast",
          "K.l2_normalize", "tf.stop_gradient", "tf.convert_to_tensor")  # fmt: skip


@dataclass
class Maker:
    """A function that became a layer: how it is made and called, and which inputs' shapes it
    needs. `is_loss` says whether it is a `StatefulLoss`, whose value is one number."""

    function: cst.FunctionDef
    layer: Layer
    is_loss: bool
    needs: frozenset[str] = frozenset()


@dataclass
class Inner:
    """One call of it. `settings` and `tensors` are the arguments; `kept` are the places of the
    values among what the function returned, and `handles` the names that the others got."""

    call: cst.Call
    maker: Maker
    attribute: str
    settings: dict[str, str]
    tensors: list[cst.BaseExpression]
    shapes: list[str]
    handles: dict[str, tuple[str, str]] = field(default_factory=dict)
    runs: str = ""  # what made its update run, or "never"; "" where it has none to run

    def code(self) -> list[str]:
        """The lines that make and build it."""
        given = ", ".join(f"{name}={text}" for name, text in self.settings.items())
        return [
            f"self.{self.attribute} = {self.maker.layer.name}({given})",
            f"self.{self.attribute}.build({', '.join(self.shapes)})",
        ]

    def returned(self) -> list[tuple[str, str]]:
        """What the function returned, by attributes of the outer layer."""
        return [
            (what, name if what == "value" else f"{self.attribute}.{name}")
            for what, name in self.maker.layer.returned
        ]


def inner_of(read: Read, call: cst.Call, maker: Maker, taken: set[str]) -> Inner:
    values = _bound(call, maker.function)
    layer = maker.layer
    missing = [name for name in layer.tensors if name not in values]
    if missing:
        raise Unsure(f"`{maker.function.name.value}` is called without its inputs")
    settings = {name: _constant(read, values[name]) for name in layer.settings if name in values}
    name = maker.function.name.value.removeprefix("get_").lstrip("_")
    attribute = next(n for n in (name, f"{name}_2", f"{name}_3", "") if n not in taken)
    if not attribute:
        raise Unsure("many calls of one function that makes variables")
    tensors = [values[name] for name in layer.tensors]
    if maker.is_loss:
        shapes = ["(None,)", f"(None, {_axis(read, tensors[1], -1)})"]
    else:
        shapes = [
            f"{name}_shape={_shape(read, values[name])}"
            for name in layer.tensors
            if name in maker.needs
        ]
    found = Inner(call, maker, attribute, settings, tensors, shapes)
    _targets(read, found)
    return found


def _bound(call: cst.Call, function: cst.FunctionDef) -> dict[str, cst.BaseExpression]:
    names = [param.name.value for param in function.params.params]
    found: dict[str, cst.BaseExpression] = {}
    for place, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and place >= len(names)):
            raise Unsure("the arguments of a call are not written out")
        found[arg.keyword.value if arg.keyword else names[place]] = arg.value
    return found


def _constant(read: Read, node: cst.BaseExpression) -> str:
    """A setting that is known when the outer layer is made or built."""
    text = read.code(node)
    if isinstance(node, cst.Float | cst.SimpleString) or text in ("None", "True", "False"):
        return text
    if isinstance(node, cst.UnaryOperation) and isinstance(
        node.expression, cst.Float | cst.Integer
    ):
        return text
    return read.reader.size(node)


def _source(read: Read, node: cst.BaseExpression, place: int) -> cst.Name:
    """The input whose shape an argument has."""
    if isinstance(node, cst.Name):
        before = [at for at in read.assigned_at(node.value) if at < place]
        if not before and node.value in read.params:
            return node
        if before:
            value = read.value_at(node.value, before[-1])
            if value is not None:
                return _source(read, value, before[-1])
    if isinstance(node, cst.Call) and read.ctx.symbol(node.func) in _ALIKE and node.args:
        return _source(read, node.args[0].value, place)
    raise Unsure(f"the shape of `{read.code(node)}` is not known when a layer is built")


def _axis(read: Read, node: cst.BaseExpression, axis: int) -> str:
    name = _source(read, node, read.place(node)).value
    read.axes.add((name, axis))
    return f"{name}_shape[{axis}]"


def _shape(read: Read, node: cst.BaseExpression) -> str:
    name = _source(read, node, read.place(node)).value
    read.axes.add((name, 0))
    return f"{name}_shape"


def _targets(read: Read, inner: Inner) -> None:
    """Where what the call gives goes to, and the names that have no value any more."""
    returned = inner.returned()
    if all(what == "value" for what, _ in returned):
        return
    above = read.ctx.parent(inner.call)
    if isinstance(above, cst.Assign) and len(above.targets) == 1:
        target = above.targets[0].target
        if isinstance(target, cst.Tuple) and len(target.elements) == len(returned):
            for element, one in zip(target.elements, returned, strict=True):
                if one[0] != "value":
                    if not isinstance(element.value, cst.Name):
                        raise Unsure("what a call gives has no name")
                    inner.handles[element.value.value] = one
            return
    if isinstance(above, cst.Return):
        return
    if (
        isinstance(above, cst.Subscript)
        and len([one for one in returned if one[0] == "value"]) == 1
    ):
        index = above.slice[0].slice
        if isinstance(index, cst.Index) and isinstance(index.value, cst.Integer):
            if returned[index.value.evaluated_value][0] == "value":
                return
    raise Unsure(f"what `{inner.maker.function.name.value}` gives is used as a whole")
