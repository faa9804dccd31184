"""The two abstract classes: a loss that is a function with settings, and one that holds state.

The function is the loss: it returns one value per sample. The class binds settings, a reduction,
a name and a dtype to it, and saves them all. A subclass of either is final.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import keras
from keras import ops

from portable_losses import _backend
from portable_losses._inputs import is_float, require_reduction
from portable_losses._reduction import expand, mask_of, reduce
from portable_losses._typing import ArrayLike, Tensor

PACKAGE = "portable_losses"
Target = TypeVar("Target")


def register(target: Target) -> Target:
    """Decorator: saved models find `target` under the package's name; its type stays known."""
    return keras.saving.register_keras_serializable(PACKAGE)(target)


def _cast(x: Any, dtype: str) -> Any:
    """Float tensors in the loss's dtype; ids and booleans as they came (ids above 2^24 collide
    in float32), which is why `Loss.__call__` is not Keras' own."""

    def one(x: Any) -> Tensor:
        x = ops.convert_to_tensor(x)
        return ops.cast(x, dtype) if is_float(x) else x

    # A list of numbers is an array; a list of tensors is a structure, a part of it each.
    numbers = isinstance(x, list | tuple) and not any(
        getattr(part, "shape", ()) for part in keras.tree.flatten(x)
    )
    return one(x) if numbers else keras.tree.map_structure(one, x)


def per_sample(values: Tensor, y_pred: Any, name: str) -> Tensor:
    """`values`, if they have a batch axis and it is that of `y_pred`."""
    first = keras.tree.flatten(y_pred)[0]
    have, want = tuple(values.shape), tuple(first.shape)
    if not have or (want and None not in (have[0], want[0]) and have[0] != want[0]):
        what = "a scalar" if not have else f"values of shape {have}"
        raise ValueError(
            f"The loss {name!r} must return one value per sample, of shape (batch,) or "
            f"(batch, ...), for predictions of shape {want}. Received: {what}. Average over the "
            "axes after the first (keras.ops.mean(values, axis=-1)), never over the batch: "
            "sample weights, masks and reductions need the values of each sample."
        )
    return values


def counted_samples(
    y_pred: Tensor, sample_weight: ArrayLike | None, mask: ArrayLike | None
) -> Tensor:
    """Which samples count, bool `(N,)`: those that are not masked and of a weight other than 0."""
    ones = ops.ones(ops.shape(y_pred)[:1])
    counted = ops.cast(ones, "bool")
    for name, given in (("sample_weight", sample_weight), ("mask", mask)):
        if given is not None:
            given = expand(ops.cast(ops.cast(given, "bool"), ones.dtype), ones, name)
            counted = ops.logical_and(counted, ops.cast(given, "bool"))
    return counted


class Loss(keras.losses.Loss):
    """Abstract: a pure `function(y_true, y_pred, **settings)` as a Keras loss.

    A subclass sets `function`. If that has settings, an `__init__` names them and puts them into
    `self.settings`; the name of the loss is that of the function by default. A subclass sets
    `elementwise` where `function` is a mean over the elements of the last axis, each for itself:
    predictions `(N,)` are then N samples of one element. It sets `sees_others` where the value of
    a sample depends on others of the batch: `function` then takes `mask`, bool `(N,)`, and only
    samples that count (not masked, weight not 0) may have an influence.
    """

    function: ClassVar[Callable[..., Tensor]]
    elementwise: ClassVar[bool] = False
    sees_others: ClassVar[bool] = False

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        require_reduction(reduction)
        # Keras before 3.7 knows fewer reductions, and it is `__call__` that reduces, not Keras.
        super().__init__(name=name or self.function.__name__, dtype=dtype)
        self.reduction = reduction
        self.settings: dict[str, Any] = {}

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Tensor:
        mask = mask_of(y_pred)
        y_true, y_pred = _cast(y_true, self.dtype), _cast(y_pred, self.dtype)
        try:
            others = {}
            if self.sees_others:
                first = keras.tree.flatten(y_pred)[0]
                others["mask"] = counted_samples(first, sample_weight, mask)
            values = per_sample(self.call(y_true, y_pred, **others), y_pred, self.name)
            values = ops.cast(values, self.dtype)
            counted = self.counted(y_true, y_pred)
            if counted is not None:
                mask = counted if mask is None else ops.logical_and(mask, counted)
            return reduce(values, sample_weight, mask, self.reduction)
        except ValueError as error:
            error.add_note(f"Raised by the loss {self.name!r}, settings {self.settings}.")
            raise

    def call(self, y_true: Tensor, y_pred: Tensor, **others: Any) -> Tensor:
        if self.elementwise and len(y_pred.shape) == 1:
            y_pred = ops.expand_dims(y_pred, -1)
        return type(self).function(y_true, y_pred, **self.settings, **others)

    def counted(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        """A mask of the values that count, beside the mask of `y_pred`; None where all do."""
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dtype": self.dtype, **self.settings}


class StatefulLoss(keras.layers.Layer):
    """Abstract: a loss that owns variables, as a Keras layer owns them.

    A subclass gives

    * `build_state(dim)`: creates the variables, `dim` being the last axis of the predictions;
    * `values(y_true, y_pred)`: one value per sample, with the state as it is;
    * `update(y_true, y_pred, counted)`: moves the state by the samples that are `counted` (not
      masked, weight not 0); called in training only, after `values`, with no gradient. Where
      `update_first` is set, it is called before: the values then see the state it left.

    A loss whose samples see one another, or that does something else in training, overrides
    `compute_values(y_true, y_pred, counted, training)`, which is `values` here.

    `loss(y_true, y_pred, sample_weight=None, training=True)` returns the reduced loss. `training`
    has to be said: whoever calls without it does not know whether the state should move, and
    `model.compile(loss=...)` is such a caller. It also tracks no variables, so the state would
    be neither saved nor, on JAX, ever changed. Give the loss to
    `portable_losses.training.LossModel`, or to a `portable_losses.training.LossEndpoint` inside
    of the model; both pass `training` on.

    In a hand-written loop under `jax.jit`, use `stateless_call`.
    """

    update_first: bool = False

    def __init__(self, *, name: str | None, reduction: str | None, dtype: Any, **settings: Any):
        require_reduction(reduction)
        # Labels and features come as they are: no cast to a mixed policy's float16.
        super().__init__(name=name, dtype=dtype or "float32", autocast=False)
        self.reduction = reduction
        self.settings = settings
        self.supports_masking = True

    @property
    def state_dtype(self) -> str:
        """The dtype of variables and arithmetic: float32 even where results are narrower."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    def __call__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        training: bool | None = None,
        **kwargs: Any,
    ) -> Tensor:
        if training is None:
            raise ValueError(
                f"The loss {self.name!r} holds state and was called without `training`. In "
                "`model.compile(loss=...)` no model would track its state. Wrap the model: "
                "portable_losses.training.LossModel(model, loss), then compile without a loss; "
                "or use portable_losses.training.LossEndpoint(loss) as a layer of the model. In "
                "a loop of your own, pass training=True or training=False."
            )
        given = (y_true, y_pred) if sample_weight is None else (y_true, y_pred, sample_weight)
        tensors = (ops.convert_to_tensor(x) for x in given)
        return super().__call__(*tensors, training=bool(training), **kwargs)

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        self.build_state(y_pred_shape[-1])

    def call(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None = None,
        y_pred_mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        y_pred = ops.cast(y_pred, self.state_dtype)
        try:
            moves = training and self.trainable  # a frozen loss stays as it is
            if training:
                self._require_tracked(y_pred)
            counted = counted_samples(y_pred, sample_weight, y_pred_mask)
            if sample_weight is not None or y_pred_mask is not None:
                # What does not count may be NaN, and 0 · NaN is NaN in a gradient by the state.
                rows = ops.reshape(counted, (-1,) + (1,) * (len(y_pred.shape) - 1))
                y_pred = ops.where(rows, y_pred, ops.zeros_like(y_pred))
            if moves and self.update_first:
                self.update(y_true, ops.stop_gradient(y_pred), counted)
            values = self.compute_values(y_true, y_pred, counted, training)
            values = per_sample(ops.cast(values, self.compute_dtype), y_pred, self.name)
            loss = reduce(values, sample_weight, y_pred_mask, self.reduction)
            if moves and not self.update_first:
                self.update(y_true, ops.stop_gradient(y_pred), counted)
        except ValueError as error:
            error.add_note(f"Raised by the loss {self.name!r}, settings {self.settings}.")
            raise
        return loss

    def _require_tracked(self, y_pred: Tensor) -> None:
        if any(_backend.is_lost(variable, y_pred) for variable in self.variables):
            raise ValueError(
                f"The loss {self.name!r} was called with training=True inside of a compiled "
                "function that does not take its state as an argument: the update would be "
                "lost. Let a model track it (portable_losses.training.LossModel or "
                "LossEndpoint), or call loss.stateless_call(trainable_variables, "
                "non_trainable_variables, y_true, y_pred, training=True) and carry the "
                "variables that it returns."
            )

    def build_state(self, dim: int) -> None:
        raise NotImplementedError

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_values(
        self, y_true: Tensor, y_pred: Tensor, counted: Tensor, training: bool
    ) -> Tensor:
        return self.values(y_true, y_pred)

    def update(self, y_true: Tensor, y_pred: Tensor, counted: Tensor) -> None:
        """Nothing moves but what the optimizer moves."""

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, "reduction": self.reduction, "dtype": self.compute_dtype}
        return {**config, "trainable": self.trainable, **self.settings}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "StatefulLoss":
        config = dict(config)
        trainable = config.pop("trainable", True)
        loss = cls(**config)
        loss.trainable = trainable
        return loss
