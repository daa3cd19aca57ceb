"""What earlier plans of a screen left in its results, moved out of the way so that readers find this plan's alone."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from .paths import RULES, Results

logger = logging.getLogger(__name__)

TABLES = [
    "profiles",
    "scans",
    "copies",
    "cooperativity",
    "pairs_summary",
    "control_pairs",
    "arrangements",
    "differential",
    "attributions",
    "clusters",
    "measured",
    "instances",
    "ablations",
    "ablations_summary",
]
"""Tables that not every config gives."""


def set_parts_aside(results: Results, dataset: str, parts: Iterable[str | os.PathLike]) -> None:
    """Move parts that are not of this plan to `superseded`, in the same subfolders.

    What jobs that were killed left of files that they had begun is removed, and what they kept to go on from.

    Args:
        results: the screen's.
        dataset: one all of whose jobs are done.
        parts: those of this plan.
    """
    for begun in results.begun(dataset):
        begun.unlink(missing_ok=True)
    _move(results, results.parts(dataset), parts)
    shutil.rmtree(results.unfinished(RULES[dataset]), ignore_errors=True)


def set_tables_aside(results: Results, tables: Iterable[str | os.PathLike]) -> None:
    """The same for tables, of which this plan gives those at the paths."""
    _move(results, filter(Path.exists, map(results.table, TABLES)), tables)


def _move(results: Results, found: Iterable[Path], known: Iterable[str | os.PathLike]) -> None:
    known = {Path(path).resolve() for path in known}
    for path in found:
        if path.resolve() not in known:
            target = results.superseded(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
            logger.info("%s is of an earlier plan of this screen; moved to %s", path, target)
