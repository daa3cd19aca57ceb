"""Text files line by line, with the line numbers that error messages need."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from .errors import InputError


def numbered_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file, gzipped when its name ends in .gz, with their numbers from 1.

    Line ends (Unix, Windows, old Mac) and a byte order mark, as spreadsheets write one, are taken off.

    Raises:
        InputError: the file is missing, is no file, is not gzipped as its name says, or is not text.
    """
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.rstrip("\n")
    except (OSError, EOFError) as error:  # gzip.BadGzipFile is an OSError; EOFError: a truncated gzip
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} cannot be read: {reason}; check the path and the file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file; give the text form of the table") from error


def fasta_records(path: str | Path) -> Iterator[tuple[int, str, str]]:
    """The records of a FASTA file: line number of the title, the title, the upper-case sequence.

    An own reader, because neither Biopython nor pyfaidx tells on which line a record begins.

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
