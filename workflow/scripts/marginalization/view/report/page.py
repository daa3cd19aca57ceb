"""The page: contents, charts and the libraries that draw them, in one file that needs no network."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import vl_convert

from ...store.files import whole_file
from ...store.paths import Results
from .charts import CHARTS, specification
from .contents import gather
from .figures import MOST_VIEWS, ranked, short
from .logos import letter_outlines


def write_report(results: Results) -> dict[str, Any]:
    """Write the report of a screen's results; returns what it shows."""
    contents = gather(results)
    with whole_file(results.report) as temporary:
        Path(temporary).write_text(render(contents), encoding="utf-8")
    return contents


def render(contents: dict[str, Any]) -> str:
    """The page as HTML."""
    tables = files("itables") / "html"  # carries DataTables, with its extensions, in one module
    here = files(__package__)
    cards = range(len(contents["views"]))[:MOST_VIEWS]
    shown = {**contents, "ranked": [ranked(contents, i) for i in cards]}
    template = jinja2.Template((here / "page.html").read_text(encoding="utf-8"), autoescape=True, trim_blocks=True)
    return template.render(
        facts=contents["facts"],
        views=contents["views"],
        has_heat_map=len({cell["view"] for cell in contents["heatMap"]}) > 1,
        pairs=list(dict.fromkeys(row["pair"] for row in contents["pairs"])),
        pair_verdicts=contents["pairVerdicts"],
        arrangements=contents["arrangements"],
        copied=list(dict.fromkeys(row["motif"] for row in contents["copies"])),
        ablations=contents["ablations"],
        measured=contents["measured"],
        comparisons=contents["comparisons"],
        short=short,
        number=lambda value: "" if value is None else f"{value:,.4g}",
        most_cards=MOST_VIEWS,
        contents=_in_script(json.dumps(shown, separators=(",", ":"), allow_nan=False)),
        charts=_in_script(json.dumps({name: specification(name) for name in CHARTS}, separators=(",", ":"))),
        letters=_in_script(json.dumps(letter_outlines())),
        vega=_in_script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")),
        table_script=_in_script(json.dumps((tables / "dt_bundle.js").read_text(encoding="utf-8"))),
        table_style=(tables / "dt_bundle.css").read_text(encoding="utf-8"),
        style=(here / "page.css").read_text(encoding="utf-8"),
        script=(here / "page.js").read_text(encoding="utf-8"),
    )


def _in_script(text: str) -> str:
    """JavaScript that a script element can hold: no string in it ends that element."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", text, flags=re.IGNORECASE)
