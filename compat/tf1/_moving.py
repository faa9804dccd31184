"""Moving averages, and learning rates that decay: `tf.train.ExponentialMovingAverage`, ..."""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from .._dispatch import operation
from ._control import group
from ._graph import Operation, get_default_graph
from ._initializers import zeros_initializer
from ._names import OP_NAMES
from ._scopes import get_variable, variable_scope
from ._sources import as_node
from ._variables import GraphKeys, Variable, assign, assign_add, assign_sub, trainable_variables


def assign_moving_average(
    variable: Variable, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Any:
    """`moving_averages.assign_moving_average`: v - (1 - decay)(v - value). TF1 corrects a start at
    zero unless it is told not to, with two variables more: the average as it is, and its steps."""
    graph = variable.graph
    with graph.name_scope(name or "AssignMovingAvg"):
        rate = _rate(as_node(decay, graph, variable.dtype))
        if not zero_debias:
            return assign_sub(variable, (variable - value) * rate)
        with variable_scope(variable.op.name) as scope:
            biased = get_variable(
                _unused(scope, "biased"),
                variable.shape,
                variable.dtype,
                zeros_initializer(),
                trainable=False,
            )
            steps = get_variable(
                _unused(scope, "local_step"),
                [],
                variable.dtype,
                zeros_initializer(),
                trainable=False,
            )
        moved = assign_sub(biased, (biased - value) * rate)
        step = assign_add(steps, 1)
        return assign(variable, moved / (1 - (1 - rate) ** step))


def _unused(scope: Any, name: str) -> str:
    if scope.reuse:
        return name
    taken = {variable.op.name for variable in scope.global_variables()}
    count, found = 0, name
    while f"{scope.name}/{found}" in taken:
        count += 1
        found = f"{name}_{count}"
    return found


@operation("tf.moving_average.rate")
def _rate(decay: Any) -> Any:
    return 1.0 - ops.convert_to_tensor(decay)


class ExponentialMovingAverage:
    """`tf.train.ExponentialMovingAverage`: shadow variables named after what they follow."""

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ):
        self.decay, self.num_updates = decay, num_updates
        self.zero_debias, self.name = zero_debias, name
        self._averages: dict[Any, Variable] = {}

    def apply(self, var_list: Any = None) -> Operation:
        """One operation that moves all of the averages."""
        followed = trainable_variables() if var_list is None else list(var_list)
        graph = followed[0].graph if followed else get_default_graph()
        zero_start = set()
        for x in followed:
            if x not in self._averages:
                with graph.inside(None), graph.name_scope(None):
                    if isinstance(x, Variable):
                        initial = x.initialized_value()
                    else:
                        initial = zeros_initializer()(x.shape.as_list(), x.dtype)
                        zero_start.add(x)
                    average = Variable(initial, trainable=False, name=f"{x.op.name}/{self.name}")
                self._averages[x] = average
                if isinstance(x, Variable):
                    graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, x)
        with graph.name_scope(self.name) as scope:
            decay = as_node(self.decay, graph, "float32")
            if self.num_updates is not None:
                decay = _early(decay, as_node(self.num_updates, graph))
            updates = [
                assign_moving_average(
                    self._averages[x], x, decay, self.zero_debias and x in zero_start
                )
                for x in followed
            ]
            return group(*updates, name=scope)

    def average(self, var: Any) -> Variable | None:
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        if var in self._averages:
            return self._averages[var].op.name
        return f"{var.op.name}/{self.name}"

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Variable]:
        """What a Saver restores into the variables: the averages, where there are any."""
        graph = get_default_graph()
        followed = moving_avg_variables
        if followed is None:
            followed = [
                *trainable_variables(),
                *graph.get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES),
            ]
        found = {self.average_name(v): v for v in followed}
        names = {v.op.name for v in followed}
        for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES):
            if v.op.name not in found and v.op.name not in names:
                found[v.op.name] = v
        return found


@operation("tf.moving_average.early")
def _early(decay: Any, num_updates: Any) -> Any:
    count = ops.cast(num_updates, decay.dtype)
    return ops.minimum(decay, (1.0 + count) / (10.0 + count))


def _decay(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A rate that depends on the step, as a node."""
    compute = operation(f"tf.train.{name}")(function)
    OP_NAMES[f"tf.train.{name}"] = "".join(part.title() for part in name.split("_"))
    return compute


def _exponential(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    turns = ops.cast(global_step, "float32") / decay_steps
    turns = ops.floor(turns) if staircase else turns
    return learning_rate * ops.power(ops.cast(decay_rate, "float32"), turns)


def _inverse_time(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    turns = ops.cast(global_step, "float32") / decay_steps
    turns = ops.floor(turns) if staircase else turns
    return learning_rate / (1 + decay_rate * turns)


def _natural_exp(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    turns = ops.cast(global_step, "float32") / decay_steps
    turns = ops.floor(turns) if staircase else turns
    return learning_rate * ops.exp(-decay_rate * turns)


def _polynomial(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Any:
    step = ops.cast(global_step, "float32")
    length = ops.cast(decay_steps, "float32")
    if cycle:
        length = length * ops.maximum(ops.ceil(step / length), 1.0)
    share = ops.minimum(step, length) / length
    return (learning_rate - end_learning_rate) * ops.power(1 - share, power) + end_learning_rate


def _cosine(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Any:
    length = ops.cast(decay_steps, "float32")
    share = ops.minimum(ops.cast(global_step, "float32"), length) / length
    return learning_rate * ((1 - alpha) * 0.5 * (1 + ops.cos(math.pi * share)) + alpha)


def _piecewise(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Any:
    found = ops.cast(values[0], "float32")
    for boundary, value in zip(boundaries, values[1:], strict=True):
        found = ops.where(x > boundary, ops.cast(value, "float32"), found)
    return found


exponential_decay = _decay("exponential_decay", _exponential)
inverse_time_decay = _decay("inverse_time_decay", _inverse_time)
natural_exp_decay = _decay("natural_exp_decay", _natural_exp)
polynomial_decay = _decay("polynomial_decay", _polynomial)
cosine_decay = _decay("cosine_decay", _cosine)
piecewise_constant = _decay("piecewise_constant", _piecewise)
