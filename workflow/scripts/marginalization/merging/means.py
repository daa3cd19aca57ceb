"""The merge of sums: profiles and attributions of all shards become means over backgrounds and the models of groups.

Row groups hold the same in the files of all background shards and models, so those of a target are read side by side,
and memory does not grow with the number of elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from ..design.elements import CONTROL_KINDS
from ..design.placement import window_starts
from ..statistics.profiles import profile_measures
from ..store.files import parquet_writer
from ..store.schemas import ATTRIBUTION_SUMS, ATTRIBUTIONS, KEYS, PROFILE_SUMS, PROFILES
from .parts import (
    Places,
    Screened,
    background_count,
    of_target,
    open_part,
    read_column,
    row_groups,
    target_alone,
    write_rows,
)

Means = dict[str, np.ndarray]
"""By column, float64 (placements,), or (placements, positions) of lists."""


def merge_profiles(
    screened: list[Screened], placed: pd.DataFrame, length: int, path: str, facts: dict[str, Any]
) -> None:
    """Write the mean profiles over all backgrounds, of `length`, of all elements but controls, and their measures.

    The other arguments are as for `merge_effects`, but that `placed` also has the column width.
    """
    with parquet_writer(path, PROFILES, facts) as writer:
        for item, target, rows, means in _means(screened, placed, PROFILE_SUMS, _among_others):
            kept = (~rows["kind"].isin(CONTROL_KINDS)).to_numpy()
            if not kept.any():
                continue
            rows, means = rows[kept], {name: values[kept] for name, values in means.items()}
            centres = (rows["start"] + rows["width"] // 2).to_numpy()
            measures = profile_measures(**means, centres=centres, length=length)
            write_rows(writer, item, target, rows.assign(**_columns(means), **measures))


def merge_attributions(
    screened: list[Screened], placed: pd.DataFrame, length: int, window: int, path: str, facts: dict[str, Any]
) -> None:
    """Write the mean attributions over all backgrounds, of `length`, in windows around the elements.

    The other arguments are as for `merge_profiles`, but that `placed` holds only what is attributed.
    """
    placed = placed.assign(window_start=window_starts(placed["start"], placed["width"], length, window))
    with parquet_writer(path, ATTRIBUTIONS, facts) as writer:
        for item, target, rows, means in _means(screened, placed, ATTRIBUTION_SUMS, target_alone):
            write_rows(writer, item, target, rows.assign(**_columns(means)))


def _means(
    screened: list[Screened],
    placed: pd.DataFrame,
    schema: pa.Schema,
    places: Callable[[list[slice], int, int], Places],
) -> Iterator[tuple[Screened, str, pd.DataFrame, Means]]:
    """The rows of `placed` and their means for each readout and target, row group after row group.

    Args:
        screened, placed: as for `merge_effects`.
        schema: of the files of sums.
        places: from the row groups of a part, a target and how many there are, where the target is.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    names = schema.names[len(KEYS) :]
    for item in tqdm(screened, unit="readout", ncols=100):
        n_targets = len(item.targets)
        for t, target in enumerate(item.targets):
            for part in item.parts:
                paths = [path for of_model in part.paths for path in of_model]
                files = [(open_part(path, part.n * n_targets, schema), path) for path in paths]
                n_summed = sum(background_count(file) for file, _ in files)
                for group, first, own in places(row_groups(files, schema), t, n_targets):
                    means = {
                        name: sum((_sums(*of, group, name)[own] for of in files), np.zeros(())) / n_summed
                        for name in names
                    }
                    rows = placed.iloc[part.first + first :][: len(means["before"])]
                    yield item, target, rows, means


def _sums(file: pq.ParquetFile, path: str, group: int, name: str) -> np.ndarray:
    """A column of a row group: (rows,), or (rows, positions) of lists."""
    column = read_column(file, path, group, name).combine_chunks()
    return column.values.to_numpy().reshape(len(column), -1) if pa.types.is_list(column.type) else column.to_numpy()


def _columns(means: Means) -> dict[str, Any]:
    """Means as columns, of lists in float32."""
    return {name: list(y.astype(np.float32)) if y.ndim > 1 else y for name, y in means.items()}


def _among_others(groups: list[slice], t: int, n_targets: int) -> Places:
    """Where row groups hold all targets of their placements, or some of one placement's."""
    for group, held in enumerate(groups):
        first, own = of_target(held, t, n_targets)
        if own.start < own.stop:
            yield group, first, own
