"""PyTorch."""

import ctypes
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.utils.checkpoint
from keras import ops, tree

# No public name says on which device Keras puts its tensors.
from keras.src.backend.torch.core import get_device

from portable_losses._backend import _generic, _torch_pairs, _torch_program
from portable_losses._backend._leaves import filled, leaves_of
from portable_losses._typing import Tensor


def checks_rows() -> bool:
    return True


def take_rows(table: Any, rows: Tensor) -> Tensor:
    if table.ndim == 1:
        return table.index_select(0, rows)
    return torch.nn.functional.embedding(rows, table)


def with_rows_added(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    return table.index_add(0, rows, values)


def add_rows_in_place(value: Any, rows: Tensor, values: Tensor) -> bool:
    with torch.no_grad():
        value.index_add_(0, rows, values)
    return True


def with_rows_set(table: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    return table.index_copy(0, rows.long(), values)


def set_rows_in_place(value: Any, rows: Tensor, values: Tensor) -> bool:
    with torch.no_grad():
        value.index_copy_(0, rows.long(), values)
    return True


def is_traced(tensor: Tensor) -> bool:
    return tracing() or tensor.device.type == "meta"


def traces_without(variable: Any, tensor: Tensor) -> bool:
    return False


at_once = _torch_program.at_once
concrete = _torch_program.concrete
tracing = _torch_program.tracing

count_below = _torch_pairs.count_below
distances = _torch_pairs.distances
dot = _torch_pairs.dot
indicator = _torch_pairs.indicator
nearest_above = _torch_pairs.nearest_above
squared_distances = _torch_pairs.squared_distances
take_wanted = _torch_pairs.take_wanted
where = _torch_pairs.where


# A trace takes longer than some runs: a program is traced when it comes again and again.
RUNS_BEFORE_TRACE = 2


def compiled(function: Callable[..., Any], needs_values: Any = ()) -> Callable[..., Any]:
    """A program of operations alone, once it ran some times; where values decide what runs, the
    function as it is."""
    counts: Counter[Any] = Counter()
    programs: dict[Any, Any] = {}

    def one_by_one(held: Any, *given: Any) -> Any:
        return tree.map_structure(owned, function(held, *given))

    def traced(held: Any, *given: Any) -> Any:
        structure: list[Any] = []

        def flat(*leaves: Any) -> Any:
            found, new = function(*filled((held, *given), iter(leaves)))
            structure.append(found)
            return list(leaves_of(found)), new

        tensors = list(leaves_of((held, *given)))
        if not all(isinstance(x, torch.Tensor) for x in tensors):
            return one_by_one  # seeds: a trace would draw the same numbers each time
        try:
            program = _torch_program.trace(flat, len(held), tensors)
        except Exception:  # whatever it is, it did not stop the runs before
            return one_by_one

        def run(held: Any, *given: Any) -> Any:
            try:
                found, new = program(*leaves_of((held, *given)))
            except (IndexError, RuntimeError):
                # Say what is wrong where; the values that are held are lost or not, as in TF1.
                one_by_one([x.clone() for x in held], *given)
                raise
            return filled(structure[0], iter(found)), new

        return run

    def run(held: Any, *given: Any) -> Any:
        given = filled(given, map(_tensor, leaves_of(given)))
        key = tuple([(x.dtype, x.shape) for x in leaves_of((held, *given))])
        program = programs.get(key)
        if program is not None:
            return program(held, *given)
        counts[key] += 1
        if counts[key] > RUNS_BEFORE_TRACE:
            program = programs[key] = traced(held, *given)
            return program(held, *given)
        return one_by_one(held, *given)

    return torch.no_grad()(run)


def _tensor(x: Any) -> Any:
    if not isinstance(x, np.ndarray) or x.dtype == "uint32":
        return x  # a tensor, or seeds, which Keras wants as numbers
    if get_device() == "cpu" and x.flags.c_contiguous and x.flags.writeable:
        return torch.from_numpy(x)  # shares its memory, which nothing returned does
    return ops.convert_to_tensor(x)


def owned(tensor: Tensor) -> Tensor:
    return tensor.clone()


keep = _generic.keep
value_of = _generic.value_of
with_value = _generic.with_value


def with_rows(kept: Any, rows: Tensor, values: Tensor) -> Any:
    return with_rows_added(kept, rows, values)


def snapshot(tensor: Tensor) -> Tensor:
    return tensor.clone()


def unique(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # Of operations that stay on one thread: several cost more than they save here.
    ordered, order = torch.sort(x, stable=True)
    places = torch.arange(x.shape[0], device=x.device)
    none = torch.zeros_like(places)
    new = torch.cat([none[:1], (ordered[1:] != ordered[:-1]).long()])
    start = torch.cummax(new * places, 0).values
    own_first = none.index_copy(0, order, order.index_select(0, start))
    is_first = own_first == places
    index = (torch.cumsum(is_first, 0) - 1).index_select(0, own_first)
    count = none.index_add(0, index, torch.ones_like(places))
    rows = none.index_add(0, index, torch.where(is_first, places, 0))
    return x.index_select(0, rows), index.int(), count.int()


def value_and_gradient(
    function: Callable[..., Tensor], xs: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    nested = torch.is_grad_enabled()  # an outer gradient goes through these ones
    with torch.enable_grad():
        xs = [x if nested and x.requires_grad else x.detach().requires_grad_() for x in xs]
        value = function(*xs)
        if not value.requires_grad:
            return value, [torch.zeros_like(x) for x in xs]
        slopes = torch.autograd.grad(value, xs, create_graph=nested, materialize_grads=True)
    return value, list(slopes)


class Tape:
    """PyTorch records for itself; what is watched asks for a gradient until it has one."""

    def __init__(self, persistent: bool, variables: bool):
        self.persistent, self.variables, self.used = persistent, variables, False
        self.watched: list[Tensor] = []
        self.asked: list[Tensor] = []
        self.recording = torch.enable_grad()

    def __enter__(self) -> None:
        self.recording.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.recording.__exit__(*error)

    def watch(self, xs: Sequence[Tensor]) -> None:
        self.watched += xs
        self.asked += [x.requires_grad_() for x in xs if not x.requires_grad]

    def gradient(
        self, ys: Sequence[Tensor], xs: Sequence[Tensor], slopes: Sequence[Tensor] | None
    ) -> list[Tensor | None]:
        if self.used and not self.persistent:
            raise RuntimeError(
                "A tf.GradientTape gives gradients once. Make it with persistent=True."
            )
        self.used = True
        seeds = [torch.ones_like(y) for y in ys] if slopes is None else slopes
        pairs = [(y, seed) for y, seed in zip(ys, seeds, strict=True) if y.requires_grad]
        places = [i for i, x in enumerate(xs) if x.requires_grad and self._counts(x)]
        found: list[Tensor | None] = [None] * len(xs)
        if pairs and places:
            with torch.enable_grad():  # of a gradient there may be one, too
                given = torch.autograd.grad(
                    [y for y, _ in pairs],
                    [xs[i] for i in places],
                    [seed for _, seed in pairs],
                    create_graph=True,
                    allow_unused=True,
                )
            for i, value in zip(places, given, strict=True):
                found[i] = value
        if not self.persistent:
            for x in self.asked:
                x.requires_grad_(False)
        return found

    def _counts(self, x: Tensor) -> bool:
        return self.variables or any(x is y for y in self.watched)


def replicas() -> int:
    return 1


def with_size(
    least: Tensor, sizes: list[int], function: Callable[..., list[Tensor]], *given: Tensor
) -> list[Tensor]:
    known = concrete(least)
    return function(sizes[-1] if known is None else max(1, int(known)), *given)


try:
    import resource  # not on Windows

    _malloc_trim: Any = ctypes.CDLL(None).malloc_trim  # glibc's alone
except (ImportError, AttributeError):
    _malloc_trim = None


def _tidily(count: int) -> Iterator[int]:
    """0, 1, … count - 1, one for each block. Where blocks make the process grow, glibc now and then
    gives back what is free: it keeps it in pieces, each a few bytes too small for the next block.
    """
    most = _most_memory()
    for k in range(count):
        yield k
        if k % 8 == 7 and _malloc_trim is not None and _most_memory() > most + 2**24:
            _malloc_trim(0)


def _most_memory() -> int:
    """What the process held at its peak, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if _malloc_trim else 0


class _Blocks(torch.autograd.Function):
    """`map_blocks`, of which nothing is kept for the gradient but what was given.

    `torch.utils.checkpoint` keeps small objects of each block, and they come to lie between the
    large tensors of blocks.
    """

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], count: int, *given: Tensor) -> Tensor:
        device = given[0].device.type
        ctx.function, ctx.count = function, count
        ctx.autocast = device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device)
        ctx.save_for_backward(*given)
        found = function(*(x[0] for x in given[:count]), *given[count:])
        values = found.new_empty((len(given[0]), *found.shape))
        values[0] = found
        for k in _tidily(len(values)):
            if k:
                values[k] = function(*(x[k] for x in given[:count]), *given[count:])
        return values

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        given = ctx.saved_tensors
        wanted = [i for i, want in enumerate(ctx.needs_input_grad[2:]) if want]
        twice = torch.is_grad_enabled()  # there will be a gradient of this gradient
        slopes = {i: torch.zeros_like(given[i]) for i in wanted}
        for k in _tidily(len(upstream)):
            some = [x[k] if i < ctx.count else x for i, x in enumerate(given)]
            with torch.enable_grad(), torch.autocast(*ctx.autocast):
                for i in wanted:  # tensors of their own: anchors may be rows of the references
                    x = some[i]
                    some[i] = x.view_as(x) if twice else x.detach().requires_grad_()
                found = ctx.function(*some)
            inputs = [some[i] for i in wanted]
            parts = torch.autograd.grad(
                found, inputs, upstream[k], create_graph=twice, allow_unused=True
            )
            for i, part in zip(wanted, parts, strict=True):
                if part is not None:
                    (slopes[i][k] if i < ctx.count else slopes[i]).add_(part)
        return None, None, *(slopes.get(i) for i in range(len(given)))


def map_blocks(
    function: Callable[..., Tensor], blocks: tuple[Tensor, ...], shared: tuple[Tensor, ...]
) -> Tensor:
    if not torch.compiler.is_compiling():
        return _Blocks.apply(function, len(blocks), *blocks, *shared)
    again = functools.partial(
        torch.utils.checkpoint.checkpoint, function, use_reentrant=False, preserve_rng_state=False
    )
    return torch.stack([again(*block, *shared) for block in zip(*blocks, strict=True)])


def canonical_dtype(name: str) -> str:
    return name


def traces_python() -> bool:
    return bool(torch.compiler.is_compiling())


def print_values(message: str, tensor: Tensor, summarize: int) -> None:
    if tensor.device.type == "meta":  # a shape without values
        return
    edge = None if summarize < 0 else summarize
    with np.printoptions(threshold=2 * edge if edge else 10**9, edgeitems=edge or 3):
        print(message, tensor.detach().cpu().numpy())
