"""Simpler spellings: graphs in which each operation gives one tensor, and has one name."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node

from .rules.base import aten, bound_arguments, overloads
from .rules.reductions import ADAPTIVE_MAXIMA
from .rules.sliding import spatial

SPLITS = (aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default)


SYNONYMS = {
    **{f"arc{name}": f"a{name}" for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh", "tan2")},
    **{f"special_{name}": name for name in ("erf", "erfc", "exp2", "expm1", "log1p")},
    "absolute": "abs",
    "broadcast_to": "expand",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "divide.Tensor": "div.Tensor",
    "fix": "trunc",
    "mH": "mT",
    "max.other": "maximum",
    "min.other": "minimum",
    "moveaxis.int": "movedim.int",
    "multiply.Tensor": "mul.Tensor",
    "negative": "neg",
    "special_expit": "sigmoid",
    "subtract.Tensor": "sub.Tensor",
    "tile": "repeat",
    "true_divide.Tensor": "div.Tensor",
    "view": "reshape",  # what is put together does not lie in memory as that for which a view was possible
}
"""Operations that do what others do, by name and overload."""

_SPELLINGS = {op: other for pair in SYNONYMS.items() for op, other in zip(*map(overloads, pair), strict=False)}

Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function, and its arguments."""


def simplify(graph: Graph) -> None:
    """Replace, in place, what gives several tensors by what gives the one that is used, and synonyms by one name."""
    for node in list(graph.nodes):
        node.target = _SPELLINGS.get(node.target, node.target)
        while (other := _simpler(graph, node)) is not None:
            node.replace_all_uses_with(other)
            graph.erase_node(node)
            node = other  # which may have a simpler spelling too


def _simpler(graph: Graph, node: Node) -> Node | None:
    """A node that does the same, put before it."""
    with graph.inserting_before(node):
        call = _simpler_call(graph, node)
        if call is None:
            return None
        other = graph.call_function(*call)
        other.meta = node.meta
        return other


def _simpler_call(graph: Graph, node: Node) -> Call | None:
    if node.target is operator.getitem:
        return _one_of_several(*node.args) if isinstance(node.args[0], Node) else None
    simpler = _OTHERWISE.get(node.target)
    return None if simpler is None else simpler(graph, node)


def _one_of_several(source: Node, index: int) -> Call | None:
    """What gives one of the tensors that an operation gives, where there is such an operation."""
    if source.target in SPLITS:
        parts, dim = source.meta["val"], bound_arguments(source)["dim"]
        sizes = [part.shape[dim] for part in parts[: index + 1]]
        symbolic = any(isinstance(n, torch.SymInt) for n in sizes)
        return None if symbolic else (aten.slice.Tensor, (source.args[0], dim, sum(sizes[:-1]), sum(sizes)))
    if index != 0:
        return None
    if source.target in (aten.max.dim, aten.min.dim):
        given = bound_arguments(source)
        target = aten.amax.default if source.target is aten.max.dim else aten.amin.default
        return target, (given["self"], [given["dim"]], given["keepdim"])
    if source.target is aten._native_batch_norm_legit_no_training.default:
        *operands, momentum, eps = source.args
        return aten.batch_norm.default, (*operands, False, momentum, eps, False)
    if source.target in ADAPTIVE_MAXIMA:
        return ADAPTIVE_MAXIMA[source.target], source.args
    return None


def _call(graph: Graph, target: Callable[..., Any], *args: Any) -> Node:
    """A further operation, before the one that is looked at."""
    node = graph.call_function(target, args)
    node.meta["val"] = target(*torch.fx.map_arg(args, lambda n: n.meta["val"]))
    return node


def _convolution(graph: Graph, node: Node) -> Call | None:
    """A convolution as PyTorch's backends have it, by its own name."""
    given = bound_arguments(node)
    ndim = given["weight"].meta["val"].ndim
    if ndim not in (3, 4):
        return None
    operands = given["input"], given["weight"], given["bias"], given["stride"], given["padding"]
    if not given["transposed"]:
        return (aten.conv1d, aten.conv2d)[ndim - 3].default, (*operands, given["dilation"], given["groups"])
    target = (aten.conv_transpose1d.default, aten.conv_transpose2d.input)[ndim - 3]
    return target, (*operands, given["output_padding"], given["groups"], given["dilation"])


def _transposed(graph: Graph, node: Node) -> Call | None:
    """A transposed convolution with a stride of 1 is a convolution with the weights turned round."""
    given = bound_arguments(node)
    (stride,), (padding,), (further,), (dilation,) = (
        spatial(given[name], 3) for name in ("stride", "padding", "output_padding", "dilation")
    )
    left = (given["weight"].meta["val"].shape[2] - 1) * dilation - padding
    if stride != 1 or further or given["groups"] != 1 or left < 0:
        return None
    swapped = _call(graph, aten.transpose.int, given["weight"], 0, 1)
    turned = _call(graph, aten.flip.default, swapped, [2])
    return aten.conv1d.default, (given["input"], turned, given["bias"], [1], [left], [dilation])


_OTHERWISE: dict[Any, Callable[[Graph, Node], Call | None]] = {
    aten.convolution.default: _convolution,
    aten.conv_transpose1d.default: _transposed,
}
"""What spells an operation otherwise where it can."""
