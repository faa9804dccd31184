"""Variables of a graph, and the operations that write them.

A graph has variables; their values belong to a session, or to the layer that runs the graph.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend

from .._k_variables import KVariable
from . import _infer
from ._dtypes import as_name
from ._graph import Graph, Node, Operation, Tensor, get_default_graph
from ._run import Ref
from ._sources import Identity, NoOp, as_node
from .errors import FailedPreconditionError


class GraphKeys:
    """`tf.GraphKeys`: the names of the collections that TF1 itself fills."""

    GLOBAL_VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    METRIC_VARIABLES = "metric_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    LOSSES = "losses"
    UPDATE_OPS = "update_ops"
    SUMMARIES = "summaries"
    TRAIN_OP = "train_op"
    GLOBAL_STEP = "global_step"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    READY_OP = "ready_op"
    SAVERS = "savers"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    CONCATENATED_VARIABLES = "concatenated_variables"
    TABLE_INITIALIZERS = "table_initializer"
    QUEUE_RUNNERS = "queue_runners"
    COND_CONTEXT = "cond_context"
    WHILE_CONTEXT = "while_context"


class VariableOp(Operation):
    def __init__(self, graph: Graph, name: str, variable: "Variable"):
        super().__init__(graph, "VariableV2", name, ())
        self.variable = variable
        self.outputs = [variable]  # type: ignore[list-item]  # which stands for its own tensor

    def compute(self, frame: Any) -> list[Any]:
        return [Ref(self.variable)]


class Write(Operation):
    """A change of a variable. Gives the variable, as it is after; takes no gradient."""

    writes = True

    def __init__(
        self,
        kind: str,
        ref: Node,
        change: Callable[..., Any],
        arguments: tuple[Any, ...],
        name: str | None = None,
        initializes: bool = False,
    ):
        """`ref`: the variable, or the result of the write that comes before this one."""
        super().__init__(ref.graph, kind, name, (ref, arguments))
        self.variable: Variable = variable_of(ref, kind)
        self.change, self.arguments = change, arguments
        self.initializes = initializes
        self.give(self.variable.views, str(self.variable.dtype))

    def compute(self, frame: Any) -> list[Any]:
        if not frame.frozen:

            def value(x: Any) -> Any:
                if not isinstance(x, Node):
                    return x
                return ops.stop_gradient(ops.convert_to_tensor(frame.value(x, self)))

            self.change(frame.store, self.variable, *_infer.replace(self.arguments, value))
        return [Ref(self.variable)]


class Variable(Node):
    """`tf.Variable`."""

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        use_resource: bool = False,
        *_: Any,
        **__: Any,
    ):
        graph = get_default_graph()
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        self.trainable, self.use_resource, self.constraint = trainable, use_resource, constraint
        full = graph.unique_name(name or "Variable")
        self.op = VariableOp(graph, full + "/", self)
        # Initial values are made outside of branches and loops, and depend on nothing around.
        with graph.inside(None), graph.name_scope(full + "/"):
            if callable(initial_value):
                initial_value = initial_value()
            initial = as_node(initial_value, graph, dtype)
            if dtype is not None and initial.dtype != as_name(dtype):
                raise ValueError(
                    f"The initial value of {full!r} has the dtype {initial.dtype}, and dtype="
                    f"{as_name(dtype)} was asked for."
                )
            self.initial_value = initial
            self.unshaped = str(initial.dtype)
            # Shape and dtype alone: what it holds initially is not what it holds.
            self.views = _infer.views_of(_infer.shape_of(initial.views), self.unshaped)
            if expected_shape is not None:
                self.set_shape(expected_shape)
            self.initializer: Operation = Write("Assign", self, _assign, (initial,), "Assign", True)
            self._read = Identity(graph, self, "read").outputs[0]
        if collections is None:
            collections = [GraphKeys.GLOBAL_VARIABLES]
        if trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
            collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
        for collection in collections:
            graph.add_to_collection(collection, self)

    def value(self) -> Tensor:
        return self._read

    def read_value(self) -> Tensor:
        return Identity(self.graph, self, "read").outputs[0]

    def initialized_value(self) -> Tensor:
        return InitializedValue(self).outputs[0]

    def uninitialized(self) -> FailedPreconditionError:
        name = self.op.name
        return FailedPreconditionError(
            f"Attempting to use uninitialized value {name}. Run "
            "session.run(tf.global_variables_initializer()) first, after all variables are made. "
            f"The variable was made at {self.op.where()}.",
            self.op,
        )

    def load(self, value: Any, session: Any = None) -> None:
        """Set the value in a session."""
        from ._graph import default_session

        default_session(session, "load").load(self, value)

    def assign(
        self, value: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        return assign(self, value, name=name)

    def assign_add(
        self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        return assign_add(self, delta, name=name)

    def assign_sub(
        self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        return assign_sub(self, delta, name=name)

    def count_up_to(self, limit: int) -> Tensor:
        raise NotImplementedError("count_up_to is for input queues. Use assign_add.")

    def __repr__(self) -> str:
        return f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype}_ref>"


class Captured(Variable):
    """A variable of Keras in a graph: it keeps its value itself."""

    def __init__(self, graph: Graph, variable: keras.Variable, name: str | None = None):
        self.keras, self.trainable, self.use_resource = variable, variable.trainable, False
        dtype = str(keras.backend.standardize_dtype(variable.dtype))
        self.views, self.unshaped = _infer.views_of(list(variable.shape), dtype), dtype
        with graph.inside(None), graph.name_scope(None):
            self.op = VariableOp(graph, name or variable.name, self)
            self.initial_value = None
            self.initializer = NoOp(graph, "NoOp", f"{self.op.name}/Assign")
            self._read = Identity(graph, self, f"{self.op.name}/read").outputs[0]


def captured(graph: Graph, variable: keras.Variable, name: str | None = None) -> Captured:
    """The node of a Keras variable in a graph, the same each time."""
    if id(variable) not in graph.captured:
        node = graph.captured[id(variable)] = Captured(graph, variable, name)
        if isinstance(variable, KVariable):  # TF1's K made a variable of the graph
            graph.add_to_collection(GraphKeys.GLOBAL_VARIABLES, node)
            if variable.trainable:
                graph.add_to_collection(GraphKeys.TRAINABLE_VARIABLES, node)
    return graph.captured[id(variable)]


class InitializedValue(Operation):
    """The value of a variable, or its initial one where it has none yet."""

    def __init__(self, variable: Variable):
        super().__init__(variable.graph, "cond", None, (variable, variable.initial_value))
        self.variable = variable
        self.give(variable.views, str(variable.dtype))

    def compute(self, frame: Any) -> list[Any]:
        variable, initial = self.inputs
        return [frame.value(variable if frame.store.has(variable) else initial, self)]


class IsInitialized(Operation):
    def __init__(self, variable: Variable, name: str | None):
        super().__init__(variable.graph, "IsVariableInitialized", name, (variable,))
        self.variable = variable
        self.give(_infer.views_of([], "bool"))

    def compute(self, frame: Any) -> list[Any]:
        return [ops.convert_to_tensor(frame.store.has(self.variable))]


# Writes -------------------------------------------------------------------------------------


def _assign(store: Any, variable: Variable, value: Any) -> None:
    store.write(variable, ops.cast(value, _backend.canonical_dtype(str(variable.dtype))))


def _assign_add(store: Any, variable: Variable, value: Any) -> None:
    before = store.read(variable)
    store.write(variable, before + ops.cast(value, before.dtype))


def _assign_sub(store: Any, variable: Variable, value: Any) -> None:
    before = store.read(variable)
    store.write(variable, before - ops.cast(value, before.dtype))


def variable_of(ref: Any, function: str) -> Variable:
    """The variable that `ref` is, or is the result of an assignment to."""
    while isinstance(ref, Tensor) and isinstance(ref.op, Write | Identity):
        ref = ref.op.inputs[0]
    if not isinstance(ref, Variable):
        if isinstance(ref, _backend.Variable):
            return captured(get_default_graph(), ref)
        raise TypeError(
            f"{function} changes a variable. Received: {ref!r}, which is a "
            f"{'value' if isinstance(ref, Node) else type(ref).__name__}."
        )
    return ref


def _write(kind: str, function: str, ref: Any, change: Any, value: Any, name: str | None) -> Tensor:
    variable = variable_of(ref, function)
    node = as_node(value, variable.graph, variable.dtype if not _has_dtype(value) else None)
    if not _infer.agree(node.dtype, variable.dtype):
        raise TypeError(
            f"{function} of {variable.name!r}, of dtype {variable.dtype}, was given a value of "
            f"dtype {node.dtype}. Use tf.cast."
        )
    if not node.shape.is_compatible_with(variable.shape) and not (
        kind != "Assign" and node.shape.ndims == 0
    ):
        raise ValueError(
            f"{function}: the value of shape {node.shape} does not fit the variable "
            f"{variable.name!r} of shape {variable.shape}."
        )
    first = ref if isinstance(ref, Node) else variable
    return Write(kind, first, change, (node,), name).outputs[0]


def _has_dtype(x: Any) -> bool:
    return isinstance(x, Node | _backend.Variable)


def assign(
    ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None, name: Any = None
) -> Tensor:
    """`tf.assign`: the variable, after it took the value."""
    return _write("Assign", "tf.assign", ref, _assign, value, name)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """`tf.assign_add`."""
    return _write("AssignAdd", "tf.assign_add", ref, _assign_add, value, name)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """`tf.assign_sub`."""
    return _write("AssignSub", "tf.assign_sub", ref, _assign_sub, value, name)


def variables_initializer(var_list: Any, name: str = "init") -> Operation:
    """`tf.variables_initializer`."""
    from ._control import group

    return group(*[variable.initializer for variable in var_list], name=name)


def global_variables_initializer() -> Operation:
    """`tf.global_variables_initializer`."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """`tf.local_variables_initializer`."""
    return variables_initializer(local_variables(), "init")


def global_variables(scope: str | None = None) -> list[Any]:
    """`tf.global_variables`."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Any]:
    """`tf.local_variables`."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """`tf.trainable_variables`."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """`tf.moving_average_variables`."""
    return get_default_graph().get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """`tf.model_variables`."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def add_to_collection(name: str, value: Any) -> None:
    """`tf.add_to_collection`."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """`tf.add_to_collections`."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """`tf.get_collection`: what was put there, as a list of its own."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: str) -> list[Any]:
    """`tf.get_collection_ref`: the list itself."""
    return get_default_graph().get_collection_ref(key)


class Uninitialized(Operation):
    """The names of variables without a value."""

    def __init__(self, graph: Graph, variables: list[Variable], name: str):
        super().__init__(graph, "Uninitialized", name, variables)
        self.variables = variables
        self.give(None, "string")

    def compute(self, frame: Any) -> list[Any]:
        missing = [v.op.name.encode() for v in self.variables if not frame.store.has(v)]
        return [np.array(missing, dtype=object)]


def report_uninitialized_variables(
    var_list: Any = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """`tf.report_uninitialized_variables`: names, as bytes."""
    found = [*global_variables(), *local_variables()] if var_list is None else list(var_list)
    made = Uninitialized(get_default_graph(), found, name)
    return made.outputs[0]


def is_variable_initialized(variable: Any, name: str | None = None) -> Tensor:
    """`tf.is_variable_initialized`."""
    return IsInitialized(variable, name).outputs[0]
