"""What every job of the workflow does: keep a log, read only what is as it was made, and note what it makes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..jobs.logs import Said, job_log
from ..store import checksums
from ..store.paths import Results


@contextlib.contextmanager
def as_job(snakemake: Any) -> Iterator[tuple[Results, Said]]:
    """Run the block as a job; gives the screen's results, and what the package logs as data.

    Args:
        snakemake: with `log`, whose first is the job's log, and the paths `input` and `output`.

    Raises:
        SystemExit: the block, or a look at the inputs, raised an error, which the log tells.
    """
    results = Results.of_log(snakemake.log[0])
    with job_log(snakemake.log[0]) as said:
        checksums.check(results, snakemake.input)
        checksums.forget(results, snakemake.output)
        yield results, said
        checksums.note(results, snakemake.output)
