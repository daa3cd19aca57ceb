"""The log of a job: what it printed, and as its last line why it failed, in words for the person who runs it."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator

from .errors import InputError


@contextlib.contextmanager
def job_log(path: str) -> Iterator[None]:
    """Send what a job prints to its log, and leave with status 1 after any error.

    What the package logs goes there too. Bad input is told in one line; anything else first shows where in the code it
    happened.
    """
    with open(path, "w", buffering=1) as log, contextlib.redirect_stderr(log), contextlib.redirect_stdout(log):
        logging.basicConfig(stream=log, format="%(asctime)s %(levelname)s %(message)s", force=True)
        logging.getLogger(__package__).setLevel(logging.INFO)
        try:
            yield
        except InputError as error:
            print(_one_line(f"Error: {error}"))
            sys.exit(1)
        except Exception as error:
            traceback.print_exc()
            print(_one_line(f"Error: {type(error).__name__}: {error}"))
            sys.exit(1)


def _one_line(message: str) -> str:
    """A message without line breaks, so that the log's last line is all of it."""
    return " ".join(message.split())
