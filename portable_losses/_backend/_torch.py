"""PyTorch."""

import torch


def with_rows_added(table, rows, values):
    return table.index_add(0, rows, values)


def add_rows_in_place(value, rows, values):
    with torch.no_grad():
        value.index_add_(0, rows, values)
    return True


def concrete(tensor):
    if torch.compiler.is_compiling() or tensor.device.type != "cpu":
        return None
    return tensor.detach().numpy()


def traces_without(variable, tensor):
    return False


def replicas():
    return 1
