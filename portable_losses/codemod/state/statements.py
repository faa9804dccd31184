"""The statements of a function of TensorFlow 1, and the names in them."""

from collections.abc import Iterator

import libcst as cst

from portable_losses.codemod._context import Context

# Blocks that name operations, place them or put them in order: none is needed where code runs from
# top to bottom.
SCOPES = ("tf.variable_scope", "tf.name_scope", "tf.control_dependencies", "tf.device")


class Places:
    """A function as a row of statements, those in scopes of TensorFlow among them."""

    def __init__(self, ctx: Context, function: cst.FunctionDef) -> None:
        self.ctx, self.function = ctx, function
        self.params = [p.name.value for p in function.params.params]
        self.statements = list(flattened(ctx, function.body))
        self.chains = ctx.chains_within(function)

    def code(self, node: cst.CSTNode) -> str:
        return self.ctx.module.code_for_node(node).strip()

    def place(self, node: cst.CSTNode) -> int:
        """Which statement a node stands in; the first one below for what has to come before, and
        -1 in the head of another scope."""
        block = self.head(node)
        if block is not None:
            node = next(iter(flattened(self.ctx, block.body)))
        for place, statement in enumerate(self.statements):
            if node is statement or self.ctx.is_within(node, statement):
                return place
        return -1

    def head(self, node: cst.CSTNode) -> cst.With | None:
        """The block in whose `tf.control_dependencies(...)` a node stands."""
        for above in self.ctx.ancestors(node):
            if isinstance(above, cst.WithItem):
                block = self.ctx.parent(above)
                call = above.item
                hangs = isinstance(call, cst.Call) and (
                    self.ctx.symbol(call.func) == "tf.control_dependencies"
                )
                return block if hangs and isinstance(block, cst.With) else None
            if above is self.function:
                return None
        return None

    def reads(self, name: str) -> Iterator[tuple[int, cst.Name]]:
        for chain in self.chains:
            if chain.parts[0] == name:
                node = self.ctx.names.name_in(chain)
                assert isinstance(node, cst.Name)
                yield self.place(node), node

    def assigned_at(self, name: str) -> list[int]:
        """The statements that give a name another value, nested ones too."""
        found = []
        for kind in (cst.Assign, cst.AugAssign):
            for node in self.ctx.within(self.function, kind):
                if kind is cst.Assign and getattr(node.value, "value", "") == name:
                    if len(node.targets) == 1 and names_of(node.targets[0].target) == [name]:
                        continue  # `x = x`
                targets = [t.target for t in node.targets] if kind is cst.Assign else [node.target]
                if any(name in names_of(target) for target in targets):
                    found.append(self.place(node))
        return sorted(found)

    def value_at(self, name: str, place: int) -> cst.BaseExpression | None:
        """What a name is given by a statement."""
        statement = self.statements[place]
        if target_of(statement) != name or not isinstance(statement, cst.SimpleStatementLine):
            return None
        small = statement.body[0]
        return small.value if isinstance(small, cst.Assign) else None

    def is_in(self, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
        return node is outer or self.ctx.is_within(node, outer)


def flattened(ctx: Context, body: cst.BaseSuite) -> Iterator[cst.BaseStatement]:
    """The statements of a block, those in scopes of TensorFlow among them."""
    for statement in body.body:
        if isinstance(statement, cst.With) and is_scope(ctx, statement):
            yield from flattened(ctx, statement.body)
        else:
            assert isinstance(statement, cst.BaseStatement)
            yield statement


def is_scope(ctx: Context, block: cst.With) -> bool:
    for item in block.items:
        if not isinstance(item.item, cst.Call) or ctx.symbol(item.item.func) not in SCOPES:
            return False
        name = item.asname.name if item.asname else None
        if name is not None and (
            not isinstance(name, cst.Name) or _is_read(ctx, name.value, block)
        ):
            return False
    return True


def _is_read(ctx: Context, name: str, block: cst.With) -> bool:
    function = ctx.function(block)
    return function is None or any(c.parts[0] == name for c in ctx.chains_within(function))


def is_return(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[-1], cst.Return
    )


def withs(ctx: Context, function: cst.FunctionDef) -> list[cst.With]:
    """The blocks `with` around calls of a function."""
    found: dict[cst.CSTNode, None] = {}
    for call in ctx.within(function, cst.Call):
        item = ctx.parent(call)
        block = ctx.parent(item)
        if isinstance(item, cst.WithItem) and isinstance(block, cst.With):
            found[block] = None
    return [block for block in found if isinstance(block, cst.With)]


class _Returns(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[cst.Return] = []

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def visit_Return(self, node: cst.Return) -> None:
        self.found.append(node)


def returns(ctx: Context, function: cst.FunctionDef) -> list[cst.Return]:
    visitor = _Returns()
    function.body.visit(visitor)
    return visitor.found


def names_of(target: cst.CSTNode) -> list[str]:
    """The names that an assignment binds."""
    if isinstance(target, cst.Name):
        return [target.value]
    if isinstance(target, cst.Tuple | cst.List):
        return [name for element in target.elements for name in names_of(element.value)]
    return []


def target_of(statement: cst.CSTNode | None) -> str:
    small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
    if isinstance(small, cst.Assign) and len(small.targets) == 1:
        return getattr(small.targets[0].target, "value", "") or ""
    return ""
