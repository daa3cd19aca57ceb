"""Differences on either side of a gap: cut out of them, and put together with what is known in the gap."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import torch

from ..rules.windows import Window, narrow

Sides = list[tuple[Window, torch.Tensor]]
"""Differences of a node where they are computed."""


def addresses(values: Iterable[Any]) -> set[int]:
    """Where in memory differences lie, those beside a gap too; of other values nothing."""
    found: set[int] = set()
    for value in values:
        parts = [part[1] for part in value if isinstance(part, tuple)] if isinstance(value, list) else [value]
        found.update(address(x) for x in parts if isinstance(x, torch.Tensor))
    return found


def address(x: torch.Tensor) -> int:
    """Where the memory begins in which a tensor lies, the same for all its views."""
    return x.untyped_storage().data_ptr()


def needed(need: tuple[int, int], window: Window) -> Window:
    """The part of a window that is needed, of one position at least."""
    lo = min(max(need[0], window.lo), window.hi - 1)
    return window._replace(lo=lo, hi=max(lo + 1, min(need[1], window.hi)))


def beside(need: Window, value: Sides) -> Window:
    """What is needed of sides alone; of one position at least."""
    facing = [part for side, _ in value if (part := side.clip(need.lo, need.hi)).width > 0]
    return reduce(Window.hull, facing) if facing else need._replace(hi=need.lo + 1)


def cut_out(value: Sides, part: Window) -> torch.Tensor | None:
    """A part that lies within one side."""
    for side, x in value:
        if side.lo <= part.lo and part.hi <= side.hi:
            return x if side == part else narrow(x, part, side.lo)
    return None


def put_together(
    total: torch.Tensor, part: Window, value: Sides, gap: Window, fill: Callable[[torch.Tensor, Window], None]
) -> None:
    """Write a difference on a part of a window: the sides, by `fill` the gap, and zero elsewhere."""
    pieces = [*(side for side, _ in value), gap]
    if sum(piece.clip(part.lo, part.hi).width for piece in pieces) < part.width:
        total.zero_()
    for side, x in value:
        some = side.clip(part.lo, part.hi)
        if some.width > 0:
            narrow(total, some, part.lo).copy_(narrow(x, some, side.lo))
    held = gap.clip(part.lo, part.hi)
    if held.width > 0:
        fill(narrow(total, held, part.lo), held)
