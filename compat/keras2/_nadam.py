"""Nadam as Keras had it before 2.11."""

from typing import Any

import keras
from keras import ops

PACKAGE = "portable_losses.compat.keras2.optimizers"


@keras.saving.register_keras_serializable(PACKAGE, name="LegacyNadam")
class LegacyNadam(keras.optimizers.Optimizer):
    r"""Nadam whose momentum grows with the step t as $\beta_1 (1 - 0.5 \cdot 0.96^{s t})$, where s,
    `schedule_decay`, is 0.004; in later Nadams it is 1, and other steps come out.

    `decay` is taken and has no role, as in Keras 2.

    References:
        Timothy Dozat, "Incorporating Nesterov Momentum into Adam", ICLR Workshop 2016.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        name: str = "nadam",
        schedule_decay: float = 0.004,
        lr: float | None = None,
        decay: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate if lr is None else lr, name=name, **kwargs)
        self.beta_1, self.beta_2, self.schedule_decay = beta_1, beta_2, schedule_decay
        self.epsilon = keras.config.epsilon() if epsilon is None else epsilon

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.averages = [self.add_variable_from_reference(v, name="momentum") for v in variables]
        self.squares = [self.add_variable_from_reference(v, name="velocity") for v in variables]
        self.products = [
            self.add_variable(shape=(), initializer="ones", dtype=v.dtype, name="product")
            for v in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        place = self._get_variable_index(variable)
        m, v, product = self.averages[place], self.squares[place], self.products[place]
        rate, gradient = (ops.cast(x, variable.dtype) for x in (learning_rate, gradient))
        step = ops.cast(self.iterations + 1, variable.dtype)

        def momentum(step: Any) -> Any:
            base = ops.cast(0.96, variable.dtype)
            return self.beta_1 * (1 - 0.5 * ops.power(base, self.schedule_decay * step))

        now, after = momentum(step), momentum(step + 1)
        self.assign(product, product * now)
        self.assign(m, self.beta_1 * m + (1 - self.beta_1) * gradient)
        self.assign(v, self.beta_2 * v + (1 - self.beta_2) * ops.square(gradient))
        beta_2 = ops.cast(self.beta_2, variable.dtype)
        direction = (1 - now) * gradient / (1 - product) + after * m / (1 - product * after)
        spread = ops.sqrt(v / (1 - ops.power(beta_2, step)))
        self.assign_sub(variable, rate * direction / (spread + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        names = ("beta_1", "beta_2", "epsilon", "schedule_decay")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
