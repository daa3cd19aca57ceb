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
