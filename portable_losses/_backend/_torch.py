"""PyTorch."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.utils.checkpoint

from portable_losses._typing import Tensor


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


def concrete(tensor: Tensor) -> np.ndarray | None:
    if torch.compiler.is_compiling() or tensor.device.type != "cpu":
        return None
    return tensor.detach().numpy()


def is_traced(tensor: Tensor) -> bool:
    return torch.compiler.is_compiling() or tensor.device.type == "meta"


def traces_without(variable: Any, tensor: Tensor) -> bool:
    return False


def at_once() -> Any:
    return torch.no_grad()


def compiled(function: Callable[..., Any], needs_values: Any = ()) -> Callable[..., Any]:
    return torch.no_grad()(function)


def snapshot(tensor: Tensor) -> Tensor:
    return tensor.clone()


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


def replicas() -> int:
    return 1


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()


def _sorted(x: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    return torch.sort(torch.where(among, x, torch.inf).contiguous(), dim=1)


def nearest_above(x: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    held, columns = _sorted(x, among)
    rank = torch.searchsorted(held, x.contiguous(), right=True)
    exists = rank < among.sum(dim=1, keepdim=True)
    return torch.gather(columns, 1, torch.where(exists, rank, 0)), exists


def count_below(x: Tensor, among: Tensor, bounds: Tensor) -> Tensor:
    return torch.searchsorted(_sorted(x, among)[0], bounds.contiguous())


def map_blocks(
    function: Callable[..., Tensor], blocks: tuple[Tensor, ...], shared: tuple[Tensor, ...]
) -> Tensor:
    again = functools.partial(
        torch.utils.checkpoint.checkpoint, function, use_reentrant=False, preserve_rng_state=False
    )
    return torch.stack([again(*block, *shared) for block in zip(*blocks, strict=True)])


def canonical_dtype(name: str) -> str:
    return name


def tracing() -> bool:
    return torch.compiler.is_compiling()


def traces_python() -> bool:
    return bool(torch.compiler.is_compiling())


def print_values(message: str, tensor: Tensor, summarize: int) -> None:
    if tensor.device.type == "meta":  # a shape without values
        return
    edge = None if summarize < 0 else summarize
    with np.printoptions(threshold=2 * edge if edge else 10**9, edgeitems=edge or 3):
        print(message, tensor.detach().cpu().numpy())
