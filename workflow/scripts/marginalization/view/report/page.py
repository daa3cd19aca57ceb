"""The page: contents, charts and the libraries that draw them, in one file that needs no network."""

from __future__ import annotations

import base64
import json
import re
import zlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import vl_convert

from ...store.files import whole_file
from ...store.paths import Results
from ..quantities import number
from .charts import CHARTS, specification
from .contents import gather
from .figures import MOST_DRAWN, short
from .logos import letter_outlines

SCRIPTS = (
    *("words", "rows", "data", "draw", "logos", "axis", "marks", "findings", "element"),
    *("tables", "table", "tabs", "about", "quality", "asked", "ready"),
)
"""The files of web/script, in the order in which they make one module: each may use names of those before it."""


def write_report(results: Results) -> dict[str, Any]:
    """Write the report of a screen's results; returns what it shows."""
    contents = gather(results)
    with whole_file(results.report) as temporary:
        Path(temporary).write_text(render(contents), encoding="utf-8")
    return contents


def render(contents: dict[str, Any]) -> str:
    """The page as HTML."""
    return rendered(
        "page.html",
        SCRIPTS,
        contents,
        facts=contents["facts"],
        views=contents["views"],
        lights=contents["lights"],
        across=contents["across"],
        screened=screened(contents),
        names_shown=min(sum(row["kind"] == "annotation" for row in found) for found in contents["findings"]),
        tabs=tabs(contents),
        has_heat_map=len({cell["view"] for cell in contents["heatMap"]}) > 1,
        pairs=list(dict.fromkeys(row["pair"] for row in contents["pairs"])),
        pair_verdicts=contents["pairVerdicts"],
        arrangements=contents["arrangements"],
        copied=list(dict.fromkeys(row["motif"] for row in contents["copies"])),
        ablations=contents["ablations"],
        measured=contents["measured"],
        dependences=contents["dependences"],
        comparisons=contents["comparisons"],
        most_cards=MOST_DRAWN,
    )


def rendered(template: str, scripts: tuple[str, ...], contents: dict[str, Any], **shown: Any) -> str:
    """A page as HTML, with all that it needs.

    Args:
        template: a file of web/ that extends base.html.
        scripts: the files of web/script that are its script, such as `SCRIPTS`.
        contents: what its script reads.
        **shown: what its template shows.
    """
    tables = files("itables") / "html"  # carries DataTables, with its extensions, in one module
    here = files(__package__) / "web"
    parts = {part.name: part.read_text(encoding="utf-8") for part in here.iterdir() if part.name.endswith(".html")}
    environment = jinja2.Environment(loader=jinja2.DictLoader(parts), autoescape=True, trim_blocks=True)
    return environment.get_template(template).render(
        **shown,
        short=short,
        number=lambda value: "" if value is None else number(value, 4),
        contents=packed(contents),
        charts=_in_script(json.dumps({name: specification(name) for name in CHARTS}, separators=(",", ":"))),
        letters=_in_script(json.dumps(letter_outlines())),
        vega=_in_script(_vega()),
        table_script=_in_script(json.dumps((tables / "dt_bundle.js").read_text(encoding="utf-8"))),
        table_style=(tables / "dt_bundle.css").read_text(encoding="utf-8"),
        style=(here / "page.css").read_text(encoding="utf-8"),
        script="\n".join((here / "script" / f"{name}.js").read_text(encoding="utf-8") for name in scripts),
    )


@cache
def _vega() -> str:
    """Vega-Embed and all that it needs, which takes a second and a half to bundle."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def packed(contents: dict[str, Any]) -> str:
    """JSON, compressed (RFC 1950), in base64: a quarter of its size, which `unpacked` of web/script/words.js reads."""
    text = json.dumps(contents, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode())).decode()


def screened(contents: dict[str, Any]) -> str:
    """What was screened, in one line."""
    facts = contents["facts"]
    kinds = {"motif": facts["n_motifs"], "annotation": facts["n_annotations"], "control": facts["n_controls"]}
    counts = [f"{n:,} {kind}{'s' if n > 1 else ''}" for kind, n in kinds.items() if n]
    models, n_views = len(facts["models"]), facts["n_views"]
    strands = {"both": "on both strands", "+": "on the forward strand", "-": "on the reverse strand"}[facts["strands"]]
    return (
        f"{', '.join(counts)}: {facts['n_elements']:,} distinct sequences in {facts['n_backgrounds']:,} "
        f"background{'s' if facts['n_backgrounds'] > 1 else ''} of {facts['length']:,} bp, {strands}, by {models:,} "
        f"model{'s' if models > 1 else ''}, {n_views:,} target{'s' if n_views > 1 else ''}"
    )


def tabs(contents: dict[str, Any]) -> list[tuple[str, str]]:
    """The name and the label of each table that there is something for."""
    kinds = {element["kind"] for element in contents["elements"]}
    there = {
        "motifs": ("Motifs", "motif" in kinds or not kinds),
        "annotations": ("Annotations", "annotation" in kinds),
        "pairs": ("Pairs", bool(contents["pairs"])),
        "ablations": ("Ablations", bool(contents["ablations"]["judged"])),
    }
    return [(name, label) for name, (label, is_there) in there.items() if is_there]


def _in_script(text: str) -> str:
    """JavaScript that a script element can hold: no string in it ends that element."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", text, flags=re.IGNORECASE)
