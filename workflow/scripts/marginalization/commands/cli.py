"""The command `marginalization`, and its commands."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from rich.console import Console

from .. import __version__
from ..errors import InputError
from . import check, export, figure, init, report, run, tables

PIPED_WIDTH = 10_000
"""Columns of a line that is not for a terminal: more than any table has, so that no cell is cut or folded."""


def main(argv: list[str] | None = None) -> int:
    """Run a command, given by `argv` or the process's arguments; its exit status, 2 after an error told in one line,
    130 where a person broke it off."""
    arguments = _parser().parse_args(argv)
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    # Names are data: their brackets and colons are no markup.
    console = Console(markup=False, emoji=False, highlight=False, width=width)
    try:
        arguments.command(console, arguments)
    except InputError as error:
        print(f"marginalization: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Tell it in one line, where argparse would print the usage too."""
        self.exit(2, f"marginalization: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="marginalization", description="Begin, check and run a screen, and look at its results.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for module in (init, check, run, tables, export, figure, report):
        module.add_to(commands)
    return parser
