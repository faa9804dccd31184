"""What moves the variables of a function, and what made it run.

A layer does not run for granted what the function only made: an update counts where something made
it run.
"""

from dataclasses import dataclass

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod.state.inner import Inner
from portable_losses.codemod.state.statements import (
    Places,
    names_of,
    returns,
    target_of,
    withs,
)
from portable_losses.codemod.state.weights import Unsure, Weight

SCATTERS = {"tf.scatter_sub": "assign_sub", "tf.scatter_add": "assign_add"}
ASSIGNS = {
    "tf.assign": "assign", "tf.assign_sub": "assign_sub", "tf.assign_add": "assign_add",
    "K.update": "assign", "K.update_sub": "assign_sub", "K.update_add": "assign_add",
}  # fmt: skip
METHODS = ("assign", "assign_sub", "assign_add")
AVERAGE = "assign_moving_average"
_COLLECTIONS = ("losses", "regularization_losses", "update_ops", "trainable_variables", "variables",
                "train_op", "local_variables", "model_variables")  # fmt: skip


@dataclass
class Update:
    """One move of a variable: the method that does it, and what made it run."""

    weight: Weight
    method: str
    call: cst.Call
    args: list[cst.BaseExpression]
    statement: cst.CSTNode
    runs: str = "never"  # "control dependency", "returned", "collection" or "never"


class Moves(Places):
    """The updates of a function, the names that hold them, and what made them run.

    `never`: what calls the function leaves those alone that it returns.
    """

    def __init__(self, ctx: Context, function: cst.FunctionDef, never: bool) -> None:
        super().__init__(ctx, function)
        self.never = never
        self.weights: dict[str, Weight] = {}
        self.inner: list[Inner] = []
        self.updates: list[Update] = []
        self.gone: set[cst.CSTNode] = set()  # statements that leave nothing
        self.handles: set[cst.CSTNode] = set()  # what is returned and is no value
        self.dropped: list[cst.Call] = []  # what was put into a collection
        # Names that hold updates, with the statement from which on they do.
        self.carriers: dict[str, int] = {}

    def _updates(self) -> None:
        for call in self.ctx.within(self.function, cst.Call):
            update = self._update(call)
            if update is not None:
                self.updates.append(update)

    def _update(self, call: cst.Call) -> Update | None:
        symbol = self.ctx.symbol(call.func) or ""
        args = [arg.value for arg in call.args if arg.keyword is None]
        rest = {arg.keyword.value for arg in call.args if arg.keyword} - {"name", "use_locking"}
        chain = self.ctx.names.chains.get(call.func)
        method = ""
        if symbol in SCATTERS and len(args) == 3:
            method = SCATTERS[symbol]
        elif symbol in ASSIGNS and len(args) == 2:
            method = ASSIGNS[symbol]
        elif symbol.endswith(AVERAGE):
            debias = [a for a in call.args if a.keyword and a.keyword.value == "zero_debias"]
            if len(args) == 3 and debias and self.code(debias[0].value) == "False":
                method, rest = AVERAGE, set()
        elif chain and len(chain.parts) == 2 and chain.parts[1] in METHODS and len(args) == 1:
            if chain.parts[0] in self.weights:
                method, args = chain.parts[1], [self.ctx.names.name_in(chain), *args]
        kind = symbol.rpartition(".")[2]
        if not method:
            if kind.startswith(("scatter_", "assign")) and kind not in ("scatter_nd",):
                raise Unsure(f"`{symbol}` in this form has no counterpart")
            return None
        variable = args[0]
        name = variable.value if isinstance(variable, cst.Name) else ""
        place = self.place(call)
        if name not in self.weights or rest:
            raise Unsure(f"`{self.code(call.func)}` moves what is not made here")
        made = self.place(self.weights[name].call)
        if [at for at in self.assigned_at(name) if made < at < place] or made >= place:
            raise Unsure(f"`{name}` is another value where it moves")
        return Update(self.weights[name], method, call, args[1:], self.statements[place])

    def is_update(self, node: cst.CSTNode) -> bool:
        """Whether an expression is an update, a group of them or a name that holds one."""
        if any(update.call is node for update in self.updates):
            return True
        if isinstance(node, cst.Name) and node.value in self.carriers:
            return self.place(node) > self.carriers[node.value]
        if isinstance(node, cst.Call) and self.ctx.symbol(node.func) == "tf.group":
            values = [arg.value for arg in node.args if not arg.keyword]
            return bool(values) and all(self.is_update(value) for value in values)
        if isinstance(node, cst.List | cst.Tuple):
            return all(self.is_update(element.value) for element in node.elements)
        return False

    def _carriers(self) -> None:
        """The statements that are nothing but updates, and the names that they give them."""
        lists: dict[str, int] = {}
        for place, statement in enumerate(self.statements):
            if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
                continue
            line = statement.body[0]
            if isinstance(line, cst.Assign) and len(line.targets) == 1:
                target = line.targets[0].target
                if not isinstance(target, cst.Name):
                    continue
                if isinstance(line.value, cst.List) and not line.value.elements:
                    if self._only_holds(target.value, place):
                        lists[target.value] = place
                        self.gone.add(statement)
                elif self.is_update(line.value):
                    self.carriers[target.value] = place
                    self.gone.add(statement)
            elif isinstance(line, cst.Expr) and isinstance(line.value, cst.Call):
                call = line.value
                name, _, method = self.code(call.func).rpartition(".")
                if self.is_update(call):
                    self.gone.add(statement)
                elif method == "append" and name in lists and call.args:
                    self.carriers.setdefault(name, lists[name])
                    self.gone.add(statement)
                elif self.ctx.symbol(call.func) == "tf.add_to_collection":
                    self.gone.add(statement)
                    if len(call.args) == 2 and self.is_update(call.args[1].value):
                        self._ran(call.args[1].value, "collection")
                    elif self._is_watched(call):
                        self.dropped.append(call)
                    else:
                        raise Unsure("it puts something into a collection of TensorFlow")

    def _is_watched(self, call: cst.Call) -> bool:
        """Whether a collection is the file's own, and none that training looks at."""
        name = call.args[0].value if len(call.args) == 2 else None
        if not isinstance(name, cst.SimpleString):
            return False
        return str(name.raw_value) not in _COLLECTIONS

    def _only_holds(self, name: str, place: int) -> bool:
        """Whether each value that a list gets is an update."""
        appended = False
        for at, node in self.reads(name):
            attribute = self.ctx.parent(node)
            call = self.ctx.parent(attribute)
            if isinstance(attribute, cst.Attribute) and attribute.attr.value in (
                "append",
                "extend",
            ):
                assert isinstance(call, cst.Call)
                if attribute.attr.value == "extend" or not self.is_update(call.args[0].value):
                    return False
                appended = at > place
        return appended

    def _ran(self, node: cst.CSTNode, how: str) -> None:
        """Say that what an expression holds of updates was made to run."""
        for update in self.updates:
            if update.runs == "never" and self.holds(node, update):
                update.runs = how
        names = {chain.parts[0] for chain in self.chains if self.is_in(chain.node, node)}
        for inner in self.inner:
            moves = {name for name, (what, _) in inner.handles.items() if what == "moves"}
            if not inner.runs and moves & names:
                inner.runs = how

    def holds(self, node: cst.CSTNode, update: Update) -> bool:
        """Whether an update is in an expression, by itself or by a name."""
        names = {chain.parts[0] for chain in self.chains if self.is_in(chain.node, node)}
        return self.is_in(update.call, node) or any(
            self._held(name, update) for name in names & self.carriers.keys()
        )

    def _held(self, name: str, update: Update) -> bool:
        """Whether a name holds an update, by itself or through another."""
        for statement in self.gone:
            target = target_of(statement)
            appended = isinstance(statement, cst.SimpleStatementLine) and self.code(
                statement
            ).startswith(f"{name}.append")
            if (target != name and not appended) or statement is None:
                continue
            if self.is_in(update.call, statement):
                return True
            inner = {c.parts[0] for c in self.chains if self.is_in(c.node, statement)}
            others = {n for n in inner if n != name and n in self.carriers}
            if any(self._held(other, update) for other in others):
                return True
        return False

    def _runs(self) -> None:
        for with_ in withs(self.ctx, self.function):
            for item in with_.items:
                call = item.item
                if not isinstance(call, cst.Call):
                    continue
                if self.ctx.symbol(call.func) != "tf.control_dependencies" or not call.args:
                    continue
                first = call.args[0].value
                if self._hangs(with_):
                    self._ran(first, "control dependency")
                self._not_read(with_, first)
        for returned in returns(self.ctx, self.function):
            if returned.value is not None and not self.never:
                self._ran(returned.value, "returned")
        for inner in self.inner:
            if any(what == "moves" for what, _ in inner.maker.layer.returned) and not inner.runs:
                whole = isinstance(self.ctx.parent(inner.call), cst.Return)
                inner.runs = "returned" if whole and not self.never else "never"

    def raced(self, update: Update) -> bool:
        """Whether a variable is read by what its move does not wait for: in one run of a graph
        either may come first."""
        before = self._closure([*update.args, *self._waits_for(update)])
        name, made = update.weight.name, self.place(update.weight.call)
        own = {u.call.args[0].value for u in self.updates if u.call.args}
        for at, node in self.reads(name):
            idle = node in own or node in self.handles or self.is_update(node)
            inside = any(self.is_in(node, arg) for arg in update.args) or at in before
            above = self.ctx.parent(node)
            shape = isinstance(above, cst.Attribute) and above.attr.value in ("shape", "get_shape")
            method = isinstance(above, cst.Attribute) and above.attr.value in METHODS
            if at > made and not (idle or inside or shape or method):
                return True
        return False

    def _waits_for(self, update: Update) -> list[cst.BaseExpression]:
        """What stands in the heads of the blocks around an update."""
        return [
            arg.value
            for block in withs(self.ctx, self.function)
            if self.is_in(update.call, block.body)
            for item in block.items
            if isinstance(item.item, cst.Call)
            for arg in item.item.args
        ]

    def _closure(self, nodes: list[cst.BaseExpression]) -> set[int]:
        """The statements that values are made of."""
        found: set[int] = set()
        todo = [(node, self.place(node)) for node in nodes]
        while todo:
            node, place = todo.pop()
            for chain in self.chains:
                if self.is_in(chain.node, node):
                    for at in self.assigned_at(chain.parts[0]):
                        if at < place and at not in found:
                            found.add(at)
                            todo.append((self.statements[at], at))
        return found

    def _not_read(self, block: cst.With, updates: cst.BaseExpression) -> None:
        """Whether a variable was read before or after its move is not sure where such a block
        reads it."""
        for update in self.updates:
            if self.is_in(update.call, block.body) or not self.holds(updates, update):
                continue
            name = update.weight.name
            if any(c.parts[0] == name and self.is_in(c.node, block.body) for c in self.chains):
                raise Unsure(f"`{name}` is read where its move has to come first")

    def _hangs(self, block: cst.With) -> bool:
        """Whether what is returned was made inside of a block."""
        made: set[str] = set()
        for node in self.ctx.within(block.body, cst.Assign):
            made |= {name for target in node.targets for name in names_of(target.target)}
        for returned in returns(self.ctx, self.function):
            names = {c.parts[0] for c in self.chains if self.is_in(c.node, returned)}
            if self.ctx.is_within(returned, block) or names & (made - self.carriers.keys()):
                return True
        return False

    def _trained(self) -> None:
        """A variable of `K` that nothing moves is a constant: no model of Keras trained it. One
        that is trained must not move by itself, which JAX would drop in `fit`."""
        for weight in self.weights.values():
            moved = [u for u in self.updates if u.weight is weight and u.runs != "never"]
            if (self.ctx.symbol(weight.call.func) or "").startswith("K."):
                weight.freeze()
                if not moved:
                    raise Unsure(f"`{weight.name}` is a constant")
            if weight.trains and moved:
                raise Unsure(f"`{weight.name}` is trained and moves by itself")
