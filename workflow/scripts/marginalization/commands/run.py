"""`run`: Snakemake on a config, with the workflow's own Snakefile, a profile and one line of progress."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import NoReturn

from rich.console import Console

from ..config.checks import require_file
from ..config.text import check_text
from .check import require_snakemake
from .shared.bundled import profile, snakefile
from .shared.options import Commands

PROGRESS = "marginalization"
"""The logger plugin of Snakemake that prints what `progress.py` says."""


def add_to(commands: Commands) -> None:
    about = "run a screen, or what is left of it"
    more = (
        "It calls Snakemake, with all cores of this machine unless a profile is given; options after the config are "
        "Snakemake's, such as --profile slurm, --cores 4 or --dry-run. What was interrupted goes on where it was."
    )
    parser = commands.add_parser("run", help=about, description=f"{about.capitalize()}. {more}")
    parser.set_defaults(command=_run)
    parser.add_argument("config", help="the file, such as my-screen.yaml")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="Snakemake's")


def _run(console: Console, arguments: argparse.Namespace) -> NoReturn:
    require_snakemake()
    check_text(require_file(arguments.config, "run"))
    typed = shlex.join(["marginalization", "run", arguments.config, *arguments.options])
    os.environ.setdefault("MARGINALIZATION_COMMAND", typed)
    command = snakemake_command(arguments.config, arguments.options)
    os.execv(command[0], command)


def snakemake_command(config: str, options: list[str]) -> list[str]:
    """What runs a screen: this Python's Snakemake, on all cores and with our progress unless the options say else."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile())]
    if not _given(options, "--profile") and "SNAKEMAKE_PROFILE" not in os.environ:
        command += ["--profile", str(profile("local"))]
    logger = [] if _given(options, "--logger") else ["--logger", PROGRESS]
    # Targets, which the options may end with, come before options that take several values.
    return [*command, *options, *logger, "--configfile", config]


def _given(options: list[str], name: str) -> bool:
    return any(option == name or option.startswith(f"{name}=") for option in options)
