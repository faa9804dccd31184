"""Calls of the `keras.backend` of Keras 2, one list for both sides: `record_keras2.py` makes them
with the real one, `tests/compat/test_k.py` with ours. NumPy alone, so that it imports on either.

A row is a function of the module `K` and of tensors; most are a call with every combination of some
arguments. `gradient` says that the gradient by the row's floating tensors is recorded too; `eager`,
that the row reads values and is not compiled.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    label: str
    tensors: list[np.ndarray]
    run: Callable[..., Any]
    gradient: bool = False
    eager: bool = False


class T:
    """An argument that is a tensor on both sides."""

    def __init__(self, values, dtype="float32"):
        self.values = np.asarray(values, dtype)

    def __repr__(self):
        return f"{self.values.dtype}{list(self.values.shape)}"


class Over(tuple):
    """Values of an argument, each of which is tried."""


TABLE: dict[str, list[Row]] = {}


def find(K, name):
    """A function of K; the real one keeps a few to itself, which older versions did not."""
    return getattr(K, name) if hasattr(K, name) else getattr(K._private, name)


def shown(x):
    """As `repr`, whatever the version of NumPy."""
    return f"{type(x).__name__}({x})" if isinstance(x, np.generic) else repr(x)


def over(*values):
    return Over(values)


def leaves(x):
    if isinstance(x, T):
        yield x.values
    elif isinstance(x, list | tuple):
        for part in x:
            yield from leaves(part)


def filled(x, tensors):
    if isinstance(x, T):
        return next(tensors)
    if isinstance(x, list | tuple):
        return type(x)(filled(part, tensors) for part in x)
    return x


def call(name, *args, gradient=False, eager=False, **named):
    """Rows for `K.name`, one for each combination of what is `over`."""
    spots = [*args, *named.values()]
    choices = [spot if isinstance(spot, Over) else (spot,) for spot in spots]
    for chosen in itertools.product(*choices):
        positional, keywords = chosen[: len(args)], dict(zip(named, chosen[len(args) :]))  # noqa: B905  # older Pythons run it

        def run(K, *tensors, positional=positional, keywords=keywords):
            rest = iter(tensors)
            given = filled(positional, rest)
            named = {key: filled(value, rest) for key, value in keywords.items()}
            return find(K, name)(*given, **named)

        tensors = list(leaves([positional, list(keywords.values())]))
        told = [*map(shown, positional), *(f"{key}={shown(v)}" for key, v in keywords.items())]
        smooth = [x.dtype.kind == "f" and np.all(np.isfinite(x)) for x in tensors]
        row = Row(f"{name}({', '.join(told)})", tensors, run, gradient and any(smooth), eager)
        TABLE.setdefault(name, []).append(row)


def program(name, label, function, *tensors, gradient=False, eager=False):
    """A row that is a function of K and tensors."""
    values = [t.values for t in tensors]
    TABLE.setdefault(name, []).append(Row(f"{name}: {label}", values, function, gradient, eager))


def real(*shape, seed=0, low=-2.0, high=2.0, dtype="float32"):
    return T(np.random.RandomState(seed).uniform(low, high, size=shape), dtype)


def whole(*shape, seed=0, low=-5, high=6, dtype="int32"):
    return T(np.random.RandomState(seed).randint(low, high, size=shape), dtype)


def flags(*shape, seed=0):
    return T(np.random.RandomState(seed).randint(0, 2, size=shape), "bool")


NAN, INF = float("nan"), float("inf")
X = real(2, 3, 4)
SPECIAL = T([-INF, -2.5, -1.5, -0.5, -0.0, 0.0, 0.5, 1.5, 2.5, 7.25, INF, NAN])
# Kinks and ties without what is not finite, for gradients.
KINKS = T([-3.0, -2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 6.0, 9.0])
TIES = T([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0], [-1.0, 0.0, 0.0, -1.0]])
FORMATS = over("channels_last", "channels_first", None)

# Entry by entry
for _name in ("abs", "sign", "square", "round"):
    call(_name, over(KINKS, SPECIAL, whole(2, 3)), gradient=_name in ("abs", "square"))
for _name in ("exp", "sin", "cos", "tanh", "sigmoid", "softplus", "softsign"):
    call(_name, over(KINKS, real(2, 3, seed=1)), gradient=True)
    call(_name, real(3, dtype="float64"))
for _name in ("sigmoid", "softplus", "tanh", "softsign"):
    call(_name, T([-100.0, -20.0, 20.0, 100.0]))
call("log", over(T([0.0, 1e-7, 0.5, 3.0]), T([-1.0, 0.25]), real(3, low=0.1, dtype="float64")))
call("log", T([1e-7, 0.5, 3.0]), gradient=True)
call("sqrt", over(SPECIAL, T([-4.0, -1e-9, 0.0, 1e-12, 4.0])))
call("sqrt", T([-4.0, -1e-9, 0.0, 1e-12, 4.0]), gradient=True)
call("sqrt", real(3, dtype="float64"))
call("pow", KINKS, over(2, 3, 2.0, -1.0, 0.0), gradient=True)
call("pow", real(6, low=0.1), over(0.5, 1.7, T(np.linspace(-1, 2, 6))), gradient=True)
call("pow", whole(4), over(2, T([0, 1, 2, 3], "int32")))
for _name in ("maximum", "minimum"):
    call(_name, KINKS, over(0.0, 1, 1.0, np.float64(2.5), KINKS), gradient=True)
    call(_name, TIES, over(T([1.0, 3.0, 2.0, 0.0]), real(3, 1)), gradient=True)
    call(_name, T([NAN, 1.0, -INF]), T([1.0, NAN, INF]))
    call(_name, whole(4), over(0, T([1, -1, 2, 0], "int32")))
    call(_name, np.array([1.0, 3.0]), T([2.0, 2.0]))
call("clip", KINKS, over(None, -1.0, 0, 0.5), over(None, 2.5, 2, 0.5), gradient=True)
call("clip", KINKS, over(3.0, 1), over(1.0, -1.0), gradient=True)
call("clip", TIES, T([0.0, 1.0, 2.0, 3.0]), T([[1.0], [2.0], [3.0]]), gradient=True)
call("clip", KINKS, np.float32(3.0), np.float32(2.0))
call("clip", SPECIAL, over(-1.0, None), over(1.0, None))
call("clip", whole(6), over(-2, 0), over(3, 2))
call("clip", real(4, dtype="float64"), 0.0, 1.0)
for _name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"):
    call(_name, TIES, over(2.0, 2, T([1.0, 3.0, 2.0, 0.0]), np.array([1.0, 3.0, 2.0, 0.0])))
    call(_name, SPECIAL, over(0.0, SPECIAL))
    call(_name, whole(2, 3), over(1, T([1, 2, 3], "int32")))

# Over axes
AXES = over(None, 0, 1, -1, (0, 2), [1, 2], [])
for _name in ("sum", "prod", "max", "min", "mean", "var", "std", "any", "all"):
    call(_name, X, axis=AXES, keepdims=over(False, True))
for _name in ("sum", "prod", "max", "min", "mean"):
    call(_name, over(whole(2, 3), whole(4, low=0, high=3), T([[200, 100], [7, 3]], "uint8")))
    call(_name, T([[100, 100], [-7, 3]], "int8"), axis=over(None, 0, -1))
    call(_name, over(T([-7, 0, 2], "int64"), real(4, dtype="float64")))
    call(_name, T([2**31 - 1, 5, 3], "int32"))
call("mean", over(flags(2, 3), T([-1, -2, -2], "int32"), T([-5, 2], "int32")))
call("mean", whole(3, 4), axis=over(0, 1, [0, 1]), keepdims=over(False, True))
call("any", over(flags(2, 3), whole(2, 3, low=0, high=2)), axis=over(None, 0, 1))
call("all", over(flags(2, 3), whole(2, 3, low=0, high=2)), axis=over(None, 0, 1))
call("var", over(flags(2, 3), real(5, dtype="float64")))
call("std", over(flags(2, 3), real(5, dtype="float64")))
call("logsumexp", X, over(None, 0, -1, (0, 1)), over(False, True))
call("logsumexp", T([[-INF, -INF], [-INF, 0.0], [1000.0, 1000.0], [INF, 0.0]]), over(0, 1))
call("logsumexp", TIES, over(None, -1), gradient=True)
for _name in ("max", "min"):
    call(_name, TIES, axis=over(None, 0, -1), keepdims=over(False, True), gradient=True)
for _name in ("sum", "mean", "var", "std", "prod"):
    call(_name, X, axis=over(None, 1, (0, 2)), gradient=True)
call("prod", T([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0]]), axis=over(None, 1), gradient=True)
for _name in ("argmax", "argmin"):
    call(_name, over(TIES, X, whole(3, 4, low=0, high=3)))
    call(_name, TIES, over(0, 1, -2))
for _name in ("cumsum", "cumprod"):
    call(_name, over(X, whole(2, 3), T([200, 100], "uint8"), T([100, 100], "int8")))
    call(_name, X, over(0, 1, -1), gradient=True)

# Activations
call("softmax", X, over(-1, 0, 1), gradient=True)
call("softmax", X, over((1, 2), [0, 1]))
call("softmax", over(T([[1000.0, 0.0], [-1000.0, 0.0]]), real(3)))
call("elu", KINKS, over(1.0, 0.5, 2.0), gradient=True)
call("elu", T([-100.0, 100.0, 0.0]))
call("hard_sigmoid", T([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]), gradient=True)
call("hard_sigmoid", T([-2.5, 2.5]), gradient=True)
call("relu", KINKS, over(0.0, 0.3), over(None, 2.5, 6, 6.0), over(0.0, 0.5, -1.0), gradient=True)
call("relu", over(whole(5), KINKS), max_value=over(0, 3))
call("l2_normalize", over(X, TIES, T(np.zeros((2, 2)))), over(None, -1, 0, [0, 1]))
call("l2_normalize", over(X, TIES), over(None, -1, [0, 1]), gradient=True)
call("l2_normalize", T([[1e-7, 0.0], [1e-6, 0.0], [0.0, 0.0]]), -1, gradient=True)
SCORES = T([[1.0, 1.0, 0.0], [1.0, 2.0, 3.0], [INF, 1.0, 0.0], [NAN, 1.0, 0.0], [3.0, 2.0, 2.0]])
call(
    "in_top_k",
    SCORES,
    over(T([1, 0, 0, 1, 2], "int32"), T([0, 5, 1, -1, 1], "int32")),
    over(1, 2, 3),
)

# Cross-entropies
P = T([[0.1, 0.2, 0.7], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4], [0.5, 0.5, 1e-9]])
LOGITS = T([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0], [30.0, -40.0, 5.0], [-100.0, 100.0, 0.0]])
ONE_HOT = T([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
SOFT = T([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.5, 0.25, 0.25], [0.0, 0.0, 0.0]])
IDS = T([2, 0, 1, 2], "int32")
for _target in (ONE_HOT, SOFT):
    call("binary_crossentropy", _target, P, gradient=True)
    call("binary_crossentropy", _target, LOGITS, from_logits=True, gradient=True)
    call("categorical_crossentropy", _target, P, axis=over(-1, 0), gradient=True)
    call("categorical_crossentropy", _target, LOGITS, True, axis=over(-1, 0), gradient=True)
    for _name in ("binary_focal_crossentropy", "categorical_focal_crossentropy"):
        call(_name, _target, P, gamma=over(2.0, 0.5), alpha=0.3)
        call(_name, _target, LOGITS, from_logits=True)
    _inner = T(np.clip(P.values, 0.05, 0.9))
    call("binary_focal_crossentropy", _target, _inner, over(False, True), gradient=True)
    call("categorical_focal_crossentropy", _target, _inner, gradient=True)
call("categorical_focal_crossentropy", ONE_HOT, P, alpha=over(0.5, [0.1, 0.2, 0.7]))
call("categorical_focal_crossentropy", ONE_HOT, P, axis=0)
call("categorical_crossentropy", T([[1.0, 0.0]]), T([[0.3, 0.3, 0.4]]))
call("binary_crossentropy", np.array([1.0, 0.0], "float32"), T([0.3, 0.2]))
call("binary_crossentropy", T([1.0, 0.0], "float64"), T([0.3, 0.2], "float64"))
call("sparse_categorical_crossentropy", IDS, P, gradient=True)
call("sparse_categorical_crossentropy", IDS, LOGITS, True, gradient=True)
call("sparse_categorical_crossentropy", over(T([[2], [0], [1], [2]]), T([2, 0, 1, 2])), P)
call("sparse_categorical_crossentropy", IDS, P, ignore_class=over(0, 2), gradient=True)
call("sparse_categorical_crossentropy", T([[2], [0], [1], [2]]), P, ignore_class=2)
call("sparse_categorical_crossentropy", T([2, -1, 255, 0], "int32"), P, ignore_class=-1, eager=True)
call("sparse_categorical_crossentropy", T([2, -1, 1, 0], "int32"), P, ignore_class=-1)
call("sparse_categorical_crossentropy", T([2, 3, 1, 0], "int32"), P, eager=True)
_cube = T(np.random.RandomState(3).dirichlet(np.ones(4), size=(2, 3)))
_ids = T([[0, 1, 3], [2, 2, 0]], "int32")
call("sparse_categorical_crossentropy", _ids, _cube, ignore_class=over(None, 2))
call("sparse_categorical_crossentropy", T(_ids.values[..., None], "int32"), _cube)
call("sparse_categorical_crossentropy", T([[0, 1, 1, 2], [2, 0, 0, 1]], "int32"), _cube, axis=1)
for _name, _first in (("binary_crossentropy", "sigmoid"), ("categorical_crossentropy", "softmax")):
    program(
        _name,
        f"of a {_first}, whose logits it takes",
        lambda K, t, x, name=_name, first=_first: getattr(K, name)(t, getattr(K, first)(x)),
        ONE_HOT,
        LOGITS,
        gradient=True,
    )
program(
    "sparse_categorical_crossentropy",
    "of a softmax, whose logits it takes",
    lambda K, t, x: K.sparse_categorical_crossentropy(t, K.softmax(x)),
    IDS,
    LOGITS,
    gradient=True,
)

# Shapes
call("shape", X)
call("reshape", X, over((3, 8), [-1, 4], (24,), (2, -1, 2)))
call("flatten", X)
call("batch_flatten", over(X, real(3)))
call("expand_dims", X, over(0, 1, -1, 2))
call("expand_dims", X)
call("squeeze", real(2, 1, 3, 1), over(1, -1, 3, 0))
call("transpose", over(X, real(3)))
call("permute_dimensions", X, over((2, 0, 1), [0, 2, 1]))
call("concatenate", over([X, real(2, 3, 1)], (X, X)))
call("concatenate", [X, real(2, 3, 4, seed=1)], over(0, 1, -2), gradient=True)
call("stack", [real(2, 3), real(2, 3, seed=1)], over(0, 1, -1))
call("stack", [real(2), real(2, seed=1)])
call("tile", over(real(2, 3), whole(2, 2)), over((2, 1), [1, 3]))
call("tile", real(3), over(2, [2]))
call("repeat", real(2, 3), over(1, 3))
call("repeat_elements", real(2, 3), 2, over(0, 1, -1))
call("reverse", X, over(0, [1], [0, 2], -1, []))
call(
    "gather",
    over(real(4), real(4, 3), real(4, 2, 3)),
    over(T([3, 0, 0], "int32"), T([[1], [2]], "int32")),
)
call("gather", real(4, 3), T([3, 0, 0], "int32"), gradient=True)
call("gather", whole(4, 2), T([3, 0], "int64"))
call("gather", real(3), over(T([3], "int32"), T([-1], "int32")), eager=True)
call("one_hot", over(T([0, 2, 1], "int32"), T([[0, 3], [-1, 1]], "int64"), T([2, 0], "uint8")), 3)
call("arange", over(5, 2.5, -3, 0))
call("arange", over(1, 0.5), over(4, 3.5), over(1, 2, 0.5))
call("arange", 4, dtype=over("float32", "int64", "float64"))
call("arange", 5, 0, -2)
for _name in ("zeros_like", "ones_like"):
    call(_name, over(X, whole(3), flags(2)))
    call(_name, X, over("int32", "float64", "bool"))
call("cast", over(SPECIAL, T([-1.9, 1.9, 0.0])), over("bool", "float64", "float16"))
call("cast", T([-1.9, 1.9, 0.0]), over("int32", "int64", "int8", np.float32, np.dtype("int32")))
call("cast", over(flags(3), [1, 0], whole(3)), over("float32", "uint8"))
call("cast_to_floatx", over(whole(3), real(2, dtype="float64"), np.array([1, 2])))
call("int_shape", X, eager=True)
call("ndim", X, eager=True)
call("count_params", X, eager=True)
call("temporal_padding", real(2, 3, 2))
call("temporal_padding", real(2, 3, 2), over((0, 2), (1, 0)))
call("spatial_2d_padding", real(2, 3, 2, 2), data_format=FORMATS)
call(
    "spatial_2d_padding",
    real(2, 3, 2, 2),
    ((0, 1), (2, 0)),
    over("channels_last", "channels_first"),
)
call("spatial_3d_padding", real(1, 2, 3, 2, 2), data_format=FORMATS)
call("spatial_3d_padding", real(1, 2, 3, 2, 2), ((0, 1), (2, 0), (1, 1)), over("channels_first"))
_image = real(2, 3, 4, 2)
_ways = over(
    "nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"
)
call("resize_images", _image, 2, 3, over("channels_last", "channels_first"), _ways)
call("resize_images", real(1, 5, 5, 1), 1, 4, "channels_last", _ways)
call("resize_images", over(_image, whole(1, 2, 2, 1)), 2, 2, "channels_last")
call("resize_volumes", real(1, 2, 2, 3, 2), 2, 1, 3, over("channels_last", "channels_first"))
call("switch", T(1.0), over(T(2.0), T([1.0, 2.0])), over(T(3.0), T([0.0, 0.0])), eager=True)
call("switch", flags(3), real(3), over(real(3, seed=1), 0.0), gradient=True)
call("switch", flags(3), real(3, 3), real(3, 3, seed=1))
call("switch", T([[True], [False]], "bool"), over(real(2, 3), real(2, 3, 2)), 0.0)
call("switch", flags(2, 3), real(2, 3, 2), real(2, 3, 2, seed=1), gradient=True)
call("switch", flags(2, 3), real(3), real(3, seed=1))
call("switch", whole(2, 2, low=0, high=2), real(2, 2), real(2, 2, seed=1))
for _sign in (1.0, -1.0):
    program(
        "switch",
        f"functions, {_sign}",
        lambda K, c, x: K.switch(K.sum(c) > 0, lambda: K.sqrt(x), lambda: x * 3),
        T([_sign]),
        real(3, low=0.5),
        gradient=True,
    )
program(
    "switch",
    "functions, entry by entry",
    lambda K, x: K.switch(x > 0, lambda: x * 2, lambda: x * 3),
    KINKS,
    gradient=True,
)
call("in_train_phase", T([1.0]), T([2.0]), training=over(True, False, 1, 0, T(True, "bool")))
call("in_train_phase", T([1.0]), T([2.0]))
call("in_test_phase", T([1.0]), T([2.0]), training=over(True, False, None))
call("stop_gradient", KINKS, gradient=True)

# Products
call("dot", real(2, 3), over(real(3, 4), real(5, 3, 4), real(2, 5, 3, 1)))
call("dot", real(2, 5, 3), over(real(3, 4), real(5, 3, 4)))
call("dot", real(2, 3), real(3, 2, seed=1), gradient=True)
call("dot", whole(2, 3), whole(3, 2))
call("batch_dot", real(2, 3), over(real(2, 3, seed=1), real(2, 3, 4)))
call("batch_dot", real(2, 3), real(2, 3, seed=1), over(1, -1, (1, 1), [1, -1]))
call("batch_dot", real(2, 3, 4), over(real(2, 4), real(2, 4, 5), real(2, 4, 3), real(2, 3, 4, 5)))
call("batch_dot", real(2, 3, 4), real(2, 4, 3), over((1, 2), (2, 1), (-1, -2), [1, 2]))
call("batch_dot", real(2, 3, 4), real(2, 3, 5), over(1, (1, 1)))
call("batch_dot", real(2, 3, 4, 5), over(real(2, 5), real(2, 5, 4), real(2, 3, 5, 4)))
call("batch_dot", real(2, 3, 4, 5), real(2, 5, 4, 3), over((1, 3), (2, 2), (3, 1)))
call("batch_dot", real(2, 3), real(2, 3, 4), over((1, 1), 1))
call("batch_dot", real(2, 3), over(real(2, 4), real(3, 3)))
call("batch_dot", real(2, 3, 4), real(2, 4, 5), gradient=True)
call("bias_add", over(real(2, 3), real(2, 3, 4), real(2, 3, 4, 5)), real(3), "channels_first")
call("bias_add", over(real(2, 3), real(2, 4, 3), real(2, 4, 5, 3), real(1, 2, 3, 2, 3)), real(3))
call("bias_add", real(2, 3, 4), real(3, 4))
call("bias_add", real(2, 3, 4, 5), real(3, 4, 5), over("channels_last", None))
call("bias_add", real(2, 5, 3, 4), real(3, 4, 5), "channels_first")
call("conv1d", real(2, 7, 3), real(3, 3, 2), over(1, 2), over("valid", "same", "causal"))
call("conv1d", real(2, 7, 3), real(2, 3, 2), 1, over("valid", "same", "causal"), "channels_last", 2)
call("conv1d", real(2, 3, 7), real(3, 3, 2), over(1, 2), over("valid", "same"), "channels_first")
_picture, _first = real(2, 6, 5, 3), real(2, 3, 6, 5)
call("conv2d", _picture, real(3, 2, 3, 2), over((1, 1), (2, 2)), over("valid", "same"))
call(
    "conv2d",
    _first,
    real(3, 3, 3, 2),
    over((1, 1), (2, 1)),
    over("valid", "same"),
    "channels_first",
)
call("conv2d", _picture, real(2, 2, 3, 2), (1, 1), over("valid", "same"), None, (2, 2))
call("conv2d", _picture, real(2, 2, 3, 2), gradient=True)
call(
    "conv3d",
    real(1, 4, 4, 4, 2),
    real(2, 2, 2, 2, 3),
    over((1, 1, 1), (2, 2, 2)),
    over("valid", "same"),
)
call("conv3d", real(1, 2, 4, 4, 4), real(2, 3, 2, 2, 3), data_format="channels_first")
for _size, _kernel, _stride, _padding in (
    ((2, 5, 6, 2), (3, 3), (1, 1), "same"),
    ((2, 7, 8, 2), (3, 3), (1, 1), "valid"),
    ((2, 10, 12, 2), (3, 3), (2, 2), "same"),
    ((2, 9, 11, 2), (3, 3), (2, 2), "same"),
    ((2, 11, 13, 2), (3, 3), (2, 2), "valid"),
    ((2, 12, 14, 2), (3, 3), (2, 2), "valid"),
    ((2, 10, 12, 2), (2, 4), (2, 2), "same"),
    ((2, 10, 12, 2), (2, 2), (2, 2), "valid"),
    ((2, 15, 18, 2), (2, 2), (3, 3), "same"),
    ((2, 14, 17, 2), (2, 2), (3, 3), "valid"),
    ((None, 10, 12, 2), (5, 4), (2, 2), "same"),
):
    call("conv2d_transpose", real(2, 5, 6, 3), real(*_kernel, 2, 3), _size, _stride, _padding)
call(
    "conv2d_transpose",
    real(2, 3, 5, 6),
    real(3, 3, 2, 3),
    (2, 2, 10, 12),
    (2, 2),
    "same",
    "channels_first",
)
call(
    "conv2d_transpose",
    real(2, 5, 6, 3),
    real(3, 3, 2, 3),
    (2, 5, 6, 2),
    (1, 1),
    "same",
    None,
    (2, 2),
)
call(
    "conv2d_transpose",
    real(2, 5, 6, 3),
    real(3, 3, 2, 3),
    (2, 9, 10, 2),
    (1, 1),
    "valid",
    None,
    (2, 2),
)
call(
    "conv3d_transpose", real(1, 2, 3, 2, 2), real(3, 2, 2, 3, 2), (1, 4, 6, 4, 3), (2, 2, 2), "same"
)
call("conv3d_transpose", real(1, 2, 3, 2, 2), real(3, 2, 2, 3, 2), (1, 4, 4, 3, 3), padding="valid")
call("depthwise_conv2d", _picture, real(3, 2, 3, 2), over((1, 1), (2, 2)), over("valid", "same"))
call("depthwise_conv2d", _first, real(3, 3, 3, 1), (1, 1), "same", "channels_first")
call("depthwise_conv2d", _picture, real(2, 2, 3, 2), (1, 1), over("valid", "same"), None, (2, 2))
call(
    "separable_conv2d",
    _picture,
    real(3, 2, 3, 2),
    real(1, 1, 6, 4),
    over((1, 1), (2, 2)),
    over("valid", "same"),
)
call(
    "separable_conv2d", _first, real(3, 3, 3, 1), real(1, 1, 3, 2), (1, 1), "same", "channels_first"
)
call(
    "separable_conv1d",
    real(2, 7, 3),
    real(3, 3, 2),
    real(1, 6, 4),
    over(1, 2),
    over("valid", "same"),
)
call("separable_conv1d", real(2, 3, 7), real(3, 3, 1), real(1, 3, 2), 1, "same", "channels_first")
call(
    "pool2d",
    _picture,
    over((2, 2), (3, 2)),
    over((1, 1), (2, 2)),
    over("valid", "same"),
    None,
    over("max", "avg"),
)
call("pool2d", _first, (2, 2), data_format="channels_first", pool_mode=over("max", "avg"))
call("pool2d", _picture, (2, 2), (2, 2), pool_mode=over("max", "avg"), gradient=True)
call(
    "pool3d",
    real(1, 4, 5, 4, 2),
    (2, 2, 2),
    over((1, 1, 1), (2, 2, 2)),
    over("valid", "same"),
    None,
    over("max", "avg"),
)
call("pool3d", real(1, 2, 4, 5, 4), (2, 2, 2), data_format="channels_first")
call("local_conv1d", real(2, 7, 3), real(5, 9, 2), (3,), (1,), over("channels_last", None))
call("local_conv1d", real(2, 3, 7), real(3, 9, 2), (3,), (2,), "channels_first")
call(
    "local_conv2d",
    real(2, 5, 6, 3),
    real(20, 12, 2),
    (2, 2),
    (1, 1),
    (4, 5),
    over("channels_last", None),
)
call("local_conv2d", real(2, 3, 5, 6), real(4, 18, 2), (2, 3), (2, 2), (2, 2), "channels_first")
_stats = (real(3), real(3, seed=1, low=0.1), real(3, seed=2), real(3, seed=3))
call("batch_normalization", over(real(4, 3), real(2, 4, 3), real(2, 4, 5, 3)), *_stats)
call("batch_normalization", real(2, 4, 5, 3), *_stats[:2], None, None, epsilon=over(1e-3, 1e-7))
call("batch_normalization", real(4, 3), *_stats[:2], None, over(None, _stats[3]), epsilon=1e-7)
call("batch_normalization", real(4, 3), *_stats, axis=over(-1, 1))
call("batch_normalization", real(2, 4, 5, 3), *_stats, axis=3, gradient=True)
call("batch_normalization", real(2, 4, 5, 3), *(T(s.values[None, None, None]) for s in _stats))
call(
    "normalize_batch_in_training", real(4, 3), over(None, real(3)), over(None, real(3, seed=1)), [0]
)
call(
    "normalize_batch_in_training",
    real(2, 4, 5, 3),
    over(None, real(3)),
    over(None, real(3, seed=1)),
    [0, 1, 2],
)
call("normalize_batch_in_training", real(2, 3, 4, 5), real(3), real(3, seed=1), [0, 2, 3])
call(
    "normalize_batch_in_training",
    real(2, 4, 3),
    real(3),
    real(3, seed=1),
    over([0, 1], (0, 1)),
    1e-5,
)
call("normalize_batch_in_training", real(2, 4, 3), real(4), real(4, seed=1), [0, 2])

# Temporal classification
_steps = T(np.random.RandomState(5).dirichlet(np.ones(5), size=(3, 8)))
_labels = T([[0, 1, 1, 2], [3, 3, 0, 0], [2, 0, 0, 0]], "int32")
_lengths = T([[4], [2], [1]], "int32")
call(
    "ctc_batch_cost",
    _labels,
    _steps,
    over(T([[8], [8], [8]], "int32"), T([[6], [3], [1]], "int32")),
    _lengths,
    gradient=True,
)
call(
    "ctc_batch_cost", T(_labels.values), _steps, T([[8.0], [7.0], [5.0]]), T([[4.0], [2.0], [1.0]])
)
call("ctc_batch_cost", _labels, _steps, T([[3], [8], [8]], "int32"), _lengths, eager=True)
call("ctc_batch_cost", _labels, _steps, T([[4], [8], [8]], "int32"), _lengths)
call("ctc_label_dense_to_sparse", _labels, T([4, 2, 1], "int32"), eager=True)
call("ctc_decode", _steps, over(T([8, 8, 8], "int32"), T([5, 8, 1], "int32")))
_best = np.eye(5)[[[4, 0, 0, 4, 0, 1, 1, 4], [2, 2, 2, 3, 4, 4, 3, 3], [4] * 8]]
_peaked = T(0.75 * _best + 0.25 * np.random.RandomState(7).dirichlet(np.ones(5), size=(3, 8)))
call("ctc_decode", _peaked, T([8, 8, 8], "int32"))
call(
    "ctc_decode",
    over(_steps, _peaked),
    T([8, 8, 8], "int32"),
    False,
    over(100, 4),
    over(1, 3),
    eager=True,
)

# Loops
program(
    "map_fn",
    "square and sum",
    lambda K, x: K.map_fn(lambda r: K.sum(r * r), x),
    real(4, 3),
    gradient=True,
)
program(
    "map_fn",
    "of two",
    lambda K, x, y: K.map_fn(lambda p: p[0] * p[1], (x, y), dtype="float32"),
    real(4, 3),
    real(4, 3, seed=1),
)
program(
    "map_fn",
    "to integers",
    lambda K, x: K.map_fn(lambda r: K.argmax(r), x, dtype="int64"),
    real(4, 3),
)
for _name in ("foldl", "foldr"):
    program(
        _name,
        "no initializer",
        lambda K, x, n=_name: getattr(K, n)(lambda a, b: a - 0.5 * b, x),
        real(4, 3),
        gradient=True,
    )
    program(
        _name,
        "initializer",
        lambda K, x, i, n=_name: getattr(K, n)(lambda a, b: a * 0.5 + b, x, i),
        real(4, 3),
        real(3, seed=1),
    )


def _cell(K):
    def step(x, states):
        state = states[0] * 0.5 + x
        return K.tanh(state), [state]

    return step


_sequence, _state = real(2, 5, 3), real(2, 3, seed=1)
_mask = T([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], "bool")
for _backwards, _unroll in itertools.product((False, True), (False, True)):
    _told = {"go_backwards": _backwards, "unroll": _unroll}
    program(
        "rnn",
        f"{_told}",
        lambda K, x, s, told=_told: K.rnn(_cell(K), x, [s], **told),
        _sequence,
        _state,
        gradient=True,
    )
    program(
        "rnn",
        f"mask, {_told}",
        lambda K, x, s, m, told=_told: K.rnn(_cell(K), x, [s], mask=m, **told),
        _sequence,
        _state,
        _mask,
    )
    program(
        "rnn",
        f"mask, zeros, {_told}",
        lambda K, x, s, m, told=_told: K.rnn(
            _cell(K), x, [s], mask=m, zero_output_for_mask=True, **told
        ),
        _sequence,
        _state,
        _mask,
    )
    program(
        "rnn",
        f"last only, {_told}",
        lambda K, x, s, told=_told: K.rnn(_cell(K), x, [s], return_all_outputs=False, **told),
        _sequence,
        _state,
    )
program(
    "rnn",
    "time major",
    lambda K, x, s: K.rnn(_cell(K), x, [s], time_major=True),
    _sequence,
    real(5, 3, seed=1),
)
program(
    "rnn",
    "constants",
    lambda K, x, s, c: K.rnn(lambda x, s: (x * s[1], [s[0] + x]), x, [s], constants=[c]),
    _sequence,
    _state,
    real(2, 3, seed=2),
)
for _backwards in (False, True):
    program(
        "rnn",
        f"lengths, go_backwards={_backwards}",
        lambda K, x, s, n, back=_backwards: K.rnn(
            _cell(K), x, [s], input_length=n, go_backwards=back
        ),
        _sequence,
        _state,
        T([3, 5], "int32"),
    )

# Variables and what holds values
for _name in ("zeros", "ones"):
    call(_name, over((2, 3), [2], ()), over(None, "int32", "float64"), eager=True)
    call(_name, (0, 2), eager=True)
call("eye", 3, over(None, "int32"), eager=True)
call("variable", over(1.5, [[1, 2]], np.arange(3)), over(None, "int32"), eager=True)
call("constant", over(2, 1.5, [1, 2], np.arange(3)), over(None, "int32", "float64"))
call("constant", 3, shape=over((2, 2), (1,)))
call("constant", [1, 2, 3, 4], shape=(2, 2))
call("get_value", over(X, 3), eager=True)
call("eval", X, eager=True)
for _name in ("update", "update_add", "update_sub"):
    program(
        _name,
        "a variable",
        lambda K, x, n=_name: [getattr(K, n)(v := K.variable([1.0, 2.0]), x), v][1],
        T([0.5, 3.0]),
        eager=True,
    )
program(
    "moving_average_update",
    "a variable",
    lambda K, x: [K.moving_average_update(v := K.variable([1.0, 2.0]), x, 0.9), v][1],
    T([0.5, 3.0]),
    eager=True,
)
program(
    "set_value",
    "a variable",
    lambda K: [K.set_value(v := K.variable([1.0, 2.0]), [3, 4]), v][1],
    eager=True,
)
program(
    "batch_set_value",
    "variables",
    lambda K: [K.batch_set_value([(v := K.variable([1.0]), [3])]), v][1],
    eager=True,
)
program(
    "batch_get_value",
    "variables",
    lambda K: K.batch_get_value([K.variable([1.0]), K.variable(2.0)]),
    eager=True,
)
