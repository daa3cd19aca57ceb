"""Operations that are put into a graph in place of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A function, its arguments by place and those by name."""


def call_of(target: Callable[..., Any], *args: Any, **kwargs: Any) -> Call:
    return target, args, kwargs


def further(graph: Graph, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Node:
    """A further operation, before the one that is looked at."""
    node = graph.call_function(target, args, kwargs)
    values, named = torch.fx.map_arg((args, kwargs), lambda n: n.meta["val"])
    node.meta["val"] = target(*values, **named)
    return node
