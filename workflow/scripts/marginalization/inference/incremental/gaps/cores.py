"""Cores: what elements alone decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.fx import Node

from ..rules.windows import Window, narrow


class Core(NamedTuple):
    """What elements alone decide, a row for each of them.

    Fields:
        values: of nodes on parts of their gaps.
        terms: what these add to a linear operation's output on a side of its gap, by the operation and the side.
    """

    values: dict[Node, list[tuple[Window, torch.Tensor]]]
    terms: dict[tuple[Node, int], torch.Tensor]

    def value(self, node: Node, window: Window) -> torch.Tensor:
        """The values of a node on a window within one of the parts."""
        x, held = next((x, held) for held, x in self.values[node] if held.lo <= window.lo and window.hi <= held.hi)
        return narrow(x, window, held.lo)

    def rows(self, rows: slice) -> Core:
        """That of some of the elements; that of one element is for all rows."""

        def some(x: torch.Tensor) -> torch.Tensor:
            return x if len(x) == 1 else x[rows]

        values = {node: [(window, some(x)) for window, x in parts] for node, parts in self.values.items()}
        return Core(values, {key: some(x) for key, x in self.terms.items()})


def together(cores: Sequence[Core]) -> Core:
    """The cores of some elements, given those of some of them each."""
    first, *others = cores
    if not others:
        return first
    values = {
        node: [(window, torch.cat([core.values[node][i][1] for core in cores])) for i, (window, _) in enumerate(parts)]
        for node, parts in first.values.items()
    }
    return Core(values, {key: torch.cat([core.terms[key] for core in cores]) for key in first.terms})
