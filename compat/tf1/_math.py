"""Arithmetic, entry by entry: `tf.add`, `tf.exp`, `tf.maximum`, ..., with TF's gradients."""

import operator
from collections.abc import Callable
from typing import Any

from keras import ops

from .._dispatch import operation
from ._dtypes import as_dtype, as_name
from ._tensors import by_entry, dtype_of, is_floating, itself, of_sizes, same, tensor


def _binary(
    name: str, compute: Callable[[Any, Any], Any], sizes: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    def function(x: Any, y: Any, name: str | None = None) -> Any:
        found = None if sizes is None else of_sizes(by_entry(sizes), x, y)
        return compute(*same(x, y)) if found is None else found

    function.__name__ = name
    function.__doc__ = f"`tf.{name}`."
    return operation(f"tf.{name}")(function)


def _unary(name: str, compute: Callable[[Any], Any], argument: str = "x") -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        if len(args) == 2 and (args[1] is None or isinstance(args[1], str)):
            args = args[:1]  # the name, by position
        given = (*args, *kwargs.values())
        if len(given) != 1 or set(kwargs) - {argument}:
            raise TypeError(f"tf.{name} takes one argument, `{argument}`, and a `name`.")
        return compute(tensor(given[0]))

    function.__name__ = name
    function.__doc__ = f"`tf.{name}`."
    return operation(f"tf.{name}")(function)


def safe_sqrt(x: Any) -> Any:
    """√x; at 0 the gradient is 0, where TF's is infinite."""
    zero = ops.equal(x, 0)
    root = ops.sqrt(ops.where(zero, ops.ones_like(x), x))
    return ops.where(zero, ops.zeros_like(x), root)


def absolute(x: Any) -> Any:
    """|x| with TF's gradient, 0 at 0."""
    return x * ops.stop_gradient(ops.sign(x)) if is_floating(x) else ops.abs(x)


def larger(x: Any, y: Any) -> Any:
    """max(x, y): where they are equal, all of the gradient goes to `x`, as in TF."""
    if not is_floating(x):
        return ops.maximum(x, y)
    return ops.where(ops.logical_or(x >= y, ops.isnan(x)), x, y)


def smaller(x: Any, y: Any) -> Any:
    """min(x, y): where they are equal, all of the gradient goes to `x`, as in TF."""
    if not is_floating(x):
        return ops.minimum(x, y)
    return ops.where(ops.logical_or(x <= y, ops.isnan(x)), x, y)


def quotient_or_zero(x: Any, y: Any) -> Any:
    """x / y, and 0 where y is 0; finite in gradient there."""
    zero = ops.equal(y, 0)
    quotient = x / ops.where(zero, ops.ones_like(y), y)
    return ops.where(zero, ops.zeros_like(quotient), quotient)


def true_quotient(x: Any, y: Any) -> Any:
    """x / y; of integers in float64, or float32 from 16 bits down."""
    if not is_floating(x):
        wide = "float64" if dtype_of(x) in ("int32", "int64", "uint32", "uint64") else "float32"
        x, y = ops.cast(x, wide), ops.cast(y, wide)
    return x / y


def truncated_quotient(x: Any, y: Any) -> Any:
    """x / y of integers, towards 0."""
    down = ops.floor_divide(x, y)
    inexact = ops.logical_and(down < 0, ops.not_equal(down * y, x))
    return down + ops.cast(inexact, dtype_of(x))


def _quotient(x: Any, y: Any) -> Any:
    return x / y if is_floating(x) else ops.floor_divide(x, y)


def _remainder(x: Any, y: Any) -> Any:
    return x - ops.floor(x / y) * y if is_floating(x) else x - ops.floor_divide(x, y) * y


def _truncated_remainder(x: Any, y: Any) -> Any:
    if is_floating(x):
        return x - ops.trunc(x / y) * y
    return x - truncated_quotient(x, y) * y


def _power(x: Any, y: Any) -> Any:
    """xʸ with TF's gradient by `y`: 0 where x is not positive."""
    if not is_floating(x):
        return ops.cast(ops.power(x, y), dtype_of(x))
    base = ops.power(x, ops.stop_gradient(y))
    logarithm = ops.log(ops.stop_gradient(ops.where(x > 0, x, ops.ones_like(x))))
    slope = ops.stop_gradient(base) * logarithm
    moves = ops.logical_and(ops.isfinite(slope), ops.isfinite(y))
    # 0 in value: a term that only carries the gradient by `y`.
    carrier = slope * (y - ops.stop_gradient(y))
    return base + ops.where(moves, carrier, ops.zeros_like(carrier))


def _nothing_where_zero(x: Any, y: Any) -> Any:
    """x · y, and 0 where y is 0, whatever x is."""
    zero = ops.equal(y, 0)
    return ops.where(zero, ops.zeros_like(y), ops.where(zero, ops.ones_like(x), x) * y)


def _x_log_y(x: Any, y: Any) -> Any:
    zero = ops.equal(x, 0)
    return ops.where(zero, ops.zeros_like(x), x * ops.log(ops.where(zero, ops.ones_like(y), y)))


def _x_by_y(x: Any, y: Any) -> Any:
    zero = ops.equal(x, 0)
    return ops.where(zero, ops.zeros_like(x), x / ops.where(zero, ops.ones_like(y), y))


def _times(x: Any, y: Any) -> Any:
    return x * y


def _floor_quotient(x: Any, y: Any) -> Any:
    return ops.floor(x / y) if is_floating(x) else ops.floor_divide(x, y)


add = _binary("add", lambda x, y: x + y, operator.add)
subtract = _binary("subtract", lambda x, y: x - y, operator.sub)
multiply = _binary("multiply", _times, operator.mul)
divide = _binary("divide", true_quotient)
truediv = _binary("truediv", true_quotient)
realdiv = _binary("realdiv", lambda x, y: x / y)
div = _binary("div", _quotient, operator.floordiv)
floordiv = _binary("floordiv", _floor_quotient, operator.floordiv)
floormod = _binary("floormod", _remainder, operator.mod)
truncatediv = _binary("truncatediv", truncated_quotient)
truncatemod = _binary("truncatemod", _truncated_remainder)
div_no_nan = _binary("div_no_nan", quotient_or_zero)
multiply_no_nan = _binary("multiply_no_nan", _nothing_where_zero)
xlogy = _binary("xlogy", _x_log_y)
xdivy = _binary("xdivy", _x_by_y)
pow = _binary("pow", _power)
maximum = _binary("maximum", larger, max)
minimum = _binary("minimum", smaller, min)
squared_difference = _binary("squared_difference", lambda x, y: ops.square(x - y))
atan2 = _binary("atan2", ops.arctan2)
equal = _binary("equal", ops.equal)
not_equal = _binary("not_equal", ops.not_equal)
less = _binary("less", ops.less)
less_equal = _binary("less_equal", ops.less_equal)
greater = _binary("greater", ops.greater)
greater_equal = _binary("greater_equal", ops.greater_equal)
logical_and = _binary("logical_and", ops.logical_and)
logical_or = _binary("logical_or", ops.logical_or)
logical_xor = _binary("logical_xor", ops.logical_xor)
logical_not = _unary("logical_not", ops.logical_not)


def _whole(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Rounding, which leaves integers as they are."""
    return lambda x: function(x) if is_floating(x) else x


abs = _unary("abs", absolute)
negative = _unary("negative", ops.negative)
sign = _unary("sign", ops.sign)
square = _unary("square", ops.square)
sqrt = _unary("sqrt", safe_sqrt)
rsqrt = _unary("rsqrt", ops.rsqrt)
reciprocal = _unary("reciprocal", ops.reciprocal)
exp = _unary("exp", ops.exp)
expm1 = _unary("expm1", ops.expm1)
log = _unary("log", ops.log)
log1p = _unary("log1p", ops.log1p)
log_sigmoid = _unary("log_sigmoid", lambda x: -ops.softplus(-x))
erf = _unary("erf", ops.erf)
erfc = _unary("erfc", lambda x: 1 - ops.erf(x))
floor = _unary("floor", _whole(ops.floor))
ceil = _unary("ceil", _whole(ops.ceil))
round = _unary("round", _whole(ops.round))
rint = _unary("rint", _whole(ops.round))
sin, cos, tan = _unary("sin", ops.sin), _unary("cos", ops.cos), _unary("tan", ops.tan)
asin, acos = _unary("asin", ops.arcsin), _unary("acos", ops.arccos)
atan = _unary("atan", ops.arctan)
sinh, cosh, tanh = _unary("sinh", ops.sinh), _unary("cosh", ops.cosh), _unary("tanh", ops.tanh)
asinh, acosh = _unary("asinh", ops.arcsinh), _unary("acosh", ops.arccosh)
atanh = _unary("atanh", ops.arctanh)
sigmoid = _unary("sigmoid", ops.sigmoid)
is_nan, is_inf = _unary("is_nan", ops.isnan), _unary("is_inf", ops.isinf)
is_finite = _unary("is_finite", ops.isfinite)


@operation("tf.add_n")
def add_n(inputs: Any, name: str | None = None) -> Any:
    """`tf.add_n`: the sum of a list of tensors of one shape."""
    if not isinstance(inputs, (list, tuple)):
        inputs = [inputs]
    if not inputs:
        raise ValueError("tf.add_n: inputs must be a list of at least one tensor.")
    first, *rest = same(*inputs)
    for x in rest:
        first = first + x
    return first


@operation("tf.clip_by_value")
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """`tf.clip_by_value`: gradient 1 within and at both ends, 0 outside."""
    t = tensor(t)
    return larger(*same(smaller(*same(t, clip_value_max)), clip_value_min))


@operation("tf.scalar_mul")
def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """`tf.scalar_mul`."""
    return _times(*same(scalar, x))


def convert(x: Any, dtype: str) -> Any:
    """`x` in another dtype; a float becomes an integer towards 0."""
    x = tensor(x)
    if is_floating(x) and ("int" in dtype):
        x = ops.trunc(x)
    if dtype == "bool":
        return ops.not_equal(x, 0)
    return ops.cast(x, dtype)


@operation("tf.cast")
def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """`tf.cast`. A size from `tf.shape` stays a Python int when it is cast to an integer, so that
    it can be a shape again."""
    to = as_name(dtype)
    if to in ("int32", "int64"):
        if type(x) is float:  # what becomes of a size that is divided
            return int(x)
        found = of_sizes(itself, x)
        if found is not None:
            return found
    return convert(x, to)


def _cast_to(name: str, dtype: str) -> Callable[..., Any]:
    def function(x: Any, name: str | None = None) -> Any:
        return cast(x, dtype)

    function.__name__ = name
    function.__doc__ = f"`tf.{name}`."
    return function


to_float, to_double = _cast_to("to_float", "float32"), _cast_to("to_double", "float64")
to_int32, to_int64 = _cast_to("to_int32", "int32"), _cast_to("to_int64", "int64")
to_bfloat16 = _cast_to("to_bfloat16", "bfloat16")


@operation("tf.saturate_cast")
def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Any:
    """`tf.saturate_cast`: values that do not fit become the nearest that do."""
    to, value = as_dtype(dtype), tensor(value)
    return convert(ops.clip(value, float(to.min), float(to.max)), to.name)
