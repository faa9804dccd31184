"""The new side: the recorded calls through `portable_losses.compat`, on any backend."""

import importlib
from typing import Any

import keras
import numpy as np
from keras import ops

from tests import autodiff

from . import calls

COMPAT = "portable_losses.compat"
autodiff.compiled(abs)  # loads the tracer once, before the processes fork


# Loaded once, too; and Dynamo traces an import in a function, but not `importlib`.
_MODULES = {name: importlib.import_module(f"{COMPAT}.{name}") for name in ("K", "tf1", "keras2")}


def _compat(where: str, path: str) -> Any:
    """What an import statement redirected to `where` binds."""
    found = _MODULES[where]
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


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Whether the definition executes, agrees, compiles and has the same gradient here."""
    plan, arrays = calls.read(job["record"])
    for kind in ("tensor", "constant", "output", "gradient", "weight"):
        arrays.setdefault(kind, [])
    given = {"_compat": _compat, "_compat_all": _compat_all}

    def names() -> dict[str, Any]:
        return calls.load(job["source"], given)

    return (_graph if plan["how"] == "graph" else _eager)(plan, names, arrays)


def _graph(plan: Any, names: Any, arrays: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    tf = _MODULES["tf1"]
    call = (tf, plan, names, arrays["tensor"], arrays["constant"], arrays["weight"])
    output, slopes, _ = calls.graph_results(*call)
    result = {"executes": True, "value": _verdict(plan, output, arrays["output"])}
    if arrays["gradient"]:
        result["gradient"] = _verdict(plan, slopes, arrays["gradient"], rtol=1e-3, atol=1e-5)
    return result


def _eager(plan: Any, names: Any, arrays: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    tensors = [ops.convert_to_tensor(a) for a in arrays["tensor"]]
    constants, module = arrays["constant"], names()
    if plan["kind"] in ("metric", "layer"):
        output = _stateful(plan, module, tensors, constants, arrays["weight"])
        return {"executes": True, "value": _verdict(plan, output, arrays["output"])}
    target, positional, named = calls.bind(plan, module, tensors, constants)
    try:
        output = _arrays(target(*positional, **named))
    except Exception as error:
        if plan["kind"] not in ("function", "loss"):
            raise
        return _as_graph(plan, names, arrays, error)
    result = {"executes": True, "value": _verdict(plan, output, arrays["output"])}

    def function(*given: Any) -> Any:
        positional, named = calls.decode(plan["call"], given, constants)
        return [ops.convert_to_tensor(x) for x in _leaves(target(*positional, **named))]

    def compiled() -> str:
        # Tensors of their own: `y_pred /= ...` writes into PyTorch's.
        given = [ops.convert_to_tensor(a) for a in arrays["tensor"]]
        return _verdict(plan, _arrays(autodiff.compiled(function)(*given)), arrays["output"])

    result["compiled"] = _attempt(compiled)
    if arrays["gradient"]:
        result["gradient"] = _attempt(lambda: _gradients(plan, function, arrays))
    return result


def _as_graph(plan: Any, names: Any, arrays: Any, error: Exception) -> dict[str, Any]:
    """What asks tensors for `get_shape()` and the like runs in a graph, whose nodes have it."""
    given = (arrays["tensor"], arrays["constant"])
    try:
        output, slopes, _ = calls.graph_results(_MODULES["tf1"], plan, names, *given, steps=1)
    except Exception:
        raise error from None
    result = {"executes": True, "road": "graph", "value": _verdict(plan, output, arrays["output"])}
    if arrays["gradient"]:
        result["gradient"] = _verdict(plan, slopes, arrays["gradient"], rtol=1e-3, atol=1e-5)
    return result


def _gradients(plan: Any, function: Any, arrays: dict[str, list[np.ndarray]]) -> str:
    found = []
    for position in plan["by"]:

        def scalar(x: Any, position: int = position) -> Any:
            given = [ops.convert_to_tensor(a) for a in arrays["tensor"]]
            given[position] = x
            return ops.sum(ops.cast(function(*given)[0], "float32"))

        try:
            found.append(autodiff.gradient(scalar, arrays["tensor"][position]))
        except RuntimeError as error:
            if "does not require grad" not in str(error):
                raise
            found.append(np.zeros(arrays["tensor"][position].shape))
    return _verdict(plan, found, arrays["gradient"], rtol=1e-3, atol=1e-5)


def _attempt(function: Any) -> Any:
    try:
        return function()
    except TimeoutError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {calls.told(error)}"


def _verdict(plan: Any, found: Any, expected: Any, **tolerance: float) -> str:
    """Empty if all is well, else what differs. What is random is only run."""
    if plan["random"]:
        return ""
    return calls.differ(found, expected, **tolerance) or ""


def _leaves(result: Any) -> list[Any]:
    leaves = keras.tree.flatten(result)
    return [x for x in leaves if x is not None and not isinstance(x, str) and not callable(x)]


def _arrays(result: Any) -> list[np.ndarray]:
    return [
        x if isinstance(x, (np.ndarray, float, int, bool)) else ops.convert_to_numpy(x)
        for x in _leaves(result)
    ]


def _stateful(plan: Any, module: Any, tensors: Any, constants: Any, weights: Any) -> Any:
    """As `old.stateful`, with Keras 3."""
    target, positional, named = calls.bind(plan, module, tensors, constants)
    if plan["kind"] == "metric":
        target.update_state(*positional, **named)
        target.update_state(*positional, **named)
        output = _arrays(target.result())
        reset = "reset_states" if "reset_states" in vars(type(target)) else "reset_state"
        getattr(target, reset)()
        target.update_state(*positional, **named)
        return output + _arrays(target.result())
    target(*positional, **named)
    target.set_weights(weights)
    output = []
    for _ in range(2):
        output += _arrays(target(*positional, **named))
    return output + _arrays(list(target.losses)) + target.get_weights()
