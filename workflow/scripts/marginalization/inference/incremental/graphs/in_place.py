"""Operations in place, as others, where nobody sees what they write over: PyTorch's own way takes seconds."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Graph, Node

from ..rules.base import aten, overloads

OF_THEIR_OWN = set(
    overloads(
        "conv1d conv2d conv1d.padding conv2d.padding conv_transpose1d conv_transpose2d.input batch_norm layer_norm "
        "linear matmul max_pool1d max_pool2d sym_size.int"
    )
)
"""Operations that are made of others, and write what they give into memory of its own."""


def out_of_place(graph: Graph) -> bool:
    """Have what is written over alone written elsewhere.

    Returns:
        Whether nothing is written over any more.
    """
    order = {node: i for i, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if _is_mutable(node) and (twin := _twin(node)) is not None and _is_own(node, order):
            node.target = twin
    return not any(map(_is_mutable, graph.nodes))


def _is_mutable(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable


def _twin(node: Node) -> Any:
    """The operation that gives the same and writes elsewhere, for inputs of one type."""
    name = node.target._schema.name.removeprefix("aten::")  # type: ignore[union-attr]  # of an operation
    twin = getattr(getattr(aten, name.removesuffix("_"), None), node.target._overloadname, None)  # type: ignore[union-attr]
    values = [value for n in node.all_input_nodes if isinstance(value := n.meta.get("val"), torch.Tensor)]
    return twin if name.endswith("_") and len({value.dtype for value in values}) == 1 else None


def _is_own(node: Node, order: dict[Node, int]) -> bool:
    """Whether what a node writes over was made in the graph, and is looked at by others before it alone."""
    over = node.args[0]
    if not isinstance(over, Node) or _gives_memory(over) or node.args.count(over) > 1:
        return False
    others = [user for user in over.users if user is not node]
    return all(order[user] < order[node] and user.op != "output" and not _gives_memory(user) for user in others)


def _gives_memory(node: Node) -> bool:
    """Whether a node may give memory that others have too.

    What is made of other operations may, such as dropout in evaluation mode, but for some of which it is known.
    """
    if not isinstance(node.target, torch._ops.OpOverload):
        return True
    composite = node.target.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)
    is_view = any(value.alias_info is not None for value in node.target._schema.returns)
    return is_view or (composite and node.target not in OF_THEIR_OWN)
