"""Where a center loss of TF1 code is called: `softmax + 0.01 * center_loss(labels, features, ...)`.

A loss `f(labels, features)` around such a call gets a `StatefulLoss` beside it, which makes the
layer once. Any other call runs on in its graph, and the report has the text to write."""

import re

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._result import CHECK, NOTE
from portable_losses.codemod.rules.center_loss import Centers
from portable_losses.codemod.rules.graph import makes_variables

LABELS = re.compile(r"true|label|target|^y$|^gt$")


def apply(ctx: Context) -> None:
    for call in ctx.all(cst.Call):
        name = getattr(call.func, "value", "")
        centers = ctx.centers.get(name)
        if not isinstance(centers, Centers) or ctx.is_within(call, centers.function):
            continue
        chain = ctx.names.chains.get(call.func)
        if chain is None or chain.scope.find(name) is not ctx.names.top:
            continue
        given = _given(ctx, call, centers)
        function = ctx.function(call)
        made = _loss_class(ctx, function, call, centers, given) if function and given else None
        _report(ctx, call, centers, given or {}, made)


def _given(ctx: Context, call: cst.Call, centers: Centers) -> dict[str, str] | None:
    """The arguments of a call as text, by name."""
    names = [param.name.value for param in centers.function.params.params]
    found: dict[str, str] = {}
    for place, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and place >= len(names)):
            return None
        name = arg.keyword.value if arg.keyword else names[place]
        found[name] = ctx.module.code_for_node(arg.value)
    variant = centers.variant
    if variant.labels in found and variant.features in found:
        return found
    return None


def _settings(centers: Centers, given: dict[str, str]) -> str:
    return ", ".join(f"{name}={given[name]}" for name in centers.settings if name in given)


def _report(
    ctx: Context, call: cst.Call, centers: Centers, given: dict[str, str], made: str | None
) -> None:
    name, variant = centers.function.name.value, centers.variant
    if made:
        message = (
            f"`{name}` is called here by a loss. Beside it stands `{made}`, which makes the layer "
            f"once and moves its centers in training: `LossModel(network, {made}())`."
        )
    else:
        labels = given.get(variant.labels, "labels")
        features = given.get(variant.features, "features")
        scale = f"{variant.factor} * " if variant.factor else ""
        message = (
            f"`{name}` is called here, and runs in its graph as before. In a Keras 3 model write "
            f"once `center = {centers.factory}({_settings(centers, given)})`, then `{scale}center("
            f"{labels}, {features}, training=training)`; what updated the centers goes."
        )
    routed = made is not None and variant.exact
    ctx.find(call, "center_loss", message, NOTE if routed else CHECK)


def _loss_class(
    ctx: Context,
    function: cst.FunctionDef,
    call: cst.Call,
    centers: Centers,
    given: dict[str, str],
) -> str | None:
    """A class beside `function`, if it is a loss that can be one; its name."""
    names = [param.name.value for param in function.params.params]
    alone = [c for c in ctx.all(cst.Call) if getattr(c.func, "value", "") in ctx.centers]
    alone = [c for c in alone if ctx.is_within(c, function)]
    if ctx.target == "compat" or centers.variant.factor or len(alone) != 1 or len(names) != 2:
        return None
    if not isinstance(ctx.parent(function), cst.Module) or function.params.kwonly_params:
        return None
    labels = [name for name in names if LABELS.search(name.lower())]
    if len(labels) != 1 or function.decorators or not isinstance(function.body, cst.IndentedBlock):
        return None
    if not _constant(ctx, centers, given, function) or not _is_whole(ctx, function, call):
        return None
    others = makes_variables(ctx) - {centers.function.name.value}
    if any(chain.parts[0] in others for chain in ctx.chains_within(function)):
        return None
    new = "".join(part.title() for part in function.name.value.split("_"))
    new = new if new.endswith("Loss") else f"{new}Loss"
    new = new if new != "Loss" else "JointLoss"
    if not ctx.names.is_free(new) or new in ctx.losses.values():
        return None
    (first,) = labels
    second = next(name for name in names if name != first)
    variant = centers.variant
    if given[variant.features] != second:  # the layer is built for the outputs
        return None
    text = (
        f"self.center_loss({given[variant.labels]}, {given[variant.features]}, training=training)"
    )
    body = _body(ctx, function, call, text)
    if body is None:
        return None
    made = _class(ctx, function, centers, _settings(centers, given), new, first, second, body)
    ctx.edit(function, lambda old: _after(old, made))
    ctx.losses[function.name.value] = new
    return new


def _after(old: object, made: list[cst.BaseStatement]) -> cst.FlattenSentinel[cst.BaseStatement]:
    before = list(old) if isinstance(old, cst.FlattenSentinel) else [old]
    return cst.FlattenSentinel([*before, *made])


def _constant(
    ctx: Context, centers: Centers, given: dict[str, str], function: cst.FunctionDef
) -> bool:
    """Whether the settings say the same elsewhere: numbers and names of the module."""
    inside = {param.name.value for param in function.params.params}
    for name in centers.settings:
        for word in re.findall(r"[A-Za-z_]\w*", given.get(name, "")):
            if word in inside or word not in ctx.names.top.bindings:
                return False
    return True


def _is_whole(ctx: Context, function: cst.FunctionDef, call: cst.Call) -> bool:
    """Whether nothing but the loss of the call is used: `loss, _, _ = center_loss(...)` at most."""
    above = ctx.parent(call)
    target = above.targets[0].target if isinstance(above, cst.Assign) else None
    if not isinstance(target, cst.Tuple):
        return True
    rest = {getattr(element.value, "value", "") for element in target.elements[1:]}
    reads = {c.parts[0] for c in ctx.chains_within(function)}
    return not (rest & reads) and isinstance(target.elements[0].value, cst.Name)


def _body(
    ctx: Context, function: cst.FunctionDef, call: cst.Call, new: str
) -> cst.IndentedBlock | None:
    """The function's body with the layer in place of the call, rewritten as native code; None where
    that is not all native."""
    from portable_losses.codemod._engine import rewrite  # the engine imports the rules

    above = ctx.parent(call)
    tuple_ = isinstance(above, cst.Assign) and isinstance(above.targets[0].target, cst.Tuple)
    layer = cst.parse_expression(new, config=ctx.module.config_for_parsing)
    changed = function.deep_replace(call, layer)
    assert isinstance(changed, cst.FunctionDef)
    if tuple_:
        changed = changed.visit(_First(new))
    head = [
        line
        for line in ctx.module.body
        if isinstance(line, cst.SimpleStatementLine)
        and isinstance(line.body[0], cst.Import | cst.ImportFrom)
    ]
    bare = changed.with_changes(leading_lines=[], returns=None)
    text = ctx.module.with_changes(header=[], footer=[], body=[*head, bare]).code
    result = rewrite(text)
    name = function.name.value
    if result.definitions.get(name) not in ("native", "unchanged", "flagged"):
        return None
    module = cst.parse_module(result.source)
    last = module.body[-1]
    if not isinstance(last, cst.FunctionDef) or "portable_losses" in result.source:
        return None
    code = module.code_for_node(last)
    for module_name, what in (("keras", "ops"), ("", "keras")):
        used = re.search(rf"\b{what}\.", code)
        if used and ctx.need(module_name, what) != what:
            return None
    if re.search(r"\b(?:tf|K)\.", code):
        return None
    assert isinstance(last.body, cst.IndentedBlock)
    end = last.body.body[-1]
    returns = isinstance(end, cst.SimpleStatementLine) and isinstance(end.body[-1], cst.Return)
    if (
        not returns
        or not isinstance(end.body[-1].value, cst.BaseExpression)
        or isinstance(end.body[-1].value, cst.Tuple)
    ):
        return None
    for finding in result.findings:
        if finding.severity != NOTE:
            ctx.find(function, finding.rule, finding.message, finding.severity)
    return last.body


class _First(cst.CSTTransformer):
    """`loss, _ = layer(...)` as `loss = layer(...)`."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.call = call

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.Assign:
        target = updated_node.targets[0].target
        value = cst.Module([]).code_for_node(updated_node.value)
        if isinstance(target, cst.Tuple) and value == self.call:
            first = updated_node.targets[0].with_changes(target=target.elements[0].value)
            return updated_node.with_changes(targets=[first])
        return updated_node


def _class(
    ctx: Context,
    function: cst.FunctionDef,
    centers: Centers,
    settings: str,
    new: str,
    labels: str,
    features: str,
    body: cst.IndentedBlock,
) -> list[cst.BaseStatement]:
    keras, ops = ctx.need("", "keras"), ctx.need("keras", "ops")
    base = ctx.need("portable_losses.losses", "StatefulLoss")
    docstring = function.get_docstring() is not None
    statements = list(body.body[1:] if docstring else body.body)
    last = statements[-1]
    tab = ctx.module.default_indent
    text = (
        f"@{keras}.saving.register_keras_serializable()\n"
        f"class {new}({base}):\n"
        f'{tab}"""`{function.name.value}` with its centers, for `portable_losses.training.'
        f'LossModel`."""\n\n'
        f'{tab}def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):\n'
        f"{tab}{tab}super().__init__(name=name, reduction=reduction, dtype=dtype)\n"
        f"{tab}{tab}self.center_loss = {centers.factory}({settings})\n\n"
        f"{tab}def build_state(self, dim):\n"
        f"{tab}{tab}self.center_loss.build((None,), (None, dim))\n\n"
        f"{tab}def compute_values(self, {labels}, {features}, counted, training):\n"
        f"{tab}{tab}pass\n"
    ).replace("\n", ctx.module.default_newline)
    made = cst.parse_module(text, config=ctx.module.config_for_parsing).body[0]
    assert isinstance(made, cst.ClassDef)
    assert isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], cst.Return)
    total = last.body[-1].value
    assert total is not None
    if not isinstance(total, cst.Name):
        name = next(n for n in ("loss", "value", "loss_value") if n not in ctx.words(function))
        given = cst.Assign([cst.AssignTarget(cst.Name(name))], total)
        statements.insert(-1, last.with_changes(body=[*last.body[:-1], given]))
        last = cst.SimpleStatementLine([cst.Return()])
        total = cst.Name(name)
    # A loss of one number gives it to each sample.
    rows = cst.parse_expression(f"{ops}.zeros_like({features}[..., 0])")
    returned = cst.Return(cst.BinaryOperation(total, cst.Add(), rows))
    statements[-1] = last.with_changes(body=[*last.body[:-1], returned])
    *methods, values = made.body.body
    assert isinstance(values, cst.FunctionDef)
    values = values.with_changes(body=body.with_changes(body=statements))
    made = made.with_changes(
        body=made.body.with_changes(body=[*methods, values]),
        leading_lines=[cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)],
    )
    return [made]
