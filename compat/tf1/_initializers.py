"""TF1's initializers: called with a shape, they give a node."""

import math
from typing import Any

import numpy as np

from ._dtypes import as_name
from ._random import random_normal, random_uniform, truncated_normal
from ._sources import constant


class Initializer:
    """Abstract: `initializer(shape, dtype=None)`."""

    dtype: Any = "float32"

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Initializer":
        return cls(**config)


class zeros_initializer(Initializer):
    """`tf.zeros_initializer`."""

    def __init__(self, dtype: Any = "float32"):
        self.dtype = dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return constant(np.zeros(_sizes(shape), as_name(dtype or self.dtype)), name="zeros")


class ones_initializer(zeros_initializer):
    """`tf.ones_initializer`."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return constant(np.ones(_sizes(shape), as_name(dtype or self.dtype)), name="ones")


class constant_initializer(Initializer):
    """`tf.constant_initializer`: a number, or numbers that are read row by row."""

    def __init__(self, value: Any = 0, dtype: Any = "float32", verify_shape: bool = False):
        self.value, self.dtype, self.verify_shape = value, dtype, verify_shape

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        sizes = _sizes(shape)
        value = np.asarray(self.value, as_name(dtype or self.dtype))
        if self.verify_shape and value.shape != sizes:
            raise TypeError(f"Expected Tensor's shape: {sizes}, got {value.shape}.")
        count = math.prod(sizes)
        if value.size > count:
            raise ValueError(f"Too many elements provided. Needed at most {count}, {value.size}.")
        # TF1 repeats the last of too few numbers.
        flat = np.concatenate([value.reshape(-1), np.repeat(value.reshape(-1)[-1:], count)])
        return constant(flat[:count].reshape(sizes), name="Const")


class random_normal_initializer(Initializer):
    """`tf.random_normal_initializer`."""

    draw = staticmethod(random_normal)

    def __init__(
        self,
        mean: float = 0.0,
        stddev: float = 1.0,
        seed: int | None = None,
        dtype: Any = "float32",
    ):
        self.mean, self.stddev, self.seed, self.dtype = mean, stddev, seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        dtype = as_name(dtype or self.dtype)
        return self.draw(_sizes(shape), self.mean, self.stddev, dtype, seed=self.seed)


class truncated_normal_initializer(random_normal_initializer):
    """`tf.truncated_normal_initializer`."""

    draw = staticmethod(truncated_normal)


class random_uniform_initializer(Initializer):
    """`tf.random_uniform_initializer`."""

    def __init__(
        self, minval: Any = 0, maxval: Any = None, seed: int | None = None, dtype: Any = "float32"
    ):
        self.minval, self.maxval, self.seed, self.dtype = minval, maxval, seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        dtype = as_name(dtype or self.dtype)
        return random_uniform(_sizes(shape), self.minval, self.maxval, dtype, seed=self.seed)


class variance_scaling_initializer(Initializer):
    """`tf.variance_scaling_initializer`."""

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = "float32",
    ):
        if scale <= 0:
            raise ValueError("`scale` must be positive float.")
        self.scale, self.mode, self.distribution = scale, mode.lower(), distribution.lower()
        self.seed, self.dtype = seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        sizes, dtype = _sizes(shape), as_name(dtype or self.dtype)
        rest = math.prod(sizes[:-2])
        fan_in = sizes[-2] * rest if len(sizes) > 1 else math.prod(sizes)
        fan_out = sizes[-1] * rest if len(sizes) > 1 else math.prod(sizes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random_uniform(sizes, -limit, limit, dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random_normal(sizes, 0.0, math.sqrt(variance), dtype, seed=self.seed)
        # The standard deviation of a normal distribution that is cut off at two.
        stddev = math.sqrt(variance) / 0.87962566103423978
        return truncated_normal(sizes, 0.0, stddev, dtype, seed=self.seed)


class glorot_uniform_initializer(variance_scaling_initializer):
    """`tf.glorot_uniform_initializer`."""

    def __init__(self, seed: int | None = None, dtype: Any = "float32"):
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "dtype": self.dtype}


class glorot_normal_initializer(glorot_uniform_initializer):
    """`tf.glorot_normal_initializer`."""

    def __init__(self, seed: int | None = None, dtype: Any = "float32"):
        super().__init__(seed, dtype)
        self.distribution = "truncated_normal"


class identity_initializer(Initializer):
    """`tf.keras.initializers.Identity`."""

    def __init__(self, gain: float = 1.0, dtype: Any = "float32"):
        self.gain, self.dtype = gain, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        rows, columns = _sizes(shape)
        eye = self.gain * np.eye(rows, columns)
        return constant(eye.astype(as_name(dtype or self.dtype)), name="eye")


class orthogonal_initializer(Initializer):
    """`tf.orthogonal_initializer`."""

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = "float32"):
        self.gain, self.seed, self.dtype = gain, seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        sizes = _sizes(shape)
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        drawn = np.random.default_rng(self.seed).normal(
            size=(max(rows, columns), min(rows, columns))
        )
        q, r = np.linalg.qr(drawn)
        q = q * np.sign(np.diag(r))
        value = self.gain * (q.T if rows < columns else q).reshape(sizes)
        return constant(value.astype(as_name(dtype or self.dtype)), name="orthogonal")


def xavier_initializer(
    uniform: bool = True, seed: int | None = None, dtype: Any = "float32"
) -> Initializer:
    """`tf.contrib.layers.xavier_initializer`."""
    return (glorot_uniform_initializer if uniform else glorot_normal_initializer)(seed, dtype)


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(int(d) for d in ([shape] if isinstance(shape, int) else shape))
