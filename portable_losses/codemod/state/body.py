"""The body of a layer's method, of a function that was read."""

from typing import Any

import libcst as cst

from portable_losses.codemod.state.edits import (
    Put,
    Words,
    atom,
    fold,
    parts,
    together,
    without_blank,
)
from portable_losses.codemod.state.kinds import kind_of
from portable_losses.codemod.state.moves import AVERAGE, SCATTERS, Update
from portable_losses.codemod.state.reading import GATHERS, LABELS, Read
from portable_losses.codemod.state.statements import names_of, returns
from portable_losses.codemod.state.weights import Unsure, Weight


class Body:
    """The statements of a function as those of a method: variables are weights, updates run in
    training, and shapes are known before."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.ctx, self.function = read.ctx, read.function
        self.new: dict[cst.CSTNode, Any] = {}
        self.ops, self.keras = self.ctx.need("keras", "ops"), self.ctx.need("", "keras")
        self.moves = any(update.runs != "never" for update in self.read.updates)
        self.moves |= any(inner.maker.layer.moves for inner in self.read.inner)
        self.loss, self.kind, self.labels, self.features = False, "", "", ""
        self.same: dict[cst.CSTNode, str] = {}  # which labels are the same, by the statement

    def code(self, node: cst.CSTNode) -> str:
        changed: Any = node.visit(Put(self.new))
        return self.ctx.module.code_for_node(changed).strip()

    def line(self, text: str) -> Any:
        return cst.parse_statement(text, self.ctx.module.config_for_parsing)

    # Variables ------------------------------------------------------------------------------

    def _moves(self, weight: Weight) -> list[Update]:
        return [u for u in self.read.updates if u.weight is weight and u.runs != "never"]

    def _reads(self, weight: Weight) -> list[cst.Name]:
        """Where the value of a variable is used."""
        made = self.read.place(weight.call)
        later = [at for at in self.read.assigned_at(weight.name) if at > made]
        own = [u.call.args[0].value for u in self.read.updates]
        found = []
        for at, node in self.read.reads(weight.name):
            if at <= made or (later and at > later[0]):
                continue
            update = self.ctx.parent(self.ctx.parent(node))
            idle = any(u.call is update and u.runs == "never" for u in self.read.updates)
            if node in own or node in self.read.handles or idle or self._is_method(node):
                continue
            if at >= 0 and self.read.statements[at] in self.read.gone and not self._moved_at(at):
                continue
            found.append(node)
        return found

    def _is_method(self, node: cst.Name) -> bool:
        above = self.ctx.parent(node)
        return isinstance(above, cst.Attribute) and any(
            u.call.func is above for u in self.read.updates
        )

    def _moved_at(self, place: int) -> bool:
        statement = self.read.statements[place]
        return any(u.statement is statement and u.runs != "never" for u in self.read.updates)

    def _weights(self) -> None:
        self.fresh: dict[cst.CSTNode, str] = {}  # statements that now read a variable
        self.unread: list[Weight] = []
        self.copied: set[str] = set()
        for weight in self.read.weights.values():
            reads, moves = self._reads(weight), self._moves(weight)
            if not reads and not moves:
                self.unread.append(weight)
                continue
            gathered = all(self._is_gathered(node) for node in reads)
            own = cst.Attribute(cst.Name("self"), cst.Name(weight.attribute))
            if not reads or (moves and gathered):
                self.new |= dict.fromkeys(reads, own)
                continue
            how = "copy" if moves else "convert_to_tensor"
            self.copied |= {weight.name} if moves else set()
            statement = self.read.statements[self.read.place(weight.call)]
            self.fresh[statement] = f"{weight.name} = {self.ops}.{how}(self.{weight.attribute})"

    def _is_gathered(self, node: cst.Name) -> bool:
        """Whether rows of a variable are read, which are copies."""
        arg = self.ctx.parent(node)
        call = self.ctx.parent(arg)
        return (
            isinstance(call, cst.Call)
            and self.ctx.symbol(call.func) in GATHERS
            and call.args[0] is arg
        )

    def _inner(self) -> None:
        for inner in self.read.inner:
            layer = inner.maker.layer
            args = [self.code(node) for node in inner.tensors]
            args += ["training=training"] * layer.moves
            made = cst.parse_expression(f"self.{inner.attribute}({', '.join(args)})")
            self.new[inner.call] = made
            above = self.ctx.parent(inner.call)
            if isinstance(above, cst.Subscript) and any(w != "value" for w, _ in layer.returned):
                self.new[above] = made
            elif inner.handles and isinstance(above, cst.Assign):
                target = above.targets[0].target
                assert isinstance(target, cst.Tuple)
                names = [self.code(element.value) for element in target.elements]
                kept = [name for name in names if name not in inner.handles]
                self.new[target] = cst.parse_expression(", ".join(kept))

    # Labels that appear once ------------------------------------------------------------------

    def _unique(self) -> None:
        """How often the label of each sample appears is a sum over the batch, of known shape."""
        self.firsts: dict[str, str] = {}
        for statement, (labels, names) in self.read.uniques.items():
            unique, place, *count = names
            at = self.read.place(statement)
            if [a for a in self.read.assigned_at(labels) if a > at]:
                raise Unsure("labels that change after they were counted")
            same = next(n for n in ("same", "same_label", "same_labels") if n not in self._words())
            gathers = []
            for call in self.ctx.within(self.function, cst.Call):
                values = [self.ctx.module.code_for_node(a.value) for a in call.args[:2]]
                if self.ctx.symbol(call.func) in GATHERS and values == [*count, place]:
                    gathers.append(call)
            wanted = f'{self.ops}.sum({self.ops}.cast({same}, "int32"), axis=1)'
            inside: list[cst.Name] = []
            for call in gathers:
                self.new[call] = cst.parse_expression(wanted.replace('"', self.ctx.quote))
                inside += [a.value for a in call.args[:2] if isinstance(a.value, cst.Name)]
            rows = [u.args[0] for u in self.read.updates if u.call.args and u.args]
            for name in (unique, place, *count):
                others = [n for _, n in self.read.reads(name) if n not in inside]
                if len(self.read.assigned_at(name)) > 1 and others:
                    raise Unsure("how the unique labels are used")
                if any(node not in rows or name != unique for node in others):
                    raise Unsure("how the unique labels are used")
            self.firsts[unique] = labels
            if gathers:
                self.same[statement] = (
                    f"{same} = {self.ops}.equal({self.ops}.expand_dims({labels}, 1), "
                    f"{self.ops}.expand_dims({labels}, 0))"
                )

    def _words(self) -> set[str]:
        return self.ctx.words(self.function)

    # Updates --------------------------------------------------------------------------------

    def _move(self, update: Update) -> str:
        own = f"self.{update.weight.attribute}"
        if update.method == AVERAGE:
            value, decay = (self.code(arg) for arg in update.args)
            return f"{own}.assign_sub(({own} - {atom(value)}) * (1 - {atom(decay)}))"
        symbol = self.ctx.symbol(update.call.func)
        if symbol not in SCATTERS:
            return f"{own}.{update.method}({self.code(update.args[0])})"
        ids, value = update.args
        name = ids.value if isinstance(ids, cst.Name) else ""
        quote = self.ctx.quote
        rows = f"{own}.shape[0]"
        if name in self.firsts:
            if not isinstance(value, cst.Integer | cst.Float) or len(update.weight.shape) != 1:
                raise Unsure("a move of unique labels by what is no number")
            labels = f"{self.ops}.cast({self.firsts[name]}, {quote}int32{quote})"
            ones = f"{self.ops}.ones_like({self.firsts[name]})"
            count = f"{self.ops}.segment_sum({ones}, {labels}, {rows})"
            present = f"{self.ops}.cast({count} > 0, {own}.dtype)"
            factor = "" if value.value in ("1", "1.0") else f"{value.value} * "
            return f"{own}.{update.method}({factor}{present})"
        if isinstance(value, cst.Integer | cst.Float):
            raise Unsure("a move of rows by a number")
        labels, step = self.code(ids), self.code(value)
        if not self._is_flat(ids, self.read.place(update.call)):
            labels = f"{self.ops}.reshape({labels}, (-1,))"
            step = f"{self.ops}.reshape({step}, (-1, *{own}.shape[1:]))"
        labels = f"{self.ops}.cast({labels}, {quote}int32{quote})"
        return f"{own}.{update.method}({self.ops}.segment_sum({step}, {labels}, {rows}))"

    def _is_flat(self, node: cst.BaseExpression, place: int) -> bool:
        """Whether labels surely have one axis."""
        if isinstance(node, cst.Name):
            before = [at for at in self.read.assigned_at(node.value) if at < place]
            if not before:
                return False
            statement: Any = self.read.statements[before[-1]]
            small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
            if not isinstance(small, cst.Assign) or names_of(small.targets[0].target) != [
                node.value
            ]:
                return False
            return self._is_flat(small.value, before[-1])
        if isinstance(node, cst.Call) and node.args:
            symbol = (self.ctx.symbol(node.func) or "").rpartition(".")[2]
            code = self.ctx.module.code_for_node
            second = [code(arg.value).replace(" ", "") for arg in node.args[1:2]]
            if symbol == "reshape":
                return second in (["[-1]"], ["(-1,)"])
            if symbol in ("argmax", "arg_max"):
                return second in (["1"], ["-1"])
            if symbol in ("cast", "to_int32", "to_int64", "identity", "stop_gradient"):
                return self._is_flat(node.args[0].value, place)
            return symbol == "flatten" and (self.ctx.symbol(node.func) or "").startswith("K.")
        return False

    # The body -------------------------------------------------------------------------------

    def _is_loss(self) -> bool:
        """Whether it is one number for labels and features: a loss of a model."""
        tensors = self.read.tensors
        labels = [name for name in tensors if LABELS.search(name.lower())]
        if len(tensors) != 2 or len(labels) != 1:
            return False
        features = next(name for name in tensors if name not in labels)
        if any(not inner.maker.is_loss for inner in self.read.inner):
            return False
        if not self.read.axes <= {(features, 1), (features, -1)}:
            return False
        ends = returns(self.ctx, self.function)
        kept = self._kept(ends[-1])
        self.kind = kind_of(self.read, kept[0], self.read.place(ends[-1])) if kept else ""
        if len(kept) != 1 or len(ends) != 1 or not self.kind:
            return False
        self.labels, self.features = labels[0], features
        return True

    def _kept(self, returned: cst.Return) -> list[cst.BaseExpression]:
        value = returned.value
        parts = value.elements if isinstance(value, cst.Tuple | cst.List) else ()
        values = [part.value for part in parts] or ([value] if value is not None else [])
        return [v for v in values if v not in self.read.handles]

    def _body(self) -> list[Any]:
        made: list[Any] = []
        skip = self._shapes_alone()
        docstring = self.function.get_docstring() is not None
        for place, statement in enumerate(self.read.statements):
            if (docstring and place == 0) or statement in skip:
                continue
            first = [
                update
                for update in self.read.updates
                if update.runs != "never" and update.statement is statement
                and self.read.head(update.call)
            ]  # fmt: skip
            if first:
                made.append(self._if_training(first).with_changes(leading_lines=[]))
            fresh: list[Any] = []
            if statement in self.fresh:
                fresh = [self.line(self.fresh[statement])]
            elif statement in self.same:
                fresh = [self.line(self.same[statement])]
            elif statement in self.read.uniques:
                continue
            moves = [u for u in self.read.updates if u.statement is statement and u.runs != "never"]
            moves = [update for update in moves if update not in first]
            if moves and not self._is_return(statement):
                fresh = [self._if_training(moves)]
            if statement in self.read.gone or fresh:
                made += self._under(statement, fresh)
                continue
            if self._is_return(statement):
                made += self._returned(statement, moves)
                continue
            made.append(statement.visit(Put(self._ends())))
        return together(made)

    def _under(self, old: Any, fresh: list[Any]) -> list[Any]:
        """With the empty lines and comments that stood above."""
        if not fresh:
            return []
        return [fresh[0].with_changes(leading_lines=old.leading_lines), *fresh[1:]]

    def _if_training(self, moves: list[Update]) -> Any:
        tab, end = self.ctx.module.default_indent, self.ctx.module.default_newline
        lines = ""
        for update in moves:  # inside of a method, two levels deep
            folded = fold(f"{tab * 3}{self._move(update)}", tab)
            lines += "".join(f"{line[len(tab) * 2 :]}{end}" for line in folded)
        return self.line(f"if training:{end}{lines}")

    def _is_return(self, statement: cst.CSTNode) -> bool:
        return isinstance(statement, cst.SimpleStatementLine) and isinstance(
            statement.body[-1], cst.Return
        )

    def _ends(self) -> dict[cst.CSTNode, Any]:
        """What nested statements return, without what is no value."""
        found = dict(self.new)
        for returned in returns(self.ctx, self.function):
            kept = self._kept(returned)
            if returned.value is not None and self.read.handles & set(parts(returned.value)):
                found[returned] = cst.parse_statement(
                    f"return {', '.join(self.code(value) for value in kept)}"
                ).body[0]
        return found

    def _returned(self, statement: Any, moves: list[Update]) -> list[Any]:
        returned = statement.body[-1]
        kept = self._kept(returned)
        single = len(kept) == 1 and not (
            isinstance(returned.value, cst.Tuple | cst.List) and len(parts(returned.value)) == 1
        )
        text = ", ".join(self.code(value) for value in kept)
        if isinstance(returned.value, cst.List):
            text = f"[{text}]"
        before: list[Any] = []
        if moves:  # what is returned is computed before the variables move
            if not all(isinstance(value, cst.Name) for value in kept):
                name = "result" if "result" not in self._words() else "returned"
                before, text = [self.line(f"{name} = {text}")], name
            before.append(self._if_training(moves))
        if self.loss and single and self.kind == "one":
            text = f"{self.ops}.broadcast_to({text}, {self.ops}.shape(counted))"
        before.append(self.line(f"return {text}"))
        first = before[0]
        before[0] = first.with_changes(
            leading_lines=[*statement.leading_lines, *first.leading_lines]
        )
        return before

    def _shapes_alone(self) -> set[cst.CSTNode]:
        """Statements that only told the shape of a variable."""
        skip: set[cst.CSTNode] = set()
        growing = True
        while growing:
            growing = False
            for place, statement in enumerate(self.read.statements):
                small: Any = getattr(statement, "body", ())
                if (
                    not isinstance(statement, cst.SimpleStatementLine)
                    or statement in skip
                    or len(small) != 1
                    or not isinstance(small[0], cst.Assign)
                ):
                    continue
                target = small[0].targets[0].target
                if not isinstance(target, cst.Name) or not self._is_shape(small[0].value):
                    continue
                reads = [at for at, _ in self.read.reads(target.value) if at > place]
                used = [
                    at
                    for at in reads
                    if self.read.statements[at] not in skip and not (self._is_creation(at))
                ]
                if reads and not used:
                    skip.add(statement)
                    growing = True
        return skip

    def _is_creation(self, place: int) -> bool:
        return any(self.read.place(w.call) == place for w in self.read.weights.values())

    def _is_shape(self, node: cst.BaseExpression) -> bool:
        if isinstance(node, cst.Integer | cst.Float | cst.SimpleString):
            return True
        if isinstance(node, cst.Attribute) and self.ctx.symbol(node):
            return True  # a dtype
        if isinstance(node, cst.Attribute) and node.attr.value == "value":
            return self._is_shape(node.value)
        if isinstance(node, cst.Subscript):
            return self._is_shape(node.value)
        return isinstance(node, cst.Name) or self.read.reader.shaped(node) is not None

    def _with_settings(self, body: list[Any]) -> list[Any]:
        words = Words()
        for statement in body:
            statement.visit(words)
        quote = self.ctx.quote
        lines = [
            self.line(f"{name} = self.settings[{quote}{name}{quote}]")
            for name in self.read.settings
            if name in words.found
        ]
        if lines and body:
            body[0] = body[0].with_changes(leading_lines=without_blank(body[0].leading_lines))
        return [*lines, *body]
