"""Checksums of a screen's files: what was made is still what it was when it is read, or is said not to be.

Each job notes the SHA-256 of what it has written, in `checksums/` below the results, and the file's stamp, so that a
file that nobody has touched costs no more than a look at its inode.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import InputError
from .files import file_stamp, sha256, write_json
from .paths import Results

GRAIN = 20_000_000
"""Nanoseconds within which file systems may give two changes of a file the same time."""


def note(results: Results, paths: Iterable[str | os.PathLike]) -> None:
    """Note files, and those in folders, as they are; of paths that are not below the results, nothing."""
    for path, target in _notes(results, paths):
        digest = sha256(path)
        age = time.time_ns() - path.stat().st_ctime_ns
        time.sleep(min(GRAIN, max(0, GRAIN - age)) / 1e9)
        write_json({"sha256": digest, "stamp": file_stamp(path)}, target)


def forget(results: Results, paths: Iterable[str | os.PathLike]) -> None:
    """Forget what was noted of files that are about to be written."""
    for _, target in _notes(results, paths):
        target.unlink(missing_ok=True)


def check(results: Results, paths: Iterable[str | os.PathLike]) -> None:
    """Raise an InputError for the first of the paths that is not as it was noted; those not noted are let pass."""
    for path, target in _notes(results, paths):
        _check(path, target)


def check_all(results: Results) -> None:
    """The same for all that was noted of a screen; what is not there any more is for Snakemake to make again."""
    for path, target in results.noted():
        if path.exists():
            _check(path, target)


def _notes(results: Results, paths: Iterable[str | os.PathLike]) -> Iterator[tuple[Path, Path]]:
    """The files at the paths, and where they are noted."""
    for path in map(Path, paths):
        if path.is_relative_to(results.folder):
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                yield file, results.checksum(file)


def _check(path: Path, target: Path) -> None:
    try:
        noted = json.loads(target.read_text())
        stamp, digest = noted["stamp"], noted["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # none, or damaged itself: nothing is known
    now = file_stamp(path)
    if now == stamp:
        return
    if sha256(path) != digest:
        raise InputError(
            f"{path} is not what its job wrote: it was damaged or changed. Delete it and run snakemake again, which "
            f"makes it again; or to keep it as it is, delete {target}"
        )
    with contextlib.suppress(InputError):  # copied or touched; where that can not be noted it is read again next time
        write_json({"sha256": digest, "stamp": now}, target)
