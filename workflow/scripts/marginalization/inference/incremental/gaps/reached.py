"""Gaps: positions within windows whose differences are known without being computed.

Between two motifs far apart nothing differs, until their windows meet. Within a wide element no background is seen:
its activations there, its *core*, are the same in all backgrounds, and the difference from one's own x is core - x.

    input      ......[=========================]......    an element of letters
    layer 1    ....[====|.....................|====]....    core, and on either side what sees both
    layer 2    ..[==========|.............|==========]..
    layer 3    [=====================================]    none is left
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch.fx import Node

from ..rules.base import Operation, Rule, is_size, shape_of
from ..rules.windows import Window

LEAST = 6
"""A gap ends where it is less than one of so many parts of its window: two sides cost more steps than one window."""


class Gap(NamedTuple):
    """Positions `lo` to `hi` of a window: of an element's letters, or, where nothing is substituted, not."""

    lo: int
    hi: int
    of_letters: bool


class Place(NamedTuple):
    """Positions of the input that differ, and a gap within them."""

    lo: int
    hi: int
    gap: Gap | None = None


def sides(window: Window, gap: Window | None) -> list[Window]:
    """The parts of a window on either side of a gap; the whole where there is none."""
    if gap is None:
        return [window]
    return [part for part in (window.clip(window.lo, gap.lo), window.clip(gap.hi, window.hi)) if part.width > 0]


class Halo(NamedTuple):
    """Of a side of a linear operation's gap what the cores of its inputs reach, and the parts of these."""

    out: Window
    inputs: dict[Node, Window]


def halos(
    node: Node, rule: Rule, out: Window, inputs: Mapping[Node, Window], gaps: Mapping[Node, Window]
) -> list[Halo | None] | None:
    """For each side of an operation's gap what the gaps of its inputs reach of it, None where that is nothing.

    None in all where a side can not be told from them.
    """
    found: list[Halo | None] = []
    for side in sides(out, gaps[node]):
        facing = {}
        for n, window in inputs.items():
            part = gaps[n].clip(*rule.need(n, side)).clip(window.lo, window.hi) if n in gaps else None
            if part is not None and part.width > 0:
                facing[n] = part
        if not facing:
            found.append(None)
            continue
        of_facing = type(rule).match(Operation(node), facing)
        if of_facing is None or of_facing.collapses or of_facing.window.axis != side.axis:
            return None
        out = of_facing.window.clip(side.lo, side.hi)
        found.append(Halo(out, facing) if out.width > 0 else None)
    return found


def joined(windows: Iterable[Window]) -> list[Window]:
    """Windows of one activation in order, those that touch made one."""
    found: list[Window] = []
    for window in sorted(windows):
        if found and window.lo <= found[-1].hi:
            found[-1] = found[-1].hull(window)
        else:
            found.append(window)
    return found


def reached(source: Node, gap: Gap, windows: Mapping[Node, Window], rules: Mapping[Node, Rule]) -> dict[Node, Window]:
    """Forward: the gaps of nodes that differ on windows.

    An output's gap holds what looks at the gaps of its inputs alone: what the rule reaches neither from the left of
    them nor from the right.

    Args:
        source: the input, of which `gap` is.
        windows: where nodes differ.
        rules: those of nodes, in the order of their computation.
    """
    found = {source: windows[source]._replace(lo=gap.lo, hi=gap.hi)}
    for node, rule in rules.items():
        window = windows.get(node)
        if window is None or window.flat or not _knows(node, found, windows, gap.of_letters):
            continue
        inputs = {n: (windows[n], found[n]) for n in node.all_input_nodes if n in windows}
        free = _unreached(node, rule, window, inputs)
        if free is not None and free.width * LEAST >= window.width:
            found[node] = free
    del found[source]  # which is there in full
    return found


def _knows(node: Node, gaps: Mapping[Node, Window], windows: Mapping[Node, Window], of_letters: bool) -> bool:
    """Whether all inputs have a gap that tells; what differs between backgrounds alone tells nothing of letters."""
    batch = [n for n in node.all_input_nodes if n.meta["of_batch"] and not is_size(n)]
    return all(n in gaps or (n not in windows and not of_letters) for n in batch)


def _unreached(node: Node, rule: Rule, window: Window, inputs: dict[Node, tuple[Window, Window]]) -> Window | None:
    """The widest part of a window that is reached from neither side of the inputs' gaps."""
    left = {n: own._replace(lo=0, hi=gap.lo) for n, (own, gap) in inputs.items()}
    right = {n: own._replace(lo=gap.hi, hi=shape_of(n)[own.axis - 1]) for n, (own, gap) in inputs.items()}
    taken = []
    for side in (left, right):
        some = {n: part for n, part in side.items() if part.width > 0}
        if not some:
            continue
        of_side = type(rule).match(Operation(node), some)
        if of_side is None or of_side.collapses or of_side.window.axis != window.axis:
            return None
        taken.append((of_side.window.lo, of_side.window.hi))
    taken.sort()
    begins = [window.lo, *itertools.accumulate((hi for _, hi in taken), max)]
    free = [window.clip(*bounds) for bounds in zip(begins, [*(lo for lo, _ in taken), window.hi], strict=True)]
    return max(free, key=lambda part: part.width)
