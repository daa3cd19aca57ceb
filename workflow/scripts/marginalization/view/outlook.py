"""What a person is told of a screen before it runs: what it takes on disk, and what to look at first."""

from __future__ import annotations

from typing import NamedTuple

from ..config.sections import Config
from ..config.stale import other_code
from ..design.plan import Plan
from ..store.paths import Results
from .disk import Disk, disk


class Outlook(NamedTuple):
    """What a screen's effects take on disk, if that is known, and its warnings, one line each."""

    disk: Disk | None
    warnings: list[str]


def outlook(config: Config, plan: Plan, results: Results) -> Outlook:
    """What there is to say of a screen whose results lie, or will lie, in a folder."""
    found = disk(config, results, plan.n_marginals, plan.n_backgrounds)
    left = 1 - len(plan.done(results)) / plan.n_jobs
    large = found.warning(config, results.folder, left) if found else None
    warnings = [*plan.input_warnings, plan.warning(config.shards), large, other_code(results)]
    return Outlook(found, [warning for warning in warnings if warning])
