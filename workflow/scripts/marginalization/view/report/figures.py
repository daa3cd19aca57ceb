"""The figures of a report, for papers: what its charts of the whole screen show, each as SVG, PDF and PNG."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import vl_convert

from ...errors import InputError
from ...store.files import whole_file
from ...store.paths import Results
from ..findings import factor
from ..quantities import signed
from .charts import specification
from .marks import MOTIF, NO_CONTROLS, NOT_SIGNIFICANT, SIGNIFICANT, SITE
from .overview.labels import FONT
from .overview.multiples import MOST_DRAWN, Rows, apart, by_strand, sure, volcanoes
from .screen_charts import FITS

WIDTH = 640
SUFFIXES = ("svg", "pdf", "png")
SIZE = r'\b(width|height)="([\d.]+)"'
PIXELS = 600
"""Of a bitmap for a paper, to an inch."""
PAPER = {"found": "lollipop", "volcano": "volcano", "null": "quantiles", "scan": "scan", "heat-map": "heat_map"}
"""The charts that are drawn one at a time, by what they are called."""
TAKES = {"scan": "several starts (placement.start)", "volcano": "elements.controls"}
"""What of the config some charts are of."""
PANEL = 310
"""How wide a panel is at least, with its axes: room for names."""
MOST_PAIRS = 4
LONGEST_NAME = 150
"""Letters of a file's name, of which file systems take 255 bytes."""
MOST_FOUND = 40
FEW = 12
"""Rows of what acts, and of what does not where nothing does."""


class Paper(NamedTuple):
    """A specification, and how many points of paper each of its pixels is."""

    spec: dict[str, Any]
    scale: float


def write_figures(contents: dict[str, Any], results: Results) -> None:
    """Write the figures of what `contents.gather` gives."""
    for name, chart, data in figures(contents):
        spec = _sized({**specification(chart, data), "background": "white"}, WIDTH)
        svg = vl_convert.vegalite_to_svg(json.dumps(spec))  # once: it takes longer than the formats that follow from it
        for suffix in SUFFIXES:
            with whole_file(results.figure(name, suffix)) as temporary:
                Path(temporary).write_bytes(_converted(svg, suffix))


def drawn(spec: dict[str, Any], suffix: str, scale: float = 1.0) -> bytes:
    """A specification in a format, so many points of paper for each of its pixels."""
    return _converted(vl_convert.vegalite_to_svg(json.dumps(spec)), suffix, scale)


def _converted(svg: str, suffix: str, scale: float = 1.0) -> bytes:
    if suffix == "png":
        return vl_convert.svg_to_png(svg, scale=2 if scale == 1 else scale * PIXELS / 72)
    if scale != 1:
        unit = "pt" if suffix == "svg" else ""  # a PDF's own unit is the point
        size = (f'{name}="{float(value) * scale:.2f}{unit}"' for name, value in re.findall(SIZE, svg)[:2])
        svg = re.sub(SIZE, lambda _: next(size), svg, count=2)
    return svg.encode() if suffix == "svg" else vl_convert.svg_to_pdf(svg)


def for_paper(contents: dict[str, Any], chart: str, view: int, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The data of one of `PAPER` for a view, of the findings or elements called one of the names; of all without any.

    Raises:
        InputError: none is called so, several names are given for what is of one element, or one for what is of all.
    """

    def called(*known: str) -> bool:
        asked = {name.lower() for name in names}
        return not names or any(
            own.lower() in asked for name in known for own in (name, factor(name), *name.split(";"))
        )

    everywhere = {**contents, "findings": [list(of) for of in contents["findings"]]}
    if names:
        elements = [i for i, element in enumerate(contents["elements"]) if called(element["name"])]
        found = contents["findings"][view]
        known = [row for row in found if called(row["name"]) or set(elements).intersection(row["members"])]
        if not known and not elements:
            raise InputError(f"the report shows nothing that is called {' or '.join(names)}; its tables have the names")
        everywhere["findings"][view] = known
    if chart == "scan":
        if len(names) > 1 or (names and not elements):
            raise InputError(f"a scan is of one element; give the name of one in place of {', '.join(names)}")
        return scan(contents, view, elements[0] if names else 0)
    if chart == "heat_map":
        cells = [cell for cell in contents["heatMap"] if called(cell["name"], cell["name"].removesuffix(", site"))]
        return {"cells": [{**cell, "view": contents["views"][cell["view"]]["label"]} for cell in cells]}
    if chart == "quantiles":
        if names:
            raise InputError(f"a null is of all elements; leave out {', '.join(names)}")
        return quantiles(contents, view)
    rows = by_strand(contents)
    if chart == "volcano":
        return volcano({**everywhere, "volcanoes": volcanoes(everywhere, rows, every=bool(names))}, view, rows)
    return lollipop(everywhere, view, rows, every=bool(names))


def on_paper(contents: dict[str, Any], chart: str, view: int, names: list[str], width: float, points: float) -> Paper:
    """A chart as journals ask for it: so many millimetres wide, all of its letters so many points high.

    Raises:
        InputError: as `for_paper`, or there is nothing to draw.
    """
    data = for_paper(contents, chart, view, names)
    if not next(iter(data.values())):
        takes = f"; it takes {TAKES[chart]}" if chart in TAKES else ""
        raise InputError(f"the report has nothing for this figure{f' of {names[0]}' if names else ''}{takes}")
    spec = {**specification(chart, data), "background": "white"}
    sizes = {"labelFontSize": FONT, "titleFontSize": FONT, "titleFontWeight": "normal"}
    config = {**spec["config"], "font": "Helvetica, Arial, sans-serif", "axis": sizes}
    config["legend"] = {**spec["config"].get("legend", {}), **sizes}
    scale = points / FONT
    spec = _sized({**spec, "config": config}, width / 25.4 * 72 / scale)
    return Paper(json.loads(_named(json.dumps(spec), contents["views"][view]["unit"])), scale)


def _named(spec: str, unit: str) -> str:
    """With the unit of effects in the titles of axes."""
    return spec.replace('"title": "mean effect', f'"title": "mean effect: {json.dumps(unit)[1:-1]}')


def figures(contents: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, list[dict[str, Any]]]]]:
    """Each figure's name, which is a file's, its chart and its data."""
    names: set[str] = set()
    for words, chart, data in _figures(contents):
        # Some file systems take names of other case for the same.
        name = _slug(words)
        n = next(n for n in itertools.count(1) if (f"{name}-{n}" if n > 1 else name).lower() not in names)
        name = f"{name}-{n}" if n > 1 else name
        names.add(name.lower())
        yield name, chart, data


def _figures(contents: dict[str, Any]) -> Iterator[tuple[list[str], str, dict[str, list[dict[str, Any]]]]]:
    """What each figure is of, in words, its chart and its data."""
    views = contents["views"]
    pairs = list(dict.fromkeys(row["pair"] for row in contents["pairs"]))
    copied = list(dict.fromkeys(row["motif"] for row in contents["copies"]))
    rows = by_strand(contents)
    for i, view in enumerate(views[:MOST_DRAWN]):
        of_view = [view["model"], view["readout"], view["target"]]
        yield ["found", *of_view], "lollipop", lollipop(contents, i, rows)
        if view["band"]:
            yield ["volcano", *of_view], "volcano", volcano(contents, i, rows)
        yield ["null", *of_view], "quantiles", quantiles(contents, i)
        if contents["scan"]:
            strongest = contents["elements"][0]["name"]
            yield ["scan", *of_view, short(strongest)], "scan", scan(contents, i)
        for pair in pairs[:MOST_PAIRS]:
            yield ["spacing", *of_view, pair], "spacing", spacing(contents, i, pair)
        for motif in copied[:MOST_PAIRS]:
            yield ["copies", *of_view, motif], "copies", copies(contents, i, motif)
    cells = [{**cell, "view": views[cell["view"]]["label"]} for cell in contents["heatMap"]]
    yield ["heat-map"], "heat_map", {"cells": cells}
    yield ["backgrounds-gc"], "composition", {"composition": [{"gc": gc} for gc in contents["quality"]["gc"]]}


def volcano(contents: dict[str, Any], view: int, rows: list[dict[str, Rows]]) -> dict[str, list[dict[str, Any]]]:
    """The data of the chart `volcano`; rows are those `by_strand`. No points without controls."""
    points, names = [], []
    panels = contents["volcanoes"][view]["panels"]
    for panel in panels:
        own = {"panel": panel["title"]} if len(panels) > 1 else {}
        names += [{**label, **own} for label in panel["labels"]]
        for i, row in rows[panel["view"]].get(panel["strand"], {}).items():
            if row["q"] is not None:
                element = contents["elements"][i]
                acts = MOTIF if element["kind"] == "motif" else SITE
                shown = acts if row["significant"] else NOT_SIGNIFICANT
                points.append({**row, **own, "sure": sure(row["q"]), "name": short(element["name"]), "shown": shown})
    level = contents["facts"]["level"]
    return {
        "elements": points,
        "labels": names,
        "floor": _floor(contents["views"][view]),
        "level": [] if level is None else [{"sure": sure(level)}],
    }


def lollipop(
    contents: dict[str, Any], view: int, rows: list[dict[str, Rows]], every: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """The data of the chart `lollipop`: what acts, or where nothing does what is first of what was found; or all."""
    neutral = contents["views"][view]["neutral"]
    found = contents["findings"][view]
    acting = [row for row in found if row["significant"] or every] or found[:FEW]
    lines, names = [], Counter[str]()
    for row in acting[:MOST_FOUND]:
        more = f", {row['n']:,} sites" if row["kind"] == "annotation" else f" and {row['n'] - 1:,} alike"
        name = row["factor"] + (more if row["n"] > 1 else "")
        names[name] += 1
        verdict = NO_CONTROLS if row["significant"] is None else SIGNIFICANT if row["significant"] else NOT_SIGNIFICANT
        name = f"{name} {names[name]}" if names[name] > 1 else name
        for words, lane in apart(contents, rows, view, row):
            values = {key: lane[key] for key in ("effect", "low", "high")}
            label = f"{name}, {words}" if words else name
            lines.append({**values, "q": row["q"], "name": label, "neutral": neutral, "verdict": verdict})
    return {"found": lines, "floor": _floor(contents["views"][view]), "neutral": [{"value": neutral}]}


def _floor(view: dict[str, Any]) -> list[dict[str, Any]]:
    """The range of effects that nothing significant is within, with words on it; nothing without controls."""
    if not view["floor"]:
        return []
    low, high = view["floor"]
    what = "middle 95 % of controls" if view["floor"] == view["band"] else "under the floor"
    return [{"low": low, "high": high, "title": f"{what}: {signed(low)} to {signed(high)}"}]


def quantiles(contents: dict[str, Any], view: int) -> dict[str, list[dict[str, Any]]]:
    """The data of the chart `quantiles`."""
    points = [
        {"test": test["test"], "expected": expected, "observed": observed}
        for test in contents["quality"]["quantiles"]
        if test["view"] == view
        for expected, observed in zip(test["expected"], test["observed"], strict=True)
    ]
    most = max((point["expected"] for point in points), default=0)
    return {"quantiles": points, "diagonal": [{"expected": x, "observed": x} for x in (0, most)]}


def scan(contents: dict[str, Any], view: int, element: int = 0) -> dict[str, list[dict[str, Any]]]:
    """The data of the chart `scan` of an element, the strongest unless told."""
    columns = contents["scan"] or {name: [] for name in ("view", "element")}
    places = zip(columns["view"], columns["element"], strict=True)
    wanted = [i for i, place in enumerate(places) if place == (view, element)]
    rows = [{name: values[i] for name, values in columns.items()} for i in wanted]
    halves = [row for row in contents["halves"] if (row["view"], row["element"]) == (view, element)]
    return {"scan": rows, "halves": halves, "neutral": [{"value": contents["views"][view]["neutral"]}]}


def spacing(contents: dict[str, Any], view: int, pair: str) -> dict[str, list[dict[str, Any]]]:
    """The data of the chart `spacing`, of one pair of motifs."""
    rows = [row for row in contents["pairs"] if row["view"] == view and row["pair"] == pair]
    return {"pairs": rows, "neutral": [{"value": contents["views"][view]["neutral"]}]}


def copies(contents: dict[str, Any], view: int, motif: str) -> dict[str, list[dict[str, Any]]]:
    """The data of the chart `copies`, of one motif in one orientation."""
    rows = [row for row in contents["copies"] if row["view"] == view and row["motif"] == motif]
    return {"copies": rows, "neutral": [{"value": contents["views"][view]["neutral"]}]}


def short(name: str) -> str:
    """The first of an element's names, and how many more there are."""
    first, *others = name.split(";")
    return f"{first} (+{len(others)})" if others else first


def _slug(words: list[str]) -> str:
    """Words as a file's name."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", "-".join(words))[:LONGEST_NAME]


def _sized(spec: dict[str, Any], width: float) -> dict[str, Any]:
    """A specification with a width of its own, where the page gives the width of what contains it."""
    if "concat" not in spec:
        return {**spec, "width": width} if spec.get("width") == "container" else spec
    # Of panels the axes are beside what has a width, which names can not ask for.
    columns = max(1, min(len(spec["concat"]), int(width // PANEL)))
    inner = width / columns
    sized = spec
    for _ in range(2):
        panels = json.loads(json.dumps(spec["concat"]).replace(FITS, FITS.replace("width", f"{inner}")))
        sized = {**spec, "columns": columns, "concat": [{**panel, "width": inner} for panel in panels]}
        inner += (width - float(re.findall(SIZE, vl_convert.vegalite_to_svg(json.dumps(sized)))[0][1])) / columns
    return sized
