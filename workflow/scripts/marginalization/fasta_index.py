"""Where the sequence of each record of a FASTA file lies: its index, read from the .fai beside it or made anew.

A .fai is taken only where it fits the file: the name's line of every record ends where its sequence is said to begin,
the last sequence ends where the file does, and lines are as long as said. So one of another assembly, or of an earlier
file, is never read by, whatever the times of the two. Own code, because pyfaidx goes by the times, reads a record
whose last line is longer than the others at wrong places, and fails where an interval begins with a block of bgzip.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .bgzip import BgzipFile, PlainFile
from .errors import InputError
from .tables import whole_file

PIECE = 2**22
"""Bytes that are read at a time where a file is read through."""

LONGEST_TITLE = 2**20
"""A record's name with its description and blank lines has fewer bytes."""

LONGEST_CHECKED = 2**12
"""Bytes of a line that are looked at to see whether it is one."""

_LINE_ENDS = b"\r\n"
_ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}


class Record(NamedTuple):
    """Where a sequence lies in its file, as in a line of a .fai.

    Fields:
        length: of the sequence, in bases.
        offset: the byte of its first base.
        bases: of each of its lines but for the last, which may have fewer.
        bytes: of each of these lines, the line's end included.
    """

    length: int
    offset: int
    bases: int
    bytes: int

    def place(self, base: int) -> int:
        """The byte of a base, from 0."""
        return self.offset + base // self.bases * self.bytes + base % self.bases

    @property
    def end(self) -> int:
        """The byte after the last base."""
        return self.place(self.length - 1) + 1 if self.length else self.offset


def fasta_index(path: str | Path, file: PlainFile | BgzipFile) -> dict[str, Record]:
    """The records of the FASTA file `path`, open as `file`, by name, the first word of its title.

    What is made anew is written beside the file where that can be written.

    Raises:
        InputError: there is text before the first title, no record, one without a name, two of the same name, or one
            whose lines are not of one length.
    """
    index = Path(f"{path}.fai")
    records = _read_fai(index)
    if not records or not fits(records, file):
        records = _read_through(path, file)
        with contextlib.suppress(InputError), whole_file(index) as temporary, open(temporary, "w", **_ENCODING) as fai:
            for name, record in records.items():
                print(name, *record, sep="\t", file=fai)
    return records


def fetch(file: PlainFile | BgzipFile, record: Record, start: int, end: int) -> bytes:
    """The bases from `start` to `end` (0-based, half-open, within the sequence) as they are written."""
    first = record.place(start)
    return file.read(first, record.place(end - 1) + 1 - first).translate(None, _LINE_ENDS)


def fits(records: dict[str, Record], file: PlainFile | BgzipFile) -> bool:
    """Whether records lie in a file as they say, and there is nothing else in it."""
    end = 0
    for name, record in sorted(records.items(), key=lambda item: item[1].offset):
        gap = record.offset - end
        if not 0 < gap < LONGEST_TITLE:
            return False
        title = file.read(end, gap).lstrip(_LINE_ENDS)
        whole = b"\n" not in title[:-1] and (title.endswith(b"\n") or not record.length)
        if not whole or _name(title) != name or not _lines_fit(record, file):
            return False
        end = record.end
    rest = file.size - end
    return 0 <= rest < LONGEST_TITLE and not file.read(end, rest).strip(_LINE_ENDS)


def _lines_fit(record: Record, file: PlainFile | BgzipFile) -> bool:
    """Whether some lines of a sequence, its first and its last among them, begin and end where the record says."""
    if not record.length:
        return True
    last = (record.length - 1) // record.bases
    for line in {0, last}:
        begin = record.place(line * record.bases)
        text = file.read(begin, min(record.bases, record.end - begin, LONGEST_CHECKED))
        if len(text.translate(None, _LINE_ENDS)) < len(text):
            return False
    for line in {0, last // 2, last - 1} if last else ():
        # its last base, its end, and the first base of the next
        around = file.read(record.place((line + 1) * record.bases - 1), record.bytes - record.bases + 2)
        if around.strip(_LINE_ENDS) != around or around[1:-1].strip(_LINE_ENDS) or len(around) < 3:
            return False
    return True


def _name(title: bytes) -> str | None:
    """The name in a title's line; None when it is no title or has none."""
    words = title[1:].split(maxsplit=1)
    return words[0].decode(**_ENCODING) if title.startswith(b">") and words else None


def _read_fai(path: Path) -> dict[str, Record] | None:
    """The records of a .fai, or None when it can not be read, or is no index."""
    records = {}
    try:
        with open(path, **_ENCODING) as lines:
            for line in lines:
                name, *numbers = line.rstrip("\n").split("\t")
                record = records[name] = Record(*map(int, numbers))
                if min(record) < 0 or (record.length and not 0 < record.bases <= record.bytes):
                    return None
    except (OSError, ValueError, TypeError):
        return None
    return records


class _Lines(NamedTuple):
    """Lines of a file: int64 and bool (lines,).

    Fields:
        first: the number of the first of them, from 1.
        begins: the byte where each begins.
        bytes: of each, its end included.
        bases: of each, its end left out.
        titles: whether each begins with '>'.
    """

    first: int
    begins: np.ndarray
    bytes: np.ndarray
    bases: np.ndarray
    titles: np.ndarray


def _lines(file: PlainFile | BgzipFile) -> Iterator[_Lines]:
    """All lines of a file, those of a piece at a time."""
    number, begin, title = 1, 0, False  # of the line that the piece before left unfinished
    before = b"\n"
    for place in range(0, file.size + 1, PIECE):
        piece = file.read(place, PIECE)
        if place + PIECE > file.size:
            piece += b"\n"  # for a last line that has no end; else one more blank line
        data = np.frombuffer(before + piece, np.uint8)
        before = piece[-1:]
        feeds = data == ord("\n")
        ends = np.flatnonzero(feeds[1:])  # in the piece; data is one byte ahead
        begins = np.concatenate([[begin], place + ends + 1])
        titles = np.zeros(len(begins), dtype=bool)
        titles[0] = title
        marks = np.flatnonzero((data[1:] == ord(">")) & feeds[:-1])
        titles[np.searchsorted(ends, marks)] = True
        sizes = np.diff(begins)
        yield _Lines(number, begins[:-1], sizes, sizes - 1 - (data[ends] == ord("\r")), titles[:-1])
        number, begin, title = number + len(ends), int(begins[-1]), bool(titles[-1])


class _Open:
    """A record whose lines are being read."""

    def __init__(self, path: str | Path, name: str, offset: int):
        self._path, self._name, self._offset = path, name, offset
        self._length = self._bases = self._bytes = 0
        self._odd: int | None = None  # the number of the first line that is not like those before it

    def add(self, first: int, bases: np.ndarray, bytes: np.ndarray) -> None:
        """Add lines, of which the first has that number in the file."""
        if not len(bases):
            return
        if not self._bytes:
            self._bases, self._bytes = int(bases[0]), int(bytes[0])
        shorter = 0
        if self._odd is None:
            odd = np.flatnonzero((bases != self._bases) | (bytes != self._bytes))
            shorter = int(odd[0]) if len(odd) else len(bases)
            if len(odd):
                self._odd = first + shorter
                if bases[shorter] > self._bases:
                    raise self._uneven()
                shorter += 1
        if bases[shorter:].any():
            raise self._uneven()
        self._length += int(bases.sum())

    def record(self) -> Record:
        return Record(self._length, self._offset, self._bases, self._bytes)

    def _uneven(self) -> InputError:
        return InputError(
            f"genome {self._path}, line {self._odd}: the lines of record '{self._name}' are not of one length, so no "
            "place in it can be found; wrap them evenly, such as with `seqkit seq -w 60`"
        )


def _read_through(path: str | Path, file: PlainFile | BgzipFile) -> dict[str, Record]:
    records: dict[str, Record] = {}
    open_record, name = None, ""
    for lines in _lines(file):
        cuts = np.flatnonzero(lines.titles).tolist()
        for begin, end in zip([-1, *cuts], [*cuts, len(lines.bytes)], strict=True):
            if begin >= 0:
                where = f"genome {path}, line {lines.first + begin}"
                place, size = int(lines.begins[begin]), int(lines.bytes[begin])
                name = _title_name(file.read(place, min(size, LONGEST_TITLE)), where)
                if name in records:
                    raise InputError(f"{where}: a second record '{name}'; give each its own name")
                open_record = _Open(path, name, min(place + size, file.size))
            sequence = slice(begin + 1, end)
            if open_record is None:
                if lines.bases[sequence].any():
                    line = lines.first + int(np.flatnonzero(lines.bases[sequence])[0])
                    raise InputError(f"genome {path}, line {line}: text before the first '>'; give a FASTA file")
                continue
            open_record.add(lines.first + begin + 1, lines.bases[sequence], lines.bytes[sequence])
            records[name] = open_record.record()
    if not records:
        raise InputError(f"genome {path} is empty; give a FASTA file with at least one record")
    return records


def _title_name(title: bytes, where: str) -> str:
    if b"\r" in title.rstrip(_LINE_ENDS):
        raise InputError(f"{where}: a line ends as on old Macs; convert the file, such as by `tr '\\r' '\\n'`")
    name = _name(title)
    if name is None:
        raise InputError(f"{where}: the record has no name; write one after the '>'")
    return name
