"""In which windows of the input placements lie, which of them share one, and where there are gaps in these."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ....sequences.constructs import Placement
from .reached import Gap

WINDOW_STEPS = (4, 8, 16, 32)
"""Windows begin and end at multiples of one of these, so that motifs of similar widths and places share a program."""

PER_WINDOW = 32
"""How many motifs, or how many backgrounds, are to share a window on average: few rows cost more in steps of a program
than in wider windows."""

NARROWEST = 48
"""How wide a gap is at least, in positions of the input."""

STEP = 4
"""Gaps begin and end at multiples of it, so that placements of like widths share a program."""


def windows_of(group: Sequence[Placement], X: torch.Tensor) -> dict[tuple[int, int], list[int]]:
    """Windows of backgrounds, and which motifs of a group lie in each."""
    n, _, length = X.shape
    for step in WINDOW_STEPS:
        members: dict[tuple[int, int], list[int]] = {}
        for i, (motif, start) in enumerate(group):
            lo, end = start // step * step, start + motif.shape[2]
            members.setdefault((lo, min(length, -(-end // step) * step)), []).append(i)
        if max(n, len(group) // len(members)) >= PER_WINDOW:
            break
    return members


def gap_of(placements: Sequence[Placement]) -> Gap | None:
    """The widest gap that all of some placements have, if it is wide enough."""
    gaps = [_widest(motif, start) for motif, start in placements]
    if None in gaps or len({gap.of_letters for gap in gaps if gap}) > 1:
        return None
    found = [gap for gap in gaps if gap]
    lo, hi = max(gap.lo for gap in found), min(gap.hi for gap in found)
    lo, hi = -(-lo // STEP) * STEP, hi // STEP * STEP
    return Gap(lo, hi, found[0].of_letters) if hi - lo >= NARROWEST else None


def _widest(motif: torch.Tensor, start: int) -> Gap | None:
    """The widest stretch of a motif in which all letters are known, or none is, for all of its rows."""
    if motif.shape[2] < NARROWEST:
        return None
    known = motif.sum(dim=1) > 0
    letters = known[0] if len(motif) == 1 else torch.zeros_like(known[0])  # which differ from row to row
    of_letters, of_none = _longest_run(letters), _longest_run(~known.any(dim=0))
    lo, hi = max(of_letters, of_none, key=lambda run: run[1] - run[0])
    return Gap(start + lo, start + hi, (lo, hi) == of_letters) if hi - lo >= NARROWEST else None


def _longest_run(flags: torch.Tensor) -> tuple[int, int]:
    """Where the longest stretch of true values begins and ends."""
    ends = [-1, *(~flags).nonzero().flatten().tolist(), len(flags)]
    lo = max(range(len(ends) - 1), key=lambda i: ends[i + 1] - ends[i])
    return ends[lo] + 1, ends[lo + 1]
