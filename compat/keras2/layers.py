"""`keras.layers` of Keras 2: layers with `add_update` and `add_metric`.

What is not here is that of Keras 3.
"""

from typing import Any

import keras

from portable_losses import _backend

from .._dispatch import Deferred

# The updates of the layers that are being called, the innermost last.
_pending: list[list[tuple[Any, Any]]] = []


class AddsMetrics:
    """`add_metric` within `call`; mixed in before a layer or model of Keras."""

    reported: tuple[tuple[str, Any], ...] = ()  # of this step, until the model counts them

    def add_metric(
        self, value: Any, name: str | None = None, aggregation: str = "mean", **_: Any
    ) -> None:
        """Report the mean of `value`, over the steps of an epoch, under `name`. The layer must have
        been called once before training, as a layer of a functional model has."""
        if name is None or aggregation not in ("mean", None):
            raise ValueError(
                "add_metric within `call` takes a value, a name, and aggregation='mean'. "
                f"Received: name={name!r}, aggregation={aggregation!r}."
            )
        held = self.__dict__["reported"] = [x for x in self.reported if x[0] != name]
        held.append((name, keras.ops.stop_gradient(keras.ops.mean(value))))
        self.__dict__["reported"] = tuple(held)
        trackers = self.__dict__.setdefault("means", {})
        if name not in trackers:
            tracker = self._tracker  # type: ignore[attr-defined]  # mixed in before a layer
            locked = tracker.locked
            tracker.unlock()  # a layer that is built takes no more state, but for this
            trackers[name] = tracker.track(keras.metrics.Mean(name=name))
            if locked:
                tracker.lock()


def count_reported(layers: Any, step: bool) -> None:
    """Let the means that layers report take in what they reported in this step. While Keras builds,
    there is none: the values are left over from a trace that has ended."""
    for layer in layers:
        if isinstance(layer, AddsMetrics):
            reported, layer.__dict__["reported"] = layer.reported, ()
            for name, value in reported:
                if step and not isinstance(value, keras.KerasTensor):
                    layer.__dict__["means"][name].update_state(value)


class Layer(AddsMetrics, keras.layers.Layer):
    """`keras.layers.Layer` with `add_update` and `add_metric`."""

    @property
    def updates(self) -> list[Any]:
        """The updates in a graph of TF1. To set it is to add updates, as in Keras 1."""
        return self.__dict__.setdefault("_updates", [])

    @updates.setter
    def updates(self, updates: Any) -> None:
        self.add_update(list(updates))

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """`(variable, new value)` pairs that a training step assigns, as TF 1.15 did.

        All of `call` sees the values from before, wherever in it this stands: they are assigned
        when it has returned. In evaluation, and while a model is built, nothing is. What
        `K.update` returns has been assigned already, and is passed over. Nodes of a graph of TF1
        run when somebody fetches them: they are kept in `updates`.

        Where versions differ: tf.keras 2.15 drops pairs without a word.
        """
        pairs = updates if isinstance(updates, list) else [updates]
        self.updates.extend(pair for pair in pairs if isinstance(pair, Deferred))
        if not _backend.training_of_call():
            return
        for pair in pairs:
            if isinstance(pair, tuple) and len(pair) == 2:
                _pending[-1].append(pair)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        _pending.append([])
        try:
            with _backend.told(kwargs.get("training")):
                found = super().__call__(*args, **kwargs)
            for variable, value in _pending[-1]:
                variable.assign(keras.ops.stop_gradient(value))
        finally:
            _pending.pop()
        return found


def __getattr__(name: str) -> Any:
    return getattr(keras.layers, name)
