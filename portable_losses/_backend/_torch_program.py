"""PyTorch: a function as the list of operations that it comes to, for one kind of tensors.

A function that runs again and again is traced once. What then runs is generated code that calls
these operations and no more, `torch.fx`'s: no Keras in between, and no look at values.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import _disable_current_modes

from portable_losses._typing import Tensor

_aten = torch.ops.aten
_tracing = False


def tracing() -> bool:
    return torch.compiler.is_compiling() or _tracing


def concrete(tensor: Tensor) -> np.ndarray | None:
    if tracing() or tensor.device.type != "cpu":
        return None
    return tensor.detach().numpy()


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Operations are computed within, even while a function is traced."""
    with torch.no_grad(), _disable_current_modes() if _tracing else contextlib.nullcontext():
        yield


def trace(
    function: Callable[..., tuple[list[Any], list[Any]]], held: int, given: list[Any]
) -> Callable[..., Any]:
    """`function(*given)` as a program. It returns what was found and new values to hold. The first
    `held` tensors are the program's to use up; what it returns is nobody else's."""
    global _tracing
    _tracing = True
    try:
        module = make_fx(function, tracing_mode="fake")(*given)
    finally:
        _tracing = False
    graph = module.graph
    if not any(_is_mutable(node) for node in graph.nodes):
        _drop_copies(graph)
        graph.eliminate_dead_code()
        _compute_constants(module)
        _compute_once(graph)
        graph.eliminate_dead_code()
        _add_rows_in_place(graph, held)
    _part(graph, held)
    module.recompile()
    return module.forward


def _schema(node: Any) -> Any:
    return getattr(node.target, "_schema", None) if node.op == "call_function" else None


def _is_mutable(node: Any) -> bool:
    schema = _schema(node)
    return schema is not None and schema.is_mutable


def _roots(graph: Any) -> dict[Any, Any]:
    """The node whose memory each node shows: its own, or that of one before it."""
    roots: dict[Any, Any] = {}
    for node in graph.nodes:
        schema = _schema(node)
        shares = node.target is _aten._unsafe_view.default or (
            node.op == "call_function"
            if schema is None  # an entry of several results
            else any(result.alias_info is not None for result in schema.returns)
        )
        first = next((x for x in node.all_input_nodes), None) if shares else None
        roots[node] = node if first is None else roots[first]
    return roots


def _drop_copies(graph: Any) -> None:
    """What has the values and the shape of another tensor, and stays as it is, is that one."""
    for node in graph.nodes:
        if node.target in (_aten.view.default, _aten.expand.default):
            (x,) = node.all_input_nodes
            same = tuple(node.meta["val"].shape) == tuple(x.meta["val"].shape)
        else:
            same = node.target in (_aten.detach.default, _aten.lift_fresh_copy.default)
        if same:
            node.replace_all_uses_with(node.args[0])


def _compute_once(graph: Any) -> None:
    """A gradient computes again what its loss did, from the same tensors."""
    known: dict[str, Any] = {}
    for node in graph.nodes:
        schema = _schema(node)
        if schema is None or torch.Tag.nondeterministic_seeded in node.target.tags:
            continue
        first = known.setdefault(repr((str(node.target), node.args, node.kwargs)), node)
        if first is not node:
            node.replace_all_uses_with(first)


def _compute_constants(module: Any) -> None:
    """What depends on nothing that is given is computed once, unless it is large."""
    values = {x: getattr(module, x.target) for x in module.graph.find_nodes(op="get_attr")}
    for node in list(module.graph.nodes):
        schema = _schema(node)
        known = all(x in values for x in node.all_input_nodes)
        if schema is None or not known or torch.Tag.nondeterministic_seeded in node.target.tags:
            continue
        if not isinstance(node.meta["val"], torch.Tensor) or node.meta["val"].numel() > 65_536:
            continue
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
        value, name = node.target(*args, **kwargs), f"_computed_{len(values)}"
        setattr(module, name, value)
        with module.graph.inserting_before(node):
            constant = module.graph.create_node("get_attr", name)
        constant.meta, values[constant] = node.meta, value
        node.replace_all_uses_with(constant)


def _add_rows_in_place(graph: Any, held: int) -> None:
    """Rows are added where a held table is, if nothing reads after that what it was before."""
    places = {node: i for i, node in enumerate(graph.nodes)}
    tables = set(list(graph.find_nodes(op="placeholder"))[:held])
    for node in list(graph.nodes):
        if node.target is not _aten.index_add.default:
            continue
        roots = _roots(graph)
        root = roots[node.args[0]]
        same = [other for other in graph.nodes if roots[other] is root and other is not node]
        read_later = any(places[user] > places[node] for x in same for user in x.users)
        itself = any(roots[x] is root for x in node.all_input_nodes if x is not node.args[0])
        if root in tables and not read_later and not itself:
            node.target = _aten.index_add_.default


def _part(graph: Any, held: int) -> None:
    """What is returned shares its memory neither with what was given nor among itself."""
    roots, (output,) = _roots(graph), graph.find_nodes(op="output")
    tables = list(graph.find_nodes(op="placeholder"))
    taken = {node for node in graph.nodes if node.op == "get_attr"} | set(tables[held:])

    def own(x: Any) -> Any:
        if not isinstance(x, torch.fx.Node):
            return x
        if roots[x] not in taken:
            taken.add(roots[x])
            return x
        with graph.inserting_before(output):
            return graph.call_function(_aten.clone.default, (x,))

    found, new = output.args[0]
    new = [own(x) for x in new]
    taken.update(tables)
    output.args = (([own(x) for x in found], new),)
