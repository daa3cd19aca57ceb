"""The merge: effects of all shards into the summary, and sums of profiles into mean profiles.

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
import pyarrow as pa
from tqdm import tqdm

from ..statistics.nulls import Families, compare
from ..statistics.profiles import profile_measures
from ..statistics.scales import Scale, effect, scale_of
from ..statistics.summary import agreement, summarize
from ..store.files import parquet_writer
from ..store.schemas import PROFILE_SUMS, PROFILES, STATISTICS, SUMMARY
from .parts import Part, Screened, aligned, background_count, of_target, open_part, read_column, row_groups

ROWS = 2**17
"""Rows written at a time."""


def merge_effects(
    screened: list[Screened],
    placed: pd.DataFrame,
    among: Families,
    readouts: dict[str, dict[str, Any]],
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
            scale = scale_of(readouts[item.readout])
            with tempfile.TemporaryFile(dir=Path(path).parent) as scratch:
                n_backgrounds = _spill_statistics(item, scale, len(placed), scratch)
                spilled = np.memmap(scratch, np.float64, "r", shape=(len(item.targets), len(placed), len(STATISTICS)))
                for target, statistics in zip(item.targets, spilled, strict=True):
                    by_name = dict(zip(STATISTICS, statistics.T, strict=True))
                    tested = (np.array(by_name[name]).reshape(n_elements, -1) for name in ("p_value", "effect_mean"))
                    by_name |= compare(*tested, among, scale.neutral)
                    for first in range(0, len(placed), ROWS):
                        part = slice(first, first + ROWS)
                        table = placed.iloc[part].assign(
                            **{"model": item.model, "readout": item.readout, "target": target},
                            n_backgrounds=n_backgrounds,
                            n_models=len(item.parts[0].paths),
                            **{name: values[part] for name, values in by_name.items()},
                        )
                        writer.write_table(pa.Table.from_pandas(table, schema=writer.schema, preserve_index=False))


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


def merge_profiles(
    screened: list[Screened], placed: pd.DataFrame, length: int, path: str, facts: dict[str, Any]
) -> None:
    """Write the mean profiles over all backgrounds, of `length`, of all elements but controls, and their measures.

    The other arguments are as for `merge_effects`, but that `placed` also has the column width.
    """
    with parquet_writer(path, PROFILES, facts) as writer:
        for item in tqdm(screened, unit="readout", ncols=100):
            for t, target in enumerate(item.targets):
                for part in item.parts:
                    rows = placed.iloc[part.first : part.first + part.n]
                    for table in _mean_profiles(part, t, len(item.targets), rows, length):
                        table = table.assign(model=item.model, readout=item.readout, target=target)
                        writer.write_table(pa.Table.from_pandas(table, schema=writer.schema, preserve_index=False))


def _mean_profiles(part: Part, t: int, n_targets: int, placed: pd.DataFrame, length: int) -> Iterator[pd.DataFrame]:
    """Mean profiles of one target and their measures, but for controls, row group after row group."""
    paths = [path for of_model in part.paths for path in of_model]
    files = [(open_part(path, part.n * n_targets, PROFILE_SUMS), path) for path in paths]
    n_summed = sum(background_count(file) for file, _ in files)
    for group, held in enumerate(row_groups(files, PROFILE_SUMS)):
        first, own = of_target(held, t, n_targets)
        if own.start >= own.stop:
            continue
        means = {}
        for name in ("before", "after"):
            sums = 0.0
            for file, path in files:
                lists = read_column(file, path, group, name).combine_chunks()
                sums = sums + lists.values.to_numpy().reshape(len(lists), -1)[own]
            means[name] = sums / n_summed
        rows = placed.iloc[first : first + len(means["before"])]
        kept = (rows["kind"] != "control").to_numpy()
        rows, means = rows[kept], {name: values[kept] for name, values in means.items()}
        centres = (rows["start"] + rows["width"] // 2).to_numpy()
        measures = profile_measures(**means, centres=centres, length=length)
        profiles = {name: list(values.astype(np.float32)) for name, values in means.items()}
        yield rows.assign(**profiles, **measures)
