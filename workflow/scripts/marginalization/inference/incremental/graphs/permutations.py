"""Permutations that move the batch from its place, put after what does not mind: most have another to go back."""

from __future__ import annotations

import torch
from torch.fx import Graph, Node

from ..rules.base import Operation, aten, bound_arguments, function_of, in_rows, overloads
from ..rules.shapes.reshapes import PERMUTATIONS, permuted
from .calls import Call, call_of, further

EACH = set(
    overloads(
        "add.Tensor sub.Tensor mul.Tensor div.Tensor neg relu gelu sigmoid tanh silu elu leaky_relu softplus exp "
        "dropout clone contiguous alias detach to.dtype"
    )
)
"""Operations on each number by itself."""

LAST = set(overloads("linear layer_norm rms_norm"))
"""Those over the last dimension."""

OVER = set(overloads("mean.dim sum.dim_IntList amax amin select.int"))
"""Those that take dimensions away."""


ALONG = set(overloads("slice.Tensor softmax.int"))
"""Those along one."""


def permuted_twice(graph: Graph, node: Node) -> Call | None:
    """A permutation of a permutation."""
    (source,) = node.all_input_nodes
    first = _order(source)
    if first is None:
        return None
    second = permuted(Operation(node), len(first))
    return call_of(aten.permute.default, source.all_input_nodes[0], [first[i] for i in second])


def permuted_before(graph: Graph, node: Node) -> Call | None:
    """An operation on what has its batch elsewhere: the batch moved there after the operation on what has it first."""
    batch = [n for n in node.all_input_nodes if _of_batch(n)]
    places = {None if (order := _order(n)) is None else order.index(0) for n in batch}
    at = places.pop() if len(places) == 1 else None
    if not at:  # they are no permutations, or of other kinds, or the batch is first
        return None
    shape, ndim, last = bound_arguments(node).get("normalized_shape") or [0], node.meta["val"].ndim, node.target in LAST
    alike = all(in_rows(n.all_input_nodes[0]) and n.meta["val"].ndim == ndim for n in batch)
    if not alike or len(shape) > 1 or (last and at == ndim - 1):
        return None
    moved = [*range(1, at + 1), 0, *range(at + 1, ndim)]

    def before(n: Node) -> Node:
        if n in batch:
            order = [0, *(dim for dim in _order(n) or () if dim != 0)]
            same = order == sorted(order)
            return n.all_input_nodes[0] if same else further(graph, aten.permute.default, n.all_input_nodes[0], order)
        if last or not isinstance(value := n.meta.get("val"), torch.Tensor) or value.ndim == 0:
            return n
        wide = further(graph, aten.reshape.default, n, [*[1] * (ndim - value.ndim), *value.shape])
        return further(graph, aten.permute.default, wide, [moved.index(i) for i in range(ndim)])

    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), before)
    return call_of(aten.permute.default, further(graph, function_of(node), *args, **kwargs), moved)


def permuted_before_over(graph: Graph, node: Node) -> Call | None:
    """The same of an operation that takes dimensions away."""
    order, given = _order(node.all_input_nodes[0]), bound_arguments(node)
    if order is None or order[0] == 0 or given.get("keepdim") or given.get("dtype") is not None:
        return None
    named = given["dim"] if isinstance(given["dim"], (list, tuple)) else [given["dim"]]
    dims = [order[dim % len(order)] for dim in named or range(len(order))]
    kept = [dim for dim in order if dim not in dims]
    left = sorted(kept)
    source = node.all_input_nodes[0].all_input_nodes[0]
    rest = [given["index"]] if "index" in given else []
    y = further(graph, function_of(node), source, dims[0] if rest else dims, *rest)
    return call_of(aten.permute.default, y, [left.index(dim) for dim in kept])


def permuted_before_along(graph: Graph, node: Node) -> Call | None:
    """The same of an operation along a dimension."""
    permutation = node.all_input_nodes[0]
    order = _order(permutation)
    if order is None or order[0] == 0:
        return None
    given = bound_arguments(node) | {"dim": order[bound_arguments(node)["dim"] % len(order)]}
    _, *others = [given[argument.name] for argument in function_of(node)._schema.arguments]  # type: ignore[attr-defined]
    return call_of(
        aten.permute.default, further(graph, function_of(node), permutation.all_input_nodes[0], *others), order
    )


def _order(node: Node) -> list[int] | None:
    """Which dimension a permutation puts at each place; None for what is none."""
    if node.target not in PERMUTATIONS:
        return None
    return permuted(Operation(node), node.meta["val"].ndim)


def _of_batch(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and any(isinstance(n, torch.SymInt) for n in value.shape)
