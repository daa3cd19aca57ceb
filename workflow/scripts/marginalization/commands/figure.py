"""`figure`: one figure of a screen for a paper, in the format that the file's name ends in."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from ..errors import InputError
from ..store.files import whole_file
from ..view.results import KEYS, read_config, require_results, summary_keys
from .shared.options import Commands, add_keys, add_results, chosen, positive

CHARTS = ("found", "volcano", "null", "scan", "heat-map")
"""What `figure` draws: the names of `view.report.figures.PAPER`."""


def add_to(commands: Commands) -> None:
    about = "draw one figure of a screen for a paper"
    more = (
        "FILE ends in .svg, .pdf or .png. Of several models, readouts and targets the first that the options leave is "
        "drawn. It needs what the report needs."
    )
    parser = commands.add_parser("figure", help=about, description=f"{about.capitalize()}. {more}")
    parser.set_defaults(command=_figure)
    add_results(parser)
    parser.add_argument(
        "chart", choices=CHARTS, help="what acts, effects and their q, p-values, a scan, or all targets"
    )
    parser.add_argument("file", help="the file to write")
    parser.add_argument("--elements", nargs="+", default=[], metavar="NAME", help="only these, by the names of motifs")
    parser.add_argument(
        "--width", type=positive, default=89, help="in millimetres (default: 89, a column; a page: 183)"
    )
    parser.add_argument("--points", type=positive, default=7, help="how high letters are (default: 7)")
    add_keys(parser)


def _figure(console: Console, arguments: argparse.Namespace) -> None:
    results, path = require_results(arguments.results), Path(arguments.file)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in ("svg", "pdf", "png"):
        raise InputError(f"{path} ends in none of .svg, .pdf, .png; name the file after the format that it is for")
    read_config(results)
    keys = chosen(summary_keys(results), arguments)
    # Here, because other commands do without what draws.
    from ..view.report import contents, figures

    shown = contents.gather(results)
    views = [{key: view[key] for key in KEYS} for view in shown["views"]]
    wanted = [views.index(key) for key in keys if key in views]
    if not wanted:
        raise InputError(f"the report does not show {', '.join(keys[0].values())}; choose another target")
    chart = figures.PAPER[arguments.chart]
    spec, scale = figures.on_paper(shown, chart, wanted[0], arguments.elements, arguments.width, arguments.points)
    with whole_file(path) as temporary:
        Path(temporary).write_bytes(figures.drawn(spec, suffix, scale))
    # Of one element, the strongest unless told.
    of = [*arguments.elements, figures.short(shown["elements"][0]["name"])][:1] if arguments.chart == "scan" else []
    told = ", ".join([*of, shown["views"][wanted[0]]["label"]])
    console.print(f"{path}: {arguments.chart} of {told}", soft_wrap=True)
