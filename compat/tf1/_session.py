"""`tf.Session`: values for the variables of a graph, and runs of it."""

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from portable_losses import _backend

from .. import _dispatch
from . import _infer
from ._computed import PADDED, Computed
from ._graph import Graph, Node, Operation, _sessions, get_default_graph
from ._random import RunSeed, seeds_of
from ._run import Frame, Plan, Values, is_known
from ._shapes import TensorShape
from ._variables import Captured, Variable, assign


class Program:
    """A plan as a function of tensors of one kind, compiled where the backend compiles."""

    def __init__(self, plan: Plan, fetches: list[Any], fed: list[Node], reads: list[Any]):
        self.plan, self.fetches, self.fed = plan, fetches, fed
        # Those whose values are the session's own, and come back changed; and the others.
        self.held = [v for v in reads if v in plan.written and not isinstance(v, Captured)]
        self.reads = [v for v in reads if v not in self.held]
        # Which results are known without a run: they pass by the compiler.
        self.constant: dict[int, Any] = {}
        self.messages: list[str] = []  # of tf.Print
        self.shows_padding = _shows_padding(plan, fetches)
        self.run = _backend.compiled(self._run, (_dispatch.DependsOnValues,))

    def _run(self, held: list[Any], values: list[Any], given: list[Any], seeds: Any) -> Any:
        if self.shows_padding and _backend.tracing():
            raise _dispatch.DependsOnValues("The number of distinct values is not known.")
        store = Values(dict(zip([*self.held, *self.reads], [*held, *values], strict=True)))
        frame = Frame(store, dict(zip(self.fed, given, strict=True)))
        places = {op: i for i, op in enumerate(self.plan.random)}
        frame.seeds = lambda op: RunSeed(seeds[places[op]])
        frame.run(self.plan)
        results = []
        for i, node in enumerate(self.fetches):
            value = frame.value(node)
            if is_known(value):
                self.constant[i] = value
                value = 0 if value.dtype == object else value
            results.append(keras.ops.convert_to_tensor(value))
        self.messages = [message for message, _ in frame.shown]
        written = [store.values.get(v) for v in self.plan.written]
        return (results, [values for _, values in frame.shown]), written


class Request:
    """What is fetched and fed by one call of `run`, made out once for all calls like it."""

    def __init__(self, structure: Any, asked: list[Any], fed: list[Node], plan: Plan):
        self.structure, self.fed, self.plan = structure, fed, plan
        self.nodes = [x for x in asked if isinstance(x, Node)]
        self.key = tuple(asked), tuple(fed)
        self.accepts: list[set[Any]] = [set() for _ in fed]  # kinds of arrays that were checked
        self.programs: dict[Any, Program] = {}  # by the kinds of what is fed
        self.known = -1  # how many variables had a value when the programs were chosen

    def results(self, found: list[Any]) -> Any:
        """What was found, in the structure of the fetches; None for an operation."""
        rest = iter(found)

        def result(x: Any) -> Any:
            if isinstance(x, Node):
                return next(rest)
            return None if isinstance(x, Operation) else _as_numpy(x)

        return _infer.replace(self.structure, result)


def _shows_padding(plan: Plan, fetches: list[Any]) -> bool:
    """Whether a program would show that `tf.unique` pads what it gives while it is compiled: its
    values and counts are fetched, or used for more than a gather from them."""
    operations = list(plan._all())
    padded = {
        output
        for op in operations
        if getattr(op, "old_name", None) in PADDED and not op.outputs[0].known
        for output in (op.outputs[0], *op.outputs[2:])
    }
    used = list(fetches)
    for op in operations:
        table = None
        if isinstance(op, Computed) and op.old_name == "tf.gather":
            table = op.args[0] if op.args else op.kwargs.get("params")
        used += [node for node in op.inputs if node is not table]
    return any(node in padded for node in used)


class Session:
    """`tf.Session`."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        self.graph = graph or get_default_graph()
        self.graph.in_use = True
        self._values: dict[Variable, Any] = {}
        self._programs: dict[Any, Program] = self.graph.programs  # of all its sessions
        seed = self.graph.seed
        self._generator = np.random.default_rng(seed)
        self._draws: Counter[Operation] = Counter()
        self._requests: dict[Any, Request] = {}
        self._closed = False

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """The values of `fetches`, in their structure; None for an operation."""
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        feed = feed_dict or {}
        request = self._request(fetches, feed)
        given = [
            value
            if type(value) is np.ndarray and (value.dtype, value.shape) in accepted
            else _fed(node, value, accepted)
            for node, value, accepted in zip(
                request.fed, feed.values(), request.accepts, strict=True
            )
        ]
        return request.results(self._compute(request, given))

    def _request(self, fetches: Any, feed: dict[Any, Any]) -> Request:
        kind = type(fetches)
        key: Any = (kind, tuple(fetches) if kind in (list, tuple) else fetches, tuple(feed))
        try:
            found = self._requests.get(key)
        except TypeError:  # fetches in lists within lists, or in a dict
            key, found = None, None
        if found is None:
            structure = _infer.replace(fetches, self._element)
            leaves = _infer.leaves_of(structure)
            asked = [x for x in leaves if isinstance(x, Node | Operation)]
            fed = [self._fed_node(x) for x in feed]
            if len(set(fed)) < len(fed):
                raise ValueError(f"A tensor is fed twice: {list(feed)}.")
            plan_key = (tuple(asked), tuple(fed))
            plan = self.graph.plans.get(plan_key)
            if plan is None:
                plan = self.graph.plans[plan_key] = Plan(asked, fed)
            found = Request(structure, asked, fed, plan)
            # A name may come to mean another variable: that of a later model's loss.
            named = any(isinstance(x, str) for x in _infer.leaves_of(fetches))
            if key is not None and len(asked) == len(leaves) and not named:
                self._requests[key] = found
        return found

    def _element(self, x: Any) -> Any:
        """What a fetch names."""
        if isinstance(x, _backend.Variable):
            return self.graph.variable(x)
        if keras.ops.is_tensor(x) and not isinstance(x, Node):
            return x  # a plain tensor has its value
        if x is None:
            raise TypeError("Fetch argument None has invalid type: None was fetched.")
        try:
            if isinstance(x, Node) and x.known and x.graph.floating:
                return x
            return self.graph.as_graph_element(x)
        except TypeError as error:
            raise TypeError(
                f"Fetch argument {x!r} has invalid type {type(x)}, must be a string or Tensor. "
                f"({error})"
            ) from None
        except (KeyError, ValueError) as error:
            message = error.args[0] if error.args else error
            raise ValueError(
                f"Fetch argument {x!r} cannot be interpreted as a Tensor. ({message})"
            ) from None

    def _fed_node(self, key: Any) -> Node:
        try:
            node = key if isinstance(key, Node) else self.graph.as_graph_element(key)
            if isinstance(node, Operation) or node.graph is not self.graph:
                raise ValueError(f"{node!r} is not an element of this graph.")
        except (KeyError, ValueError, TypeError) as error:
            message = error.args[0] if error.args else error
            raise TypeError(f"Cannot interpret feed_dict key as Tensor: {message}") from None
        return node

    def _program(self, request: Request, given: list[Any]) -> Program:
        if request.known != len(self._values):
            request.known, request.programs = len(self._values), {}
        kinds = tuple([(x.dtype, x.shape) for x in given])
        program = request.programs.get(kinds)
        if program is None:
            reads = [v for v in request.plan.variables if self._has(v)]
            key = (request.key, tuple(reads), kinds)
            program = self._programs.get(key)
            if program is None:
                program = Program(request.plan, request.nodes, request.fed, reads)
                self._programs[key] = program
            request.programs[kinds] = program
        return program

    def _compute(self, request: Request, given: list[Any]) -> list[Any]:
        program, plan, kept = self._program(request, given), request.plan, self._values
        held = [kept[v] for v in program.held]
        values = [kept[v] if v in kept else v.keras.value for v in program.reads]
        seeds: Any = seeds_of(plan.random, self._generator, self._draws) if plan.random else []
        try:
            (results, shown), written = program.run(held, values, given, seeds)
        except Exception as error:
            for node in request.key[0]:  # the line is in the user's code
                op = node if isinstance(node, Operation) else node.op
                error.add_note(f"In a run of {op.name!r} ({op.type}), made at {op.where()}.")
            raise
        for variable, value in zip(plan.written, written, strict=True):
            if value is not None:
                self._set(variable, value)
        for message, printed in zip(program.messages, shown, strict=True):
            print(message + "".join(f"[{_as_numpy(x)}]" for x in printed), file=sys.stderr)
        constant = program.constant
        return [_as_numpy(constant.get(i, value)) for i, value in enumerate(results)]

    def _has(self, variable: Variable) -> bool:
        return isinstance(variable, Captured) or variable in self._values

    def _set(self, variable: Variable, value: Any) -> None:
        if isinstance(variable, Captured):
            variable.keras.assign(value)
        else:
            self._values[variable] = _backend.keep(self._values.get(variable), value)

    def load(self, variable: Variable, value: Any) -> None:
        """Set the value of a variable."""
        array = np.asarray(value, str(variable.dtype))
        if not variable.shape.is_compatible_with(array.shape):
            raise ValueError(
                f"The value of shape {array.shape} does not fit {variable!r}, made at "
                f"{variable.op.where()}."
            )
        self._set(variable, _backend.owned(keras.ops.convert_to_tensor(array)))

    def value_of(self, variable: Variable) -> np.ndarray:
        """The value of a variable, as a NumPy array."""
        if not self._has(variable):
            raise variable.uninitialized()
        if isinstance(variable, Captured):
            value = variable.keras.value
        else:
            value = _backend.value_of(self._values[variable])
        return np.array(keras.ops.convert_to_numpy(value))  # a later run must not reach it

    def make_callable(
        self, fetches: Any, feed_list: Any = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        keys = list(feed_list or ())
        return lambda *given: self.run(fetches, dict(zip(keys, given, strict=True)))

    def partial_run(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            "partial_run: use one session.run for all fetches, with all feeds; or fetch what "
            "comes first, and feed its value to the second run."
        )

    partial_run_setup = partial_run

    def list_devices(self) -> list[Any]:
        return []

    @contextlib.contextmanager
    def as_default(self) -> Iterator["Session"]:
        with self.graph.as_default():
            _sessions.append(self)
            try:
                yield self
            finally:
                _sessions.remove(self)

    def __enter__(self) -> "Session":
        self._entered = self.as_default()
        return self._entered.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._entered.__exit__(*error)
        self.close()

    def close(self) -> None:
        self._closed = True

    @property
    def graph_def(self) -> Any:
        raise NotImplementedError("There is no GraphDef: the graph is made of Python functions.")


class InteractiveSession(Session):
    """`tf.InteractiveSession`: the default session from now on."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        super().__init__(target, graph, config)
        _sessions.append(self)

    def close(self) -> None:
        super().close()
        if self in _sessions:
            _sessions.remove(self)


def _fed(node: Node, value: Any, accepted: set[Any]) -> Any:
    """A fed value as an array or a tensor of the node's dtype. The kind of an array of which
    nothing but its kind had to be checked becomes one of those `accepted`."""
    if isinstance(value, Node):
        raise TypeError(
            "The value of a feed cannot be a tf.Tensor object. Acceptable feed values "
            "include Python scalars, strings, lists, numpy ndarrays. For reference, the "
            f"tensor object was {value!r} which was passed to the feed with key {node!r}."
        )
    dtype, made = str(node.dtype), f"{node!r}, made at {node.op.where()}"
    if keras.ops.is_tensor(value):
        array = value
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:  # rows of several lengths
            raise ValueError(f"Cannot feed {value!r} for {made}: {error}") from None
        if array.dtype.kind in "OUS":
            raise ValueError(f"Cannot feed {value!r} for {made}: it holds no numbers.")
        if array.dtype.kind == "f" and node.dtype.is_integer and np.any(array != np.round(array)):
            raise TypeError(f"Cannot feed fractions for {made}: it holds integers.")
    if not node.shape.is_compatible_with(tuple(array.shape)):
        raise ValueError(
            f"Cannot feed value of shape {tuple(array.shape)} for Tensor {node.name!r}, which has "
            f"shape {str(TensorShape(node.shape))!r}, made at {node.op.where()}."
        )
    here = _backend.canonical_dtype(dtype)
    if here != dtype and "int" in dtype and isinstance(array, np.ndarray) and array.size:
        low, high = np.iinfo(here).min, np.iinfo(here).max
        if array.min() < low or array.max() > high:
            raise ValueError(
                f"{node.name!r} was fed integers beyond {here}, in which this backend keeps "
                f"{dtype}. Ask JAX for 64 bits: jax.config.update('jax_enable_x64', True)."
            )
    if not isinstance(array, np.ndarray) or here == "bfloat16":
        return keras.ops.convert_to_tensor(array, dtype=here)
    if type(value) is np.ndarray and value.dtype == here:
        accepted.add((value.dtype, value.shape))
    return np.asarray(array, here)


def _as_numpy(x: Any) -> Any:
    """As TF1 returns it: a NumPy number for a scalar."""
    if not isinstance(x, np.ndarray | np.generic):
        x = keras.ops.convert_to_numpy(x)
    found = np.asarray(x)
    return found[()] if found.ndim == 0 else found


def get_default_session() -> Session | None:
    """`tf.get_default_session`."""
    return _sessions[-1] if _sessions else None


def graph_function(graph: Graph, inputs: Any, outputs: Any, updates: Any) -> Callable[..., Any]:
    """A function of the values of `inputs` that returns those of `outputs`, in their structure, and
    then runs `updates`: operations, or pairs of a variable and its new value. It runs in the
    default session, or in one of its own that it keeps."""
    own: list[Session] = []
    fed = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    with graph.as_default(), graph.control_dependencies(_infer.leaves_of(outputs)):
        pairs = [assign(*x).op if isinstance(x, tuple) else x for x in updates or ()]

    def call(given: Any) -> Any:
        session = get_default_session()
        if session is None or session.graph is not graph:
            if not own:
                own.append(Session(graph=graph))
            session = own[0]
        given = list(given) if isinstance(given, list | tuple) else [given]
        feed = dict(zip(fed, given, strict=True))
        return session.run([outputs, pairs], feed)[0]

    return call
