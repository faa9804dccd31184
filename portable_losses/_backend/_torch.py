"""PyTorch."""

from typing import Any

import numpy as np
import torch

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


def traces_without(variable: Any, tensor: Tensor) -> bool:
    return False


def replicas() -> int:
    return 1


def canonical_dtype(name: str) -> str:
    return name


def tracing() -> bool:
    return torch.compiler.is_compiling()


def print_values(message: str, tensor: Tensor, summarize: int) -> None:
    edge = None if summarize < 0 else summarize
    with np.printoptions(threshold=2 * edge if edge else 10**9, edgeitems=edge or 3):
        print(message, tensor.detach().cpu().numpy())
