"""Text files line by line, with the line numbers that error messages need."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from ..errors import InputError

GZIP = b"\x1f\x8b"

FOREIGN = {
    (b"\x1a\x41\x27\x43", b"\x43\x27\x41\x1a"): "a .2bit file; convert it with twoBitToFa",
    (b"\x87\x89\xf2\xeb", b"\xeb\xf2\x89\x87"): "a bigBed file; convert it with bigBedToBed",
    (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"): "a spreadsheet or an archive; save the table as text, separated by tabs",
    (b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"): "compressed by bzip2, xz or zstd; unpack it, or compress it by gzip",
    (b"\xff\xfe", b"\xfe\xff"): "UTF-16 text; save it as UTF-8",
    (b"version https://git-lfs",): "a pointer of git LFS in place of the file; run `git lfs pull`",
    (b"<!doctype", b"<html", b"<?xml"): "a web page or XML, such as the answer to a failed download",
}
"""What files are that people give for tables and genomes, and what to do, by their first bytes in either case."""


def first_bytes(path: str | Path) -> bytes:
    """The first bytes of a file, enough to tell what it is; an InputError when it can not be read."""
    try:
        with open(path, "rb") as file:
            return file.read(32)
    except OSError as error:
        raise _unreadable(path, error) from error


def refuse_foreign(path: str | Path, first: bytes) -> None:
    """Raise an InputError when a file is, by its first bytes, of a kind that is no text and has a way to be made so."""
    for beginnings, what in FOREIGN.items():
        if first.startswith(beginnings) or first.lower().startswith(beginnings):
            raise InputError(f"{path} is {what}")


def is_gzipped(first: bytes) -> bool:
    """Whether the first bytes of a file are those of gzip, or of bgzip, which is gzip in blocks."""
    return first.startswith(GZIP)


def numbered_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file, gzipped or not, with their numbers from 1.

    Line ends (Unix, Windows, old Mac) and a byte order mark, as spreadsheets write one, are taken off.

    Raises:
        InputError: the file is missing, is no file, is damaged, or is not text.
    """
    first = first_bytes(path)
    refuse_foreign(path, first)
    opener = gzip.open if is_gzipped(first) else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if "\0" in line:
                    raise InputError(f"{path} is not a text file; give the text form of the table")
                yield number, line.rstrip("\n")
    except (OSError, EOFError, zlib.error) as error:  # EOFError: a truncated gzip
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(
            f"{path} is not a text file, or not in UTF-8 (it has the byte 0x{byte:02x}); give the text form of the "
            "table, saved as UTF-8"
        ) from error


def table_rows(path: str | Path, columns: Sequence[str], what: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table with a header, columns separated by tabs, as columns by name; blank lines are skipped.

    Args:
        path: the table, gzipped or not.
        columns: those that it needs, in any place among others.
        what: its rows are, for messages.

    Returns:
        Of each row the line number from 1, and its columns; those that a short row lacks are empty.

    Raises:
        InputError: no rows, a column that is missing or named twice, or a row with more columns than the header.
    """
    rows = [(number, _fields(line)) for number, line in numbered_lines(path)]
    rows = [(number, fields) for number, fields in rows if any(fields)]
    needed = f"column{'s' if len(columns) > 1 else ''} {' and '.join(columns)}"
    if len(rows) < 2:
        wanted = f"a header with the {needed}" if columns else "a header"
        raise InputError(f"{path} has no {what}; give {wanted}, and rows")
    number, header = rows[0]
    if not set(columns) <= set(header):
        raise InputError(
            f"{path}, line {number}: the header has {', '.join(header)}; it needs the {needed}, separated by tabs"
        )
    if len(set(header)) < len(header):
        raise InputError(f"{path}, line {number}: the header names a column twice; give each its own name")
    for number, fields in rows[1:]:
        if any(fields[len(header) :]):
            raise InputError(
                f"{path}, line {number}: {len(fields)} columns where the header has {len(header)}; name every column, "
                "row names too"
            )
    return [(number, dict(zip_longest(header, fields[: len(header)], fillvalue=""))) for number, fields in rows[1:]]


def _fields(line: str) -> list[str]:
    """The columns of a line of a table, without the quotation marks that R and spreadsheets put around them."""
    fields = [field.strip() for field in line.split("\t")]
    return [field[1:-1].replace('""', '"') if re.fullmatch('".*"', field) else field for field in fields]


def fits(text: str, pattern: str) -> bool:
    """Whether a text is what a pattern of the config says, where `*` stands for any letters and all else for itself."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _unreadable(path: str | Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"{path} cannot be read: {reason}; check the path and the file")


def fasta_records(path: str | Path) -> Iterator[tuple[int, str, str]]:
    """The records of a FASTA file: line number of the title, the title, the upper-case sequence.

    An own reader, because Biopython does not tell on which line a record begins.

    Raises:
        InputError: no records, text before the first title, a record without a title or without a sequence.
    """
    records: list[tuple[int, str, list[str]]] = []
    for number, line in numbered_lines(path):
        if line.startswith(">"):
            records.append((number, line[1:].strip(), []))
        elif line.strip():
            if not records:
                raise InputError(f"{path}, line {number}: text before the first '>'; give a FASTA file")
            records[-1][2].append(line.strip())
    if not records:
        raise InputError(f"{path} is empty; give at least one FASTA record")
    for number, title, parts in records:
        if not title:
            raise InputError(f"{path}, line {number}: the record has no name; write one after the '>'")
        if not parts:
            raise InputError(f"{path}, line {number}: record '{title}' has no sequence; add it or remove the record")
        yield number, title, "".join(parts).upper()
