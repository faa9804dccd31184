"""A function of TensorFlow 1 that makes variables, read: what it owns, what it takes and gives.
What is not sure raises `Unsure`. `text.py` writes the layer."""

import re
from collections.abc import Mapping

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod.state.inner import Inner, Maker, inner_of
from portable_losses.codemod.state.moves import Moves
from portable_losses.codemod.state.statements import is_return, names_of, returns
from portable_losses.codemod.state.weights import NEW, Reader, Unsure

UNIQUE = ("tf.unique_with_counts", "tf.unique")
GATHERS = ("tf.gather", "tf.nn.embedding_lookup", "K.gather")
LABELS = re.compile(r"true|label|target|^y$|^gt$")
FEATURES = re.compile(r"feature|embed|logit|input|pred|hidden|^x$|^h$|^z$")
_NUMBERS = ("tf.constant", "tf.convert_to_tensor", "tf.fill", "K.constant", "float", "int")
ELEMENTWISE = re.compile(r"\.(?:add|subtract|multiply|divide|div|truediv|pow|maximum|minimum)$")


class Read(Moves):
    """All of a function, read by `all`."""

    def __init__(
        self,
        ctx: Context,
        function: cst.FunctionDef,
        makers: Mapping[str, Maker],
        never: bool = False,
    ) -> None:
        super().__init__(ctx, function, never)
        self.makers = makers
        self.reader = Reader(ctx, function, self._setting, self._size_of)
        self.known: set[str] = set()  # settings, by what they make
        self.tensors: list[str] = []
        self.settings: list[str] = []
        self.uniques: dict[cst.CSTNode, tuple[str, list[str]]] = {}
        self.axes: set[tuple[str, int]] = set()  # of inputs, that shapes need

    def all(self) -> None:
        params = self.function.params
        if params.star_arg is not cst.MaybeSentinel.DEFAULT or params.star_kwarg:
            raise Unsure("its arguments are not written out")
        if params.kwonly_params or params.posonly_params or self.function.decorators:
            raise Unsure("its arguments are not written out")
        if len(self.ctx.within(self.function, cst.FunctionDef)):
            raise Unsure("it holds functions")
        self._weights()
        self._inner()
        if not self.weights and not self.inner:
            raise Unsure("it makes no variable")
        self._updates()
        self._carriers()
        for update in self.updates:
            inside = update.statement not in self.gone and not is_return(update.statement)
            if inside and self.head(update.call) is None:
                raise Unsure(f"`{update.weight.name}` moves inside of something else")
        self._runs()
        self._trained()
        self._unique()
        self._returned()
        self._parameters()

    # Variables ------------------------------------------------------------------------------

    def _weights(self) -> None:
        kept = set(vars_of_layer())
        for call in self.ctx.within(self.function, cst.Call):
            if self.ctx.symbol(call.func) not in NEW or self._is_start(call):
                continue
            assign = self.ctx.parent(call)
            place = self.place(call)
            target = assign.targets[0].target if isinstance(assign, cst.Assign) else None
            if (
                not isinstance(target, cst.Name)
                or len(getattr(assign, "targets", ())) != 1
                or self.ctx.parent(assign) is not self.statements[place]
            ):
                raise Unsure("a variable is made where it has no name, or under a condition")
            name = target.value
            if name in self.weights or name in self.params:
                raise Unsure(f"`{name}` is more than one variable")
            attribute = f"{name}_variable" if name in kept else name
            weight = self.reader.weight(name, attribute, call)
            self.weights[name] = weight
            self.gone.add(self.statements[place])
            if len(getattr(self.statements[place], "body", ())) != 1:
                raise Unsure("several statements on a line")

    def _inner(self) -> None:
        for call in self.ctx.within(self.function, cst.Call):
            chain = self.ctx.names.chains.get(call.func)
            name = chain.parts[0] if chain and len(chain.parts) == 1 else ""
            if chain is None or name not in self.makers:
                continue
            if chain.scope.find(name) is not self.ctx.names.top:
                continue
            if call not in self._at_top():
                raise Unsure(f"`{name}` is called under a condition")
            taken = {*vars_of_layer(), *(w.attribute for w in self.weights.values())}
            taken |= {inner.attribute for inner in self.inner}
            inner = inner_of(self, call, self.makers[name], taken)
            self.inner.append(inner)
            self.carriers |= dict.fromkeys(inner.handles, self.place(call))

    def _at_top(self) -> list[cst.Call]:
        """The calls in statements of the function itself, of no block in it."""
        return [
            call
            for statement in self.statements
            if isinstance(statement, cst.SimpleStatementLine)
            for call in self.ctx.within(statement, cst.Call)
        ]

    def _is_start(self, call: cst.Call) -> bool:
        """Whether it is the first value of another one: `tf.Variable(K.zeros(...))`."""
        above = self.ctx.parent(self.ctx.parent(call))
        return isinstance(above, cst.Call) and self.ctx.symbol(above.func) in NEW

    def _setting(self, name: cst.Name) -> str:
        if self.assigned_at(name.value):
            raise Unsure(f"`{name.value}` is another value where a variable is made")
        self.known.add(name.value)
        return f'self.settings["{name.value}"]'

    def _size_of(self, name: cst.Name, axis: int) -> str:
        before = [at for at in self.assigned_at(name.value) if at <= self.place(name)]
        if name.value not in self.params or before:
            raise Unsure(f"the shape of `{name.value}` is not known when a layer is built")
        self.axes.add((name.value, axis))
        return f"{name.value}_shape[{axis}]"

    # Unique labels --------------------------------------------------------------------------

    def _unique(self) -> None:
        """`_, place, count = tf.unique_with_counts(labels)`, of which only how often the label of
        each sample appears is used."""
        for statement in self.statements:
            small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
            call = small.value if isinstance(small, cst.Assign) else None
            if not isinstance(call, cst.Call) or self.ctx.symbol(call.func) not in UNIQUE:
                continue
            assert isinstance(small, cst.Assign)
            target = small.targets[0].target
            names = names_of(target)
            if not isinstance(target, cst.Tuple) or len(names) != len(target.elements):
                raise Unsure("how the unique labels are used")
            if not isinstance(call.args[0].value, cst.Name):
                raise Unsure("the unique values of what has no name")
            self.uniques[statement] = (call.args[0].value.value, names)

    # What goes in and what comes out ----------------------------------------------------------

    def _returned(self) -> None:
        if not is_return(self.statements[-1]):
            raise Unsure("it does not end with what it returns")
        ends = returns(self.ctx, self.function)
        if len(ends) > 1 and self.updates:
            raise Unsure("it returns from several places")
        for returned in ends:
            value = returned.value
            parts = value.elements if isinstance(value, cst.Tuple | cst.List) else ()
            values = [part.value for part in parts] or [value]
            handles = [node for node in values if node is not None and self._is_handle(node)]
            if len(handles) == len(values):
                raise Unsure("it returns nothing but variables and what moves them")
            self.handles |= set(handles)
        for name in self.carriers:
            for _, node in self.reads(name):
                if self.is_update(node) and not self._may_stand(node):
                    raise Unsure(f"`{name}` is read after it moved")

    def is_inner(self, node: cst.CSTNode) -> Inner | None:
        return next((inner for inner in self.inner if inner.call is node), None)

    def _is_handle(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Name) and node.value in self.weights:
            return True
        return self.is_update(node)

    def _may_stand(self, node: cst.CSTNode) -> bool:
        """Whether a name of an update is where none of its values is used."""
        place = self.place(node)
        if place == -1 or self.head(node) or self.statements[place] in self.gone:
            return True
        return any(self.is_in(node, handle) for handle in self.handles)

    def _parameters(self) -> None:
        for name in self.params:
            reads = [node for at, node in self.reads(name)]
            inside = [node for node in reads if self.place(node) >= 0]
            if name in self.known:
                self.settings.append(name)
            elif reads and not inside:
                continue  # it is for scopes alone, such as `reuse`
            elif self._is_tensor(name, inside):
                self.tensors.append(name)
            else:
                self.settings.append(name)
        if not self.tensors or {"name", "dtype", "reduction"} & set(self.settings):
            raise Unsure("its arguments are not known")

    def _is_tensor(self, name: str, reads: list[cst.Name]) -> bool:
        param = self.reader.params[name]
        for node in reads:
            above = self.ctx.parent(node)
            if isinstance(above, cst.Attribute) and above.attr.value in ("get_shape", "shape"):
                return True
            if isinstance(above, cst.Subscript) and above.value is node:
                return True
            call = self.ctx.parent(above)
            if isinstance(above, cst.Arg) and isinstance(call, cst.Call):
                symbol = self.ctx.symbol(call.func) or ""
                if not symbol or ELEMENTWISE.search(symbol) or symbol in _NUMBERS:
                    continue
                elif call.args[0] is above or above.keyword or symbol in GATHERS:
                    number = above.keyword and above.keyword.value in (
                        "axis",
                        "depth",
                        "num_classes",
                    )
                    if not number:
                        return True
        if param.default is not None:
            return False
        return bool(LABELS.search(name.lower()) or FEATURES.search(name.lower()))


def vars_of_layer() -> tuple[str, ...]:
    """Names that a layer of Keras has for itself."""
    return (
        "weights", "variables", "losses", "metrics", "name", "dtype", "path", "input", "output",
        "call", "build", "built", "trainable", "trainable_weights", "settings", "reduction",
        "values", "update", "quantize", "count_params", "supports_masking", "state_dtype",
    )  # fmt: skip
