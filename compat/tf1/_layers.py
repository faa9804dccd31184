"""The layers of TF1 that are a few operations: `tf.layers.dense`, `flatten`, `dropout`, and those
of `tf.contrib.slim`. Their variables are those of the graph, by TF1's names."""

from typing import Any

from . import _arrays, _linalg, _nn, _sizes
from ._initializers import zeros_initializer
from ._scopes import get_variable, variable_scope
from ._sources import as_node


def _affine(
    inputs: Any,
    units: int,
    scope: Any,
    names: tuple[str, str],
    initializers: tuple[Any, Any],
    regularizers: tuple[Any, Any],
    trainable: bool,
) -> Any:
    """Within `scope`: the last axis times a matrix, plus one number for each unit."""
    x = as_node(inputs)
    if x.shape.ndims is None or x.shape.ndims < 2 or x.shape[-1].value is None:
        raise ValueError(
            f"A dense layer needs inputs (batch, ..., features) of a known number of features. "
            f"Received: {x!r}, made at {x.op.where()}."
        )
    with scope:
        shape = [x.shape[-1].value, int(units)]
        more: dict[str, Any] = {"dtype": x.dtype, "trainable": trainable}
        start, rule = initializers[0], regularizers[0]
        kernel = get_variable(names[0], shape, initializer=start, regularizer=rule, **more)
        if x.shape.ndims == 2:
            outputs = _linalg.matmul(x, kernel)
        else:
            outputs = _linalg.tensordot(x, kernel, [[x.shape.ndims - 1], [0]])
        if initializers[1] is not None:
            start, rule = initializers[1], regularizers[1]
            bias = get_variable(names[1], shape[1:], initializer=start, regularizer=rule, **more)
            outputs = _nn.bias_add(outputs, bias)
    return outputs


def dense(
    inputs: Any,
    units: int,
    activation: Any = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Any:
    """`tf.layers.dense`: variables `dense/kernel` and `dense/bias`."""
    if activity_regularizer or kernel_constraint or bias_constraint:
        raise NotImplementedError(
            "tf.layers.dense here has no activity_regularizer and no constraints: add the penalty "
            "to the loss, or use keras.layers.Dense."
        )
    outputs = _affine(
        inputs,
        units,
        variable_scope(name, default_name="dense", reuse=reuse),
        ("kernel", "bias"),
        (
            kernel_initializer,
            (bias_initializer or zeros_initializer()) if use_bias else None,
        ),
        (kernel_regularizer, bias_regularizer),
        trainable,
    )
    return outputs if activation is None else activation(outputs)


def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Any = _nn.relu,
    normalizer_fn: Any = None,
    normalizer_params: Any = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = "zeros",
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: str | None = None,
) -> Any:
    """`tf.contrib.slim.fully_connected`: variables `fully_connected/weights` and `/biases`, and
    `tf.nn.relu` unless `activation_fn` says otherwise."""
    if normalizer_fn is not None:
        raise NotImplementedError("fully_connected here has no normalizer_fn: call it afterwards.")
    if isinstance(biases_initializer, str):
        biases_initializer = zeros_initializer()
    outputs = _affine(
        inputs,
        num_outputs,
        variable_scope(scope, default_name="fully_connected", reuse=reuse),
        ("weights", "biases"),
        (weights_initializer, biases_initializer),
        (weights_regularizer, biases_regularizer),
        trainable,
    )
    return outputs if activation_fn is None else activation_fn(outputs)


def flatten(inputs: Any, name: str | None = None, **_: Any) -> Any:
    """`tf.layers.flatten`: (batch, the rest)."""
    x = as_node(inputs)
    sizes = x.shape.as_list()[1:]
    if None in sizes:
        return _sizes.reshape(x, _arrays.stack([_sizes.shape(x)[0], -1]))
    count = 1
    for size in sizes:
        count *= size
    return _sizes.reshape(x, [-1, count])


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: Any = None,
    training: Any = False,
    name: str | None = None,
) -> Any:
    """`tf.layers.dropout`: `rate` is what is dropped, and only where `training` is true."""
    from ._control import cond

    if isinstance(training, bool | int):
        if not training:
            return inputs
        return _nn.dropout(inputs, rate=rate, noise_shape=noise_shape, seed=seed)
    return cond(
        training,
        lambda: _nn.dropout(inputs, rate=rate, noise_shape=noise_shape, seed=seed),
        lambda: as_node(inputs),
    )


def slim_dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: str | None = None,
    seed: Any = None,
) -> Any:
    """`tf.contrib.slim.dropout`: `keep_prob` is what is kept."""
    return dropout(inputs, 1 - keep_prob, noise_shape, seed, is_training)
