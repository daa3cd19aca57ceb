"""How the rows of a shard are computed, kept and written, from where an earlier attempt left off."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..models.outputs import row_count
from ..models.readouts import Key
from .pieces import Groups, regroup, resumed

logger = logging.getLogger(__name__)

Outputs = dict[Key, torch.Tensor]
"""What a model, or a function of it, gives for some rows: by its key, (rows, ...)."""

ROW_GROUP_NUMBERS = 2**22
"""About how many numbers the rows of a group have, which are held until they are written."""

FEWEST_NUMBERS = 2**14
"""At least so many are of each target, or the file of a wide readout would be little more than row groups' headers."""

Kept = dict[str, torch.Tensor]
"""What is kept of it."""


def run_rows(
    which: np.ndarray,
    each: int,
    computed: Callable[[int], Iterator[Outputs]],
    keep: Callable[[Outputs, int], Kept],
    write: Callable[[Kept, int], None],
    group: int,
    pieces: Path,
    model: str,
) -> dict[str, Any]:
    """Compute rows, each different one once, and write them.

    Args:
        which: as for `spread`.
        each: marginals that a row takes.
        computed: gives the outputs of different rows from one on, a few at a time.
        keep: what is kept of outputs, and the first of the different rows that they are of.
        write: writes what was kept of a group of rows, and the first of these.
        group: rows in a group.
        pieces: a folder for what is computed while there is more.
        model: its name.

    Returns:
        How it went, as `Clock.record`.

    Raises:
        StoppedError: the process was told to stop; the next attempt goes on from the pieces.
    """
    clock = Clock()
    with (
        logging_redirect_tqdm(),
        tqdm(
            total=(int(which.max(initial=-1)) + 1) * each, unit="marginal", file=sys.stderr, mininterval=10, ncols=100
        ) as bar,
    ):

        def kept_from(done: int) -> Iterator[Kept]:
            bar.update(done * each)
            for outputs in clock.timed(computed(done)):
                yield keep(outputs, done)
                done += row_count(outputs)
                bar.update(row_count(outputs) * each)

        done = 0
        for kept in regroup(spread(resumed(pieces, kept_from), which, pieces), group):
            write(kept, done)
            done += row_count(kept)
    return clock.record(model, each)


def rows_together(numbers: int, n_targets: int) -> int:
    """How many rows make a group, of which a row group of each target is written.

    Args:
        numbers: of a row on one target.
        n_targets: of all readouts.
    """
    return max(1, ROW_GROUP_NUMBERS // (numbers * n_targets), FEWEST_NUMBERS // numbers)


def spread(groups: Groups, which: np.ndarray, folder: Path) -> Groups:
    """All rows, from the different ones among them.

    What later rows need again is kept on disk, so memory does not grow with the rows.

    Args:
        groups: of the different rows, in the order in which they first appear.
        which: int64 (rows,), which of the different ones each row is.
        folder: for scratch files, which are gone in the end; it may not exist yet.
    """
    n = int(which.max(initial=-1)) + 1
    if n == len(which):
        yield from groups
        return
    needs, last, places = np.maximum.accumulate(which), *np.zeros((2, n), dtype=np.int64)
    np.maximum.at(last, which, np.arange(len(which)))
    done = row = most = 0
    scratch: dict[str, Scratch] = {}
    with ExitStack() as stack:
        for group in groups:
            size = row_count(group)
            most = max(most, size)
            end = int(np.searchsorted(needs, done + size))
            again = np.flatnonzero(last[done : done + size] >= end)
            for key, rows in group.items():
                if key not in scratch:
                    scratch[key] = stack.enter_context(Scratch(folder))
                places[done + again] = scratch[key].add(rows[again])
            while row < end:
                own = which[row : min(end, row + most)]
                here = own >= done
                block = {}
                for key, rows in group.items():
                    block[key] = rows.new_empty((len(own), *rows.shape[1:]))
                    block[key][here] = rows[own[here] - done]
                    if not here.all():
                        block[key][~here] = scratch[key].rows(places[own[~here]], rows)
                yield block
                row += len(own)
            done += size


class Scratch:
    """Rows of one tensor in a file without a name, each of which is read as often as wanted.

    Args:
        folder: on whose disk it is; it is made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file, self.n = tempfile.TemporaryFile(dir=folder), 0  # noqa: SIM115, it is closed on exit

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def add(self, rows: torch.Tensor) -> np.ndarray:
        """Write rows; their places, int64 (rows,)."""
        self.file.write(rows.flatten(1).contiguous().view(torch.uint8).numpy().tobytes())
        self.n += len(rows)
        return np.arange(self.n - len(rows), self.n)

    def rows(self, places: np.ndarray, like: torch.Tensor) -> torch.Tensor:
        """The rows at some places, of the type and shape of others."""
        self.file.flush()
        whole = np.memmap(self.file, np.uint8, "r", shape=(self.n, like[0].nbytes))
        return torch.from_numpy(whole[places]).view(like.dtype).view(-1, *like.shape[1:])


class Clock:
    """How long an attempt takes, and how much of it an iterator takes to give what it gives, and how many rows."""

    def __init__(self) -> None:
        self.begin, self.seconds, self.rows = time.monotonic(), 0.0, 0

    def timed(self, stream: Iterator[Outputs]) -> Iterator[Outputs]:
        while True:
            begin = time.monotonic()
            y = next(stream, None)
            self.seconds += time.monotonic() - begin
            if y is None:
                return
            self.rows += row_count(y)
            yield y

    def record(self, model: str, each: int) -> dict[str, Any]:
        """How it went, for the job's record.

        Returns:
            The `marginals` that this attempt computed, the `model_seconds` that their outputs took,
            `marginals_per_second` of that time (None when earlier attempts had computed all), and the `seconds` of
            the whole attempt.
        """
        seconds, marginals = time.monotonic() - self.begin, self.rows * each
        rate = marginals / self.seconds if marginals else None
        logger.info(
            "%d marginals by %s: %.1f s in the model, %.0f marginals per second; %.1f s in all",
            *(marginals, model, self.seconds, rate or 0, seconds),
        )
        return {"marginals": marginals, "model_seconds": self.seconds, "marginals_per_second": rate, "seconds": seconds}
