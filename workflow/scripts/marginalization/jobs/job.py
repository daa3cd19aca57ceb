"""What every job of the workflow does: keep a log, read only what is as it was made, and note what it makes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..store import checksums
from .logs import Said, job_log

LOGS = "logs"
"""The folder of the logs in that of a screen's results."""


@contextlib.contextmanager
def as_job(snakemake: Any) -> Iterator[Said]:
    """Run the block as a job; gives what the package logs as data.

    Args:
        snakemake: with `log`, whose first lies in the results' folder `logs`, and the paths `input` and `output`.

    Raises:
        SystemExit: the block, or a look at the inputs, raised an error, which the log tells.
    """
    log = Path(snakemake.log[0])
    results = next(folder.parent for folder in log.parents if folder.name == LOGS)
    with job_log(str(log)) as said:
        checksums.check(results, snakemake.input)
        checksums.forget(results, snakemake.output)
        yield said
        checksums.note(results, snakemake.output)
