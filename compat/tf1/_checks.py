"""What TF1 code calls beside arithmetic: assertions, prints, Python functions, and names that have
no counterpart, which say so."""

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from .._dispatch import operation
from ._dtypes import as_name
from ._tensors import same, seen, static, tensor


def _fails(found: Any) -> bool:
    """Whether a condition is seen not to hold; what is traced is not checked."""
    known = seen(found)
    return known is not None and not bool(np.all(known))


def _assertion(name: str, holds: Callable[..., Any], count: int) -> Callable[..., Any]:
    @operation(f"tf.{name}")
    def function(*args: Any, **kwargs: Any) -> Any:
        arguments = dict(zip(("x", "y")[:count], args, strict=False))
        rest = dict(zip(("data", "summarize", "message", "name"), args[count:], strict=False))
        rest |= {k: v for k, v in kwargs.items() if k not in ("x", "y")}
        arguments |= {k: v for k, v in kwargs.items() if k in ("x", "y")}
        given = [arguments[k] for k in ("x", "y")[:count]]
        values = same(*given) if count == 2 else [tensor(given[0])]
        if _fails(holds(*values)):
            shown = ", ".join(str(seen(v)) for v in values)
            message = rest.get("message")
            raise ValueError(
                f"tf.{name} does not hold: {message + ': ' if message else ''}{shown}."
            )
        return None

    function.__name__ = name
    function.__doc__ = f"`tf.{name}`: checked where values can be seen, not in compiled functions."
    return function


assert_equal = _assertion("assert_equal", ops.equal, 2)
assert_none_equal = _assertion("assert_none_equal", ops.not_equal, 2)
assert_less = _assertion("assert_less", ops.less, 2)
assert_less_equal = _assertion("assert_less_equal", ops.less_equal, 2)
assert_greater = _assertion("assert_greater", ops.greater, 2)
assert_greater_equal = _assertion("assert_greater_equal", ops.greater_equal, 2)
assert_positive = _assertion("assert_positive", lambda x: x > 0, 1)
assert_negative = _assertion("assert_negative", lambda x: x < 0, 1)
assert_non_negative = _assertion("assert_non_negative", lambda x: x >= 0, 1)
assert_non_positive = _assertion("assert_non_positive", lambda x: x <= 0, 1)
assert_all_finite = _assertion("assert_all_finite", ops.isfinite, 1)


@operation("tf.assert_rank")
def assert_rank(x: Any, rank: Any, *args: Any, message: Any = None, **kwargs: Any) -> Any:
    """`tf.assert_rank`."""
    n = len(tensor(x).shape)
    if n != int(rank):
        raise ValueError(f"tf.assert_rank: {message or ''} rank {n} is not {int(rank)}.")


@operation("tf.check_numerics")
def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """`tf.check_numerics`: the tensor, checked for NaN and infinities where it can be seen."""
    if _fails(ops.isfinite(tensor)):
        raise ValueError(f"{message} : Tensor had NaN or infinite values.")
    return tensor


@operation("tf.verify_tensor_all_finite")
def verify_tensor_all_finite(
    t: Any = None, msg: str = "", name: str | None = None, x: Any = None, message: str = ""
) -> Any:
    """`tf.verify_tensor_all_finite`."""
    return check_numerics(t if x is None else x, msg or message)


@operation("tf.Assert")
def Assert(condition: Any, data: Any, summarize: Any = None, name: str | None = None) -> Any:
    """`tf.Assert`: checked where the condition can be seen."""
    if _fails(condition):
        raise ValueError(f"tf.Assert does not hold: {[str(seen(x)) for x in data]}.")
    return None


@operation("tf.print")
def print_(*inputs: Any, **kwargs: Any) -> Any:
    """`tf.print`: printed where it can be seen."""
    found = [x if isinstance(x, str) else seen(x) for x in inputs]
    if all(value is not None for value in found):
        print(*found, file=sys.stderr)


@operation("tf.py_func")
def py_func(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None
) -> Any:
    """`tf.py_func`, `tf.numpy_function`: a Python function of NumPy arrays, eagerly. There is no
    gradient, as in TF."""
    return _call(func, inp, Tout, "tf.py_func", lambda x: np.asarray(x))


@operation("tf.py_function")
def py_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None) -> Any:
    """`tf.py_function`: a Python function of tensors, eagerly."""
    return _call(func, inp, Tout, "tf.py_function", None)


def _call(func: Any, inp: Any, Tout: Any, function: str, read: Any) -> Any:
    arrays = [static(x) for x in inp]
    if any(array is None for array in arrays):
        raise ValueError(
            f"{function}: a compiled function cannot call Python for values. Write "
            f"{getattr(func, '__name__', func)!r} with tf functions, or run eagerly: "
            "`compile(..., run_eagerly=True)`."
        )
    found = func(*(arrays if read is not None else [tensor(x) for x in inp]))
    if isinstance(Tout, (list, tuple)):
        if not isinstance(found, (list, tuple)):
            found = [found]
        return [tensor(v, as_name(t)) for v, t in zip(found, Tout, strict=True)]
    return tensor(found, as_name(Tout))


def function(func: Any = None, *args: Any, **kwargs: Any) -> Any:
    """`tf.function`: the function itself. Keras compiles what it trains."""
    return func if callable(func) else lambda decorated: decorated


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """`tf.custom_gradient`: a function of tensors that gives its value and a function of the
    gradient; one argument or several."""

    @functools.wraps(f)
    def call(*args: Any) -> Any:
        def turned(*tensors: Any) -> Any:
            value, backward = f(*tensors)

            def grad(*given: Any, upstream: Any = None) -> Any:
                return backward(given[0] if upstream is None else upstream)

            return value, grad

        return ops.custom_gradient(turned)(*[tensor(x) for x in args])

    return call
