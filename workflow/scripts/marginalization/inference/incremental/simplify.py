"""Simpler spellings: graphs in which each operation gives one tensor, in place of those that give several."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node

from .rules.base import aten, bound_arguments, overloads
from .rules.reductions import ADAPTIVE_MAXIMA

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


def simplify(graph: Graph) -> None:
    """Replace, in place, what gives several tensors by what gives the one that is used, and synonyms by one name."""
    for node in list(graph.nodes):
        node.target = _SPELLINGS.get(node.target, node.target)
        if node.target is not operator.getitem or not isinstance(node.args[0], Node):
            continue
        source, index = node.args
        target: Callable[..., Any]
        args: tuple[Any, ...] | None = None
        if index != 0 and source.target not in SPLITS:
            continue
        if source.target in (aten.max.dim, aten.min.dim):
            target = aten.amax.default if source.target is aten.max.dim else aten.amin.default
            given = bound_arguments(source)
            args = (given["self"], [given["dim"]], given["keepdim"])
        elif source.target is aten._native_batch_norm_legit_no_training.default:
            *operands, momentum, eps = source.args
            target, args = aten.batch_norm.default, (*operands, False, momentum, eps, False)
        elif source.target in ADAPTIVE_MAXIMA:
            target, args = ADAPTIVE_MAXIMA[source.target], source.args
        elif source.target in SPLITS:
            parts, dim = source.meta["val"], bound_arguments(source)["dim"]
            sizes = [part.shape[dim] for part in parts[: index + 1]]
            target, args = aten.slice.Tensor, (source.args[0], dim, sum(sizes[:-1]), sum(sizes))
            args = None if any(isinstance(n, torch.SymInt) for n in sizes) else args
        if args is not None:
            with graph.inserting_before(node):
                simpler = graph.call_function(target, args)
            simpler.meta = node.meta
            node.replace_all_uses_with(simpler)
            graph.erase_node(node)
