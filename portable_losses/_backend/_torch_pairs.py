"""PyTorch: numbers of all pairs, in few passes over memory.

What is taken here in place of an operation was measured on the CPU, with a million pairs.
"""

from typing import Any

import torch

from portable_losses._backend._torch_program import concrete, tracing
from portable_losses._typing import Tensor


def where(mask: Tensor, x: Tensor, otherwise: float) -> Tensor:
    large = mask.numel() >= 2**14 and mask.shape == x.shape and x.device.type == "cpu"
    if large and x.is_floating_point() and not tracing():
        return _Where.apply(mask, x, otherwise)
    return torch.where(mask, x, otherwise)


class _Where(torch.autograd.Function):
    """By the bits of numbers: `torch.where` looks at one entry after the other, on the CPU, and
    guesses badly which way the next one goes."""

    generate_vmap_rule = True

    @staticmethod
    def forward(mask: Tensor, x: Tensor, otherwise: float) -> Tensor:
        kind = {2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
        bits = mask.view(torch.int8).neg().to(kind)
        number = torch.tensor(otherwise, dtype=x.dtype).view(kind)
        if otherwise:
            bits = (x.view(kind) ^ number).bitwise_and_(bits).bitwise_xor_(number)
        else:
            bits &= x.view(kind)
        return bits.view(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor, None]:
        (mask,) = ctx.saved_tensors
        return None, where(mask, upstream, 0.0), None


def indicator(mask: Tensor, dtype: str) -> Tensor:
    # As bytes: PyTorch has an order fewer instructions for those than for what is true.
    return mask.view(torch.int8).to(getattr(torch, dtype))


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    return _between(x, y, squared=True)


def _between(x: Tensor, y: Tensor, squared: bool) -> Tensor:
    if torch.compiler.is_compiling():  # Inductor adds up what it never writes to memory
        found = (x.unsqueeze(1) - y).square().sum(-1)
        return found if squared else found.sqrt()
    if x is y and concrete(x) is not None:
        # Each pair once, by a function that is an order faster on the CPU.
        each = torch.pdist(x)
        above = torch.ones((len(x), len(x)), dtype=torch.bool).triu_(1)
        found = torch.zeros(above.shape, dtype=x.dtype)
        found.masked_scatter_(above, each.square_() if squared else each)
        return _with_transpose(found)
    found = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    return found.square() if squared else found


def _with_transpose(x: Tensor) -> Tensor:
    return x.T.contiguous().add_(x)  # a sum of rows and columns would go through memory in leaps


class _Distances(torch.autograd.Function):
    """The gradient is a product for each of `x` and `y`, of matrices that are there: by way of
    operations, PyTorch would pass over all pairs some ten times more. Without `y`, it is `x`."""

    @staticmethod
    def forward(x: Tensor, y: Tensor | None, squared: bool) -> Tensor:
        return _between(x, x if y is None else y, squared)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, y, ctx.squared = inputs
        ctx.save_for_backward(x, y, None if ctx.squared else output)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        # d‖x − y‖² = 2(x − y), and d‖x − y‖ = (x − y) / ‖x − y‖, or 0 between equal vectors.
        x, y, lengths = ctx.saved_tensors
        each, scale = upstream, 2.0
        if not ctx.squared:
            tiny = torch.finfo(lengths.dtype).tiny
            each, scale = upstream * lengths.sign() / lengths.clamp_min(tiny), 1.0
        center = (x if y is None else y).detach().mean(0, keepdim=True)
        x = x - center  # far from the origin, digits are lost
        if y is None:
            each = _with_transpose(each)
            return scale * (each.sum(1, keepdim=True) * x - each @ x), None, None
        y = y - center
        of_x = of_y = None
        if ctx.needs_input_grad[0]:
            of_x = scale * (each.sum(1, keepdim=True) * x - each @ y)
        if ctx.needs_input_grad[1]:
            of_y = scale * (each.sum(0).unsqueeze(1) * y - each.T @ x)
        return of_x, of_y, None


class _Products(torch.autograd.Function):
    """Of rows with one another, with one product in the gradient in place of two."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x @ x.T

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _with_transpose(upstream.to(x.dtype)) @ x  # autocast may have made it shorter


def dot(x: Tensor, y: Tensor) -> Tensor:
    return _Products.apply(x) if x is y else x @ y.T


def distances(x: Tensor, y: Tensor, squared: bool) -> Tensor:
    return _Distances.apply(x, None if x is y else y, squared)


def _sorted(x: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    return torch.sort(torch.where(among, x, torch.inf).contiguous(), dim=1)


def nearest_above(x: Tensor, among: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    if x.dtype == torch.float32 and concrete(x) is not None:
        return _nearest_of_wanted(x, among, wanted)
    held, columns = _sorted(x, among)
    rank = torch.searchsorted(held, x.contiguous(), right=True)
    exists = rank < among.sum(dim=1, keepdim=True)
    return torch.gather(columns, 1, torch.where(exists, rank, 0)), exists


def _nearest_of_wanted(x: Tensor, among: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """By one sort of numbers that hold value and column, which NumPy has an order faster."""
    (n, m), bits = x.shape, (x + 0.0).view(torch.int32)  # -0 is 0
    keys = (bits >> 31).bitwise_and_(0x7FFFFFFF).bitwise_xor_(bits)  # in the order of the floats
    held = keys.contiguous().long().bitwise_left_shift_(32).bitwise_or_(torch.arange(m))
    held.masked_fill_(~among, torch.iinfo(held.dtype).max)
    held.numpy().sort(axis=1)
    rows, columns = torch.nonzero(wanted, as_tuple=True)
    count = torch.bincount(rows, minlength=n)
    slots = torch.arange(len(rows)) - (torch.cumsum(count, 0) - count)[rows]
    bounds = torch.zeros((n, int(count.max())), dtype=torch.int64)
    bounds[rows, slots] = (keys[rows, columns].long() + 1) << 32
    rank = torch.searchsorted(held, bounds)[rows, slots]
    there = rank < among.sum(dim=1)[rows]
    column_of, exists = torch.zeros_like(held), torch.zeros_like(wanted)
    exists[rows, columns] = there
    column_of[rows, columns] = torch.where(there, held[rows, rank.clamp(max=m - 1)] & 0xFFFFFFFF, 0)
    return column_of, exists


def take_wanted(x: Tensor, column: Tensor, wanted: Tensor) -> Tensor:
    if concrete(x) is None:
        return torch.where(wanted, torch.gather(x, 1, column.long()), 0.0)
    rows, columns = torch.nonzero(wanted, as_tuple=True)
    near = x[rows, column[rows, columns]]
    return torch.zeros_like(x).index_put((rows, columns), near)


def count_below(x: Tensor, among: Tensor, bounds: Tensor) -> Tensor:
    return torch.searchsorted(_sorted(x, among)[0], bounds.contiguous())
