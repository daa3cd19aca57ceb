"""The merge of attributions: sums of all shards into means over backgrounds, and over the models of groups.

A row group of a shard's file holds placements of one target, the same in the files of all background shards and models,
so each is read once and memory does not grow with the number of elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from ..jobs.attributions import window_starts
from ..store.files import parquet_writer
from ..store.schemas import ATTRIBUTION_SUMS, ATTRIBUTION_TOTALS, ATTRIBUTIONS
from .parts import Part, Screened, background_count, open_part, read_column


def merge_attributions(
    screened: list[Screened], placed: pd.DataFrame, length: int, window: int, path: str, facts: dict[str, Any]
) -> None:
    """Write the mean attributions over all backgrounds.

    Args:
        screened: sorted by model and readout, of files with sums of attributions.
        placed: a row for each placement of each element that is attributed, sorted, with the columns element_id,
            strand, start, width and name; a part's `first` and `n` are rows of it.
        length: of the backgrounds.
        window: how many positions are written.
        path: of the table.
        facts: for its metadata.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    placed = placed.assign(window_start=window_starts(placed["start"], placed["width"], length, window))
    with parquet_writer(path, ATTRIBUTIONS, facts) as writer:
        for item in tqdm(screened, unit="readout", ncols=100):
            for t, target in enumerate(item.targets):
                for part in item.parts:
                    rows = placed.iloc[part.first : part.first + part.n]
                    for table in _means(part, t, len(item.targets), rows):
                        table = table.assign(model=item.model, readout=item.readout, target=target)
                        writer.write_table(pa.Table.from_pandas(table, schema=writer.schema, preserve_index=False))


def _means(part: Part, t: int, n_targets: int, placed: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Mean attributions of one target, row group after row group."""
    paths = [path for of_model in part.paths for path in of_model]
    files = [open_part(path, part.n * n_targets, ATTRIBUTION_SUMS) for path in paths]
    n_summed = sum(map(background_count, files))
    done = 0
    for group in range(t, files[0].num_row_groups, n_targets):
        n = files[0].metadata.row_group(group).num_rows
        means = {}
        for name in ("before", "after", *ATTRIBUTION_TOTALS):
            sums = 0.0
            for file, path in zip(files, paths, strict=True):
                column = read_column(file, path, group, name).combine_chunks()
                values = column.values if name in ("before", "after") else column
                sums = sums + values.to_numpy().reshape(n, -1)
            means[name] = sums / n_summed
        rows = {name: means[name][:, 0] for name in ATTRIBUTION_TOTALS}
        rows |= {name: list(means[name].astype(np.float32)) for name in ("before", "after")}
        yield placed.iloc[done : done + n].assign(**rows)
        done += n
