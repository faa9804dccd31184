"""`tf.variable_scope` and `tf.get_variable`: variables by name, made once or shared."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ._dtypes import as_dtype, as_name
from ._graph import Graph, Node, get_default_graph
from ._initializers import glorot_uniform_initializer, zeros_initializer
from ._shapes import TensorShape, shape_list
from ._variables import GraphKeys, Variable


class _AutoReuse:
    def __repr__(self) -> str:
        return "AUTO_REUSE"


AUTO_REUSE = _AutoReuse()


class VariableScope:
    """`tf.VariableScope`: a prefix of names, and what variables made within share."""

    def __init__(
        self,
        reuse: Any = False,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        dtype: Any = "float32",
        use_resource: bool = False,
        custom_getter: Any = None,
        original_name_scope: str = "",
    ):
        self.reuse, self.name, self.initializer = reuse, name, initializer
        self.regularizer, self.dtype, self.use_resource = regularizer, dtype, use_resource
        self.custom_getter, self.original_name_scope = custom_getter, original_name_scope

    def reuse_variables(self) -> None:
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        self.initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        self.regularizer = regularizer

    def trainable_variables(self) -> list[Any]:
        return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, self._prefix)

    def global_variables(self) -> list[Any]:
        return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, self._prefix)

    @property
    def _prefix(self) -> str:
        return f"{self.name}/" if self.name else ""

    def __repr__(self) -> str:
        return f"<tf.VariableScope {self.name!r} reuse={self.reuse}>"


def _scopes(graph: Graph) -> list[VariableScope]:
    return graph.variable_store.setdefault("scopes", [VariableScope()])


def _made(graph: Graph) -> dict[str, Variable]:
    return graph.variable_store.setdefault("made", {})


def get_variable_scope() -> VariableScope:
    """`tf.get_variable_scope`."""
    return _scopes(get_default_graph())[-1]


@contextlib.contextmanager
def variable_scope(
    name_or_scope: Any,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: Any = None,
    constraint: Any = None,
    auxiliary_name_scope: bool = True,
) -> Iterator[VariableScope]:
    """`tf.variable_scope`: variables made within have its prefix; operations have one too, with
    a number where the scope was opened before."""
    if name_or_scope is None and default_name is None:
        raise TypeError("If default_name is None then name_or_scope is required")
    graph = get_default_graph()
    scopes, outer = _scopes(graph), _scopes(graph)[-1]
    given = name_or_scope if isinstance(name_or_scope, VariableScope) else None
    if given is not None:
        name = given.name
    else:
        own = name_or_scope if name_or_scope is not None else _unused(graph, outer, default_name)
        name = f"{outer.name}/{own}" if outer.name else own
    base = given or outer
    opened = VariableScope(
        reuse=reuse if reuse is not None else (outer.reuse or base.reuse),
        name=name,
        initializer=initializer or base.initializer,
        regularizer=regularizer or base.regularizer,
        dtype=dtype or base.dtype,
        use_resource=base.use_resource if use_resource is None else use_resource,
        custom_getter=custom_getter or base.custom_getter,
    )
    last = name.rsplit("/", 1)[-1]
    scoped = auxiliary_name_scope and last
    with graph.name_scope(last) if scoped else contextlib.nullcontext(graph.scope) as scope:
        opened.original_name_scope = scope
        scopes.append(opened)
        try:
            yield opened
        finally:
            scopes.pop()


def _unused(graph: Graph, outer: VariableScope, default_name: Any) -> str:
    """`default_name`, numbered as TF numbers it: by the scopes opened by default here."""
    prefix = f"{outer.name}/" if outer.name else ""
    used = graph.variable_store.setdefault("default_scopes", {})
    count = used.get(prefix + default_name, 0)
    used[prefix + default_name] = count + 1
    return f"{default_name}_{count}" if count else str(default_name)


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Variable:
    """`tf.get_variable`: the variable of this name in the scope that is open. It is made where
    the scope does not reuse, found where it does; anything else is an error, as in TF1."""
    scope = get_variable_scope()
    getter = custom_getter or scope.custom_getter
    settings = {
        "shape": shape,
        "dtype": dtype,
        "initializer": initializer,
        "regularizer": regularizer,
        "trainable": trainable,
        "collections": collections,
        "use_resource": use_resource,
    }
    full = f"{scope.name}/{name}" if scope.name else name
    if getter is not None:
        return getter(_get, full, **settings)
    return _get(full, **settings)


def _get(
    full: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    use_resource: bool | None = None,
    **_: Any,
) -> Variable:
    graph, scope = get_default_graph(), get_variable_scope()
    dtype = as_name(dtype or scope.dtype)
    found = _made(graph).get(full)
    if found is not None and not scope.reuse:
        raise ValueError(
            f"Variable {full} already exists, disallowed. Did you mean to set reuse=True or "
            f"reuse=tf.AUTO_REUSE in VarScope? Originally defined at: {found.op.where()}"
        )
    if found is not None:
        if shape is not None and not found.shape.is_compatible_with(shape):
            raise ValueError(
                f"Trying to share variable {full}, but specified shape {TensorShape(shape)} and "
                f"found shape {found.shape}."
            )
        if found.dtype != dtype:
            raise ValueError(
                f"Trying to share variable {full}, but specified dtype {dtype} and found dtype "
                f"{found.dtype}_ref."
            )
        return found
    if scope.reuse is True:
        raise ValueError(
            f"Variable {full} does not exist, or was not created with tf.get_variable(). Did you "
            "mean to set reuse=tf.AUTO_REUSE in VarScope?"
        )
    initial = _initial(full, shape, dtype, initializer or scope.initializer)
    kept = graph.scope, graph.control
    graph.scope, graph.control = "", ()  # the name is the scope's alone
    try:
        variable = Variable(
            initial,
            trainable=trainable is not False,
            collections=collections,
            name=full,
            dtype=dtype,
            use_resource=scope.use_resource if use_resource is None else use_resource,
        )
    finally:
        graph.scope, graph.control = kept
    _made(graph)[full] = variable
    regularizer = regularizer or scope.regularizer
    if regularizer is not None:
        with graph.name_scope(f"{full}/Regularizer/"):
            loss = regularizer(variable)
        if loss is not None:
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def _initial(full: str, shape: Any, dtype: str, initializer: Any) -> Any:
    """The initial value, or a function that makes it."""
    sizes = shape_list(shape) if shape is not None else None
    if initializer is None:
        kind = as_dtype(dtype)
        initializer = glorot_uniform_initializer() if kind.is_floating else zeros_initializer()
    elif isinstance(initializer, type):
        initializer = initializer()
    if not callable(initializer) or isinstance(initializer, Node):
        if shape is not None:
            raise ValueError("If initializer is a constant, do not specify shape.")
        return initializer
    if sizes is None or None in sizes:
        if shape is None and not hasattr(initializer, "dtype"):
            return initializer  # a function of no arguments
        raise ValueError(
            f"Shape of a new variable ({full}) must be fully defined, but instead was "
            f"{TensorShape(shape)}."
        )
    make: Callable[..., Any] = initializer
    return lambda: make(sizes, dtype=dtype)


@contextlib.contextmanager
def name_scope(
    name: str | None, default_name: str | None = None, values: Any = None
) -> Iterator[str]:
    """`tf.name_scope`: a prefix of the names of operations."""
    with get_default_graph().name_scope(name if name is not None else default_name) as scope:
        yield scope


op_scope = name_scope
