"""The merge: effects of all shards into the summary, and sums of profiles into mean profiles.

Row groups of an element shard hold the same placements in each of its files, one for each background shard, so they
are read side by side and memory does not grow with the number of elements. The summary is sorted by target before
element, the shards by element before target, so statistics pass through a scratch file with a place for each row.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from .errors import InputError
from .nulls import Families, compare
from .plan import element_bounds, job_labels
from .profile_measures import profile_measures
from .scales import Scale, effect, scale_of
from .statistics import agreement, summarize
from .tables import EFFECTS, PROFILE_SUMS, PROFILES, STATISTICS, SUMMARY, parquet_writer

ROWS = 2**17
"""Rows written at a time."""

_PART = re.compile(r"model=([^/]+)/readout=([^/]+)/([^/]+)\.parquet$")


class Part(NamedTuple):
    """The files of one element shard, and the shard's place in the summary.

    For each model (several for a group, whose predictions are averaged) a file for each background shard, in order.
    """

    paths: list[list[str]]
    first: int
    n: int


class Screened(NamedTuple):
    """What the merge knows of a (model or group, readout): its sorted targets, and its parts in the elements' order."""

    model: str
    readout: str
    targets: list[str]
    parts: list[Part]


def find_parts(
    paths: list[str],
    placed: pd.DataFrame,
    targets: dict[str, dict[str, list[str]]],
    groups: dict[str, list[str]] | None = None,
) -> list[Screened]:
    """Sort the files of shards, by models and then by groups of models.

    Args:
        paths: such as effects/model=ctcf/readout=counts/0000of0002-0000of0001-4b9430b7a8c0.parquet.
        placed: as for `merge_effects`.
        targets: names by model and readout.
        groups: models by the name of their group.

    Raises:
        InputError: files are missing, or the models of a group have different targets.
    """
    files: dict[tuple[str, str], dict[str, list[str]]] = {}
    for path in sorted(paths):
        model, readout, job = _PART.search(path).groups()
        files.setdefault((model, readout), {}).setdefault(job_labels(job)[0], []).append(path)
    ids = placed["element_id"].to_numpy(dtype=object)
    screened = []
    for (model, readout), by_elements in sorted(files.items()):
        parts = []
        for label, shard_paths in by_elements.items():
            low, high = element_bounds(label)
            first, end = np.searchsorted(ids, low), np.searchsorted(ids, high, side="right")
            parts.append(Part([shard_paths], int(first), int(end - first)))
        if sum(part.n for part in parts) != len(placed):
            raise InputError(f"the files of {model}, {readout} are not those of all elements; run snakemake again")
        screened.append(Screened(model, readout, sorted(targets[model][readout]), parts))
    together = [_together(name, models, screened, targets) for name, models in (groups or {}).items()]
    return sorted(itertools.chain(screened, *together), key=lambda item: item[:2])


def _together(
    group: str, models: list[str], screened: list[Screened], targets: dict[str, dict[str, list[str]]]
) -> Iterator[Screened]:
    """A group's models side by side, for each readout."""
    first, *others = models
    for model in others:
        # All readouts', because the row groups of the files depend on them.
        if targets[model] != targets[first]:
            raise InputError(
                f"config: groups.{group}: {first} and {model} have different targets, so they can not be averaged: "
                f"{targets[first]} and {targets[model]}; name readouts that both have"
            )
    for readout in sorted({item.readout for item in screened}):
        members = [item for item in screened if item.model in models and item.readout == readout]
        parts = [
            Part([path for part in parts for path in part.paths], parts[0].first, parts[0].n)
            for parts in zip(*(item.parts for item in members), strict=True)
        ]
        yield Screened(group, readout, members[0].targets, parts)


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
        done = part.first
        for _, before, after in aligned(part, len(item.targets)):
            statistics = summarize(before.mean(axis=0), after.mean(axis=0), scale)
            means = effect(before, after, scale).mean(axis=2)
            statistics |= agreement(means - scale.neutral, statistics["effect_mean"] - scale.neutral)
            values = np.stack([statistics[name] for name in STATISTICS], axis=1)
            values = values.reshape(-1, len(item.targets), len(STATISTICS))
            for t in range(len(item.targets)):
                scratch.seek((t * n_placed + done) * len(STATISTICS) * 8)
                scratch.write(np.ascontiguousarray(values[:, t]).tobytes())
            done += len(values)
            n_backgrounds = before.shape[2]
    scratch.flush()
    return n_backgrounds


def aligned(
    part: Part, n_targets: int, wanted: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """One row group after another of a part.

    Args:
        part: the files.
        n_targets: of the readout.
        wanted: bool (part.n,): row groups that hold none of these placements are not read; all are without it.

    Yields:
        The placements of the row group, among those of the part; before and after, float64 (models, placements x
        targets, backgrounds).

    Raises:
        InputError: a file is missing, damaged, or not of this screen.
    """
    models = [[(open_part(path, part.n * n_targets), path) for path in paths] for paths in part.paths]
    file, done = models[0][0][0], 0
    for group in range(file.num_row_groups):
        rows = slice(done, done + file.metadata.row_group(group).num_rows // (n_targets * background_count(file)))
        done = rows.stop
        if wanted is None or wanted[rows].any():
            before, after = (
                np.stack([_of_all_backgrounds(files, group, name) for files in models]).astype(np.float64)
                for name in ("before", "after")
            )
            yield rows, before, after


def _of_all_backgrounds(files: list[tuple[pq.ParquetFile, str]], group: int, name: str) -> np.ndarray:
    """A column of a row group, (placements x targets, backgrounds)."""
    columns = [_column(file, path, group, name).reshape(-1, background_count(file)) for file, path in files]
    return np.concatenate(columns, axis=1)


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
    files = [open_part(path, part.n * n_targets, PROFILE_SUMS) for path in paths]
    n_summed = sum(map(background_count, files))
    done = 0
    for group in range(files[0].num_row_groups):
        means = {}
        for name in ("before", "after"):
            sums = 0.0
            for file, path in zip(files, paths, strict=True):
                lists = read_column(file, path, group, name).combine_chunks()
                sums = sums + lists.values.to_numpy().reshape(-1, n_targets, len(lists[0]))[:, t]
            means[name] = sums / n_summed
        rows = placed.iloc[done : done + len(means["before"])]
        done += len(rows)
        kept = (rows["kind"] != "control").to_numpy()
        rows, means = rows[kept], {name: values[kept] for name, values in means.items()}
        centres = (rows["start"] + rows["width"] // 2).to_numpy()
        measures = profile_measures(**means, centres=centres, length=length)
        profiles = {name: list(values.astype(np.float32)) for name, values in means.items()}
        yield rows.assign(**profiles, **measures)


def open_part(path: str, n: int, schema: pa.Schema = EFFECTS) -> pq.ParquetFile:
    """Open a file of a shard and check that it is whole.

    Args:
        path: the file.
        n: its rows, or of effects its rows for each background.
        schema: of its columns.

    Raises:
        InputError: it can not be read, or has another number of rows than the plan and its own metadata say.
    """
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        facts = part_facts(file)
        rows, effects, expected = facts["rows"], facts["effects"], n * facts["n_backgrounds"]
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error
    named = dict(zip(("model", "readout", "job"), _PART.search(path).groups(), strict=True))
    if not named.items() <= facts.items():
        raise _damaged(path, "it was written as " + ", ".join(f"{key} {facts.get(key)}" for key in named))
    if not file.schema_arrow.equals(schema):
        raise _damaged(path, f"its columns are {', '.join(file.schema_arrow.names)}, or of other types")
    if not file.metadata.num_rows == rows == (expected if schema is EFFECTS else n) or effects != expected:
        raise _damaged(path, f"it has {file.metadata.num_rows} rows of {effects} effects, not of {expected}")
    return file


def part_facts(file: pq.ParquetFile) -> dict[str, Any]:
    """The facts in the metadata of an open file."""
    return json.loads(file.schema_arrow.metadata[b"marginalization"])


def background_count(file: pq.ParquetFile) -> int:
    """The number of backgrounds whose effects an open file holds."""
    return part_facts(file)["n_backgrounds"]


def _column(file: pq.ParquetFile, path: str, group: int, name: str) -> np.ndarray:
    return read_column(file, path, group, name).to_numpy()


def read_column(file: pq.ParquetFile, path: str, group: int, name: str) -> pa.ChunkedArray:
    """A column of a row group, checked to be whole."""
    try:
        column = file.read_row_group(group, columns=[name]).column(0)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    # Headers of pages have no checksum; with a damaged one, pyarrow can end a column early.
    if len(column) != file.metadata.row_group(group).num_rows:
        raise _damaged(path, f"its column {name} ends early")
    return column


def _damaged(path: str, reason: object) -> InputError:
    return InputError(
        f"{path} is damaged or not of this screen: {reason}. Delete it and run snakemake again; only its shard is "
        f"computed again"
    )


def set_aside(folder: str, expected: set[str], elsewhere: str) -> list[str]:
    """Move Parquet files of an earlier plan out of a dataset's folder, so that readers find this plan's alone.

    What jobs that were killed left of files that they had begun is removed.

    Args:
        folder: of the dataset.
        expected: the paths of this plan's files.
        elsewhere: the folder to move others to, in the same subfolders.

    Returns:
        The paths that were moved.
    """
    for path in Path(folder).rglob(".*.parquet.*"):
        path.unlink(missing_ok=True)
    known = {Path(path).resolve() for path in expected}
    moved = []
    for path in sorted(Path(folder).rglob("*.parquet")):
        if path.resolve() not in known:
            target = Path(elsewhere) / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
            moved.append(str(path))
    return moved
