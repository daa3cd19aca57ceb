"""The Parquet tables of a screen: their schemas, and files that appear whole or not at all.

Every page carries a checksum, and every file the facts it was made from (JSON under `marginalization` in the schema's
metadata).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .reading import whole_table

ROW_GROUP_ROWS = 2**16
"""Rows in a row group of a table that is written whole: small enough for a shard to read little more than its own."""

_NAME = pa.dictionary(pa.int32(), pa.string())
"""For columns that repeat few values in many rows."""

BACKGROUNDS = pa.schema(
    [
        ("background_id", pa.int64()),
        ("name", pa.string()),
        ("chrom", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", pa.string()),
        ("gc", pa.float64()),
        ("sequence", pa.string()),
    ]
)
ELEMENTS = pa.schema(
    [
        ("element_id", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("sequence", pa.string()),
        ("width", pa.int64()),
        ("source", pa.string()),
        ("control_of", pa.string()),
    ]
)
MOTIFS = pa.schema(
    [
        ("motif_id", pa.int64()),
        ("name", pa.string()),
        ("source", pa.string()),
        ("element_id", pa.string()),
        ("matrix", pa.list_(pa.list_(pa.float64()))),
    ]
)
ANNOTATIONS = pa.schema(
    [
        ("annotation_id", pa.int64()),
        ("name", pa.string()),
        ("chrom", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", pa.string()),
        ("element_id", pa.string()),
    ]
)
PAIRS = pa.schema(
    [
        ("pair_id", pa.int64()),
        ("first", pa.string()),
        ("second", pa.string()),
        ("distance", pa.int64()),
        ("orientation", pa.string()),
        ("element_id", pa.string()),
        ("first_id", pa.string()),
        ("second_id", pa.string()),
    ]
)
EFFECTS = pa.schema(
    [
        ("element_id", _NAME),
        ("strand", _NAME),
        ("start", pa.int64()),
        ("target", _NAME),
        ("background_id", pa.int64()),
        ("before", pa.float32()),
        ("after", pa.float32()),
        ("effect", pa.float32()),
    ]
)
PROFILE_SUMS = pa.schema(
    [
        ("element_id", _NAME),
        ("strand", _NAME),
        ("start", pa.int64()),
        ("target", _NAME),
        ("before", pa.list_(pa.float64())),
        ("after", pa.list_(pa.float64())),
    ]
)
"""Sums of profiles over the backgrounds of one shard, which the merge turns into means."""
PROFILES = pa.schema(
    [
        ("model", _NAME),
        ("readout", _NAME),
        ("target", _NAME),
        ("element_id", pa.string()),
        ("strand", _NAME),
        ("start", pa.int64()),
        ("name", pa.string()),
        ("before", pa.list_(pa.float32())),
        ("after", pa.list_(pa.float32())),
        ("log2_fold_change", pa.float64()),
        ("jensen_shannon", pa.float64()),
        ("footprint_before", pa.float64()),
        ("footprint_after", pa.float64()),
        ("largest_change", pa.int64()),
    ]
)
ATTRIBUTION_TOTALS = ["before_inside", "before_outside", "after_inside", "after_outside"]
ATTRIBUTION_SUMS = pa.schema(
    [
        ("element_id", _NAME),
        ("strand", _NAME),
        ("start", pa.int64()),
        ("target", _NAME),
        ("before", pa.list_(pa.float64())),
        ("after", pa.list_(pa.float64())),
        *((total, pa.float64()) for total in ATTRIBUTION_TOTALS),
    ]
)
"""Sums of attributions over the backgrounds of one shard."""
ATTRIBUTIONS = pa.schema(
    [
        ("model", _NAME),
        ("readout", _NAME),
        ("target", _NAME),
        ("element_id", pa.string()),
        ("strand", _NAME),
        ("start", pa.int64()),
        ("name", pa.string()),
        ("window_start", pa.int64()),
        ("before", pa.list_(pa.float32())),
        ("after", pa.list_(pa.float32())),
        *((total, pa.float64()) for total in ATTRIBUTION_TOTALS),
    ]
)
STATISTICS = [
    "before_mean",
    "after_mean",
    "effect_mean",
    "effect_std",
    "effect_sem",
    "effect_ci_low",
    "effect_ci_high",
    "effect_median",
    "effect_q05",
    "effect_q25",
    "effect_q75",
    "effect_q95",
    "effect_min",
    "effect_max",
    "fraction_positive",
    "effect_size",
    "p_value",
    "models_std",
    "n_models_agree",
]
SUMMARY = pa.schema(
    [
        ("model", _NAME),
        ("readout", _NAME),
        ("target", _NAME),
        ("element_id", pa.string()),
        ("strand", _NAME),
        ("start", pa.int64()),
        ("name", pa.string()),
        ("kind", _NAME),
        ("sequence", pa.string()),
        ("n_backgrounds", pa.int64()),
        ("n_models", pa.int64()),
        *((statistic, pa.int64() if statistic.startswith("n_") else pa.float64()) for statistic in STATISTICS),
        ("q_value", pa.float64()),
        ("rank", pa.int64()),
        ("n_controls", pa.int64()),
        ("control_mean", pa.float64()),
        ("control_std", pa.float64()),
        ("control_z", pa.float64()),
        ("control_p", pa.float64()),
        ("control_q", pa.float64()),
        ("significant", pa.bool_()),
    ]
)
COOPERATIVITY = pa.schema(
    [
        ("model", _NAME),
        ("readout", _NAME),
        ("target", _NAME),
        ("pair_id", pa.int64()),
        ("strand", _NAME),
        ("start", pa.int64()),
        ("first", pa.string()),
        ("second", pa.string()),
        ("distance", pa.int64()),
        ("orientation", _NAME),
        ("n_backgrounds", pa.int64()),
        ("effect_pair", pa.float64()),
        ("effect_first", pa.float64()),
        ("effect_second", pa.float64()),
        ("cooperativity", pa.float64()),
        ("cooperativity_std", pa.float64()),
        ("cooperativity_ci_low", pa.float64()),
        ("cooperativity_ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("q_value", pa.float64()),
    ]
)


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[str]:
    """A temporary path beside `path`, which takes its place when the block ends without an error.

    The file is flushed to the disk before it is renamed, so a name always stands for a whole file.

    Raises:
        InputError: the folder can not be written to or its disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        yield str(temporary)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is not None and Path(error.filename) not in {temporary, *temporary.parents}:
            raise  # another file's trouble, such as that of one which is read meanwhile
        reason = error.strerror or error
        raise InputError(f"{path} can not be written: {reason}; make room or mend its folder") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def parquet_writer(path: str | os.PathLike, schema: pa.Schema, facts: dict[str, Any]) -> Iterator[pq.ParquetWriter]:
    """A writer of row groups to a file that appears whole or not at all."""
    with (
        whole_file(path) as temporary,
        pq.ParquetWriter(temporary, with_facts(schema, facts), compression="zstd", write_page_checksum=True) as writer,
    ):
        yield writer


def write_group(writer: pq.ParquetWriter, rows: pa.Table) -> None:
    """Write rows as one row group, however many: pyarrow by itself begins another after 2**20 rows."""
    writer.write_table(rows.cast(writer.schema), row_group_size=max(1, rows.num_rows))


def write_table(table: pd.DataFrame, path: str | os.PathLike, schema: pa.Schema, facts: dict[str, Any]) -> None:
    """Write a table whole, its columns those of the schema."""
    with parquet_writer(path, schema, facts) as writer:
        rows = pa.Table.from_pandas(table, schema=writer.schema, preserve_index=False)
        writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)


def write_json(value: Any, path: str | os.PathLike) -> None:
    """Write JSON whole, its keys in the order given."""
    with whole_file(path) as temporary, open(temporary, "w") as handle:
        json.dump(value, handle, indent=2)
        handle.write("\n")


def with_facts(schema: pa.Schema, facts: dict[str, Any]) -> pa.Schema:
    """The schema with facts in its metadata."""
    return schema.with_metadata({"marginalization": json.dumps(facts, sort_keys=True)})


def read_facts(path: str | os.PathLike) -> dict[str, Any]:
    """The facts in the metadata of a Parquet file that this package wrote; an InputError when it is damaged."""
    with whole_table(path):
        return json.loads(pq.read_schema(path).metadata[b"marginalization"])
