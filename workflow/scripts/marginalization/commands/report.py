"""`report`: several screens side by side, as a page."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from rich.console import Console

from ..errors import InputError
from ..view.results import KEYS, summary_keys
from .shared.options import Commands, chosen

MOST_TOLD = 6
"""Targets that `report` prints what changed on."""


def add_to(commands: Commands) -> None:
    about = "several screens side by side, in one page: what changed in the verdicts"
    more = (
        "The page needs no network. Elements are matched by their letters; models, readouts and targets by their "
        "names, but where each screen has one. All are compared with the first."
    )
    parser = commands.add_parser("report", help=about, description=f"{about.capitalize()}. {more}")
    parser.set_defaults(command=_report)
    parser.add_argument("results", nargs="+", help="the screens' folders, such as results/old results/new")
    parser.add_argument("--output", default="compare.html", metavar="FILE", help="the page (default: compare.html)")
    for key in KEYS:
        parser.add_argument(f"--{key}", nargs="+", metavar="NAME", help=f"only this {key}, or one for each screen")


def _report(console: Console, arguments: argparse.Namespace) -> None:
    path = Path(arguments.output)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path} ends in neither .html nor .htm; the page is HTML")
    # Here, because other commands do without what draws.
    from ..view.several.page import write_comparison
    from ..view.several.screens import read_screens

    compared = read_screens(arguments.results)
    n, keys = len(compared.screens), []
    for i, screen in enumerate(compared.screens):
        own = {key: _of_screen(getattr(arguments, key), i, n, key) for key in KEYS}
        keys.append(pd.DataFrame(chosen(summary_keys(screen.results), argparse.Namespace(**own))))
    shown = write_comparison(compared, keys, path)["matches"]
    for match in shown[:MOST_TOLD]:
        console.print(f"{match['label']}: {match['answer']}", soft_wrap=True)
        for line in match["numbers"]:
            console.print(f"  {line}", soft_wrap=True)
    targets = f"{len(shown):,} target{'s' if len(shown) > 1 else ''}"
    more = f", of which the first {MOST_TOLD} are told here" if len(shown) > MOST_TOLD else ""
    console.print(f"{path}: {', '.join(compared.names)}, {targets}{more}", soft_wrap=True)


def _of_screen(names: list[str] | None, i: int, n: int, key: str) -> str | None:
    """What an option says of the i-th of n screens."""
    if names is not None and len(names) not in (1, n):
        raise InputError(f"--{key} has {len(names)} names for {n} screens; give one for all, or one for each")
    return None if names is None else names[i % len(names)]
