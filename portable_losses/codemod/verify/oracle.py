"""The old side: find inputs a definition runs with; record inputs, results and gradients.

Runs in the environments of TensorFlow 1.15 (Python 3.7) and of Keras 2.15: `migrate --verify
--oracle PYTHON` gives that Python the path of this folder. Its TensorFlow is no backend of Keras 3
but what old code means, so it is imported by its name, as nowhere else outside of `_backend`. No
module imports this one: `worker` loads it where the oracle was asked for.
"""

# ruff: noqa: B905  # of later Pythons than this runs on

from __future__ import annotations

import importlib.machinery
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from . import calls
from .search import Maker, plan_class, plan_function, search

V1 = tf.__version__.startswith("1.")
if V1:
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)


class _Keras:
    """`import keras` where there is `tf.keras` alone, and modules by the names they once had."""

    roots = ("tensorflow.keras", "tensorflow.python.keras") if V1 else ("keras.src",)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.split(".")[0] != "keras" or name.startswith("keras.src"):
            return None
        rest = name[len("keras") :].replace(".engine.topology", ".engine.base_layer")
        for root in self.roots:
            try:
                module = importlib.import_module(root + rest)
            except ImportError:
                continue
            self.module = module
            package = hasattr(module, "__path__")
            loader: Any = self
            return importlib.machinery.ModuleSpec(name, loader, is_package=package)
        return None

    def create_module(self, spec: Any) -> Any:
        return self.module

    def exec_module(self, module: Any) -> None:
        pass


sys.meta_path.append(_Keras())


def run_eager(job: Any) -> Any:
    """Keras 2.15 and TensorFlow 2.15, eagerly."""
    return search(job, lambda: calls.load(job), _try_eager)


def run_graph(job: Any) -> Any:
    """TensorFlow 1.15 in a graph, with a session."""
    return search(job, lambda: calls.load(job), _try_graph)


def run(job: Any) -> Any:
    """Whichever this is, and its name."""
    found = run_graph(job) if V1 else run_eager(job)
    return dict(found, by="TensorFlow " + tf.__version__)


def _try_eager(job: Any, maker: Maker) -> Any:
    if V1:
        raise TypeError("eager only on TensorFlow 2")
    if isinstance(maker.target, type):
        plan_class(maker, tf.keras)
    else:
        plan_function(maker, _enter_eager)
    plan = dict(maker.plan, how="eager", by=maker.by)
    tensors = [tf.constant(a) for a in maker.tensors]
    if plan["kind"] in ("metric", "layer"):
        given = (tensors, maker.constants, _arrays)
        output, weights = calls.stateful(plan, maker.names(), *given, None)
        again, _ = calls.stateful(plan, maker.names(), *given, weights)
        gradient = []
    else:
        weights = []
        target, positional, named = calls.bind(plan, maker.names(), tensors, maker.constants)
        output = _arrays(target(*positional, **named))
        target, positional, named = calls.bind(plan, maker.names(), tensors, maker.constants)
        again = _arrays(target(*positional, **named))
        gradient = _gradients(plan, maker.names(), tensors, maker.constants)
    if not output:
        raise calls.NotALoss("the result holds no number")
    plan["random"] = calls.differ(again, output) is not None
    return maker.found(plan, output, gradient, weights)


def _enter_eager(maker: Maker) -> Any:
    tensors = [tf.constant(a) for a in maker.tensors]
    target, positional, named = calls.bind(maker.plan, maker.names(), tensors, maker.constants)
    result = target(*positional, **named)
    return None if isinstance(result, (tf.Tensor, tf.Variable, np.ndarray)) else result


def _arrays(result: Any) -> list[Any]:
    return [
        np.asarray(x)
        for x in tf.nest.flatten(result)
        if x is not None and not isinstance(x, str) and not callable(x)
    ]


def _gradients(plan: Any, names: Any, tensors: Any, constants: Any) -> list[Any]:
    """Of the sum of the first result, if it is a float."""
    by = [tensors[i] for i in plan["by"]]
    try:
        with tf.GradientTape() as tape:
            tape.watch(by)
            target, positional, named = calls.bind(plan, names, tensors, constants)
            first = tf.nest.flatten(target(*positional, **named))[0]
            if not by or not first.dtype.is_floating:
                return []
            first = tf.reduce_sum(first)
        slopes = tape.gradient(first, by)
    except Exception:
        return []
    return [
        np.zeros(x.shape, "float32") if s is None else tf.convert_to_tensor(s).numpy()
        for s, x in zip(slopes, by)
    ]


def _try_graph(job: Any, maker: Maker) -> Any:
    if isinstance(maker.target, type):
        plan_class(maker, tf.keras)
    else:
        plan_function(maker, _enter_graph)
    if maker.plan["kind"] == "layer":
        return _graph_layer(maker)
    if maker.plan["kind"] in ("loss", "metric"):
        raise TypeError("classes of losses and metrics run eagerly")
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


def _graph_layer(maker: Maker) -> Any:
    """As `calls.stateful`, with the updates that the layer added run as in training."""
    plan = dict(maker.plan, how="eager", by=[], random=False)
    feed, output = {}, []
    with tf.Graph().as_default(), tf.Session() as session:
        tf.keras.backend.set_session(session)
        holders = [tf.placeholder(a.dtype.name, a.shape) for a in maker.tensors]
        target, positional, named = calls.bind(plan, maker.names(), holders, maker.constants)
        result = tf.nest.flatten(target(*positional, **named))
        feed = dict(zip(holders, maker.tensors))
        session.run(tf.global_variables_initializer())
        weights = [np.asarray(session.run(w)) for w in target.weights]
        updates = list(target.get_updates_for(None)) + list(target.get_updates_for(positional[0]))
        for _ in range(2):
            output += [np.asarray(session.run(x, feed)) for x in result]
            session.run(updates, feed)
        output += [np.asarray(session.run(w)) for w in target.weights]
    return maker.found(plan, output, [], weights)


def _enter_graph(maker: Maker) -> Any:
    with tf.Graph().as_default():
        holders = [tf.placeholder(a.dtype.name, a.shape) for a in maker.tensors]
        target, positional, named = calls.bind(maker.plan, maker.names(), holders, maker.constants)
        result = target(*positional, **named)
    return None if isinstance(result, (tf.Tensor, tf.Variable, np.ndarray)) else result
