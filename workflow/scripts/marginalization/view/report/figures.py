"""The figures of a report, for papers: what its charts of the whole screen show, each as SVG, PDF and PNG."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import vl_convert

from ...store.files import whole_file
from ...store.paths import Results
from .charts import specification
from .marks import NO_CONTROLS, NOT_SIGNIFICANT, SIGNIFICANT

WIDTH = 640
MOST_RANKED = 1000
MOST_VIEWS = 12
"""Models, readouts and targets with figures of their own, also on the page; the table has all."""
MOST_PAIRS = 4
LONGEST_NAME = 150
"""Letters of a file's name, of which file systems take 255 bytes."""
LABELS = 8
APART = 0.05
"""The least distance of labelled effects, as a share of their range."""


def write_figures(contents: dict[str, Any], results: Results) -> None:
    """Write the figures of what `contents.gather` gives."""
    for name, chart, data in figures(contents):
        spec = json.dumps(_sized({**specification(chart, data), "background": "white"}))
        written = {
            "svg": vl_convert.vegalite_to_svg(spec).encode(),
            "pdf": vl_convert.vegalite_to_pdf(spec),
            "png": vl_convert.vegalite_to_png(spec, scale=2),
        }
        for suffix, content in written.items():
            with whole_file(results.figure(name, suffix)) as temporary:
                Path(temporary).write_bytes(content)


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
    for i, view in enumerate(views[:MOST_VIEWS]):
        of_view = [view["model"], view["readout"], view["target"]]
        yield ["ranked", *of_view], "ranked", ranked(contents, i)
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


def ranked(contents: dict[str, Any], view: int) -> dict[str, list[dict[str, Any]]]:
    """The data of the chart `ranked`: each of the strongest elements on the strand where it does most."""
    effects, here = contents["effects"], contents["views"][view]
    best: dict[int, dict[str, Any]] = {}
    significant: set[int] = set()
    for i in (i for i, of in enumerate(effects["view"]) if of == view and effects["element"][i] < MOST_RANKED):
        row = {name: effects[name][i] for name in ("element", "effect", "low", "high", "q")}
        if effects["significant"][i]:
            significant.add(row["element"])
        known = best.get(row["element"])
        if known is None or abs(row["effect"] - here["neutral"]) > abs(known["effect"] - here["neutral"]):
            best[row["element"]] = row
    rows = sorted(best.values(), key=lambda row: row["effect"])
    for position, row in enumerate(rows, 1):
        verdict = SIGNIFICANT if row["element"] in significant else NOT_SIGNIFICANT
        name = short(contents["elements"][row["element"]]["name"])
        row |= {"position": position, "name": name, "verdict": verdict if here["band"] else NO_CONTROLS}
    _label(rows, "left")
    _label(rows[::-1], "right")
    band = here["band"]
    title = band and f"middle 95 % of controls: {band[0]:.3g} to {band[1]:.3g}"
    return {
        "elements": rows,
        "band": [{"low": band[0], "high": band[1], "title": title}] if band else [],
        "neutral": [{"value": here["neutral"]}],
    }


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


def scan(contents: dict[str, Any], view: int) -> dict[str, list[dict[str, Any]]]:
    """The data of the chart `scan`, of the strongest element."""
    columns = contents["scan"]
    places = zip(columns["view"], columns["element"], strict=True)
    wanted = [i for i, place in enumerate(places) if place == (view, 0)]
    rows = [{name: values[i] for name, values in columns.items()} for i in wanted]
    halves = [row for row in contents["halves"] if (row["view"], row["element"]) == (view, 0)]
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


def _label(rows: list[dict[str, Any]], side: str) -> None:
    """Give the outermost rows, first to last, a label where there is room and the name is not labelled yet."""
    room = APART * abs(rows[-1]["effect"] - rows[0]["effect"])
    last: float | None = None
    named: set[str] = set()
    for row in rows[: len(rows) // 2]:
        far = last is None or abs(row["effect"] - last) > room
        if row["verdict"] != NOT_SIGNIFICANT and far and row["name"] not in named and len(named) < LABELS:
            row[f"label_{side}"] = row["name"]
            last = row["effect"]
            named.add(row["name"])


def _sized(spec: dict[str, Any]) -> dict[str, Any]:
    """A specification with a width of its own, where the page gives the width of what contains it."""
    return {**spec, "width": WIDTH} if spec.get("width") == "container" else spec
