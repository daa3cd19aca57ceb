"""The bytes of a file from any place on, whether it is plain or compressed by bgzip.

bgzip's blocks are found by their own headers, so its index (.gzi) is not needed, and can not be another file's.
"""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_right
from functools import lru_cache
from pathlib import Path

from .errors import InputError

# The fixed part of a block's header: gzip's with one extra field, which holds the block's size less 1.
_HEADER = struct.Struct("<4s6xHBBHH")
_GZIP = b"\x1f\x8b\x08\x04"
_EXTRA = (6, ord("B"), ord("C"), 2)


class PlainFile:
    """A file as it is.

    Attributes:
        size: in bytes.
    """

    def __init__(self, path: str | Path):
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115
        self.size = os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        self._file.close()

    def read(self, start: int, n: int) -> bytes:
        """n bytes from `start` on, or fewer where the file ends."""
        return os.pread(self._file.fileno(), n, start)


class BgzipFile:
    """The content of a file compressed by bgzip.

    Attributes:
        size: of the content, in bytes.

    Raises:
        InputError: from this and each method: the file is cut short or damaged.
    """

    def __init__(self, path: str | Path):
        self._path = path
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115
        self._begins: list[int] = [0]  # of each block in the file, and of its end
        self._firsts: list[int] = [0]  # of each block's first byte in the content
        self._find_blocks()
        self.size = self._firsts[-1]
        self._block = lru_cache(maxsize=16)(self._unpack)

    def close(self) -> None:
        self._file.close()

    def read(self, start: int, n: int) -> bytes:
        """n bytes from `start` on, or fewer where the content ends."""
        parts = []
        block = bisect_right(self._firsts, start) - 1
        while n > 0 and block < len(self._begins) - 1:
            parts.append(self._block(block)[start - self._firsts[block] :][:n])
            n -= len(parts[-1])
            block += 1
            start = self._firsts[block]
        return b"".join(parts)

    def _find_blocks(self) -> None:
        whole = os.fstat(self._file.fileno()).st_size
        n = 0
        header = os.pread(self._file.fileno(), _HEADER.size, 0)
        while self._begins[-1] < whole:
            size = block_size(header)
            if size is None:
                raise self._damaged()
            end = self._begins[-1] + size
            # A block ends in the number of bytes that it unpacks to; the next header follows.
            tail = os.pread(self._file.fileno(), 4 + _HEADER.size, end - 4)
            if len(tail) < 4:
                raise self._damaged()
            n, header = int.from_bytes(tail[:4], "little"), tail[4:]
            self._begins.append(end)
            self._firsts.append(self._firsts[-1] + n)
        if n:  # the last block of a whole file is empty
            raise self._damaged()

    def _unpack(self, block: int) -> bytes:
        begin, end = self._begins[block : block + 2]
        try:
            return zlib.decompress(os.pread(self._file.fileno(), end - begin, begin), wbits=31)
        except zlib.error as error:
            raise self._damaged() from error

    def _damaged(self) -> InputError:
        return InputError(f"{self._path} is cut short or damaged; copy or download it again")


def block_size(header: bytes) -> int | None:
    """The bytes of the block of bgzip that begins with `header`; None for other data."""
    if len(header) < _HEADER.size:
        return None
    magic, *extra, size = _HEADER.unpack(header[: _HEADER.size])
    return size + 1 if magic == _GZIP and tuple(extra) == _EXTRA else None


def open_bytes(path: str | Path) -> PlainFile | BgzipFile:
    """Open a file, which by its first bytes is compressed by bgzip or not."""
    with open(path, "rb") as file:
        header = file.read(_HEADER.size)
    return PlainFile(path) if block_size(header) is None else BgzipFile(path)
