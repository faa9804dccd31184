"""The few plain operations that the programs here call, where `compat.tf1` has none of its own."""

from typing import Any

from keras import ops

from portable_losses.compat import tf1
from portable_losses.compat._dispatch import operation

T = ops.convert_to_tensor


def _reduction(function: Any) -> Any:
    def reduce(x: Any, axis: Any = None, keepdims: Any = False, keep_dims: bool = False) -> Any:
        return function(T(x), axis=axis, keepdims=bool(keepdims or keep_dims))

    return reduce


def _counts(x: Any) -> tuple[Any, Any, Any]:
    same = ops.cast(ops.equal(ops.expand_dims(x, 0), ops.expand_dims(x, 1)), "int32")
    return x, ops.cast(ops.argmax(same, axis=1), "int32"), ops.sum(same, axis=1)


def _matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    a, b = T(a), T(b)
    return ops.matmul(
        ops.transpose(a) if transpose_a else a, ops.transpose(b) if transpose_b else b
    )


def _normalize(x: Any, axis: Any) -> Any:
    square = ops.sum(ops.square(T(x)), axis=axis, keepdims=True)
    return T(x) * ops.rsqrt(ops.maximum(square, 1e-12))


def _shape(x: Any, sizes: Any) -> Any:
    return ops.reshape(T(x), tuple(int(size) for size in sizes))


PLAIN = {
    "abs": ops.abs,
    "argmax": lambda x, axis=0: ops.argmax(T(x), axis=axis),
    "cast": lambda x, dtype: ops.cast(T(x), str(dtype)),
    "equal": lambda x, y: ops.equal(x, y),
    "gather": lambda x, rows: ops.take(T(x), rows, axis=0),
    "matmul": _matmul,
    "maximum": lambda x, y: ops.maximum(x, y),
    "nn.l2_loss": lambda x: 0.5 * ops.sum(ops.square(T(x))),
    "nn.l2_normalize": _normalize,
    "one_hot": lambda x, depth: ops.one_hot(x, int(depth)),
    "ones_like": lambda x, dtype=None: ops.ones_like(
        x, dtype=None if dtype is None else str(dtype)
    ),
    "pow": lambda x, y: ops.power(ops.cast(x, "float32"), y),
    "reduce_mean": _reduction(ops.mean),
    "reduce_sum": _reduction(ops.sum),
    "reshape": _shape,
    "shape": ops.shape,
    "square": lambda x: ops.square(T(x)),
    "stack": lambda values, axis=0: ops.stack([T(value) for value in values], axis=axis),
    "stop_gradient": lambda x: ops.stop_gradient(T(x)),
    "unique_with_counts": _counts,
    "unsorted_segment_sum": lambda x, ids, n: ops.segment_sum(T(x), ids, num_segments=n),
    "zeros": lambda shape: ops.zeros(tuple(shape)),
}


class _Space:
    pass


def provide() -> Any:
    """`tf1`, with the operations that it lacks."""
    for name, function in PLAIN.items():
        place = tf1
        *spaces, last = name.split(".")
        for space in spaces:
            if not hasattr(place, space):
                setattr(place, space, _Space())
            place = getattr(place, space)
        if not hasattr(place, last):
            setattr(place, last, operation(f"tf.{name}")(function))
    return tf1
