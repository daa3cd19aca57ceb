"""What earlier plans of a screen left in its results, moved out of the way so that readers find this plan's alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

TABLES = ["profiles.parquet", "cooperativity.parquet", "attributions.parquet"]
"""Tables that not every config gives."""

UNFINISHED = {"effects": "unfinished", "attribution_sums": "unfinished_attributions"}
"""Where the jobs of a dataset keep what they have while they run."""


def set_aside(results: Path, parts: dict[str, Iterable[str]], tables: Iterable[str] = TABLES) -> list[str]:
    """Move files that are not of this plan to `superseded`, in the same subfolders.

    Of datasets all of whose jobs are done. What jobs that were killed left of files that they had begun is removed, and
    what they kept to go on from.

    Args:
        results: the screen's folder.
        parts: the paths of this plan's files, by the name of the dataset's folder in it.
        tables: of `TABLES` those that this plan gives.

    Returns:
        The paths that were moved.
    """
    left = [results / table for table in TABLES if table not in tables and (results / table).exists()]
    for dataset, paths in parts.items():
        for begun in (results / dataset).rglob(".*.parquet.*"):
            begun.unlink(missing_ok=True)
        known = {Path(path).resolve() for path in paths}
        left += [path for path in sorted((results / dataset).rglob("*.parquet")) if path.resolve() not in known]
        if dataset in UNFINISHED:
            shutil.rmtree(results / UNFINISHED[dataset], ignore_errors=True)
    for path in left:
        target = results / "superseded" / path.relative_to(results)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    return list(map(str, left))
