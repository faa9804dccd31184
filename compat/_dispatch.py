"""One rule for every old function: tensors are computed at once, a KerasTensor makes an operation
of the model, and a value that is computed later (a node of a TF1 graph) makes another such value.

An old function is written once, for tensors, under `operation`:

    @operation("K.square")
    def square(x):
        return ops.square(x)

Its body may call other old functions: while it runs, nothing is deferred.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import keras

from portable_losses import _backend

Function = TypeVar("Function", bound=Callable[..., Any])

# Every old function by its old name: a saved model finds it here again.
OPERATIONS: dict[str, Callable[..., Any]] = {}


class DependsOnValues(ValueError):
    """The shape of a result depends on values, which a compiled function does not know."""


class Deferred:
    """Abstract: a value that is computed later."""

    # Whether the value is there already (a constant): it may then meet tensors, too.
    known: bool = False

    def defer(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """`function(*args, **kwargs)`, later; this value is one of the arguments."""
        raise NotImplementedError

    def concrete(self) -> Any:
        """The value as a NumPy array, if it is known."""
        raise NotImplementedError

    def variable(self, variable: Any) -> Any:
        """A variable of Keras as a value of this kind, which can be assigned to."""
        raise NotImplementedError

    def gradients(self, variables: Any) -> Any:
        """The gradients of this value by `variables`, later."""
        raise NotImplementedError

    def function(self, inputs: Any, outputs: Any, updates: Any) -> Callable[..., Any]:
        """A function that computes `outputs` from `inputs` and then runs `updates`."""
        raise NotImplementedError


class _Mode:
    """Where functions of no tensors go, such as `tf.zeros([3])`; `tf1` sets it."""

    creator: Callable[[], Deferred | None] = staticmethod(lambda: None)
    computing: int = 0
    generator: Any = None
    padded: bool = True  # whether what is computed now may come from a `tf.unique` that pads


mode = _Mode()


@contextlib.contextmanager
def computing(padded: bool = True) -> Iterator[None]:
    """Within it old functions compute at once: their arguments are tensors."""
    before, mode.padded = mode.padded, padded
    mode.computing += 1
    try:
        yield
    finally:
        mode.computing -= 1
        mode.padded = before


@contextlib.contextmanager
def drawing(generator: Any) -> Iterator[None]:
    """Within it old functions draw their random numbers from this generator."""
    before, mode.generator = mode.generator, generator
    try:
        yield
    finally:
        mode.generator = before


def seed(given: int | None = None) -> Any:
    """What an old function passes to `keras.random` as `seed`: in a run of a graph, the run's."""
    return given if mode.generator is None else mode.generator


def current_graph() -> Deferred | None:
    """What defers functions of no tensors: the graph that is being built, if one is."""
    return None if mode.computing else mode.creator()


@keras.saving.register_keras_serializable("portable_losses.compat")
class OldOperation(keras.Operation):
    """An old function as an operation of a functional model, saved by its old name."""

    def __init__(self, function: str, name: str | None = None):
        super().__init__(name=name)
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        with computing():
            return OPERATIONS[self.function](*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        # Only what is symbolic is traced: on JAX, a shape must not be.
        specs = [x for x in _leaves((args, kwargs), []) if isinstance(x, keras.KerasTensor)]

        def compute(*tensors: Any) -> Any:
            given = dict(zip(map(id, specs), tensors, strict=True))

            def put(x: Any) -> Any:
                return given.get(id(x), x) if isinstance(x, keras.KerasTensor) else x

            new_args, new_kwargs = keras.tree.map_structure(put, (args, kwargs))
            return self.call(*new_args, **new_kwargs)

        return _backend.output_spec(compute, *specs)

    def get_config(self) -> dict[str, Any]:
        return {"function": self.function, "name": self.name}


def operation(old_name: str, *, random: bool = False) -> Callable[[Function], Function]:
    """Decorator: a function of tensors takes KerasTensors and deferred values too.

    Args:
        old_name: What the function was called, such as `"tf.reduce_sum"`.
        random: Whether it draws numbers: a deferred call then draws new ones in each run.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            leaves = _leaves((args, kwargs), [])
            later = [leaf for leaf in leaves if isinstance(leaf, Deferred)]
            symbolic = any(isinstance(leaf, keras.KerasTensor) for leaf in leaves)
            for leaf in later:
                if not leaf.known:
                    if symbolic:
                        raise _mixed(old_name, leaf)
                    return leaf.defer(call, args, kwargs)
            graph = current_graph()
            if later or (graph is not None and old_name.startswith("tf.")):
                if not symbolic and not any(_is_tensor(leaf, graph) for leaf in leaves):
                    return (graph or later[0]).defer(call, args, kwargs)
                args, kwargs = keras.tree.map_structure(_concrete, (args, kwargs))
            if symbolic:
                return OldOperation(old_name)(*args, **kwargs)
            if graph is None:
                return function(*args, **kwargs)
            with computing():
                return function(*args, **kwargs)

        # mypy gives functions no attributes of their own.
        call.old_name = old_name  # type: ignore[attr-defined]
        call.random = random  # type: ignore[attr-defined]
        OPERATIONS[old_name] = call
        return call  # type: ignore[return-value]  # it has the arguments of `function`

    return decorate


def _leaves(structure: Any, found: list[Any]) -> list[Any]:
    """What lists, tuples and dicts hold. (Dynamo cannot trace `keras.tree.flatten`.)"""
    if isinstance(structure, list | tuple):
        for part in structure:
            _leaves(part, found)
    elif isinstance(structure, dict):
        for part in structure.values():
            _leaves(part, found)
    else:
        found.append(structure)
    return found


def _is_tensor(leaf: Any, graph: Deferred | None) -> bool:
    if isinstance(leaf, _backend.Variable):  # state that a graph can take in
        return graph is None
    return keras.ops.is_tensor(leaf)


def _concrete(leaf: Any) -> Any:
    return leaf.concrete() if isinstance(leaf, Deferred) else leaf


def _mixed(old_name: str, leaf: Any) -> ValueError:
    return ValueError(
        f"{old_name} was given a KerasTensor together with {leaf!r}. A KerasTensor belongs to a "
        "functional model, a node to a TF1 graph, and nothing computes both. Make the node's "
        "part a layer of the model (tf1.GraphLoss takes a TF1 loss function as it is), or feed "
        "the graph through a tf.placeholder."
    )
