"""A variable of TensorFlow 1 as `add_weight` takes it: its shape, its start, its regulariser."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import libcst as cst

from portable_losses.codemod._context import Context

NEW = ("tf.get_variable", "tf.Variable", "K.variable", "K.zeros", "K.ones")
_PLACES = {
    "tf.get_variable": ("name", "shape", "dtype", "initializer", "regularizer", "trainable"),
    "tf.Variable": ("initial_value", "trainable", "", "validate_shape", "", "name", "", "dtype"),
    "K.variable": ("initial_value", "dtype", "name"),
    "K.zeros": ("shape", "dtype", "name"),
    "K.ones": ("shape", "dtype", "name"),
}
# Arguments that say nothing about the values.
_IDLE = ("name", "validate_shape", "use_resource", "value")
_SHAPES = ("tf.shape", "K.shape", "K.int_shape")
_ZEROS = ("tf.zeros", "np.zeros", "numpy.zeros", "K.zeros")
_ONES = ("tf.ones", "np.ones", "numpy.ones", "K.ones")
_INTEGERS = {"int32": "int32", "int64": "int64"}


class Unsure(Exception):
    """Why something is not surely what it seems."""


@dataclass
class Weight:
    """One variable: the name that it has in the function, and its `add_weight`."""

    name: str
    attribute: str
    call: cst.Call
    shape: tuple[str, ...]
    settings: list[str] = field(default_factory=list)  # further arguments, as they are written
    trains: bool = True
    regularized: bool = False

    def freeze(self) -> None:
        if self.trains:
            self.trains = False
            self.settings.append("trainable=False")

    def code(self) -> str:
        shape = f"({', '.join(self.shape)}{',' if len(self.shape) == 1 else ''})"
        more = "".join(f", {setting}" for setting in self.settings)
        name = self.name if self.attribute.startswith(self.name) else self.attribute
        return f'self.{self.attribute} = self.add_weight(name="{name}", shape={shape}{more})'


class Reader:
    """Reads calls that make variables in a function with the parameters `names`.

    `setting` and `size_of` write a parameter, and an axis of one, as the layer has them; both may
    raise `Unsure`.
    """

    def __init__(
        self,
        ctx: Context,
        function: cst.FunctionDef,
        setting: Callable[[cst.Name], str],
        size_of: Callable[[cst.Name, int], str],
    ) -> None:
        self.ctx, self.function = ctx, function
        self.setting, self.size_of = setting, size_of
        self.params = {p.name.value: p for p in function.params.params}

    def weight(self, name: str, attribute: str, call: cst.Call) -> Weight:
        symbol = str(self.ctx.symbol(call.func))
        given = self._given(call, _PLACES[symbol])
        made = Weight(name, attribute, call, ())
        start: str | None
        if symbol == "tf.get_variable":
            if "shape" not in given:
                raise Unsure(f"the shape of `{name}` is not given where it is made")
            made.shape = self._shape(given.pop("shape"))
            first = given.pop("initializer", None)
            dtype = self._dtype(given.get("dtype"))
            default = "glorot_uniform" if not dtype else "zeros"
            start = self._initializer(first) if first is not None else f'"{default}"'
        elif symbol in ("K.zeros", "K.ones"):
            made.shape = self._shape(given.pop("shape"))
            start = '"zeros"' if symbol == "K.zeros" else '"ones"'
        else:
            made.shape, start = self._value(given.pop("initial_value", None))
        if dtype := self._dtype(given.pop("dtype", None)):
            made.settings.append(f'dtype="{dtype}"')
        made.settings.append(f"initializer={start}")
        if penalty := self._regularizer(given.pop("regularizer", None)):
            made.settings.append(f"regularizer={penalty}")
            made.regularized = True
        trains = given.pop("trainable", None)
        text = self.code(trains) if trains is not None else "True"
        if text not in ("True", "False"):
            raise Unsure(f"whether `{name}` trains is not written out")
        if text == "False" or dtype:
            made.freeze()
        rest = [key for key in given if key not in _IDLE]
        if rest:
            raise Unsure(f"`{rest[0]}` of `{name}` has no counterpart")
        return made

    def code(self, node: cst.CSTNode) -> str:
        return self.ctx.module.code_for_node(node).strip()

    def _given(self, call: cst.Call, places: tuple[str, ...]) -> dict[str, cst.BaseExpression]:
        found: dict[str, cst.BaseExpression] = {}
        for place, arg in enumerate(call.args):
            if arg.star or (arg.keyword is None and place >= len(places)):
                raise Unsure("the arguments of a variable are not written out")
            key = arg.keyword.value if arg.keyword else places[place]
            key = "initial_value" if key == "value" else key
            if not (isinstance(arg.value, cst.Name) and arg.value.value == "None"):
                found[key] = arg.value
        return found

    # Shapes ---------------------------------------------------------------------------------

    def _shape(self, node: cst.BaseExpression) -> tuple[str, ...]:
        given = self.ctx.assigned(node) if isinstance(node, cst.Name) else None
        node = given if given is not None else node
        if isinstance(node, cst.Call) and self.code(node.func).endswith("TensorShape"):
            node = node.args[0].value
        if not isinstance(node, cst.List | cst.Tuple):
            if isinstance(node, cst.Integer):
                return (node.value,)
            raise Unsure(f"`{self.code(node)}` is no shape that is written out")
        return tuple(self.size(element.value) for element in node.elements)

    def size(self, node: cst.BaseExpression) -> str:
        """A size as the layer knows it: of a number, settings and shapes of the inputs."""
        if isinstance(node, cst.Integer):
            return node.value
        if isinstance(node, cst.Name):
            if node.value in self.params:
                return self.setting(node)
            given = self.ctx.assigned(node)
            if given is not None and self.ctx.function(given) is self.function:
                return self.size(given)
            if node.value in self.ctx.names.top.bindings:
                return node.value
        if isinstance(node, cst.Attribute):
            if node.attr.value == "value":
                return self.size(node.value)
            if self.code(node.value).partition(".")[0] in self.ctx.names.top.bindings:
                return self.code(node)
        if isinstance(node, cst.Call) and self.code(node.func) in ("int", "tf.Dimension"):
            return self.size(node.args[0].value)
        if isinstance(node, cst.Subscript) and len(node.slice) == 1:
            index = node.slice[0].slice
            of = self.shaped(node.value)
            if of is not None and isinstance(index, cst.Index):
                return self.size_of(of, int(self.code(index.value)))
        if isinstance(node, cst.BinaryOperation) and isinstance(
            node.operator, cst.Add | cst.Subtract | cst.Multiply | cst.FloorDivide
        ):
            left, right = self.size(node.left), self.size(node.right)
            return f"({left}{self.ctx.module.code_for_node(node.operator)}{right})"
        raise Unsure(f"the size `{self.code(node)}` is not known when a layer is built")

    def shaped(self, node: cst.BaseExpression) -> cst.Name | None:
        """The name whose shape an expression is."""
        if isinstance(node, cst.Name):
            given = self.ctx.assigned(node)
            return self.shaped(given) if given is not None else None
        of: cst.BaseExpression | None = None
        if isinstance(node, cst.Call):
            if isinstance(node.func, cst.Attribute) and node.func.attr.value == "as_list":
                return self.shaped(node.func.value)
            if isinstance(node.func, cst.Attribute) and node.func.attr.value == "get_shape":
                of = node.func.value
            elif self.ctx.symbol(node.func) in _SHAPES and node.args:
                of = node.args[0].value
        elif isinstance(node, cst.Attribute) and node.attr.value == "shape":
            of = node.value
        return of if isinstance(of, cst.Name) else None

    # Starts ---------------------------------------------------------------------------------

    def _dtype(self, node: cst.BaseExpression | None) -> str:
        """That of integers; "" for floats, which have that of the layer."""
        text = "float32"
        if node is not None:
            given = self.ctx.assigned(node) if isinstance(node, cst.Name) else None
            node = given if given is not None else node
            text = (self.ctx.symbol(node) or self.code(node)).strip("'\"").rpartition(".")[2]
        if text in ("float32", "floatx()"):
            return ""
        if text not in _INTEGERS:
            raise Unsure(f"the dtype `{text}`")
        return _INTEGERS[text]

    def _value(self, node: cst.BaseExpression | None) -> tuple[tuple[str, ...], str]:
        """The shape and the start of a variable that is given its first value."""
        if isinstance(node, cst.Integer | cst.Float):
            return (), self._constant(self.code(node))
        if isinstance(node, cst.Call) and node.args:
            text = self.ctx.symbol(node.func) or self.code(node.func)
            first = node.args[0].value
            if text in (*_ZEROS, *_ONES):
                return self._shape(first), '"zeros"' if text in _ZEROS else '"ones"'
            last = text.rpartition(".")[2]
            if text.startswith("tf.") and last in _RANDOM:
                rest = node.with_changes(args=node.args[1:])
                return self._shape(first), self._random(last, rest)
        raise Unsure("the first value of a variable is not written out")

    def _constant(self, text: str) -> str:
        number = text.removesuffix(".0").removesuffix(".")
        if re.fullmatch(r"0(\.0*)?", number) or not number:
            return '"zeros"'
        return '"ones"' if number == "1" else f"keras.initializers.Constant({text})"

    def _initializer(self, node: cst.BaseExpression) -> str:
        if isinstance(node, cst.Name) and node.value in self.params:
            return self.setting(node)
        call = node if isinstance(node, cst.Call) else None
        func = call.func if call else node
        symbol = self.ctx.symbol(func) or self.code(func)
        parts = [part for part in symbol.split(".") if part != "initializers"]
        last = parts[-1].removesuffix("_initializer").removesuffix("_v2").lower()
        if not (symbol.startswith(("tf.", "keras.")) or parts[0] in ("slim", "layers")):
            raise Unsure(f"the start `{self.code(node)}` is not known")
        last = last.replace("glorotuniform", "glorot_uniform").replace(
            "randomnormal", "random_normal"
        )
        if last in ("zeros", "ones"):
            return f'"{last}"'
        args = [arg for arg in (call.args if call else ()) if not _is(arg, "dtype", "verify_shape")]
        if last == "constant":
            if not args:
                return '"zeros"'
            value = args[0].value
            if isinstance(value, cst.Name) and value.value in self.params:
                return f"keras.initializers.Constant({self.setting(value)})"
            if len(args) == 1 and _NUMBER.fullmatch(self.code(value)):
                return self._constant(self.code(value))
        args = [a for a in args if not (_is(a, "uniform") and self.code(a.value) == "True")]
        if last in ("xavier", "glorot_uniform") and not [a for a in args if not _is(a, "seed")]:
            seed = next((f"seed={self.code(a.value)}" for a in args), "")
            return f"keras.initializers.GlorotUniform({seed})" if seed else '"glorot_uniform"'
        elif last == "uniform_unit_scaling" and not args:
            return 'keras.initializers.VarianceScaling(1.0, "fan_in", "uniform")'
        elif last in _RANDOM and (call is not None or last != "random_uniform"):
            return self._random(last, cst.Call(cst.Name("f"), args))
        raise Unsure(f"the start `{self.code(node)}` is not known")

    def _random(self, name: str, call: cst.Call) -> str:
        kind, names, defaults = _RANDOM[name]
        found = dict(zip(names, defaults, strict=True))
        for place, arg in enumerate(call.args):
            key = arg.keyword.value if arg.keyword else (*names, "seed")[place]
            value = arg.value
            if key == "dtype" or key == "name":
                continue
            text = self.code(value)
            if isinstance(value, cst.Name) and value.value in self.params:
                text = self.setting(value)
            elif key not in (*names, "seed") or not _NUMBER.fullmatch(text):
                raise Unsure(f"the start with {key}={text}")
            found[key] = text
        return f"keras.initializers.{kind}({', '.join(f'{k}={v}' for k, v in found.items())})"

    def _regularizer(self, node: cst.BaseExpression | None) -> str:
        """`s · l2_loss` of TensorFlow is half of what Keras has."""
        if node is None:
            return ""
        if isinstance(node, cst.Call) and len(node.args) == 1:
            value = node.args[0].value
            text = self.code(value)
            if isinstance(value, cst.Name) and value.value in self.params:
                text = self.setting(value)
            symbol = self.ctx.symbol(node.func) or self.code(node.func)
            plain = _NUMBER.fullmatch(text) or text.startswith("self.")
            if plain and symbol.endswith("l2_regularizer"):
                return f"keras.regularizers.L2(0.5 * {text})"
            if plain and symbol.endswith("l1_regularizer"):
                return f"keras.regularizers.L1({text})"
        raise Unsure(f"the regulariser `{self.code(node)}` is not known")


_NUMBER = re.compile(r"-?[\d.]+(?:e-?\d+)?")
_RANDOM = {
    "random_normal": ("RandomNormal", ("mean", "stddev"), ("0.0", "1.0")),
    "truncated_normal": ("TruncatedNormal", ("mean", "stddev"), ("0.0", "1.0")),
    "random_uniform": ("RandomUniform", ("minval", "maxval"), ("0.0", "1.0")),
}


def _is(arg: cst.Arg, *keywords: str) -> bool:
    return arg.keyword is not None and arg.keyword.value in keywords
