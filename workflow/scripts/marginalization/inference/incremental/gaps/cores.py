"""Cores: what elements alone decide, their values on parts of gaps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.fx import Node

from ..rules.windows import Window, narrow

Core = dict[Node, list[tuple[Window, torch.Tensor]]]
"""Values of nodes on parts of their gaps, of one element or of several, a row for each."""


def together_of(cores: Sequence[Core]) -> Core:
    """The cores of some elements, given those of some of them each."""
    first, *_ = cores
    return {
        node: [(window, torch.cat([core[node][i][1] for core in cores])) for i, (window, _) in enumerate(parts)]
        for node, parts in first.items()
    }


def rows_of(core: Core, rows: slice) -> Core:
    """The cores of some of the elements; that of one element is for all rows."""
    return {node: [(window, x if len(x) == 1 else x[rows]) for window, x in parts] for node, parts in core.items()}


def value_on(core: Core, node: Node, window: Window) -> torch.Tensor:
    """The values of a node on a window within one of the parts."""
    x, held = next((x, held) for held, x in core[node] if held.lo <= window.lo and window.hi <= held.hi)
    return narrow(x, window, held.lo)
