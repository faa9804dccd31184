"""Without an old interpreter: the old definition through `portable_losses.compat` is recorded."""

import re
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses.codemod.verify import calls, replay
from portable_losses.codemod.verify.search import Maker, plan_class, plan_function, search

# What holds state in TensorFlow 1, and so is run in a graph, where its updates run.
STATE = re.compile(r"get_variable|\.Variable\(|\.assign|scatter_|placeholder|control_dependencies")


def run(job: dict[str, Any]) -> Any:
    job = job | {"source": job["compat"]}
    with open(job["source"], encoding="utf-8") as file:
        first, second = (_graph, _eager) if STATE.search(file.read()) else (_eager, _graph)

    def either(job: Any, maker: Maker) -> Any:
        try:
            return first(maker)
        except (NameError, ImportError, TimeoutError, calls.NotALoss, calls.NotAvailable):
            raise
        except Exception as error:
            again = Maker(
                job, maker.names, maker.target, maker.batch, maker.vectors, maker.pair
            )  # what the first attempt added is not of this one
            return replay.attempt(lambda: second(again), error=error)

    return search(job, replay.loader(job), either)


def _eager(maker: Maker) -> Any:
    if isinstance(maker.target, type):
        plan_class(maker, keras)
    else:
        plan_function(maker, _enter)
    plan = dict(maker.plan, how="eager", by=maker.by)
    arrays = {"tensor": maker.tensors}
    gradient: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    if plan["kind"] in ("metric", "layer"):
        given = (maker.constants, replay.as_arrays)
        output, weights = calls.stateful(plan, maker.names(), replay.tensors(arrays), *given, None)
        again, _ = calls.stateful(plan, maker.names(), replay.tensors(arrays), *given, weights)
    else:
        output, again = (_output(plan, maker, arrays) for _ in range(2))
        target = calls.made(plan, maker.names(), replay.tensors(arrays), maker.constants)
        function = replay.function_of(plan, target, maker.constants)
        if output and plan["by"] and output[0].dtype.kind == "f":
            by = plan["by"]
            gradient = replay.attempt(lambda: replay.slopes(function, by, arrays), lambda e: [])
    if not output:
        raise calls.NotALoss("the result holds no number")
    plan["random"] = calls.differ(again, output) is not None
    return maker.found(plan, output, gradient, weights)


def _output(plan: Any, maker: Maker, arrays: Any) -> list[np.ndarray]:
    given = (maker.names(), replay.tensors(arrays), maker.constants)
    target, positional, named = calls.bind(plan, *given)
    return replay.as_arrays(target(*positional, **named))


def _enter(maker: Maker) -> Any:
    given = (maker.names(), replay.tensors({"tensor": maker.tensors}), maker.constants)
    target, positional, named = calls.bind(maker.plan, *given)
    result = target(*positional, **named)
    return None if ops.is_tensor(result) else result


def _graph(maker: Maker) -> Any:
    tf = replay.MODULES["tf1"]
    if isinstance(maker.target, type):
        raise TypeError("classes of losses and metrics run on tensors")
    plan_function(maker, lambda maker: _enter_graph(tf, maker))
    plan = dict(maker.plan, how="graph", by=maker.by)
    given = (tf, plan, maker.names, maker.tensors, maker.constants)
    try:
        output, gradient, weights = calls.graph_results(*given)
    except LookupError:  # an operation without a gradient
        plan["by"] = []
        output, gradient, weights = calls.graph_results(*given)
    again, _, _ = calls.graph_results(*given, weights=weights)
    plan["random"] = calls.differ(again, output) is not None
    return maker.found(plan, output, gradient, weights)


def _enter_graph(tf: Any, maker: Maker) -> Any:
    with tf.Graph().as_default():
        holders = [tf.placeholder(a.dtype.name, a.shape) for a in maker.tensors]
        target, positional, named = calls.bind(maker.plan, maker.names(), holders, maker.constants)
        result = target(*positional, **named)
    return None if hasattr(result, "graph") or isinstance(result, np.ndarray) else result
