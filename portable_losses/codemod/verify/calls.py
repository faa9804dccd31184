"""How a definition is called: a plan that is found on the old side and repeated on the new one.

Runs on Python 3.7 too. A plan is plain data: arrays are kept beside it and named by position.
"""

# ruff: noqa: B905, UP035  # of later Pythons than this runs on

from __future__ import annotations

import itertools
import json
import linecache
import re
import sys
import types
from typing import Any, Callable

import numpy as np

from . import guard
from .guard import NotAvailable as NotAvailable

_NUMBERS = itertools.count()


def load(job: Any, given: Any = None) -> dict[str, Any]:
    """The names of the module that the file `job["source"]` holds; guarded unless the job says
    `"trusted"`."""
    source = job["source"]
    # Where tracers look for the names of a function; they keep what they once found by its name.
    module = types.ModuleType(f"corpus_definition_{next(_NUMBERS)}")
    sys.modules[module.__name__] = module
    names = vars(module)
    if not job.get("trusted"):
        names.update(guard.namespace())
    names.update(given or {})
    with open(source) as file:
        text = file.read()
    linecache.checkcache(source)
    exec(compile(text, source, "exec"), names)  # in a process of its own, see worker.py
    return names


def bind(plan: Any, names: Any, tensors: Any, constants: Any) -> tuple[Any, Any, Any]:
    """The callable of the plan and its arguments."""
    positional, named = decode(plan["call"], tensors, constants)
    return made(plan, names, tensors, constants), positional, named


def made(plan: Any, names: Any, tensors: Any, constants: Any) -> Any:
    """The callable of the plan: the definition, or what it constructs."""
    target = names[plan["name"]]
    for given in plan["construct"]:
        positional, named = decode(given, tensors, constants)
        target = target(*positional, **named)
    return getattr(target, plan["method"]) if plan["method"] else target


def encode(value: Any, tensors: Any, constants: Any, as_tensor: bool) -> dict[str, Any]:
    """`value` as plain data; its arrays go to `tensors` or to `constants`."""
    if isinstance(value, (list, tuple)):
        return {"list": [encode(v, tensors, constants, as_tensor) for v in value]}
    if isinstance(value, (np.ndarray, np.generic)):
        keep, kind = (tensors, "tensor") if as_tensor else (constants, "constant")
        keep.append(np.asarray(value))
        return {kind: len(keep) - 1}
    if isinstance(value, dict):
        return {"dict": [list(item) for item in value.items()]}
    return {"value": value}


def decode(given: Any, tensors: Any, constants: Any) -> tuple[list[Any], dict[str, Any]]:
    def one(code: Any) -> Any:
        if "list" in code:
            return [one(c) for c in code["list"]]
        if "tensor" in code:
            return tensors[code["tensor"]]
        if "dict" in code:
            return dict(code["dict"])
        return constants[code["constant"]] if "constant" in code else code["value"]

    return [one(c) for c in given["positional"]], {k: one(c) for k, c in given["named"].items()}


def save(path: Any, plan: Any, **arrays: Any) -> None:
    """Write a record; each of `arrays` is a list."""
    flat: dict[str, Any] = {"plan": np.array(json.dumps(plan))}
    for name, values in arrays.items():
        for i, value in enumerate(values):
            flat[f"{name}_{i}"] = value
    np.savez(path, **flat)


def read(path: Any) -> tuple[Any, dict[str, Any]]:
    """Plan and lists of arrays of a record."""
    with np.load(path) as file:
        arrays: dict[str, Any] = {}
        for key in file.files:
            if key != "plan":
                name, i = key.rsplit("_", 1)
                arrays.setdefault(name, {})[int(i)] = file[key]
        plan = json.loads(str(file["plan"]))
    return plan, {n: [values[i] for i in sorted(values)] for n, values in arrays.items()}


def differ(found: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-6) -> str | None:
    """None, or a sentence: what differs between two lists of arrays."""
    if len(found) != len(expected):
        return f"{len(found)} results where {len(expected)} were expected"
    for i in range(len(found)):
        a, b = np.asarray(found[i]), np.asarray(expected[i])
        if a.shape != b.shape:
            return f"result {i} has shape {a.shape}, expected {b.shape}"
        if a.dtype.kind in "OSU" or b.dtype.kind in "OSU":
            continue
        a, b = a.astype("float64"), b.astype("float64")
        scale = np.max(np.abs(b[np.isfinite(b)])) if np.isfinite(b).any() else 1.0
        if not np.allclose(a, b, rtol=rtol, atol=atol * max(1.0, scale), equal_nan=True):
            with np.errstate(all="ignore"):
                bad = ~np.isclose(a, b, rtol=rtol, atol=atol * max(1.0, scale), equal_nan=True)
            where = tuple(np.argwhere(bad)[0])
            return f"result {i}: {a[where]:.7g}, expected {b[where]:.7g}"
    return None


def stateful(
    plan: Any, names: Any, tensors: Any, constants: Any, arrays: Callable[[Any], Any], weights: Any
) -> tuple[list[Any], Any]:
    """A metric: two updates, result, reset, an update, result. A layer: two calls in training,
    what it added as losses, and its weights. Also the layer's weights before the two calls; they
    are `weights` unless that is None."""
    target, positional, named = bind(plan, names, tensors, constants)
    if plan["kind"] == "metric":
        target.update_state(*positional, **named)
        target.update_state(*positional, **named)
        output = arrays(target.result())
        reset = "reset_states" if "reset_states" in vars(type(target)) else "reset_state"
        getattr(target, reset)()
        target.update_state(*positional, **named)
        return output + arrays(target.result()), []
    target(*positional, **named)
    if weights is None:
        weights = target.get_weights()
    target.set_weights(weights)
    output = []
    for _ in range(2):
        output += arrays(target(*positional, **named))
    return output + arrays(list(target.losses)) + target.get_weights(), weights


def graph_results(
    tf: Any, plan: Any, names: Any, arrays: Any, constants: Any, weights: Any = None, steps: int = 2
) -> tuple[list[Any], list[Any], list[Any]]:
    """Results and gradients of a definition in graph mode, by TF1's interface: TensorFlow 1.15's
    or compat's. Each fetch is run on its own, in order, `steps` times over, so that an update is
    seen and never races with a read. Also gives the variables' values before the first step."""
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        holders = [tf.placeholder(a.dtype.name, a.shape) for a in arrays]
        target, positional, named = bind(plan, names(), holders, constants)
        fetches = _fetches(target(*positional, **named))
        if not fetches:
            raise NotALoss("the result holds no tensor")
        slopes = _slopes(tf, fetches, [holders[i] for i in plan["by"]]) if "by" in plan else []
        variables = list(tf.global_variables()) + list(tf.local_variables())
        feed = dict(zip(holders, arrays))
        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
            before = [np.asarray(session.run(v)) for v in variables]
            # A metric may keep in one variable what it kept in four; such start at zero anyhow.
            if weights and [w.shape for w in weights] == [b.shape for b in before]:
                for variable, value, now in zip(variables, weights, before):
                    if not np.array_equal(value, now):
                        variable.load(value, session)
                before = weights
            gradients = [np.asarray(session.run(s, feed)) for s in slopes]
            if slopes:  # what the gradients moved
                for variable, value in zip(variables, before):
                    if not np.array_equal(value, session.run(variable)):
                        variable.load(value, session)
            found = []
            for _ in range(steps):
                for fetch in fetches:
                    value = session.run(fetch, feed) if hasattr(fetch, "graph") else fetch
                    if value is not None:
                        found.append(np.asarray(value))
    return found, gradients, before


def _fetches(result: Any) -> list[Any]:
    if isinstance(result, dict):
        result = [result[k] for k in sorted(result)]
    if isinstance(result, (list, tuple)):
        return [f for r in result for f in _fetches(r)]
    if result is None or isinstance(result, str):
        return []
    return [result]


def _slopes(tf: Any, fetches: Any, by: Any) -> list[Any]:
    first = fetches[0]
    if not by or not hasattr(first, "dtype") or not hasattr(first, "graph"):
        return []
    if tf.as_dtype(first.dtype).base_dtype not in (tf.float32, tf.float64):
        return []
    slopes = tf.gradients(tf.reduce_sum(first), by)
    return [tf.zeros_like(x) if s is None else tf.convert_to_tensor(s) for s, x in zip(slopes, by)]


def told(error: BaseException) -> str:
    """The line of an error that says what happened: where the first one only leads in, the last."""
    plain = re.sub("\x1b\\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip()] or ["no message"]
    if lines[0].startswith("Exception encountered when calling") and len(lines) > 1:
        return lines[1][:300]  # what Keras wraps
    return (lines[-1] if lines[0].endswith(":") else lines[0])[:300]


class NotALoss(Exception):
    """The definition runs and gives nothing to compare."""
