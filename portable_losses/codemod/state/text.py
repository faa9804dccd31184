"""The text of a layer, or of a loss with state, for a function that was read."""

import re
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from portable_losses.codemod import tables
from portable_losses.codemod._result import CHECK, NOTE, Layer
from portable_losses.codemod.state.body import Body
from portable_losses.codemod.state.edits import fold, parts
from portable_losses.codemod.state.kinds import lost_constants
from portable_losses.codemod.state.reading import Read
from portable_losses.codemod.state.statements import returns
from portable_losses.codemod.state.weights import Unsure

_LOSS = ("name=None", 'reduction="sum_over_batch_size"', "dtype=None")
FINDING = tuple[cst.CSTNode, str, str, str]
RUNS = {
    "control dependency": "The update hung on the loss and ran in validation too; the layer moves "
    "its variables in training only.",
    "returned": "The update was returned, for the caller to run; the layer does it in training.",
    "collection": "The update was put into a collection, for the optimizer's step to run if it "
    "asks for it; the layer does it in training.",
}


@dataclass
class Written:
    """What stands for a function; `node` is None where it is in its place already."""

    name: str
    node: cst.ClassDef | cst.FunctionDef | None = None
    needs: set[tuple[str, str]] = field(default_factory=set)
    findings: list[FINDING] = field(default_factory=list)
    is_loss: bool = False  # a `StatefulLoss`, and no layer of Keras
    use: str = ""


def written(read: Read, name: str) -> tuple[Written, Layer | None]:
    """The layer, and how it is called; the function itself, and None, where it uses none of its
    variables."""
    writer = _Writer(read, name)
    if not writer.owns():
        return writer.plain(), None
    return writer.all(), writer.layer()


class _Writer(Body):
    def __init__(self, read: Read, name: str) -> None:
        super().__init__(read)
        self.name, self.use = name, ""
        self.findings: list[FINDING] = []
        self.needs = {("", "keras"), ("keras", "ops")}

    def owns(self) -> bool:
        self._weights()
        return len(self.unread) < len(self.read.weights) or bool(self.read.inner)

    def plain(self) -> Written:
        """The function without variables that it never reads."""
        if self.read.updates or self.read.uniques:
            raise Unsure("it moves what it never reads")
        docstring = self.read.statements[: self.function.get_docstring() is not None]
        self.loss = False
        body = self.function.body.with_changes(body=[*docstring, *self._body()])
        for weight in self.unread:
            self.tell(f"`{weight.name}` was made and never read, and is gone.", weight.call)
        for call in self.read.dropped:
            text = f"`{self.ctx.module.code_for_node(call)}`: nothing is put into a collection."
            self.tell(text, call)
        node = self.function.with_changes(body=body)
        return Written(self.function.name.value, node, set(), self.findings)

    def all(self) -> Written:
        self._unique()
        self._inner()
        self.loss = self._is_loss()
        if self.loss:
            self.needs.add(("portable_losses.losses", "StatefulLoss"))
        body = self._body()
        text = self._class()
        made = cst.parse_module(text, config=self.ctx.module.config_for_parsing).body[0]
        assert isinstance(made, cst.ClassDef)
        methods = [
            method.with_changes(body=method.body.with_changes(body=self._with_settings(body)))
            if isinstance(method, cst.FunctionDef)
            and method.name.value in ("call", "compute_values")
            else method
            for method in made.body.body
        ]
        node = made.with_changes(body=made.body.with_changes(body=methods))
        self._report()
        return Written(self.name, node, self.needs, self.findings, self.loss, self.use)

    # The class ------------------------------------------------------------------------------

    def _class(self) -> str:
        tab, end = self.ctx.module.default_indent, self.ctx.module.default_newline
        settings = [self._parameter(name) for name in self.read.settings]
        settings.sort(key=lambda text: "=" in text)
        given = self.read.settings
        weights = [w.code() for w in self.read.weights.values() if w not in self.unread]
        weights += [line for inner in self.read.inner for line in inner.code()]
        doc = self._docstring()
        lines = [f"@{self.keras}.saving.register_keras_serializable()"]
        if self.loss:
            base = self.ctx.need("portable_losses.losses", "StatefulLoss")
            inner = ", ".join(["self", *settings, *_LOSS])
            more = "".join(f", {name}={name}" for name in given)
            inputs = (self.labels, self.features)
            dim = [re.sub(rf"\b{self.features}_shape\[-?1\]", "dim", text) for text in weights]
            lines += [
                f"class {self.name}({base}):", f"{tab}{doc}", "",
                f"{tab}def __init__({inner}):",
                f"{tab * 2}super().__init__(name=name, reduction=reduction, dtype=dtype{more})", "",
                f"{tab}def build_state(self, dim):", *(f"{tab * 2}{text}" for text in dim), "",
                f"{tab}def compute_values({', '.join(['self', *inputs, 'counted', 'training'])}):",
                f"{tab * 2}pass",
            ]  # fmt: skip
        else:
            needed = [n for n in self.read.tensors if any(n == axis[0] for axis in self.read.axes)]
            shapes = [f"{name}_shape" for name in needed]
            shapes += [f"{n}_shape=None" for n in self.read.tensors if n not in needed]
            tensors = [self._parameter(name) for name in self.read.tensors]
            moves = ["training=False"] if self.moves else []
            kept = "{" + ", ".join(f'"{name}": {name}' for name in given) + "}"
            lines += [
                f"class {self.name}({self.keras}.layers.Layer):", f"{tab}{doc}", "",
                *(settings and [
                    f"{tab}def __init__({', '.join(['self', *settings, '**kwargs'])}):",
                    f"{tab * 2}super().__init__(**kwargs)", f"{tab * 2}self.settings = {kept}", "",
                ]),
                f"{tab}def build(self, {', '.join(shapes)}):",
                *(f"{tab * 2}{text}" for text in weights), "",
                f"{tab}def call({', '.join(['self', *tensors, *moves])}):",
                f"{tab * 2}pass",
                *(settings and [
                    "", f"{tab}def get_config(self):",
                    f"{tab * 2}return {{**super().get_config(), **self.settings}}",
                ]),
            ]  # fmt: skip
        quote = self.ctx.quote
        lines = [line if '"""' in line else line.replace('"', quote) for line in lines]
        folded = [part for line in lines for part in fold(line, tab)]
        text = f"{end.join(folded)}{end}"
        return re.sub(r"\bkeras\.(?=initializers|regularizers)", f"{self.keras}.", text)

    def _parameter(self, name: str) -> str:
        """A parameter as it was; a start of TensorFlow 1 as one of Keras."""
        param = self.read.reader.params[name]
        if param.default is None:
            return name
        inside = [c for c in self.ctx.chains_within(param.default) if self.ctx.symbol(c.node)]
        own = self.ctx.symbol(param.default)
        if not inside and own is None:
            return f"{name}={self.ctx.module.code_for_node(param.default)}"
        return f"{name}={self.read.reader._initializer(param.default)}"

    def _docstring(self) -> str:
        first = self.read.statements[0]
        if self.function.get_docstring() is not None and isinstance(first, cst.SimpleStatementLine):
            assert isinstance(first.body[0], cst.Expr)
            return self.ctx.module.code_for_node(first.body[0]).strip()
        owned = [f"`{w.attribute}`" for w in self.read.weights.values() if w not in self.unread]
        owned += [f"`{inner.attribute}`" for inner in self.read.inner]
        kind = "a loss" if self.loss else "a layer"
        return f'"""`{self.function.name.value}` as {kind} that owns {" and ".join(owned)}."""'

    def layer(self) -> Layer:
        found = self.read
        (last,) = returns(self.ctx, self.function)[-1:]
        returned: list[tuple[str, str]] = []
        count = 0
        for node in parts(last.value) if last.value is not None else ():
            inner = self.read.is_inner(node)
            if inner is not None:
                returned += inner.returned()
                continue
            if node not in found.handles:
                returned.append(("value", str(count)))
                count += 1
                continue
            held = {n: how for inner in found.inner for n, how in inner.handles.items()}
            if isinstance(node, cst.Name) and node.value in held:
                returned.append(held[node.value])
                continue
            moved = [u for u in found.updates if self.read.holds(node, u)]
            if moved:
                returned += [("moves", update.weight.attribute) for update in moved]
            elif isinstance(node, cst.Name):
                returned.append(("variable", found.weights[node.value].attribute))
        if all(what == "value" for what, _ in returned):
            returned = [("value", "")]
        weights = ["" if w in self.unread else w.attribute for w in found.weights.values()]
        for inner in found.inner:
            weights += [f"{inner.attribute}.{name}" for name in inner.maker.layer.weights]
        return Layer(
            self.name,
            tuple(self.read.params),
            tuple(found.settings),
            (self.labels, self.features) if self.loss else tuple(found.tensors),
            tuple(returned),
            tuple(weights),
            self.loss or self.moves,
            any(update.runs == "control dependency" for update in found.updates)
            or any(inner.maker.layer.hung for inner in found.inner)
            or any(inner.runs == "control dependency" for inner in found.inner),
        )

    # The report -----------------------------------------------------------------------------

    def _report(self) -> None:
        settings = ", ".join(self.read.settings)
        if self.loss:
            use = (
                f"`loss = {self.name}({settings})` once, then `LossModel(network, loss)` of "
                f"`portable_losses.training`, or `loss({self.labels}, {self.features}, "
                "training=training)`"
            )
        else:
            use = (
                f"`layer = {self.name}({settings})` once, then `layer("
                f"{', '.join(self.read.tensors)}{', training=training' * self.moves})`"
            )
        self.use = f", which owns, trains and saves its variables: {use}."
        handles = [self.ctx.module.code_for_node(node).strip() for node in self.read.handles]
        if handles:
            texts = ", ".join(f"`{text}`" for text in sorted(handles))
            self.tell(f"No longer returned: {texts}. What a layer owns is its attribute.")
        for weight in self.unread:
            self.tell(f"`{weight.name}` is made and never read: the layer does without it.")
        for weight in self.read.weights.values():
            if weight.regularized and weight not in self.unread:
                text = (
                    f"the penalty of `{weight.name}` stood in REGULARIZATION_LOSSES, for "
                    "whoever adds it; Keras adds it to what a model is trained on."
                )
                self.tell(text, weight.call, CHECK)
        for node in lost_constants(self.function):
            text = (
                f"`{self.ctx.module.code_for_node(node)}`: TensorFlow 1 added the constants of a "
                "graph first, and float32 lost the small one; here it counts."
            )
            self.tell(text, node, CHECK)
        for call in self.read.dropped:
            text = f"`{self.ctx.module.code_for_node(call)}`: nothing is put into a collection."
            self.tell(text, call)
        for update in self.read.updates:
            if update.runs == "never":
                _, differs = tables.silent()["S13"]
                text = (
                    f"`{update.weight.name}` is updated here, and nothing in this file runs that: "
                    f"it stayed as it started, and stays. What differs: {differs}."
                )
                self.findings.append((update.call, "S13", text, CHECK))
        for update in self.read.updates:
            if update.runs != "never" and self.read.raced(update):
                text = (
                    f"`{update.weight.name}` was read and moved in no order: TensorFlow 1 did "
                    "either first. Here it is read first."
                )
                self.tell(text, update.call, CHECK)
            if update.runs == "control dependency" and update.weight.name in self.copied:
                text = (
                    f"slopes of what reads `{update.weight.name}` could see it after its move in "
                    "TensorFlow 1; here they see what the value saw."
                )
                self.tell(text, update.call, CHECK)
        ran: list[Any] = [*self.read.updates, *self.read.inner]
        for runs in dict.fromkeys(one.runs for one in ran if one.runs in RUNS):
            first = next(one for one in ran if one.runs == runs)
            self.tell(RUNS[runs], first.call, NOTE if runs == "returned" else CHECK)

    def tell(self, text: str, node: cst.CSTNode | None = None, severity: str = NOTE) -> None:
        self.findings.append((node or self.function, "variables", text, severity))
