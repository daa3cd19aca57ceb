"""Parts: the files of shards, which belongs to what, and what is in them, checked.

Row groups of an element shard hold the same placements and targets in each of its files, one for each background shard
and model, so they are read side by side, and memory grows neither with the number of elements nor with that of targets.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..design.shards import element_bounds
from ..errors import InputError
from ..store.paths import job_labels, part_name
from ..store.schemas import EFFECTS


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
    groups: Mapping[str, Sequence[str]] | None = None,
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
        model, readout, job = part_name(path)
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
    group: str, models: Sequence[str], screened: list[Screened], targets: dict[str, dict[str, list[str]]]
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


def aligned(
    part: Part, n_targets: int, wanted: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """One row group after another of a part.

    Args:
        part: the files.
        n_targets: of the readout.
        wanted: bool (part.n,): row groups that hold none of these placements are not read; all are without it.

    Yields:
        Which of the part's placements x targets the row group holds; before and after, float64 (models, these,
        backgrounds).

    Raises:
        InputError: a file is missing, damaged, or not of this screen.
    """
    models = [[(open_part(path, part.n * n_targets), path) for path in paths] for paths in part.paths]
    for group, rows in enumerate(row_groups([of for files in models for of in files], EFFECTS)):
        if wanted is None or wanted[rows.start // n_targets : -(-rows.stop // n_targets)].any():
            before, after = (
                np.stack([_of_all_backgrounds(files, group, name) for files in models]).astype(np.float64)
                for name in ("before", "after")
            )
            yield rows, before, after


def of_target(rows: slice, t: int, n_targets: int) -> tuple[int, slice]:
    """Of some placements x targets those of one target: the first one's placement, and where they are among these."""
    offset = (t - rows.start) % n_targets
    return (rows.start + offset) // n_targets, slice(offset, rows.stop - rows.start, n_targets)


def row_groups(files: list[tuple[pq.ParquetFile, str]], schema: pa.Schema) -> list[slice]:
    """Which placements x targets are in each row group of a part's files, which is the same in all of them."""
    cuts = []
    for file, path in files:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        each = background_count(file) if schema is EFFECTS else 1
        cuts.append([0, *(end // each for end in itertools.accumulate(sizes))])
        if cuts[-1] != cuts[0]:
            raise _damaged(path, f"its row groups are not those of {files[0][1]}")
    return list(itertools.starmap(slice, itertools.pairwise(cuts[0])))


def _of_all_backgrounds(files: list[tuple[pq.ParquetFile, str]], group: int, name: str) -> np.ndarray:
    """A column of a row group, (placements x targets, backgrounds)."""
    columns = [read_column(*of, group, name).to_numpy().reshape(-1, background_count(of[0])) for of in files]
    return np.concatenate(columns, axis=1)


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
    named = part_name(path)._asdict()
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


def write_rows(writer: pq.ParquetWriter, item: Screened, target: str, rows: pd.DataFrame) -> None:
    """Write rows of a merged table, which are of one target."""
    rows = rows.assign(model=item.model, readout=item.readout, target=target)
    writer.write_table(pa.Table.from_pandas(rows, schema=writer.schema, preserve_index=False))


def _damaged(path: str, reason: object) -> InputError:
    return InputError(
        f"{path} is damaged or not of this screen: {reason}. Delete it and run snakemake again; only its shard is "
        f"computed again"
    )
