"""`tf.GradientTape`: TensorFlow's own tape, PyTorch's record, or `tf.gradients` of nodes."""

from types import TracebackType
from typing import Any

from keras import ops

from portable_losses import _backend

from . import _infer
from ._gradients import gradients
from ._graph import Node


class GradientTape:
    """`tf.GradientTape` of tensors on TensorFlow and PyTorch, and of nodes on each backend.

    On PyTorch, what was computed from a variable or a watched tensor before the tape began counts
    too, and `watch` marks the tensor itself until its gradient is taken.

    Raises:
        NotImplementedError: On JAX, of tensors: its gradients are those of functions.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._settings = persistent, watch_accessed_variables
        self._tape: Any = None
        self._refused: NotImplementedError | None = None
        try:
            self._tape = _backend.Tape(persistent, watch_accessed_variables)
        except NotImplementedError as error:  # nodes need none
            self._refused = error

    def __enter__(self) -> "GradientTape":
        if self._tape is not None:
            self._tape.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._tape is not None:
            self._tape.__exit__(kind, error, trace)

    def _recorded(self) -> Any:
        if self._refused is not None:
            raise self._refused
        return self._tape

    def watch(self, tensor: Any) -> None:
        """Record what is computed from a tensor, or from several."""
        tensors = [x for x in _infer.leaves_of(tensor) if not isinstance(x, Node)]
        if tensors:
            self._recorded().watch([_value(x) for x in tensors])

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """The gradients of the sum of `target`, in the structure of `sources`; None, or 0 if
        `unconnected_gradients` is `"zero"`, where there is no path."""
        ys, xs = _infer.leaves_of(target), _infer.leaves_of(sources)
        slopes = None if output_gradients is None else _infer.leaves_of(output_gradients)
        if any(isinstance(x, Node) for x in [*ys, *xs]):
            found = gradients(ys, xs, slopes, unconnected_gradients=unconnected_gradients)
        else:
            xs = [_value(x) for x in xs]
            if slopes is not None:
                slopes = [ops.convert_to_tensor(x) for x in slopes]
            found = self._recorded().gradient([_value(y) for y in ys], xs, slopes)
            if str(getattr(unconnected_gradients, "value", unconnected_gradients)) == "zero":
                found = [
                    ops.zeros_like(x) if slope is None else slope
                    for x, slope in zip(xs, found, strict=True)
                ]
        each = iter(found)
        return _infer.replace(sources, lambda _: next(each))


def _value(x: Any) -> Any:
    return x.value if isinstance(x, _backend.Variable) else x
