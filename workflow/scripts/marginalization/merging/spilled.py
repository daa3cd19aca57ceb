"""Effects of some placements in each background, in a scratch file, for tables that need those of several at once.

Elements are in all shards, and the files of shards are sorted by element before target, so what is compared with each
other lies far apart; in the scratch file it is an array.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..statistics.scales import Scale, effect
from .parts import Screened, aligned, of_target


@contextmanager
def spilled_effects(item: Screened, scale: Scale, needed: np.ndarray, folder: Path) -> Iterator[np.ndarray]:
    """The effects of the placements that are needed; only row groups that hold some of them are read.

    Args:
        item: a model's or a group's parts for a readout.
        scale: of the effects. Of a group of models the predictions are averaged, as in the summary.
        needed: bool (placements,); at least one.
        folder: for the scratch file, which is gone in the end.

    Yields:
        float64 (targets, needed placements, backgrounds), on disk.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    n_targets, places = len(item.targets), np.r_[0, np.cumsum(needed)]
    n_needed = int(places[-1])
    with tempfile.TemporaryFile(dir=folder) as scratch:
        n_backgrounds = 0
        for part in item.parts:
            wanted = needed[part.first : part.first + part.n]
            for rows, before, after in aligned(part, n_targets, wanted):
                n_backgrounds = before.shape[2]
                effects = effect(before.mean(axis=0), after.mean(axis=0), scale)
                for t in range(n_targets):
                    first, which = of_target(rows, t, n_targets)
                    own = effects[which]
                    scratch.seek((t * n_needed + int(places[part.first + first])) * n_backgrounds * 8)
                    scratch.write(own[wanted[first : first + len(own)]].tobytes())
        scratch.flush()
        yield np.memmap(scratch, np.float64, "r", shape=(n_targets, n_needed, n_backgrounds))
