"""What losses with trainable proxies share."""

from collections.abc import Callable
from typing import Any, ClassVar

from keras import ops

from portable_losses._numerics import normalize
from portable_losses._typing import ArrayLike, Tensor
from portable_losses.losses._tables import TableLoss


class ProxyLoss(TableLoss):
    """Abstract: a `function(y_true, y_pred, proxies, **settings)` with the proxies it trains.

    The table `proxies` has `proxies_per_class` rows for each class, one class after the other. A
    subclass sets `function`, gives `get_logits`, and has an `__init__` that names its settings. It
    clears `samples_classes` if its value for some of the classes is no value of the kind for all,
    so that `PartialFC` refuses it.

    It says of each loss, and no class repeats it:

    Args:
        num_classes: The number of classes, $C$.
        embedding_dim: The length $d$ of an embedding; taken from the first batch if None.
        proxies_initializer: Where proxies start. None draws every coordinate from a normal
            distribution of variance $1/d$, so that a proxy has a length of about 1.
        learning_rate_multiplier: How many times the optimizer's steps a proxy takes. Papers train
            proxies up to 100 times as fast as the network. It holds for every optimizer and loop
            (weight decay aside): the variable is the proxy divided by it, and the gradient is the
            proxy's own.
        reduction, name, dtype: As for any Keras loss. Proxies are kept in float32 (float64 for
            `dtype="float64"`).
    """

    table_name = "proxies"
    function: ClassVar[Callable[..., Tensor]]
    samples_classes: bool = True

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int | None,
        proxies_initializer: Any,
        learning_rate_multiplier: float,
        *,
        name: str | None,
        reduction: str | None,
        dtype: Any,
        proxies_per_class: int = 1,
        **settings: Any,
    ):
        super().__init__(
            num_classes,
            embedding_dim,
            proxies_initializer,
            learning_rate_multiplier,
            rows_per_class=proxies_per_class,
            name=name,
            reduction=reduction,
            dtype=dtype,
            **settings,
        )
        self.function_settings = settings

    def spread(self, dim: int) -> float:
        return dim**-0.5

    def values_at(self, y_true: Tensor, y_pred: Tensor, proxies: Tensor) -> Tensor:
        """One value per sample, for these `proxies` and ids that count their rows."""
        return type(self).function(y_true, y_pred, proxies, **self.function_settings)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.values_at(y_true, y_pred, self.table())

    def set_class_means(self, y_true: ArrayLike, embeddings: ArrayLike) -> None:
        """Let the proxies start as the mean directions of their classes ("imprinted" weights).

        Embeddings are normalised to length 1, averaged over each class and normalised again. With
        several proxies per class, the samples of a class are dealt out to them in turn. A proxy
        without a sample, or whose samples cancel out, stays as it is.

        Args:
            y_true: Class ids `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
            embeddings: Shape `(N, d)`, such as `network.predict(x)`.

        References:
            Hang Qi, Matthew Brown and David G. Lowe, "Low-Shot Learning with Imprinted Weights",
            CVPR 2018.
        """
        x = ops.cast(ops.convert_to_tensor(embeddings), self.state_dtype)
        self.assign_means(y_true, normalize(x), unit=True)
