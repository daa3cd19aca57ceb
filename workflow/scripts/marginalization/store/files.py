"""Files of results: they appear whole or not at all, say what they were made from, and are told from others.

Every page carries a checksum, and every file the facts it was made from (JSON under `marginalization` in the schema's
metadata).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError
from .paths import begun
from .reading import whole_table

ROW_GROUP_ROWS = 2**16
"""Rows in a row group of a table that is written whole: small enough for a shard to read little more than its own."""


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[str]:
    """A temporary path beside `path`, which takes its place when the block ends without an error.

    The file is flushed to the disk before it is renamed, so there is always a whole file behind a name.

    Raises:
        InputError: the folder can not be written to or its disk is full.
    """
    path = Path(path)
    temporary = begun(path)
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
        raise InputError(f"{path} can not be written: {reason}; make room or fix its folder") from error
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


def file_stamp(path: str | os.PathLike) -> list[int]:
    """What tells a file from another put in its place, also from one of the same size and time of change.

    Nobody can set the time at which an inode was changed, and `mv` brings another inode.
    """
    stat = os.stat(path)
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
