"""How the rows of a shard are computed, kept and written, from where an earlier attempt left off."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..models.outputs import row_count
from ..models.readouts import Key
from .pieces import regroup, resumed

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
    n: int,
    each: int,
    computed: Callable[[int], Iterator[Outputs]],
    keep: Callable[[Outputs, int], Kept],
    write: Callable[[Kept, int], None],
    group: int,
    pieces: Path,
    model: str,
) -> dict[str, Any]:
    """Compute n rows and write them.

    Args:
        n: how many rows there are.
        each: marginals that a row takes.
        computed: gives the outputs of rows from one on, a few at a time.
        keep: what is kept of outputs, and the first row that they are of.
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
        tqdm(total=n * each, unit="marginal", file=sys.stderr, mininterval=10, ncols=100) as bar,
    ):

        def kept_from(done: int) -> Iterator[Kept]:
            bar.update(done * each)
            for outputs in clock.timed(computed(done)):
                yield keep(outputs, done)
                done += row_count(outputs)
                bar.update(row_count(outputs) * each)

        done = 0
        for kept in regroup(resumed(pieces, kept_from), group):
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
