"""Reading Parquet files that this package wrote: whole, or an error that names the file.

Every page has a checksum, but their headers and the file's footer have none. So of what these say, what can be checked
is checked: the columns, and that each has as many rows as its row group.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import InputError


def read_table(
    path: str | os.PathLike,
    schema: pa.Schema,
    columns: list[str] | None = None,
    rows: tuple[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] | None = None,
) -> pd.DataFrame:
    """Read a table that this package wrote, or columns and rows of it, as `read_groups` does."""
    groups = [schema.empty_table().select(columns or schema.names), *read_groups(path, schema, columns, rows)]
    return pa.concat_tables(groups).to_pandas()


def read_groups(
    path: str | os.PathLike,
    schema: pa.Schema,
    columns: list[str] | None = None,
    rows: tuple[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] | None = None,
) -> Iterator[pa.Table]:
    """Read a table that this package wrote, or columns and rows of it, a row group at a time.

    Not by pandas or pyarrow.dataset: of a damaged file these can wait for ever, or end the process.

    Args:
        path: the file.
        schema: of its columns.
        columns: those to read; None reads all.
        rows: a column, and what gives booleans for its values, true for the rows to read.

    Raises:
        InputError: the file is damaged, or of other columns; the message says what to do.
    """
    with whole_table(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        if not file.schema_arrow.equals(schema):
            raise ValueError(f"its columns are {', '.join(file.schema_arrow.names)}, or of other types")
        for i in range(file.num_row_groups):
            if rows is None:
                yield _row_group(file, i, columns)
                continue
            column, test = rows
            wanted = test(_row_group(file, i, [column])[column])
            if pc.any(wanted).as_py():
                yield _row_group(file, i, columns).filter(wanted)


def _row_group(file: pq.ParquetFile, i: int, columns: list[str] | None) -> pa.Table:
    table = file.read_row_group(i, columns, use_threads=False)
    # Headers of pages have no checksum; with a damaged one, pyarrow can end a column early.
    if len(table) != file.metadata.row_group(i).num_rows:
        raise ValueError("a column ends early")
    return table


@contextlib.contextmanager
def whole_table(path: str | os.PathLike) -> Iterator[None]:
    """Turn the errors of reading a table that is cut short, garbled or gone into an InputError that names it."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} can not be read: {reason}; delete it and run snakemake again") from error
