"""The log of a job: what it printed, and as its last line why it failed, in words for the person who runs it.

What the package logs is also kept as data, for the record of the job that the report reads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Any, TextIO

from ..errors import InputError

MOST_WARNINGS = 50


class Said(logging.Handler):
    """What the package logged while a job ran.

    Attributes:
        warnings: their messages, each once, the first `MOST_WARNINGS`.
        facts: what messages were given beside their words, as `extra={"facts": {...}}`; the last of a name stays.
    """

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []
        self.facts: dict[str, Any] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.facts.update(getattr(record, "facts", {}))
        message = _one_line(record.getMessage())
        if record.levelno >= logging.WARNING and message not in self.warnings[:MOST_WARNINGS]:
            self.warnings = [*self.warnings, message][:MOST_WARNINGS]


@contextlib.contextmanager
def job_log(path: str) -> Iterator[Said]:
    """Send what a job prints to its log, and leave with status 1 after any error; gives what the package logs as data.

    What the package logs goes to the log too. Bad input is told in one line; anything else first shows where in the
    code it happened.
    """
    said = Said()
    with open(path, "w", buffering=1) as log, contextlib.redirect_stderr(log), contextlib.redirect_stdout(log):
        try:
            with _logging_to(log, said):
                yield said
        except InputError as error:
            print(_one_line(f"Error: {error}"))
            sys.exit(1)
        except Exception as error:
            traceback.print_exc()
            print(_one_line(f"Error: {type(error).__name__}: {error}"))
            sys.exit(1)


@contextlib.contextmanager
def _logging_to(log: TextIO, said: Said) -> Iterator[None]:
    """Logging as a job does it, and afterwards as it was before."""
    root, package = logging.getLogger(), logging.getLogger(__package__.split(".")[0])
    handlers, level = root.handlers, package.level
    lines = logging.StreamHandler(log)
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root.handlers = [lines]
    package.setLevel(logging.INFO)
    package.addHandler(said)
    try:
        yield
    finally:
        root.handlers = handlers
        package.setLevel(level)
        package.removeHandler(said)


def _one_line(message: str) -> str:
    """A message without line breaks, so that the log's last line is all of it."""
    return " ".join(message.split())


TAIL = 4096
"""Bytes at the end of a log in which its last bar of progress stands."""


def marginals_done(log: str) -> int | None:
    """How many marginals a shard has, as its log's bar of progress says; None before there is one."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.stat(log).st_size - TAIL))
            found = re.findall(rb" (\d+)/\d+ \[", file.read())
    except OSError:
        return None
    return int(found[-1]) if found else None


def reason(log: str) -> str:
    """Why a job failed: the last line of its log."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
    except OSError:
        return f"{log} can not be read"
    last = next((line for line in reversed(lines) if line.strip()), "its log is empty")
    return f"{last.rpartition(chr(13))[2].removeprefix('Error: ')} ({log})"
