"""Tables of a lab: what each track of a model's output is, what it takes beside each background, and what was measured.

The tables of targets that Basenji, Enformer and Borzoi come with have the columns index, genome, identifier, file,
clip, scale, sum_stat, strand_pair and description, or some of these.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .text import fits, table_rows

INDEX, STRAND_PAIR = "index", "strand_pair"
"""The columns with a track's number, and with that of its other strand."""

LISTED = 5
"""How many values a message lists."""


class Targets(NamedTuple):
    """Some tracks of an output.

    Fields:
        numbers: of the tracks, from 0, in the order of the table.
        names: of the tracks.
        reverse: for each that which a reverse complement has in its place; itself without strands.
        total: how many tracks the output has, where the table names them all.
    """

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    reverse: tuple[int, ...]
    total: int | None


def read_targets(path: str | Path, name: str, where: Mapping[str, str | int]) -> Targets:
    """Read a table of targets, and choose some by the values of columns.

    Args:
        path: the table, with a header, columns separated by tabs. A track's number is in the column `index`, or in a
            first column without a name, or is that of its row.
        name: the column with the names.
        where: a value for each of some columns, which all must have; `*` stands for any letters.

    Raises:
        InputError: no such column, a number that is none or is there twice, no row of these values, or a name that two
            of the rows have.
    """
    rows = table_rows(path, [], "targets")
    for _, row in rows:
        if "" in row:
            row.setdefault(INDEX, row.pop(""))
    header = list(rows[0][1])
    _check_columns(path, (name, *where), header)
    numbers = list(range(len(rows)))
    if INDEX in header:
        numbers = [_number(row, INDEX, f"{path}, line {line}") for line, row in rows]
        if len(set(numbers)) < len(numbers):
            twice = next(i for i, number in enumerate(numbers) if number in numbers[:i])
            raise InputError(f"{path}, line {rows[twice][0]}: the index {numbers[twice]} is there twice; give it once")
    chosen = [i for i, (_, row) in enumerate(rows) if all(_is(row, *value) for value in where.items())]
    if not chosen:
        column = next(iter(where))
        there = list(dict.fromkeys(row.get(column, "") for _, row in rows))
        raise InputError(
            f"{path} has no row with {' and '.join(f'{key} {value}' for key, value in where.items())}; {column} is "
            f"{', '.join(there[:LISTED])}{' ...' if len(there) > LISTED else ''}"
        )
    paired = STRAND_PAIR in header
    return Targets(
        numbers=tuple(numbers[i] for i in chosen),
        names=_names(path, name, [rows[i] for i in chosen]),
        reverse=tuple(
            _number(rows[i][1], STRAND_PAIR, f"{path}, line {rows[i][0]}") if paired else numbers[i] for i in chosen
        ),
        total=len(rows) if sorted(numbers) == list(range(len(rows))) else None,
    )


def read_numbers(path: str | Path, columns: Sequence[str] | None, names: Sequence[str] | None) -> np.ndarray:
    """Read what a model takes beside each background from a table with the backgrounds' names.

    Args:
        path: the table, with a header, columns separated by tabs, and the backgrounds' names in the column `name`.
        columns: those to take; None takes all others.
        names: of the backgrounds. A shuffled copy, "chr1:5-9(+)/0", has the row of its name or of "chr1:5-9(+)". None
            takes all rows, in their order.

    Returns:
        float32 (backgrounds, columns).

    Raises:
        InputError: no such column, a name that is there twice, a value that is no number, or no row for a background.
    """
    rows = table_rows(path, ["name"], "rows of backgrounds")
    header = list(rows[0][1])
    _check_columns(path, columns or (), header)
    columns = columns or [column for column in header if column != "name"]
    found: dict[str, list[float]] = {}
    for line, row in rows:
        name = row.get("name", "")
        if name in found:
            raise InputError(f"{path}, line {line}: background {name} is there twice; give it once")
        found[name] = [_float(row, column, f"{path}, line {line}") for column in columns]
    if names is None:
        return np.array(list(found.values()), dtype=np.float32)
    own = [name if name in found else name.rpartition("/")[0] for name in names]
    missing = [name for name, of in zip(names, own, strict=True) if of not in found]
    if missing:
        raise InputError(
            f"{path} has no row for background {missing[0]}, and for {len(missing)} of {len(names)} in all; give one "
            f"for each, with the names of backgrounds.parquet"
        )
    return np.array([found[of] for of in own], dtype=np.float32)


def read_measured(path: str | Path, column: str) -> tuple[str, dict[str, float]]:
    """Read what a lab measured of motifs, annotations or sequences.

    Args:
        path: the table, with a header, columns separated by tabs, and what was measured in the column `name` or
            `sequence`.
        column: with the measurements; rows where it is empty are left out.

    Returns:
        Which of the two columns there is, and by its values the mean of their measurements; sequences upper-case.

    Raises:
        InputError: no such column, a measurement that is no number, or none at all.
    """
    rows = table_rows(path, [], "measurements")
    header = list(rows[0][1])
    key = next((name for name in ("name", "sequence") if name in header), "name")
    _check_columns(path, (key, column), header)
    found: dict[str, list[float]] = {}
    for line, row in rows:
        if row.get(column, ""):
            of = row.get(key, "")
            found.setdefault(of.upper() if key == "sequence" else of, []).append(
                _float(row, column, f"{path}, line {line}")
            )
    if not found:
        raise InputError(f"{path} has no measurement in the column {column}")
    return key, {of: sum(values) / len(values) for of, values in found.items()}


def _check_columns(path: str | Path, columns: Sequence[str], header: list[str]) -> None:
    for column in columns:
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(header)}"
            raise InputError(f"{path} has no column {column}; {hint}")


def _float(row: dict[str, str], column: str, where: str) -> float:
    text = row.get(column, "")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: {column} {text!r} is no number; write one, with a decimal point")
    return number


def _is(row: dict[str, str], column: str, value: str | int) -> bool:
    return fits(row.get(column, ""), str(value))


def _number(row: dict[str, str], column: str, where: str) -> int:
    text = row.get(column, "")
    if not (text.isascii() and text.isdecimal()):
        raise InputError(f"{where}: {column} {text!r} is no number of a track; write a whole number from 0")
    return int(text)


def _names(path: str | Path, column: str, rows: list[tuple[int, dict[str, str]]]) -> tuple[str, ...]:
    """The names of rows, each of which must have its own."""
    lines: dict[str, int] = {}
    for line, row in rows:
        name = row.get(column, "")
        if not name:
            raise InputError(f"{path}, line {line}: no {column}; give it one, or name another column as `name`")
        if name in lines:
            raise InputError(
                f"{path}: lines {lines[name]} and {line} are both of {column} {name}; name another column as `name`, "
                f"or choose one of them"
            )
        lines[name] = line
    return tuple(lines)
