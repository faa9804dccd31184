"""PyTorch."""

import torch


def add_rows(variable, rows, values):
    target = variable.value
    if isinstance(target, torch.nn.Parameter):
        with torch.no_grad():
            target.index_add_(0, rows, values)
    else:  # a stateless scope gives a plain tensor, which belongs to the caller
        variable.assign(target.index_add(0, rows, values))


def concrete(tensor):
    if torch.compiler.is_compiling() or tensor.device.type != "cpu":
        return None
    return tensor.detach().numpy()


def is_lost(variable, tensor):
    return False


def replicas():
    return 1
