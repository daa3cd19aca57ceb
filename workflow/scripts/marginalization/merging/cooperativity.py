"""Cooperativity: what the two motifs of a pair do together beyond what each does alone, where it stands in the pair.

In each background, with the effects e of the pair and of its parts,

    cooperativity = e(pair) - e(first) - e(second)

which is zero where effects add up; or of ratios e(pair) / (e(first) e(second)), which is one where they
multiply. In memory are a few numbers for each row of the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..design.pairs import IDS
from ..statistics.nulls import benjamini_hochberg
from ..statistics.scales import Scale, scale_of
from ..statistics.summary import signed_rank, spread
from ..store.files import parquet_writer
from ..store.schemas import COOPERATIVITY
from .parts import Screened, write_rows
from .spilled import spilled_effects

AT_ONCE = 2**20
"""About how many effects of pairs are in memory at a time."""

ROWS = 2**17
"""Rows written at a time."""


def cooperation(pair: np.ndarray, first: np.ndarray, second: np.ndarray, scale: Scale) -> np.ndarray:
    """The cooperativity in each background, from the effects of a pair and of its parts there."""
    return pair / (first * second) if scale.name == "ratio" else pair - first - second


def merge_pairs(
    screened: list[Screened],
    placed: pd.DataFrame,
    pairs: pd.DataFrame,
    readouts: dict[str, dict[str, Any]],
    path: str,
    facts: dict[str, Any],
) -> None:
    """Write the table of cooperativity.

    Args:
        screened: as `parts.find_parts` gives it.
        placed: as for `merge.merge_effects`.
        pairs: the screen's; at least one.
        readouts: their sections of the config by name, for the scales of effects.
        path: of the table.
        facts: for its metadata.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    needed = placed["element_id"].isin(np.unique(pairs[IDS])).to_numpy()
    keys, rows = _rows(placed.loc[needed], pairs)
    with parquet_writer(path, COOPERATIVITY, facts) as writer:
        for item in tqdm(screened, unit="readout", ncols=100):
            scale = scale_of(readouts[item.readout])
            with spilled_effects(item, scale, needed, Path(path).parent) as spilled:
                for target, effects in zip(item.targets, spilled, strict=True):
                    found = _statistics(effects, rows, scale)
                    found["q_value"] = benjamini_hochberg(found["p_value"])
                    for first in range(0, len(keys), ROWS):
                        part = slice(first, first + ROWS)
                        columns = {name: values[part] for name, values in found.items()}
                        write_rows(
                            writer, item, target, keys.iloc[part].assign(n_backgrounds=effects.shape[1], **columns)
                        )


def _rows(placed: pd.DataFrame, pairs: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The table's rows, each pair in each of its placements.

    Args:
        placed: the placements of pairs and parts alone.
        pairs: the screen's.

    Returns:
        Their keys; and int64 (rows, 3), where the pair, its first and its second part stand in `placed`.
    """
    ids = pd.Index(placed["element_id"].unique())
    n_placements = len(placed) // len(ids)
    elements = np.stack([ids.get_indexer(pairs[column]) for column in IDS], axis=1)
    rows = (elements[:, None] * n_placements + np.arange(n_placements)[:, None]).reshape(-1, 3)
    keys = pairs.iloc[np.repeat(np.arange(len(pairs)), n_placements)].reset_index(drop=True)
    # A pair and its parts are of one width, so they stand at the same starts.
    strands_and_starts = placed[["strand", "start"]].iloc[rows[:, 0]].reset_index(drop=True)
    return keys.join(strands_and_starts), rows


def _statistics(effects: np.ndarray, rows: np.ndarray, scale: Scale) -> dict[str, np.ndarray]:
    """The columns of one target (rows,), from the effects (placements, backgrounds) of pairs and parts."""
    means = ["effect_pair", "effect_first", "effect_second"]
    at_once = max(1, AT_ONCE // effects.shape[1])
    parts = []
    for first in range(0, len(rows), at_once):
        members = [effects[which] for which in rows[first : first + at_once].T]
        values = cooperation(members[0], members[1], members[2], scale)
        mean, std, _, low, high = spread(values)
        parts.append(
            {
                **{name: member.mean(axis=1) for name, member in zip(means, members, strict=True)},
                "cooperativity": mean,
                "cooperativity_std": std,
                "cooperativity_ci_low": low,
                "cooperativity_ci_high": high,
                "p_value": signed_rank(values - scale.neutral),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
