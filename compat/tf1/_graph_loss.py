"""A TF1 loss function, as it is, as a loss of Keras with state."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from portable_losses import _backend
from portable_losses.losses import StatefulLoss

from .._k_variables import KVariable
from . import _infer
from ._checkpoints import read_values
from ._graph import Graph, Node, Operation
from ._run import Frame, Plan, take_rows
from ._sources import placeholder
from ._variables import Captured, GraphKeys, Variable, VariableOp, Write
from .errors import carry_notes

UPDATES = ("returned", "collection")


class Weights:
    """The variables of a graph during a step: weights of a layer, changed where they are."""

    def __init__(self, weights: Mapping[Any, keras.Variable], plan: Plan):
        self.weights, self.written = weights, set(plan.written)

    def _of(self, variable: Variable) -> keras.Variable:
        return variable.keras if isinstance(variable, Captured) else self.weights[variable]

    def has(self, variable: Variable) -> bool:
        return True

    def read(self, variable: Variable) -> Any:
        value = ops.convert_to_tensor(self._of(variable))
        # A later update in place must not reach what was read before.
        return _backend.snapshot(value) if variable in self.written else value

    def take_rows(self, variable: Variable, rows: Any) -> Any:
        return take_rows(self._of(variable), rows)

    def write(self, variable: Variable, value: Any) -> None:
        self._of(variable).assign(value)

    def add_rows(self, variable: Variable, rows: Any, values: Any) -> None:
        _backend.add_rows(self._of(variable), rows, values)


class Trace:
    """The graph of the function for one kind of labels and features."""

    def __init__(self, loss: "GraphLoss", specs: dict[str, tuple[Any, str]]):
        self.graph = Graph()
        with self.graph.as_default():
            self.inputs = {
                name: placeholder(dtype, shape, name) for name, (shape, dtype) in specs.items()
            }
            given = [self.inputs[name] for name in loss.inputs]
            result = loss.function(*given, **loss.function_settings)
        leaves = [x for x in _infer.leaves_of(result) if x is not None]
        self.loss = self._loss(loss, leaves)
        updates: list[Any] = []
        if "returned" in loss.updates:
            others = [x for x in leaves if x is not self.loss and isinstance(x, Node | Operation)]
            updates += [x for x in others if not isinstance(x, Variable)]
        if "collection" in loss.updates:
            updates += self.graph.get_collection(GraphKeys.UPDATE_OPS)
        fed = list(self.inputs.values())
        self.moving = Plan([self.loss, *updates], fed)
        self.still = Plan([self.loss], fed, frozen=True)
        self.variables = {
            op.name: op.variable
            for op in self.graph.get_operations()
            if isinstance(op, VariableOp) and not isinstance(op.variable, Captured)
        }
        self._require_weights(loss.function_name)

    def _require_weights(self, function: str) -> None:
        for op in self.graph.get_operations():
            made = getattr(op.variable, "keras", None) if isinstance(op, Write) else None
            if isinstance(made, KVariable):
                raise ValueError(
                    f"The function {function!r} updates {made.name!r}, which K made, "
                    f"at {op.where()}. It is no weight of this layer: a compiled step would lose "
                    "the update. Make it within the function, with tf.get_variable."
                )

    def _loss(self, loss: "GraphLoss", leaves: list[Any]) -> Node:
        found = leaves[loss.loss_output] if loss.loss_output < len(leaves) else None
        if isinstance(found, Node) and found.dtype.is_floating:
            if not isinstance(found, Variable) and not isinstance(found.op, Write):
                return found
        raise ValueError(
            f"The function {loss.function_name!r} must return the loss, alone or first of "
            f"several. Received: {leaves}. `loss_output` says which of them is the loss."
        )

    def never_run(self) -> list[Write]:
        """The updates that are made and do not run, in training either."""
        runs = set(self.moving._all())
        return [
            op
            for op in self.graph.get_operations()
            if isinstance(op, Write) and not op.initializes and op not in runs and op.block is None
        ]


class _Traces:
    """What the layer keeps and Keras does not look into."""

    def __init__(self) -> None:
        self.by_kind: dict[Any, Trace] = {}
        self.weights: dict[str, keras.Variable] = {}


@keras.saving.register_keras_serializable("portable_losses.compat")
class GraphLoss(StatefulLoss):
    """A loss function of TF1 code, unchanged, as a loss with state.

    The function builds a graph, as it did in TF1: it calls `tf.get_variable`, `tf.scatter_sub`,
    `tf.control_dependencies`. Its variables become weights of this layer, trainable or not as it
    made them: saved, resumed, and changed where they are. Give the layer to
    `portable_losses.training.LossModel` or `LossEndpoint`.

    In a training step its updates run as they did in a TF1 run that fetched the loss: those that
    the loss depends on, by data or by `tf.control_dependencies`; and those that the caller ran
    besides, which `updates` says. An update that is left over never runs, as in TF1, and a warning
    names it.

    In evaluation nothing is written: where the loss reads what an update would have left, it reads
    the variable as it is. TF1 ran the updates on which the loss depends in validation, too:
    `update_in_eval=True`.

    Args:
        function: The function. It returns the loss, one number or one per sample, alone or with
            others, such as `(loss, centers, update_op)`.
        settings: What the function is given by name, such as `{"alpha": 0.5, "num_classes": 10}`.
        inputs: Which of `"y_true"` and `"y_pred"` the function is given, in its order. Facenet's
            `center_loss(features, label, ...)` takes `("y_pred", "y_true")`.
        updates: Which updates the caller ran besides: `"returned"`, operations and tensors that
            the function returns beside the loss; `"collection"`, those that it put into
            `tf.GraphKeys.UPDATE_OPS`. `()` for code whose caller dropped them.
        update_in_eval: Whether updates run in evaluation too, as TF1 ran them.
        loss_output: Which of the returned values is the loss.
        label_shape: The shape of one label, `()` for class ids, `(C,)` for one-hot rows. Labels of
            another shape, when they come, are taken as they are; variables are made with this.
            None tries class ids, then labels like the predictions.
        label_dtype: The dtype of the labels, for the same purpose.
        reduction: How a loss with one value per sample is reduced; a loss that is one number
            stays what it is.
        name, dtype: As for any Keras layer.

    Call:
        `loss(y_true, y_pred, sample_weight=None, training=...)`. Weights and masks need a loss
        with one value per sample.

    Attributes:
        tf1_variables: The weights by their names in TF1, such as `"centers:0"`.

    Raises:
        ValueError: where the function does not return a loss; where `training` is not said; for
            weights of a loss that is one number.

    Examples:
        >>> import portable_losses.compat.tf1 as tf
        >>> def pull(labels, features):
        ...     centers = tf.get_variable(
        ...         "centers", [2, 2], initializer=tf.zeros_initializer(), trainable=False
        ...     )
        ...     moved = tf.assign_add(centers, tf.identity(centers) + 1.0)
        ...     with tf.control_dependencies([moved]):
        ...         return features[0, 0] * 2.0
        >>> loss = tf.GraphLoss(pull)
        >>> float(loss([0], [[3.0, 4.0]], training=True))
        6.0
        >>> [float(value) for value in loss.tf1_variables["centers:0"][0]]
        [1.0, 1.0]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        settings: Mapping[str, Any] | None = None,
        inputs: Sequence[str] = ("y_true", "y_pred"),
        updates: Sequence[str] = UPDATES,
        update_in_eval: bool = False,
        loss_output: int = 0,
        label_shape: Sequence[int | None] | None = None,
        label_dtype: str = "int32",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        if isinstance(function, dict):
            function = keras.saving.deserialize_keras_object(function)
        if not callable(function):
            raise ValueError(f"`function` must be a function. Received: {function!r}.")
        self.function_name = getattr(function, "__name__", type(function).__name__)
        inputs, updates = tuple(inputs), tuple(updates)
        if sorted(inputs) not in (["y_pred"], ["y_pred", "y_true"]):
            raise ValueError(
                "`inputs` names 'y_true' and 'y_pred' in the order in which the function takes "
                f"them. Received: inputs={inputs}."
            )
        if not set(updates) <= set(UPDATES):
            raise ValueError(f"`updates` may name {UPDATES}. Received: updates={updates}.")
        super().__init__(name=name or self.function_name, reduction=reduction, dtype=dtype)
        self.function = function
        self.function_settings = dict(settings or {})
        self.inputs, self.updates, self.update_in_eval = inputs, updates, update_in_eval
        self.loss_output = loss_output
        self.label_shape = None if label_shape is None else tuple(label_shape)
        self.label_dtype = label_dtype
        self._traces = _Traces()

    @property
    def tf1_variables(self) -> dict[str, keras.Variable]:
        return {f"{name}:0": weight for name, weight in self._traces.weights.items()}

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        trace = self._first_trace(tuple(y_true_shape)[1:], tuple(y_pred_shape)[1:])
        for name, variable in trace.variables.items():
            self._traces.weights[name] = self._make(name, variable)
        if trace.moving.random:
            self.seed_generator = keras.random.SeedGenerator()
        lost = trace.never_run() if self.updates else []
        if lost:
            lines = "; ".join(f"{op.name!r}, made at {op.where()}" for op in lost)
            warnings.warn(
                f"The loss {self.name!r} makes updates that never run, for nothing that is run "
                f"depends on them: {lines}. In TF1 they did not run either, unless the caller ran "
                "them. Return them from the function to run them, or say updates=() if this is "
                "meant.",
                stacklevel=2,
            )

    def _label_kinds(self, label: Any, features: Any) -> list[tuple[Any, str]]:
        """The shapes and dtypes that labels may have, the likeliest first. A model without data
        does not know them: ids, or else like the predictions, one-hot."""
        if self.label_shape is not None:
            return [(self.label_shape, self.label_dtype)]
        return [(label, self.label_dtype), (features, self.state_dtype)]

    def _first_trace(self, label: Any, features: Any) -> Trace:
        """The trace that makes the variables."""
        kinds, errors = self._label_kinds(label, features), []
        for shape, dtype in kinds:
            try:
                return self._trace(shape, dtype, features)
            except Exception as error:
                errors.append(error)
        tried = " and with ".join(f"shape {(None, *s)}, dtype {dtype}" for s, dtype in kinds)
        errors[0].add_note(
            f"Raised while {self.function_name!r} was called to make its variables, with labels "
            f"of {tried}, predictions of shape {(None, *features)}. `label_shape` and "
            "`label_dtype` say what labels are."
        )
        raise errors[0]

    def _make(self, name: str, variable: Variable) -> keras.Variable:
        shape = variable.shape
        if not shape.is_fully_defined():
            raise ValueError(f"The variable {name!r} must have a full shape. Received: {shape}.")

        def initial(shape: Any, dtype: Any = None) -> Any:
            plan = Plan([variable.initial_value])
            frame = Frame(_Nothing())
            frame.seeds = lambda op: keras.random.SeedGenerator(getattr(op, "seed", None))
            value = frame.run(plan).value(variable.initial_value)
            return ops.cast(ops.convert_to_tensor(value), dtype)

        # Replicas that move copies by themselves all go on with their mean.
        kind = {} if variable.trainable else {"trainable": False, "aggregation": "mean"}
        return self.add_weight(
            name=name.replace("/", "_"),
            shape=tuple(shape.as_list()),
            initializer=initial,
            dtype=str(variable.dtype),
            **kind,
        )

    def _trace(self, label: Any, dtype: str, features: Any) -> Trace:
        kind = (label, dtype, features)
        trace = self._traces.by_kind.get(kind)
        if trace is None:
            specs = {
                "y_true": ((None, *label), dtype),
                "y_pred": ((None, *features), self.state_dtype),
            }
            trace = Trace(self, {name: specs[name] for name in self.inputs})
            weights = self._traces.weights
            if weights or self._traces.by_kind:
                have = {n: tuple(w.shape) for n, w in weights.items()}
                want = {n: tuple(v.shape.as_list()) for n, v in trace.variables.items()}
                if have != want:
                    raise ValueError(
                        f"The function {self.function_name!r} makes other variables for labels of "
                        f"shape {(None, *label)}, dtype {dtype}, and predictions of shape "
                        f"{(None, *features)}: {want}, in place of {have}. `label_shape` says what "
                        "labels are when the variables are made."
                    )
            self._traces.by_kind[kind] = trace
        return trace

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            carry_notes(error)
            raise

    def call(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        y_pred_mask: Any = None,
        training: bool = False,
    ) -> Any:
        trace = self._trace_of(y_true, y_pred)
        weighed = sample_weight is not None or y_pred_mask is not None
        if trace.loss.shape.ndims or (trace.loss.shape.ndims is None and weighed):
            return super().call(y_true, y_pred, sample_weight, y_pred_mask, training=training)
        for what, given in (("sample_weight", sample_weight), ("a mask", y_pred_mask)):
            if given is not None:
                raise ValueError(
                    f"The loss {self.name!r} is one number for the batch, which {what} cannot "
                    "weigh. Let the function return one value per sample."
                )
        y_pred = ops.cast(y_pred, self.state_dtype)
        if training:
            self._require_tracked(y_pred)
        value = ops.cast(self._run(trace, y_true, y_pred, training), self.compute_dtype)
        if not value.shape or self.reduction in (None, "none"):
            return value
        return ops.sum(value) if self.reduction == "sum" else ops.mean(value)

    def compute_values(self, y_true: Any, y_pred: Any, counted: Any, training: bool) -> Any:
        return self._run(self._trace_of(y_true, y_pred), y_true, y_pred, training)

    def _trace_of(self, y_true: Any, y_pred: Any) -> Trace:
        dtype = str(keras.backend.standardize_dtype(y_true.dtype))
        return self._trace(tuple(y_true.shape)[1:], dtype, tuple(y_pred.shape)[1:])

    def _run(self, trace: Trace, y_true: Any, y_pred: Any, training: bool) -> Any:
        moves = (training or self.update_in_eval) and self.trainable
        plan = trace.moving if moves else trace.still
        weights = {v: self._traces.weights[name] for name, v in trace.variables.items()}
        given = {"y_true": y_true, "y_pred": y_pred}
        values: dict[Node, Any] = {node: given[name] for name, node in trace.inputs.items()}
        frame = Frame(Weights(weights, plan), values, frozen=not moves)
        frame.differentiated = training
        if plan.random:
            frame.seeds = lambda op: self.seed_generator
        return frame.run(plan).value(trace.loss)

    def load_tf1(self, source: Any, scope: str = "") -> list[str]:
        """Set the variables to what TF1 saved.

        Args:
            source: Arrays by their names in TF1 (`{"centers:0": array}`, with or without the
                `:0`), the path of a `.npz` file of such arrays, or the prefix of a checkpoint,
                which takes TensorFlow to read.
            scope: A prefix of the names there, such as `"train/"`.

        Returns:
            The names of the variables, all of which must be there.
        """
        if not self.built:
            raise ValueError(
                "The loss has no variables yet. Give it to a model, or call it once, before "
                "load_tf1."
            )
        path = os.fspath(source) if isinstance(source, str | os.PathLike) else None
        values = dict(source) if path is None else read_values(path)
        values = {key.removesuffix(":0"): value for key, value in values.items()}
        names = list(self._traces.weights)
        missing = [name for name in names if scope + name not in values]
        if missing:
            raise ValueError(
                f"There is no {[scope + name for name in missing]} among what was saved: "
                f"{sorted(values)}. `scope` is put before the names."
            )
        for name, weight in self._traces.weights.items():
            array = np.asarray(values[scope + name])
            if array.shape != tuple(weight.shape):
                raise ValueError(
                    f"{name!r} has the shape {tuple(weight.shape)}, and {array.shape} was saved."
                )
            weight.assign(array)
        return names

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "function": keras.saving.serialize_keras_object(self.function),
            "settings": self.function_settings,
            "inputs": list(self.inputs),
            "updates": list(self.updates),
            "update_in_eval": self.update_in_eval,
            "loss_output": self.loss_output,
            "label_shape": None if self.label_shape is None else list(self.label_shape),
            "label_dtype": self.label_dtype,
        }


class _Nothing:
    """No variable has a value: initial values are computed from none."""

    def has(self, variable: Variable) -> bool:
        return False

    def read(self, variable: Variable) -> Any:
        raise variable.uninitialized()

    take_rows = read
