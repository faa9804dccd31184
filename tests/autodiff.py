"""The only file of the tests that names a backend: gradients and compilation."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

BACKEND = keras.backend.backend()


def gradient(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Gradient of a scalar `function` at the NumPy array `x`, by the active backend."""
    x = ops.convert_to_tensor(x)
    match BACKEND:
        case "jax":
            import jax

            return np.asarray(jax.grad(function)(x))
        case "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(x)
                value = function(x)
            found = tape.gradient(value, x)
            return np.zeros(x.shape) if found is None else tf.convert_to_tensor(found).numpy()
        case "torch":
            x = x.detach().clone().requires_grad_()
            function(x).backward()
            return np.zeros(tuple(x.shape)) if x.grad is None else x.grad.numpy()
    raise NotImplementedError(BACKEND)


def compiled(function: Callable[..., Any], *, xla: bool = False) -> Callable[..., Any]:
    """`function` under the backend's tracer, in one graph; on TensorFlow, `xla` compiles it too."""
    match BACKEND:
        case "jax":
            import jax

            return jax.jit(function)
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function, jit_compile=xla)
        case "torch":
            import torch

            # "eager" runs what Dynamo captured: it proves one graph without compiling kernels.
            return torch.compile(function, fullgraph=True, backend="eager")
    raise NotImplementedError(BACKEND)


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """Float64 is there: always, but on JAX, which has to be asked."""
    if BACKEND == "jax":
        import jax

        with jax.enable_x64(True):
            yield
    else:
        yield
