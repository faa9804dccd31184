"""What `test_documents.py` takes of TensorFlow, on `keras.ops`."""

from types import SimpleNamespace
from typing import Any

from keras import ops

abs, argmax, cast, equal = ops.abs, ops.argmax, ops.cast, ops.equal
multiply, ones, shape, sqrt = ops.multiply, ops.ones, ops.shape, ops.sqrt
square, where, zeros = ops.square, ops.where, ops.zeros
reduce_mean, reduce_sum = ops.mean, ops.sum
int32, float32 = "int32", "float32"
math = SimpleNamespace(reduce_mean=ops.mean)
nn = SimpleNamespace(relu=ops.relu)


def reshape(tensor: Any, shape: Any) -> Any:
    return ops.reshape(tensor, shape)


def one_hot(indices: Any, depth: int) -> Any:
    if "float" in str(ops.convert_to_tensor(indices).dtype):
        raise TypeError("`one_hot` takes integers.")
    return ops.one_hot(indices, depth)
