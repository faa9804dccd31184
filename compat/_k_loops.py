"""The old `keras.backend`: functions over the entries and the time steps of tensors."""

from collections.abc import Callable
from typing import Any

from keras import ops, tree

from ._k_inputs import cast, dtype_name, operation, tensor


@operation("K.map_fn")
def map_fn(fn: Callable[..., Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """`fn` of each entry along the first axis, or of entries of several tensors as one argument."""
    elems = tree.map_structure(tensor, elems)
    found = ops.map(fn, elems)
    if dtype is None:
        return found
    if isinstance(dtype, list | tuple):
        return type(found)(cast(x, d) for x, d in zip(found, dtype, strict=True))
    return tree.map_structure(lambda x: cast(x, dtype_name(dtype)), found)


def _scan(
    fn: Callable[..., Any], elems: Any, initializer: Any, reverse: bool
) -> tuple[Any, Any, Any]:
    """Where it starts, its last result, and all of them; None where there are none."""
    elems = tree.map_structure(tensor, elems)
    if initializer is None:
        first = -1 if reverse else 0
        initializer = tree.map_structure(lambda x: x[first], elems)
        elems = tree.map_structure(lambda x: x[:-1] if reverse else x[1:], elems)
    else:
        initializer = tree.map_structure(tensor, initializer)
    length = tree.flatten(elems)[0].shape[0]
    if length == 0:
        return initializer, initializer, None

    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        new = tree.map_structure(tensor, fn(carry, x))
        return new, new

    return (initializer, *ops.scan(step, initializer, elems, reverse=reverse))


def scan(fn: Callable[..., Any], elems: Any, initializer: Any, reverse: bool) -> Any:
    """All results of a fold; the first element is one where it starts the fold."""
    start, _, found = _scan(fn, elems, initializer, reverse)
    if initializer is not None:
        return found
    start = tree.map_structure(lambda x: ops.expand_dims(x, 0), start)
    if found is None:
        return start
    parts = (found, start) if reverse else (start, found)
    return tree.map_structure(lambda *x: ops.concatenate(x, axis=0), *parts)


@operation("K.foldl")
def foldl(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, name: str | None = None
) -> Any:
    """`fn(fn(fn(initializer, x₀), x₁), …)`; without an initializer it begins with `x₀`."""
    return _scan(fn, elems, initializer, reverse=False)[1]


@operation("K.foldr")
def foldr(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, name: str | None = None
) -> Any:
    """As `foldl`, from the last entry to the first."""
    return _scan(fn, elems, initializer, reverse=True)[1]


def _swapped(x: Any) -> Any:
    return ops.moveaxis(x, 0, 1)


def _chosen(mask: Any, new: Any, old: Any) -> Any:
    """`new` where the mask `(N,)` or `(N, …)` holds."""
    mask = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(new.shape) - len(mask.shape))))
    return ops.where(mask, new, old)


def _mask_of(mask: Any, input_length: Any, steps: Any, time_major: bool, backwards: bool) -> Any:
    """(T, N, …): which steps count. `input_length` counts steps in the order in which they run."""
    if mask is not None:
        mask = cast(tensor(mask), "bool")
        mask = ops.expand_dims(mask, -1) if len(mask.shape) == 2 else mask
        mask = mask if time_major else _swapped(mask)
        return ops.flip(mask, axis=0) if backwards else mask
    if input_length is None or isinstance(input_length, int):
        return None
    time = ops.expand_dims(ops.arange(steps, dtype="int32"), 1)
    lengths = cast(tensor(input_length), "int32")
    if backwards:
        return (ops.amax(lengths) - 1 - lengths) < time
    return lengths > time


@operation("K.rnn")
def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> Any:
    """`step_function(x, states + constants)`, which returns an output and states, for each step of
    `(N, T, …)`. Returns the last output, all of them `(N, T, …)`, and the states.

    A step that the mask leaves out keeps the states and repeats the output before it (zeros at
    first, and everywhere with `zero_output_for_mask`). `unroll` writes the loop out.
    """
    inputs = tree.map_structure(tensor, inputs)
    states = [tensor(s) if not isinstance(s, list | tuple) else s for s in initial_states]
    constants = list(constants or [])
    if not time_major:
        inputs = tree.map_structure(_swapped, inputs)
    steps = ops.shape(tree.flatten(inputs)[0])[0]
    if unroll and not isinstance(steps, int):
        raise ValueError("`unroll` needs a number of time steps that is known.")
    counted = _mask_of(mask, input_length, steps, time_major, go_backwards)
    if go_backwards:
        inputs = tree.map_structure(lambda x: ops.flip(x, axis=0), inputs)

    def call(x: Any, states: Any) -> tuple[Any, Any]:
        output, new = step_function(x, tuple(states) + tuple(constants))
        return output, list(new)

    def masked(previous: Any, states: Any, x: Any, counts: Any) -> tuple[Any, Any]:
        output, new = call(x, states)
        if counts is None:
            return output, new
        old = tree.map_structure(ops.zeros_like, output) if zero_output_for_mask else previous
        output = tree.map_structure(lambda a, b: _chosen(counts, a, b), output, old)
        return output, tree.map_structure(lambda a, b: _chosen(counts, a, b), new, states)

    first = tree.map_structure(lambda x: x[0], inputs)
    shape_of_output, _ = call(first, states)
    previous = tree.map_structure(ops.zeros_like, shape_of_output)
    if unroll:
        found = []
        for t in range(steps):
            x = tree.map_structure(lambda x, t=t: x[t], inputs)
            previous, states = masked(previous, states, x, None if counted is None else counted[t])
            found.append(previous)
        outputs = tree.map_structure(lambda *rows: ops.stack(rows), *found)
    else:
        pieces = [inputs] if counted is None else [inputs, counted]

        def step(carry: Any, row: Any) -> tuple[Any, Any]:
            output, new = masked(carry[0], carry[1], row[0], None if counted is None else row[1])
            # TensorFlow's scan gives back what has the structure of the carry, and that alone.
            return [output, new], [output, new]

        (previous, states), (outputs, _) = ops.scan(step, [previous, states], pieces)
    if not return_all_outputs:
        outputs = tree.map_structure(lambda x: ops.expand_dims(x, 0), previous)
    outputs = outputs if time_major else tree.map_structure(_swapped, outputs)
    return previous, outputs, states


def symbolic(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is: old multi-backend Keras marked graph functions by it."""
    return function
