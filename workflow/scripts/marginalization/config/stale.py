"""Results that are no longer what the config, the lab's files and this project's code would give.

What is computed is named after all that can be seen of what it depends on while Snakemake parses (see `plan`). Of the
rest, what was seen when it was computed is on record, and is compared here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import InputError
from ..store.files import read_facts, sha256
from ..store.paths import Results
from .dependencies import code_digest


def check_reads(results: Results, models: Iterable[str], dataset: str = "effects") -> None:
    """Raise for the first file that a model read while it was probed, and that has changed since.

    Only files that the plan does not know of are on record: those that the lab's own code opens, or imports by a name
    that is made at run time.
    """
    for model in models:
        record = results.probe(model)
        for path, digest in _reads(record).items():
            if not os.path.isfile(path) or sha256(path) != digest:
                raise InputError(
                    f"models.{model} reads {path}, which has changed since {record} was written, so its results may be "
                    f"stale. To compute them again delete {results.of_model(dataset, model)} and {record}; to "
                    f"keep them, put the file back"
                )


def _reads(record: Path) -> dict[str, str]:
    try:
        return dict(json.loads(record.read_text())["reads"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # not there yet, or damaged, which others tell


def other_code(results: Results) -> str | None:
    """A line on a summary whose effects were computed by other code of this package than this, if so."""
    try:
        makers: list[dict[str, Any]] = read_facts(results.table("summary"))["computed_by"]
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return None
    others = sorted({_name(made) for made in makers if made["code"] != code_digest()})
    if not others:
        return None
    return (
        f"{results} was computed by other code of this project than what runs now ({', '.join(others)}). CHANGELOG.md "
        f"says whether numbers have changed since; if so, --forcerun screen computes them again"
    )


def _name(made: dict[str, Any]) -> str:
    return f"version {made['marginalization']}" + (f", commit {made['commit']}" if made["commit"] else "")
