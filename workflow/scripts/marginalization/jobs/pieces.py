"""Pieces: what an unfinished shard has computed, so that the next attempt goes on from there.

While a shard streams, what it gives is written every minute to a file of its own. A job that is killed leaves those;
one that is told to stop (SIGTERM, which SLURM sends before it kills) writes what it has first. The next attempt reads
them and computes the rest. They end where groups of the stream end, so the numbers are the same either way.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..config.dependencies import code_digest
from ..models.outputs import row_count
from ..store.files import whole_file
from ..store.paths import piece, pieces

logger = logging.getLogger(__name__)

SECONDS = 60.0
"""How often a piece is written."""

Groups = Iterator[dict[str, torch.Tensor]]
"""Tensors by name, a row for each placement."""


class StoppedError(Exception):
    """The job was told to stop; what it has is kept."""


def resumed(folder: Path, compute: Callable[[int], Groups]) -> Groups:
    """The groups of a stream of placements, those first that earlier attempts have left in a folder.

    Args:
        folder: for the pieces; it may not exist yet.
        compute: gives the groups from a placement on.

    Raises:
        StoppedError: the process received SIGTERM; all groups so far are in the folder.
    """
    done = 0
    for first, path in pieces(folder):
        try:
            with safe_open(path, "pt") as file:
                code = file.metadata()["code"]
                kept = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, it is no dict
        except (SafetensorError, OSError) as error:
            logger.warning("%s can not be read, so what follows it is computed again: %s", path, error)
            break
        if code != code_digest():
            logger.warning("%s was computed by other code than this, so it is computed again", path)
            break
        if first != done:
            break
        done += row_count(kept)
        yield kept
    if done:
        logger.info("going on after the first %d placements, which an earlier attempt computed", done)

    held: list[dict[str, torch.Tensor]] = []
    first, last_written = done, time.monotonic()
    with _told_to_stop() as told:
        for group in compute(done):
            held.append(group)
            done += row_count(group)
            if told.is_set() or time.monotonic() - last_written > SECONDS:
                _write(piece(folder, first), held)
                held, first, last_written = [], done, time.monotonic()
            if told.is_set():
                raise StoppedError(f"told to stop after {done} placements, from which the next attempt goes on")
            yield group


def regroup(stream: Groups, size: int) -> Groups:
    """The same rows in row groups of exactly `size`, except the last."""
    parts: list[dict[str, torch.Tensor]] = []
    held = 0
    for y in stream:
        parts.append(y)
        held += row_count(y)
        if held >= size:
            whole = {key: torch.cat([part[key] for part in parts]) for key in y}
            for first in range(0, held - held % size, size):
                yield {key: value[first : first + size] for key, value in whole.items()}
            parts = [{key: value[held - held % size :] for key, value in whole.items()}]
            held %= size
    if held:
        yield {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def discard(folder: Path) -> None:
    """Remove the pieces of a shard that is finished."""
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, in place of ending the process."""
    told = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # where Python has no signals
        yield told
        return
    before = signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


def _write(path: Path, groups: list[dict[str, torch.Tensor]]) -> None:
    with whole_file(path) as temporary:
        tensors = {key: torch.cat([group[key] for group in groups]).contiguous() for key in groups[0]}
        save_file(tensors, temporary, {"code": code_digest()})
