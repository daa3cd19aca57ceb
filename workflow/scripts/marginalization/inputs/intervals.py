"""Genomic intervals from BED files, narrowPeak files and Fi-NeMo's tables of hits."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from sys import intern
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from ..errors import InputError
from .text import numbered_lines

Format = Literal["bed", "narrowpeak", "finemo"]
NO_SUMMIT = -1
SKIPPED = ("#", "track ", "track\t", "browser ", "browser\t")

_TEN_COLUMNS = "ten columns"
"""The format of a file that is taken for narrowPeak's because it has ten columns, and summits are asked of it."""
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?|[-+]?inf|nan", re.IGNORECASE)


class _Layout(NamedTuple):
    """In which column, from 0, a format keeps what is read; None where it does not.

    Also whether column 10 holds summits, and whether 7 to 9 must then be numbers, as those of narrowPeak are.
    """

    chrom: int = 0
    start: int = 1
    end: int = 2
    name: int | None = None
    strand: int | None = None
    summits: bool = False
    numbers: bool = False


def read_intervals(path: str | Path, format: str | None = None, summits: bool = False) -> pd.DataFrame:
    """Read intervals, in file order; blank lines and '#', 'track' and 'browser' lines are skipped.

    Args:
        path: the file, gzipped or not.
        format: "bed" (3 columns or more; blocks are ignored), "narrowpeak" (10 columns) or "finemo" (Fi-NeMo's
            hits, with a header). None goes by the file: a header makes it "finemo", the suffix .narrowPeak
            "narrowpeak", else it is "bed", except for ten columns of which summits are asked.
        summits: whether summits are asked of the file. Ten columns are those of a narrowPeak file or of any other BED
            file, which look alike where the tenth holds small numbers; so without them none is read from the tenth.

    Returns:
        Columns chrom; start, end (int64; 0-based, half-open); name ("" for none); strand ("+" or "-"; "." and a
        missing column are read as "+"); summit (int64, a position on the chromosome; -1 for none); line (int64,
        1-based). At least one row.

    Raises:
        InputError: no intervals, or the first row that is malformed.
    """
    if format not in (None, *get_args(Format)):
        raise InputError(f"the format '{format}' of {path} is not known; use one of {', '.join(get_args(Format))}")
    chroms, names, strands = [], [], []
    starts, ends, peaks, lines = array("q"), array("q"), array("q"), array("q")
    for chrom, start, end, name, strand, summit, line in _rows(Path(path), format, summits):
        # intern: a few names and strands fill a million rows
        chroms.append(intern(chrom))
        starts.append(start)
        ends.append(end)
        names.append(name)
        strands.append(strand)
        peaks.append(summit)
        lines.append(line)
    if not lines:
        raise InputError(f"{path} has no intervals; give at least one row")
    return pd.DataFrame(
        {
            "chrom": pd.Series(chroms, dtype="str"),
            "start": np.array(starts),
            "end": np.array(ends),
            "name": pd.Series(names, dtype="str"),
            "strand": pd.Series(strands, dtype="str"),
            "summit": np.array(peaks),
            "line": np.array(lines),
        }
    )


def _rows(path: Path, format: str | None, summits: bool) -> Iterator[tuple[str, int, int, str, str, int, int]]:
    """The columns of each interval, as `read_intervals` gives them."""
    layout, width = None, 0
    for number, line in numbered_lines(path):
        if not line.strip() or line.startswith(SKIPPED):
            continue
        fields = line.split("\t")
        where = f"{path}, line {number}"
        if layout is None:
            format = format or _guess_format(path, fields, summits)
            layout, width = _layout(format, fields, where), len(fields)
            if format == "finemo":
                continue
        if len(fields) != width:
            raise InputError(
                f"{where}: {len(fields)} columns where the first row has {width}; separate columns by one tab and "
                "give every row as many"
            )
        start = _whole(fields[layout.start], "start", where)
        end = _whole(fields[layout.end], "end", where)
        if end <= start:
            raise InputError(f"{where}: end {end} is not after start {start}; intervals are 0-based and half-open")
        name = "" if layout.name is None or fields[layout.name] == "." else fields[layout.name]
        strand = "+" if layout.strand is None else _strand(fields[layout.strand], where)
        summit = _summit(fields, layout, start, end, where) if layout.summits else NO_SUMMIT
        yield fields[layout.chrom], start, end, name, strand, summit, number


def places(path: str | Path, intervals: pd.DataFrame) -> pd.Series:
    """Where each of `intervals` is written, for messages: "peaks.bed, line 3"."""
    return f"{path}, line " + intervals["line"].astype("str")


def locations(intervals: pd.DataFrame) -> pd.Series:
    """The names of intervals (columns chrom, start, end, strand) by their place: "chr1:100-120(+)"."""
    start, end = intervals["start"].astype("str"), intervals["end"].astype("str")
    return intervals["chrom"] + ":" + start + "-" + end + "(" + intervals["strand"] + ")"


def centred(intervals: pd.DataFrame, length: int, summits: bool = False) -> pd.DataFrame:
    """The intervals replaced by regions of `length` bases around their midpoints, or their summits."""
    middles = intervals["summit"] if summits else (intervals["start"] + intervals["end"]) // 2
    starts = middles - length // 2
    return intervals.assign(start=starts, end=starts + length)


def read_numbers(path: str | Path, columns: Mapping[str, int], lines: Collection[int]) -> pd.DataFrame:
    """Numbers beside the intervals of a file.

    Args:
        path: the file, one that `read_intervals` can read.
        columns: which columns to read, counted from 1, by the names that they get.
        lines: the intervals' `line`.

    Returns:
        float64 columns by their names, indexed by line; NaN for "." and an empty field.

    Raises:
        InputError: a column that the file does not have, or the first field that is no number.
    """
    rows: dict[int, list[float]] = {}
    for number, line in numbered_lines(Path(path)):
        if number in lines:
            fields = line.split("\t")
            rows[number] = [_number(fields, name, column, f"{path}, line {number}") for name, column in columns.items()]
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns), dtype=np.float64)


def require_summits(path: str | Path, intervals: pd.DataFrame, remedy: str) -> None:
    """Raise an InputError for the first of `intervals` that has no summit."""
    missing = (intervals["summit"] == NO_SUMMIT).to_numpy()
    if missing.any():
        raise InputError(
            f"{places(path, intervals).iloc[int(missing.argmax())]}: no summit (column 10 of a narrowPeak file, "
            f"where -1 means none); {remedy}"
        )


def overlaps(intervals: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Which of `intervals` share a base with any of `others` (columns chrom, start, end); bool (n,)."""
    hit = np.zeros(len(intervals), dtype=bool)
    others = others.sort_values("start")
    for chrom, rows in intervals.groupby("chrom", sort=False).indices.items():
        here = others[others["chrom"] == chrom]
        starts = intervals["start"].to_numpy()[rows]
        ends = intervals["end"].to_numpy()[rows]
        # of those that begin before the end, the one that reaches furthest; 0 reaches no base
        reach = np.concatenate([[0], np.maximum.accumulate(here["end"].to_numpy())])
        hit[rows] = reach[np.searchsorted(here["start"].to_numpy(), ends)] > starts
    return hit


def _guess_format(path: Path, fields: list[str], summits: bool) -> str:
    if fields[:3] == ["chr", "start", "end"]:
        return "finemo"
    if path.name.lower().removesuffix(".gz").endswith(".narrowpeak"):
        return "narrowpeak"
    return _TEN_COLUMNS if summits and len(fields) == 10 else "bed"


def _layout(format: str, fields: list[str], where: str) -> _Layout:
    """The layout of a file of `format`, whose first row or header has `fields`."""
    if format == "finemo":
        try:
            names = ("chr", "start", "end", "motif_name", "strand")
            chrom, start, end, name, strand = (fields.index(name) for name in names)
            return _Layout(chrom, start, end, name, strand)
        except ValueError as error:
            raise InputError(
                f"{where}: the header of Fi-NeMo's hits lacks a column ({error}); it needs chr, start, end, "
                "motif_name and strand, separated by tabs"
            ) from error
    if format == _TEN_COLUMNS:
        return _Layout(name=3, strand=5, summits=True, numbers=True)
    if format == "narrowpeak":
        if len(fields) != 10:
            raise InputError(f"{where}: {len(fields)} columns; a narrowPeak file has 10, separated by tabs")
        return _Layout(name=3, strand=5, summits=True)
    if len(fields) < 3:
        raise InputError(
            f"{where}: {len(fields)} columns; give at least chrom, start and end, separated by tabs, not spaces"
        )
    return _Layout(name=3 if len(fields) > 3 else None, strand=5 if len(fields) > 5 else None)


def _whole(text: str, column: str, where: str) -> int:
    if not re.fullmatch("[0-9]{1,15}", text):
        raise InputError(
            f"{where}: {column} '{text}' is no position; write a whole number of 0 or more in digits alone, and "
            "put '#' before a header line"
        )
    return int(text)


def _number(fields: list[str], name: str, column: int, where: str) -> float:
    """A field, from column 1, that holds a number or nothing."""
    if column > len(fields):
        raise InputError(f"{where}: there is no column {column} for '{name}'; there are {len(fields)}")
    text = fields[column - 1].strip()
    if text in ("", "."):
        return float("nan")
    if not _NUMBER.fullmatch(text):
        raise InputError(f"{where}: '{text}' in column {column} ('{name}') is no number; write '.' for none")
    return float(text)


def _strand(text: str, where: str) -> str:
    if text not in ("+", "-", "."):
        raise InputError(f"{where}: strand '{text}' is not one of '+', '-' and '.'; fix column 'strand' (6 in BED)")
    return "-" if text == "-" else "+"


def _summit(fields: list[str], layout: _Layout, start: int, end: int, where: str) -> int:
    """The summit as a position, from its distance to the start in column 10 of a narrowPeak file."""
    for column in (7, 8, 9) if layout.numbers else ():
        if not _NUMBER.fullmatch(fields[column - 1]):
            raise InputError(
                f"{where}: '{fields[column - 1]}' in column {column} is no number, so this is no narrowPeak file with "
                "summits in column 10; give one, or name it .narrowPeak if it is"
            )
    text = fields[9]
    if text == "-1":
        return NO_SUMMIT
    if not re.fullmatch("[0-9]{1,15}", text) or int(text) >= end - start:
        raise InputError(
            f"{where}: summit '{text}' in column 10 is not within the interval of {end - start} bases; write its "
            "distance from start, or -1 for none"
        )
    return start + int(text)
