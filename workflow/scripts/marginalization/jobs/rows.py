"""Rows of parts: placements, targets and numbers as the columns of the files that a shard writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import torch

from ..design.placement import Placed
from ..statistics.scales import Scale, effect

STRANDS = ["+", "-"]


def effect_rows(
    before: torch.Tensor,
    after: torch.Tensor,
    placed: list[Placed],
    targets: list[str],
    order: np.ndarray,
    background_ids: np.ndarray,
    scale: Scale,
) -> pa.Table:
    """Rows of effects on some targets.

    Args:
        before: (1, backgrounds, targets).
        after: (placements, backgrounds, targets).
        placed: what was placed.
        targets: the names of all.
        order: int64, which of them, in the order of the rows.
        background_ids: of the backgrounds.
        scale: of the effects.
    """
    n, m = len(order), len(background_ids)
    after64 = after[..., order].double().numpy().transpose(0, 2, 1)
    before64 = np.broadcast_to(before[..., order].double().numpy().transpose(0, 2, 1), after64.shape)
    return pa.table(
        {
            **key_columns(placed, [targets[i] for i in order], m),
            "background_id": np.tile(background_ids, len(placed) * n),
            "before": before64.ravel().astype(np.float32),
            "after": after64.ravel().astype(np.float32),
            "effect": effect(before64, after64, scale).ravel().astype(np.float32),
        }
    )


def profile_rows(
    before: torch.Tensor, after: torch.Tensor, placed: list[Placed], targets: list[str], order: np.ndarray
) -> pa.Table:
    """Rows of summed profiles of some targets, from before (1, targets, length), after (placements, targets, length).

    The other arguments are as for `effect_rows`.
    """
    length = after.shape[-1]
    sums = after.numpy()[:, order]
    before_sums = np.broadcast_to(before.numpy()[:, order], sums.shape)
    offsets = pa.array(np.arange(0, sums.size + 1, length, dtype=np.int32))
    return pa.table(
        {
            **key_columns(placed, [targets[i] for i in order], 1),
            "before": pa.ListArray.from_arrays(offsets, pa.array(before_sums.ravel())),
            "after": pa.ListArray.from_arrays(offsets, pa.array(sums.ravel())),
        }
    )


def key_columns(placed: list[Placed], targets: list[str], repeat: int) -> dict[str, Any]:
    """The key columns: each placement for each target, `repeat` rows each."""
    each = len(targets) * repeat
    rows = np.repeat(np.arange(len(placed), dtype=np.int32), each)
    strand = np.array([STRANDS.index(p.strand) for p in placed], dtype=np.int32)
    target = np.tile(np.repeat(np.arange(len(targets), dtype=np.int32), repeat), len(placed))
    ids = pa.array([p.element_id for p in placed]).dictionary_encode()
    return {
        "element_id": ids.take(pa.array(rows)),
        "strand": pa.DictionaryArray.from_arrays(strand[rows], STRANDS),
        "start": np.repeat(np.array([p.start for p in placed], dtype=np.int64), each),
        "target": pa.DictionaryArray.from_arrays(target, targets),
    }
