"""Cooperativity: what the two motifs of a pair do together beyond what each does alone, at its place in the pair.

In each background, with the effects e of the pair and of its parts,

    cooperativity = e(pair) - e(first) - e(second)

which is zero where effects add up; or of ratios e(pair) / (e(first) e(second)), which is one where they
multiply. `verdicts` compares it with that of control pairs. In memory are a few numbers for each row of the table, and
one for each control.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..config.sections import Readout
from ..design.control_pairs import arranged_alike
from ..design.pairs import IDS
from ..statistics.nulls import benjamini_hochberg
from ..statistics.scales import Scale
from ..statistics.summary import signed_rank, spread
from ..store.files import parquet_writer
from ..store.schemas import COOPERATIVITY, PAIRS_SUMMARY
from .parts import Screened, write_rows
from .spilled import spilled_effects
from .verdicts import against_control_pairs, summarize_pairs

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
    control_pairs: pd.DataFrame,
    level: float | None,
    readouts: dict[str, Readout],
    paths: Sequence[str],
    facts: dict[str, Any],
) -> None:
    """Write the tables of cooperativity and of pairs of motifs.

    Args:
        screened: as `parts.find_parts` gives it.
        placed: as for `merge.merge_effects`.
        pairs: the screen's; at least one.
        control_pairs: theirs, if there are any.
        level: as for `verdicts.summarize_pairs`.
        readouts: their sections of the config by name, for the scales of effects.
        paths: of both tables.
        facts: for their metadata.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    needed = placed["element_id"].isin(np.unique([*pairs[IDS].to_numpy(), *control_pairs[IDS].to_numpy()])).to_numpy()
    keys, rows = _rows(placed.loc[needed], pairs)
    _, control_rows = _rows(placed.loc[needed], control_pairs)
    n_placements = len(rows) // len(pairs)
    alike = arranged_alike(pairs, control_pairs)
    with (
        parquet_writer(paths[0], COOPERATIVITY, facts) as writer,
        parquet_writer(paths[1], PAIRS_SUMMARY, facts) as of_motifs,
    ):
        for item in tqdm(screened, unit="readout", ncols=100):
            scale = readouts[item.readout].scale
            with spilled_effects(item, scale, needed, Path(paths[0]).parent) as spilled:
                for target, effects in zip(item.targets, spilled, strict=True):
                    found = _statistics(effects, rows, scale)
                    found["q_value"] = benjamini_hochberg(found["p_value"])
                    own = found["cooperativity"].reshape(-1, n_placements)
                    theirs = _means(effects, control_rows, scale).reshape(-1, n_placements)
                    against, pair_p = against_control_pairs(own, theirs, alike)
                    found |= {name: values.ravel() for name, values in against.items()}
                    found["control_q"] = benjamini_hochberg(found["control_p"])
                    table = keys.assign(n_backgrounds=effects.shape[1], **found)
                    table["n_controls"] = table["n_controls"].astype("Int64")
                    for first in range(0, len(table), ROWS):
                        write_rows(writer, item, target, table.iloc[first : first + ROWS])
                    write_rows(of_motifs, item, target, summarize_pairs(table, pair_p, scale.neutral, level))


def _rows(placed: pd.DataFrame, pairs: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The table's rows, each pair in each of its placements.

    Args:
        placed: the placements of pairs and parts alone.
        pairs: the screen's.

    Returns:
        Their keys; and int64 (rows, 3), the rows in `placed` of the pair, its first and its second part.
    """
    ids = pd.Index(placed["element_id"].unique())
    n_placements = len(placed) // len(ids)
    elements = np.stack([ids.get_indexer(pairs[column]) for column in IDS], axis=1)
    rows = (elements[:, None] * n_placements + np.arange(n_placements)[:, None]).reshape(-1, 3)
    keys = pairs.iloc[np.repeat(np.arange(len(pairs)), n_placements)].reset_index(drop=True)
    # A pair and its parts are of one width, so they have the same starts.
    strands_and_starts = placed[["strand", "start"]].iloc[rows[:, 0]].reset_index(drop=True)
    return keys.join(strands_and_starts), rows


def _means(effects: np.ndarray, rows: np.ndarray, scale: Scale) -> np.ndarray:
    """The means of cooperativity over backgrounds (rows,)."""
    at_once = max(1, AT_ONCE // effects.shape[1])
    blocks = [rows[first : first + at_once] for first in range(0, len(rows), at_once)]
    means = []
    for pair, first, second in (block.T for block in blocks):
        means.append(cooperation(effects[pair], effects[first], effects[second], scale).mean(axis=1))
    return np.concatenate([np.zeros(0), *means])


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
