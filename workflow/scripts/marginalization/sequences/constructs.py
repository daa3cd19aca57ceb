"""Constructs: sequences made by substituting motifs into backgrounds, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .letters import resolve_start
from .onehot import as_motif, substitute_

Placement = tuple[torch.Tensor, int]
"""A motif as one-hot, and where in the backgrounds it begins."""


def place_motif(X: torch.Tensor, motif: torch.Tensor | str, start: int | None, alphabet: Sequence[str]) -> Placement:
    """A motif as one-hot, and where in the backgrounds `X` it begins."""
    motif = as_motif(motif, alphabet, X.shape[0])
    return motif, resolve_start(X.shape[-1], motif.shape[-1], start)


def distinct(placements: Sequence[Placement]) -> tuple[list[Placement], list[int]]:
    """The different ones of some placements, in their order, and which of them each is."""
    places: dict[tuple[int, torch.Size, bytes], int] = {}
    once: list[Placement] = []
    which = []
    for motif, start in placements:
        key = start, motif.shape, motif.to("cpu", torch.int8).numpy().tobytes()
        if key not in places:
            places[key] = len(once)
            once.append((motif, start))
        which.append(places[key])
    return once, which


def of_each(x: torch.Tensor, which: list[int]) -> torch.Tensor:
    """The rows of placements, given those of the different ones; itself where all are different."""
    return x if len(x) == len(which) else x[which]


def constructs(X: torch.Tensor, group: list[Placement], first: int, last: int) -> torch.Tensor:
    """Pairs `first` to `last` of (placement, background), backgrounds running fastest, as sequences."""
    n = X.shape[0]
    batch = X[torch.arange(first, last, device=X.device) % n]
    for i in range(first // n, (last - 1) // n + 1):
        begin, end = max(first, i * n), min(last, (i + 1) * n)
        motif, start = group[i]
        if motif.shape[0] > 1:
            motif = motif[begin - i * n : end - i * n]
        substitute_(batch[begin - first : end - first], motif, start)
    return batch
