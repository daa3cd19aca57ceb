"""The merge of effects: those of all shards become the summary.

The summary is sorted by target before element, the shards by element before target, so statistics pass through a
scratch file with a place for each row.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..config.sections import Readout
from ..statistics.families import Families
from ..statistics.nulls import compare, percentiles
from ..statistics.scales import Scale
from ..statistics.summary import summarize_models
from ..store.files import parquet_writer
from ..store.schemas import STATISTICS, STATISTICS_OF_EFFECTS, SUMMARY
from .parts import Part, Screened, aligned, background_count, of_target, open_part, read_column, row_groups, write_rows

ROWS = 2**17
"""Rows written at a time."""

Found = Iterator[tuple[slice, np.ndarray, int]]
"""Of each row group which of a part's placements x targets it holds, float64 (these, statistics), and in how many
backgrounds."""


def merge_effects(
    screened: list[Screened],
    placed: pd.DataFrame,
    among: Families,
    readouts: dict[str, Readout],
    path: str,
    facts: dict[str, Any],
    kept: str = "all",
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
        kept: `keep_effects` of the config, which says what the parts hold.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    n_elements = placed["element_id"].nunique()
    with parquet_writer(path, SUMMARY, facts) as writer:
        for item in tqdm(screened, unit="readout", ncols=100):
            scale = readouts[item.readout].scale
            with tempfile.TemporaryFile(dir=Path(path).parent) as scratch:
                n_backgrounds, n_targets = 0, len(item.targets)
                for part in item.parts:
                    found = _of_effects(part, n_targets, scale) if kept == "all" else _of_kept(part, n_targets)
                    n_backgrounds = _spill(found, part, n_targets, len(placed), scratch)
                spilled = np.memmap(scratch, np.float64, "r", shape=(n_targets, len(placed), len(STATISTICS)))
                for target, statistics in zip(item.targets, spilled, strict=True):
                    by_name = dict(zip(STATISTICS, statistics.T, strict=True))
                    p, means = (np.array(by_name[name]).reshape(n_elements, -1) for name in ("p_value", "effect_mean"))
                    by_name |= compare(p, means, among, scale.neutral)
                    by_name["genomic_percentile"] = percentiles(means, among.widths)
                    for first in range(0, len(placed), ROWS):
                        part = slice(first, first + ROWS)
                        rows = placed.iloc[part].assign(
                            n_backgrounds=n_backgrounds,
                            n_models=len(item.parts[0].paths),
                            **{name: values[part] for name, values in by_name.items()},
                        )
                        write_rows(writer, item, target, rows)


def _spill(found: Found, part: Part, n_targets: int, n_placed: int, scratch: Any) -> int:
    """Write a part's statistics to the scratch file, (targets, placements, statistics); the number of backgrounds."""
    n_backgrounds = 0
    for rows, values, n_backgrounds in found:  # noqa: B007, it is the same in all
        for t in range(n_targets):
            first, own = of_target(rows, t, n_targets)
            scratch.seek((t * n_placed + part.first + first) * len(STATISTICS) * 8)
            scratch.write(values[own].tobytes())
    scratch.flush()
    return n_backgrounds


def _of_effects(part: Part, n_targets: int, scale: Scale) -> Found:
    """From the effects of all background shards and models."""
    for rows, before, after in aligned(part, n_targets):
        statistics = summarize_models(before, after, scale)
        yield rows, np.stack([statistics[name] for name in STATISTICS], axis=1), before.shape[2]


def _of_kept(part: Part, n_targets: int) -> Found:
    """As the shard has kept them."""
    ((path,),) = part.paths
    file = open_part(path, part.n * n_targets, STATISTICS_OF_EFFECTS)
    for group, rows in enumerate(row_groups([(file, path)], STATISTICS_OF_EFFECTS)):
        columns = [read_column(file, path, group, name).to_numpy() for name in STATISTICS]
        yield rows, np.stack(columns, axis=1), background_count(file)
