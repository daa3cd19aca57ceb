"""What a person sees while a screen runs: one line of progress, and a line for each thing that goes wrong.

Snakemake finds this as its logger plugin `marginalization` (`snakemake --logger marginalization`) through the package
snakemake_logger_plugin_marginalization. What Snakemake itself would print stands in its own log, .snakemake/log.
"""

from __future__ import annotations

import re
import shutil
import sys
import threading
import time
from collections import Counter
from logging import ERROR, WARNING, LogRecord
from pathlib import Path
from typing import Any, NamedTuple

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from ..jobs.logs import marginals_done, reason
from ..view.quantities import duration

SECONDS = 1.0
"""Between two looks at the jobs."""

SECONDS_IN_FILE = 60.0
"""Between two lines of progress where what is printed goes to a file."""

FIRST_LINE = "\r\x1b[2K"
"""Takes the terminal's line away, to write it again."""


AFTER_A_JOB = ("CalledProcessError", "a job execution failed", "job did not complete")
"""What Snakemake says of a failed job beside its event."""


KEPT = "what is done is kept"
GOES_ON = "the same command goes on from here"


class Screen(NamedTuple):
    """What the workflow says of a screen when it is parsed, as `extra={"screen": ...}` of a message.

    Fields:
        marginals: of all its shards.
        shards: how many there are.
        report: its path.
    """

    marginals: int
    shards: int
    report: str


class Job:
    """A job that runs.

    Attributes:
        rule: its rule.
        name: its rule, and its model.
        done: the marginals that a shard has, by its log.
        at_first: those that it had when it was first looked at, so that are of an earlier attempt.
    """

    def __init__(self, record: Any) -> None:
        self.rule, self.log = record.rule_name, record.log[0] if record.rule_name == "screen" else None
        self.name = " of ".join([self.rule, *filter(None, [dict(record.wildcards or {}).get("model")])])
        self.done = self.at_first = 0
        self.seen = False

    def look(self) -> None:
        if self.log and (done := marginals_done(self.log)) is not None:
            self.done = done
            self.at_first, self.seen = (self.at_first if self.seen else done), True


class Tally:
    """How far a run is.

    Attributes:
        done, total: jobs.
        shards: how many of the jobs are shards of the screen.
        running: by Snakemake's number of the job.
        ended: shards that were finished.
        since, until: when the first shard was seen on its way, which on a cluster is later than it was submitted, and
            when the last one ended.
    """

    def __init__(self) -> None:
        self.done = self.total = self.shards = 0
        self.running: dict[int, Job] = {}
        self.ended: list[Job] = []
        self.since: float | None = None
        self.until = 0.0

    def begin(self, number: int, job: Job) -> None:
        self.running[number] = job

    def look(self) -> None:
        """See how far the shards are; the time of the rate begins with the first that is on its way."""
        for job in self.running.values():
            job.look()
        if self.since is None and any(job.seen for job in self.running.values()):
            self.since = time.monotonic()

    def end(self, number: int) -> None:
        if (job := self.running.pop(number, None)) and job.log:
            job.look()
            self.ended.append(job)
            self.until = time.monotonic()

    def line(self, screen: Screen | None) -> str:
        """Such as "3 of 9 jobs done, 120,000 marginals, 5,300 per second, 3 min left; now screen"."""
        if not self.total:
            return "reading the inputs"
        parts = [f"{self.done:,} of {self.total:,} jobs done"]
        running = [job for job in self.running.values() if job.log]
        shards = [*self.ended, *running]
        computed = sum(max(0, job.done - job.at_first) for job in shards)
        if screen and computed and self.since is not None:
            per_second = computed / ((time.monotonic() if running else self.until) - self.since)
            to_do = screen.marginals * self.shards / screen.shards - sum(job.done for job in shards)
            parts += [f"{computed:,} marginals", f"{per_second:,.0f} per second"]
            parts += [f"{duration(to_do / per_second)} of them left"] if to_do > 0 else []
        now = ", ".join(f"{n} {rule}" for rule, n in Counter(job.rule for job in self.running.values()).items())
        return ", ".join(parts) + (f"; now {now}" if now else "")


class LogHandler(LogHandlerBase):
    """Prints to stderr what the module says."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.stream = sys.stderr
        self.terminal = self.stream.isatty()
        self.begun = self.printed = time.monotonic()
        self.screen: Screen | None = None
        self.tally = Tally()
        self.failed = self.nothing_to_do = False
        self.turn = threading.Lock()
        self.closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def emit(self, record: LogRecord) -> None:
        """Note what a message of Snakemake's says, and print it where a person has to see it."""
        with self.turn:
            try:
                self._take(record)
            except Exception:  # one message must not stop the next ones
                self.handleError(record)

    def close(self) -> None:
        """Say how the run ended; Python closes all handlers once more when it ends."""
        with self.turn:
            if not self.closed.is_set() and (ending := self._ending()):
                self._print(ending)
        self.closed.set()
        super().close()

    def _take(self, record: Any) -> None:
        tally, event = self.tally, getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            rules = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", record.getMessage(), re.MULTILINE)}
            tally.total, tally.shards = rules.get("total", 0), rules.get("screen", 0)
        elif event == LogEvent.JOB_INFO:
            tally.begin(record.jobid, Job(record))
        elif event == LogEvent.JOB_FINISHED:
            tally.end(record.job_id)
        elif event == LogEvent.PROGRESS:
            tally.done, tally.total = record.done, record.total
        elif event == LogEvent.JOB_ERROR:
            self.failed = True
            job = tally.running.pop(record.jobid, None)
            why = reason(record.log[0]) if record.log else record.getMessage()
            self._print(f"Error in {job.name if job else record.rule_name}: {why}")
        elif hasattr(record, "screen"):
            self.screen = self.screen or Screen(**record.screen)
            self._print(record.getMessage())
        elif record.getMessage().startswith("Nothing to be done"):
            self.nothing_to_do = True
        elif record.levelno >= WARNING and not any(map(record.getMessage().__contains__, AFTER_A_JOB)):
            self.failed |= record.levelno >= ERROR
            self._print(("Error: " if record.levelno >= ERROR else "Warning: ") + _unwrapped(record.getMessage()))

    def _ending(self) -> str:
        took, jobs = duration(time.monotonic() - self.begun), f"{self.tally.done:,} of {self.tally.total:,} jobs"
        report = self.screen and self.screen.report
        if self.nothing_to_do:
            return f"All is done: {report}" if report else ""
        if self.common_settings.dryrun:
            return f"{self.tally.total:,} jobs are left to run." if self.tally.total else ""
        if self.tally.done < self.tally.total:
            return f"Stopped after {took} with {jobs} done; {KEPT if self.failed else GOES_ON}."
        # A job that failed may have been done by a later attempt.
        done = self.tally.total and report and Path(report).exists()
        return f"Done in {took}: {report}" if done else ""

    def _watch(self) -> None:
        while not self.closed.wait(SECONDS):
            with self.turn:
                self.tally.look()
                if self.terminal:
                    width = shutil.get_terminal_size().columns - 1
                    self.stream.write(FIRST_LINE + self.tally.line(self.screen)[:width])
                    self.stream.flush()
                elif time.monotonic() - self.printed > SECONDS_IN_FILE:
                    self._print(self.tally.line(self.screen))

    def _print(self, message: str) -> None:
        self.printed = time.monotonic()
        self.stream.write((FIRST_LINE if self.terminal else "") + message + "\n")
        self.stream.flush()


def _unwrapped(message: str) -> str:
    """An error's own words, without where in the workflow's files it was raised."""
    lines = [line for line in message.strip().split("\n") if not re.match(r'  File "', line)]
    return "\n".join(lines[1:] if len(lines) > 1 and re.match(r'\w+ in file "', lines[0]) else lines)
