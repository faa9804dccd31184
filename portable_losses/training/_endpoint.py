"""A layer inside of the model that takes the labels as an input and adds the loss."""

from typing import Any

import keras

from portable_losses import losses
from portable_losses._typing import Tensor
from portable_losses.losses._base import StatefulLoss, register
from portable_losses.training._evaluate import evaluate


@register
class LossEndpoint(keras.layers.Layer):
    """Adds a loss to the model it stands in, and passes the predictions through.

    For losses whose labels or weights are inputs of the model, in place of Keras 2's
    `model.add_loss(tensor)`. The model is compiled without a loss. A model for inference is cut
    from it: `keras.Model(inputs, predictions)`, from the tensors before the endpoint.

    Args:
        loss: A loss, with state or without, its name, or a function `(y_true, y_pred)` or
            `(y_true, y_pred, weights)` that returns one value per sample.
        loss_weight: A factor for the loss.
        name, dtype: As for any Keras layer.

    Call:
        `endpoint(y_true, y_pred, weights=None, sample_weight=None)` returns `y_pred`. `weights`
        go to the loss as its third argument (such as `weighted_squared_error` takes them);
        `sample_weight` weighs the values per sample before they are averaged.

    Examples:
        >>> import keras
        >>> from portable_losses import losses
        >>> image, label = keras.Input((4,)), keras.Input((), dtype="int32")
        >>> features = keras.layers.Dense(2)(image)
        >>> center = losses.CenterLoss(num_classes=3)
        >>> trained = keras.Model([image, label], LossEndpoint(center)(label, features))
        >>> trained.compile("sgd")
        >>> inference = keras.Model(image, features)
    """

    def __init__(self, loss: Any, loss_weight: float = 1.0, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, autocast=False, **kwargs)
        self.loss = losses.get(loss)
        self.loss_weight = loss_weight
        self.supports_masking = True

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        if isinstance(self.loss, StatefulLoss) and not self.loss.built:
            self.loss.build(y_true_shape, y_pred_shape)

    def call(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        weights: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        given = (y_true, y_pred) if weights is None else (y_true, y_pred, weights)
        value = evaluate(self.loss, *given, sample_weight=sample_weight, training=training)
        self.add_loss(self.loss_weight * value)
        return y_pred

    def compute_output_spec(self, y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        return keras.KerasTensor(y_pred.shape, dtype=y_pred.dtype)

    def get_config(self) -> dict[str, Any]:
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "loss_weight": self.loss_weight}
