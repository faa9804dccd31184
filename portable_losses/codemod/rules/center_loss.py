"""The center loss of TF1 code: which of its many variants a function is, and the layer that has its
figures. The function stays, for the graph that calls it; the layer is put beside it."""

import re
from dataclasses import dataclass

import libcst as cst

from portable_losses.codemod._context import Context
from portable_losses.codemod._formula import Flow, Formula, as_code, contains, factors, mentions
from portable_losses.codemod._result import CHECK, NOTE

VARIABLES = ("tf.get_variable", "tf.Variable", "K.zeros", "K.variable")
GATHERS = ("tf.gather", "tf.nn.embedding_lookup", "K.gather")
MEANS = ("tf.reduce_mean", "K.mean")
SUMS = ("tf.reduce_sum", "K.sum")
_TWO = ("number", 2.0)
_LAST = (("number", 1.0), ("-", ("number", 0.0), ("number", 1.0)))  # of two axes: 1 or -1
_LAST_AXIS = [((n,), ()) for n in _LAST] + [((), (("axis", n),)) for n in _LAST]


@dataclass(frozen=True)
class Variant:
    """`None` where the function does something else than the layer can."""

    classes: str | None
    alpha: str | None
    update: str | None
    reduction: str | None
    runs: str  # "control dependency", "returned" or "never"
    initializer: str = ""
    factor: str = ""
    labels: str = ""  # the arguments of the function that are these
    features: str = ""
    exact: bool = False  # each part is as the layer has it, so that nobody need look


def apply(ctx: Context) -> None:
    for function in ctx.all(cst.FunctionDef):
        symbols = {ctx.symbol(call.func) for call in ctx.within(function, cst.Call)}
        scatters = symbols & {"tf.scatter_sub", "tf.scatter_add"}
        inner = ctx.within(function, cst.FunctionDef)
        if scatters and symbols & set(VARIABLES) and symbols & set(GATHERS) and not inner:
            variant = recognise(ctx, function)
            if variant:
                report(ctx, function, variant)


def is_known(ctx: Context, function: cst.FunctionDef) -> bool:
    """Whether there is a layer for it: a center loss of a kind that is recognised."""
    symbols = {ctx.symbol(call.func) for call in ctx.within(function, cst.Call)}
    if not symbols & {"tf.scatter_sub", "tf.scatter_add"} or not symbols & set(GATHERS):
        return False
    found = recognise(ctx, function)
    return bool(
        found
        and found.initializer != "?"
        and found.classes
        and found.alpha
        and found.update
        and found.reduction
    )


def recognise(ctx: Context, function: cst.FunctionDef) -> Variant | None:
    flow = Flow(ctx, function)
    update = next((c for c in flow.calls if c[1] in ("tf.scatter_sub", "tf.scatter_add")), None)
    if update is None or len(update[2]) < 3:
        return None
    centers, _, step = update[2][:3]
    gathered = [c for c in flow.calls if c[1] in GATHERS and c[2][:1] == (centers,)]
    if centers[:1] != ("call",) or not gathered:
        return None
    near = gathered[0]
    rule, alpha = _rule(step, near, update[1] == "tf.scatter_add")
    reduction, factor = _reduction(flow.returned[0] if flow.returned else ("text", ""), near)
    names = [param.name.value for param in function.params.params]
    labels = [n for n in names if contains(near[2][1:], ("name", n))]
    features = [n for n in names if contains(step, ("-", near, ("name", n)))]
    features += [n for n in names if contains(step, ("-", ("name", n), near))]
    return Variant(
        _classes(centers) if flow.straight else None,
        alpha,
        rule,
        reduction,
        _runs(ctx, function, flow, update),
        _initializer(centers, flow, function),
        factor,
        labels[0] if len(labels) == 1 else "",
        features[0] if features else "",
        len(gathered) == len(labels) == 1
        and bool(features)
        and _is_exact(ctx, function, flow, update, near, labels[0], features[0]),
    )


def _is_exact(
    ctx: Context,
    function: cst.FunctionDef,
    flow: Flow,
    update: Formula,
    near: Formula,
    labels: str,
    features: str,
) -> bool:
    """Whether the update and the loss are those of the layer to the last term, of arguments as
    they are given, with centers that no optimizer trains."""
    centers, index, step = update[2][:3]
    label, feature = ("name", labels), ("name", features)
    if index not in (label, *_largest(label)) or near[2:] != ((centers, index), ()):
        return False
    if ("trainable", ("name", "False")) not in centers[3]:
        return False
    if any(
        str(ctx.symbol(c.func)).endswith("stop_gradient") for c in ctx.within(function, cst.Call)
    ):
        return False
    differences = (("-", near, feature), ("-", feature, near))
    up, down = factors(step)
    counts = ("call", "tf.unique_with_counts", (index,), ())
    times = ("call", "tf.gather", (("item", counts, 2), ("item", counts, 1)), ())
    one = ("number", 1.0)
    if down not in ([], [times], [("+", one, times)], [("+", times, one)]):
        return False
    params = {param.name.value for param in function.params.params}
    if any(contains(dict(centers[3]).get("initializer"), ("name", name)) for name in params):
        return False  # a call may start the centers elsewhere, and the layer has one start
    known = params | set(ctx.names.top.bindings)
    rest = [f for f in up if f not in differences]
    rates = [f[2] if f[:2] == ("-", one) else f for f in rest]
    sizes = [c[1] for c in [*dict(centers[3]).values(), *centers[2]] if c[0] == "list"]
    if not all(f[0] == "number" or (f[0] == "name" and f[1] in known) for f in [*rates, *sizes]):
        return False
    up, _ = factors(flow.returned[0])
    cores = [f for f in up if contains(f, near)]
    squares: list[Formula] = [
        (kind, d, *two) for d in differences for kind, *two in (("square",), ("**", _TWO))
    ]
    sums: list[Formula] = [
        ("call", symbol, (square, *axis), keywords)
        for symbol in SUMS
        for square in squares
        for axis, keywords in _LAST_AXIS
    ]
    wanted: list[Formula] = [("call", "tf.nn.l2_loss", (d,), ()) for d in differences]
    wanted += [("call", symbol, (square,), ()) for symbol in (*SUMS, *MEANS) for square in squares]
    wanted += [("call", symbol, (rows,), ()) for symbol in MEANS for rows in sums]
    return len(cores) == 1 and cores[0] in wanted


def _largest(label: Formula) -> list[Formula]:
    """The class of one-hot labels, which the layer takes as they are."""
    found: list[Formula] = [("call", "K.argmax", (label,), ())]
    for symbol in ("tf.argmax", "tf.arg_max", "K.argmax"):
        found += [("call", symbol, (label, *axis), keywords) for axis, keywords in _LAST_AXIS]
    return found


def _rule(step: Formula, near: Formula, added: bool) -> tuple[str | None, str | None]:
    """The update rule, and what `alpha` is in it."""
    up, down = factors(step)
    differences = [f for f in up if f[0] == "-" and contains(f, near)]
    if len(differences) != 1:
        return None, None
    (difference,) = differences
    if (difference[1] == near) == added:  # the centers would move away from the features
        return None, None
    rest = [f for f in up if f is not difference]
    counts = [f for f in down if mentions(f, "tf.unique_with_counts")]
    if len(down) > len(counts) or len(counts) > 1 or len(rest) > 1:
        return None, None
    rate = rest[0] if rest else ("number", 1.0)
    if counts:
        one_more = counts[0][0] == "+" and ("number", 1.0) in counts[0]
        return ("count" if one_more else "mean"), as_code(rate)
    if rate[0] == "-" and rate[1] == ("number", 1.0):
        return "sum", as_code(rate[2])
    code = as_code(rate)
    return "sum", f"1 - {code}" if code else None


def _reduction(loss: Formula, near: Formula) -> tuple[str | None, str]:
    """The reduction, and a factor that stands before it."""
    up, down = factors(loss)
    cores = [f for f in up if contains(f, near)]
    if len(cores) != 1:
        return None, ""
    (core,) = cores
    rest = [f for f in up if f is not core]
    half = [f for f in rest if f == ("number", 0.5)] + [f for f in down if f == ("number", 2.0)]
    others = [f for f in rest if f not in half] + [f for f in down if f not in half]
    factor = (
        as_code(others[0]) if len(others) == 1 and not [f for f in down if f not in half] else ""
    )
    if others and not factor:
        return None, ""
    kind = _kind(core, near)
    if kind == "sum":
        kind = "half_sum" if half else None
    elif kind == "mean_of_sums" and half:
        kind = "half_mean_of_sums"
    elif half and kind is not None:
        kind = None
    return kind, factor or ""


def _kind(core: Formula, near: Formula) -> str | None:
    if core[0] != "call":
        return None
    _, symbol, args, keywords = core
    inner: Formula = args[0] if args else ("text", "")
    if symbol == "tf.nn.l2_loss":
        return "half_sum" if _is_difference(inner, near) else None
    axis = len(args) > 1 or bool(keywords)
    squares = inner[0] == "square" and _is_difference(inner[1], near)
    squares = squares or (inner[0] == "**" and _is_difference(inner[1], near))
    if symbol in MEANS and not axis:
        if squares:
            return "mean"
        if inner[0] == "call" and inner[1] in SUMS and (len(inner[2]) > 1 or inner[3]):
            deeper = inner[2][0]
            if deeper[0] in ("square", "**") and _is_difference(deeper[1], near):
                return "mean_of_sums"
    if symbol in SUMS and not axis and squares:
        return "sum"
    return None


def _is_difference(formula: object, near: Formula) -> bool:
    return isinstance(formula, tuple) and formula[0] == "-" and near in formula[1:]


def _classes(centers: Formula) -> str | None:
    args, keywords = centers[2], dict(centers[3])
    shape = keywords.get("shape")
    if shape is None:
        shape = next((a for a in args if a[0] == "list"), None)
    if shape is None or shape[0] != "list" or len(shape) < 2:
        return None
    return as_code(shape[1])


def _initializer(centers: Formula, flow: Flow, function: cst.FunctionDef) -> str:
    """What the centers start with, as code where it is not zeros; "?" where it is not known."""
    keywords = dict(centers[3])
    start = keywords.get("initializer")
    if start is None and centers[1] == "tf.get_variable" and len(args := centers[2]) > 3:
        start = args[3]
    if centers[1] == "K.zeros" or (start is None and centers[1] == "tf.Variable"):
        return "" if mentions(centers, "tf.zeros") or centers[1] == "K.zeros" else "?"
    for param in function.params.params:  # an argument counts by its default
        if start == ("name", param.name.value) and param.default is not None:
            start = flow.formula(param.default)
    if start is None:
        return "glorot_uniform"  # the default of tf.get_variable
    text = str(start)
    zero = "zeros" in text or (
        "constant_initializer" in text and ("('number', 0.0)" in text or "((), ())" in text)
    )
    return "" if zero else "?"


def _runs(ctx: Context, function: cst.FunctionDef, flow: Flow, update: Formula) -> str:
    if any(contains(d, update) for d in flow.dependencies):
        return "control dependency"
    place = next((n for n, value in enumerate(flow.returned) if contains(value, update)), None)
    if place is None:
        return "never"
    return "never" if is_dropped(ctx, function.name.value, place) else "returned"


def is_dropped(ctx: Context, name: str, place: int) -> bool:
    """Whether each call in this file throws the returned update away: `loss, _ = ...`."""
    calls = [c for c in ctx.all(cst.Call) if getattr(c.func, "value", "") == name]
    results = []
    for call in calls:
        assign = ctx.parent(call)
        if not isinstance(assign, cst.Assign):
            results.append(False)
            continue
        target = assign.targets[0].target
        elements = target.elements if isinstance(target, cst.Tuple) else ()
        kept = elements[place].value if place < len(elements) else None
        if not isinstance(kept, cst.Name):
            results.append(False)
            continue
        reads = [c for c in ctx.names.chains.values() if c.parts[0] == kept.value]
        results.append(kept.value.startswith("_") or not reads)
    return bool(results) and all(results)


@dataclass(frozen=True)
class Centers:
    """A center loss that got a layer: `factory(*settings)` makes it."""

    function: cst.FunctionDef
    variant: Variant
    factory: str
    settings: tuple[str, ...]


def settings_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


MEANING = {
    "count": "`alpha` is the step of the centers, divided by 1 + count",
    "mean": "`alpha` is the step towards the mean of the class in the batch",
    "sum": "`alpha` is the share of a center that is kept, and nothing divides by the count",
}
RUNS = {
    "control dependency": "The update hung on the loss and ran in validation too; the layer moves "
    "its centers in training only.",
    "returned": "The update was returned, for the caller to run; the layer does it in training.",
    "never": "Nothing in this file runs the update: the centers stayed where they started, and the "
    'loss was a penalty on the features. The layer keeps that by update="never".',
}


def report(ctx: Context, function: cst.FunctionDef, variant: Variant, alone: bool = False) -> None:
    name = function.name.value
    if not is_known(ctx, function):
        message = (
            f"`{name}` is a center loss of a kind that is not recognised (update: "
            f"{variant.update or 'unknown'}, reduction: {variant.reduction or 'unknown'}). It runs "
            f"through compat.tf1; {_hint(name)}"
        )
        if variant.runs == "never":
            message += " Nothing in this file runs its update."
        ctx.find(function, "center_loss", message, CHECK)
        return
    # The layer says more than the general advice about variables.
    ctx.found = [
        f for f in ctx.found if not (f[1] == "get_variable" and ctx.is_within(f[0], function))
    ]
    settings = _settings(variant)
    call = f"CenterLoss({', '.join(settings)})"
    scale = f" Its value is multiplied by {variant.factor}." if variant.factor else ""
    message = (
        f"`{name}` is `compat.{call}`: {MEANING[str(variant.update)]}. {RUNS[variant.runs]}{scale}"
    )
    if variant.runs == "never":
        ctx.silent(function, "S13", message, CHECK)
        _factory(ctx, function, variant, settings, alone)
        return
    made = _factory(ctx, function, variant, settings, alone)
    # Centers that moved in validation too give other figures from the first epoch on.
    same = made and variant.exact and variant.runs != "control dependency"
    ctx.find(function, "center_loss", message, NOTE if same else CHECK)


def _hint(name: str) -> str:
    """What a name may mean."""
    for source in ("island", "git", "angular"):
        if source in name.lower():
            return f'by its name it may be `compat.CenterLoss.preset("{source}", num_classes=...)`.'
    if re.search("ema|moving|average", name.lower()):
        return 'by its name it may be `compat.CenterLoss(num_classes, alpha, update="ema")`.'
    return "`portable_losses.compat.CenterLoss` lists what there is."


def _settings(variant: Variant) -> list[str]:
    never = variant.runs == "never"
    settings = [str(variant.classes), *([] if never else [f"alpha={variant.alpha}"])]
    settings.append(f'update="{"never" if never else variant.update}"')
    settings.append(f'reduction="{variant.reduction}"')
    if variant.initializer:
        settings.append(f'centers_initializer="{variant.initializer}"')
    return settings


def centers_of(ctx: Context, function: cst.FunctionDef, variant: Variant) -> Centers | None:
    name = function.name.value
    taken = {
        centers.factory
        for centers in ctx.centers.values()
        if isinstance(centers, Centers) and centers.function is not function
    }
    names = [f"make_{name.removeprefix('get_')}", f"make_{name}"]
    new = next((n for n in names if ctx.names.is_free(n) and n not in taken), None)
    top = isinstance(ctx.parent(function), cst.Module)
    if ctx.target == "compat" or not top or new is None:
        return None
    used = settings_of(" ".join(_settings(variant)))
    kept = tuple(p.name.value for p in function.params.params if p.name.value in used)
    return Centers(function, variant, new, kept)


def _factory(
    ctx: Context, function: cst.FunctionDef, variant: Variant, settings: list[str], alone: bool
) -> bool:
    """`make_center_loss(num_classes, alpha)` for a Keras 3 model, beside the function or alone."""
    centers = centers_of(ctx, function, variant)
    if centers is None:
        return False
    layer = ctx.need("portable_losses.compat", "CenterLoss", "CenterLoss")
    params = [
        ctx.module.code_for_node(p.with_changes(comma=cst.MaybeSentinel.DEFAULT)).strip()
        for p in function.params.params
        if p.name.value in centers.settings
    ]
    scale = f"\n\n    Multiply its value by {variant.factor}." if variant.factor else ""
    end = "\n    " if scale else ""
    params.sort(key=lambda text: "=" in text)
    text = (
        f"def {centers.factory}({', '.join(params)}):\n"
        f'    """`{function.name.value}` as a Keras layer: `layer(labels, features, training=...)`.'
        f'{scale}{end}"""\n'
        f"    return {layer}({', '.join(settings)})\n"
    )
    text = text.replace("\n", ctx.module.default_newline)  # those in the docstring too
    made = cst.parse_module(text, config=ctx.module.config_for_parsing).body[0]
    blank = [cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)]
    made = made.with_changes(leading_lines=function.leading_lines if alone else blank)
    ctx.edit(function, lambda old: made if alone else cst.FlattenSentinel([old, made]))
    ctx.centers[function.name.value] = centers
    return True
