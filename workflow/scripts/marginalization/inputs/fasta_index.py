"""A genome as pyfaidx reads it, by an index (.fai) that fits the file, or by one that is made.

pyfaidx trusts an index by its time, takes a file for bgzip's by its name, refuses blank lines, and fails to begin at
a full block of bgzip. So it is handed an open file that has none of this, and an index only where it fits: one of
another assembly, or of an earlier file, is never read by.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import struct
import tempfile
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pyfaidx
from Bio import bgzf
from fsspec.core import OpenFile

from ..errors import InputError
from ..store.files import whole_file

LONGEST_TITLE = 2**20
"""A record's name with its description and blank lines has fewer bytes."""

LONGEST_CHECKED = 2**12
"""Bytes of a line that are looked at to see whether it is one."""

_EVEN = "wrap its lines evenly, such as with `seqkit seq -w 60`"


def open_fasta(path: str | Path, *, bgzip: bool) -> pyfaidx.Faidx:
    """The FASTA file `path`, to fetch upper-case text from; an index that is made is left beside it if it can be.

    Raises:
        InputError: the file is no FASTA, is damaged, or has lines of different lengths.
    """
    opener = partial(_Bgzip, path, _blocks(path)) if bgzip else partial(_Plain, path)
    # to pyfaidx each index is newer than this file, and the quoted name is not that of a compressed one
    files = SimpleNamespace(open=lambda *_, **__: opener("rb"), stat=lambda _: {"mtime": 0.0})
    reader = partial(pyfaidx.Faidx, OpenFile(files, f"'{Path(path).name}'"), as_raw=True, sequence_always_upper=True)
    index = Path(f"{path}.fai")
    with contextlib.suppress(OSError, ValueError, ArithmeticError):  # there is none, or it is garbled
        faidx = reader(indexname=index, build_index=False)
        if _fits(faidx):
            return faidx
        faidx.close()
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder, "fai")
        try:
            faidx = reader(indexname=new)
        except (pyfaidx.FastaIndexingError, ValueError) as error:
            raise InputError(f"genome {path} can not be indexed: {_reason(error)}") from error
        if not _fits(faidx):
            faidx.close()
            raise InputError(
                f"genome {path} can not be indexed: lines of a record are not of one length, or end as on old Macs; "
                f"{_EVEN}, old Macs' after `tr '\\r' '\\n'`"
            )
        with contextlib.suppress(InputError), whole_file(index) as temporary:
            shutil.copyfile(new, temporary)
    return faidx


class _Lines:
    """Lines with the blank ones that follow, which pyfaidx refuses by themselves; the last has an end, too."""

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        for line in iter(self.readline, b""):  # type: ignore[attr-defined]  # of the reader beside it
            if held and line.strip(b"\r\n"):
                yield held
                held = b""
            held += line
        if held:
            yield held.removesuffix(b"\n") + b"\n"


class _Plain(_Lines, io.BufferedReader):
    def __init__(self, path: str | Path, mode: str):
        super().__init__(io.FileIO(path, mode))


class _Bgzip(_Lines, bgzf.BgzfReader):
    """Biopython's reader, but places are those in the content."""

    def __init__(self, path: str | Path, blocks: list[tuple[int, int]], mode: str):
        super().__init__(path, mode)
        self._firsts, self._begins = zip(*blocks, strict=True)

    def seek(self, place: int) -> None:
        place = min(place, self._firsts[-1])
        block = bisect_right(self._firsts, place) - 1
        super().seek(bgzf.make_virtual_offset(self._begins[block], place - self._firsts[block]))


def _blocks(path: str | Path) -> list[tuple[int, int]]:
    """Where each block of a file compressed by bgzip begins in the content, and in the file."""
    try:
        with open(path, "rb") as file:
            *blocks, last = bgzf.BgzfBlocks(file)
        if last[3] == 0:  # a whole file ends in an empty block
            return [(first, begin) for begin, _, first, _ in (*blocks, last)]
        cause = None
    except (ValueError, RuntimeError, struct.error, zlib.error) as error:
        cause = error
    raise InputError(f"{path} is cut short or damaged; copy or download it again") from cause


def _reason(error: Exception) -> str:
    """What pyfaidx found, less the number of the line, since it does not see blank ones."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not text in UTF-8 (it has the byte 0x{error.object[error.start]:02x}); give a FASTA file"
    found = re.split(r" at line|\. Check", str(error))[0]
    uneven = "not consistent" in found
    return f"{found}; {_EVEN if uneven else 'give a FASTA file with a name of its own for each record'}"


def _fits(faidx: pyfaidx.Faidx) -> bool:
    """Whether each sequence begins after the line of its name, has lines as said, and nothing else is in the file."""

    def read(begin: int, n: int) -> bytes:
        faidx.file.seek(begin)
        return faidx.file.read(n)

    end = 0
    for name, record in sorted(faidx.index.items(), key=lambda item: item[1].offset):
        length, offset, bases, size = record[:4]
        if not 0 < offset - end < LONGEST_TITLE or length < 0 or (length and not 0 < bases <= size):
            return False
        title = re.fullmatch(rb"(?:;[^\n]*\n|[\r\n])*>([^\r\n]*)(\r?\n[\r\n]*)?", read(end, offset - end))
        if not title or title[1].decode(errors="replace").split()[:1] != [name] or (length and not title[2]):
            return False
        end, last = offset, (length - 1) // bases if length else -1
        for line in sorted({0, 1, last // 2, last}):
            if not 0 <= line <= last:
                continue
            # with the last base of the line before, and that line's end
            before = size - bases + 1 if line else 0
            n = before + min(bases, length - line * bases, LONGEST_CHECKED)
            text = read(offset + line * size - before, n)
            pattern = rb"[^\r\n][\r\n]{%d}[^\r\n]+" % (before - 1) if line else rb"[^\r\n]+"
            if len(text) < n or not re.fullmatch(pattern, text):
                return False
        if length:
            end = offset + last * size + length - last * bases
    rest = read(end, LONGEST_TITLE)
    return bool(faidx.index) and len(rest) < LONGEST_TITLE and not rest.strip(b"\r\n")
