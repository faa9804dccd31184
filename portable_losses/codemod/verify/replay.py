"""Keras 3: what was recorded of a definition is run again, on the backend of this process."""

import importlib
import operator
import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend
from portable_losses.codemod.verify import calls

COMPAT = "portable_losses.compat"
Names = Callable[[], dict[str, Any]]


# Loaded once, before the processes fork; and Dynamo traces no import by `importlib`.
MODULES = {name: importlib.import_module(f"{COMPAT}.{name}") for name in ("K", "tf1", "keras2")}


def _compat(where: str, path: str) -> Any:
    """What an import statement redirected to `where` binds."""
    found = MODULES[where]
    for i, name in enumerate(parts := path.split(".") if path else []):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise ImportError(f"compat.{where} has no {'.'.join(parts[: i + 1])}") from None
    return found


def _compat_all(where: str, path: str) -> dict[str, Any]:
    found = _compat(where, path)
    names = getattr(found, "__all__", None) or [n for n in dir(found) if not n.startswith("_")]
    return {name: getattr(found, name) for name in names}


GIVEN = {"_compat": _compat, "_compat_all": _compat_all}


def loader(job: dict[str, Any]) -> Names:
    return lambda: calls.load(job, GIVEN)


def compare(job: dict[str, Any]) -> dict[str, Any]:
    """What the definition through compat and its rewrite give, each beside what was recorded."""
    return {
        side: attempt(_side(job, side), lambda error: {"error": calls_it(error)})
        for side in ("compat", "rewrite")
        if side in job
    }


def _side(job: dict[str, Any], side: str) -> Callable[[], dict[str, Any]]:
    given = job if side == "rewrite" else {k: v for k, v in job.items() if k != "layer"}
    return lambda: run(given | {"source": job[side]})


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Whether the definition executes, gives the recorded values and the recorded gradient."""
    plan, arrays = calls.read(job["record"])
    for kind in ("tensor", "constant", "output", "gradient", "weight"):
        arrays.setdefault(kind, [])
    names = loader(job)
    if "layer" in job:
        return of_layer(job["layer"], plan, names(), arrays)
    if plan["how"] == "graph":
        return _from_graph(plan, names, arrays, job["source"])
    return on_tensors(plan, names, arrays)


def _from_graph(plan: Any, names: Names, arrays: Any, source: str) -> dict[str, Any]:
    """In a graph of compat; a rewrite for tensors runs on these, once for each step."""
    with open(source, encoding="utf-8") as file:
        text = file.read()

    def on_arrays() -> dict[str, Any]:
        eager = plan | {"how": "eager"}
        return on_tensors(eager, names, arrays | {"output": once(arrays["output"])})

    roads = [lambda: in_graph(plan, names, arrays)]
    if "_compat(" not in text:
        roads.insert(len(roads) if re.search(r"\btf1\b", text) else 0, on_arrays)
    try:
        return roads[0]()
    except TimeoutError:
        raise
    except Exception as error:
        for road in roads[1:]:
            try:
                return road()
            except Exception:
                raise error from None
        raise


def of_layer(layer: Any, plan: Any, scope: dict[str, Any], arrays: Any) -> dict[str, Any]:
    """A layer in the place of a function that was recorded in a graph of TensorFlow 1. There each
    thing that the function returned was run on its own, in order, two steps over. Here the layer
    moves where an update was run, and what it owns is read where a variable was."""
    given = tensors(arrays)
    positional, named = calls.decode(plan["call"], given, arrays["constant"])
    values = dict(zip(layer["parameters"], positional, strict=False)) | named
    settings = {name: values[name] for name in layer["settings"] if name in values}
    made = scope[layer["name"]](**settings)
    inputs = [values[name] for name in layer["tensors"]]
    told = {"training": False} if layer["moves"] else {}
    made(*inputs, **told)  # which builds it
    _start(made, layer, arrays["weight"])
    found = []
    for _ in range(2):
        before = ""
        for what, name in layer["returned"]:
            if what == "value" or (what == "moves" and before != "moves"):
                moves = {"training": True} if what == "moves" or layer["hung"] else {}
                out = as_arrays(made(*inputs, **(told | moves)))
            if what == "value":
                found += [out[int(name)]] if name else out
            else:
                found.append(ops.convert_to_numpy(operator.attrgetter(name)(made)))
            before = what
    result = {"executes": True, "value": verdict(plan, found, arrays["output"])}
    if arrays["gradient"]:
        _start(made, layer, arrays["weight"])

        def function(*xs: Any) -> list[Any]:
            positional, named = calls.decode(plan["call"], xs, arrays["constant"])
            now = dict(zip(layer["parameters"], positional, strict=False)) | named
            return [_leaves(made(*(now[name] for name in layer["tensors"]), **told))[0]]

        result["gradient"] = attempt(
            lambda: verdict(
                plan, slopes(function, plan["by"], arrays), arrays["gradient"],
                rtol=1e-3, atol=1e-5,
            ),
            calls_it,
        )  # fmt: skip
    return result


def _start(made: Any, layer: Any, weights: list[np.ndarray]) -> None:
    for name, value in zip(layer["weights"], weights, strict=False):
        if name:
            operator.attrgetter(name)(made).assign(value)


def once(output: list[Any]) -> list[Any]:
    """The results of the first of two steps; they are those of both, or there is state."""
    half = len(output) // 2
    return output[:half] if not calls.differ(output[half:], output[:half]) else output


def in_graph(plan: Any, names: Names, arrays: Any, steps: int = 2) -> dict[str, Any]:
    given = (arrays["tensor"], arrays["constant"], arrays["weight"], steps)
    output, slopes, _ = calls.graph_results(MODULES["tf1"], plan, names, *given)
    result = {"executes": True, "value": verdict(plan, output, arrays["output"])}
    if arrays["gradient"]:
        result["gradient"] = verdict(plan, slopes, arrays["gradient"], rtol=1e-3, atol=1e-5)
    return result


def on_tensors(plan: Any, names: Names, arrays: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    constants, scope = arrays["constant"], names()
    if plan["kind"] in ("metric", "layer"):
        given = (tensors(arrays), constants, as_arrays, arrays["weight"])
        output, _ = calls.stateful(plan, scope, *given)
        return {"executes": True, "value": verdict(plan, output, arrays["output"])}
    target, positional, named = calls.bind(plan, scope, tensors(arrays), constants)
    try:
        output = as_arrays(target(*positional, **named))
    except Exception as error:
        if plan["kind"] not in ("function", "loss"):
            raise
        # What asks tensors for `get_shape()` and the like runs in a graph, whose nodes have it.
        return attempt(
            lambda: in_graph(plan, names, arrays, steps=1) | {"road": "graph"}, error=error
        )
    result = {"executes": True, "value": verdict(plan, output, arrays["output"])}
    if arrays["gradient"]:
        function = function_of(plan, target, constants)
        result["gradient"] = attempt(lambda: _gradients(plan, function, arrays), calls_it)
    return result


def function_of(plan: Any, target: Any, constants: Any) -> Callable[..., list[Any]]:
    """`target` as a function of the recorded tensors, which gives a list of them."""

    def function(*given: Any) -> list[Any]:
        positional, named = calls.decode(plan["call"], given, constants)
        return [ops.convert_to_tensor(x) for x in _leaves(target(*positional, **named))]

    return function


def slopes(function: Callable[..., Any], by: list[int], arrays: Any) -> list[np.ndarray]:
    """The gradients of the sum of the first result."""
    given = tensors(arrays)

    def scalar(*xs: Any) -> Any:
        now = list(given)
        for position, x in zip(by, xs, strict=True):
            now[position] = ops.add(x, 0)  # no leaf, as no prediction is: `/=` may write into it
        return ops.sum(ops.cast(function(*now)[0], "float32"))

    _, found = _backend.value_and_gradient(scalar, [given[position] for position in by])
    return [ops.convert_to_numpy(slope) for slope in found]


def _gradients(plan: Any, function: Any, arrays: dict[str, list[np.ndarray]]) -> str:
    found = slopes(function, plan["by"], arrays)
    return verdict(plan, found, arrays["gradient"], rtol=1e-3, atol=1e-5)


def tensors(arrays: dict[str, list[np.ndarray]]) -> list[Any]:
    """Tensors of their own: `y_pred /= ...` writes into PyTorch's."""
    return [ops.convert_to_tensor(np.array(a)) for a in arrays["tensor"]]


def calls_it(error: Exception) -> str:
    return f"{type(error).__name__}: {calls.told(error)}"


def attempt(
    function: Callable[[], Any],
    instead: Callable[[Exception], Any] | None = None,
    error: Exception | None = None,
) -> Any:
    """`function()`; where it fails, what `instead` makes of the failure, or `error` raised."""
    try:
        return function()
    except TimeoutError:
        raise
    except Exception as own:
        if instead is None:
            raise (error or own) from None
        return instead(own)


def verdict(plan: Any, found: Any, expected: Any, **tolerance: float) -> str:
    """Empty if all is well, else what differs. What is random is only run."""
    if plan["random"]:
        return ""
    return calls.differ(found, expected, **tolerance) or ""


def _leaves(result: Any) -> list[Any]:
    leaves = keras.tree.flatten(result)
    return [x for x in leaves if x is not None and not isinstance(x, str) and not callable(x)]


def as_arrays(result: Any) -> list[np.ndarray]:
    return [
        np.asarray(x) if isinstance(x, (np.ndarray, float, int, bool)) else ops.convert_to_numpy(x)
        for x in _leaves(result)
    ]
