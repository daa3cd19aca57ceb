"""The merge of effects: those of all shards become the summary.

The summary is sorted by target before element, the shards by element before target, so statistics pass through a
scratch file with a place for each row.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..config.sections import Readout
from ..statistics.families import Families
from ..statistics.nulls import compare
from ..statistics.scales import Scale, effect
from ..statistics.summary import agreement, summarize
from ..store.files import parquet_writer
from ..store.schemas import STATISTICS, SUMMARY
from .parts import Screened, aligned, of_target, write_rows

ROWS = 2**17
"""Rows written at a time."""


def merge_effects(
    screened: list[Screened],
    placed: pd.DataFrame,
    among: Families,
    readouts: dict[str, Readout],
    path: str,
    facts: dict[str, Any],
) -> None:
    """Write the summary.

    Args:
        screened: sorted by model and readout.
        placed: a row for each placement of each element, sorted, with the columns element_id, strand, start, name,
            kind and sequence; a part's `first` and `n` are rows of it.
        among: the families of the elements, in the order of `placed`.
        readouts: their sections of the config by name, for the scales of effects.
        path: of the summary.
        facts: for its metadata.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    n_elements = placed["element_id"].nunique()
    with parquet_writer(path, SUMMARY, facts) as writer:
        for item in tqdm(screened, unit="readout", ncols=100):
            scale = readouts[item.readout].scale
            with tempfile.TemporaryFile(dir=Path(path).parent) as scratch:
                n_backgrounds = _spill_statistics(item, scale, len(placed), scratch)
                spilled = np.memmap(scratch, np.float64, "r", shape=(len(item.targets), len(placed), len(STATISTICS)))
                for target, statistics in zip(item.targets, spilled, strict=True):
                    by_name = dict(zip(STATISTICS, statistics.T, strict=True))
                    p, means = (np.array(by_name[name]).reshape(n_elements, -1) for name in ("p_value", "effect_mean"))
                    by_name |= compare(p, means, among, scale.neutral)
                    for first in range(0, len(placed), ROWS):
                        part = slice(first, first + ROWS)
                        rows = placed.iloc[part].assign(
                            n_backgrounds=n_backgrounds,
                            n_models=len(item.parts[0].paths),
                            **{name: values[part] for name, values in by_name.items()},
                        )
                        write_rows(writer, item, target, rows)


def _spill_statistics(item: Screened, scale: Scale, n_placed: int, scratch: Any) -> int:
    """Write (targets, placements, statistics) of float64 to the scratch file; returns the number of backgrounds."""
    n_backgrounds = 0
    for part in item.parts:
        for rows, before, after in aligned(part, len(item.targets)):
            statistics = summarize(before.mean(axis=0), after.mean(axis=0), scale)
            means = effect(before, after, scale).mean(axis=2)
            statistics |= agreement(means - scale.neutral, statistics["effect_mean"] - scale.neutral)
            values = np.stack([statistics[name] for name in STATISTICS], axis=1)
            for t in range(len(item.targets)):
                first, own = of_target(rows, t, len(item.targets))
                scratch.seek((t * n_placed + part.first + first) * len(STATISTICS) * 8)
                scratch.write(values[own].tobytes())
            n_backgrounds = before.shape[2]
    scratch.flush()
    return n_backgrounds
