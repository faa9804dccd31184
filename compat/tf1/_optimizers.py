"""TF1's optimizers, by TF1's formulas: they make the operations that move variables."""

from collections.abc import Callable
from typing import Any

from keras import ops

from ._control import control_dependencies, group
from ._gradients import Gradient, gradients
from ._graph import Node, Operation
from ._initializers import constant_initializer
from ._sources import as_node, constant
from ._variables import Variable, Write, assign_add, trainable_variables


class Optimizer:
    """`tf.train.Optimizer`."""

    # Whether rows of a variable that a step does not read keep their state, too.
    leaves_rows = False

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2

    def __init__(self, use_locking: bool = False, name: str = "Optimizer"):
        self.name = name
        self._slots: dict[tuple[Variable, str], Variable] = {}

    def get_name(self) -> str:
        return self.name

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = 1,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """One operation that moves the variables, and then counts the step."""
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        if all(gradient is None for gradient, _ in pairs):
            raise ValueError(
                "No gradients provided for any variable: the loss depends on none of "
                f"{[variable.name for _, variable in pairs]}."
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = 1,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Variable]]:
        """Pairs of a gradient, None where there is none, and a variable."""
        loss = loss() if callable(loss) else loss
        variables = trainable_variables() if var_list is None else list(var_list)
        if not variables:
            raise ValueError("No variables to optimize.")
        found = gradients(loss, variables, grad_ys=grad_loss)
        return list(zip(found, variables, strict=True))

    def apply_gradients(
        self, grads_and_vars: Any, global_step: Any = None, name: str | None = None
    ) -> Operation:
        """One operation that moves the variables by the gradients, all of them computed before."""
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            raise ValueError(
                "No gradients provided for any variable: "
                f"{[getattr(v, 'name', v) for _, v in grads_and_vars]}."
            )
        graph = pairs[0][1].graph
        with graph.inside(graph.block):  # state is made once, after nothing
            for _, variable in pairs:
                self._make(variable)
            self._make_shared([variable for _, variable in pairs])
        name = name or self.name
        with graph.name_scope(name):
            settings = [as_node(x, graph, "float32") for x in self._settings()]
            updates = [self._update(as_node(g, graph), v, settings) for g, v in pairs]
            finish = self._finish(updates)
        with graph.name_scope(None):
            done = group(*updates, *finish, name=name if global_step is None else f"{name}/update")
            if global_step is None:
                return done
            with control_dependencies([done]):
                step = constant(1, dtype=global_step.dtype)
                return assign_add(global_step, step, name=name).op

    def _settings(self) -> list[Any]:
        """Numbers or nodes that every update takes."""
        return []

    def _slot_names(self) -> dict[str, float]:
        """The state of each variable, and what it starts with."""
        return {}

    def _make(self, variable: Variable) -> None:
        for slot, start in self._slot_names().items():
            if (variable, slot) not in self._slots:
                initial = constant_initializer(start)(variable.shape.as_list(), variable.dtype)
                # TF1 names all of them after the optimizer: `w/Adam`, `w/Adam_1`.
                with variable.graph.name_scope(None):
                    made = Variable(
                        initial, trainable=False, name=f"{variable.op.name}/{self.name}"
                    )
                self._slots[variable, slot] = made

    def _make_shared(self, variables: list[Variable]) -> None:
        pass

    def _finish(self, updates: list[Any]) -> list[Any]:
        return []

    def _update(self, gradient: Node, variable: Variable, settings: list[Node]) -> Any:
        slots = [self._slots[variable, slot] for slot in self._slot_names()]
        shared = self._shared()
        rows: list[Any] = []
        if self.leaves_rows and isinstance(gradient.op, Gradient):
            rows = gradient.op.rows_of(variable) or []
        change = self._change(slots, len(rows))
        kind = f"Apply{type(self).__name__.removesuffix('Optimizer')}"
        given = (gradient, *rows, *settings, *shared)
        name = f"update_{variable.op.name}/{kind}"
        return Update(kind, variable, change, given, name, slots).outputs[0]

    def _shared(self) -> list[Variable]:
        return []

    def _change(self, slots: list[Variable], count: int) -> Callable[..., None]:
        formula = self._formula

        def change(store: Any, variable: Variable, gradient: Any, *given: Any) -> None:
            before = [store.read(v) for v in (variable, *slots)]
            dtype = before[0].dtype
            settings = [ops.cast(x, dtype) for x in given[count:]]
            after = formula(ops.cast(gradient, dtype), *before, *settings)
            if count:
                read = _read(given[:count], before[0])
                after = tuple(ops.where(read, a, b) for a, b in zip(after, before, strict=True))
            for v, value in zip((variable, *slots), after, strict=True):
                store.write(v, value)

        return change

    def _formula(self, gradient: Any, variable: Any, *given: Any) -> tuple[Any, ...]:
        """The variable and its state after, from those before."""
        raise NotImplementedError

    def get_slot_names(self) -> list[str]:
        return list(self._slot_names())

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        return self._slots.get((var, name))

    def variables(self) -> list[Variable]:
        return list(self._slots.values())


def _read(rows: Any, table: Any) -> Any:
    """Which rows of a table are among `rows`, to be broadcast over it."""
    flat = ops.concatenate([ops.reshape(ops.cast(x, "int32"), (-1,)) for x in rows], axis=0)
    ones = ops.ones_like(flat, dtype="float32")
    hits = ops.segment_sum(ones, flat, num_segments=table.shape[0]) > 0
    return ops.reshape(hits, (-1,) + (1,) * (len(table.shape) - 1))


class Update(Write):
    """A write of a variable and of what the optimizer keeps for it."""

    def __init__(self, *given: Any):
        *written, slots = given
        super().__init__(*written)
        self.also_written: list[Variable] = slots


class GradientDescentOptimizer(Optimizer):
    """`tf.train.GradientDescentOptimizer`: w - rate * g."""

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ):
        super().__init__(use_locking, name)
        self.rate = learning_rate

    def _settings(self) -> list[Any]:
        return [self.rate]

    def _formula(self, g: Any, w: Any, rate: Any) -> tuple[Any, ...]:
        return (w - rate * g,)


class MomentumOptimizer(Optimizer):
    """`tf.train.MomentumOptimizer`: a = momentum * a + g, w - rate * a."""

    leaves_rows = True

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ):
        super().__init__(use_locking, name)
        self.rate, self.momentum, self.nesterov = learning_rate, momentum, use_nesterov

    def _settings(self) -> list[Any]:
        return [self.rate, self.momentum]

    def _slot_names(self) -> dict[str, float]:
        return {"momentum": 0.0}

    def _formula(self, g: Any, w: Any, a: Any, rate: Any, momentum: Any) -> tuple[Any, ...]:
        a = momentum * a + g
        step = g + momentum * a if self.nesterov else a
        return w - rate * step, a


class AdagradOptimizer(Optimizer):
    """`tf.train.AdagradOptimizer`: a = a + g², w - rate * g / √a."""

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ):
        if initial_accumulator_value <= 0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self.rate, self.start = learning_rate, initial_accumulator_value

    def _settings(self) -> list[Any]:
        return [self.rate]

    def _slot_names(self) -> dict[str, float]:
        return {"accumulator": self.start}

    def _formula(self, g: Any, w: Any, a: Any, rate: Any) -> tuple[Any, ...]:
        a = a + g * g
        return w - rate * g / ops.sqrt(a), a


class RMSPropOptimizer(Optimizer):
    """`tf.train.RMSPropOptimizer`: m = decay * m + (1 - decay) * g², less the mean's square if
    `centered`; a = momentum * a + rate * g / √(m + ε), w - a. The mean square starts at 1."""

    leaves_rows = True

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ):
        super().__init__(use_locking, name)
        self.given = [learning_rate, decay, momentum, epsilon]
        self.centered = centered

    def _settings(self) -> list[Any]:
        return self.given

    def _slot_names(self) -> dict[str, float]:
        mean = {"mg": 0.0} if self.centered else {}
        return {"rms": 1.0, **mean, "momentum": 0.0}

    def _formula(self, g: Any, w: Any, m: Any, *rest: Any) -> tuple[Any, ...]:
        *mean, a, rate, decay, momentum, epsilon = rest
        m = m + (1 - decay) * (g * g - m)
        spread = m
        if self.centered:
            mean = [mean[0] + (1 - decay) * (g - mean[0])]
            spread = m - mean[0] * mean[0]
        a = momentum * a + rate * g / ops.sqrt(spread + epsilon)
        return (w - a, m, *mean, a)


class AdamOptimizer(Optimizer):
    """`tf.train.AdamOptimizer`: the rate is corrected, and ε is added to the root as it is."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ):
        super().__init__(use_locking, name)
        self.given = [learning_rate, beta1, beta2, epsilon]
        self.powers: list[Variable] = []

    def _settings(self) -> list[Any]:
        return self.given

    def _slot_names(self) -> dict[str, float]:
        return {"m": 0.0, "v": 0.0}

    def _make_shared(self, variables: list[Variable]) -> None:
        if not self.powers:
            with variables[0].graph.name_scope(None):
                self.powers = [
                    Variable(float(beta), trainable=False, name=f"beta{i}_power")
                    for i, beta in enumerate(self.given[1:3], 1)
                ]

    def _shared(self) -> list[Variable]:
        return self.powers

    def _formula(self, g: Any, w: Any, m: Any, v: Any, *rest: Any) -> tuple[Any, ...]:
        rate, beta1, beta2, epsilon, power1, power2 = rest
        m = m + (1 - beta1) * (g - m)
        v = v + (1 - beta2) * (g * g - v)
        rate = rate * ops.sqrt(1 - power2) / (1 - power1)
        return w - rate * m / (ops.sqrt(v) + epsilon), m, v

    def _finish(self, updates: list[Any]) -> list[Any]:
        with control_dependencies(updates):
            return [
                power.assign(power * beta)
                for power, beta in zip(self.powers, self.given[1:3], strict=True)
            ]

    def variables(self) -> list[Variable]:
        return [*super().variables(), *self.powers]
