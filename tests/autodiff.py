"""The only file of the tests that names a backend: gradients and compilation."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

BACKEND = keras.backend.backend()
# Dynamo cannot trace the operations of a Keras before 3.15 in one graph.
TRACES = BACKEND != "torch" or tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 15)
# XLA then compiles in a fifth of the time; the program runs more slowly, but once.
QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}


def gradient(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Gradient of a scalar `function` at the NumPy array `x`, by the active backend."""
    x = ops.convert_to_tensor(x)
    match BACKEND:
        case "jax":
            import jax

            return np.asarray(_quickly(jax.grad(function), x)(x))  # one program: much the faster
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


def compiled_gradient(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """`gradient` of `function` in one graph; on TensorFlow by XLA, which takes a loop and its
    gradient only in one program."""
    if BACKEND != "tensorflow":
        return gradient(compiled(function), x)
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x)

    return slope(tf.convert_to_tensor(x)).numpy()


def gradient_of_slope(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Of the square of the gradient of a scalar `function` at `x`, the gradient."""
    x = ops.convert_to_tensor(x)
    match BACKEND:
        case "jax":
            import jax

            square = jax.grad(lambda x: (jax.grad(function)(x) ** 2).sum())
            return np.asarray(_quickly(square, x)(x))
        case "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    value = function(x)
                square = tf.reduce_sum(inner.gradient(value, x) ** 2)
            return outer.gradient(square, x).numpy()
        case "torch":
            import torch

            x = x.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(function(x), x, create_graph=True)
            return torch.autograd.grad((slope**2).sum(), x)[0].numpy()
    raise NotImplementedError(BACKEND)


def values_and_slope(function: Callable[..., Any]) -> Callable[..., tuple[Any, np.ndarray]]:
    """What `function(y_true, y_pred)` gives, and the gradient of its sum by `y_pred`; on JAX, one
    program for all batches of one shape."""

    def total(y_pred: Any, y_true: Any) -> Any:
        values = function(y_true, y_pred)
        return ops.sum(values), values

    if BACKEND == "jax":
        import jax

        program = compiled(jax.grad(total, has_aux=True))
        return lambda y_true, y_pred: program(y_pred, y_true)[::-1]

    def run(y_true: Any, y_pred: Any) -> tuple[Any, np.ndarray]:
        values = []

        def watched(p: Any) -> Any:
            summed, found = total(p, y_true)
            values.append(found)
            return summed

        slope = gradient(watched, y_pred)
        return values[0], slope

    return run


def gradients(function: Callable[..., Any], x: np.ndarray, *given: np.ndarray) -> np.ndarray:
    """`gradient` of `function(x[i], *(g[i] for g in given))` by `x[i]`, for each i; on JAX, one
    program for all."""
    if BACKEND != "jax":
        rows = zip(x, *given, strict=True)
        return np.stack([gradient(lambda x, g=rest: function(x, *g), x) for x, *rest in rows])
    import jax

    return np.asarray(_quickly(jax.vmap(jax.grad(function)), x, *given)(x, *given))


def mapped(function: Callable[[Any], Any], x: np.ndarray) -> Any:
    """What `function` gives for each row of `x`, stacked, by JAX's vmap; in one program."""
    import jax

    return jax.tree.map(np.asarray, _quickly(jax.vmap(function), x)(x))


def values_and_gradients(
    functions: list[Callable[..., Any]], given: list[list[np.ndarray]]
) -> list[tuple[list[Any], list[Any]]]:
    """Of each function of a list of tensors, which gives a scalar and values: the values, and the
    gradients of the scalar by the tensors. On JAX, one program for all that have tensors."""
    match BACKEND:
        case "jax":
            import jax

            def all_of(given: list[list[Any]]) -> list[Any]:
                found = []
                for function, xs in zip(functions, given, strict=True):
                    slopes, values = jax.grad(function, has_aux=True)(xs)
                    found.append((values, slopes))
                return found

            return _quickly(all_of, given)(given)
        case "tensorflow":
            import tensorflow as tf

            found = []
            for function, arrays in zip(functions, given, strict=True):
                xs = [tf.convert_to_tensor(x) for x in arrays]
                with tf.GradientTape() as tape:
                    tape.watch(xs)
                    total, values = function(xs)
                slopes = tape.gradient(total, xs, unconnected_gradients="zero") if xs else []
                found.append((values, [tf.convert_to_tensor(slope) for slope in slopes]))
            return found
        case "torch":
            import torch

            found = []
            for function, arrays in zip(functions, given, strict=True):
                xs = [torch.from_numpy(x).requires_grad_() for x in arrays]
                total, values = function(xs)
                slopes = [torch.zeros_like(x) for x in xs]
                if xs and total.requires_grad:
                    slopes = torch.autograd.grad(total, xs, materialize_grads=True)
                values = [v.detach() if isinstance(v, torch.Tensor) else v for v in values]
                found.append((values, slopes))
            return found
    raise NotImplementedError(BACKEND)


def _quickly(function: Callable[..., Any], *given: Any) -> Callable[..., Any]:
    """`function` as a program of JAX for arguments like `given`."""
    import jax

    lowered = jax.jit(function).lower(*given)
    try:
        return lowered.compile(QUICK)
    except RuntimeError:  # an older XLA has not all of the options
        return lowered.compile()


def once(function: Callable[..., Any], *given: np.ndarray) -> Any:
    """`function(*given)`; on JAX, one program in place of one for each operation."""
    return _quickly(function, *given)(*given) if BACKEND == "jax" else function(*given)


def compiled(function: Callable[..., Any], *, xla: bool = False) -> Callable[..., Any]:
    """`function` under the backend's tracer, in one graph; on TensorFlow, `xla` compiles it too."""
    match BACKEND:
        case "jax":
            import jax

            if "compiler_options" not in inspect.signature(jax.jit).parameters:  # an older JAX
                return jax.jit(function)
            # As users have it, whatever nox sets for all that a test compiles in passing.
            options = {"xla_backend_optimization_level": 3, "xla_cpu_use_fusion_emitters": True}
            plain, optimised = jax.jit(function), jax.jit(function, compiler_options=options)

            def run(*given: Any, **named: Any) -> Any:
                # Within another program, the options of that one hold.
                leaves = jax.tree.leaves((given, named))
                traced = any(isinstance(x, jax.core.Tracer) for x in leaves)
                return (plain if traced else optimised)(*given, **named)

            return run
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function, jit_compile=xla)
        case "torch":
            import torch

            if not TRACES:
                return function
            torch._dynamo.reset()  # a limit on recompiling one line counts over all tests
            # "eager" runs what Dynamo captured: it proves one graph without compiling kernels.
            return torch.compile(function, fullgraph=True, backend="eager")
    raise NotImplementedError(BACKEND)


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """Float64 is there: always, but on JAX, which has to be asked."""
    if BACKEND == "jax":
        import jax
        import jax.experimental

        owner = jax if hasattr(jax, "enable_x64") else jax.experimental  # its older place
        with owner.enable_x64(True):
            yield
    else:
        yield


def hand_written_loop(network: Any, loss: Any, batches: list[Any], rate: float) -> list[float]:
    """Plain gradient descent as a user of the backend would write it; the losses of each step."""
    match BACKEND:
        case "jax":
            return _jax_loop(network, loss, batches, rate)
        case "tensorflow":
            return _tensorflow_loop(network, loss, batches, rate)
        case "torch":
            return _torch_loop(network, loss, batches, rate)
    raise NotImplementedError(BACKEND)


def _jax_loop(network: Any, loss: Any, batches: list[Any], rate: float) -> list[float]:
    import jax

    def objective(trainable, state, y_true, x):
        weights, proxies = trainable
        frozen, state = state
        y_pred, _ = network.stateless_call(weights, frozen, x, training=True)
        value, state = loss.stateless_call(proxies, state, y_true, y_pred, training=True)
        return value, state

    @jax.jit
    def step(trainable, state, y_true, x):
        (value, moved), slope = jax.value_and_grad(objective, has_aux=True)(
            trainable, state, y_true, x
        )
        trainable = jax.tree.map(lambda w, g: w - rate * g, trainable, slope)
        return value, trainable, (state[0], moved)

    owners = (network, loss)
    trainable = tuple([v.value for v in owner.trainable_variables] for owner in owners)
    state = tuple([v.value for v in owner.non_trainable_variables] for owner in owners)
    losses = []
    for y_true, x in batches:
        value, trainable, state = step(trainable, state, y_true, x)
        losses.append(float(value))
    for owner, weights, rest in zip(owners, trainable, state, strict=True):
        for variable, new in zip(owner.trainable_variables, weights, strict=True):
            variable.assign(new)
        for variable, new in zip(owner.non_trainable_variables, rest, strict=True):
            variable.assign(new)
    return losses


def _tensorflow_loop(network: Any, loss: Any, batches: list[Any], rate: float) -> list[float]:
    import tensorflow as tf

    variables = [v.value for v in network.trainable_variables + loss.trainable_variables]

    @tf.function
    def step(y_true, x):
        with tf.GradientTape() as tape:
            value = loss(y_true, network(x, training=True), training=True)
        for variable, slope in zip(variables, tape.gradient(value, variables), strict=True):
            variable.assign_sub(rate * tf.convert_to_tensor(slope))  # a gather's slope is sparse
        return value

    return [float(step(tf.constant(y_true), tf.constant(x))) for y_true, x in batches]


def _torch_loop(network: Any, loss: Any, batches: list[Any], rate: float) -> list[float]:
    import torch

    parameters = [v.value for v in network.trainable_variables + loss.trainable_variables]
    optimizer = torch.optim.SGD(parameters, lr=rate)
    losses = []
    for y_true, x in batches:
        optimizer.zero_grad()
        value = loss(torch.tensor(y_true), network(torch.tensor(x), training=True), training=True)
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return losses


def training_step(loss: Any) -> Callable[..., Any]:
    """`loss(*given, training=True)` of a loss with state; on JAX one program, much the faster."""
    if BACKEND != "jax":
        return lambda *given: loss(*given, training=True)
    import jax

    @jax.jit
    def step(trainable, state, *given):
        return loss.stateless_call(trainable, state, *given, training=True)

    def run(*given):
        trainable, state = loss.trainable_variables, loss.non_trainable_variables
        value, new = step([v.value for v in trainable], [v.value for v in state], *given)
        for variable, moved in zip(state, new, strict=True):
            variable.assign(moved)
        return value

    return run


@contextlib.contextmanager
def two_replicas() -> Iterator[bool]:
    """TensorFlow's MirroredStrategy over two logical CPUs; False elsewhere."""
    if BACKEND != "tensorflow":
        yield False
        return
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        yield True


def split_the_cpu() -> None:
    """Two logical CPUs for `two_replicas`; must run before the backend does anything."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)


def timed_step(
    loss: Any, y_true: np.ndarray, y_pred: np.ndarray, fused: bool = False
) -> Callable[[], Any]:
    """Value and gradient of `loss`, compiled as Keras' trainer does by default, waiting for the
    result; if `fused`, by the backend's compiler: `jit_compile=True`, or `torch.compile`."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    match BACKEND:
        case "jax":
            import jax

            step = jax.jit(jax.value_and_grad(lambda p, t: loss(t, p)))
            return lambda: jax.block_until_ready(step(y_pred, y_true))
        case "tensorflow":
            import tensorflow as tf

            @tf.function(jit_compile=fused or None)
            def graph(t, p):
                with tf.GradientTape() as tape:
                    tape.watch(p)
                    value = loss(t, p)
                return value, tape.gradient(value, p)

            return lambda: graph(y_true, y_pred)
        case "torch":
            import torch

            x = y_pred.detach().clone().requires_grad_()
            value = torch.compile(lambda t, p: loss(t, p), fullgraph=True) if fused else loss

            def step():
                x.grad = None
                value(y_true, x).backward()

            return step
    raise NotImplementedError(BACKEND)


def address(variable: Any) -> int | None:
    """Where the value of `variable` lies in memory; None on TensorFlow, which does not say."""
    match BACKEND:
        case "jax":
            return variable.value.unsafe_buffer_pointer()
        case "torch":
            return variable.value.data_ptr()
    return None


def operations_on(variable: Any, function: Callable[[], Any]) -> set[str]:
    """The operations of TensorFlow's graph of `function` that take `variable` as an input."""
    import tensorflow as tf

    graph = tf.function(function).get_concrete_function().graph
    handles = [inner for outer, inner in graph.captures if outer is variable.value.handle]
    return {operation.type for handle in handles for operation in handle.consumers()}


def bytes_for_gradient(loss: Any, y_true: np.ndarray, y_pred: np.ndarray) -> int:
    """What a program of value and gradient allocates besides its arguments and results (JAX), or
    what the value keeps for the gradient, tensors that share memory counted once (PyTorch)."""
    if BACKEND == "jax":
        import jax

        function = jax.value_and_grad(lambda p, t: loss(t, p))
        program = jax.jit(function).lower(y_pred, y_true).compile()
        return program.memory_analysis().temp_size_in_bytes
    import torch

    kept = {}

    def keep(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage()
        return x

    x = torch.tensor(y_pred, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss(torch.tensor(y_true), x)
    return sum(storage.nbytes() for storage in kept.values())


def temporary_bytes(loss: Any, y_true: np.ndarray, y_pred: np.ndarray) -> int:
    """What JAX's program of a training step that donates the state of `loss` allocates besides
    its arguments and results; raises unless it writes the state where it lies."""
    import jax

    def step(state, y_true, y_pred):
        return loss.stateless_call([], state, y_true, y_pred, training=True)

    state = [variable.value for variable in loss.non_trainable_variables]
    program = jax.jit(step, donate_argnums=0).lower(state, y_true, y_pred).compile()
    found = program.memory_analysis()
    assert found.alias_size_in_bytes >= sum(x.nbytes for x in state)
    return found.temp_size_in_bytes
