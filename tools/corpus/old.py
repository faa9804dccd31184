"""The old side: find inputs a definition runs with; record inputs, results and gradients.

Runs in the environments of TensorFlow 1.15 (Python 3.7) and of Keras 2.15.
"""

import importlib
import sys

import numpy as np
import tensorflow as tf

from . import calls, inputs

V1 = tf.__version__.startswith("1.")
if V1:
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
FIXED = ("true", "labels", "mask", "batchindex")  # no gradient by these


class _Keras:
    """`import keras` where there is `tf.keras` alone, and modules by the names they once had."""

    roots = ("tensorflow.keras", "tensorflow.python.keras") if V1 else ("keras.src",)

    def find_spec(self, name, path=None, target=None):
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
            return importlib.machinery.ModuleSpec(name, self, is_package=package)
        return None

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        pass


sys.meta_path.append(_Keras())


def run_eager(job):
    """Keras 2.15 and TensorFlow 2.15, eagerly."""
    return _search(job, _try_eager)


def run_graph(job):
    """TensorFlow 1.15 in a graph, with a session."""
    return _search(job, _try_graph)


def _search(job, attempt):
    """The first inputs that give finite numbers, else the first that give any."""
    names = calls.load(job["source"])
    target = names[job["name"]]
    second, first_error = None, None
    for scheme, batch in inputs.schemes(job["name"]):
        for vectors in inputs.VARIANTS:
            for pair in (True, False):
                maker = _Maker(job, target, batch, vectors, pair)
                if not pair and not maker.pair_matters():
                    continue
                try:
                    found = attempt(job, maker)
                except (calls.NotALoss, TimeoutError):
                    raise
                except _Same:
                    continue
                except Exception as error:
                    first_error = first_error or error
                    if isinstance(error, (NameError, ImportError)):
                        raise
                    continue
                found["plan"]["scheme"] = scheme
                numbers = [x for x in found["output"] if x.dtype.kind in "fiub"]
                if numbers and all(np.isfinite(x).all() for x in numbers):
                    return _record(job, found)
                second = second or found
    if second:
        return _record(job, second)
    raise first_error or calls.NotALoss("nothing to call")


def _record(job, found):
    calls.save(job["record"], **found)
    return {"runs": True, "scheme": found["plan"]["scheme"], "random": found["plan"]["random"]}


def _found(maker, plan, output, gradient, weight):
    """The arrays of a record, by name."""
    given = {"tensor": maker.tensors, "constant": maker.constants}
    return dict(given, plan=plan, output=output, gradient=gradient, weight=weight)


class _Same(Exception):
    """This combination would repeat an earlier one."""


class _Maker:
    """Makes the plan of one attempt, step by step, as callables are found to return callables."""

    def __init__(self, job, target, batch, vectors, pair):
        self.batch, self.vectors, self.pair = batch, vectors, pair
        self.tensors, self.constants, self.by = [], [], []
        self.saw_vectors = False
        self.plan = {"name": job["name"], "construct": [], "method": "", "kind": "function"}
        self.names = lambda: calls.load(job["source"])
        self.target, self.job = target, job

    def pair_matters(self):
        """Whether two arguments were taken for a pair that may as well be numbers."""
        if isinstance(self.target, type):
            return False
        positional, named = inputs.parameters(self.target)
        names = positional + named
        return inputs.roles(names) != inputs.roles(names, pair=False)

    def arguments(self, function, skip=0, numbers=False):
        """Encoded arguments for what `function` requires."""
        positional, named = inputs.parameters(function)
        positional = positional[skip:]
        found = inputs.roles(positional + named, self.pair)
        if numbers:
            found = dict.fromkeys(found)
        code = {}
        for name, role in found.items():
            start = len(self.tensors)
            value = self.batch[role] if role else inputs.number(name, self.vectors)
            self.saw_vectors |= not role and bool(inputs.VECTORS.search(name))
            code[name] = calls.encode(value, self.tensors, self.constants, bool(role))
            if role not in FIXED:
                new = range(start, len(self.tensors))
                self.by += [i for i in new if self.tensors[i].dtype.kind == "f"]
        return {
            "positional": [code[n] for n in positional],
            "named": {n: code[n] for n in named},
        }, [r for r in found.values() if r]


def _plan_function(maker, enter):
    """Complete the plan of a function: `enter` tells whether a call gives another callable."""
    target = maker.target
    for _ in range(3):
        given, roles = maker.arguments(target)
        if roles:
            if maker.vectors != inputs.VARIANTS[0] and not maker.saw_vectors:
                raise _Same
            maker.plan["call"] = given
            result = enter(maker)
            if not callable(result):
                return
            del maker.plan["call"]
        else:
            positional, named = calls.decode(given, maker.tensors, maker.constants)
            result = target(*positional, **named)
            if not callable(result):
                raise TypeError("no argument is known to be a tensor")
        maker.plan["construct"].append(given)
        target = result
    raise TypeError("callables that give callables without end")


def _plan_class(maker):
    """Complete the plan of a class: construct, then what is to be called."""
    target, plan = maker.target, maker.plan
    given, _ = maker.arguments(target.__init__, skip=0, numbers=True)
    plan["construct"] = [given]
    keras = tf.keras
    if issubclass(target, keras.metrics.Metric):
        plan["kind"] = "metric"
        function = target.update_state
    elif issubclass(target, keras.losses.Loss):
        plan["kind"] = "loss"
        function = target.call
    elif "__call__" in maker.job["methods"]:  # called as a function, even where it is a layer
        function = target.__call__
    elif issubclass(target, keras.layers.Layer):
        plan["kind"] = "layer"
        function = target.call
    else:
        plan["method"] = next(m for m in maker.job["methods"] if hasattr(target, m))
        function = getattr(target, plan["method"])
    plan["call"], roles = maker.arguments(function)
    if not roles:
        raise TypeError("no argument is known to be a tensor")
    if maker.vectors != inputs.VARIANTS[0] and not maker.saw_vectors:
        raise _Same


def _try_eager(job, maker):
    if V1:
        raise TypeError("eager only on TensorFlow 2")
    if isinstance(maker.target, type):
        _plan_class(maker)
    else:
        _plan_function(maker, _enter_eager)
    plan = dict(maker.plan, how="eager", by=maker.by)
    tensors = [tf.constant(a) for a in maker.tensors]
    if plan["kind"] in ("metric", "layer"):
        output, weights = stateful(tf, plan, maker.names(), tensors, maker.constants)
        again, _ = stateful(tf, plan, maker.names(), tensors, maker.constants, weights)
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
    return _found(maker, plan, output, gradient, weights)


def _enter_eager(maker):
    tensors = [tf.constant(a) for a in maker.tensors]
    target, positional, named = calls.bind(maker.plan, maker.names(), tensors, maker.constants)
    result = target(*positional, **named)
    return None if isinstance(result, (tf.Tensor, tf.Variable, np.ndarray)) else result


def stateful(tf, plan, names, tensors, constants, weights=None):
    """A metric: two updates, result, reset, an update, result. A layer: two calls in training,
    what it added as losses, and its weights. Also the layer's weights before the two calls."""
    target, positional, named = calls.bind(plan, names, tensors, constants)
    if plan["kind"] == "metric":
        target.update_state(*positional, **named)
        target.update_state(*positional, **named)
        output = _arrays(target.result())
        reset = "reset_states" if "reset_states" in vars(type(target)) else "reset_state"
        getattr(target, reset)()
        target.update_state(*positional, **named)
        return output + _arrays(target.result()), []
    target(*positional, **named)
    if weights is None:
        weights = target.get_weights()
    target.set_weights(weights)
    output = []
    for _ in range(2):
        output += _arrays(target(*positional, **named))
    return output + _arrays(list(target.losses)) + target.get_weights(), weights


def _arrays(result):
    return [
        np.asarray(x)
        for x in tf.nest.flatten(result)
        if x is not None and not isinstance(x, str) and not callable(x)
    ]


def _gradients(plan, names, tensors, constants):
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
        for s, x in zip(slopes, by)  # noqa: B905
    ]


def _try_graph(job, maker):
    if isinstance(maker.target, type):
        _plan_class(maker)
    else:
        _plan_function(maker, _enter_graph)
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
    return _found(maker, plan, output, gradient, weights)


def _graph_layer(maker):
    """What `stateful` records of a layer, with the updates that it added run as in training."""
    plan = dict(maker.plan, how="eager", by=[], random=False)
    feed, output = {}, []
    with tf.Graph().as_default(), tf.Session() as session:
        tf.keras.backend.set_session(session)
        holders = [tf.placeholder(a.dtype.name, a.shape) for a in maker.tensors]
        target, positional, named = calls.bind(plan, maker.names(), holders, maker.constants)
        result = tf.nest.flatten(target(*positional, **named))
        feed = dict(zip(holders, maker.tensors))  # noqa: B905
        session.run(tf.global_variables_initializer())
        weights = [np.asarray(session.run(w)) for w in target.weights]
        updates = list(target.get_updates_for(None)) + list(target.get_updates_for(positional[0]))
        for _ in range(2):
            output += [np.asarray(session.run(x, feed)) for x in result]
            session.run(updates, feed)
        output += [np.asarray(session.run(w)) for w in target.weights]
    return _found(maker, plan, output, [], weights)


def _enter_graph(maker):
    with tf.Graph().as_default():
        holders = [tf.placeholder(a.dtype.name, a.shape) for a in maker.tensors]
        target, positional, named = calls.bind(maker.plan, maker.names(), holders, maker.constants)
        result = target(*positional, **named)
    return None if isinstance(result, (tf.Tensor, tf.Variable, np.ndarray)) else result
