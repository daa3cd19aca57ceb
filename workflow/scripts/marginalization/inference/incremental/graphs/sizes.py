"""Models that fix the number of sequences, as `len(x)` and einx do: what differs between two follows from it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule, Node

SIZES = 5, 7
"""Two numbers of sequences."""


def of_any_size(model: nn.Module, example: tuple[torch.Tensor, ...]) -> GraphModule:
    """A module that does what a model does, and takes any number of sequences.

    Whole numbers that differ between its graphs for two of them are computed from that number.

    Args:
        model: takes a tuple of inputs.
        example: some inputs.

    Raises:
        ValueError: the graphs differ in more.
    """
    batches = [tuple(x[:1].expand(n, *x.shape[1:]).clone() for x in example) for n in SIZES]
    modules = [torch.export.export(model, (batch,)).module(check_guards=False) for batch in batches]
    one, other = (GraphModule(module, module.graph) for module in modules)  # without checks of the number
    nodes, twins = list(one.graph.nodes), list(other.graph.nodes)
    if [(node.op, str(node.target)) for node in nodes] != [(twin.op, str(twin.target)) for twin in twins]:
        raise ValueError("for another number of sequences it does something else")
    first = next(node for node in nodes if node.op == "placeholder")
    last = [node for node in nodes if node.op == "placeholder"][-1]
    with one.graph.inserting_after(last):
        number = one.graph.call_function(torch.ops.aten.sym_size.int, (first, 0))
    paired = dict(zip(twins, nodes, strict=True))

    def of_number(n: int, slope: int) -> Node:
        node = one.graph.call_function(operator.mul, (number, slope))
        return one.graph.call_function(operator.add, (node, n - slope * SIZES[0]))

    for node, twin in zip(nodes, twins, strict=True):
        if node.op == "get_attr" and not _same(_attribute(one, node), _attribute(other, twin)):
            raise ValueError(f"{node.target} is another for another number of sequences")
        with one.graph.inserting_before(node):
            args, kwargs = _joined((node.args, dict(node.kwargs)), (twin.args, dict(twin.kwargs)), paired, of_number)
        node.args, node.kwargs = args, kwargs
    one.graph.lint()
    one.recompile()
    return one


def _joined(one: Any, other: Any, paired: dict[Node, Node], of_number: Callable[[int, int], Node]) -> Any:
    """Arguments of one graph, what differs in the other being computed from the number of sequences."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        return type(one)(_joined(a, b, paired, of_number) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: _joined(value, other[key], paired, of_number) for key, value in one.items()}
    if (paired[other] if isinstance(other, Node) else other) == one and type(one) in (type(other), Node):
        return one
    if type(one) is type(other) is int:
        slope, rest = divmod(other - one, SIZES[1] - SIZES[0])
        if rest == 0:
            return of_number(one, slope)
    raise ValueError(f"{one} is {other} for another number of sequences")


def _attribute(module: nn.Module, node: Node) -> Any:
    return operator.attrgetter(str(node.target))(module)


def _same(one: Any, other: Any) -> bool:
    """Whether two constants are."""
    if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
        return one is other
    return one.shape == other.shape and one.dtype == other.dtype and (one is other or torch.equal(one, other))
