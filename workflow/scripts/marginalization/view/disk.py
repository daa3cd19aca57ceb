"""What the effects of a screen take on disk, told before it is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from ..config.sections import Config
from ..config.targets import target_count
from ..store.paths import Results
from ..store.schemas import STATISTICS
from .quantities import size

BYTES_PER_ROW = 14
"""Of effects/, at most about: a row of the demo's takes 10."""

BYTES_PER_STATISTIC = 8
"""Of a row of statistics/, at most about, for each of its columns: they are float64, which hardly packs."""

LARGE = 100 * 10**9
"""From how many bytes on a warning is given, or from as many as are free."""


class Disk(NamedTuple):
    """What the shards of a screen write of its effects.

    Fields:
        rows: of all files.
        n_bytes: what they take, about, and at most.
    """

    rows: int
    n_bytes: int

    def describe(self, config: Config) -> str:
        """In words."""
        what = "effects" if config.keep_effects == "all" else "statistics of effects"
        return f"about {size(self.n_bytes)} of {what}, {self.rows:,} rows"

    def warning(self, config: Config, folder: Path, left: float = 1.0) -> str | None:
        """What to do where the share of the files that is left takes `LARGE`, or all that is free in their folder."""
        there = next(path for path in folder.absolute().parents if path.exists())
        free = shutil.disk_usage(there).free
        if left * self.n_bytes < min(LARGE, free):
            return None
        told = f"{config.effects_dataset}/ takes about {size(self.n_bytes)}, and {folder} has {size(free)} free"
        if config.keep_effects == "all":
            return f"{told}; `keep_effects: summary` keeps the statistics alone, or take fewer tracks by `channels`"
        return f"{told}; take fewer tracks by `channels`, or fewer controls"


def disk(config: Config, results: Results, n_marginals: int, n_backgrounds: int) -> Disk | None:
    """What is kept of so many marginals of all models in so many backgrounds.

    None while it is not known how many targets there are: where the config does not say, a model's probe has it.
    """
    targets = [_targets(config, results, model) for model in config.models]
    if None in targets:
        return None
    return for_targets(config, n_marginals // len(config.models) * sum(n or 0 for n in targets), n_backgrounds)


def for_targets(config: Config, n: int, n_backgrounds: int) -> Disk:
    """What is kept of n marginals of a target, where there are so many backgrounds."""
    if config.keep_effects == "all":
        return Disk(n, n * BYTES_PER_ROW)
    return Disk(n // n_backgrounds, n // n_backgrounds * BYTES_PER_STATISTIC * len(STATISTICS))


def _targets(config: Config, results: Results, model: str) -> int | None:
    """How many targets a model's readouts have in all; None while that is not known."""
    if (probe := results.probe(model)).is_file():
        return sum(map(len, json.loads(probe.read_text())["targets"].values()))
    return target_count(config)
