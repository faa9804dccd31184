"""`f = K.function([model.input], [layer.output])`: `keras.Model(...).predict_on_batch`, which takes
and gives what `f` did. Where the learning phase is fed 1, the model is called with `training`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import libcst as cst
import libcst.matchers as m

from portable_losses.codemod._context import Context, Reference
from portable_losses.codemod._result import CHECK, STOP

PHASES = {"0": False, "0.": False, "0.0": False, "False": False}
PHASES |= {"1": True, "1.": True, "1.0": True, "True": True}
FIRST = m.Attribute(
    m.Subscript(m.Attribute(attr=m.Name("layers")), [m.SubscriptElement(m.Index(m.Integer("0")))]),
    m.Name("input"),
)
GRADIENTS = ("K.gradients", "tf.gradients")
# What has the normalization, or brings layers that the source does not show.
UNSEEN = ("BatchNormalization", "load_model", "applications", "model_from")


@dataclass
class Function:
    """One `K.function`. `outputs` is "tensor", or says of a list of them that it is of "one", of
    "several", or of "any" number: of a list of one, a model gives no list."""

    outputs: str
    count: int  # of its inputs, where that is known
    phase: Reference | None = None
    place: int = 0  # of the learning phase among the inputs
    sites: list[cst.Call] = field(default_factory=list)

    def fed(self, site: cst.Call) -> Sequence[cst.BaseElement]:
        return cst.ensure_type(site.args[0].value, cst.List).elements


def apply(ctx: Context) -> None:
    for ref in ctx.references:
        if ref.definition in ctx.graph or ref.call is None:
            continue
        if ref.symbol in GRADIENTS and any(_is_symbolic(ctx, a.value) for a in ref.call.args):
            ctx.find(
                ref.node,
                "gradients",
                f"`{ref.symbol}` of tensors of a model: Keras 3 has no graph to ask. Compute them "
                "from values: in a `tf.GradientTape`, by `jax.grad`, or by `torch.autograd.grad`.",
                STOP,
            )
        elif ref.symbol == "K.function":
            _function(ctx, ref, ref.call)


def _function(ctx: Context, ref: Reference, call: cst.Call) -> None:
    _first_input(ctx, call)
    given = {a.keyword.value if a.keyword else "" for a in call.args[2:]}
    if given and given <= {"", "updates"} and not _is_empty(call.args[2].value):
        ctx.find(
            ref.node,
            "function",
            "`K.function` with updates runs through compat.K, which assigns pairs (variable, "
            "value) after each call. What an optimizer's `get_updates` gave is gone from Keras 3: "
            "write `train_on_batch`, or a `train_step`.",
            CHECK,
        )
        return
    if (found := _read(ctx, call)) is None:
        return
    training = [found.phase is not None and _is_training(ctx, found, s) for s in found.sites]
    bound = not any(training)
    model = f"{ctx.need('', 'keras')}.Model"
    ctx.edit(call, lambda new: _model(new, model, found, bound))
    for site, trains in zip(found.sites, training, strict=True):
        _site(ctx, found, site, trains, bound)
    for one in (ref, found.phase):
        if one is not None:
            ctx.settle(one, "native")
    ctx.find(
        ref.node,
        "function",
        "`K.function` became the model of these tensors. `predict_on_batch` takes and gives arrays "
        "as the function did, in one compiled step.",
    )
    if not bound and _may_normalize(ctx):
        ctx.find(
            ref.node,
            "function",
            "The model is called with training=True, as the learning phase 1 asked for: a "
            "BatchNormalization in it now moves its statistics, which `K.function` did not. "
            "Set `trainable = False` on it if it should not.",
            CHECK,
        )


def _first_input(ctx: Context, call: cst.Call) -> None:
    """`model.layers[0].input`: in Keras 3 an InputLayer has none. It is `model.inputs[0]`, where
    the function is fed nothing else."""
    given = [e.value for e in _elements(call.args[0].value)] if call.args else []
    given = [value for value in given if not _phase(ctx, value)]
    if len(given) == 1 and m.matches(given[0], FIRST):
        layer = cst.ensure_type(cst.ensure_type(given[0], cst.Attribute).value, cst.Subscript)
        model = cst.ensure_type(layer.value, cst.Attribute).value
        ctx.edit(given[0], lambda new: cst.parse_expression(f"{_code(ctx, model)}.inputs[0]"))
        ctx.mark(call)


def _may_normalize(ctx: Context) -> bool:
    """Unless the source makes layers, and none of them does."""
    makes = any(ref.symbol.startswith("keras.layers.") and ref.call for ref in ctx.references)
    return not makes or any(word in ctx.source for word in UNSEEN)


def _is_training(ctx: Context, found: Function, site: cst.Call) -> bool:
    return PHASES[_code(ctx, found.fed(site)[found.place].value)]


def _code(ctx: Context, node: cst.CSTNode) -> str:
    return ctx.module.code_for_node(node)


def _is_empty(node: cst.BaseExpression) -> bool:
    none = isinstance(node, cst.Name) and node.value == "None"
    return none or (isinstance(node, cst.List | cst.Tuple) and not node.elements)


def _read(ctx: Context, call: cst.Call) -> Function | None:
    if len(call.args) != 2:
        return None
    both = zip(("inputs", "outputs"), call.args, strict=True)
    names = [arg.keyword.value if arg.keyword else name for name, arg in both]
    if names != ["inputs", "outputs"] or any(a.star for a in call.args):
        return None
    inputs, outputs = (arg.value for arg in call.args)
    elements = _elements(inputs)
    phases = [n for n, e in enumerate(elements) if _phase(ctx, e.value)]
    rest = [e.value for n, e in enumerate(elements) if n not in phases]
    added = isinstance(inputs, cst.BinaryOperation)  # model.inputs + [K.learning_phase()]
    if isinstance(inputs, cst.BinaryOperation):
        known = len(phases) == 1 and not rest and _is_symbolic_list(ctx, inputs.left)
    elif elements:
        known = len(phases) <= 1 and bool(rest) and all(_is_symbolic(ctx, e) for e in rest)
    else:
        known = _is_symbolic(ctx, inputs) or _is_symbolic_list(ctx, inputs)
    found = Function(_kind(ctx, outputs), 0 if added else len(elements))
    if not known or not found.outputs:
        return None
    if phases:
        found.place = -1 if added else phases[0]
        found.phase = _phase(ctx, elements[phases[0]].value)
    if phases or found.outputs in ("one", "any"):
        found.sites = _sites(ctx, call)
        if not found.sites or not all(_is_known(ctx, found, site) for site in found.sites):
            return None
    return found


def _kind(ctx: Context, outputs: cst.BaseExpression) -> str:
    if _is_symbolic_list(ctx, outputs):
        if not isinstance(outputs, cst.List | cst.Tuple):
            return "any"
        return "one" if len(outputs.elements) == 1 else "several"
    return "tensor" if _is_symbolic(ctx, outputs) else ""


def _elements(inputs: cst.BaseExpression) -> Sequence[cst.BaseElement]:
    if isinstance(inputs, cst.BinaryOperation) and isinstance(inputs.operator, cst.Add):
        inputs = inputs.right
    return inputs.elements if isinstance(inputs, cst.List | cst.Tuple) else ()


def _phase(ctx: Context, node: cst.BaseExpression) -> Reference | None:
    """`K.learning_phase()`, written out."""
    for ref in ctx.references:
        if ref.symbol == "K.learning_phase" and ref.call is node:
            return ref
    return None


def _sites(ctx: Context, call: cst.Call) -> list[cst.Call]:
    """The calls of the function, or of each in a list of them, if it is used for nothing else."""
    above = ctx.parent(call)
    if isinstance(above, cst.Call) and above.func is call:
        return [above]
    if isinstance(above, cst.ListComp) and above.elt is call:
        uses: list[cst.CSTNode] = []
        for use in _uses(ctx, above):
            loop = ctx.parent(use)
            if not isinstance(loop, cst.CompFor) or not isinstance(loop.target, cst.Name):
                return []
            inside = ctx.chains_within(ctx.parent(loop) or loop)
            names = [ctx.names.name_in(chain) for chain in inside if chain.node is not loop.target]
            uses += [n for n in names if cst.ensure_type(n, cst.Name).value == loop.target.value]
    else:
        uses = _uses(ctx, call)
    sites = [ctx.parent(use) for use in uses]
    calls = [
        s for s, use in zip(sites, uses, strict=True) if isinstance(s, cst.Call) and s.func is use
    ]
    return calls if len(calls) == len(sites) else []


def _uses(ctx: Context, value: cst.BaseExpression) -> list[cst.CSTNode]:
    """The reads of the name that a value is given to."""
    above = ctx.parent(value)
    if not isinstance(above, cst.Assign) or len(above.targets) > 1:
        return []
    target = above.targets[0].target
    return ctx.uses(target.value, above) if isinstance(target, cst.Name) else []


def _is_known(ctx: Context, function: Function, site: cst.Call) -> bool:
    """Whether a call is given one thing; or a list whose phase is written out, if it has one."""
    if len(site.args) != 1 or site.args[0].keyword or site.args[0].star:
        return False
    fed = site.args[0].value
    if not function.phase:
        return True
    if not isinstance(fed, cst.List) or any(
        isinstance(e, cst.StarredElement) for e in fed.elements
    ):
        return False
    if len(fed.elements) != (function.count or len(fed.elements)) or len(fed.elements) < 2:
        return False
    return _code(ctx, fed.elements[function.place].value) in PHASES


def _without(fed: cst.List, place: int) -> cst.List:
    kept = list(fed.elements)
    del kept[place]
    kept[-1] = kept[-1].with_changes(comma=fed.elements[-1].comma)
    return fed.with_changes(elements=kept)


def _model(new: cst.Call, model: str, found: Function, bound: bool) -> cst.BaseExpression:
    inputs, outputs = new.args
    if found.phase:
        value = inputs.value
        if isinstance(value, cst.BinaryOperation):
            inputs = inputs.with_changes(value=value.left)
        elif isinstance(value, cst.List):
            inputs = inputs.with_changes(value=_without(value, found.place))
    if found.outputs == "one" and isinstance(outputs.value, cst.List | cst.Tuple):
        outputs = outputs.with_changes(value=outputs.value.elements[0].value)
    made = new.with_changes(func=cst.parse_expression(model), args=[inputs, outputs])
    return cst.Attribute(made, cst.Name("predict_on_batch")) if bound else made


def _site(ctx: Context, function: Function, site: cst.Call, training: bool, bound: bool) -> None:
    """`f([x, 0])[0]`: where the index takes what is the only output, or one of them, it decides."""
    above = ctx.parent(site)
    index = _code(ctx, above.slice[0]) if isinstance(above, cst.Subscript) else ""
    only = function.outputs == "one" and index in ("0", "-1")
    taken = only or (function.outputs == "several" and bool(index))
    flatten = f"{ctx.need('', 'keras')}.tree.flatten" if function.outputs == "any" else ""
    array = f"{ctx.need('keras', 'ops')}.convert_to_numpy" if training else ""

    def call(new: cst.Call) -> cst.BaseExpression:
        value: cst.BaseExpression = _called(new, function, training, bound)
        if flatten:
            value = _of(flatten, value)
        if training and function.outputs in ("tensor", "one"):
            value = _of(array, value)
        elif training and not taken:
            loop = cst.ensure_type(cst.parse_expression(f"[{array}(y) for y in x]"), cst.ListComp)
            value = loop.with_changes(for_in=loop.for_in.with_changes(iter=value))
        if function.outputs == "one" and not taken:
            value = cst.List([cst.Element(value)])
        return value

    ctx.edit(site, call)
    if only:
        ctx.edit(above, lambda new: new.value)
    elif taken and training:
        ctx.edit(above, lambda new: _of(array, new))
    ctx.mark(site)


def _of(function: str, value: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.parse_expression(function), [cst.Arg(value)])


def _called(new: cst.Call, function: Function, training: bool, bound: bool) -> cst.Call:
    (arg,) = new.args
    if function.phase:
        arg = arg.with_changes(value=_without(cst.ensure_type(arg.value, cst.List), function.place))
    if training:
        written = cst.ensure_type(cst.parse_expression("f(x, training=True)"), cst.Call)
        first = written.args[0].with_changes(value=arg.value)
        return written.with_changes(func=new.func, args=[first, written.args[1]])
    func = new.func if bound else cst.Attribute(new.func, cst.Name("predict_on_batch"))
    return new.with_changes(func=func, args=[arg])


# Tensors of models --------------------------------------------------------------------------


def _is_symbolic(ctx: Context, node: cst.BaseExpression, depth: int = 4) -> bool:
    """Whether it surely is a tensor of a functional model."""
    if isinstance(node, cst.Attribute) and node.attr.value in ("input", "output"):
        return not (isinstance(node.value, cst.Name) and node.value.value == "self")
    if isinstance(node, cst.Subscript):
        sliced = isinstance(node.slice[0].slice, cst.Slice)
        part = not sliced and _is_symbolic_list(ctx, node.value, depth)
        return part or _is_symbolic(ctx, node.value, depth)
    if isinstance(node, cst.Call):
        if _is_layer(ctx, node.func, depth):
            return True
        return ctx.symbol(node.func) in ("keras.Input", "keras.layers.Input")
    if not isinstance(node, cst.Name) or not depth:
        return False
    chain = ctx.names.chains.get(node)
    scope = chain.scope.find(node.value) if chain else None
    if scope is None:
        return False
    if scope.kind == "comprehension":
        return any(
            isinstance(above, cst.BaseComp) and _draws(ctx, above, node.value, depth)
            for above in ctx.ancestors(node)
        )
    values = [ctx.names.assigns.get(binding) for binding in scope.bindings[node.value]]
    return all(
        value is not None
        and isinstance(value.targets[0].target, cst.Name)
        and _is_symbolic(ctx, value.value, depth - 1)
        for value in values
    )


def _is_layer(ctx: Context, node: cst.BaseExpression, depth: int) -> bool:
    """A layer or model of Keras, made where it stands or given to a name."""
    if isinstance(node, cst.Call):
        symbol = ctx.symbol(node.func) or ""
        return symbol.startswith(
            ("keras.layers.", "keras.models.", "keras.Model", "keras.Sequential")
        )
    given = ctx.assigned(node) if isinstance(node, cst.Name) and depth else None
    return isinstance(given, cst.Call) and _is_layer(ctx, given, depth - 1)


def _draws(ctx: Context, comprehension: cst.BaseComp, name: str, depth: int) -> bool:
    loop = comprehension.for_in
    target = isinstance(loop.target, cst.Name) and loop.target.value == name
    return target and _is_symbolic_list(ctx, loop.iter, depth - 1)


def _is_symbolic_list(ctx: Context, node: cst.BaseExpression, depth: int = 4) -> bool:
    if isinstance(node, cst.List | cst.Tuple):
        return bool(node.elements) and all(_is_symbolic(ctx, e.value, depth) for e in node.elements)
    if isinstance(node, cst.ListComp):
        return _is_symbolic(ctx, node.elt, depth)
    if isinstance(node, cst.Attribute):
        return node.attr.value in ("inputs", "outputs")
    if isinstance(node, cst.Subscript) and isinstance(node.slice[0].slice, cst.Slice):
        return _is_symbolic_list(ctx, node.value, depth)
    given = ctx.assigned(node) if isinstance(node, cst.Name) and depth else None
    return given is not None and _is_symbolic_list(ctx, given, depth - 1)
